"""FileEdits against a server that refuses, fails, or is overtaken; tests/e2e/test_file_edits.py has the whole."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from genericapiserver import file_edits
from genericapiserver.client.transport import Response
from genericapiserver.file_edits import FileEdits
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.storage.files import FileEngine
from tests.storage.files_support import NO_COMPACTION, ONE, ONE_FILE, TWO, TWO_FILE, contents
from tests.support.clock import HandClock

DISCOVERY = {"resources": [{"name": "flunders", "kind": "Flunder", "namespaced": True}]}
Answer = Callable[[str, str, dict[str, Any]], Awaitable[Response]]


def flunder(name: str, **spec: Any) -> bytes:
    metadata = {"name": name, "namespace": "default"}
    return json.dumps(
        {"apiVersion": "wardle.example.com/v1", "kind": "Flunder", "metadata": metadata, "spec": spec}
    ).encode()


def answered(status: int, message: str = "", version: str = "1") -> Response:
    body = {"message": message} if message else {"metadata": {"resourceVersion": version}}
    return Response(status, {}, json.dumps(body).encode())


class FakeServer:
    """Discovers flunders, and answers every write by *answer*."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.writes: list[tuple[str, str]] = []

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Response:
        if method == "GET":
            return Response(200, {}, json.dumps(DISCOVERY).encode())
        self.writes.append((method, path))
        return await self.answer(method, path, json.loads(body))

    def stream(self, path: str, *, query: Mapping[str, str] | None = None) -> Any:
        raise NotImplementedError


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FileEngine]:
    """A folder with one object."""
    monkeypatch.setattr(file_edits, "SETTLE", 0.0)
    made = await FileEngine.open(tmp_path, initial_rev=1, retention=NO_COMPACTION, edits=True)
    await made.put(ONE, flunder("one", n=1), expect_rev=0)
    await made.files_written()
    yield made
    await made.aclose()


def edits_of(engine: FileEngine, server: FakeServer, clock: HandClock | None = None) -> FileEdits:
    return FileEdits(engine, server, prefix="/registry", metrics=MetricsRegistry(), clock=clock or HandClock())


async def test_an_update_is_guarded_by_the_version_that_the_file_showed(engine: FileEngine) -> None:
    bodies: list[dict[str, Any]] = []

    async def take(method: str, path: str, body: dict[str, Any]) -> Response:
        bodies.append(body)
        result = await engine.put(ONE, flunder("one", n=7), expect_rev=2)
        return answered(200, version=str(result.rev))

    server = FakeServer(take)
    shown = json.loads((engine.folder / ONE_FILE).read_bytes())
    shown["metadata"] |= {"resourceVersion": "1", "uid": "of an older life", "creationTimestamp": "then"}
    shown["spec"]["n"] = 7
    (engine.folder / ONE_FILE).write_text(json.dumps(shown))
    await edits_of(engine, server).apply(None)
    assert server.writes == [("PUT", "/apis/wardle.example.com/v1/namespaces/default/flunders/one")]
    assert bodies[0]["metadata"] == {"name": "one", "namespace": "default", "resourceVersion": "2"}
    await engine.files_written()
    assert json.loads((engine.folder / ONE_FILE).read_bytes())["metadata"]["resourceVersion"] == "3"
    await edits_of(engine, server).apply(None)
    assert len(server.writes) == 1


async def test_an_edit_that_was_overtaken_is_kept_aside(engine: FileEngine) -> None:
    async def overtake(method: str, path: str, body: dict[str, Any]) -> Response:
        await engine.put(ONE, flunder("one", n=2), expect_rev=2)
        await engine.files_written()
        return answered(409, "the object has been modified")

    edited = flunder("one", n=100)
    (engine.folder / ONE_FILE).write_bytes(edited)
    edits = edits_of(engine, FakeServer(overtake))
    await edits.apply(None)
    assert json.loads((engine.folder / ONE_FILE).read_bytes())["spec"] == {"n": 2}
    assert (engine.folder / f"{ONE_FILE}.edited").read_bytes() == edited
    assert edits.problems == {ONE_FILE: "the object has been modified"}
    await edits.apply(None)
    assert edits.problems == {}


async def test_what_is_refused_is_tried_again_seldom_and_at_once_when_it_is_changed(engine: FileEngine) -> None:
    async def refuse(method: str, path: str, body: dict[str, Any]) -> Response:
        return answered(422, "spec.n: Invalid value")

    server, clock = FakeServer(refuse), HandClock()
    edits = edits_of(engine, server, clock)
    (engine.folder / TWO_FILE).write_bytes(flunder("two"))
    for _ in range(3):
        await edits.apply(None)
    assert server.writes == [("POST", "/apis/wardle.example.com/v1/namespaces/default/flunders")]
    clock.seconds += 10
    await edits.apply(None)
    assert len(server.writes) == 2
    clock.seconds += 10
    await edits.apply(None)
    assert len(server.writes) == 2
    (engine.folder / TWO_FILE).write_bytes(flunder("two", n=1))
    await edits.apply([TWO_FILE])
    assert len(server.writes) == 3
    assert edits.problems == {TWO_FILE: "spec.n: Invalid value"}
    assert (engine.folder / TWO_FILE).read_bytes() == flunder("two", n=1)
    (engine.folder / TWO_FILE).unlink()
    await edits.apply([TWO_FILE])
    assert edits.problems == {}


async def test_a_deletion_that_is_refused_brings_the_file_back(engine: FileEngine) -> None:
    async def refuse(method: str, path: str, body: dict[str, Any]) -> Response:
        assert body["preconditions"] == {"resourceVersion": "2"}
        return answered(403, "not allowed")

    server = FakeServer(refuse)
    (engine.folder / ONE_FILE).unlink()
    edits = edits_of(engine, server)
    await edits.apply(None)
    assert server.writes == [("DELETE", "/apis/wardle.example.com/v1/namespaces/default/flunders/one")]
    assert edits.problems == {ONE_FILE: "not allowed"}
    await engine.files_written()
    assert (engine.folder / ONE_FILE).exists()


async def test_a_deletion_that_fails_for_now_is_tried_again(engine: FileEngine) -> None:
    async def fail(method: str, path: str, body: dict[str, Any]) -> Response:
        if len(server.writes) == 1:
            return answered(503, "later")
        await engine.delete(ONE, expect_rev=2)
        return answered(200)

    server, clock = FakeServer(fail), HandClock()
    (engine.folder / ONE_FILE).unlink()
    edits = edits_of(engine, server, clock)
    await edits.apply(None)
    assert edits.problems == {ONE_FILE: "later"}
    clock.seconds += 10
    await edits.apply(None)
    assert edits.problems == {}
    await engine.files_written()
    assert not (engine.folder / ONE_FILE).exists()


async def test_a_folder_that_is_gone_as_a_whole_deletes_nothing(engine: FileEngine) -> None:
    async def take(method: str, path: str, body: dict[str, Any]) -> Response:
        raise AssertionError(f"{method} {path}")

    aside = engine.folder.with_name("aside")
    engine.folder.rename(aside)
    try:
        await edits_of(engine, FakeServer(take)).apply(None)
        engine.folder.mkdir()
        edits = edits_of(engine, FakeServer(take))
        await edits.apply(None)
        assert "the journal cannot be written" in edits.problems[ONE_FILE]
        engine.folder.rmdir()
    finally:
        aside.rename(engine.folder)
    assert (await engine.get(ONE)).kv is not None


async def test_an_encrypted_object_cannot_be_edited_in_its_file(engine: FileEngine) -> None:
    async def take(method: str, path: str, body: dict[str, Any]) -> Response:
        raise AssertionError(f"{method} {path}")

    await engine.put(TWO, b"k8s:enc:secret", expect_rev=0)
    await engine.files_written()
    (engine.folder / TWO_FILE).write_text(json.dumps({"data": ["abc"], "encoding": "base64"}))
    edits = edits_of(engine, FakeServer(take))
    await edits.apply(None)
    assert edits.problems == {TWO_FILE: "it is no object with metadata"}
    (engine.folder / TWO_FILE).unlink()
    await edits.apply(None)
    assert edits.problems == {TWO_FILE: "it is not JSON: Expecting value: line 1 column 1 (char 0)"}
    await engine.files_written()
    assert (engine.folder / TWO_FILE).exists()


async def test_names_that_are_cut_can_be_edited_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the server runs, and while it does not."""
    monkeypatch.setattr(file_edits, "SETTLE", 0.0)
    name = "a" * 253
    key = ONE.replace(b"/one", b"/" + name.encode())

    async def take(method: str, path: str, body: dict[str, Any]) -> Response:
        kv = (await store.get(key)).kv
        expected = kv.mod_rev if kv is not None else 0
        if method == "DELETE":
            await store.delete(key, expect_rev=expected)
            return answered(200)
        result = await store.put(key, json.dumps(body).encode(), expect_rev=expected)
        return answered(200, version=str(result.rev))

    server = FakeServer(take)
    store = await FileEngine.open(tmp_path, initial_rev=1, retention=NO_COMPACTION, edits=True)
    path = tmp_path / store.path_of(key)
    assert "~" in path.name
    path.parent.mkdir(parents=True)
    path.write_bytes(flunder(name, n=1))
    await edits_of(store, server).apply(None)
    await store.files_written()
    path.write_bytes(flunder(name, n=2))
    await edits_of(store, server).apply(None)
    await store.aclose()
    path.write_bytes(flunder(name, n=3))
    store = await FileEngine.open(tmp_path, retention=NO_COMPACTION, edits=True)
    await edits_of(store, server).apply(None)
    await store.files_written()
    assert json.loads(path.read_bytes())["spec"] == {"n": 3}
    path.unlink()
    await edits_of(store, server).apply(None)
    assert [method for method, _ in server.writes] == ["POST", "PUT", "PUT", "DELETE"]
    await store.aclose()


async def test_writes_of_the_server_itself_are_never_taken_for_edits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are while files are looked at."""
    monkeypatch.setattr(file_edits, "SETTLE", 0.0)

    async def fail(method: str, path: str, body: dict[str, Any]) -> Response:
        raise AssertionError(f"{method} {path}")

    store = await FileEngine.open(tmp_path, initial_rev=1, retention=NO_COMPACTION, edits=True)
    server = FakeServer(fail)
    edits = edits_of(store, server)
    done = False

    async def write(name: str) -> None:
        key = ONE.replace(b"/one", b"/" + name.encode())
        for number in range(30):
            rev = (await store.put(key, flunder(name, n=number), expect_rev=0)).rev
            rev = (await store.put(key, flunder(name, n=-number), expect_rev=rev)).rev
            await store.delete(key, expect_rev=rev)

    async def look() -> None:
        while not done:
            assert await store.find_edits() == []
            await edits.apply(None)

    looking = asyncio.create_task(look())
    await asyncio.gather(*(write(f"n{number}") for number in range(8)))
    done = True
    await looking
    await store.aclose()
    assert server.writes == []
    assert not any(".edited" in path for path in contents(tmp_path))
