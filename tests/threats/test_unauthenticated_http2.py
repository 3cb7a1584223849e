"""Who does not say who he is, or says it wrongly, gets one request a connection on HTTP/2 (CVE-2023-44487, k/k#121120)."""

from pathlib import Path

import httpx
import pytest

from genericapiserver.features import UNAUTHENTICATED_HTTP2_DOS_MITIGATION
from tests.support.identity_server import IdentityServer, certificate, identity_server

Headers = list[tuple[str, str]]


async def connections(server: IdentityServer, kind: str, headers: Headers, status: int, *, http2: bool) -> int:
    """How many connections four requests take, one after the other."""
    opened: set[object] = set()
    async with server.connected(certificate(kind), http2=http2) as client:
        for _ in range(4):
            async with client.stream("GET", "/whoami", headers=headers) as response:
                assert response.status_code == status
                stream: httpx.AsyncByteStream | object = response.extensions["network_stream"]
                opened.add(stream.get_extra_info("client_addr"))  # type: ignore[union-attr]
                await response.aread()
    return len(opened)


@pytest.mark.parametrize(
    ("kind", "headers", "status", "mitigated"),
    [
        ("none", [], 200, 4),
        ("client, expired", [], 401, 4),
        ("proxy", [], 401, 4),
        ("proxy", [("X-Remote-User", "system:anonymous")], 200, 4),
        ("proxy", [("X-Remote-User", "bob"), ("X-Remote-Group", "system:unauthenticated")], 200, 4),
        ("proxy", [("X-Remote-User", "bob")], 200, 1),
        ("client", [], 200, 1),
        ("client", [("X-Remote-User", "system:anonymous")], 200, 1),
    ],
)
async def test_four_requests(kind: str, headers: Headers, status: int, mitigated: int, tmp_path: Path) -> None:
    async with identity_server(tmp_path) as server:
        assert await connections(server, kind, headers, status, http2=True) == mitigated
        assert await connections(server, kind, headers, status, http2=False) == 1


@pytest.mark.parametrize(("kind", "status"), [("none", 200), ("client, expired", 401)])
async def test_it_can_be_switched_off(kind: str, status: int, tmp_path: Path) -> None:
    gates = {UNAUTHENTICATED_HTTP2_DOS_MITIGATION: False}
    async with identity_server(tmp_path, feature_gates=gates) as server:
        assert await connections(server, kind, [], status, http2=True) == 1
