"""An OpenID Connect issuer over HTTPS, in a thread: it describes itself, shows its keys, and signs whatever it is told."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.api_jws import PyJWS

from genericapiserver.client.fetch import FetchError
from tests.support.pki import SERVER, Issued, issue

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/keys"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

RSA_KEYS = [rsa.generate_private_key(65537, 2048) for _ in range(2)]
EC_KEY = ec.generate_private_key(ec.SECP256R1())


@attrs.define(eq=False)
class FakeIssuer:
    """What the issuer says. Paths that are in `documents` are answered from there, with a status and a body."""

    url: str = ""
    keys: dict[str, PrivateKey] = attrs.field(factory=lambda: {"one": RSA_KEYS[0]})
    documents: dict[str, tuple[int, bytes]] = attrs.field(factory=dict)
    requests: Counter[str] = attrs.field(factory=Counter)
    authorizations: list[str | None] = attrs.field(factory=list)

    def sign(
        self, claims: dict[str, Any], *, kid: str | None = "one", key: PrivateKey | None = None, **header: Any
    ) -> str:
        """A token of *claims* and our `iss`, unless they have one."""
        key = key or self.keys[kid or "one"]
        algorithm = header.pop("alg", "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256")
        if kid is not None:
            header["kid"] = kid
        payload = json.dumps({"iss": self.url, **claims}).encode()
        return PyJWS().encode(payload, key, algorithm=algorithm, headers=header)

    def answer(self, path: str) -> tuple[int, bytes]:
        if path in self.documents:
            return self.documents[path]
        if path == DISCOVERY:
            return 200, json.dumps({"issuer": self.url, "jwks_uri": self.url + JWKS}).encode()
        if path == JWKS:
            return 200, json.dumps({"keys": [_jwk(kid, key) for kid, key in self.keys.items()]}).encode()
        return 404, b"nothing here"


def _jwk(kid: str, key: PrivateKey) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        document = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        document = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**document, "kid": kid, "use": "sig"}


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust us, or goes away, is no news."""


@contextlib.contextmanager
def fake_issuer() -> Iterator[tuple[FakeIssuer, Issued]]:
    """Serve an issuer for the length of the block; it, and the authority of its certificate."""
    authority = issue("issuer CA", ca=True)
    server_certificate = issue("issuer", authority, usages=[SERVER], dns=["localhost"], ips=["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_certificate.load_into(context)
    issuer = FakeIssuer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_GET(self) -> None:
            issuer.requests[self.path] += 1
            issuer.authorizations.append(self.headers["Authorization"])
            status, body = issuer.answer(self.path)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", issuer.url + JWKS)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with _Quiet(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        issuer.url = f"https://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield issuer, authority
        finally:
            server.shutdown()
            thread.join()


@attrs.frozen
class DirectFetcher:
    """Gets the documents of *issuers* without a network between."""

    issuers: tuple[FakeIssuer, ...]

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> bytes:
        for issuer in self.issuers:
            if url.startswith(issuer.url + "/"):
                path = url.removeprefix(issuer.url)
                issuer.requests[path] += 1
                issuer.authorizations.append((headers or {}).get("authorization"))
                status, body = issuer.answer(path)
                if status == 200:
                    return body
                raise FetchError(f'Get "{url}": {status}')
        raise FetchError(f'Get "{url}": no such host')

    async def aclose(self) -> None:
        """There is nothing to close."""
