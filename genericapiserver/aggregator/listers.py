"""Services and EndpointSlices as an informer last saw them, or an error while nobody knows them."""

from collections.abc import Sequence
from typing import Any, Final

from genericapiserver.apis.core_v1 import Service
from genericapiserver.apis.discovery_v1 import EndpointSlice
from genericapiserver.client.informer import Informer

SERVICES_PATH: Final = "/api/v1/services"
SLICES_PATH: Final = "/apis/discovery.k8s.io/v1/endpointslices"
SERVICE_NAME_LABEL: Final = "kubernetes.io/service-name"


class NotKnownError(LookupError):
    """What is asked for cannot be told yet; the text says of what."""


class InformedServices:
    """The services of *informer*. Reading raises NotKnownError before its first list."""

    def __init__(self, informer: Informer[Service]) -> None:
        self.informer = informer

    def get(self, name: str, *, namespace: str) -> Any | None:
        if not self.informer.synced.is_set():
            raise NotKnownError("services have not been listed yet")
        return self.informer.get(name, namespace=namespace)


class InformedSlices:
    """The EndpointSlices of *informer*. Reading raises NotKnownError before its first list."""

    def __init__(self, informer: Informer[EndpointSlice]) -> None:
        self.informer = informer

    def of_service(self, namespace: str, name: str) -> Sequence[Any]:
        if not self.informer.synced.is_set():
            raise NotKnownError("endpointslices have not been listed yet")
        return [each for each in self.informer if each.metadata.namespace == namespace and service_of(each) == name]


def service_of(endpoint_slice: Any) -> str:
    """The service that a slice is of, by its label; empty when it does not say."""
    name: str = (endpoint_slice.metadata.labels or {}).get(SERVICE_NAME_LABEL, "")
    return name
