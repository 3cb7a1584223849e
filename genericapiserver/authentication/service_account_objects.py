"""Whether what a service account token is bound to still exists.

Who keeps those objects is not known here: somebody who does hands in a `ServiceAccountObjects`.
Source: pkg/serviceaccount/claims.go of k8s.io/kubernetes.
"""

from typing import Final, Protocol

import attrs

from genericapiserver.authentication.interfaces import AuthenticationError

_INVALIDATED: Final = "service account token has been invalidated"


@attrs.frozen
class ObjectReference:
    """What a token says of an object."""

    name: str = ""
    uid: str = ""


@attrs.frozen(kw_only=True)
class BoundObjects:
    """What a token is bound to."""

    namespace: str
    service_account: ObjectReference
    pod: ObjectReference | None = None
    secret: ObjectReference | None = None
    node: ObjectReference | None = None


@attrs.frozen(kw_only=True)
class LiveObject:
    """What has to be known of an object; `deleted_at` is when its deletion was asked for, in seconds since the epoch."""

    uid: str
    deleted_at: float | None = None


@attrs.frozen(kw_only=True)
class LiveSecret(LiveObject):
    """A Secret, with the legacy token in it (`data.token`), if there is one."""

    token: bytes = attrs.field(default=b"", repr=False)


class ServiceAccountObjects(Protocol):
    """Finds objects; each method gives None for one that does not exist, and raises AuthenticationError if it cannot
    tell."""

    async def service_account(self, namespace: str, name: str) -> LiveObject | None: ...

    async def pod(self, namespace: str, name: str) -> LiveObject | None: ...

    async def secret(self, namespace: str, name: str) -> LiveSecret | None: ...

    async def node(self, name: str) -> LiveObject | None: ...


async def check_bound_objects(objects: ServiceAccountObjects, bound: BoundObjects, *, deleted_before: float) -> None:
    """Raise AuthenticationError unless everything in *bound* exists and is the same as when the token was made.

    What was deleted after *deleted_before* still counts, since clocks differ and ends take their time.
    """
    namespace, account = bound.namespace, bound.service_account
    live = await objects.service_account(namespace, account.name)
    if live is None:
        raise AuthenticationError(f'serviceaccount "{account.name}" not found')
    if _is_gone(live, deleted_before):
        raise AuthenticationError(f"service account {namespace}/{account.name} has been deleted")
    if live.uid != account.uid:
        raise AuthenticationError(f"service account UID ({live.uid}) does not match claim ({account.uid})")
    if bound.secret is not None:
        _check(await objects.secret(namespace, bound.secret.name), bound.secret, "secret", deleted_before)
    if bound.pod is not None:
        _check(await objects.pod(namespace, bound.pod.name), bound.pod, "pod", deleted_before)
    elif bound.node is not None:  # a pod's node is only told of; the pod ends with it
        _check(await objects.node(bound.node.name), bound.node, "node", deleted_before)


def _check(live: LiveObject | None, reference: ObjectReference, kind: str, deleted_before: float) -> None:
    if live is None or _is_gone(live, deleted_before):
        raise AuthenticationError(_INVALIDATED)
    if live.uid != reference.uid:
        raise AuthenticationError(
            f"{kind} UID ({live.uid}) does not match service account {kind} ref claim ({reference.uid})"
        )


def _is_gone(live: LiveObject, deleted_before: float) -> bool:
    return live.deleted_at is not None and live.deleted_at < deleted_before
