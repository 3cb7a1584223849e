"""A client to another API server: requests and streams over one pool of connections, as the identity of its config.

No redirect is followed and no environment proxy is used: a TokenReview carries somebody's credentials (CVE-2022-3172).
httpx is imported where it is used: a server that asks no other one need not load it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from genericapiserver.client.kubeconfig import ClientConfig
from genericapiserver.client.metrics import ClientMetrics
from genericapiserver.client.transport import Response, StreamedResponse
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.tracing import outgoing

if TYPE_CHECKING:
    import httpx

JSON: Final = {"content-type": "application/json"}

MAX_ANSWER_BYTES: Final = 3 << 20
"""How much an answer to a POST may be, unpacked: as much as a request to an API server. Reviews are far smaller."""

_OUT_OF_TIME: Final = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"


class UnreachableError(ConnectionError):
    """No answer came; the text is that of Go's net/http, `Post "https://...": <cause>`."""


def ssl_context(config: ClientConfig) -> ssl.SSLContext:
    """What *config* says about TLS. Raises ssl.SSLError or OSError for material that cannot be used."""
    context = ssl.create_default_context(cadata=config.ca_data.decode("ascii") if config.ca_data else None)
    # As in Go, a certificate that is named itself is trusted, whoever signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if config.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if config.client_certificate_data:
        # ssl reads certificates from files only; the folder is this user's and gone at the end of the block
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = Path(folder, "client.crt"), Path(folder, "client.key")
            certificate.write_bytes(config.client_certificate_data)
            key.touch(mode=0o600)
            key.write_bytes(config.client_key_data)
            context.load_cert_chain(certificate, key)
    return context


class RESTClient:
    """Sends requests to the server of *config*; `aclose` it at the end.

    *timeout* is in seconds: a POST has it for the whole exchange, other requests for each step. Making the client opens
    no connection. Requests are counted in *metrics*. A *transport* carries them instead of the network and sees to TLS
    itself (`client.memory`). Raises ValueError for a host that is no address, OSError or
    ssl.SSLError for certificates that are none.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        timeout: float = 10.0,
        user_agent: str = "genericapiserver",
        metrics: MetricsRegistry | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        import httpx

        self._config = config
        self._metrics = ClientMetrics(metrics, config.host)
        self._timeout = timeout
        try:
            base = httpx.URL(config.host)
        except httpx.InvalidURL as error:
            raise ValueError(str(error)) from error
        auth = httpx.BasicAuth(config.username, config.password) if config.username else None
        self._client = httpx.AsyncClient(
            base_url=base,
            verify=ssl_context(config) if transport is None and config.host.startswith("https:") else False,
            http2=True,
            transport=transport,
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            auth=auth,
            headers={"user-agent": user_agent, "accept": "application/json, */*"},
        )

    async def post(self, path: str, body: bytes, *, query: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """POST a JSON *body* to *path*, or without one to the very address of the configuration.

        The status and body of the answer, whatever it says. Raises UnreachableError, also for an answer that does not end
        in time or is longer than MAX_ANSWER_BYTES: whoever answers slowly or at length must not hold up this server.
        """
        import httpx

        with outgoing("POST", self._config.host) as tracing, self._metrics.request("POST", len(body)) as answer:
            request = self._build("POST", path, query, {**JSON, **tracing}, body)
            try:
                async with asyncio.timeout(self._timeout):
                    status, received = await self._exchange(request)
                    answer.came(status, len(received))
                    return status, received
            except httpx.HTTPError as error:
                raise _unreachable(request, error) from error
            except TimeoutError as error:
                raise UnreachableError(f"{_subject(request)}: {_OUT_OF_TIME}") from error

    async def _exchange(self, request: httpx.Request) -> tuple[int, bytes]:
        response = await self._client.send(request, stream=True)
        body = bytearray()
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise UnreachableError(f"{_subject(request)}: the answer is longer than {MAX_ANSWER_BYTES} bytes")
        finally:
            await response.aclose()
        return response.status_code, bytes(body)

    async def get(self, path: str, *, query: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """GET *path*; the status and body of the answer, whatever it says. Raises UnreachableError."""
        response = await self.request("GET", path, query=query)
        return response.status, response.body

    async def aclose(self) -> None:
        await self._client.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Response:
        """One exchange, whatever its answer says. Raises UnreachableError."""
        import httpx

        with outgoing(method, self._config.host) as tracing, self._metrics.request(method, len(body)) as answer:
            request = self._build(method, path, query, {**(headers or {}), **tracing}, body)
            try:
                response = await self._client.send(request)
            except httpx.HTTPError as error:
                raise _unreachable(request, error) from error
            answer.came(response.status_code, len(response.content))
        return Response(response.status_code, dict(response.headers), response.content)

    @contextlib.asynccontextmanager
    async def stream(self, path: str, *, query: Mapping[str, str] | None = None) -> AsyncIterator[StreamedResponse]:
        """GET a body that does not end, line by line; no timeout but that of connecting. Raises UnreachableError."""
        import httpx

        request = self._build("GET", path, query, None, b"", timeout=httpx.Timeout(None, connect=self._timeout))
        with self._metrics.request("GET", 0) as answer:  # how long it goes on says nothing of the server
            try:
                response = await self._client.send(request, stream=True)
            except httpx.HTTPError as error:
                raise _unreachable(request, error) from error
            answer.came(response.status_code)
        try:
            yield StreamedResponse(response.status_code, _lines(request, response))
        finally:
            await response.aclose()

    def _build(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        body: bytes,
        timeout: httpx.Timeout | None = None,
    ) -> httpx.Request:
        import httpx

        sent = dict(headers or {})
        if token := self._config.token():
            sent["authorization"] = f"Bearer {token}"
        extensions = {"sni_hostname": self._config.tls_server_name} if self._config.tls_server_name else None
        return self._client.build_request(
            method,
            path or self._config.host,  # httpx would put a slash behind the address of the configuration
            content=body or None,
            headers=sent,
            params=query,
            extensions=extensions,
            timeout=timeout or httpx.USE_CLIENT_DEFAULT,
        )


async def _lines(request: httpx.Request, response: httpx.Response) -> AsyncIterator[bytes]:
    import httpx

    try:
        async for line in response.aiter_lines():
            yield line.encode()
    except httpx.HTTPError as error:
        raise _unreachable(request, error) from error


def _unreachable(request: httpx.Request, error: httpx.HTTPError) -> UnreachableError:
    return UnreachableError(f"{_subject(request)}: {_cause(request, error)}")


def _subject(request: httpx.Request) -> str:
    return f'{request.method.capitalize()} "{request.url}"'


def _cause(request: httpx.Request, error: httpx.HTTPError) -> str:
    """What went wrong in the words of Go's net package, which operators search for; else in httpx's."""
    import httpx

    url = request.url
    dial = f"dial tcp {url.netloc.decode('ascii') if url.port else f'{url.host}:443'}"
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"tls: failed to verify certificate: {cause.verify_message}"
        if isinstance(cause, socket.gaierror):
            return f"dial tcp: lookup {url.host}: no such host"
        if isinstance(cause, ConnectionRefusedError):
            return f"{dial}: connect: connection refused"
    if isinstance(error, httpx.ConnectTimeout):
        return f"{dial}: i/o timeout"
    if isinstance(error, httpx.TimeoutException):
        return _OUT_OF_TIME
    return str(error) or type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """*error* and what it came from; of several attempts, the first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause.__cause__ or cause.__context__
