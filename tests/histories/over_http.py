"""Histories end to end: the sample server in a process of its own, over TLS and HTTP/2, killed or told to stop.

Flunders stand for the objects. An update without a guard is a patch, of which nobody says what it started from; a deletion
without one is what a careful client does, a read and a deletion that insists on what was read.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import attrs

from benchmarks.shutdown_clients import Exchange, HTTP2Client, Outcome, Server
from tests.histories.places import RESTART
from tests.histories.recording import (
    BOOKMARK,
    CONFLICT,
    ERROR,
    EXISTS,
    FAILED,
    GONE,
    LATE,
    MISSING,
    OK,
    SYNCED,
    UNKNOWN,
    WRITES,
    Answer,
    History,
    Item,
    Request,
    Seen,
)
from tests.histories.remote import KILL
from tests.support.server_process import ServerProcess, free_port
from tests.support.standalone import WARDLE

API: Final = "/apis/wardle.example.com/v1beta1"
KIND: Final = {"apiVersion": "wardle.example.com/v1beta1", "kind": "Flunder"}
PATIENCE: Final = 30.0
"""Seconds for an answer."""
NAMESPACES: Final = ("red", "blue")
_BUSY: Final = (429, 503, 504)
_END: Final = "k8s.io/initial-events-end"
_NOTHING: Final[dict[str, Any]] = {}


class HTTPDoor:
    """One client's connection, made again when it is lost."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._client: HTTP2Client | None = None

    async def _connection(self) -> HTTP2Client:
        if self._client is None or not self._client.usable:
            self._client = await _connected(self._server)
        return self._client

    async def _exchange(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of an answer; status 0 without a whole one."""
        ended: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
        data = bytearray()
        client = await self._connection()
        client.send(
            Exchange(
                str(uuid.uuid4()),
                method,
                path,
                json.dumps(body).encode() if body is not None else b"",
                on_end=lambda exchange: None if ended.done() else ended.set_result(exchange),
                on_data=data.extend,
                content_type="application/merge-patch+json" if method == "PATCH" else "application/json",
            )
        )
        try:
            async with asyncio.timeout(PATIENCE):
                exchange = await ended
        except TimeoutError:
            return 0, {"message": f"no answer within {PATIENCE:.0f} seconds"}
        if exchange.outcome is not Outcome.ANSWERED:
            return 0, {"message": exchange.reason}
        return exchange.status, json.loads(data)

    async def ask(self, request: Request) -> Answer:
        status, found = 0, _NOTHING
        match request.kind:
            case "create":
                status, found = await self._exchange("POST", _collection(request.name), _flunder(request))
            case "update" if request.expect:
                status, found = await self._exchange("PUT", _path(request.name), _flunder(request))
            case "update":
                patch = {"spec": {"flunderReference": request.value}}
                status, found = await self._exchange("PATCH", _path(request.name), patch)
            case "delete":
                return await self._delete(request)
            case "get":
                query = f"?resourceVersion={request.at}" if request.at >= 0 else ""
                status, found = await self._exchange("GET", _path(request.name) + query)
            case "list":
                return await self._list(request)
        if status not in (200, 201):
            return _failure(request, status, found)
        if request.kind == "get":
            return Answer(outcome=OK, items=(_item(found),))
        return Answer(outcome=OK, revision=_revision(found))

    async def _delete(self, request: Request) -> Answer:
        while True:
            base = request.expect
            if not base:
                status, found = await self._exchange("GET", _path(request.name))
                if status != 200:
                    answer = _failure(request, status, found)  # nothing was deleted yet
                    return attrs.evolve(answer, outcome=LATE) if answer.outcome == UNKNOWN else answer
                base = _revision(found)
            options = {"preconditions": {"resourceVersion": str(base)}}
            status, found = await self._exchange("DELETE", _path(request.name), options)
            if status == 200:
                return Answer(outcome=OK, base=base)
            if status != 409 or request.expect:
                return attrs.evolve(_failure(request, status, found), base=base)

    async def _list(self, request: Request) -> Answer:
        query: dict[str, Any] = {"limit": request.limit} if request.limit else {}
        if request.at >= 0:
            query["resourceVersion"] = request.at
        if request.at > 0:
            query["resourceVersionMatch"] = "Exact" if request.exact else "NotOlderThan"
        items: list[Item] = []
        while True:
            status, page = await self._exchange("GET", f"{_collection(request.name)}?{urlencode(query)}")
            if status != 200:
                return _failure(request, status, page)
            items += [_item(item) for item in page["items"]]
            token = page["metadata"].get("continue")
            if not token:
                return Answer(outcome=OK, revision=_revision(page), items=tuple(items))
            query = {"limit": request.limit, "continue": token}

    async def watch(self, scope: str, after: int) -> AsyncGenerator[list[Seen]]:
        query: dict[str, Any] = {"watch": 1, "allowWatchBookmarks": "true"}
        query |= {"resourceVersion": after} if after >= 0 else {"sendInitialEvents": "true"}
        if after == -1:
            query["resourceVersionMatch"] = "NotOlderThan"
        if scope and not scope.endswith("/"):
            query["fieldSelector"] = f"metadata.name={scope.partition('/')[2]}"
        pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        exchange = Exchange(
            str(uuid.uuid4()),
            "GET",
            f"{_collection(scope)}?{urlencode(query)}",
            on_end=lambda ended: pieces.put_nowait(None),
            on_data=pieces.put_nowait,
        )
        client = await _connected(self._server)  # of its own, so that giving the watch up is closing it
        client.send(exchange)
        rest = b""
        try:
            while (piece := await pieces.get()) is not None:
                *lines, rest = (rest + piece).split(b"\n")
                if lines:
                    yield [_seen(json.loads(line)) for line in lines]
            if exchange.status not in (0, 200):
                yield [_seen({"type": ERROR, "object": json.loads(rest)})]
        finally:
            client.close()


async def _connected(server: Server) -> HTTP2Client:
    """A connection, once there is a server again."""
    while True:
        with suppress(OSError):
            return await server.http2()
        await asyncio.sleep(0.02)


def _collection(name: str) -> str:
    namespace = name.partition("/")[0]
    return f"{API}/namespaces/{namespace}/flunders" if namespace else f"{API}/flunders"


def _path(name: str) -> str:
    return f"{_collection(name)}/{quote(name.partition('/')[2])}"


def _flunder(request: Request) -> dict[str, Any]:
    namespace, _, name = request.name.partition("/")
    metadata = {"name": name, "namespace": namespace}
    if request.expect:
        metadata["resourceVersion"] = str(request.expect)
    return {**KIND, "metadata": metadata, "spec": {"flunderReference": request.value, "referenceType": "Flunder"}}


def _revision(found: dict[str, Any]) -> int:
    return int(found["metadata"]["resourceVersion"])


def _item(found: dict[str, Any]) -> Item:
    metadata = found["metadata"]
    return Item(f"{metadata['namespace']}/{metadata['name']}", found["spec"]["flunderReference"], _revision(found))


def _failure(request: Request, status: int, found: dict[str, Any]) -> Answer:
    text = f"{status} {found.get('message', '')}"
    # The storage's own timeout is answered with 500, as in the reference: the outcome is unknown.
    if status == 0 or status in _BUSY or (status == 500 and "StorageError: request timeout" in text):
        return Answer(outcome=UNKNOWN if request.kind in WRITES else LATE, text=text)
    if status == 409:
        return Answer(outcome=EXISTS if found["reason"] == "AlreadyExists" else CONFLICT)
    return Answer(outcome={404: MISSING, 410: GONE}.get(status, FAILED), text="" if status == 404 else text)


def _seen(event: dict[str, Any]) -> Seen:
    obj = event["object"]
    if event["type"] == ERROR:
        code = obj.get("code", 0)
        return Seen(ERROR, "" if code in (410, *_BUSY) else FAILED, obj.get("message", ""), code)
    if event["type"] == BOOKMARK:
        ends = _END in obj["metadata"].get("annotations", {})
        return Seen(SYNCED if ends else BOOKMARK, "", "", _revision(obj))
    item = _item(obj)
    return Seen(event["type"], item.name, item.value, item.revision)


class SampleServer:
    """The sample server with its objects in *folder*; started again on the same port after it was ended."""

    def __init__(self, folder: Path, flags: Sequence[str]) -> None:
        self._folder = folder
        self._port = free_port()
        self._arguments = [f"--data={folder / 'data'}", f"--port={self._port}", *flags]
        self._process: ServerProcess | None = None

    def start(self) -> Server:
        """Return once it is ready."""
        self._process = ServerProcess(WARDLE, self._arguments, self._folder / "logs")
        self._process.until_it_says("try:")
        return Server.at(self._port, self._folder / "data" / "pki")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        assert self._process is not None
        self._process.stop()


@attrs.define(eq=False)
class ServerPlace:
    """The store behind a server, a door for every client."""

    history: History
    sample: SampleServer
    server: Server
    epoch: int = 0
    _doors: dict[int, HTTPDoor] = attrs.field(factory=dict)
    _up: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def door(self, client: int) -> HTTPDoor:
        await self._up.wait()
        return self._doors.setdefault(client, HTTPDoor(self.server))

    async def clear(self) -> None:
        """Delete what the history before has left."""
        self._up.set()
        door = await self.door(-1)
        for namespace in NAMESPACES:
            await door.ask(Request(kind="list", name=f"{namespace}/"))
            status, found = await door._exchange("DELETE", f"{API}/namespaces/{namespace}/flunders")
            assert status == 200, found

    async def harm(self, kind: str, how: float) -> None:
        """Clients notice by themselves, and come again until the server is back."""
        assert kind in (KILL, RESTART)
        await asyncio.to_thread(self.sample.kill if kind == KILL else self.sample.stop)
        await asyncio.to_thread(self.sample.start)

    async def compact(self, revision: int) -> None:
        raise NotImplementedError("the server compacts by itself")


@asynccontextmanager
async def server_place(sample: SampleServer, server: Server, history: History) -> AsyncIterator[ServerPlace]:
    """An empty store behind *sample*, which is running as *server*."""
    place = ServerPlace(history, sample, server)
    await place.clear()
    yield place
