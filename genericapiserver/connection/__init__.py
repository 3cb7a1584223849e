"""From a socket to an ASGI scope: TLS, HTTP/2, HTTP/1.1, websockets, and stopping them gracefully.

Lives here: the asyncio protocols, their limits, the listening socket, the server object. Not here: where certificates
come from (`certificates`), who the peer is (`authentication`), anything Kubernetes. Imports only `aio`, `asgi` and
`metrics`.

Bytes go one way through it: `link` (TCP, TLS) -> `http2` or `http1` -> the handler's task, and back the same way.
`tls` makes the per-connection TLS state, `server` owns the listeners (`listener`, `unix_listener`, `inherited`, `memory`)
and all links.
"""

from genericapiserver.connection.inherited import inherited_listeners
from genericapiserver.connection.limits import ConnectionLimits
from genericapiserver.connection.listener import Listener, ListenerError, SocketListener, create_listener
from genericapiserver.connection.memory import MemoryListener
from genericapiserver.connection.server import HTTPServer
from genericapiserver.connection.tls import PeerTLS, ServingCertificate, TLSContexts
from genericapiserver.connection.unix_listener import create_unix_listener

__all__ = [
    "ConnectionLimits",
    "HTTPServer",
    "Listener",
    "ListenerError",
    "MemoryListener",
    "PeerTLS",
    "ServingCertificate",
    "SocketListener",
    "TLSContexts",
    "create_listener",
    "create_unix_listener",
    "inherited_listeners",
]
