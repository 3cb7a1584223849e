"""Servers behind over real TLS, proxy handlers in front of them, and what they are told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import attrs

from genericapiserver.aggregator.proxy.handler import ProxyHandler, ProxySettings
from genericapiserver.aggregator.resolvers import Endpoint, StaticResolver
from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apis.apiregistration_v1 import (
    AVAILABLE,
    FALSE,
    TRUE,
    APIService,
    APIServiceCondition,
    APIServiceSpec,
    APIServiceStatus,
    ServiceReference,
)
from genericapiserver.asgi import Handler, Receive, Scope, Send, read_body, send_text
from genericapiserver.authentication.user import UserInfo
from genericapiserver.certificates import StaticCertKeyContent
from genericapiserver.connection import ConnectionLimits, HTTPServer, TLSContexts, create_listener
from genericapiserver.connection.tls import ServingCertificate
from genericapiserver.request import CONTEXT_KEY, RequestContext, RequestInfoFactory
from tests.support.asgi_client import ASGIClient
from tests.support.pki import CLIENT, SERVER, Issued, issue

NAMESPACE, SERVICE = "test-ns", "test-service"
SERVER_NAME = f"{SERVICE}.{NAMESPACE}.svc"

CA = issue("backends-ca", ca=True)
OTHER_CA = issue("somebody-else", ca=True)
GOOD = issue(SERVER_NAME, CA, dns=[SERVER_NAME], usages=[SERVER])
WRONG_NAME = issue("elsewhere", CA, dns=["elsewhere.test-ns.svc"], usages=[SERVER])
NO_NAMES = issue(SERVER_NAME, CA, usages=[SERVER])
PROXY_CA = issue("front-proxy-ca", ca=True)
PROXY = issue("front-proxy", PROXY_CA, usages=[CLIENT])

USER = UserInfo(name="username", groups=("one", "two"), uid="6b60d791-1af9-4513-92e5-e4252a1e0a78")


@attrs.define(eq=False)
class Asked:
    """One request as a server behind has seen it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    http_version: str
    client: bytes | None
    """The DER of the certificate that the proxy has shown."""

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def one(self, name: str) -> str:
        values = self.all(name)
        assert len(values) == 1, (name, values)
        return values[0]


class Recorder:
    """Answers 200 with *body*, and remembers what it was asked."""

    def __init__(self, body: str = "ok", *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.body = body
        self.status = status
        self.headers = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self.asked: list[Asked] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(await asked(scope, receive))
        await send_text(send, self.status, self.body, self.headers)


async def asked(scope: Scope, receive: Receive) -> Asked:
    """The request of *scope*, with its whole body."""
    query = scope["query_string"].decode()
    chain = (scope.get("extensions", {}).get("tls") or {}).get("peer_certificate_chain_der") or [None]
    return Asked(
        method=scope["method"],
        target=scope["raw_path"].decode() + (f"?{query}" if query else ""),
        headers=[(name.decode(), value.decode()) for name, value in scope["headers"]],
        body=await read_body(receive),
        http_version=scope["http_version"],
        client=chain[0],
    )


@contextlib.asynccontextmanager
async def serving(
    handler: Handler,
    pair: Issued = GOOD,
    *,
    http2: bool = True,
    client_ca: Issued | None = PROXY_CA,
    limits: ConnectionLimits | None = None,
) -> AsyncIterator[Endpoint]:
    """Serve *handler* over TLS on a port of its own; asks for client certificates and believes any."""
    contexts = TLSContexts(
        [ServingCertificate(certificate_pem=pair.pem, private_key_pem=pair.key_pem)],
        client_cas=[client_ca.certificate] if client_ca is not None else [],
        request_client_certificate=client_ca is not None,
        alpn_protocols=("h2", "http/1.1") if http2 else ("http/1.1",),
    )
    listener = create_listener("127.0.0.1", 0)
    port = listener.getsockname()[1]
    server = HTTPServer(handler, listener, tls=contexts, limits=limits)
    await server.start()
    try:
        yield Endpoint("127.0.0.1", port)
    finally:
        await server.stop(0.0)


def api_service(
    name: str = "v1.foo",
    *,
    local: bool = False,
    available: bool = True,
    ca: Issued | None = CA,
    insecure: bool = False,
    service: str = SERVICE,
    port: int | None = 443,
    group_priority: int = 1000,
    version_priority: int = 15,
) -> APIService:
    """An APIService; trusts *ca* unless it is *insecure*."""
    version, _, group = name.partition(".")
    reference = None if local else ServiceReference(namespace=NAMESPACE, name=service, port=port)
    return APIService(
        metadata=ObjectMeta(name=name),
        spec=APIServiceSpec(
            service=reference,
            group=group,
            version=version,
            ca_bundle=b"" if insecure or local or ca is None else ca.pem,
            insecure_skip_tls_verify=insecure,
            group_priority_minimum=group_priority,
            version_priority=version_priority,
        ),
        status=APIServiceStatus(
            conditions=[APIServiceCondition(type=AVAILABLE, status=TRUE if available else FALSE, reason="Test")]
        ),
    )


def proxy_pair(pair: Issued = PROXY) -> StaticCertKeyContent:
    return StaticCertKeyContent("proxy", pair.pem, pair.key_pem)


def settings(endpoint: Endpoint | None, **more: Any) -> ProxySettings:
    """Settings with which SERVICE is at *endpoint*, and nothing else anywhere."""
    table = {} if endpoint is None else {f"{NAMESPACE}/{SERVICE}": endpoint}
    return ProxySettings(**{"local_delegate": None, "resolver": StaticResolver(table), **more})


@contextlib.asynccontextmanager
async def proxy(
    endpoint: Endpoint | None, service: APIService | None = None, **more: Any
) -> AsyncIterator[tuple[ProxyHandler, ASGIClient]]:
    """A proxy handler for *service* and a client that asks it as USER."""
    handler = ProxyHandler(settings(endpoint, **more))
    if service is not None:
        handler.update(service)
    try:
        yield handler, client_of(handler)
    finally:
        await handler.aclose()


def client_of(handler: Handler, user: UserInfo | None = USER) -> ASGIClient:
    """Asks *handler* as it is asked behind the filters."""
    resolver = RequestInfoFactory()

    def prepare(scope: Scope) -> None:
        info = resolver.resolve(scope["method"], scope["path"], scope["query_string"])
        scope[CONTEXT_KEY] = RequestContext(
            request_info=info,
            method=scope["method"],
            path=scope["path"],
            audit_id="the-audit-id",
            user=user,
            long_running=info.verb == "watch",
        )

    return ASGIClient(handler, prepare=prepare)


async def until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait until *condition* holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
