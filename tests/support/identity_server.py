"""A server with delegated authentication on a real TLS socket, that tells who it takes one for.

Certificates come from `Authorities`; `/whoami` answers with the user, and with the headers as a handler sees them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import httpx

from genericapiserver.asgi import Receive, Scope, Send, send_response
from genericapiserver.authorization import Authorizer
from genericapiserver.authorization.builtin import AlwaysAllowAuthorizer
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import RecommendedConfig
from genericapiserver.connection import create_listener
from genericapiserver.options.authentication import DelegatingAuthenticationOptions, RequestHeaderOptions
from genericapiserver.options.secure_serving import SecureServingOptions
from genericapiserver.request import request_context
from genericapiserver.server import GenericAPIServer
from tests.support.pki import CLIENT, SERVER, Issued, issue

PROXY_NAME = "front-proxy-client"


@attrs.frozen(eq=False)
class Authorities:
    """Two authorities that must not be mistaken for each other, one nobody knows, and what they signed."""

    server: Issued
    clients: Issued
    proxies: Issued
    nobody: Issued

    def certificate(self, kind: str) -> Issued | None:
        return _CERTIFICATES[kind](self)


def _expired(name: str, issuer: Issued) -> Issued:
    now = dt.datetime.now(dt.UTC)
    times = {"not_before": now - dt.timedelta(days=2), "not_after": now - dt.timedelta(days=1)}
    return issue(name, issuer, usages=[CLIENT], **times)  # type: ignore[arg-type]


def _future(name: str, issuer: Issued) -> Issued:
    now = dt.datetime.now(dt.UTC)
    times = {"not_before": now + dt.timedelta(days=1), "not_after": now + dt.timedelta(days=2)}
    return issue(name, issuer, usages=[CLIENT], **times)  # type: ignore[arg-type]


_CERTIFICATES: dict[str, Callable[[Authorities], Issued | None]] = {
    "none": lambda _: None,
    "client": lambda of: issue("alice", of.clients, organizations=["dev"], usages=[CLIENT]),
    "proxy": lambda of: issue(PROXY_NAME, of.proxies, usages=[CLIENT]),
    "proxy, other name": lambda of: issue("someone-else", of.proxies, usages=[CLIENT]),
    "proxy, expired": lambda of: _expired(PROXY_NAME, of.proxies),
    "proxy, not yet valid": lambda of: _future(PROXY_NAME, of.proxies),
    "proxy, for servers only": lambda of: issue(PROXY_NAME, of.proxies, usages=[SERVER]),
    "proxy, without usages": lambda of: issue(PROXY_NAME, of.proxies),
    "proxy, without name": lambda of: issue("", of.proxies, organizations=["proxies"], usages=[CLIENT]),
    "self-signed": lambda _: issue(PROXY_NAME, usages=[CLIENT]),
    "client, expired": lambda of: _expired("alice", of.clients),
    "client, without name": lambda of: issue("", of.clients, organizations=["dev"], usages=[CLIENT]),
    "client, named as the proxy": lambda of: issue(PROXY_NAME, of.clients, usages=[CLIENT]),
    "unknown authority": lambda of: issue("alice", of.nobody, usages=[CLIENT]),
}


@cache
def authorities() -> Authorities:
    """The same for every test: making keys takes time."""
    return Authorities(*(issue(name, ca=True) for name in ("server-ca", "client-ca", "front-proxy-ca", "other-ca")))


@cache
def certificate(kind: str) -> Issued | None:
    """One of the kinds above, the same for every test."""
    return authorities().certificate(kind)


@attrs.define(eq=False)
class IdentityServer:
    """A running server and its files."""

    address: tuple[str, int]
    folder: Path
    config: RecommendedConfig
    seen: list[dict[str, Any]] = attrs.field(factory=list)
    """What each request looked like to the handler behind all filters."""

    def context(self, client: Issued | None = None, *others: Issued) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=authorities().server.pem.decode())
        if client is not None:
            client.load_into(context, *others)
        return context

    @contextlib.asynccontextmanager
    async def connected(
        self, client: Issued | None = None, *others: Issued, http2: bool = True
    ) -> AsyncIterator[httpx.AsyncClient]:
        """A client that keeps its connection."""
        host, port = self.address
        async with httpx.AsyncClient(
            base_url=f"https://{host}:{port}",
            verify=self.context(client, *others),
            http2=http2,
            http1=not http2,
            timeout=30,
            trust_env=False,
        ) as connected:
            yield connected

    async def ask(
        self,
        client: Issued | None = None,
        *others: Issued,
        headers: Sequence[tuple[str, str]] = (),
        http2: bool = True,
        path: str = "/whoami",
    ) -> httpx.Response:
        async with self.connected(client, *others, http2=http2) as connected:
            return await connected.get(path, headers=list(headers))


def bundle(path: Path, *members: Issued) -> Path:
    """Write a CA bundle, by a rename, as whoever rotates certificates should."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_bytes(b"".join(member.pem for member in members))
    temporary.replace(path)
    return path


def write_pair(folder: Path, pair: Issued) -> tuple[Path, Path]:
    certificate, key = folder / "server.crt", folder / "server.key"
    certificate.write_bytes(pair.pem)
    key.write_bytes(pair.key_pem)
    return certificate, key


def serving_pair(name: str = "localhost") -> Issued:
    return issue(name, authorities().server, usages=[SERVER], dns=["localhost"], ips=["127.0.0.1"])


def options(folder: Path, **settings: Any) -> DelegatingAuthenticationOptions:
    """Both authorities in files, one allowed name, no lookup; *settings* replace attributes."""
    of = authorities()
    headers = RequestHeaderOptions(
        client_ca_file=str(bundle(folder / "front-proxy-ca.crt", of.proxies)),
        uid_headers=["X-Remote-Uid"],
        allowed_names=[PROXY_NAME],
    )
    return DelegatingAuthenticationOptions(
        **{
            "client_ca_file": str(bundle(folder / "client-ca.crt", of.clients)),
            "request_header": headers,
            "skip_in_cluster_lookup": True,
            "remote_kubeconfig_file_optional": True,
            **settings,
        }
    )


@contextlib.asynccontextmanager
async def identity_server(
    folder: Path,
    authentication: DelegatingAuthenticationOptions | None = None,
    *,
    authorizer: Authorizer | None = None,
    api_audiences: tuple[str, ...] = (),
    extend: Callable[[GenericAPIServer], None] = lambda _: None,
    sni_cert_keys: Sequence[str] = (),
    feature_gates: Mapping[str, bool] | None = None,
) -> AsyncIterator[IdentityServer]:
    """Serve; everything is allowed without an *authorizer*. *extend* may add handlers."""
    certificate, key = write_pair(folder, serving_pair())
    config = RecommendedConfig(effective_version=EffectiveVersion.parse("1.35"))
    config.authentication.api_audiences = api_audiences
    config.feature_gate.set_from_map(feature_gates or {})
    async with config.closed_on_error():
        SecureServingOptions(
            listener=create_listener("127.0.0.1", 0),
            cert_file=str(certificate),
            key_file=str(key),
            sni_cert_keys=list(sni_cert_keys),
        ).apply_to(config)
        await (authentication or options(folder)).apply_to(config, config.secure_serving)
        config.authorization.authorizer = authorizer or AlwaysAllowAuthorizer()
        server = config.complete().new("identity")
    running = IdentityServer(("", 0), folder, config)

    async def whoami(scope: Scope, receive: Receive, send: Send) -> None:
        user = request_context(scope).user
        assert user is not None
        told = {
            "name": user.name,
            "uid": user.uid,
            "groups": list(user.groups),
            "extra": {key: list(values) for key, values in user.extra.items()},
            "headers": sorted({name.decode("latin-1") for name, _ in scope["headers"]}),
        }
        running.seen.append(told)
        await send_response(send, 200, json.dumps(told).encode(), b"application/json")

    server.handler.non_api_mux.handle("/whoami", whoami)
    extend(server)
    async with server.prepare_run().serving() as address:
        running.address = address
        await server.wait_until_ready()
        yield running
