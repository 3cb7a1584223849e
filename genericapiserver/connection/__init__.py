"""From a socket to an ASGI scope: TLS, HTTP/2, HTTP/1.1, websockets, and stopping them gracefully.

Lives here: the asyncio protocols, their limits, the listening socket, the server object. Not here: where certificates
come from (`certificates`), who the peer is (`authentication`), anything Kubernetes. Imports only `aio`, `asgi` and
`metrics`.

Bytes go one way through it: `link` (TCP, TLS) -> `http2` or `http1` -> the handler's task, and back the same way.
`tls` makes the per-connection TLS state, `server` owns the listener and all links.
"""

from genericapiserver.connection.limits import ConnectionLimits
from genericapiserver.connection.listener import create_listener
from genericapiserver.connection.server import HTTPServer
from genericapiserver.connection.tls import PeerTLS, ServingCertificate, TLSContexts

__all__ = ["ConnectionLimits", "HTTPServer", "PeerTLS", "ServingCertificate", "TLSContexts", "create_listener"]
