"""From paths to views: `/<view>/...` is the whole API of that view, with the prefix taken off.

The rest is the server's own. Pages that are the same for all views (discovery, OpenAPI, the version, health, metrics) are
there without a prefix, too: `kubectl get --raw` drops that of the kubeconfig's server. Objects are not, because what a
client meant for a sandbox must not be done to the base.
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import msgspec

from genericapiserver.apimachinery.meta import ServerAddressByClientCIDR
from genericapiserver.asgi import Handler, Receive, Scope, Send, send_response
from genericapiserver.config import CompletedConfig
from genericapiserver.endpoints.discovery.addresses import EVERYWHERE
from genericapiserver.minkapi.config import RESERVED_NAMES
from genericapiserver.storage.views import CurrentEngine, ViewEngine

_DISCOVERY_SEGMENTS: Final = {"api": 2, "apis": 3}
"""How long a path of discovery is: what is longer is about objects."""

FindView = Callable[[str], ViewEngine | None]


class ViewRouter:
    """Stands before the filter chain: says which view a request is for. *views* finds one by its name."""

    def __init__(self, engine: CurrentEngine, views: FindView) -> None:
        self._engine = engine
        self._views = views

    def before(self, chain: Handler, completed: CompletedConfig) -> Handler:
        async def route(scope: Scope, receive: Receive, send: Send) -> None:
            path: str = scope["path"]
            name, _, rest = path[1:].partition("/")
            view = self._views(name)
            if view is not None:
                with self._engine.use(view):
                    await chain(_below(scope, name, rest), receive, send)
            elif not name or (name in RESERVED_NAMES and not _is_about_objects(name, rest)):
                await chain(scope, receive, send)
            else:
                await _send_no_view(send, name, rest)

        return route


def _below(scope: Scope, name: str, rest: str) -> Scope:
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    prefix = f"/{name}".encode()
    raw = raw[len(prefix) :] if raw.startswith(prefix) else quote(f"/{rest}").encode()
    return {**scope, "path": f"/{rest}", "raw_path": raw or b"/", "root_path": f"/{name}"}


def _is_about_objects(name: str, rest: str) -> bool:
    longest = _DISCOVERY_SEGMENTS.get(name)
    return longest is not None and len([segment for segment in rest.split("/") if segment]) >= longest


async def _send_no_view(send: Send, name: str, rest: str) -> None:
    """A Status in JSON, whatever the client prefers: no filter has looked at the request yet."""
    if name in RESERVED_NAMES:
        text = f"the path /{name}/{rest} is about objects of no view: put the name of one before it"
    else:
        text = f'there is no view "{name}": GET /views lists those there are, POST /views/{name} makes it'
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": text}
    body = msgspec.json.encode({**status, "reason": "NotFound", "code": 404})
    await send_response(send, 404, body + b"\n", b"application/json")


class ViewAddresses:
    """Where discovery sends clients: to the view that they ask. *bind* tells host and port, *name* the view in use."""

    depend_on_client = True

    def __init__(self, bind: Callable[[], str], name: Callable[[], str]) -> None:
        self._bind = bind
        self._name = name

    def for_client(self, client: str) -> tuple[ServerAddressByClientCIDR, ...]:
        address = f"{self._bind()}/{self._name()}"
        return (ServerAddressByClientCIDR(client_cidr=EVERYWHERE, server_address=address),)
