"""What answers for an APIService: this process itself, a server behind, or a word on why neither does.

    no APIService, or a local one            the servers of this process
    not available                            503 service unavailable
    certificates that cannot be used         500 with the reason
    nobody knows who asks                    500 missing user
    no address for the service               503 service unavailable
    the server cannot be reached             503 error trying to reach service: <cause>
    it redirects                             502
    it answers                               the answer, as it comes

Source: pkg/apiserver/handler_proxy.go of k8s.io/kube-aggregator.
"""

import logging
from collections.abc import Awaitable
from typing import Final

import attrs

from genericapiserver.aggregator.in_process import OWN_REQUEST
from genericapiserver.aggregator.metrics import BackendCertificateMetrics
from genericapiserver.aggregator.proxy.backend import Backend
from genericapiserver.aggregator.proxy.connection import BackendError
from genericapiserver.aggregator.proxy.dial import Dial, dial
from genericapiserver.aggregator.proxy.exchange import Exchanger
from genericapiserver.aggregator.proxy.headers import IdentityError
from genericapiserver.aggregator.proxy.tls import TLSSettings, TransportError
from genericapiserver.aggregator.proxy.websocket import proxy_websocket, refuse_upgrade, wants_other_upgrade
from genericapiserver.aggregator.resolvers import ResolveError, ServiceResolver
from genericapiserver.apis.apiregistration_v1 import AVAILABLE, DEFAULT_PORT, APIService, is_condition_true
from genericapiserver.asgi import Handler, Receive, Scope, Send, send_plain_error
from genericapiserver.audit import shortened_audit_id
from genericapiserver.authentication.user import UserInfo
from genericapiserver.certificates import CertKeyContentProvider
from genericapiserver.filters.metrics import RequestMetrics
from genericapiserver.logs import kv
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.request import RequestContext, request_context

logger = logging.getLogger(__name__)

DISCOVERY_TIMEOUT: Final = 5.0
"""Seconds for /apis/<group>/<version>, which clients ask every server for before they do anything."""
REQUESTS_PER_BACKEND: Final = 100
"""How many requests to one APIService may be under way: a quarter of what a server takes by default. Not counted are watches
and other long ones, and what the aggregator asks for itself, lest a server that is busy lose its place in
discovery. The reference has no such limit, and one server that hangs takes all of its front's."""
COMPONENT: Final = "aggregator"

_UNAVAILABLE: Final = "service unavailable"
_BUSY: Final = "too many requests to this service are waiting for its answer, please try again later"
_RETRY_AFTER: Final = (b"retry-after", b"1")


@attrs.define(eq=False, kw_only=True)
class ProxySettings:
    """What all proxy handlers of an aggregator have in common."""

    local_delegate: Handler | None
    """The servers of this process, without their filters."""
    resolver: ServiceResolver
    client_certificate: CertKeyContentProvider | None = None
    """Whom the proxy says that it is."""
    reject_forwarding_redirects: bool = True
    send_uid: bool = True
    """Whether servers behind are told UIDs (the gate RemoteRequestHeaderUID)."""
    dial: Dial = dial
    metrics: MetricsRegistry = attrs.field(factory=MetricsRegistry)
    requests_per_backend: int = REQUESTS_PER_BACKEND


@attrs.frozen(eq=False)
class _Target:
    """What an APIService says, ready for requests."""

    name: str
    service_namespace: str
    service_name: str
    port: int
    available: bool
    backend: Backend | None
    problem: str = ""
    """Why there is no backend."""


class ProxyHandler:
    """Answers for one APIService, whichever it is at the moment; `update` says. An ASGI application behind the filters."""

    def __init__(self, settings: ProxySettings) -> None:
        self.settings = settings
        self._certificate_metrics = BackendCertificateMetrics(settings.metrics)
        self._request_metrics = RequestMetrics(settings.metrics)
        self._exchanger = Exchanger(reject_redirects=settings.reject_forwarding_redirects, send_uid=settings.send_uid)
        self._target: _Target | None = None
        self._retired: set[Backend] = set()
        self._in_flight = 0

    @property
    def backend(self) -> Backend | None:
        """The connections to the server behind, if there is one."""
        return None if self._target is None else self._target.backend

    def update(self, service: APIService) -> None:
        """Answer for *service* from now on; what is under way goes on as it began.

        Connections are kept unless certificates or names have changed, those of this server included.
        """
        old = self.backend
        self._target = self._target_of(service, old)
        if old is not None and old is not self.backend:
            old.retire()
            self._retired = {each for each in (*self._retired, old) if each.connections}

    async def aclose(self) -> None:
        """Close every connection; answers that are under way end."""
        backends = [each for each in (self.backend, *self._retired) if each is not None]
        self._target, self._retired = None, set()
        for backend in backends:
            await backend.aclose()

    def ignoring_availability(self) -> Handler:
        """This handler for who has to know what a server says before it counts as available."""

        def serve(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            return self._serve(scope, receive, send, available=True)

        return serve

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._serve(scope, receive, send)

    def _target_of(self, service: APIService, old: Backend | None) -> _Target | None:
        reference = service.spec.service
        if reference is None:
            return None
        backend, problem = None, ""
        try:
            tls = TLSSettings.of(service, self.settings.client_certificate)
            if old is not None and old.tls == tls:
                backend = old
            else:
                backend = Backend(tls, dial=self.settings.dial, metrics=self._certificate_metrics)
        except TransportError as error:
            problem = str(error)
            logger.warning(kv("An APIService cannot be reached", name=service.metadata.name, err=problem))
        return _Target(
            name=service.metadata.name,
            service_namespace=reference.namespace,
            service_name=reference.name,
            port=reference.port or DEFAULT_PORT,
            available=is_condition_true(service, AVAILABLE),
            backend=backend,
            problem=problem,
        )

    async def _serve(self, scope: Scope, receive: Receive, send: Send, *, available: bool = False) -> None:
        target = self._target
        if target is None:
            if self.settings.local_delegate is None:
                await send_plain_error(send, 404, "")
            else:
                await self.settings.local_delegate(scope, receive, send)
            return
        context = request_context(scope)
        if not (available or target.available):
            await self._refuse(scope, send, context, 503, _UNAVAILABLE)
        elif target.backend is None:
            await self._refuse(scope, send, context, 500, target.problem)
        elif context.user is None:
            await self._refuse(scope, send, context, 500, "missing user")
        elif context.long_running or scope["type"] == "websocket" or OWN_REQUEST in scope:
            await self._forward(scope, receive, send, context, target, target.backend, context.user)
        elif self._in_flight >= self.settings.requests_per_backend:
            await self._refuse(scope, send, context, 429, _BUSY, _RETRY_AFTER)
        else:
            self._in_flight += 1
            try:
                await self._forward(scope, receive, send, context, target, target.backend, context.user)
            finally:
                self._in_flight -= 1

    async def _forward(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        context: RequestContext,
        target: _Target,
        backend: Backend,
        user: UserInfo,
    ) -> None:
        try:
            endpoint = self.settings.resolver.resolve_endpoint(
                target.service_namespace, target.service_name, target.port
            )
        except ResolveError as error:
            service = f"{target.service_namespace}/{target.service_name}"
            logger.error(kv("error resolving service", name=target.name, service=service, port=target.port, err=error))
            await self._refuse(scope, send, context, 503, _UNAVAILABLE)
            return
        if context.watch_initialized is not None:
            context.watch_initialized()  # how a watch begins is the affair of the server behind and its flow control
        try:
            if scope["type"] == "websocket":
                await proxy_websocket(
                    scope, receive, send, self._exchanger.head(scope, context, user, endpoint), backend, endpoint
                )
            elif protocol := wants_other_upgrade(scope):
                await refuse_upgrade(send, protocol)
            else:
                deadline = DISCOVERY_TIMEOUT if _is_discovery(context) else None
                head = self._exchanger.head(scope, context, user, endpoint)
                await self._exchanger.exchange(
                    scope, receive, send, head, backend, endpoint, timeout=deadline, shutdown=context.shutdown
                )
        except (BackendError, IdentityError) as error:
            where = {"name": target.name, "endpoint": str(endpoint)}
            audit_id = shortened_audit_id(context.audit_id)
            logger.warning(
                kv("Error while proxying a request", where, method=context.method, auditID=audit_id, err=error)
            )
            await self._refuse(scope, send, context, 503, f"error trying to reach service: {error}")

    async def _refuse(
        self,
        scope: Scope,
        send: Send,
        context: RequestContext,
        status: int,
        text: str,
        *headers: tuple[bytes, bytes],
    ) -> None:
        self._request_metrics.terminated(context, scope, status, component=COMPONENT)
        await send_plain_error(send, status, text, headers)


def _is_discovery(context: RequestContext) -> bool:
    """Whether the path has exactly three segments: what a group version has is asked for."""
    info = context.request_info
    return not info.is_resource_request and info.path.strip("/").count("/") == 2
