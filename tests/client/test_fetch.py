"""Documents of servers that are trusted with little: over TLS, on a socket."""

import asyncio
import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from genericapiserver.client.fetch import DocumentFetcher, FetchError
from genericapiserver.client.kubeconfig import ClientConfig
from genericapiserver.client.rest import RESTClient
from tests.support.issuer import JWKS, FakeIssuer, fake_issuer
from tests.support.pki import Issued


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[FakeIssuer, Issued]]:
    with fake_issuer() as found:
        yield found


async def fetched(server: tuple[FakeIssuer, Issued], path: str, **settings: float) -> bytes:
    issuer, authority = server
    fetcher = DocumentFetcher(authority.pem, **settings)  # type: ignore[arg-type]
    try:
        return await fetcher.get(issuer.url + path)
    finally:
        await fetcher.aclose()


async def test_a_document(server: tuple[FakeIssuer, Issued]) -> None:
    server[0].documents["/hello"] = (200, b"hello")
    assert await fetched(server, "/hello") == b"hello"


@pytest.mark.parametrize("status", [204, 301, 302, 307, 401, 404, 500])
async def test_everything_but_a_200_is_an_error(server: tuple[FakeIssuer, Issued], status: int) -> None:
    server[0].documents["/odd"] = (status, b"")
    before = server[0].requests[JWKS]
    with pytest.raises(FetchError, match=f'^Get "{server[0].url}/odd": {status}'):
        await fetched(server, "/odd")
    assert server[0].requests[JWKS] == before  # where the redirect leads


async def test_a_long_document_is_not_read_to_its_end(server: tuple[FakeIssuer, Issued]) -> None:
    server[0].documents["/long"] = (200, b"x" * (1 << 20))
    assert len(await fetched(server, "/long")) == 1 << 20
    server[0].documents["/long"] = (200, b"x" * ((1 << 20) + 1))
    with pytest.raises(FetchError, match="the answer is longer than 1048576 bytes"):
        await fetched(server, "/long")


async def test_what_is_compressed_stays_so(server: tuple[FakeIssuer, Issued]) -> None:
    bomb = gzip.compress(b"x" * 10_000_000)
    server[0].documents["/bomb"] = (200, bomb)
    assert await fetched(server, "/bomb") == bomb


async def test_the_deadline_is_for_the_whole_exchange() -> None:
    """A server that sends a byte now and then keeps no timeout between bytes from being met."""

    done = asyncio.Event()
    gone = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()
        gone.set()

    listener = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    fetcher = DocumentFetcher(timeout=0.1)
    start = time.monotonic()
    with pytest.raises(FetchError, match=f'Get "https://127.0.0.1:{port}/": '):
        await fetcher.get(f"https://127.0.0.1:{port}/")
    assert time.monotonic() - start < 5
    await fetcher.aclose()
    done.set()
    await gone.wait()
    listener.close()


async def test_only_https() -> None:
    fetcher = DocumentFetcher()
    for url in ("http://127.0.0.1:1/", "file:///etc/passwd", "", "HTTPS://x", "127.0.0.1"):
        with pytest.raises(FetchError, match="the address must begin with https://"):
            await fetcher.get(url)
    await fetcher.aclose()


async def test_an_unknown_authority_is_not_trusted(server: tuple[FakeIssuer, Issued]) -> None:
    fetcher = DocumentFetcher()
    with pytest.raises(FetchError, match="certificate verify failed"):
        await fetcher.get(server[0].url + JWKS)
    await fetcher.aclose()


async def test_no_proxy_of_the_environment_is_used(
    server: tuple[FakeIssuer, Issued], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("SSL_CERT_FILE", str(Path("/nonexistent")))
    server[0].documents["/hello"] = (200, b"hello")
    assert await fetched(server, "/hello") == b"hello"


async def test_a_closed_client_says_so() -> None:
    fetcher = DocumentFetcher()
    await fetcher.aclose()
    with pytest.raises(FetchError, match="the client is closed"):
        await fetcher.get("https://127.0.0.1:1/")


async def test_errors_say_nothing_of_what_was_sent(server: tuple[FakeIssuer, Issued]) -> None:
    fetcher = DocumentFetcher(server[1].pem)
    with pytest.raises(FetchError) as raised:
        await fetcher.get("https://127.0.0.1:1/", headers={"authorization": "Bearer secret"})
    await fetcher.aclose()
    assert "secret" not in repr(raised.value)
    assert raised.value.__cause__ is None


async def test_without_a_path_the_very_address_is_asked(server: tuple[FakeIssuer, Issued]) -> None:
    issuer, authority = server
    client = RESTClient(ClientConfig(host=f"{issuer.url}/review/here", ca_data=authority.pem))
    await client.request("GET", "", query={"timeout": "30s"})
    await client.aclose()
    assert issuer.requests["/review/here?timeout=30s"] == 1
