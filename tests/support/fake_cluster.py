"""A core API server for tests: reviews of tokens and of access, and one ConfigMap; over TLS, in this very process.

It says what the test wants it to say: who has which token, what is allowed, and how it fails.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import attrs
import yaml

from genericapiserver.asgi import Receive, Scope, Send
from genericapiserver.certificates import StaticCertKeyContent
from genericapiserver.connection import create_listener
from genericapiserver.secure_serving import SecureServingInfo
from tests.support.pki import SERVER, issue

CONFIG_MAP_PATH = "/api/v1/namespaces/kube-system/configmaps"
CONFIG_MAP = "extension-apiserver-authentication"

Answer = tuple[int, dict[str, Any], list[tuple[bytes, bytes]]]
"""Status, body and headers."""
Fails = Callable[[str], Answer | None]


@attrs.define(eq=False)
class FakeCluster:
    """What the server holds, and what it was asked."""

    tokens: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    """Token to the user of its review."""
    allows: Callable[[dict[str, Any]], bool] = lambda spec: False
    """Whether the spec of a SubjectAccessReview is allowed."""
    fails: Fails = lambda path: None
    """Status, body and headers with which a request for a path is answered instead; None: as usual."""
    reviews: list[dict[str, Any]] = attrs.field(factory=list)
    requests: list[tuple[str, str, dict[str, str]]] = attrs.field(factory=list)
    """Method, path and headers."""
    hangs: asyncio.Event | None = None
    """While it is there and not set, nothing is answered."""
    url: str = ""
    ca_pem: bytes = b""
    _data: dict[str, str] | None = None
    _version: int = 1
    _watches: set[asyncio.Queue[bytes]] = attrs.field(factory=set)

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig for this server."""
        cluster = {"server": self.url, "certificate-authority-data": base64.b64encode(self.ca_pem).decode()}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"token": "the-servers-own-token"}}],
        }
        path.write_text(yaml.safe_dump(document))
        return path

    def publish(self, **data: str | list[str]) -> None:
        """Create or replace the ConfigMap; underscores stand for dashes, lists are written as JSON."""
        kind = "ADDED" if self._data is None else "MODIFIED"
        self._data = {
            key.replace("_", "-"): value if isinstance(value, str) else json.dumps(value) for key, value in data.items()
        }
        self._tell(kind)

    def unpublish(self) -> None:
        """Delete the ConfigMap."""
        self._tell("DELETED")
        self._data = None

    def watched(self) -> bool:
        return bool(self._watches)

    def _object(self) -> dict[str, Any]:
        metadata = {"name": CONFIG_MAP, "namespace": "kube-system", "resourceVersion": str(self._version)}
        return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": self._data or {}}

    def _tell(self, kind: str) -> None:
        self._version += 1
        event = json.dumps({"type": kind, "object": self._object()}).encode() + b"\n"
        for watch in self._watches:
            watch.put_nowait(event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        self.requests.append((scope["method"], path, {k.decode(): v.decode() for k, v in scope["headers"]}))
        body = await _body(receive)
        if self.hangs is not None:
            await self.hangs.wait()
        if (failure := self.fails(path)) is not None:
            status, document, headers = failure
            await _answer(send, status, document, headers)
        elif path.endswith("reviews"):
            await self._review(json.loads(body), send)
        elif path == CONFIG_MAP_PATH and b"watch=1" in scope["query_string"]:
            await self._watch(send)
        elif path == CONFIG_MAP_PATH:
            items = [self._object()] if self._data is not None else []
            await _answer(send, 200, {"metadata": {"resourceVersion": str(self._version)}, "items": items})
        elif path == f"{CONFIG_MAP_PATH}/{CONFIG_MAP}" and self._data is not None:
            await _answer(send, 200, self._object())
        else:
            await _answer(send, 404, {"kind": "Status", "status": "Failure", "message": f"{path} not found"})

    async def _review(self, document: dict[str, Any], send: Send) -> None:
        self.reviews.append(document)
        spec = document["spec"]
        if document["kind"] == "TokenReview":
            user = self.tokens.get(spec["token"])
            document["status"] = {"authenticated": True, "user": user} if user else {"authenticated": False}
        else:
            document["status"] = {"allowed": self.allows(spec)}
        await _answer(send, 201, document)

    async def _watch(self, send: Send) -> None:
        events: asyncio.Queue[bytes] = asyncio.Queue()
        self._watches.add(events)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": await events.get(), "more_body": True})
        finally:
            self._watches.discard(events)


@contextlib.asynccontextmanager
async def fake_cluster(**settings: Any) -> AsyncIterator[FakeCluster]:
    """Serve a FakeCluster on a free port."""
    authority = issue("cluster-ca", ca=True)
    pair = issue("localhost", authority, usages=[SERVER], dns=["localhost"], ips=["127.0.0.1"])
    cluster = FakeCluster(**settings)
    with create_listener("127.0.0.1", 0) as listener:
        info = SecureServingInfo(listener=listener, cert=StaticCertKeyContent("fake cluster", pair.pem, pair.key_pem))
        async with info.serve(cluster, shutdown_timeout=0.0) as serving:
            cluster.url, cluster.ca_pem = f"https://127.0.0.1:{serving.address[1]}", authority.pem
            yield cluster


async def _body(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _answer(
    send: Send, status: int, document: dict[str, Any], headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    data = json.dumps(document).encode()
    pairs = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data)), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": data})
