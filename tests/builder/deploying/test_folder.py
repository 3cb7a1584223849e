"""Files are written without taking away what somebody else has written."""

import stat
from pathlib import Path

import pytest

from genericapiserver.builder.manifests.folder import RECORD, OutputFolder
from genericapiserver.config import ConfigError


def write(folder: Path, files: dict[str, str], *, force: bool = False) -> None:
    output = OutputFolder(folder)
    output.check(list(files), force=force)
    output.write(files, private=frozenset({"secret"}))


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file() and path.name != RECORD
    }


def test_what_was_written_before_is_replaced_and_what_is_not_needed_removed(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "now"
    write(folder, {"a": "1", "deep/b": "1", "secret": "s"})
    write(folder, {"a": "2", "secret": "s"})
    assert content(folder) == {"a": "2", "secret": "s"}
    assert not (folder / "deep").exists()
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600


@pytest.mark.parametrize("before", [{}, {"a": "1"}], ids=["another's", "changed"])
def test_what_this_has_not_written_stops_everything(before: dict[str, str], tmp_path: Path) -> None:
    if before:
        write(tmp_path, before)
    (tmp_path / "a").write_text("by hand")
    with pytest.raises(ConfigError, match="not written by this command, or changed since: a; move them away"):
        write(tmp_path, {"a": "2", "b": "2"})
    assert content(tmp_path) == {"a": "by hand"}
    write(tmp_path, {"a": "2", "b": "2"}, force=True)
    assert content(tmp_path) == {"a": "2", "b": "2"}


def test_what_was_changed_is_not_removed(tmp_path: Path) -> None:
    write(tmp_path, {"a": "1", "b": "1"})
    (tmp_path / "b").write_text("by hand")
    write(tmp_path, {"a": "2"})
    assert content(tmp_path) == {"a": "2", "b": "by hand"}


def test_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    write(tmp_path, {"a": "1"})
    assert content(tmp_path) == {"a": "1", "notes.txt": "mine"}


def test_a_record_that_names_files_elsewhere_removes_nothing(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.write_text("mine")
    write(folder, {"a": "1"})
    checksum = (folder / RECORD).read_text().split()[0]
    outside.write_text("1")  # as the record says
    (folder / RECORD).write_text(f"{checksum}  ../outside\n{checksum}  {outside}\n{checksum}  a\n")
    write(folder, {"b": "1"})
    assert outside.exists()
    assert content(folder) == {"b": "1"}


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is no folder"):
        write(tmp_path / "file", {"a": "1"})


def test_a_folder_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(ConfigError, match="a: Is a directory"):
        write(tmp_path, {"a": "1"})
