"""Tokens of service accounts: JSON web tokens that this cluster signs for its own workloads.

Whose issuer is not ours is left to others. A token has to be signed with one of our keys, be meant for an audience of
ours, be valid now, and, where there is somebody to ask (`ServiceAccountObjects`), speak of a service account, pod, secret
and node that still exist. Two shapes exist: the present one, with the objects under `kubernetes.io`, and the legacy one of
Secrets, which never expires and names no audience.

Source: pkg/serviceaccount/{jwt,claims,legacy}.go of k8s.io/kubernetes, whose texts these are; those about signatures are
go-jose's.
"""

import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Final

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.authentication.audiences import intersect, quoted
from genericapiserver.authentication.interfaces import (
    AggregateAuthenticationError,
    AuthenticationError,
    AuthenticationResponse,
)
from genericapiserver.authentication.jose import (
    MalformedTokenError,
    UnverifiedToken,
    algorithms_of,
    is_signed_by,
    parse_compact,
)
from genericapiserver.authentication.metrics import ServiceAccountTokenMetrics
from genericapiserver.authentication.public_keys import PublicKeySource
from genericapiserver.authentication.service_account import ServiceAccountInfo, parse_service_account
from genericapiserver.authentication.service_account_objects import (
    BoundObjects,
    ObjectReference,
    ServiceAccountObjects,
    check_bound_objects,
)
from genericapiserver.authentication.user import credential_id_of_jti

LEGACY_ISSUER: Final = "kubernetes/serviceaccount"
LEEWAY: Final = 60.0
"""Seconds by which clocks may differ."""

SIGNING_ALGORITHMS: Final = frozenset({"RS256", "ES256", "ES384", "ES512"})
"""What signers of service account tokens use; a token with another one is somebody else's."""

LEGACY_TOKEN_ANNOTATION: Final = "authentication.k8s.io/legacy-token"  # noqa: S105  a key
STALE_TOKEN_ANNOTATION: Final = "authentication.k8s.io/stale-token"  # noqa: S105  a key

_BAD_SIGNATURE: Final = "go-jose/go-jose: error in cryptographic primitive"
_INVALIDATED: Final = "service account token has been invalidated"
_UNEXPECTED: Final = "service account token claims could not be validated due to unexpected validation error"
_LEGACY_CLAIMS: Final = (
    ("kubernetes.io/serviceaccount/namespace", "namespace"),
    ("kubernetes.io/serviceaccount/secret.name", "secretName"),
    ("kubernetes.io/serviceaccount/service-account.name", "serviceAccountName"),
    ("kubernetes.io/serviceaccount/service-account.uid", "serviceAccountUID"),
)


class ServiceAccountTokenAuthenticator:
    """Knows the tokens of *issuers*; legacy ones if LEGACY_ISSUER is among them.

    *implicit_audiences* are those of this server: what a request is for that names none, and what a token is for that
    names none. Without *objects* nothing is looked up, and a token is good until it expires. A legacy token never does,
    so it is refused then, unless *lookup* is false.
    """

    def __init__(
        self,
        issuers: Iterable[str],
        keys: PublicKeySource,
        *,
        implicit_audiences: tuple[str, ...] = (),
        objects: ServiceAccountObjects | None = None,
        lookup: bool = True,
        clock: Clock | None = None,
        metrics: ServiceAccountTokenMetrics | None = None,
    ) -> None:
        self._issuers = frozenset(issuers)
        self._keys = keys
        self._implicit_audiences = implicit_audiences
        self._objects = objects if lookup else None
        self._lookup = lookup
        self._clock = clock or SystemClock()
        self._metrics = metrics

    async def authenticate_token(self, token: str, audiences: tuple[str, ...] = ()) -> AuthenticationResponse | None:
        try:
            unverified = parse_compact(token)
        except MalformedTokenError:
            return None
        if unverified.issuer not in self._issuers or unverified.algorithm not in SIGNING_ALGORITHMS:
            return None
        self._check_signature(unverified)
        claims = unverified.claims
        annotations: dict[str, str] = {}
        granted = self._audiences(claims, audiences, annotations)
        if unverified.issuer == LEGACY_ISSUER:
            info = await self._legacy(claims, token)
        else:
            info = await self._bound(claims, annotations)
        return AuthenticationResponse(info.user(), granted, tuple(annotations.items()))

    def _check_signature(self, token: UnverifiedToken) -> None:
        keys = self._keys.keys(token.key_id)
        if not keys:
            raise AuthenticationError("invalid signature, no keys found")
        if not any(is_signed_by(token, named.key, SIGNING_ALGORITHMS & algorithms_of(named.key)) for named in keys):
            raise AggregateAuthenticationError(AuthenticationError(_BAD_SIGNATURE) for _ in keys)

    def _audiences(
        self, claims: Mapping[str, Any], requested: tuple[str, ...], annotations: dict[str, str]
    ) -> tuple[str, ...]:
        """The audiences that the token is good for among those that were asked for."""
        meant = audience_claim(claims)
        if not meant:
            annotations[LEGACY_TOKEN_ANNOTATION] = string_claim(claims, "sub")
            if self._metrics is not None:
                self._metrics.legacy()
            meant = self._implicit_audiences
        wanted = requested or self._implicit_audiences
        # Of what the token is for, those that are wanted, in the order in which they are wanted.
        granted = intersect(wanted, meant)
        if not granted and self._implicit_audiences:
            raise AuthenticationError(
                f"token audiences {quoted(meant)} is invalid for the target audiences {quoted(wanted)}"
            )
        return granted

    async def _bound(self, claims: Mapping[str, Any], annotations: dict[str, str]) -> ServiceAccountInfo:
        self._check_times(claims)
        bound = _bound_objects(claims)
        if self._objects is not None:
            deleted_before = self._clock.now().timestamp() - LEEWAY
            await check_bound_objects(self._objects, bound, deleted_before=deleted_before)
        self._note_stale(claims, annotations)
        pod, node = bound.pod or ObjectReference(), bound.node or ObjectReference()
        return ServiceAccountInfo(
            namespace=bound.namespace,
            name=bound.service_account.name,
            uid=bound.service_account.uid,
            pod_name=pod.name,
            pod_uid=pod.uid,
            node_name=node.name,
            node_uid=node.uid,
            credential_id=credential_id_of_jti(string_claim(claims, "jti")),
        )

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now().timestamp()
        not_before, expiry, issued = (time_claim(claims, name) for name in ("nbf", "exp", "iat"))
        if not_before is not None and now + LEEWAY < not_before:
            raise AuthenticationError("service account token is not valid yet")
        if expiry is not None and now - LEEWAY > expiry:
            raise AuthenticationError("service account token has expired")
        if issued is not None and now + LEEWAY < issued:
            raise AuthenticationError(_UNEXPECTED)

    def _note_stale(self, claims: Mapping[str, Any], annotations: dict[str, str]) -> None:
        """Tokens that were prolonged for old clients say from when on their use should be noticed."""
        warn_after = time_claim(_kubernetes(claims), "warnafter")
        if not warn_after:
            return
        now = self._clock.now().timestamp()
        if now > warn_after:
            annotations[STALE_TOKEN_ANNOTATION] = (
                f"subject: {string_claim(claims, 'sub')}, seconds after warning threshold: {int(now) - int(warn_after)}"
            )
        if self._metrics is not None:
            (self._metrics.stale if now > warn_after else self._metrics.valid)()

    async def _legacy(self, claims: Mapping[str, Any], token: str) -> ServiceAccountInfo:
        subject = string_claim(claims, "sub")
        if not subject:
            raise AuthenticationError("sub claim is missing")
        values = []
        for claim, name in _LEGACY_CLAIMS:
            values.append(string_claim(claims, claim))
            if not values[-1]:
                raise AuthenticationError(f"{name} claim is missing")
        namespace, secret_name, name, uid = values
        if parse_service_account(subject) != (namespace, name):
            raise AuthenticationError("sub claim is invalid")
        if self._lookup:
            await self._check_legacy_secret(namespace, secret_name, token)
            await self._check_legacy_account(namespace, name, uid)
        return ServiceAccountInfo(namespace=namespace, name=name, uid=uid)

    async def _check_legacy_secret(self, namespace: str, name: str, token: str) -> None:
        secret = None if self._objects is None else await self._objects.secret(namespace, name)
        if secret is None or secret.deleted_at is not None:
            raise AuthenticationError(_INVALIDATED)
        if not hmac.compare_digest(secret.token, token.encode("utf-8", "surrogateescape")):
            raise AuthenticationError("service account token does not match server's copy")

    async def _check_legacy_account(self, namespace: str, name: str, uid: str) -> None:
        account = None if self._objects is None else await self._objects.service_account(namespace, name)
        if account is None:
            raise AuthenticationError(f'serviceaccount "{name}" not found')
        if account.deleted_at is not None:
            raise AuthenticationError(f"service account {namespace}/{name} has been deleted")
        if account.uid != uid:
            raise AuthenticationError(f"service account UID ({account.uid}) does not match claim ({uid})")


def string_claim(claims: Mapping[str, Any], name: str) -> str:
    """A claim that is a text, "" when it is absent. Raises AuthenticationError when it is something else."""
    value = claims.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise AuthenticationError(f"the token's claim {name} is not a string")
    return value


def time_claim(claims: Mapping[str, Any], name: str) -> float | None:
    """A claim that is a time in seconds since the epoch. Raises AuthenticationError when it is something else."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AuthenticationError(f"the token's claim {name} is not a time in seconds")
    try:
        return float(value)
    except OverflowError:
        raise AuthenticationError(f"the token's claim {name} is not a time in seconds") from None


def audience_claim(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The claim `aud`, a text or a list of them. Raises AuthenticationError when it is something else."""
    value = claims.get("aud")
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise AuthenticationError("the token's claim aud is neither a string nor a list of strings")


def _kubernetes(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    value = claims.get("kubernetes.io")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise AuthenticationError("the token's claim kubernetes.io is not an object")
    return value


def _bound_objects(claims: Mapping[str, Any]) -> BoundObjects:
    private = _kubernetes(claims)
    return BoundObjects(
        namespace=string_claim(private, "namespace"),
        service_account=_reference(private, "serviceaccount") or ObjectReference(),
        pod=_reference(private, "pod"),
        secret=_reference(private, "secret"),
        node=_reference(private, "node"),
    )


def _reference(private: Mapping[str, Any], name: str) -> ObjectReference | None:
    value = private.get(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise AuthenticationError(f"the token's claim kubernetes.io.{name} is not an object")
    return ObjectReference(string_claim(value, "name"), string_claim(value, "uid"))
