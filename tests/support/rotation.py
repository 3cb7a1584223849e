"""Certificates that are replaced under a running server: its open responses, and when the new ones count."""

from __future__ import annotations

import asyncio
import ssl

import httpx
from cryptography import x509

from genericapiserver.asgi import Receive, Scope, Send
from genericapiserver.server import GenericAPIServer
from tests.support.identity_server import IdentityServer, authorities
from tests.support.pki import Issued


class Watches:
    """A handler whose responses go on until told to end; `tick` sends a line to each."""

    def __init__(self) -> None:
        self.lines: set[asyncio.Queue[bytes]] = set()

    def install(self, server: GenericAPIServer) -> None:
        server.handler.non_api_mux.handle("/watch", self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        lines: asyncio.Queue[bytes] = asyncio.Queue()
        self.lines.add(lines)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while line := await lines.get():
                await send({"type": "http.response.body", "body": line, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self.lines.discard(lines)

    def tick(self, line: bytes) -> None:
        for lines in self.lines:
            lines.put_nowait(line)


async def served_serial(server: IdentityServer, name: str) -> int:
    """The serial number of the certificate that a new connection for *name* gets."""
    context = ssl.create_default_context(cadata=authorities().server.pem.decode())
    _, writer = await asyncio.open_connection(*server.address, ssl=context, server_hostname=name)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return x509.load_der_x509_certificate(der).serial_number


async def until_served(server: IdentityServer, pair: Issued, name: str = "localhost") -> None:
    async with asyncio.timeout(10):
        while await served_serial(server, name) != pair.certificate.serial_number:
            await asyncio.sleep(0.01)


async def until_status(client: httpx.AsyncClient, status: int, headers: list[tuple[str, str]] | None = None) -> None:
    async with asyncio.timeout(10):
        while (await client.get("/whoami", headers=headers or [])).status_code != status:
            await asyncio.sleep(0.01)
