"""The widgets sample as properties need it: the whole server in this process, fresh for each example, and what to send."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from hypothesis import HealthCheck, settings

from examples.widgets.server import new_options
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import Config
from genericapiserver.loopback import LoopbackClientConfig
from genericapiserver.options.storage import StorageOptions
from tests.support.asgi_client import ASGIClient, ClientResponse

NAMESPACE = "/apis/demo.example.com/v1/namespaces/ns/widgets"
ALL = "/apis/demo.example.com/v1/widgets"
BACKENDS = ("memory", "sqlite")

EXAMPLES = os.environ.get("PROPERTY_EXAMPLES")
QUICK = settings(
    max_examples=int(EXAMPLES or 30),
    deadline=None,
    derandomize=EXAMPLES is None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
"""The same examples every time, for a suite is no place to find something new; PROPERTY_EXAMPLES=2000 looks for more."""


@contextlib.asynccontextmanager
async def widgets_server(backend: str = "memory") -> AsyncIterator[ASGIClient]:
    """A client of a server with every filter, which allows everything to everybody."""
    options = new_options()
    with tempfile.TemporaryDirectory() as folder:
        config = Config(
            effective_version=EffectiveVersion.parse("1.2"),
            external_address="localhost:443",
            loopback_client_config=LoopbackClientConfig(host="https://localhost:443", bearer_token="loopback"),
        )
        storage = StorageOptions(prefix="/registry", serializer=options.serializer, backend=backend)
        storage.path = f"{folder}/objects.db"
        await storage.apply_to(config)
        server = config.complete().new("widgets")
        server.install_api_groups(*options.api_groups(config))  # type: ignore[arg-type]
        try:
            yield ASGIClient(server)
        finally:
            await server.aclose()
            await config.close()


def serving(test: Callable[[ASGIClient], Awaitable[None]], backend: str = "memory") -> None:
    """Run *test* with a server of its own, to the end, as an example of hypothesis has to."""

    async def run() -> None:
        async with widgets_server(backend) as client:
            await test(client)

    asyncio.run(run())


def widget(name: str, *, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name}
    if labels:
        metadata["labels"] = labels
    return {
        "apiVersion": "demo.example.com/v1",
        "kind": "Widget",
        "metadata": metadata,
        "spec": {"color": "red", **spec},
    }


async def created(client: ASGIClient, body: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = done(await client.request("POST", NAMESPACE, body=body))
    return made


def done(response: ClientResponse) -> Any:
    """The body of a response that must be a success."""
    assert response.status in (200, 201), response.text
    return response.json()


def revision(obj: Any) -> int:
    return int(obj["metadata"]["resourceVersion"])
