"""FileEdits against a server that refuses, fails, or is overtaken; tests/e2e/test_file_edits.py has the whole."""

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
from tests.storage.files_support import NO_COMPACTION, ONE, ONE_FILE, TWO, TWO_FILE
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
