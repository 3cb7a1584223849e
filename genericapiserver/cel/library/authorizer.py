"""The authorizer: `authorizer.group("apps").resource("deployments").check("create").allowed()` (library/authz.go).

Authorizing is asynchronous here and an expression is not. So `check` looks into the answers of the evaluation at hand: a
check that was not made yet is noted and ends the evaluation, `Program.evaluate_async` then asks the authorizer and evaluates
once more. Each round answers at least one more check, and the cost of a check bounds how many there can be.
"""

import threading
from collections.abc import Callable
from typing import Any

import attrs

from genericapiserver.apimachinery.validation import names
from genericapiserver.cel.library.declaration import TYPE, VALUE, Function, method, opaque
from genericapiserver.cel.types import Type

AUTHORIZER = Type.opaque("kubernetes.authorization.Authorizer")
PATH_CHECK = Type.opaque("kubernetes.authorization.PathCheck")
GROUP_CHECK = Type.opaque("kubernetes.authorization.GroupCheck")
RESOURCE_CHECK = Type.opaque("kubernetes.authorization.ResourceCheck")
DECISION = Type.opaque("kubernetes.authorization.Decision")

Opaque = dict[str, Any]


@attrs.frozen
class Check:
    """One question to an authorizer. `path` is set for a check of a path, `resource` for one of a resource."""

    verb: str
    path: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    field_selector: str = ""
    label_selector: str = ""
    service_account: tuple[str, str] | None = None
    """Namespace and name of the service account to ask for; None asks for the user of the request."""


@attrs.frozen
class CheckResult:
    """What the authorizer said. An error goes with `allowed=False`."""

    allowed: bool
    reason: str = ""
    error: str = ""


@attrs.define
class Checks:
    """The checks of one evaluation: those answered, and those that turned up without an answer."""

    answers: dict[Check, CheckResult] = attrs.Factory(dict)
    pending: list[Check] = attrs.Factory(list)


class _Current(threading.local):
    checks: Checks | None = None


current = _Current()
"""The checks of the evaluation that this thread is in: functions of an expression get their arguments and nothing else."""

PENDING = "authorization check is pending"


def authorizer_value() -> Opaque:
    """The value of the variable `authorizer`."""
    return opaque(AUTHORIZER, {})


def request_resource_value(group: str, resource: str, subresource: str, namespace: str, name: str) -> Opaque:
    """The value of the variable `authorizer.requestResource`."""
    parts = {"group": group, "resource": resource, "subresource": subresource, "namespace": namespace, "name": name}
    return opaque(RESOURCE_CHECK, parts)


def _with(result: Type, field: str, *, required: str = "") -> Callable[[Opaque, str], Opaque]:
    def call(receiver: Opaque, value: str) -> Opaque:
        if required and not value.strip():
            raise ValueError(f"{required} must not be empty")
        return opaque(result, {**receiver[VALUE], field: value})

    return call


def _service_account(receiver: Opaque, namespace: str, name: str) -> Opaque:
    if names.name_is_dns_subdomain(name):
        raise ValueError("Invalid service account name")
    if names.name_is_dns_label(namespace):
        raise ValueError("Invalid service account namespace")
    return opaque(AUTHORIZER, {**receiver[VALUE], "service_account": [namespace, name]})


def _check(receiver: Opaque, verb: str) -> Opaque:
    parts = dict(receiver[VALUE])
    account = parts.pop("service_account", None)
    asked = Check(verb, service_account=tuple(account) if account else None, **parts)
    checks = current.checks
    if checks is None:
        raise ValueError("no authorizer is available to this expression")
    answer = checks.answers.get(asked)
    if answer is None:
        checks.pending.append(asked)
        raise ValueError(PENDING)
    return opaque(DECISION, {"allowed": answer.allowed, "reason": answer.reason, "error": answer.error})


def _decision(field: str) -> Callable[[Opaque], object]:
    return lambda decision: decision[VALUE][field]


_TEXT = Type.STRING

AUTHORIZATION: tuple[Function, ...] = (
    method("path", ((AUTHORIZER, _TEXT), PATH_CHECK, _with(PATH_CHECK, "path", required="path"))),
    method("group", ((AUTHORIZER, _TEXT), GROUP_CHECK, _with(GROUP_CHECK, "group"))),
    method("serviceAccount", ((AUTHORIZER, _TEXT, _TEXT), AUTHORIZER, _service_account)),
    method("resource", ((GROUP_CHECK, _TEXT), RESOURCE_CHECK, _with(RESOURCE_CHECK, "resource", required="resource"))),
    method("subresource", ((RESOURCE_CHECK, _TEXT), RESOURCE_CHECK, _with(RESOURCE_CHECK, "subresource"))),
    method("namespace", ((RESOURCE_CHECK, _TEXT), RESOURCE_CHECK, _with(RESOURCE_CHECK, "namespace"))),
    method("name", ((RESOURCE_CHECK, _TEXT), RESOURCE_CHECK, _with(RESOURCE_CHECK, "name"))),
    method("fieldSelector", ((RESOURCE_CHECK, _TEXT), RESOURCE_CHECK, _with(RESOURCE_CHECK, "field_selector"))),
    method("labelSelector", ((RESOURCE_CHECK, _TEXT), RESOURCE_CHECK, _with(RESOURCE_CHECK, "label_selector"))),
    method("check", ((PATH_CHECK, _TEXT), DECISION, _check), ((RESOURCE_CHECK, _TEXT), DECISION, _check)),
    method("allowed", ((DECISION,), Type.BOOL, _decision("allowed"))),
    method("reason", ((DECISION,), _TEXT, _decision("reason"))),
    method("error", ((DECISION,), _TEXT, _decision("error"))),
    method("errored", ((DECISION,), Type.BOOL, lambda decision: bool(decision[VALUE]["error"]))),
)


def is_type(value: object, type_: Type) -> bool:
    return isinstance(value, dict) and value.get(TYPE) == type_.name
