"""Let a user act as another one, if it may impersonate every part of that identity.

    Impersonate-User: system:serviceaccount:ns:name   serviceaccounts name in ns
    Impersonate-User: any other                       users that
    Impersonate-Group: g, repeated                    groups g
    Impersonate-Extra-key: v, repeated                userextras/key v, in authentication.k8s.io
    Impersonate-Uid: u                                uids u, in authentication.k8s.io

The right column is what the caller must be allowed to `impersonate`.
Mirrors pkg/endpoints/filters/impersonation/impersonation.go.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter
from typing import Final, TypeAlias

import attrs

from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.authentication import UserInfo
from genericapiserver.authentication.groups import with_authenticated_group
from genericapiserver.authentication.request_header import unescape_extra_key
from genericapiserver.authentication.service_account import parse_service_account, service_account_groups
from genericapiserver.authentication.user import ALL_UNAUTHENTICATED, ANONYMOUS
from genericapiserver.authorization import AuthorizationAttributes, Authorizer, Decision
from genericapiserver.authorization.forbidden import forbidden_error
from genericapiserver.filters.responses import NOSNIFF, SendStatusError
from genericapiserver.logs import kv
from genericapiserver.request import RequestContext, request_context
from genericapiserver.request.internal_error import send_internal_error
from genericapiserver.request.redact import without_secrets

logger = logging.getLogger(__name__)

_PREFIX: Final = b"impersonate-"
_USER: Final = b"impersonate-user"
_GROUP: Final = b"impersonate-group"
_UID: Final = b"impersonate-uid"
_EXTRA: Final = b"impersonate-extra-"
_AUTHENTICATION_GROUP: Final = "authentication.k8s.io"

Impersonate: TypeAlias = Callable[[RequestContext, Scope, Send], Awaitable[bool]]
"""Decides, and tells whether the request may go on; it has answered if not."""


@attrs.frozen(kw_only=True)
class _Reference:
    """One part of the identity asked for, as an object reference names it."""

    kind: str
    name: str
    resource: str
    namespace: str = ""
    api_group: str = ""
    field_path: str = ""

    def __str__(self) -> str:
        api_version = f"{self.api_group}/v1" if self.api_group else ""
        uid = resource_version = ""
        fields = (self.kind, self.namespace, self.name, uid, api_version, resource_version, self.field_path)
        return "{" + " ".join(fields) + "}"

    def attributes(self, user: UserInfo) -> AuthorizationAttributes:
        return AuthorizationAttributes(
            user=user,
            verb="impersonate",
            api_group=self.api_group,
            api_version="v1" if self.api_group else "",
            namespace=self.namespace,
            resource=self.resource,
            subresource=self.field_path,
            name=self.name,
            is_resource_request=True,
        )


@attrs.define(eq=False)
class RequestedIdentity:
    """The identity that the headers ask for, as they say it: nothing is added or checked."""

    user: str = ""
    uid: str = ""
    groups: list[str] = attrs.field(factory=list)
    extra: dict[str, list[str]] = attrs.field(factory=dict)

    @classmethod
    def from_headers(cls, headers: Iterable[tuple[bytes, bytes]]) -> "RequestedIdentity":
        """What *headers* ask for; their names are lower case, as ASGI has them."""
        requested = cls()
        seen_user = seen_uid = False
        for name, raw in headers:
            if not name.startswith(_PREFIX):
                continue
            value = raw.decode("utf-8", "surrogateescape")
            # Of the single ones only the first line counts, even an empty one.
            if name == _USER and not seen_user:
                requested.user, seen_user = value, True
            elif name == _UID and not seen_uid:
                requested.uid, seen_uid = value, True
            elif name == _GROUP:
                requested.groups.append(value)
            elif name.startswith(_EXTRA):
                key = unescape_extra_key(name[len(_EXTRA) :].decode("latin-1"))
                requested.extra.setdefault(key, []).append(value)
        return requested

    def references(self) -> list[_Reference]:
        references: list[_Reference] = []
        if self.user:
            account = parse_service_account(self.user)
            if account is not None:
                namespace, name = account
                references.append(
                    _Reference(kind="ServiceAccount", namespace=namespace, name=name, resource="serviceaccounts")
                )
            else:
                references.append(_Reference(kind="User", name=self.user, resource="users"))
        references += [_Reference(kind="Group", name=group, resource="groups") for group in self.groups]
        references += [
            _Reference(
                kind="UserExtra",
                name=value,
                resource="userextras",
                api_group=_AUTHENTICATION_GROUP,
                field_path=key,
            )
            for key, values in self.extra.items()
            for value in values
        ]
        if self.uid:
            references.append(_Reference(kind="UID", name=self.uid, resource="uids", api_group=_AUTHENTICATION_GROUP))
        return references

    def identity(self) -> UserInfo:
        """The user to go on as: given groups are all it has, but for the one that says whether it is authenticated."""
        groups = list(self.groups)
        account = parse_service_account(self.user)
        if not groups and account is not None:
            groups += service_account_groups(account[0])
        if self.user == ANONYMOUS and ALL_UNAUTHENTICATED not in groups:
            groups.append(ALL_UNAUTHENTICATED)
        return with_authenticated_group(UserInfo(name=self.user, uid=self.uid, groups=groups, extra=self.extra))


def with_impersonation(
    handler: Handler,
    authorizer: Authorizer | None,
    *,
    send_error: SendStatusError,
    observe_latency: Callable[[float], None] | None = None,
) -> Handler:
    """Replace the context's user by the one that the headers ask for, and remove the headers.

    400 for parts of an identity without a user; 403 when the caller may not impersonate one of the parts, or when that
    could not be found out. The caller's own extra is not passed on.
    """
    if authorizer is None:
        return handler

    async def impersonate(context: RequestContext, scope: Scope, send: Send) -> bool:
        """Whether the request may go on."""
        requested = RequestedIdentity.from_headers(scope["headers"])
        references = requested.references()
        if not references:
            return True
        if not requested.user:
            listed = " ".join(map(str, references))
            context.response_headers.append(NOSNIFF)
            await send_error(scope, send, BadRequestError(f"requested [{listed}] without impersonating a user"))
            return False
        caller = context.user
        if caller is None:
            await send_internal_error(scope, send, "no user found for request")
            return False
        for reference in references:
            attributes = reference.attributes(caller)
            result = await authorizer.authorize(attributes)
            if result.error is not None or result.decision is not Decision.ALLOW:
                logger.debug(
                    kv("Forbidden", URI=without_secrets(context.request_uri), reason=result.reason, err=result.error)
                )
                context.response_headers.append(NOSNIFF)
                await send_error(scope, send, forbidden_error(attributes, result.reason))
                return False
        go_on_as(requested.identity(), context, scope)
        return True

    return when_impersonating(handler, impersonate, observe_latency)


def when_impersonating(
    handler: Handler, impersonate: Impersonate, observe_latency: Callable[[float], None] | None
) -> Handler:
    """Call *impersonate* before *handler* for requests that bring any header of this kind."""

    async def impersonation(scope: Scope, receive: Receive, send: Send) -> None:
        start = perf_counter()
        for name, _ in scope["headers"]:
            if name.startswith(_PREFIX):
                if not await impersonate(request_context(scope), scope, send):
                    return
                break
        if observe_latency is not None:
            observe_latency(perf_counter() - start)
        await handler(scope, receive, send)

    return impersonation


def go_on_as(user: UserInfo, context: RequestContext, scope: Scope, *, constraint: str = "") -> None:
    """Make *user* the one whose request it is, allowed by *constraint*; the headers that asked for it are gone then."""
    logger.debug("%s is impersonating %s", context.user, user)
    context.user = user
    if context.audit is not None:
        context.audit.record_impersonated_user(user)
        if constraint:
            context.audit.record_impersonation_constraint(constraint)
    scope["headers"] = [pair for pair in scope["headers"] if not _is_impersonation_header(pair[0])]


def _is_impersonation_header(name: bytes) -> bool:
    return name in (_USER, _GROUP, _UID) or name.startswith(_EXTRA)
