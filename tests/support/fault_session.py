"""A scripted session of a client with a whole server, on an engine that fails; and what has to hold however it fails.

What is true is what the engine behind the failing one has done. A `Session` goes through every verb in a namespace of its
own and keeps what it was told; a `Follower` beside it does what an informer does. Both are then held against it.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import quote

import attrs
import pytest

from examples.widgets.server import new_options
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import Config
from genericapiserver.loopback import LoopbackClientConfig
from genericapiserver.options import etcd_overrides
from genericapiserver.options.storage import StorageOptions
from genericapiserver.storage.engine import EngineEvent, StorageEngine
from genericapiserver.storage.factory import StorageConfig
from genericapiserver.storage.faulty import FaultyEngine, Manner
from tests.support.asgi_client import ASGIClient

API = "/apis/demo.example.com/v1"
PREFIX = b"/registry/demo.example.com/widgets/"
PATIENCE = 120.0
"""Seconds after which something that should have ended has not."""
DEADLINE = "40ms"
"""Of each request while calls hang."""
HANGING = (Manner.HANG, Manner.HANG_AFTERWARDS)
UNSURE = (Manner.TIMEOUT, Manner.ANSWER_LOST, *HANGING)
"""After these a client cannot know whether its write has happened."""


@attrs.frozen
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


class CallerGoneError(Exception):
    """The request was cancelled, as when its client has gone."""


@attrs.define
class Told:
    """What a request that writes was told. *events* are what the engine did meanwhile; *most* it may have done."""

    what: str
    answer: Answer | None
    events: list[EngineEvent]
    unsure: bool
    most: int = 1


@attrs.define(eq=False)
class Rig:
    """A server on *faulty*, and the truth behind it."""

    faulty: FaultyEngine
    client: ASGIClient
    truth: list[EngineEvent] = attrs.Factory(list)
    cancels: bool = False
    """Whether a request is cancelled when its call hangs."""

    async def exchange(
        self, method: str, target: str, body: Any = None, content_type: str = "application/json"
    ) -> Answer:
        """Raises CallerGoneError when the request was cancelled in the middle."""
        data = b"" if body is None else json.dumps(body).encode()
        headers = {"content-type": content_type, "content-length": str(len(data))} if body is not None else {}
        scope = self.client.scope(method, target, headers)
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": data, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        task = asyncio.ensure_future(self.client.app(scope, receive, send))
        waiting: list[asyncio.Future[Any]] = [task]
        struck = asyncio.ensure_future(self.faulty.struck.wait())
        if self.cancels and not self.faulty.struck.is_set():
            waiting.append(struck)
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if not task.done():
                    await asyncio.sleep(0)  # what is struck may be the call of somebody else, and this be done with it
                if not task.done():
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
                if task.cancelled():
                    raise CallerGoneError
                await task
        finally:
            struck.cancel()
        start = sent[0]
        answered = {name.decode(): value.decode() for name, value in start["headers"]}
        text = b"".join(message.get("body", b"") for message in sent[1:])
        return Answer(start["status"], answered, json.loads(text))


@contextlib.asynccontextmanager
async def faulty_server(engine: StorageEngine, *, cached: bool, deadline: float = 60.0) -> AsyncIterator[Rig]:
    """The widgets sample on *engine*, with every filter, which allows everything to everybody."""
    options = new_options()
    config = Config(
        effective_version=EffectiveVersion.parse("1.2"),
        external_address="localhost:443",
        loopback_client_config=LoopbackClientConfig(host="https://localhost:443", bearer_token="loopback"),
        request_timeout=deadline,
    )
    faulty = FaultyEngine(engine)

    async def open_engine(storage: StorageConfig) -> StorageEngine:
        return faulty

    storage = StorageOptions(prefix="/registry", serializer=options.serializer, backend="memory", watch_cache=cached)
    storage.readycheck_timeout = 0.5
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(etcd_overrides, "open_engine", open_engine)
        await storage.apply_to(config)
    server = config.complete().new("widgets")
    server.install_api_groups(*options.api_groups(config))  # type: ignore[arg-type]
    server.prepare_delegate()
    rig = Rig(faulty, ASGIClient(server))
    engine.subscribe(PREFIX, rig.truth.extend)
    try:
        yield rig
    finally:
        await server.aclose()
        await config.close()


def widget(name: str, color: str = "red", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "demo.example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name, **metadata},
        "spec": {"color": color},
    }


Step = Callable[["Session"], Awaitable[None]]


class Session:
    """What a client does in *namespace*, and what it was told."""

    def __init__(self, rig: Rig, namespace: str, manner: Manner) -> None:
        self.rig = rig
        self.namespace = namespace
        self.manner = manner
        self.root = f"{API}/namespaces/{namespace}/widgets"
        self.told: list[Told] = []
        self.failures: list[Answer] = []

    @property
    def truth(self) -> list[EngineEvent]:
        start = PREFIX + self.namespace.encode() + b"/"
        return [event for event in self.rig.truth if event.key.startswith(start)]

    async def _exchange(self, method: str, target: str, body: Any = None, kind: str = "json") -> Answer | None:
        if self.manner in HANGING and not self.rig.cancels:
            target += f"{'&' if '?' in target else '?'}timeout={DEADLINE}"
        try:
            answer = await self.rig.exchange(method, target, body, f"application/{kind}")
        except CallerGoneError:
            answer = None
        if self.rig.faulty.struck.is_set():
            self.rig.faulty.heal()
        if answer is not None and answer.status >= 500:
            self.failures.append(answer)
        return answer

    async def read(self, target: str) -> Any:
        """What was answered; None where nothing was."""
        answer = await self._exchange("GET", target)
        if answer is None or answer.status >= 500:
            return None
        expected = (200, 404, 410) if self.manner is Manner.COMPACTED else (200, 404)
        assert answer.status in expected, answer
        return answer.body if answer.status == 200 else None

    async def write(self, method: str, path: str, body: Any = None, kind: str = "json", *, most: int = 1) -> Any:
        before = len(self.truth)
        answer = await self._exchange(method, self.root + path, body, kind)
        unsure = answer is None or (answer.status >= 500 and self.manner in UNSURE)
        self.told.append(Told(f"{method} {path}", answer, self.truth[before:], unsure, most))
        return answer.body if answer is not None and answer.status < 300 else None

    async def run(self) -> None:
        """Every verb. What failed is gone on from as far as that makes sense."""
        a = await self.write("POST", "", widget("a", labels={"app": "x"}))
        await self.read(f"{self.root}/a")
        await self.write("POST", "", widget("", generateName="b-", labels={"app": "x"}))
        await self.write("POST", "?dryRun=All", widget("never"))
        if a is not None:
            await self.write("PUT", "/a", {**a, "spec": {**a["spec"], "color": "blue"}})
        await self.write("PATCH", "/a", {"metadata": {"labels": {"more": "y"}}}, "merge-patch+json")
        await self.write("PATCH", "/a/status", {"status": {"phase": "Fine"}}, "merge-patch+json")
        await self.write("PUT", "/create-by-update", widget("create-by-update"))
        for color in ("red", "blue"):
            await self.write("PATCH", "/c?fieldManager=m", widget("c", color), "apply-patch+yaml")
        await self.read(f"{self.root}/a?resourceVersion=0")
        await self._lists()
        await self._finalized()
        await self.write("DELETE", "/a")
        await self.write("DELETE", "?labelSelector=app%3Dx", most=2)
        await self.write(
            "DELETE", "/c", {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        )

    async def _lists(self) -> None:
        whole = await self.read(self.root)
        await self.read(f"{API}/widgets?labelSelector=app%3Dx&resourceVersion=0")
        if whole is not None:
            version = whole["metadata"]["resourceVersion"]
            await self.read(f"{self.root}?resourceVersion={version}&resourceVersionMatch=Exact")
        page = await self.read(f"{self.root}?limit=1")
        while page is not None and page["metadata"].get("continue"):
            page = await self.read(f"{self.root}?limit=1&continue={quote(page['metadata']['continue'])}")

    async def _finalized(self) -> None:
        await self.write("POST", "", widget("d", finalizers=["example.com/wait"]))
        await self.write("DELETE", "/d")
        patch = {"metadata": {"finalizers": None}}
        await self.write("PATCH", "/d", patch, "merge-patch+json")

    # ---- what has to hold

    def check_told(self) -> None:
        """What was acknowledged has happened as it was told, what was refused has not, and nothing has in part."""
        for told in self.told:
            answer, events = told.answer, told.events
            assert len(events) <= told.most, told
            if answer is None or answer.status >= 300:
                assert not events or told.unsure or told.most > 1, told
                continue
            if "dryRun" in told.what:
                assert not events, told
            elif answer.body["kind"] == "Widget":
                self._check_written(told, answer.body)

    def _check_written(self, told: Told, written: dict[str, Any]) -> None:
        metadata = written["metadata"]
        rev, name = int(metadata["resourceVersion"]), metadata["name"]
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):  # answered as the client left it
            assert [event.value for event in told.events] == [None], told
            return
        at = [event for event in self.truth if event.rev == rev and event.key.endswith(f"/{name}".encode())]
        assert at, f"{told.what} was told of revision {rev}, which is not there"
        if at[0].value is not None:
            assert as_told(json.loads(at[0].value), rev) == as_told(written, rev), told

    def check_answers(self) -> None:
        for answer in self.failures:
            body = answer.body
            assert (body["status"], body["code"]) == ("Failure", answer.status), answer
            assert body["message"]
            retry = body.get("details", {}).get("retryAfterSeconds")
            assert answer.headers.get("retry-after") == (str(retry) if retry else None), answer
            assert (answer.status, body.get("reason", "")) in ANSWERS[self.manner], answer

    async def check_state(self, plain: StorageEngine) -> None:
        """The server, from cache or not, and the engine have the same objects, and all of each."""
        state = self.state()
        found = (
            await plain.range(PREFIX + self.namespace.encode() + b"/", PREFIX + self.namespace.encode() + b"0")
        ).kvs
        assert {kv.key: (kv.mod_rev, json.loads(kv.value)) for kv in found} == state
        for query in ("", "?resourceVersion=0", "?limit=500"):
            answer = await self.rig.exchange("GET", self.root + query)
            assert answer.status == 200, answer
            items = {item["metadata"]["name"]: item for item in answer.body["items"]}
            assert sorted(items) == sorted(key.decode().rpartition("/")[2] for key in state)
            for key, (rev, value) in state.items():
                name = key.decode().rpartition("/")[2]
                assert as_told(items[name], rev) == as_told(value, rev)
                one = await self.rig.exchange("GET", f"{self.root}/{name}")
                assert as_told(one.body, rev) == as_told(value, rev)

    def state(self) -> dict[bytes, tuple[int, Any]]:
        """What the engine's events come to."""
        found: dict[bytes, tuple[int, Any]] = {}
        for event in self.truth:
            found.pop(event.key, None)
            if event.value is not None:
                found[event.key] = event.rev, json.loads(event.value)
        return found


_INTERNAL = (500, "InternalError")
_LATER = (500, "ServerTimeout")
_RAW = (500, "")
ANSWERS: dict[Manner, set[tuple[int, str]]] = {
    Manner.UNREACHABLE: {_LATER},
    Manner.FAULT: {_INTERNAL},
    Manner.DISK_FULL: {_INTERNAL},
    Manner.TIMEOUT: {_LATER, _RAW},
    Manner.ANSWER_LOST: {_LATER, _RAW},
    Manner.HANG: {(504, "Timeout"), _LATER},
    Manner.HANG_AFTERWARDS: {(504, "Timeout"), _LATER},
    Manner.COMPACTED: {_INTERNAL, (410, "Expired")},
}
"""Status and reason of failures (k8s.io/apiserver pkg/registry/generic/registry, pkg/api/errors/storage)."""


def as_told(obj: dict[str, Any], rev: int) -> dict[str, Any]:
    """What of *obj* is the same in the engine and in an answer."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    metadata["resourceVersion"] = str(rev)
    return {**obj, "metadata": metadata, "apiVersion": "", "kind": ""}


class Follower:
    """Lists, watches, and does both again as an informer does. *seen* are the events since the last list, at *listed*."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rig = session.rig
        self.listed = 0
        self.at = 0
        self.state: dict[str, int] = {}
        self.seen: list[tuple[int, str]] = []
        self.problems: list[str] = []
        self.known = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            try:
                if not self.listed:
                    await self._list()
                await self._watch()
            except TimeoutError:
                self.problems.append("a request of the follower has hung")
                return
            if self._rig.faulty.struck.is_set():
                self._rig.faulty.heal()
            await asyncio.sleep(0)

    async def _list(self) -> None:
        answer = await self._rig.exchange("GET", self._session.root)
        if answer.status == 200:
            self.listed = self.at = int(answer.body["metadata"]["resourceVersion"])
            self.state = {
                item["metadata"]["name"]: int(item["metadata"]["resourceVersion"]) for item in answer.body["items"]
            }
            self.seen = []
            self.known.set()
        else:
            self._session.failures.append(answer)

    async def _watch(self) -> None:
        target = f"{self._session.root}?watch=1&allowWatchBookmarks=true&resourceVersion={self.at}"
        async with self._rig.client.open("GET", target) as response:
            if response.status != 200:
                text = b""
                while piece := await response.piece():
                    text += piece
                self._session.failures.append(Answer(response.status, response.headers, json.loads(text)))
                if response.status == 410:
                    self.listed = 0
                return
            while line := await response.line():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    status = event["object"]
                    assert (status["status"], status["code"] in (410, 500)) == ("Failure", True), status
                    self.listed = 0
                    return
                self._take(event)

    def _take(self, event: Any) -> None:
        metadata = event["object"]["metadata"]
        rev = int(metadata["resourceVersion"])
        if event["type"] == "BOOKMARK":
            self.at = max(self.at, rev)
            return
        if rev <= self.at:
            self.problems.append(f"an event of revision {rev} after {self.at}")
        self.at = rev
        name = metadata["name"]
        self.seen.append((rev, name))
        if (event["type"] == "ADDED") == (name in self.state):
            self.problems.append(f"{event['type']} of {name}, which is {'known' if name in self.state else 'unknown'}")
        if event["type"] == "DELETED":
            self.state.pop(name, None)
        else:
            self.state[name] = rev

    async def check(self) -> None:
        """It comes to know what is true, and has seen every write since its last list once and in order."""
        wanted = {key.decode().rpartition("/")[2]: rev for key, (rev, _) in self._session.state().items()}
        async with asyncio.timeout(PATIENCE):
            while self.state != wanted or not self.listed:
                await asyncio.sleep(0.001)
        assert not self.problems
        events = [(event.rev, event.key.decode().rpartition("/")[2]) for event in self._session.truth]
        assert self.seen == [each for each in events if each[0] > self.listed]

    async def aclose(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


def no_more_than(before: set["asyncio.Task[Any]"]) -> Sequence["asyncio.Task[Any]"]:
    """Tasks that were not there *before* and are not done."""
    return [task for task in asyncio.all_tasks() if task not in before and not task.done()]
