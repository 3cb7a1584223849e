"""APIService as a served kind: its strategy, the status subresource, the table.

Source: pkg/registry/apiservice of k8s.io/kube-aggregator.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from genericapiserver.aggregator.validation import validate_api_service, validate_api_service_status
from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.field import FieldError
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis.apiregistration_v1 import (
    AVAILABLE,
    GROUP,
    GROUP_VERSION,
    TRUE,
    UNKNOWN,
    APIService,
    APIServiceStatus,
    find_condition,
    local_available,
    set_condition,
)
from genericapiserver.registry.generic.options import RESTOptionsGetter, store_for
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.rest import RESTStorage
from genericapiserver.registry.status_store import StatusStore, StatusStrategy, reset_fields
from genericapiserver.registry.strategy import DefaultStrategy
from genericapiserver.registry.table import DEFAULT_COLUMNS, TableColumn, age
from genericapiserver.request import RequestContext

RESOURCE: Final = GroupResource(GROUP, "apiservices")
PATH: Final = f"/apis/{GROUP_VERSION}/apiservices"
CATEGORIES: Final = ("api-extensions",)


class APIServiceStrategy(DefaultStrategy):
    """The rules of APIServices: their status is the controllers', but what is local is available from the start."""

    namespace_scoped = False

    def __init__(self, scheme: Scheme, *, now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)) -> None:
        super().__init__(scheme)
        self._now = now
        self._reset_fields = reset_fields([GROUP_VERSION], "status")

    def prepare_for_create(self, context: RequestContext, obj: APIService) -> None:
        obj.status = APIServiceStatus()
        if obj.spec.service is None:
            set_condition(obj, local_available(self._now()))

    def prepare_for_update(self, context: RequestContext, obj: APIService, old: APIService) -> None:
        obj.status = old.status

    def validate(self, context: RequestContext, obj: APIService) -> Sequence[FieldError]:
        return validate_api_service(obj)

    def validate_update(self, context: RequestContext, obj: APIService, old: APIService) -> Sequence[FieldError]:
        return validate_api_service(obj)

    def get_reset_fields(self) -> Mapping[str, Sequence[Sequence[str]]]:
        return self._reset_fields


class APIServiceStatusStrategy(StatusStrategy):
    """Of an update of the status only the status is looked at."""

    def validate_update(self, context: RequestContext, obj: Any, old: Any) -> Sequence[FieldError]:
        return validate_api_service_status(obj.status)


def service_cell(service: APIService) -> str:
    """`Local`, or `namespace/name` of the service."""
    reference = service.spec.service
    return "Local" if reference is None else f"{reference.namespace}/{reference.name}"


def available_cell(service: APIService) -> str:
    """`True`, `Unknown`, or `False (Reason)`."""
    condition = find_condition(service, AVAILABLE)
    if condition is None:
        return UNKNOWN
    if condition.status == TRUE or not condition.reason:
        return condition.status
    return f"{condition.status} ({condition.reason})"


COLUMNS: Final = (
    DEFAULT_COLUMNS[0],
    TableColumn("Service", service_cell, doc="The reference to the service that hosts this API endpoint."),
    TableColumn("Available", available_cell, doc="Whether this service is available."),
    age(),
)


def api_group(
    getter: RESTOptionsGetter,
    serializer: CodecFactory,
    *,
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
) -> APIGroupInfo:
    """The group, kept where *getter* says; the scheme of *serializer* has the kind by apiregistration_v1.add_to_scheme."""
    scheme = serializer.scheme
    strategy = APIServiceStrategy(scheme, now=now)
    store: Store = store_for(
        getter,
        object_type=APIService,
        qualified_resource=RESOURCE,
        singular_name="apiservice",
        strategy=strategy,
        categories=CATEGORIES,
        table_columns=COLUMNS,
    )
    status = StatusStore(store, APIServiceStatusStrategy(strategy, scheme, versions=[GROUP_VERSION]))
    storages: dict[str, RESTStorage] = {RESOURCE.resource: store, f"{RESOURCE.resource}/status": status}
    group = APIGroupInfo.for_group(GROUP, scheme=scheme, serializer=serializer)
    group.versioned_resources_storage[GROUP_VERSION.version] = storages
    return group
