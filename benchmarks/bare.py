"""The unit of every figure: a bare hypercorn that answers any request with the same 0.6 KB, and our driver likewise.

    python -m benchmarks.bare --server hypercorn --folder DIR      a server on a free port, made with DIR's certificates

It prints its port on the first line and serves until its standard input is closed. Both servers use asyncio's own loop,
TLS with an optional client certificate, HTTP/2, no access log and no limit of requests a connection.
"""

import argparse
import asyncio
import contextlib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
from hypercorn.asyncio import serve
from hypercorn.config import Config

from benchmarks.credentials import Credentials
from genericapiserver.asgi import Receive, Scope, Send
from genericapiserver.connection import HTTPServer, ServingCertificate, TLSContexts, create_listener

BODY = (
    b'{"kind":"Flunder","apiVersion":"wardle.example.com/v1alpha1","metadata":{"name":"x"},"spec":{"reference":"%s"}}\n'
    % (b"y" * 500)
)
_HEADERS = [
    (b"audit-id", b"4f7a3c1e-5b1d-4f6a-9a51-0d8f7e6c5b4a"),
    (b"cache-control", b"no-cache, private"),
    (b"content-type", b"application/json"),
    (b"content-length", b"%d" % len(BODY)),
]
SERVERS = ("hypercorn", "genericapiserver")


async def static(scope: Scope, receive: Receive, send: Send) -> None:
    """The application."""
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": BODY})


@attrs.frozen(kw_only=True)
class RunningServer:
    port: int
    pid: int


@contextlib.contextmanager
def running(server: str, credentials: Credentials) -> Iterator[RunningServer]:
    """Run one of SERVERS in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.bare", "--server", server, "--folder", str(credentials.ca.parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield RunningServer(port=int(process.stdout.readline()), pid=process.pid)
        finally:
            process.stdin.close()


async def _serve_hypercorn(folder: Path, stop: asyncio.Event) -> None:
    listener = create_listener("127.0.0.1", 0)
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.certfile = str(folder / "server.crt")
    config.keyfile = str(folder / "server.key")
    config.ca_certs = str(folder / "ca.crt")
    config.verify_mode = ssl.CERT_OPTIONAL
    config.keep_alive_max_requests = 10**12
    config.h2_max_concurrent_streams = 1000
    config.errorlog = None
    print(listener.getsockname()[1], flush=True)
    app: Any = static
    await serve(config=config, app=app, shutdown_trigger=stop.wait, mode="asgi")


async def _serve_ours(folder: Path, stop: asyncio.Event) -> None:
    certificate = ServingCertificate(
        certificate_pem=(folder / "server.crt").read_bytes(), private_key_pem=(folder / "server.key").read_bytes()
    )
    listener = create_listener("127.0.0.1", 0)
    server = HTTPServer(static, listener, tls=TLSContexts([certificate], request_client_certificate=True))
    await server.start()
    print(listener.getsockname()[1], flush=True)
    await stop.wait()
    await server.stop(1)


async def _main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.bare")
    parser.add_argument("--server", choices=SERVERS, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)
    await (_serve_hypercorn if arguments.server == "hypercorn" else _serve_ours)(arguments.folder, stop)


if __name__ == "__main__":
    asyncio.run(_main())
