"""coordination.k8s.io/v1: Lease.

Source: k8s.io/api/coordination/v1/types.go.
"""

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import Int32, MicroTime, api_type, field

GROUP_VERSION = GroupVersion("coordination.k8s.io", "v1")
MODEL_PACKAGE = "io.k8s.api.coordination.v1"


@api_type
class LeaseSpec:
    """LeaseSpec is who holds a lease and for how long."""

    holder_identity: str | None = field(default=None, doc="Who holds it.")
    lease_duration_seconds: Int32 | None = field(
        default=None, doc="Seconds after renewTime that others have to wait before they take it."
    )
    acquire_time: MicroTime | None = field(default=None, doc="When it was taken.")
    renew_time: MicroTime | None = field(default=None, doc="When the holder last renewed it.")
    lease_transitions: Int32 | None = field(default=None, doc="How often it changed hands.")
    strategy: str | None = field(default=None, doc="How a leader is picked in coordinated leader election.")
    preferred_holder: str | None = field(default=None, doc="Who is to have it next.")


@api_type
class Lease(Object):
    """Lease is something that one of many holds for a while, such as leadership or the life sign of a node."""

    spec: LeaseSpec = field(factory=LeaseSpec, doc="Who holds it and for how long.")


def add_to_scheme(scheme: Scheme) -> None:
    """Register the kind, its own hub, and what a version carries beside its kinds."""
    for version in (GROUP_VERSION, GroupVersion(GROUP_VERSION.group, INTERNAL_VERSION)):
        scheme.add_known_types(version, Lease)
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)
