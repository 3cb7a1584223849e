"""apiregistration.k8s.io/v1: which server answers for which version of which API group.

Source: k8s.io/kube-aggregator/pkg/apis/apiregistration, its v1 types, their defaults and helpers. What is wrong with an
object is said in aggregator.validation.
"""

import datetime as dt
from typing import Final

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apimachinery.types import Int32, Time, api_type, deep_copy, field

GROUP: Final = "apiregistration.k8s.io"
GROUP_VERSION: Final = GroupVersion(GROUP, "v1")
MODEL_PACKAGE = "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1"

AVAILABLE: Final = "Available"
TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"
DEFAULT_PORT: Final = 443
LEGACY_NAME: Final = "v1."
"""The APIService of the group without a name, which is served at /api."""
LOCAL_REASON: Final = "Local"
LOCAL_MESSAGE: Final = "Local APIServices are always available"


@api_type
class ServiceReference:
    """ServiceReference is the service that an API is asked for."""

    namespace: str = field(default="", doc="The namespace of the service.")
    name: str = field(default="", doc="The name of the service.")
    port: Int32 | None = field(default=None, doc="The port of the service: 1 to 65535, by default 443.")


@api_type
class APIServiceSpec:
    """APIServiceSpec is which version of which group is meant, and the server behind it."""

    service: ServiceReference | None = field(
        default=None,
        doc="The service of the server that answers for this group and version. Without one it is this server itself.",
    )
    group: str = field(default="", doc="The API group.")
    version: str = field(default="", doc="The version of the group.")
    insecure_skip_tls_verify: bool = field(
        default=False,
        name="insecureSkipTLSVerify",
        doc="Believe whatever certificate the server shows. Strongly discouraged: use caBundle.",
    )
    ca_bundle: bytes = field(
        default=b"",
        list_type="atomic",
        doc="PEM certificates of who signs for the server. Without any the system's roots count.",
    )
    group_priority_minimum: Int32 = field(
        default=0,
        omit_empty=False,
        number=7,
        doc="The priority that the group has at least: groups of a higher one come first, of equal ones by name.",
    )
    version_priority: Int32 = field(
        default=0,
        omit_empty=False,
        number=8,
        doc="The place of this version in its group: higher ones come first, of equal ones stable and newer versions.",
    )


@api_type
class APIServiceCondition:
    """APIServiceCondition is one thing that was observed of an APIService."""

    type: str = field(doc="What is observed.")
    status: str = field(doc="True, False or Unknown.")
    last_transition_time: Time | None = field(default=None, omit_empty=False, doc="When the status changed.")
    reason: str = field(default="", doc="Why it changed, in a word for programs.")
    message: str = field(default="", doc="Why it changed, for people.")


@api_type
class APIServiceStatus:
    """APIServiceStatus is what was observed of an APIService."""

    conditions: list[APIServiceCondition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["type"],
        patch_strategy="merge",
        patch_merge_key="type",
        doc="What was last observed.",
    )


@api_type
class APIService(Object):
    """APIService is a server for one version of one API group. Its name must be version.group."""

    spec: APIServiceSpec = field(factory=APIServiceSpec, doc="What is wanted.")
    status: APIServiceStatus = field(factory=APIServiceStatus, doc="What was observed. Read-only.")


def add_to_scheme(scheme: Scheme) -> None:
    """Register the kind, its own hub."""
    for version in (GROUP_VERSION, GroupVersion(GROUP, INTERNAL_VERSION)):
        scheme.add_known_types(version, APIService)
    scheme.add_defaulting_func(APIService, set_defaults)
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)


def set_defaults(service: APIService) -> None:
    """The port of HTTPS, where none is named."""
    reference = service.spec.service
    if reference is not None and reference.port is None:
        reference.port = DEFAULT_PORT


def api_service_name(group_version: GroupVersion) -> str:
    """The name of the APIService for *group_version*; `v1.` is that of the group without a name."""
    return f"{group_version.version}.{group_version.group}"


def group_version_of(name: str) -> GroupVersion:
    """The group and version that *name* says. Raises ValueError for one without a dot."""
    version, separator, group = name.partition(".")
    if not separator:
        raise ValueError(f'the name "{name}" is not one of an APIService: it has to be version.group')
    return GroupVersion(group, version)


# ---- conditions


def find_condition(service: APIService, type: str) -> APIServiceCondition | None:
    """The condition of that *type*, if there is one."""
    return next((condition for condition in service.status.conditions if condition.type == type), None)


def is_condition_true(service: APIService, type: str) -> bool:
    condition = find_condition(service, type)
    return condition is not None and condition.status == TRUE


def set_condition(service: APIService, condition: APIServiceCondition) -> None:
    """Put *condition* into the status of *service*; its time counts only if the status becomes another.

    Reason and message are always replaced. The condition that was there stays as it is: who holds it keeps it.
    """
    conditions = service.status.conditions
    for index, old in enumerate(conditions):
        if old.type == condition.type:
            if old.status == condition.status:
                condition = deep_copy(condition)
                condition.last_transition_time = old.last_transition_time
            conditions[index] = condition
            return
    conditions.append(condition)


def local_available(now: dt.datetime) -> APIServiceCondition:
    """The condition of every APIService that this server answers for itself."""
    return APIServiceCondition(
        type=AVAILABLE, status=TRUE, last_transition_time=now, reason=LOCAL_REASON, message=LOCAL_MESSAGE
    )
