"""Authenticators of extension servers: the front proxy of a cluster, client certificates, several as one.

An authenticator may be two things more: a CAContentProvider, whose authority clients are then asked for certificates of, and
something with a `run`, which follows where it has its knowledge from for as long as the server serves. Source:
pkg/ext/apiserver_authentication.go of rancher/steve. `VerifyOptions` has no counterpart: a verifier takes a bundle.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol, runtime_checkable

from genericapiserver.aio import Clock
from genericapiserver.authentication import AuthenticationRequest, AuthenticationResponse, RequestAuthenticator
from genericapiserver.authentication import union as token_union
from genericapiserver.authentication.cluster import ClusterAuthentication
from genericapiserver.authentication.delegating import RequestHeaderSource, delegating_authenticator
from genericapiserver.authentication.request_header import RequestHeaderConfig
from genericapiserver.certificates import CAContentProvider, UnionCAContent
from genericapiserver.certificates.changes import Listener, LoadState
from genericapiserver.client.transport import Transport


@runtime_checkable
class BackgroundWork(Protocol):
    """An authenticator that has something to follow."""

    async def run(self) -> None:
        """Follow it until cancelled."""


class DefaultAuthenticator:
    """Believes the front proxy that the cluster behind *transport* publishes, and nobody else.

    That is kube-apiserver: it shows a certificate of the published authority, with an allowed name, and names the user in
    headers. There is no TokenReview, no user certificate and no anonymous user. Call `run_once` before the server runs, or
    nobody is authenticated until the first reading is through.
    """

    def __init__(self, transport: Transport, *, clock: Clock | None = None) -> None:
        self._cluster = ClusterAuthentication(transport)
        self._authenticator = delegating_authenticator(
            request_header=RequestHeaderSource(
                ca_bundle=self._cluster.request_header_ca.current_ca_bundle,
                allowed_names=self._cluster.allowed_names,
                config=self._cluster.request_header_config,
            ),
            clock=clock,
        )

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        return await self._authenticator.authenticate_request(request)

    async def run_once(self) -> None:
        """Read what the cluster publishes. That there is nothing is no error. Raises ClusterLookupError."""
        await self._cluster.load()

    async def run(self) -> None:
        """Follow what the cluster publishes until cancelled."""
        await self._cluster.run()

    def request_header_config(self) -> RequestHeaderConfig:
        """The headers of the moment."""
        return self._cluster.request_header_config()

    @property
    def name(self) -> str:
        return self._cluster.request_header_ca.name

    @property
    def state(self) -> LoadState:
        """How the last readings of the authority went."""
        return self._cluster.request_header_ca.state

    def current_ca_bundle(self) -> bytes | None:
        return self._cluster.request_header_ca.current_ca_bundle()

    def add_listener(self, listener: Listener) -> None:
        self._cluster.request_header_ca.add_listener(listener)


class ClientCertificateAuthenticator:
    """Takes users from client certificates of *authority*: CN is the name, every O a group.

    For clients that come without a cluster between, kubectl for one.
    """

    def __init__(self, authority: CAContentProvider, *, clock: Clock | None = None) -> None:
        self._authority = authority
        self._authenticator = delegating_authenticator(client_ca=authority.current_ca_bundle, clock=clock)

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        return await self._authenticator.authenticate_request(request)

    @property
    def name(self) -> str:
        return self._authority.name

    def current_ca_bundle(self) -> bytes | None:
        return self._authority.current_ca_bundle()

    def add_listener(self, listener: Listener) -> None:
        self._authority.add_listener(listener)


class UnionAuthenticator:
    """Asks each in turn and takes the first user; errors count only if none succeeds.

    Clients are asked for certificates of every authority that a member provides, and every member's work is done.
    """

    def __init__(self, *authenticators: RequestAuthenticator) -> None:
        self.members = authenticators
        self._union = token_union.UnionAuthenticator(*authenticators)
        self._authorities = UnionCAContent(*(each for each in authenticators if isinstance(each, CAContentProvider)))

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        return await self._union.authenticate_request(request)

    async def run(self) -> None:
        """Do the work of every member until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for member in self.members:
                if isinstance(member, BackgroundWork):
                    tasks.create_task(member.run())

    @property
    def name(self) -> str:
        return self._authorities.name

    def current_ca_bundle(self) -> bytes | None:
        return self._authorities.current_ca_bundle()

    def add_listener(self, listener: Listener) -> None:
        self._authorities.add_listener(listener)


def authorities_of(authenticator: RequestAuthenticator) -> Iterator[CAContentProvider]:
    """The authorities whose certificates *authenticator* takes; those of the members of a union one by one."""
    if isinstance(authenticator, UnionAuthenticator):
        for member in authenticator.members:
            yield from authorities_of(member)
    elif isinstance(authenticator, CAContentProvider):
        yield authenticator


def work_of(authenticator: RequestAuthenticator) -> Iterator[Callable[[], Coroutine[Any, Any, None]]]:
    """What has to run so that *authenticator* stays current; that of the members of a union one by one."""
    if isinstance(authenticator, UnionAuthenticator):
        for member in authenticator.members:
            yield from work_of(member)
    elif isinstance(authenticator, BackgroundWork):
        yield authenticator.run


def proxy_headers_of(authenticator: RequestAuthenticator) -> Callable[[], RequestHeaderConfig] | None:
    """The headers that name users, which no handler may see; None for the usual ones."""
    if isinstance(authenticator, UnionAuthenticator):
        found = (proxy_headers_of(member) for member in authenticator.members)
        return next((config for config in found if config is not None), None)
    return authenticator.request_header_config if isinstance(authenticator, DefaultAuthenticator) else None
