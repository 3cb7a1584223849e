"""What is wrong with an APIService. The texts are the reference's.

Source: pkg/apis/apiregistration/validation/validation.go of k8s.io/kube-aggregator.
"""

from collections.abc import Sequence
from typing import Final

from genericapiserver.apimachinery import field as errors
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.validation.names import dns_1035_label, dns_1123_subdomain
from genericapiserver.apis.apiregistration_v1 import (
    FALSE,
    TRUE,
    UNKNOWN,
    APIService,
    APIServiceSpec,
    APIServiceStatus,
    ServiceReference,
    api_service_name,
)

MAX_GROUP_PRIORITY: Final = 20000
MAX_VERSION_PRIORITY: Final = 1000
MAX_PORT: Final = 65535

_SPEC: Final = Path("spec")
_CONDITIONS: Final = Path("status", "conditions")


def validate_api_service(service: APIService) -> list[FieldError]:
    """The name and the spec of *service*."""
    name, spec = service.metadata.name, service.spec
    found: list[FieldError] = []
    if name != api_service_name(GroupVersion(spec.group, spec.version)):
        required = quote(api_service_name(GroupVersion(spec.group, spec.version)))
        text = f'must be `spec.version+"."+spec.group`: {required}'
        found.append(errors.invalid(Path("metadata", "name"), name, text))
    found += _group(spec)
    found += [errors.invalid(_SPEC.child("version"), spec.version, text) for text in dns_1035_label(spec.version)]
    if not 0 < spec.group_priority_minimum <= MAX_GROUP_PRIORITY:
        path = _SPEC.child("groupPriorityMinimum")
        text = f"must be positive and less than {MAX_GROUP_PRIORITY}"
        found.append(errors.invalid(path, spec.group_priority_minimum, text))
    if not 0 < spec.version_priority <= MAX_VERSION_PRIORITY:
        text = f"must be positive and less than {MAX_VERSION_PRIORITY}"
        found.append(errors.invalid(_SPEC.child("versionPriority"), spec.version_priority, text))
    return found + (_local(spec) if spec.service is None else _remote(spec, spec.service))


def validate_api_service_status(status: APIServiceStatus) -> list[FieldError]:
    """Every condition has one of the three statuses."""
    return [
        errors.not_supported(_CONDITIONS.index(at).child("status"), condition.status, [FALSE, TRUE, UNKNOWN])
        for at, condition in enumerate(status.conditions)
        if condition.status not in (TRUE, FALSE, UNKNOWN)
    ]


def _group(spec: APIServiceSpec) -> Sequence[FieldError]:
    path = _SPEC.child("group")
    if spec.group:
        return [errors.invalid(path, spec.group, text) for text in dns_1123_subdomain(spec.group)]
    if spec.version == "v1":
        return ()
    return [errors.required(path, "only v1 may have an empty group and it better be legacy kube")]


def _local(spec: APIServiceSpec) -> list[FieldError]:
    found: list[FieldError] = []
    if spec.ca_bundle:
        text = "local APIServices may not have a caBundle"
        found.append(errors.invalid(_SPEC.child("caBundle"), f"{len(spec.ca_bundle)} bytes", text))
    if spec.insecure_skip_tls_verify:
        text = "local APIServices may not have insecureSkipTLSVerify"
        found.append(errors.invalid(_SPEC.child("insecureSkipTLSVerify"), True, text))
    return found


def _remote(spec: APIServiceSpec, service: ServiceReference) -> list[FieldError]:
    found: list[FieldError] = []
    path = _SPEC.child("service")
    if not service.namespace:
        found.append(errors.required(path.child("namespace")))
    if not service.name:
        found.append(errors.required(path.child("name")))
    if service.port is not None and not 0 < service.port <= MAX_PORT:
        text = f"port is not valid: must be between 1 and {MAX_PORT}, inclusive"
        found.append(errors.invalid(path.child("port"), service.port, text))
    if spec.insecure_skip_tls_verify and spec.ca_bundle:
        text = "may not be true if caBundle is present"
        found.append(errors.invalid(_SPEC.child("insecureSkipTLSVerify"), True, text))
    return found
