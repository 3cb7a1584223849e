"""A cluster that a server delegates to: it answers TokenReview and SubjectAccessReview, over HTTPS, in a thread.

It knows two tokens, `token-alice` (alice of the group dev) and `token-root` (of system:masters). alice may do everything
with resources in the namespace dev and may GET /version; nobody else may do anything.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

USERS: dict[str, dict[str, Any]] = {
    "token-alice": {"username": "alice", "uid": "u-alice", "groups": ["dev"]},
    "token-root": {"username": "root", "groups": ["system:masters"]},
}
VERBS = frozenset(("get", "list", "watch", "create", "update", "patch", "delete"))


def review_token(spec: dict[str, Any]) -> dict[str, Any]:
    """The status of a TokenReview."""
    user = USERS.get(spec.get("token", ""))
    return {"authenticated": False} if user is None else {"authenticated": True, "user": user}


def review_access(spec: dict[str, Any]) -> dict[str, Any]:
    """The status of a SubjectAccessReview."""
    resource = spec.get("resourceAttributes") or {}
    page = spec.get("nonResourceAttributes") or {}
    in_dev = resource.get("namespace") == "dev" and resource.get("verb") in VERBS
    version = page.get("path") == "/version" and page.get("verb") == "get"
    return {"allowed": spec.get("user") == "alice" and (in_dev or version)}


REVIEWS = {"TokenReview": review_token, "SubjectAccessReview": review_access}


class _Reviewer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        self._answer(404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404})

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        review["status"] = REVIEWS[review["kind"]](review["spec"])
        self._answer(201, review)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the tests look at answers only."""

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A server that is stopped drops its connections to us; that is no news."""


@contextlib.contextmanager
def delegation(certificate: Path, key: Path) -> Iterator[str]:
    """Serve reviews for the length of the block; the address to ask."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with _QuietServer(("127.0.0.1", 0), _Reviewer) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
