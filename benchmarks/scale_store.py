"""A store with many objects, without asking a server for each: what `benchmarks.scale` begins with.

One object is made by the server itself; the bytes that it stored are the pattern of all others, so that they are exactly
what a server of this version would have written.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from benchmarks.client import JSON, Target, connect, exchange
from benchmarks.sample import free_port, started
from genericapiserver.storage.engine import StorageEngine
from genericapiserver.storage.factory import EtcdConfig, StorageConfig, open_engine
from genericapiserver.storage.files import FileEngine

MODULE = "examples.widgets.standalone"
PREFIX = "/registry/demo.example.com"
COLLECTION = "/apis/demo.example.com/v1/widgets"
NAMESPACES = 50
OF_A_KIND = 100
"""So many objects have one value of the label `team`, and of the field `status.phase`."""
WRITERS = 64
PADDING = "x" * 150


def namespace_of(number: int) -> str:
    return f"ns-{number % NAMESPACES:02}"


def name_of(number: int) -> str:
    return f"w-{number:06}"


def path_of(number: int) -> str:
    """Where the object of this number is served."""
    return f"/apis/demo.example.com/v1/namespaces/{namespace_of(number)}/widgets/{name_of(number)}"


def body_of(number: int) -> bytes:
    """The object of this number, to be created."""
    return json.dumps(
        {
            "apiVersion": "demo.example.com/v1",
            "kind": "Widget",
            "metadata": {
                "name": name_of(number),
                "labels": {"app": "bench", "team": f"t-{number // OF_A_KIND}"},
                "annotations": {"note": PADDING},
            },
            "spec": {"color": "red", "tags": ["one"]},
        }
    ).encode()


@attrs.frozen(kw_only=True)
class Place:
    """Where a store is: the engine's name, the folder of everything, and the cluster if it is etcd."""

    backend: str
    folder: Path
    servers: Sequence[str] = ()

    def flags(self) -> list[str]:
        """What tells a server of it."""
        flags = [f"--storage-backend={self.backend}", f"--data={self.folder}"]
        return [*flags, f"--etcd-servers={','.join(self.servers)}"] if self.servers else flags

    async def open(self) -> StorageEngine:
        """The engine without a server."""
        path = "" if self.servers else str(self.folder / ("objects" if self.backend == "file" else "objects.db"))
        config = StorageConfig(
            type=self.backend, path=path, prefix=PREFIX, etcd=EtcdConfig(servers=self.servers), compaction_interval=0
        )
        return await open_engine(config)


@contextmanager
def place(backend: str, servers: Sequence[str] = ()) -> Iterator[Place]:
    """An empty store that is gone with the block. etcd is started unless *servers* are given."""
    with tempfile.TemporaryDirectory() as folder:
        if backend != "etcd3" or servers:
            yield Place(backend=backend, folder=Path(folder), servers=servers)
            return
        with _etcd(Path(folder)) as url:
            yield Place(backend=backend, folder=Path(folder), servers=[url])


@contextmanager
def _etcd(folder: Path) -> Iterator[str]:
    urls = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
    command = [
        "etcd",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={urls[0]}",
        f"--advertise-client-urls={urls[0]}",
        f"--listen-peer-urls={urls[1]}",
        f"--initial-advertise-peer-urls={urls[1]}",
        f"--initial-cluster=default={urls[1]}",
        "--log-level=error",
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(100):
                if _answers(f"{urls[0]}/health"):
                    break
                process.poll()
                if process.returncode is not None:
                    raise SystemExit("etcd did not start")
            yield urls[0]
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=0.1):
            return True
    except OSError:
        return False


@contextmanager
def served(where: Place, *flags: str) -> Iterator[Target]:
    """A server on the store, until the block ends."""
    port = free_port()
    with started(MODULE, [f"--port={port}", *where.flags(), *flags], quiet=True) as process:
        yield target_of(where, port, process.pid)


def target_of(where: Place, port: int, pid: int) -> Target:
    """The server at *port*, with the administrator's certificate."""
    pki = where.folder / "pki"
    return Target(port=port, pids=[pid], ca=pki / "ca.crt", cert=pki / "admin.crt", key=pki / "admin.key")


def fill(where: Place, first: int, number: int) -> None:
    """Put the objects from *first* to before *number* into the store, which no server has open."""
    if first == 0:
        with served(where) as target:
            asyncio.run(create(target, 0, 1))
        first = 1
    asyncio.run(_copy(where, first, number))


async def _copy(where: Place, first: int, number: int) -> None:
    engine = await where.open()
    try:
        prefix = f"{PREFIX}/".encode()
        found = (await engine.range(prefix, prefix[:-1] + b"0")).kvs
        pattern = next(kv for kv in found if kv.key.endswith(f"/{namespace_of(0)}/{name_of(0)}".encode()))
        numbers = iter(range(first, number))

        async def write() -> None:
            for each in numbers:
                key, value = _made_from(pattern.key, pattern.value, each)
                await engine.put(key, value, expect_rev=0)

        await asyncio.gather(*(write() for _ in range(WRITERS)))
        if isinstance(engine, FileEngine):
            await engine.files_written()
    finally:
        await engine.aclose()


def _made_from(key: bytes, value: bytes, number: int) -> tuple[bytes, bytes]:
    """The key and the value of an object like the one of number 0."""
    namespace, name = namespace_of(number).encode(), name_of(number).encode()
    stored = json.loads(value)
    metadata = stored["metadata"]
    metadata["name"], metadata["namespace"] = name.decode(), namespace.decode()
    metadata["uid"] = f"{number:08x}-0000-4000-8000-000000000000"
    metadata["labels"]["team"] = f"t-{number // OF_A_KIND}"
    stored.setdefault("status", {})["phase"] = f"p-{number // OF_A_KIND}"
    head = key.rsplit(b"/", 2)[0]
    return b"/".join((head, namespace, name)), json.dumps(stored, separators=(",", ":")).encode() + b"\n"


async def create(target: Target, first: int, number: int, *, streams: int = 32) -> None:
    """Create the objects from *first* to before *number* by requests. Raises SystemExit when one fails."""
    clients = [await connect(target) for _ in range(4)]
    numbers = iter(range(first, number))

    async def write(at: int) -> None:
        for each in numbers:
            path = f"/apis/demo.example.com/v1/namespaces/{namespace_of(each)}/widgets"
            headers = [*target.headers("POST", path, JSON), ("content-type", JSON)]
            status = await exchange(clients[at % len(clients)], headers, body_of(each))
            if status not in (201, 409):
                raise SystemExit(f"creating object {each} answered {status}")

    await asyncio.gather(*(write(at) for at in range(streams)))
    for client in clients:
        client.close()
