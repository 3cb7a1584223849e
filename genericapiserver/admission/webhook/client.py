"""Connections to webhooks: one pool for each way to reach one, kept as long as it is used.

HTTP/1.1 unless the webhook is on this machine, so that several backends behind one name share the load. No redirect is
followed and no environment proxy used (CVE-2020-8561: a redirect would carry the object, and who sees the error text, to
where only this server can go). An answer is read up to a limit. Go: pkg/util/webhook/client.go, k8s.io/client-go/rest.
"""

import asyncio
import base64
import ssl
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import SplitResult, urlsplit

import attrs

from genericapiserver.admission.metrics import WebhookCertificateMetrics
from genericapiserver.admission.webhook.credentials import WebhookCredentials
from genericapiserver.apimachinery.errors import GenericServerResponseError, StatusError, from_status
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.meta import UNVERSIONED, Status
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.serializer.errors import DecodeError
from genericapiserver.apimachinery.serializer.json import decode_utf8
from genericapiserver.apis.admissionregistration_v1 import DEFAULT_SERVICE_PORT, WebhookClientConfig
from genericapiserver.client.addresses import Resolve, names_loopback, resolve
from genericapiserver.client.kubeconfig import ClientConfig
from genericapiserver.client.metrics import ClientMetrics
from genericapiserver.client.rest import ssl_context
from genericapiserver.client.server_certificates import (
    MissingNamesError,
    check_names,
    failure_text,
    is_weak_signature,
)
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.tracing import outgoing

if TYPE_CHECKING:
    import httpcore

USER_AGENT: Final = b"kube-apiserver-admission"
MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""A patch may carry a whole object of 3 MiB, in base64. The reference has no limit."""
MAX_ERROR_TEXT_BYTES: Final = 2048
"""Of an answer that is no Status, in messages; as client-go."""
CACHED_CLIENTS: Final = 200
"""Ways to reach webhooks that are kept open; the reference's cache is as large."""
_IDLE_CONNECTIONS, _IDLE_SECONDS = 25, 90.0
_HTTPS: Final = 443


class ClientError(Exception):
    """There is no way to the webhook; the text says what about its configuration is wrong."""


class ServiceResolver(Protocol):
    """Knows where services are."""

    def resolve_endpoint(self, namespace: str, name: str, port: int) -> str:
        """The `host:port` to connect to. Raises LookupError when there is no such service."""


class DNSServiceResolver:
    """Leaves services to the name server of the cluster: `<name>.<namespace>.svc`."""

    def resolve_endpoint(self, namespace: str, name: str, port: int) -> str:
        return f"{name}.{namespace}.svc:{port}"


@attrs.frozen(kw_only=True)
class _Target:
    """Where a webhook is: what is written into requests, and what its certificate has to be for."""

    url: str
    host: str
    port: int
    server_name: str
    dialled: str = ""
    """Where to connect instead, as `host:port`; empty for `host` and `port`."""

    @property
    def is_local(self) -> bool:
        return names_loopback(self.host)


class WebhookClient:
    """One webhook, or several that are reached in the same way. Makes no connection before its first call."""

    def __init__(
        self,
        target: _Target,
        config: ClientConfig,
        *,
        resolve: Resolve = resolve,
        metrics: WebhookCertificateMetrics | None = None,
        requests: MetricsRegistry | None = None,
    ) -> None:
        import httpcore  # here, and the next: a server without webhooks need not load it

        from genericapiserver.client.dialer import GuardedBackend

        self.url = target.url
        self._metrics = metrics
        self._requests = ClientMetrics(requests, target.url)
        self._config = config
        self._server_name = config.tls_server_name or target.server_name
        redirects = {f"{target.host}:{target.port}": target.dialled} if target.dialled else {}
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context(config) if target.url.startswith("https:") else None,
            max_connections=None,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
            http1=True,
            http2=target.is_local,
            network_backend=GuardedBackend(
                resolve=resolve, redirects=redirects, check_certificate=self._check_certificate
            ),
        )

    async def post(self, body: bytes, *, query: str) -> bytes:
        """POST a JSON *body*; the body of an answer that is a success.

        Raises StatusError for another answer, ValueError for an empty one, CallFailedError when none comes. Cancel it to set
        a limit of time.
        """
        import httpcore

        url = f"{self.url}?{query}" if query else self.url
        try:
            response, answer = await self._exchange(url, body)
        except _AnswerTooLargeError as error:
            raise CallFailedError(url, str(error)) from error
        except (OSError, httpcore.ConnectionNotAvailable) as error:
            raise CallFailedError(url, failure_text(error)) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            if self._metrics is not None and is_weak_signature(error):
                self._metrics.insecure_sha1.inc()
            raise CallFailedError(url, failure_text(error)) from error
        if 200 <= response.status <= 206:
            if not answer:
                media_type = _header(response, b"content-type")
                raise ValueError(
                    f"0-length response with status code: {response.status} and content type: {media_type}"
                )
            return answer
        raise _refused(response.status, answer)

    async def _exchange(self, url: str, body: bytes) -> "tuple[httpcore.Response, bytes]":
        counting = self._requests.request("POST", len(body))
        with outgoing("POST", self._server_name) as tracing, counting as counted:
            headers = self._headers(body)
            headers += [(name.encode(), value.encode()) for name, value in tracing.items()]
            async with self._pool.stream(
                "POST", url, headers=headers, content=body, extensions={"sni_hostname": self._server_name}
            ) as response:
                answer = await _read(response)
                counted.came(response.status, len(answer))
                return response, answer

    async def aclose(self) -> None:
        await self._pool.aclose()

    def _check_certificate(self, certificate: Mapping[str, Any], name: str) -> None:
        """Refuse a certificate that is for *name* by its common name only, which OpenSSL takes and Go does not."""
        try:
            check_names(certificate, name)
        except MissingNamesError:
            if self._metrics is not None:
                self._metrics.missing_san.inc()
            raise

    def _headers(self, body: bytes) -> list[tuple[bytes, bytes]]:
        headers = [
            (b"user-agent", USER_AGENT),
            (b"content-length", str(len(body)).encode()),
            (b"accept", b"application/json, */*"),
            (b"content-type", b"application/json"),
        ]
        if token := self._config.token():
            headers.append((b"authorization", b"Bearer " + token.encode()))
        elif self._config.username:
            pair = f"{self._config.username}:{self._config.password}"
            headers.append((b"authorization", b"Basic " + base64.b64encode(pair.encode())))
        return headers


class CallFailedError(ConnectionError):
    """No answer came: `Post "https://h/v?timeout=2s": <reason>`."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"Post {quote(url)}: {reason}")


class WebhookClients:
    """The clients of one server. *credentials* say as whom it calls; *services* where service references lead.

    `metrics` and `requests` may be set until there are clients: the one counts certificates that are out of date, the other
    calls, as of any client.
    """

    metrics: WebhookCertificateMetrics | None = None
    requests: MetricsRegistry | None = None

    def __init__(
        self,
        credentials: WebhookCredentials | None = None,
        *,
        services: ServiceResolver | None = None,
        resolve: Resolve = resolve,
    ) -> None:
        self._credentials = credentials or WebhookCredentials()
        self._services = services or DNSServiceResolver()
        self._resolve = resolve
        self._clients: OrderedDict[object, WebhookClient] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    def client_for(self, config: WebhookClientConfig) -> WebhookClient:
        """The client of a webhook. Raises ClientError."""
        key = _key(config)
        client = self._clients.get(key)
        if client is not None:
            self._clients.move_to_end(key)
            return client
        client = self._make(config)
        self._clients[key] = client
        if len(self._clients) > CACHED_CLIENTS:
            self._let_go(self._clients.popitem(last=False)[1])
        return client

    async def aclose(self) -> None:
        """Close every connection."""
        clients, self._clients = list(self._clients.values()), OrderedDict()
        for client in clients:
            await client.aclose()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _make(self, config: WebhookClientConfig) -> WebhookClient:
        target = self._target(config)
        user = self._credentials.for_host(f"{target.host}:{target.port}")
        authorities = b"\n".join(part for part in (user.ca_data, config.ca_bundle) if part)
        try:
            return WebhookClient(
                target,
                attrs.evolve(user, ca_data=authorities),
                resolve=self._resolve,
                metrics=self.metrics,
                requests=self.requests,
            )
        except (ssl.SSLError, ValueError, OSError) as error:
            raise ClientError(f"unable to load root certificates: {error}") from error

    def _target(self, config: WebhookClientConfig) -> _Target:
        if (service := config.service) is not None:
            port = service.port or DEFAULT_SERVICE_PORT
            name = f"{service.name}.{service.namespace}.svc"
            try:
                dialled = self._services.resolve_endpoint(service.namespace, service.name, port)
            except LookupError as error:
                raise ClientError(f"service {service.namespace}/{service.name}: {error}") from error
            path = (service.path or "").lstrip("/")
            url = f"https://{name}:{port}/{path}"
            return _Target(
                url=url, host=name, port=port, server_name=name, dialled="" if dialled == f"{name}:{port}" else dialled
            )
        if not config.url:
            raise ClientError("webhook configuration must have either service or URL")
        return _url_target(config.url)

    def _let_go(self, client: WebhookClient) -> None:
        """Close a client that was pushed out of the cache, without making anybody wait."""
        task = asyncio.get_running_loop().create_task(client.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _key(config: WebhookClientConfig) -> object:
    service = config.service
    where: object = config.url
    if service is not None:
        where = (service.namespace, service.name, service.path, service.port)
    return where, config.ca_bundle


def _url_target(url: str) -> _Target:
    try:
        parts = urlsplit(url)
        port = parts.port or _HTTPS
    except ValueError as error:
        raise ClientError(f"Unparsable URL: {error}") from error
    host = parts.hostname or ""
    if parts.scheme != "https" or not host:
        # Validation lets no other scheme in; configurations of other servers are not taken on trust.
        raise ClientError(f"Unparsable URL: parse {quote(url)}: it has to begin with https:// and a host")
    return _Target(url=_without_query(parts), host=host, port=port, server_name=host)


def _without_query(parts: SplitResult) -> str:
    return parts._replace(query="", fragment="", path=parts.path or "/").geturl()


def _header(response: "httpcore.Response", wanted: bytes) -> str:
    """The value of a header, "" without it; names come as they were sent."""
    return next((value.decode("latin-1") for name, value in response.headers if name.lower() == wanted), "")


class _AnswerTooLargeError(Exception):
    def __init__(self) -> None:
        super().__init__(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")


async def _read(response: "httpcore.Response") -> bytes:
    chunks, size = [], 0
    async for chunk in response.aiter_stream():
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            raise _AnswerTooLargeError
        chunks.append(chunk)
    return b"".join(chunks)


def _refused(status: int, answer: bytes) -> StatusError:
    """The error of an answer that is no success: the Status it carries, else what its code means."""
    try:
        decoded = _STATUS.decode(answer)
    except DecodeError:
        text = decode_utf8(answer[:MAX_ERROR_TEXT_BYTES]).strip()
        return GenericServerResponseError(status, text or "unknown", verb="POST", unexpected_response=True)
    result: Status = decoded.object
    result.code = result.code or status
    return from_status(result)


def _status_codec() -> CodecFactory:
    scheme = Scheme("status")
    scheme.add_unversioned_types(UNVERSIONED, Status)
    return CodecFactory(scheme)


_STATUS: Final = _status_codec()
