"""resource.k8s.io/v1: devices, and what claims them (dynamic resource allocation).

Source: k8s.io/api/resource/v1/types.go.
"""

from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apis.resource_v1.claims import ResourceClaim, ResourceClaimTemplate
from genericapiserver.apis.resource_v1.classes import DeviceClass
from genericapiserver.apis.resource_v1.slices import ResourceSlice

__all__ = [
    "GROUP_VERSION",
    "MODEL_PACKAGE",
    "DeviceClass",
    "ResourceClaim",
    "ResourceClaimTemplate",
    "ResourceSlice",
    "add_to_scheme",
]

GROUP_VERSION = GroupVersion("resource.k8s.io", "v1")
MODEL_PACKAGE = "io.k8s.api.resource.v1"


def add_to_scheme(scheme: Scheme) -> None:
    """Register every kind, each its own hub, and what a version carries beside its kinds."""
    for version in (GROUP_VERSION, GroupVersion(GROUP_VERSION.group, INTERNAL_VERSION)):
        scheme.add_known_types(version, DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice)
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)
