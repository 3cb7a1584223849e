"""Asking a server behind whether it serves what its APIService says.

Five requests at once, of which the first success counts: behind one address may be several servers, not all of them
ready. Source: the probe in pkg/controllers/status/remote/remote_available_controller.go of k8s.io/kube-aggregator.
"""

import asyncio
from typing import Final

from genericapiserver.aggregator.in_process import KUBE_AGGREGATOR
from genericapiserver.aggregator.metrics import BackendCertificateMetrics
from genericapiserver.aggregator.proxy.backend import Backend
from genericapiserver.aggregator.proxy.connection import BackendError, RequestHead
from genericapiserver.aggregator.proxy.handler import ProxySettings
from genericapiserver.aggregator.proxy.headers import identity_headers
from genericapiserver.aggregator.proxy.tls import TLSSettings, TransportError
from genericapiserver.aggregator.resolvers import Endpoint, ResolveError
from genericapiserver.apimachinery.go import quote
from genericapiserver.apis.apiregistration_v1 import DEFAULT_PORT, LEGACY_NAME, APIService

ATTEMPTS: Final = 5
TIMEOUT: Final = 5.0
"""Seconds for one request."""
GUARD: Final = 6.0
"""Seconds for one attempt with everything: a name server that does not answer is not the request's time."""
_OUT_OF_TIME: Final = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"


class ProbeError(Exception):
    """The server does not serve the group and version; the text says what it did instead."""


class Prober:
    """Asks servers as the aggregator itself, over connections of its own; `aclose` ends them."""

    def __init__(self, settings: ProxySettings) -> None:
        self._settings = settings
        self._metrics = BackendCertificateMetrics(settings.metrics)
        self._backends: dict[str, Backend] = {}

    async def probe(self, service: APIService) -> None:
        """Raises ProbeError with the last failure when no attempt succeeds."""
        try:
            backend = await self._backend(service)
        except TransportError as error:
            raise ProbeError(str(error)) from error
        failure = "cancelled"
        attempts = [asyncio.create_task(self._attempt(service, backend)) for _ in range(ATTEMPTS)]
        try:
            for done in asyncio.as_completed(attempts):
                failure = await done
                if not failure:
                    return
        finally:
            for attempt in attempts:
                attempt.cancel()
            await asyncio.gather(*attempts, return_exceptions=True)
            # After a failure the next one may be led to another server. After a success one connection will do: what
            # five of HTTP/1.1 hold in memory, times the APIServices, is more than opening them every half minute costs.
            backend.close_idle(keep=1 if not failure else 0)
        raise ProbeError(failure)

    async def forget(self, name: str) -> None:
        """There is no such APIService any more: close its connections."""
        if (backend := self._backends.pop(name, None)) is not None:
            await backend.aclose()

    async def aclose(self) -> None:
        for name in list(self._backends):
            await self.forget(name)

    async def _backend(self, service: APIService) -> Backend:
        """Raises TransportError."""
        name = service.metadata.name
        tls = TLSSettings.of(service, self._settings.client_certificate)
        backend = self._backends.get(name)
        if backend is None or backend.tls != tls:
            await self.forget(name)
            backend = self._backends[name] = Backend(tls, dial=self._settings.dial, metrics=self._metrics)
        return backend

    async def _attempt(self, service: APIService, backend: Backend) -> str:
        """Why it failed; nothing when it did not."""
        reference, spec = service.spec.service, service.spec
        assert reference is not None
        path = f"/api/{spec.version}" if service.metadata.name == LEGACY_NAME else f"/apis/{spec.group}/{spec.version}"
        try:
            endpoint = self._settings.resolver.resolve_endpoint(
                reference.namespace, reference.name, reference.port or DEFAULT_PORT
            )
        except (ResolveError, LookupError) as error:
            return str(error)
        url = f"https://{endpoint}{path}"
        try:
            async with asyncio.timeout(GUARD):
                status = await _get(backend, endpoint, path)
        except TimeoutError:
            return f"timed out waiting for {url}"
        except BackendError as error:
            return f"failing or missing response from {url}: Get {quote(url)}: {error}"
        if not 200 <= status < 300:
            return f"failing or missing response from {url}: bad status from {url}: {status}"
        return ""


async def _get(backend: Backend, endpoint: Endpoint, path: str) -> int:
    """The status of the answer. Raises BackendError."""
    head = RequestHead("GET", str(endpoint), path.encode(), identity_headers(KUBE_AGGREGATOR), 0)
    try:
        async with asyncio.timeout(TIMEOUT) as limit:
            exchange = await backend.open(endpoint)
            try:
                await exchange.send_head(head)
                response = await exchange.response()
                while await exchange.read():
                    pass  # a connection whose answer was read to its end serves the next one, too
                return response.status
            finally:
                exchange.close()
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise BackendError(_OUT_OF_TIME) from error
