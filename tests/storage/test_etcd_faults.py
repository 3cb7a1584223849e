"""The n-th call to etcd is cut, before it arrives or when it has been done, for every n of a session; and the n-th answer of
the watch that everything is heard by."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any, Self

import grpc
import grpc.aio
import pytest

from genericapiserver.storage.engine import EngineError, EngineEvent, EngineTimeoutError
from genericapiserver.storage.etcd import messages
from genericapiserver.storage.etcd.client import EtcdClient
from genericapiserver.storage.etcd.endpoint import Endpoint
from genericapiserver.storage.etcd.engine import EtcdEngine
from tests.support.etcd import EtcdProcess, needs_etcd, one_etcd

pytestmark = needs_etcd
PATIENCE = 120.0


@pytest.fixture(scope="module")
def member() -> Iterator[EtcdProcess]:
    with one_etcd() as member:
        yield member


def broken(code: grpc.StatusCode, text: str) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), text)


NOT_CONNECTED = broken(grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses")
CLOSED = broken(grpc.StatusCode.UNAVAILABLE, "Socket closed")
TOO_LATE = broken(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
NO_LEADER = broken(grpc.StatusCode.UNAVAILABLE, "etcdserver: no leader")
LEADER_CHANGED = broken(grpc.StatusCode.UNAVAILABLE, "etcdserver: leader changed")


class Cuts:
    """Cuts the call number *fail*, counted over all endpoints, with *error*; *after* it was done, or before."""

    def __init__(self, patched: pytest.MonkeyPatch, fail: int, error: grpc.aio.AioRpcError, *, after: bool) -> None:
        self.calls = 0
        real = Endpoint.call

        async def call(endpoint: Endpoint, method: str, request: Any, timeout: float) -> Any:
            self.calls += 1
            cut = self.calls == fail
            if cut and not after:
                raise error
            answer = await real(endpoint, method, request, timeout)
            if cut:
                raise error
            return answer

        patched.setattr(Endpoint, "call", call)


class CutStreams:
    """Cuts the answer number *fail* of all streams."""

    def __init__(self, patched: pytest.MonkeyPatch, fail: int, *, lost: bool) -> None:
        self.answers = 0
        cuts, real = self, Endpoint.watch

        class Stream:
            def __init__(self, stream: Any) -> None:
                self._stream = stream

            def __getattr__(self, name: str) -> Any:
                return getattr(self._stream, name)

            async def read(self) -> Any:
                if lost:
                    answer = await self._stream.read()
                    cuts.answers += 1
                else:
                    cuts.answers += 1
                if cuts.answers == fail:
                    self._stream.cancel()
                    raise CLOSED
                return answer if lost else await self._stream.read()

        patched.setattr(Endpoint, "watch", lambda endpoint: Stream(real(endpoint)))


class Client:
    """Writes, and keeps what may be there by what it was told."""

    def __init__(self, engine: EtcdEngine) -> None:
        self._engine = engine
        self._revs: dict[bytes, int] = {}
        self.possible: dict[bytes, list[bytes | None]] = {}

    async def write(self, key: bytes, value: bytes | None) -> None:
        possible = self.possible.setdefault(key, [None])
        try:
            if len(possible) > 1:
                kv = (await self._engine.get(key)).kv
                self._revs[key] = kv.mod_rev if kv else 0
            expect = self._revs.get(key, 0)
            if value is None:
                result = await self._engine.delete(key, expect_rev=expect)
            else:
                result = await self._engine.put(key, value, expect_rev=expect)
        except EngineTimeoutError:
            possible.append(value)
            return
        except EngineError:
            return
        if result.ok:
            possible[:] = [value]
            self._revs[key] = 0 if value is None else result.rev
        else:
            assert len(possible) > 1 or (value is None and possible == [None]), (key, value, possible, result)


@contextlib.asynccontextmanager
async def opened(member: EtcdProcess, prefix: str) -> AsyncIterator[EtcdEngine]:
    engine = await EtcdEngine.open([member.url], prefix=prefix, compaction_interval=0)
    try:
        yield engine
    finally:
        await engine.aclose()


async def session(member: EtcdProcess, prefix: str) -> None:
    """Some writes and reads, and whether all is as somebody was told."""
    a, b = f"{prefix}/pods/ns/a".encode(), f"{prefix}/pods/ns/b".encode()
    start, end = f"{prefix}/pods/".encode(), f"{prefix}/pods0".encode()
    before = asyncio.all_tasks()
    async with asyncio.timeout(PATIENCE), opened(member, prefix) as engine:
        heard: list[EngineEvent] = []
        engine.subscribe(start, heard.extend)
        client = Client(engine)
        for number in range(2):
            await client.write(a, b"%d" % number)
            await client.write(b, b"%d" % number)
            with contextlib.suppress(EngineError):
                await engine.range(start, end, limit=1)
            with contextlib.suppress(EngineError):
                await engine.catch_up()
        await client.write(a, None)
        await client.write(a, b"again")
        async with Beside(member) as beside:
            there = await beside.all(start, end)
        with contextlib.suppress(EngineError):
            await engine.catch_up()
        await engine.catch_up()
        found = await engine.range(start, end)
    assert {kv.key: kv.value for kv in found.kvs} == there
    for key, possible in client.possible.items():
        assert there.get(key) in possible
    state: dict[bytes, bytes] = {}
    for event in heard:
        state.pop(event.key, None)
        if event.value is not None:
            state[event.key] = event.value
    assert state == there
    assert [event.rev for event in heard] == sorted({event.rev for event in heard})
    async with asyncio.timeout(PATIENCE):
        while [task for task in asyncio.all_tasks() if task not in before and not task.done()]:
            await asyncio.sleep(0)


class Beside:
    """Another program, which is not cut."""

    def __init__(self, member: EtcdProcess) -> None:
        self._client = EtcdClient([member.url])
        self._real = REAL_CALL

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.aclose()

    async def all(self, start: bytes, end: bytes) -> dict[bytes, bytes]:
        request = messages.RangeRequest(key=start, range_end=end)
        answer = await self._real(self._client.endpoint, "Range", request, 10.0)
        return {kv.key: kv.value for kv in answer.kvs}


REAL_CALL = Endpoint.call


@pytest.mark.parametrize(
    ("error", "after"),
    [
        pytest.param(NOT_CONNECTED, False, id="not connected"),
        pytest.param(NO_LEADER, False, id="no leader"),
        pytest.param(CLOSED, False, id="closed before"),
        pytest.param(CLOSED, True, id="closed after"),
        pytest.param(TOO_LATE, False, id="too late before"),
        pytest.param(TOO_LATE, True, id="too late after"),
        pytest.param(LEADER_CHANGED, True, id="leader changed after"),
    ],
)
async def test_whatever_call_is_cut_what_was_told_is_true(
    member: EtcdProcess, request: pytest.FixtureRequest, error: grpc.aio.AioRpcError, after: bool
) -> None:
    name = request.node.callspec.id.replace(" ", "-")
    fail, calls = 0, 1
    while fail <= calls:
        with pytest.MonkeyPatch.context() as patched:
            cuts = Cuts(patched, fail, error, after=after)
            try:
                await session(member, f"/{name}-{fail}")
            except BaseException as problem:
                problem.add_note(f"call {fail} of {calls}")
                raise
        if not fail:
            calls = cuts.calls
            assert calls > 12
        fail += 1


@pytest.mark.parametrize("lost", [True, False], ids=["with the answer", "before the answer"])
async def test_whatever_answer_the_watch_is_cut_at_nothing_is_missed(member: EtcdProcess, lost: bool) -> None:
    fail, answers = 0, 1
    while fail <= answers:
        with pytest.MonkeyPatch.context() as patched:
            cuts = CutStreams(patched, fail, lost=lost)
            try:
                await session(member, f"/watch-{lost}-{fail}")
            except BaseException as problem:
                problem.add_note(f"answer {fail} of {answers}")
                raise
        if not fail:
            answers = cuts.answers
            assert answers > 6
        fail += 1
