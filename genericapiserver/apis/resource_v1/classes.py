"""DeviceClass.

Source: k8s.io/api/resource/v1/types.go.
"""

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.types import api_type, field
from genericapiserver.apis.resource_v1.claims import DeviceSelector, OpaqueDeviceConfiguration

MODEL_PACKAGE = "io.k8s.api.resource.v1"


@api_type
class DeviceClassConfiguration:
    """DeviceClassConfiguration is settings for devices of a class."""

    opaque: OpaqueDeviceConfiguration | None = field(
        default=None, inlined=1, doc="Settings that only the driver understands."
    )


@api_type
class DeviceClassSpec:
    """DeviceClassSpec is which devices a class has, and their settings."""

    selectors: list[DeviceSelector] = field(factory=list, list_type="atomic", doc="Which devices belong to it.")
    config: list[DeviceClassConfiguration] = field(factory=list, list_type="atomic", doc="Settings for drivers.")
    extended_resource_name: str | None = field(
        default=None, number=4, doc="The extended resource by which pods can ask for these devices."
    )


@api_type
class DeviceClass(Object):
    """DeviceClass is devices that claims can ask for by the name of the class."""

    spec: DeviceClassSpec = field(doc="Which devices it has, and their settings.")
