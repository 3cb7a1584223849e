"""A real server on a real socket with real certificates, and contexts for its clients."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import attrs
import pytest
import trustme

from genericapiserver.asgi import Handler
from genericapiserver.connection import (
    ConnectionLimits,
    HTTPServer,
    ServingCertificate,
    TLSContexts,
    create_listener,
)

Serve = Callable[..., AbstractAsyncContextManager["Running"]]


@attrs.frozen(kw_only=True)
class Running:
    port: int
    server: HTTPServer


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def serving_certificate(ca: trustme.CA) -> ServingCertificate:
    return pair(ca.issue_cert("localhost", "127.0.0.1"))


def pair(leaf: trustme.LeafCert) -> ServingCertificate:
    return ServingCertificate(
        certificate_pem=b"".join(blob.bytes() for blob in leaf.cert_chain_pems),
        private_key_pem=leaf.private_key_pem.bytes(),
    )


@pytest.fixture
def client_context(ca: trustme.CA) -> Callable[..., ssl.SSLContext]:
    def make(*alpn: str, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context()
        ca.configure_trust(context)
        if certificate is not None:
            certificate.configure_cert(context)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    return make


@pytest.fixture
def serve(serving_certificate: ServingCertificate) -> Serve:
    @contextlib.asynccontextmanager
    async def serving(
        handler: Handler, *, tls: TLSContexts | None = None, plain: bool = False, **limits: Any
    ) -> AsyncIterator[Running]:
        limits.setdefault("goaway_linger", 0.2)
        contexts = None if plain else tls or TLSContexts([serving_certificate], request_client_certificate=True)
        listener = create_listener("127.0.0.1", 0)
        server = HTTPServer(handler, listener, tls=contexts, limits=ConnectionLimits(**limits))
        await server.start()
        try:
            yield Running(port=listener.getsockname()[1], server=server)
        finally:
            await server.stop(2.0)

    return serving
