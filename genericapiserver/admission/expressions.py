"""What expressions about a write may speak of: `object`, `oldObject` and `request`.

Webhooks use it for match conditions, policies for theirs and for validations. Go: pkg/admission/plugin/cel/{compile,filter,
condition}.go.
"""

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from genericapiserver.admission.attributes import Attributes
from genericapiserver.apimachinery.schema import GroupVersionKind, GroupVersionResource

if TYPE_CHECKING:
    from genericapiserver.cel import Environment, Type

OBJECT: Final = "object"
OLD_OBJECT: Final = "oldObject"
REQUEST: Final = "request"


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
    from genericapiserver.cel import Environment, Type

    return Environment({OBJECT: Type.DYN, OLD_OBJECT: Type.DYN, REQUEST: request_type()})


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


def _kind(kind: GroupVersionKind) -> dict[str, str]:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _resource(resource: GroupVersionResource) -> dict[str, str]:
    return {"group": resource.group, "version": resource.version, "resource": resource.resource}
