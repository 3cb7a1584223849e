"""Files of objects that are edited by hand and by git, while the server runs and while it does not.

Clients speak v1beta1 here, where the reference of a flunder has another name than in the version that is stored.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.server_process import eventually, free_port
from tests.support.standalone import FLUNDERS, Standalone, standalone

pytestmark = pytest.mark.e2e

FLAGS = ["--storage-backend=file", "--storage-file-edits", "-v=1"]
FOLDER = "objects/wardle.example.com/flunders/default"


def flunder(name: str, reference: str = "f", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "wardle.example.com/v1beta1",
        "kind": "Flunder",
        "metadata": {"name": name, "namespace": "default", **metadata},
        "spec": {"referenceType": "Flunder", "flunderReference": reference},
    }


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Standalone]:
    with standalone(tmp_path / "data", free_port(), *FLAGS) as running:
        yield running


def file_of(server: Standalone, name: str) -> Path:
    return server.data / FOLDER / f"{name}.json"


def shown(server: Standalone, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file_of(server, name).read_bytes())
    return found


def shows(server: Standalone, name: str, reference: str) -> bool:
    path = file_of(server, name)
    return path.exists() and f'"reference": "{reference}"' in path.read_text()


def created(server: Standalone, name: str, reference: str = "f") -> dict[str, Any]:
    answer = server.admin.request("POST", FLUNDERS, flunder(name, reference))
    assert answer.status == 201, answer.body
    eventually(lambda: shows(server, name, reference), f"the file of {name}")
    made: dict[str, Any] = answer.json()
    return made


def stored(server: Standalone, name: str) -> dict[str, Any] | None:
    answer = server.admin.get(f"{FLUNDERS}/{name}")
    if answer.status == 404:
        return None
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


def reference(server: Standalone, name: str) -> str | None:
    found = stored(server, name)
    return None if found is None else found["spec"].get("flunderReference")


def write(path: Path, content: dict[str, Any] | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def test_a_file_that_is_changed_updates_its_object(server: Standalone) -> None:
    before = created(server, "one")
    edited = shown(server, "one")
    edited["spec"]["reference"] = "edited"
    write(file_of(server, "one"), edited)
    eventually(lambda: reference(server, "one") == "edited", "the object to be as its file")
    after = stored(server, "one")
    assert after is not None
    assert int(after["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    managers = {entry["manager"] for entry in after["metadata"]["managedFields"]}
    assert "file" in managers
    version = after["metadata"]["resourceVersion"]
    eventually(lambda: shown(server, "one")["metadata"]["resourceVersion"] == version, "the file with the new version")
    assert not list(file_of(server, "one").parent.glob("*.edited*"))


def test_a_new_file_creates_an_object_and_a_deleted_one_deletes_it(server: Standalone) -> None:
    with server.admin.stream("GET", f"{FLUNDERS}?watch=1") as watch:
        write(file_of(server, "new"), flunder("new", "by hand"))
        added = json.loads(watch.readline())
        assert (added["type"], added["object"]["metadata"]["name"]) == ("ADDED", "new")
        eventually(lambda: "uid" in shown(server, "new")["metadata"], "the file as the server writes it")
        file_of(server, "new").unlink()
        while (event := json.loads(watch.readline()))["type"] != "DELETED":
            assert event["type"] == "MODIFIED"
        assert event["object"]["metadata"]["name"] == "new"


def told_of(server: Standalone, name: str, problem: str) -> bool:
    return any(name in line and problem in line for line in server.process.stderr.splitlines())


def test_what_is_invalid_is_told_of_and_left_alone(server: Standalone) -> None:
    created(server, "one")
    folder = file_of(server, "one").parent
    wrong_place = json.dumps(flunder("other")).encode()
    unknown = json.dumps(flunder("unknown") | {"colour": "red"}).encode()
    invalid = json.dumps(flunder("invalid") | {"spec": {"referenceType": "Nothing"}}).encode()
    kindless = json.dumps({"metadata": {"name": "kindless"}}).encode()
    files = {
        "broken": (b'{"kind":', "it is not JSON"),
        "place": (
            wrong_place,
            "it belongs to wardle.example.com/flunders/default/other.json",
        ),
        "unknown": (unknown, "unknown field"),
        "invalid": (invalid, "spec.referenceType"),
        "kindless": (kindless, "apiVersion is missing"),
    }
    for name, (content, _) in files.items():
        write(folder / f"{name}.json", content)
    for name, (content, problem) in files.items():
        eventually(partial(told_of, server, f"{name}.json", problem), f"{name} in the log: {problem}")
        assert (folder / f"{name}.json").read_bytes() == content
        assert stored(server, name) is None
    told = "apiserver_storage_object_file_edits_refused 5"
    eventually(lambda: told in server.admin.get("/metrics").body.decode(), told)
    assert server.admin.get("/readyz").status == 200
    write(folder / "broken.json", flunder("broken"))  # put right
    eventually(lambda: stored(server, "broken") is not None, "the file that was put right")


def test_an_invalid_edit_is_kept_when_its_object_is_written_by_others(server: Standalone) -> None:
    made = created(server, "one")
    write(file_of(server, "one"), b"not JSON")
    eventually(lambda: "it is not JSON" in server.process.stderr, "the log line")
    made["spec"]["flunderReference"] = "by the API"
    assert server.admin.request("PUT", f"{FLUNDERS}/one", made).status == 200
    eventually(lambda: shows(server, "one", "by the API"), "the file of the object")
    assert file_of(server, "one").with_name("one.json.edited").read_bytes() == b"not JSON"


def test_edits_while_no_server_runs_are_made_at_the_start(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    with standalone(data, port, *FLAGS) as server:
        for name in ("changed", "deleted", "left"):
            created(server, name)
        server.process.stop()
    edited = json.loads((data / FOLDER / "changed.json").read_bytes())
    edited["spec"]["reference"] = "while it was off"
    write(data / FOLDER / "changed.json", edited)
    (data / FOLDER / "deleted.json").unlink()
    write(data / FOLDER / "new.json", flunder("new"))
    with standalone(data, port, *FLAGS) as server:
        assert reference(server, "changed") == "while it was off"
        assert stored(server, "deleted") is None
        assert stored(server, "left") is not None
        assert stored(server, "new") is not None


def test_files_that_a_crash_has_kept_from_being_written_delete_nothing(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    with standalone(data, port, *FLAGS) as server:
        created(server, "one")
        server.process.kill()
    (data / FOLDER / "one.json").unlink()
    with standalone(data, port, *FLAGS) as server:
        assert stored(server, "one") is not None
        assert shows(server, "one", "f")


def test_objects_whose_files_are_all_missing_are_not_deleted(tmp_path: Path) -> None:
    """As when only the journal was restored from a backup."""
    data, port = tmp_path / "data", free_port()
    with standalone(data, port, *FLAGS) as server:
        created(server, "one")
        server.process.stop()
    for folder in (data / "objects").iterdir():
        if folder.is_dir() and folder.name != "journal":
            shutil.rmtree(folder)
    with standalone(data, port, *FLAGS) as server:
        assert stored(server, "one") is not None
        eventually(lambda: shows(server, "one", "f"), "the file")


def test_files_without_a_journal_are_taken_in_as_new_objects(tmp_path: Path) -> None:
    """As after a `git clone`."""
    data, port = tmp_path / "data", free_port()
    with standalone(data, port, *FLAGS) as server:
        made = created(server, "one", "cloned")
        server.process.stop()
    clone = tmp_path / "clone" / FOLDER
    shutil.copytree(data / FOLDER, clone)
    with standalone(tmp_path / "clone", port, *FLAGS) as server:
        found = stored(server, "one")
        assert found is not None
        assert found["spec"]["flunderReference"] == "cloned"
        assert found["metadata"]["uid"] != made["metadata"]["uid"]
        assert not list(clone.glob("*.edited*"))


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_brings_old_versions_and_branches_back(server: Standalone) -> None:
    folder = server.data / "objects"
    created(server, "one", "first")
    created(server, "two", "first")
    write(folder / ".gitignore", b"/journal/\n/.lock\n")
    git(folder, "init", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    one = stored(server, "one")
    assert one is not None
    one["spec"]["flunderReference"] = "second"
    assert server.admin.request("PUT", f"{FLUNDERS}/one", one).status == 200
    assert server.admin.request("DELETE", f"{FLUNDERS}/two").status == 200
    created(server, "three", "second")
    eventually(lambda: shows(server, "one", "second") and not file_of(server, "two").exists(), "the second state")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "second")

    git(folder, "checkout", "HEAD~1")
    eventually(lambda: reference(server, "one") == "first", "the object of the first commit")
    eventually(lambda: reference(server, "two") == "first", "the object that was deleted")
    eventually(lambda: stored(server, "three") is None, "the object that was not there yet to be gone")
    assert not list(folder.rglob("*.edited*"))
