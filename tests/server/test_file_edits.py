"""FileEdits against a server that refuses, fails, or is overtaken; tests/e2e/test_file_edits.py has the whole."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from genericapiserver import file_edits
from genericapiserver.client.transport import Response
from genericapiserver.file_edits import FileEdits
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.files_reading import LONGEST_FILE
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


@pytest.mark.parametrize("next_edit", [flunder("one", n=8), None], ids=["written", "deleted"])
async def test_what_is_done_while_an_edit_is_taken_in_is_the_next_edit(
    engine: FileEngine, next_edit: bytes | None
) -> None:
    path, asked = engine.folder / ONE_FILE, list[tuple[str, str]]()

    async def take(method: str, _: str, body: dict[str, Any]) -> Response:
        version = body["preconditions" if method == "DELETE" else "metadata"]["resourceVersion"]
        asked.append((method, version))
        if len(asked) == 1 and next_edit is not None:
            path.write_bytes(next_edit)
        elif len(asked) == 1:
            path.unlink()
        value = None if method == "DELETE" else flunder("one", **body["spec"])
        if value is None:
            result = await engine.delete(ONE, expect_rev=int(version))
        else:
            result = await engine.put(ONE, value, expect_rev=int(version))
        await engine.files_written()
        return answered(200, version=str(result.rev))

    path.write_bytes(flunder("one", n=7))
    edits = edits_of(engine, FakeServer(take))
    await edits.apply(None)
    await edits.apply(None)
    await edits.apply(None)
    assert asked == [("PUT", "2"), ("DELETE" if next_edit is None else "PUT", "3")]
    assert (path.read_bytes() if path.exists() else None) == next_edit
    assert not engine.set_aside


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
    assert edits.problems == {TWO_FILE: "its object is encrypted, or not JSON: delete it with a client"}
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


# ---- YAML, and what files may be


YAML_FILE = ONE_FILE.replace(".json", ".yaml")
BY_HAND = b"""# why it is so
apiVersion: wardle.example.com/v1
kind: Flunder
metadata: {name: one, namespace: default}
spec:
  size: 5  # five
"""


class Storing(FakeServer):
    """Does what it is asked to, as a server would, and counts in *revisions* what it has written."""

    def __init__(self, engine: FileEngine) -> None:
        super().__init__(self.store)
        self.engine = engine

    async def store(self, method: str, path: str, body: dict[str, Any]) -> Response:
        name = path.rpartition("/")[2] if method != "POST" else body["metadata"]["name"]
        key = ONE.replace(b"/one", b"/" + name.encode())
        kv = (await self.engine.get(key)).kv
        if method == "DELETE":
            await self.engine.delete(key, expect_rev=kv.mod_rev if kv else 0)
            return answered(200)
        if (kv is not None) == (method == "POST"):
            return answered(409, "already exists" if kv else "gone")
        if kv is not None and body["metadata"].pop("resourceVersion") != str(kv.mod_rev):
            return answered(409, "the object has been modified")
        value = json.dumps(body).encode()
        if kv is not None and json.loads(kv.value) == body:
            return answered(200, version=str(kv.mod_rev))
        result = await self.engine.put(key, value, expect_rev=kv.mod_rev if kv else 0)
        return answered(200, version=str(result.rev))


def names_in(engine: FileEngine) -> list[str]:
    return sorted(path.name for path in (engine.folder / ONE_FILE).parent.iterdir())


async def spec_of(engine: FileEngine) -> Any:
    kv = (await engine.get(ONE)).kv
    return None if kv is None else json.loads(kv.value)["spec"]


async def test_a_file_by_hand_keeps_its_form_and_comments_until_others_change_the_object(engine: FileEngine) -> None:
    """Over restarts, without being taken for an edit again."""
    (engine.folder / ONE_FILE).unlink()
    (engine.folder / YAML_FILE).write_bytes(BY_HAND)
    server = Storing(engine)
    await edits_of(engine, server).apply(None)
    await engine.files_written()
    assert [method for method, _ in server.writes] == ["PUT"]
    assert (engine.folder / YAML_FILE).read_bytes() == BY_HAND
    assert names_in(engine) == ["one.yaml"]
    await edits_of(engine, server).apply(None)
    await engine.aclose()
    again = await FileEngine.open(engine.folder, retention=NO_COMPACTION, edits=True)
    server.engine = again
    await edits_of(again, server).apply(None)
    assert len(server.writes) == 1
    (engine.folder / YAML_FILE).write_bytes(b"# news\n" + BY_HAND)
    await edits_of(again, server).apply(None)
    await again.files_written()
    assert await again.find_edits() == []
    assert (engine.folder / YAML_FILE).read_bytes() == b"# news\n" + BY_HAND
    kv = (await again.get(ONE)).kv
    assert kv is not None
    await again.put(ONE, flunder("one", size=6), expect_rev=kv.mod_rev)
    await again.files_written()
    assert b"size: 6" in (engine.folder / YAML_FILE).read_bytes()
    assert names_in(engine) == ["one.yaml"]
    await again.aclose()


async def test_removing_a_line_while_no_server_runs_is_an_edit(engine: FileEngine) -> None:
    (engine.folder / ONE_FILE).unlink()
    (engine.folder / YAML_FILE).write_bytes(BY_HAND + b"  more: 1\n")
    server = Storing(engine)
    await edits_of(engine, server).apply(None)
    await engine.files_written()
    await engine.aclose()
    (engine.folder / YAML_FILE).write_bytes(BY_HAND)
    server.engine = again = await FileEngine.open(engine.folder, retention=NO_COMPACTION, edits=True)
    await edits_of(again, server).apply(None)
    assert await spec_of(again) == {"size": 5}
    await again.aclose()


async def test_two_files_for_one_object_are_told_of_and_neither_is_lost(engine: FileEngine) -> None:
    (engine.folder / YAML_FILE).write_bytes(BY_HAND)
    two = (engine.folder / TWO_FILE, engine.folder / TWO_FILE.replace(".json", ".yml"))
    for path in two:
        path.write_bytes(flunder("two", n=1))
    server = Storing(engine)
    edits = edits_of(engine, server)
    await edits.apply(None)
    assert server.writes == []
    assert sorted(edits.problems) == sorted([YAML_FILE, TWO_FILE, TWO_FILE.replace(".json", ".yml")])
    assert f"the object of this file has another one, {ONE_FILE}: keep one of them" in edits.page()
    assert names_in(engine) == ["one.json", "one.yaml", "two.json", "two.yml"]
    two[0].unlink()
    (engine.folder / ONE_FILE).unlink()
    await edits.apply(None)
    await engine.files_written()
    assert await spec_of(engine) == {"size": 5}
    assert edits.problems == {}
    assert names_in(engine) == ["one.yaml", "two.yml"]


async def test_an_edit_in_another_form_that_was_overtaken_is_kept_aside(engine: FileEngine) -> None:
    async def overtake(method: str, path: str, body: dict[str, Any]) -> Response:
        # It says all that the file says, and more: it is not what the person has written.
        await engine.put(ONE, flunder("one", size=5, more=1), expect_rev=2)
        await engine.files_written()
        return answered(409, "the object has been modified")

    (engine.folder / ONE_FILE).unlink()
    (engine.folder / YAML_FILE).write_bytes(BY_HAND)
    edits = edits_of(engine, FakeServer(overtake))
    await edits.apply(None)
    await engine.files_written()
    assert names_in(engine) == ["one.yaml", "one.yaml.edited"]
    assert (engine.folder / f"{YAML_FILE}.edited").read_bytes() == BY_HAND
    assert b"more: 1" in (engine.folder / YAML_FILE).read_bytes()
    assert f"{YAML_FILE}.edited" in edits.page()


async def test_new_files_are_yaml_where_that_is_wanted(tmp_path: Path) -> None:
    """And what was edited is told from what a crash has left behind."""
    store = await FileEngine.open(tmp_path, initial_rev=1, retention=NO_COMPACTION, suffix=".yaml")
    rev = (await store.put(ONE, flunder("one", n=1), expect_rev=0)).rev
    await store.files_written()
    first = (tmp_path / YAML_FILE).read_bytes()
    assert first.startswith(b"apiVersion: wardle.example.com/v1\nkind: Flunder\nmetadata:\n  name: one\n")
    await store.put(ONE, flunder("one", n=2), expect_rev=rev)
    await store.put(TWO, flunder("two"), expect_rev=0)
    await store.aclose()
    assert json.loads((tmp_path / "journal/files.json").read_bytes())[YAML_FILE][1:] == [3, False]
    newest = (tmp_path / YAML_FILE).read_bytes()
    for kept in ("journal/files.json", "journal/none"):
        (tmp_path / kept).unlink(missing_ok=True)
        (tmp_path / YAML_FILE).write_bytes(first)  # as if its turn had not come
        store = await FileEngine.open(tmp_path, retention=NO_COMPACTION)
        assert (tmp_path / YAML_FILE).read_bytes() == newest
        await store.aclose()
    assert sorted(path for path in contents(tmp_path) if "journal" not in path) == [
        ".lock",
        YAML_FILE,
        TWO_FILE.replace(".json", ".yaml"),
    ]


async def test_what_is_no_file_that_can_be_read_is_told_of_and_stops_nothing(
    engine: FileEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = (engine.folder / ONE_FILE).parent
    (folder / "link.json").symlink_to("/etc/hostname")
    (folder / "nowhere.yaml").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.yaml")
    (folder / "big.json").write_bytes(b" " * (LONGEST_FILE + 1))
    (folder / "secret.json").write_bytes(flunder("secret"))
    (folder / "two.json").write_bytes(flunder("two"))
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "secret.json":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", refuse)
        edits = edits_of(engine, Storing(engine))
        await edits.apply(None)
    told = {path.rpartition("/")[2]: problem for path, problem in edits.problems.items()}
    assert told == {
        "link.json": "it is a symbolic link: put a file there",
        "nowhere.yaml": "it is a symbolic link: put a file there",
        "pipe.yaml": "it is no regular file: put a file there",
        "big.json": "it has 8388609 bytes, and no object more than 8388608",
        "secret.json": "it cannot be read: Permission denied",
    }
    assert (await engine.get(TWO)).kv is not None
    await engine.aclose()
    again = await FileEngine.open(engine.folder, retention=NO_COMPACTION)  # nor does it keep the store from opening
    await again.aclose()
    assert (folder / "nowhere.yaml").is_symlink()


@pytest.mark.parametrize("name", ["One.json", "uno.json", "one copy.json"])
async def test_a_file_that_got_a_wrong_name_does_not_delete_its_object(engine: FileEngine, name: str) -> None:
    path = engine.folder / ONE_FILE
    path.rename(path.with_name(name))
    server = Storing(engine)
    clock = HandClock()
    edits = edits_of(engine, server, clock)
    await edits.apply(None)
    assert server.writes == []
    assert f"by its kind, namespace and name it belongs to {ONE_FILE}" in edits.page()
    assert "which is not its place: rename that file, or delete it" in edits.problems[ONE_FILE]
    path.with_name(name).unlink()
    clock.seconds += 10
    await edits.apply(None)
    assert (await engine.get(ONE)).kv is None


async def test_the_server_s_refusal_is_told_with_the_line(engine: FileEngine) -> None:
    async def refuse(method: str, path: str, body: dict[str, Any]) -> Response:
        message = 'strict decoding error: unknown field "spec.colour"'
        if "more" in body["spec"]:
            causes = {"causes": [{"field": "spec.more", "message": "too high"}]}
            return Response(422, {}, json.dumps({"message": "spec.more: Invalid value", "details": causes}).encode())
        return answered(400, message)

    (engine.folder / ONE_FILE).unlink()
    (engine.folder / YAML_FILE).write_bytes(BY_HAND + b"  colour: red\n")
    edits = edits_of(engine, FakeServer(refuse))
    await edits.apply(None)
    assert edits.problems[YAML_FILE].startswith("line 7, column 3: strict decoding error")
    (engine.folder / YAML_FILE).write_bytes(BY_HAND + b"  more: 7\n")
    await edits.apply(None)
    assert edits.problems[YAML_FILE] == "line 7, column 3: spec.more: Invalid value"


@pytest.mark.parametrize(
    ("path", "matters"),
    [
        ("g/r/ns/a.json", True),
        ("g/r/ns/a.yml", True),
        ("g/r/ns", True),
        ("g/r/ns/x.edited.json", True),
        ("g/r/ns/a.json.edited", False),
        ("g/r/ns/a.yaml.edited.12", False),
        ("g/r/ns/.a.json.swp", False),
        ("g/r/ns/a.json~", False),
        ("g/r/ns/4913", False),
        (".git/index", False),
        ("journal/files.json", False),
    ],
)
def test_what_is_noticed(path: str, matters: bool) -> None:
    assert file_edits._matters(path) is matters
