"""`genericapiserver storage get`, `list`, `diff` and `blame`."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from tests.storage.commands_support import Shop, in_another_process, key, storage, value

AT = "at some time"
TIMES = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z")


def test_an_object_is_shown_as_it_was(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    for revision, color in ((101, "red"), (102, "red"), (103, "blue"), (0, "blue")):
        assert storage("get", "flunders", "default/one", shop.flags(), f"--revision={revision}", "-o", "json") == 0
        shown = json.loads(capsys.readouterr().out)
        assert shown["spec"]["color"] == color
        assert shown["metadata"]["resourceVersion"] == ("101" if color == "red" else "103")


def test_what_was_deleted_is_found_in_history(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert storage("get", "--revision", "103", "flunders.wardle.example.com", "two", shop.flags()) == 0
    assert "color: green" in capsys.readouterr().out
    assert storage("get", "flunders", "two", shop.flags()) == 1
    assert "does not exist at revision 105" in capsys.readouterr().err
    assert storage("get", "flunders", "nobody", shop.flags()) == 1
    assert "there is no flunders nobody" in capsys.readouterr().err


def test_a_list_is_as_of_a_revision(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert storage("list", shop.flags(), "--revision=102", "-ojson") == 0
    shown = json.loads(capsys.readouterr().out)
    assert [(each["name"], each["revision"]) for each in shown["objects"]] == [("one", 101), ("two", 102)]
    assert {each["resource"] for each in shown["objects"]} == {"flunders"}
    assert storage("list", "flunders", shop.flags()) == 0
    assert "103  flunders.wardle.example.com default/one\n" in capsys.readouterr().out


def test_a_diff_tells_objects_and_fields(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert storage("diff", shop.flags(), "--from=102", "--to=105") == 0
    assert TIMES.sub(AT, capsys.readouterr().out).splitlines() == [
        f"~ flunders.wardle.example.com default/one: changed at revision 103, {AT}, by other",
        '    ~ spec.color: "red" -> "blue"',
        f"+ flunders.wardle.example.com default/three: added at revision 105, {AT}",
        f"- flunders.wardle.example.com default/two: removed at revision 104, {AT}",
        "3 objects differ between revisions 102 and 105",
    ]
    assert storage("diff", shop.flags(), "--from=102", "--to=103", "-o=json") == 0
    (change,) = json.loads(capsys.readouterr().out)["changes"]
    assert change["fields"] == [{"path": "spec.color", "before": "red", "after": "blue", "manager": "other"}]


def test_blame_names_revision_and_manager_of_every_field(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert storage("blame", "flunders", "default/one", shop.flags(), "-o", "json") == 0
    fields = {each["path"]: each for each in json.loads(capsys.readouterr().out)["fields"]}
    assert fields["spec.color"]["revision"] == 103
    assert fields["spec.color"]["manager"] == "other"
    assert fields["metadata.uid"]["revision"] == 101
    assert "manager" not in fields["metadata.uid"]
    assert storage("blame", "flunders", "two", shop.flags()) == 1
    assert "deleted at revision 104" in capsys.readouterr().err


@pytest.mark.parametrize(("revision", "text"), [("99", "has been compacted"), ("106", "is in the future")])
def test_revisions_that_cannot_be_read_are_named(
    shop: Shop, revision: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert storage("list", shop.flags(), "--revision", revision) == 1
    assert text in capsys.readouterr().err


def test_what_is_no_json_is_said_to_be(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    async def work() -> None:
        engine = await shop.open()
        await engine.put(key("proto"), b"k8s\x00\n\x04", expect_rev=0)
        await engine.put(key("four"), value("four", "white"), expect_rev=0)
        await engine.aclose()

    asyncio.run(work())
    assert storage("list", shop.flags()) == 0
    assert "protobuf" in capsys.readouterr().out
    assert storage("get", key("proto").decode(), shop.flags()) == 1
    assert "protobuf" in capsys.readouterr().err


def test_a_store_in_use_is_read(shop: Shop) -> None:
    async def work() -> None:
        engine = await shop.open()
        await engine.put(key("four"), value("four", "white"), expect_rev=0)
        assert await asyncio.to_thread(in_another_process, ["list", *shop.flags()]) == 0
        await engine.aclose()

    asyncio.run(work())


def test_nothing_is_made_where_no_store_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for engine in ("sqlite", "file"):
        assert storage("list", f"--storage-backend={engine}", f"--storage-path={tmp_path / 'none'}") == 1
    assert not list(tmp_path.iterdir())
