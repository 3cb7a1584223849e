"""What expressions about a write may speak of: `object`, `oldObject`, `request` and `authorizer`.

Webhooks use it for match conditions, policies for theirs and for validations. Go: pkg/admission/plugin/cel/{compile,filter,
condition}.go.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from genericapiserver.admission.attributes import Attributes
from genericapiserver.apimachinery.schema import GroupVersionKind, GroupVersionResource
from genericapiserver.authentication.user import UserInfo
from genericapiserver.authorization import AuthorizationAttributes, Authorizer, Decision

if TYPE_CHECKING:
    from genericapiserver.cel import Check, CheckResult, Environment, Type

OBJECT: Final = "object"
OLD_OBJECT: Final = "oldObject"
REQUEST: Final = "request"
AUTHORIZER: Final = "authorizer"
REQUEST_RESOURCE: Final = "authorizer.requestResource"


@cache
def request_type() -> "Type":
    """The type of `request`: an AdmissionRequest without the objects and without uid, which tell nothing more."""
    from genericapiserver.cel import Type

    text = Type.STRING

    def named(name: str, last: str) -> Type:
        return Type.object(f"kubernetes.{name}", {"group": text, "version": text, last: text})

    kind, resource = named("GroupVersionKind", "kind"), named("GroupVersionResource", "resource")
    user = Type.object(
        "kubernetes.UserInfo",
        {
            "username": text,
            "uid": text,
            "groups": Type.list_of(text),
            "extra": Type.map_of(text, Type.list_of(text)),
        },
    )
    return Type.object(
        "kubernetes.AdmissionRequest",
        {
            "kind": kind,
            "resource": resource,
            "subResource": text,
            "requestKind": kind,
            "requestResource": resource,
            "requestSubResource": text,
            "name": text,
            "namespace": text,
            "operation": text,
            "userInfo": user,
            "dryRun": Type.BOOL,
            "options": Type.DYN,
        },
    )


@cache
def match_environment() -> "Environment":
    """The environment of match conditions. Raises MissingLibraryError."""
    from genericapiserver.cel import AUTHORIZER as AUTHORIZER_TYPE
    from genericapiserver.cel import RESOURCE_CHECK, Environment, Type

    return Environment(
        {
            OBJECT: Type.DYN,
            OLD_OBJECT: Type.DYN,
            REQUEST: request_type(),
            AUTHORIZER: AUTHORIZER_TYPE,
            REQUEST_RESOURCE: RESOURCE_CHECK,
        }
    )


def request_values(attributes: Attributes, kind: GroupVersionKind, resource: GroupVersionResource) -> dict[str, Any]:
    """`request` for a write that was matched as *kind* and *resource*."""
    # The package of webhooks imports this module, so its documents can be asked for when it is complete.
    from genericapiserver.admission.webhook.review import options_document

    user = attributes.user
    return {
        "kind": _kind(kind),
        "resource": _resource(resource),
        "subResource": attributes.subresource,
        "requestKind": _kind(attributes.kind),
        "requestResource": _resource(attributes.resource),
        "requestSubResource": attributes.subresource,
        "name": attributes.name,
        "namespace": attributes.namespace,
        "operation": attributes.operation.value,
        "userInfo": {}
        if user is None
        else {
            "username": user.name,
            "uid": user.uid,
            "groups": list(user.groups),
            "extra": {key: list(values) for key, values in user.extra.items()},
        },
        "dryRun": attributes.dry_run,
        "options": options_document(attributes.options),
    }


def authorizer_values(attributes: Attributes) -> Mapping[str, Any]:
    """`authorizer` and `authorizer.requestResource` for a write."""
    from genericapiserver.cel import authorizer_value, request_resource_value

    resource = attributes.resource
    return {
        AUTHORIZER: authorizer_value(),
        REQUEST_RESOURCE: request_resource_value(
            resource.group, resource.resource, attributes.subresource, attributes.namespace, attributes.name
        ),
    }


class ExpressionAuthorizer:
    """Answers the checks of expressions by *authorizer*, for *user* or the service account that a check names."""

    def __init__(self, authorizer: Authorizer | None, user: UserInfo | None) -> None:
        self._authorizer = authorizer
        self._user = user
        self.answers: dict[Check, CheckResult] = {}
        """May be shared by evaluations, so that a write asks each question once."""

    async def __call__(self, check: "Check") -> "CheckResult":
        from genericapiserver.cel import CheckResult

        if self._authorizer is None:
            return CheckResult(False, error="this server has no authorizer")
        result = await self._authorizer.authorize(self._attributes(check))
        error = "" if result.error is None else str(result.error)
        return CheckResult(result.decision is Decision.ALLOW, result.reason, error)

    def _attributes(self, check: "Check") -> AuthorizationAttributes:
        user = self._user if check.service_account is None else service_account(*check.service_account)
        if check.path:
            return AuthorizationAttributes(user=user, verb=check.verb, path=check.path)
        return AuthorizationAttributes(
            user=user,
            verb=check.verb,
            is_resource_request=True,
            api_group=check.group,
            api_version="*",
            resource=check.resource,
            subresource=check.subresource,
            namespace=check.namespace,
            name=check.name,
            field_selector=check.field_selector,
            label_selector=check.label_selector,
        )


def service_account(namespace: str, name: str) -> UserInfo:
    """A service account as a user."""
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}"]
    return UserInfo(name=f"system:serviceaccount:{namespace}:{name}", groups=groups)


def _kind(kind: GroupVersionKind) -> dict[str, str]:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _resource(resource: GroupVersionResource) -> dict[str, str]:
    return {"group": resource.group, "version": resource.version, "resource": resource.resource}
