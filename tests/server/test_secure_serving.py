"""SecureServingInfo: where it serves, which certificate it shows, how its certificates change, how it stops."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from cryptography import x509

from genericapiserver.asgi import Receive, Scope, Send, send_response
from genericapiserver.certificates import (
    DynamicCAContent,
    DynamicCertKeyContent,
    NamedCertificates,
    SNICertKeyContent,
    StaticCAContent,
    StaticCertKeyContent,
    generate_self_signed,
)
from genericapiserver.connection import SocketListener, create_listener, create_unix_listener
from genericapiserver.connection.listener import joined_address
from genericapiserver.loopback import LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.secure_serving import (
    DeprecatedInsecureServingInfo,
    SecureServingError,
    SecureServingInfo,
    Serving,
    loopback_host_port,
)
from tests.support.h2_client import h2_client
from tests.support.pki import CLIENT, Issued, issue


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    chain = scope["extensions"].get("tls", {}).get("peer_certificate_chain_der", [])
    await send_response(send, 200, b"%s %d" % (scope["http_version"].encode(), len(chain)), b"text/plain")


def content(issued: Issued) -> StaticCertKeyContent:
    return StaticCertKeyContent(issued.certificate.subject.rfc4514_string(), issued.pem, issued.key_pem)


def sni(issued: Issued, *names: str) -> SNICertKeyContent:
    return SNICertKeyContent(content(issued), names)


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[Serving]:
    with create_listener("127.0.0.1", 0) as listener:
        info = SecureServingInfo(listener=listener, **settings)
        async with info.serve(tell, shutdown_timeout=2.0) as running:
            yield running


async def served_name(address: tuple[str, int], server_name: str | None) -> str:
    """The common name of the certificate that a client gets which asks for *server_name*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # "" is how asyncio is told to send no server name
    _, writer = await asyncio.open_connection(*address, ssl=context, server_hostname=server_name or "")
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return x509.load_der_x509_certificate(der).subject.rfc4514_string().removeprefix("CN=")


async def get(serving: Serving, context: ssl.SSLContext, *, http2: bool = True) -> str:
    host, port = serving.address
    async with httpx.AsyncClient(verify=context, http2=http2, http1=not http2) as client:
        return (await client.get(f"https://{host}:{port}/")).text


def trusting(*roots: Issued, client: Issued | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=b"".join(root.pem for root in roots).decode())
    if client is not None:
        client.load_into(context)
    return context


DEFAULT = issue("default", dns=["default.example.com"], ips=["127.0.0.1"])
LOOPBACK = issue("loopback", dns=[LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE])
ONE, TWO, WILD = (issue(name, dns=[f"{name}.example.com"]) for name in ("one", "two", "wild"))


@pytest.mark.parametrize(
    ("default", "named", "server_name", "expected"),
    [
        (DEFAULT, [], "anything.example.com", "default"),
        (DEFAULT, [], None, "default"),
        (DEFAULT, [(issue("same", dns=["default.example.com"]), [])], "default.example.com", "same"),
        (DEFAULT, [(ONE, []), (TWO, [])], "two.example.com", "two"),
        (DEFAULT, [(ONE, []), (TWO, [])], "three.example.com", "default"),
        (DEFAULT, [(WILD, ["*.wild.com"])], "a.wild.com", "wild"),
        (DEFAULT, [(WILD, ["*.wild.com"])], "wild.com", "default"),
        (DEFAULT, [(ONE, ["127.0.0.1"])], None, "one"),
        (DEFAULT, [(ONE, ["10.9.9.9"])], None, "default"),
        (DEFAULT, [(LOOPBACK, [LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE]), (ONE, [])],
         LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE, "loopback"),
        (DEFAULT, [(LOOPBACK, [LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE]),
                   (issue("thief", dns=[LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE]), [LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE])],
         LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE, "loopback"),
        (None, [(LOOPBACK, [LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE])], "anything.example.com", "loopback"),
    ],
    ids=[
        "only a default",
        "only a default, no name",
        "a named one and the default have the name",
        "the second has the name",
        "nobody has the name",
        "a wildcard",
        "the bare domain of a wildcard",
        "no name, the address is given",
        "no name, another address is given",
        "the loopback name",
        "another one wants the loopback name",
        "no default",
    ],
)  # fmt: skip
async def test_certificate_for_a_client(
    default: Issued | None, named: Sequence[tuple[Issued, list[str]]], server_name: str | None, expected: str
) -> None:
    certs = [sni(issued, *names) for issued, names in named]
    async with serving(cert=content(default) if default else None, sni_certs=certs) as running:
        assert await served_name(running.address, server_name) == expected


ROOT = issue("root", ca=True)
PROXY_ROOT = issue("proxy root", ca=True)
SERVER = issue("server", ROOT, ips=["127.0.0.1"])


@pytest.mark.parametrize("http2", [True, False], ids=["HTTP/2", "HTTP/1.1"])
@pytest.mark.parametrize(
    ("client", "presented"),
    [
        (None, 0),
        (issue("alice", ROOT, usages=[CLIENT]), 1),
        (issue("proxy", PROXY_ROOT, usages=[CLIENT]), 1),
        (issue("stranger", usages=[CLIENT]), 1),
        (
            issue(
                "old",
                ROOT,
                not_before=dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
                not_after=dt.datetime(2020, 1, 2, tzinfo=dt.UTC),
            ),
            1,
        ),
    ],
    ids=["none", "of the client CA", "of the proxy CA", "of nobody we know", "expired"],
)
async def test_every_client_certificate_reaches_the_handler(client: Issued | None, presented: int, http2: bool) -> None:
    info = SecureServingInfo(listener=create_listener("127.0.0.1", 0), cert=content(SERVER))
    info.add_client_ca(StaticCAContent("client", ROOT.pem))
    info.add_client_ca(StaticCAContent("proxy", PROXY_ROOT.pem))
    assert info.client_ca is not None
    assert info.client_ca.name == "client,proxy"
    async with info.serve(tell) as running:
        version, chain = (await get(running, trusting(ROOT, client=client), http2=http2)).split()
    assert version == ("2" if http2 else "1.1")
    # The client's TLS library adds the root when it knows it; the leaf is what counts.
    assert min(int(chain), 1) == presented


async def test_nobody_is_asked_without_a_client_ca() -> None:
    async with serving(cert=content(SERVER)) as running:
        assert await get(running, trusting(ROOT, client=issue("alice", ROOT))) == "2 0"


async def test_an_empty_client_ca_bundle_still_asks() -> None:
    async with serving(cert=content(SERVER), client_ca=DynamicCAContent("late")) as running:
        assert (await get(running, trusting(ROOT, client=issue("alice")))) == "2 1"


async def test_http2_can_be_switched_off() -> None:
    async with serving(cert=content(SERVER), disable_http2=True) as running:
        context = trusting(ROOT)
        async with httpx.AsyncClient(verify=context, http2=True) as client:
            host, port = running.address
            assert (await client.get(f"https://{host}:{port}/")).http_version == "HTTP/1.1"


@pytest.mark.parametrize(("given", "announced"), [(0, 100), (7, 7), (1000, 1000)])
async def test_stream_limit_is_a_hundred_unless_given(given: int, announced: int) -> None:
    async with (
        serving(cert=content(issue("localhost", ROOT, dns=["localhost"])), http2_max_streams_per_connection=given) as s,
        h2_client(s.address[1], trusting(ROOT)) as client,
    ):
        await client.request("/")
        assert client.h2.remote_settings.max_concurrent_streams == announced


def ciphers(names: str, **settings: Any) -> dict[str, Any]:
    return {"cipher_suites": names.split(), **settings}


@pytest.mark.parametrize(
    ("settings", "works"),
    [
        (ciphers("ECDHE-RSA-AES256-GCM-SHA384"), False),
        (ciphers("ECDHE-RSA-AES256-GCM-SHA384", disable_http2=True), True),
        (ciphers("ECDHE-RSA-AES256-GCM-SHA384", min_tls_version="TLSv1.3"), True),
        (ciphers("ECDHE-ECDSA-AES128-GCM-SHA256"), True),
        (ciphers(""), True),
    ],
)
async def test_http2_needs_its_cipher(settings: dict[str, Any], works: bool) -> None:
    if works:
        async with serving(cert=content(SERVER), **settings):
            return
    with pytest.raises(SecureServingError) as caught:
        async with serving(cert=content(SERVER), **settings):
            pass
    assert str(caught.value).startswith(
        "error configuring http2: http2: TLSConfig.CipherSuites is missing an HTTP/2-required AES_128_GCM_SHA256 cipher"
    )


async def test_serving_needs_a_listener_and_a_certificate() -> None:
    with pytest.raises(SecureServingError, match="listener must not be nil"):
        async with SecureServingInfo(cert=content(SERVER)).serve(tell):
            pass
    with pytest.raises(SecureServingError, match="no listener found"):
        SecureServingInfo().host_port()
    with pytest.raises(ValueError, match="no certificate to serve"):
        async with serving():
            pass


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_changed_certificates_are_served_to_new_connections(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "genericapiserver.certificates")
    pair = DynamicCertKeyContent("pair", ONE.pem, ONE.key_pem)
    bundle = DynamicCAContent("bundle", ROOT.pem)
    async with serving(cert=pair, client_ca=bundle) as running:
        before = running.server.tls
        assert await served_name(running.address, None) == "one"
        # From another thread, as a file watcher would.
        await asyncio.to_thread(pair.replace, TWO.pem, TWO.key_pem)
        await until(lambda: running.server.tls is not before)
        assert await served_name(running.address, None) == "two"
        before = running.server.tls
        bundle.replace(PROXY_ROOT.pem)
        await until(lambda: running.server.tls is not before)
        assert not running.reload(), "nothing changed since"
        assert "Serving changed certificates" in caplog.text


async def test_what_cannot_be_served_leaves_the_old_certificates(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pair = DynamicCertKeyContent("pair", ONE.pem, ONE.key_pem)
    async with serving(cert=pair) as running:
        before = running.server.tls

        def fail(self: NamedCertificates, *arguments: object) -> None:
            raise ValueError("bad")

        monkeypatch.setattr(NamedCertificates, "__init__", fail)
        pair.replace(TWO.pem, TWO.key_pem)
        await until(lambda: "cannot be served" in caplog.text)
        assert running.server.tls is before


async def test_listener_stops_before_the_last_request_ends() -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    async def hold(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        await go.wait()
        await tell(scope, receive, send)

    info = SecureServingInfo(listener=create_listener("127.0.0.1", 0), cert=content(SERVER))
    async with info.serve(hold) as running:
        request = asyncio.create_task(get(running, trusting(ROOT), http2=False))
        await entered.wait()
        stopping = asyncio.create_task(running.stop(5))
        await asyncio.wait_for(running.listener_stopped.wait(), 5)
        assert not stopping.done()
        with pytest.raises(OSError):
            socket.create_connection(running.address, timeout=1)
        go.set()
        assert await request == "1.1 0"
        assert await stopping


async def test_handshake_errors_are_counted() -> None:
    metrics = MetricsRegistry()
    info = SecureServingInfo(listener=create_listener("127.0.0.1", 0), cert=content(SERVER))
    async with info.serve(tell, metrics=metrics) as running:
        reader, writer = await asyncio.open_connection(*running.address)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert b"Client sent an HTTP request to an HTTPS server" in await reader.read()
        writer.close()
    assert metrics.collectors.get_sample_value("apiserver_tls_handshake_errors_total") == 1


def test_client_configs_name_the_server_and_the_loopback_certificate() -> None:
    with create_listener("0.0.0.0", 0) as listener:  # both families, where the machine has both
        host, port = loopback_host_port(joined_address(listener))
        host = f"[{host}]" if ":" in host else host
        info = SecureServingInfo(listener=listener, cert=content(SERVER))
        config = info.new_client_config(b"ca")
        assert config is not None
        assert (config.host, config.ca_data) == (f"https://{host}:{port}", b"ca")
        assert (config.bearer_token, config.tls_server_name) == ("", "")
        loopback = info.new_loopback_client_config("token", b"ca")
        assert loopback is not None
        assert loopback.host == config.host
        assert loopback.bearer_token == "token"
        assert loopback.tls_server_name == "apiserver-loopback-client"
        assert SecureServingInfo(listener=listener).new_loopback_client_config("token", b"ca") is None


@pytest.mark.parametrize(("secure", "host"), [(True, "https://localhost"), (False, "http://localhost")])
def test_a_server_on_a_unix_socket_is_reached_through_it(secure: bool, host: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        unix = create_unix_listener(f"{folder}/s", secure=secure)
        config = SecureServingInfo(more_listeners=[unix], cert=content(SERVER)).new_client_config(b"ca")
        assert config is not None
        assert (config.host, config.unix_socket) == (host, f"{folder}/s")
        with create_listener("127.0.0.1", 0) as listener:
            info = SecureServingInfo(listener=listener, more_listeners=[unix], cert=content(SERVER))
            config = info.new_client_config(b"ca")
            assert config is not None
            assert config.unix_socket == ""
        unix.close()


async def test_loopback_client_is_verified_by_its_name() -> None:
    pair = generate_self_signed(LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE)
    loopback = SNICertKeyContent(
        StaticCertKeyContent("self-signed loopback", pair.certificate_pem, pair.private_key_pem),
        [LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE],
    )
    info = SecureServingInfo(listener=create_listener("127.0.0.1", 0), cert=content(DEFAULT), sni_certs=[loopback])
    async with info.serve(tell) as running:
        config = info.new_loopback_client_config("t", pair.certificate_pem)
        assert config is not None
        context = ssl.create_default_context(cadata=config.ca_data.decode())
        _, writer = await asyncio.open_connection(*running.address, ssl=context, server_hostname=config.tls_server_name)
        writer.transport.abort()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("0.0.0.0:443", ("127.0.0.1", 443)),
        ("[::]:443", ("::1", 443)),
        ("10.1.2.3:443", ("10.1.2.3", 443)),
        ("[fe80::1]:443", ("fe80::1", 443)),
        ("example.com:443", ("example.com", 443)),
    ],
)
def test_loopback_host_port(address: str, expected: tuple[str, int]) -> None:
    assert loopback_host_port(address) == expected


@pytest.mark.parametrize("address", ["", "127.0.0.1", "::1:443", "host:port", "[::1]"])
def test_loopback_host_port_refuses_what_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="invalid server bind address"):
        loopback_host_port(address)


async def test_insecure_serving_speaks_plain_http() -> None:
    with create_listener("127.0.0.1", 0) as listener:
        info = DeprecatedInsecureServingInfo(listener=listener, name="debug")
        url = info.new_loopback_client_config().host
        assert url == f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with info.serve(tell), httpx.AsyncClient() as client:
            assert (await client.get(url)).text == "1.1 0"


async def test_where_nothing_speaks_tls_no_certificate_is_needed() -> None:
    listener = SocketListener(create_listener("127.0.0.1", 0), secure=False)
    info = SecureServingInfo(more_listeners=[listener])
    async with info.serve(tell) as running, httpx.AsyncClient() as client:
        host, port = running.address
        assert (await client.get(f"http://{host}:{port}/")).text == "1.1 0"
        assert not running.reload()
