"""An aggregator over real TLS in the test's own loop, with a server of this process behind it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any

import attrs
import httpx

from genericapiserver.aggregator.options import AggregatorServerOptions
from genericapiserver.aggregator.registry import PATH
from genericapiserver.aggregator.resolvers import Endpoint
from genericapiserver.aggregator.server import APIAggregator
from genericapiserver.apis.apiregistration_v1 import AVAILABLE, APIService, find_condition
from genericapiserver.asgi import Message, Receive, Scope, Send
from genericapiserver.authentication import AuthenticationRequest, AuthenticationResponse
from genericapiserver.authentication.user import UserInfo
from genericapiserver.authorization import Authorizer
from genericapiserver.authorization.interfaces import AuthorizationResult, Decision
from genericapiserver.certificates import StaticCertKeyContent
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import AuthenticationInfo, AuthorizationInfo, RecommendedConfig
from genericapiserver.connection import create_listener
from genericapiserver.loopback import LoopbackClientConfig
from genericapiserver.secure_serving import SecureServingInfo
from tests.aggregator.support import CA, NAMESPACE, proxy_pair, until
from tests.support.pki import SERVER, issue

FRONT = issue("front", CA, ips=["127.0.0.1"], dns=["localhost"], usages=[SERVER])


class Tokens:
    """Whoever brings the token `alice` is alice."""

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        header = request.first_header(b"authorization") or ""
        name = header.removeprefix("Bearer ")
        if not name or name == "loopback":
            return None
        request.remove_headers((b"authorization",))
        groups = ["developers", "system:authenticated"]
        return AuthenticationResponse(UserInfo(name=name, uid=f"u-{name}", groups=groups, extra={"team": ["blue"]}))


class Everything:
    """Everybody may do everything."""

    async def authorize(self, attributes: object) -> AuthorizationResult:
        return AuthorizationResult(Decision.ALLOW)


@attrs.frozen(eq=False)
class Front:
    """A running aggregator."""

    aggregator: APIAggregator
    client: httpx.AsyncClient
    """Asks it as alice."""
    port: int

    async def register(self, name: str, **spec: Any) -> None:
        """Create an APIService; *spec* is what there is beside group, version and priorities."""
        version, _, group = name.partition(".")
        spec = {"group": group, "version": version, "groupPriorityMinimum": 1000, "versionPriority": 15, **spec}
        body = {"metadata": {"name": name}, "spec": spec}
        response = await self.client.post(PATH, json=body)
        assert response.status_code == 201, response.text

    async def patch(self, name: str, spec: Mapping[str, Any]) -> None:
        response = await self.client.patch(
            f"{PATH}/{name}",
            content=json.dumps({"spec": spec}),
            headers={"content-type": "application/merge-patch+json"},
        )
        assert response.status_code == 200, response.text

    def condition(self, name: str) -> str:
        """Status and reason of the condition Available, as far as routes follow it."""
        service = self.aggregator.api_services.get(name)
        condition = None if service is None else find_condition(service, AVAILABLE)
        return "" if condition is None else f"{condition.status} {condition.reason}"

    async def until_condition(self, name: str, wanted: str) -> APIService:
        await until(lambda: self.condition(name) == wanted)
        await self.aggregator.registration.controller.settled()
        service = self.aggregator.api_services.get(name)
        assert service is not None
        return service


@contextlib.asynccontextmanager
async def front(endpoints: Mapping[str, Endpoint] | None = None, **extra: Any) -> AsyncIterator[Front]:
    """Serve an aggregator that finds the service test-ns/<name> at *endpoints*; it is ready when the block begins."""
    options = AggregatorServerOptions()
    options.service_endpoint = [f"{NAMESPACE}/{name}={endpoint}" for name, endpoint in (endpoints or {}).items()]
    listener = create_listener("127.0.0.1", 0)
    port = listener.getsockname()[1]
    authorizer: Authorizer = Everything()
    config = RecommendedConfig(
        effective_version=EffectiveVersion.parse("1.36"),
        external_address=f"127.0.0.1:{port}",
        loopback_client_config=LoopbackClientConfig(host=f"https://127.0.0.1:{port}", bearer_token="loopback"),
        authentication=AuthenticationInfo(Tokens()),
        authorization=AuthorizationInfo(authorizer),
        secure_serving=SecureServingInfo(
            listener=listener, cert=StaticCertKeyContent("front", FRONT.pem, FRONT.key_pem)
        ),
        object_count_period=0,
    )
    storage = options.recommended.storage
    assert storage is not None
    storage.backend = "memory"
    await storage.apply_to(config)
    made = options.extra_of(config, proxy_pair())
    aggregator = await options.aggregator_of(config, attrs.evolve(made, **extra) if extra else made)
    server = aggregator.server
    async with server.prepare_run().serving():
        await server.wait_until_ready()
        context = ssl.create_default_context(cadata=CA.pem.decode())
        async with httpx.AsyncClient(
            base_url=f"https://127.0.0.1:{port}", verify=context, headers={"authorization": "Bearer alice"}, timeout=20
        ) as client:
            yield Front(aggregator, client, port)


async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers probes and discovery, and nothing else."""
    if scope["path"].count("/") > 3:
        await asyncio.Event().wait()
    start: Message = {"type": "http.response.start", "status": 200, "headers": []}
    await send(start)
    await send({"type": "http.response.body", "body": b"{}"})
