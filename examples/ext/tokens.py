"""Tokens, kept in memory: a Store of six methods, which lets everybody see their own, and an authenticator of bearers.

Who may `audit` tokens sees everybody's: a question to the authorizer that no verb of a request asks.
"""

import datetime as dt
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

from examples.ext.objects import Objects
from examples.ext.types import GROUP_VERSION, Token, TokenList
from genericapiserver.apimachinery.errors import AlreadyExistsError, NotFoundError
from genericapiserver.apimachinery.meta import (
    CreateOptions,
    DeleteOptions,
    GetOptions,
    ListMeta,
    ListOptions,
    UpdateOptions,
)
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.authentication import AuthenticationResponse, UserInfo
from genericapiserver.authorization import AuthorizationAttributes, Decision
from genericapiserver.ext import Context, WatchEvent, selector


class TokenStore:
    """Tokens by name. Of a credential only its hash is kept."""

    def __init__(self) -> None:
        self._tokens = Objects(Token)
        self._owners: dict[str, UserInfo] = {}
        self._names: dict[str, str] = {}
        """By the hash of the credential."""

    async def create(self, context: Context, obj: Token, options: CreateOptions) -> Token:
        name = obj.metadata.name
        if name and self._tokens.get(name) is not None:
            raise AlreadyExistsError(context.group_version_resource.group_resource, name)
        value = secrets.token_urlsafe(32)
        obj.status.user, obj.status.value, obj.status.expires_at = context.user.name, "", None
        if obj.spec.ttl_seconds:
            moment = dt.datetime.now(dt.UTC).replace(microsecond=0)
            obj.status.expires_at = moment + dt.timedelta(seconds=obj.spec.ttl_seconds)
        shown = obj if options.dry_run else deep_copy(self._tokens.add(obj))
        if not options.dry_run:
            self._owners[obj.metadata.name] = context.user
            self._names[_hash(value)] = obj.metadata.name
        shown.status.value = value
        return shown

    async def update(self, context: Context, obj: Token, options: UpdateOptions) -> Token:
        """Only what is said about a token may change."""
        stored = await self.get(context, obj.metadata.name, GetOptions())
        obj.status, obj.spec.ttl_seconds = deep_copy(stored.status), stored.spec.ttl_seconds
        return obj if options.dry_run else self._tokens.replace(obj)

    async def get(self, context: Context, name: str, options: GetOptions) -> Token:
        token = self._tokens.get(name)
        if token is None or not (await self._visible(context))(token):
            raise NotFoundError(context.group_version_resource.group_resource, name)
        return token

    async def list(self, context: Context, options: ListOptions) -> Any:
        visible, selects = await self._visible(context), selector(options)
        return TokenList(
            metadata=ListMeta(resource_version=self._tokens.log.resource_version),
            items=self._tokens.select(lambda token: visible(token) and selects(token)),
        )

    async def watch(self, context: Context, options: ListOptions) -> AsyncIterator[WatchEvent[Token]]:
        return self._tokens.log.watch(options, self._tokens.select, visible=await self._visible(context))

    async def delete(self, context: Context, name: str, options: DeleteOptions) -> None:
        token = await self.get(context, name, GetOptions())
        if not options.dry_run:
            self._tokens.remove(token)
            self._owners.pop(name)
            self._names = {value: other for value, other in self._names.items() if other != name}

    async def authenticate_token(self, token: str, audiences: tuple[str, ...] = ()) -> AuthenticationResponse | None:
        """The user who made the token with this credential, as long as it is good."""
        found = self._tokens.get(self._names.get(_hash(token), ""))
        if found is None:
            return None
        ends = found.status.expires_at
        if ends is not None and ends <= dt.datetime.now(dt.UTC):
            return None
        return AuthenticationResponse(self._owners[found.metadata.name])

    async def _visible(self, context: Context) -> Callable[[Token], bool]:
        question = AuthorizationAttributes(
            user=context.user,
            verb="audit",
            api_group=GROUP_VERSION.group,
            api_version=GROUP_VERSION.version,
            resource="tokens",
            is_resource_request=True,
        )
        sees_all = (await context.authorizer.authorize(question)).decision is Decision.ALLOW
        return lambda token: sees_all or token.status.user == context.user.name


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
