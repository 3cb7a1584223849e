"""The handshake: who is asked for what, and that no client certificate breaks it."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import trustme
from cryptography import x509

from genericapiserver.asgi import Receive, Scope, Send, send_response
from genericapiserver.connection import ServingCertificate, TLSContexts
from tests.connection.conftest import Serve, pair
from tests.support.h2_client import h2_client
from tests.support.pki import CLIENT, SERVER, Issued, issue

Contexts = Callable[..., ssl.SSLContext]


class Scopes:
    def __init__(self) -> None:
        self.seen: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope)
        await send_response(send, 200, b"ok", b"text/plain")

    @property
    def tls(self) -> dict[str, Any]:
        extension: dict[str, Any] = self.seen[-1]["extensions"]["tls"]
        return extension


async def get_over_http1(port: int, context: ssl.SSLContext, server_hostname: str = "localhost") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=server_hostname)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.transport.abort()
    return answer


async def test_a_client_certificate_and_its_chain_are_in_the_scope(
    serve: Serve, client_context: Contexts, ca: trustme.CA
) -> None:
    intermediate = ca.create_child_ca()
    leaf = intermediate.issue_cert("alice@example.com")
    scopes = Scopes()
    async with serve(scopes) as running, h2_client(running.port, client_context(certificate=leaf)) as client:
        await client.request("/")
    chain = [x509.load_der_x509_certificate(der) for der in scopes.tls["peer_certificate_chain_der"]]
    expected = [x509.load_pem_x509_certificate(blob.bytes()) for blob in leaf.cert_chain_pems]
    assert chain == expected
    assert len(chain) == 2
    assert scopes.tls["version"] == "TLSv1.3"
    assert scopes.tls["cipher"].startswith("TLS_")
    assert scopes.tls["server_name"] == "localhost"


async def test_without_a_client_certificate_the_chain_is_empty(serve: Serve, client_context: Contexts) -> None:
    scopes = Scopes()
    async with serve(scopes) as running, h2_client(running.port, client_context()) as client:
        await client.request("/")
    assert scopes.tls["peer_certificate_chain_der"] == []


LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize(
    "issue_client",
    [
        lambda root: issue("eve", issue("another CA", ca=True), usages=[CLIENT]),
        lambda root: issue("eve", usages=[CLIENT]),
        lambda root: issue(
            "old", root, usages=[CLIENT], not_before=LONG_AGO, not_after=LONG_AGO + dt.timedelta(days=1)
        ),
        lambda root: issue("server", root, usages=[SERVER]),
    ],
    ids=["an untrusted one", "a self-signed one", "an expired one", "one for servers"],
)
async def test_no_client_certificate_breaks_the_handshake(
    serve: Serve,
    client_context: Contexts,
    serving_certificate: ServingCertificate,
    issue_client: Callable[[Issued], Issued],
    version: ssl.TLSVersion,
) -> None:
    root = issue("the CA", ca=True)
    scopes = Scopes()
    context = client_context()
    context.maximum_version = version
    client = issue_client(root)
    client.load_into(context)
    async with serve(scopes, tls=TLSContexts([serving_certificate], client_cas=[root.certificate])) as running:
        assert (await get_over_http1(running.port, context)).startswith(b"HTTP/1.1 200 OK\r\n")
    assert scopes.tls["peer_certificate_chain_der"] == [client.der]


async def test_a_client_that_is_not_asked_sends_no_certificate(
    serve: Serve, client_context: Contexts, ca: trustme.CA, serving_certificate: ServingCertificate
) -> None:
    scopes = Scopes()
    context = client_context(certificate=ca.issue_cert("alice@example.com"))
    async with serve(scopes, tls=TLSContexts([serving_certificate])) as running:
        await get_over_http1(running.port, context)
    assert scopes.tls["peer_certificate_chain_der"] == []


@pytest.mark.parametrize(
    ("server", "client", "version"),
    [
        (("h2", "http/1.1"), ("h2", "http/1.1"), "2"),
        (("h2", "http/1.1"), ("http/1.1",), "1.1"),
        (("h2", "http/1.1"), (), "1.1"),
        (("http/1.1",), ("h2", "http/1.1"), "1.1"),
    ],
    ids=["both prefer h2", "the client has only 1.1", "the client has no ALPN", "h2 is disabled"],
)
async def test_alpn_chooses_the_http_version(
    serve: Serve,
    client_context: Contexts,
    serving_certificate: ServingCertificate,
    server: tuple[str, ...],
    client: tuple[str, ...],
    version: str,
) -> None:
    scopes = Scopes()
    async with serve(scopes, tls=TLSContexts([serving_certificate], alpn_protocols=server)) as running:
        if version == "2":
            async with h2_client(running.port, client_context()) as connection:
                await connection.request("/")
        else:
            await get_over_http1(running.port, client_context(*client))
    assert scopes.seen[0]["http_version"] == version


async def test_no_common_alpn_protocol_fails_the_handshake(serve: Serve, client_context: Contexts) -> None:
    async with serve(Scopes()) as running:
        with pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"):
            await get_over_http1(running.port, client_context("spdy/3"))


async def test_tls_1_1_is_refused_and_1_3_can_be_required(
    serve: Serve, client_context: Contexts, serving_certificate: ServingCertificate
) -> None:
    old = client_context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serve(Scopes(), tls=TLSContexts([serving_certificate], min_version="TLSv1.3")) as running:
        with pytest.raises(ssl.SSLError):
            await get_over_http1(running.port, old)
        assert await get_over_http1(running.port, client_context())


async def test_cipher_list_is_kept_to(
    serve: Serve, client_context: Contexts, serving_certificate: ServingCertificate
) -> None:
    scopes = Scopes()
    context = client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    tls = TLSContexts([serving_certificate], ciphers=["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"])
    async with serve(scopes, tls=tls) as running:
        await get_over_http1(running.port, context)
    assert scopes.tls["cipher"].endswith("CHACHA20-POLY1305")
    assert scopes.tls["version"] == "TLSv1.2"


async def test_certificate_is_chosen_by_server_name_or_local_address(
    serve: Serve, client_context: Contexts, ca: trustme.CA
) -> None:
    asked: list[tuple[str | None, str]] = []

    def select(server_name: str | None, local_address: str) -> int:
        asked.append((server_name, local_address))
        return {"one.example.com": 1, "two.example.com": 2}.get(server_name or "", 0)

    names = ["127.0.0.1", "one.example.com", "two.example.com"]
    tls = TLSContexts([pair(ca.issue_cert(name)) for name in names], select=select)
    scopes = Scopes()
    async with serve(scopes, tls=tls) as running:
        for name in names:  # the client verifies that it got the certificate of this name
            assert await get_over_http1(running.port, client_context(), name)
    assert asked[0] == (None, "127.0.0.1")
    assert ("two.example.com", "127.0.0.1") in asked
    assert [scope["extensions"]["tls"]["server_name"] for scope in scopes.seen] == [None, *names[1:]]


async def test_new_contexts_serve_new_handshakes_and_leave_open_connections(
    serve: Serve, client_context: Contexts, serving_certificate: ServingCertificate
) -> None:
    other = trustme.CA()
    async with serve(Scopes()) as running, h2_client(running.port, client_context()) as client:
        await client.request("/")
        running.server.tls = TLSContexts([pair(other.issue_cert("localhost"))])
        with pytest.raises(ssl.SSLCertVerificationError):
            await get_over_http1(running.port, client_context())
        assert (await client.request("/")).status == 200


async def test_plain_http_on_the_tls_port_is_told_so(serve: Serve) -> None:
    async with serve(Scopes()) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await reader.read() == (
            b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
        )
        writer.close()
        assert running.server.metrics.tls_handshake_errors.value == 1


async def test_garbage_instead_of_a_handshake_closes_the_connection(serve: Serve) -> None:
    async with serve(Scopes()) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"\x16\x03\x01\x00\x04nope" * 10)
        await asyncio.wait_for(reader.read(), 5)
        writer.close()


async def test_a_peer_that_says_nothing_is_closed_silently(serve: Serve) -> None:
    async with serve(Scopes(), header_read_timeout=0.1) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


@pytest.mark.parametrize(
    ("certificate", "key", "message"),
    [
        (b"", b"", "no certificate|Unable to load|cannot be used"),
        (None, b"garbage", "."),
    ],
    ids=["an empty certificate", "a key that is none"],
)
def test_contexts_refuse_what_they_cannot_serve(
    serving_certificate: ServingCertificate, certificate: bytes | None, key: bytes, message: str
) -> None:
    bad = ServingCertificate(
        certificate_pem=serving_certificate.certificate_pem if certificate is None else certificate,
        private_key_pem=key,
    )
    with pytest.raises(ValueError, match=message):
        TLSContexts([bad])


def test_contexts_refuse_a_key_of_another_certificate(ca: trustme.CA, serving_certificate: ServingCertificate) -> None:
    other = pair(ca.issue_cert("other.example.com"))
    with pytest.raises(ValueError, match="cannot be used"):
        TLSContexts(
            [
                ServingCertificate(
                    certificate_pem=serving_certificate.certificate_pem, private_key_pem=other.private_key_pem
                )
            ]
        )
