"""Looking for damage in a store, in use or not, without changing anything."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from genericapiserver.storage.engine import EngineOpenError, KeyValue
from genericapiserver.storage.files import LOCK
from genericapiserver.storage.files_disk import digest_of, read_file
from genericapiserver.storage.files_index import read_notes
from genericapiserver.storage.files_paths import JOURNAL, SUFFIXES, KeyPaths, split
from genericapiserver.storage.files_repair import files_in
from genericapiserver.storage.files_text import revision_in, shown
from genericapiserver.storage.sqlite_file import where
from genericapiserver.storage.tools.objects import is_opaque, space, unreadable
from genericapiserver.storage.tools.reading import ALL_KEYS, JournalReader, in_use, sqlite_for_reading
from genericapiserver.storage.tools.sqlite_sums import damaged_rows, sum_is_wrong

_RESTORE = "restore a backup"
_DAMAGE = "the disk has changed it: restore a backup, or, when that is an old version, compact beyond it"
_REWRITE = "get the object with an older revision, and write it again; or delete it"
_REPORT = "restore a backup, and report this: no crash may lead to it"


@attrs.frozen
class Problem:
    """One thing that is not as it should be."""

    what: str
    where: str
    advice: str


@attrs.frozen
class Checked:
    """What was looked at, and what was found."""

    objects: int
    revision: int
    problems: list[Problem]


def _rows_wrong(connection: sqlite3.Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


_INVARIANTS = (
    (
        "the newest version of the key is missing from the log, or is a deletion",
        "SELECT c.key FROM current c LEFT JOIN log l ON l.rev = c.mod_rev AND l.key = c.key "
        "WHERE l.rev IS NULL OR l.deleted OR l.value IS NULL OR l.create_rev != c.create_rev "
        "OR l.expires_at != c.expires_at",
    ),
    (
        "the log has a newer version of the key than the one that is shown",
        "SELECT c.key FROM current c WHERE EXISTS (SELECT 1 FROM log l WHERE l.key = c.key AND l.rev > c.mod_rev)",
    ),
    (
        "the log says that the key exists, but it is not shown",
        "SELECT key FROM (SELECT key, max(rev), deleted FROM log GROUP BY key) WHERE deleted = 0 "
        "AND key NOT IN (SELECT key FROM current)",
    ),
    (
        "a write follows one that is not older, or is older than the creation of its object",
        "SELECT key FROM log WHERE prev_rev >= rev OR create_rev > rev",
    ),
)
"""What holds in the tables, as queries for the keys of which it does not."""


def check_sqlite(path: Path, prefix: str) -> Checked:
    """Raises EngineOpenError for a file that is not to be read at all."""
    problems: list[Problem] = []
    objects = revision = 0
    with sqlite_for_reading(path) as connection:
        try:
            connection.execute("BEGIN")
            for (text,) in connection.execute("PRAGMA integrity_check(100)"):
                if text != "ok":
                    problems.append(Problem(" ".join(text.split()), str(path), _RESTORE))
            state = where(connection)
            revision = state.current_rev
            (newest,) = connection.execute("SELECT coalesce(max(rev), 0) FROM log").fetchone()
            if newest > revision:
                problems.append(Problem(f"revision {newest} is above the last one, {revision}", str(path), _REPORT))
            if not state.floor_rev <= revision:
                problems.append(
                    Problem(
                        f"history begins at {state.floor_rev}, above the last revision, {revision}", str(path), _REPORT
                    )
                )
            if sum_is_wrong(connection):
                problems.append(Problem("what it says of where history begins has changed", str(path), _RESTORE))
            for rev, key in damaged_rows(connection):
                problems.append(
                    Problem(
                        "its checksum is not that of its content", f"{path}: {_text(key)} at revision {rev}", _DAMAGE
                    )
                )
            for what, query in _INVARIANTS:
                for (key,) in _rows_wrong(connection, query):
                    problems.append(Problem(what, f"{path}: {_text(key)}", _REPORT))
            rows = connection.execute(
                "SELECT c.key, l.value, c.create_rev, c.mod_rev, c.expires_at "
                "FROM current c JOIN log l ON l.rev = c.mod_rev ORDER BY c.key"
            )
            for row in rows:
                objects += 1
                if not isinstance(row[0], bytes) or not isinstance(row[1], bytes):
                    problems.append(Problem("a key or value is not of bytes", f"{path}: {row[0]!r}", _DAMAGE))
                else:
                    problems += _value_problems(KeyValue(*row), prefix, str(path))
        except sqlite3.Error as error:
            problems.append(Problem(f"it cannot be read to its end: {error}", str(path), _RESTORE))
        finally:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
    return Checked(objects, revision, problems)


async def check_files(path: Path, prefix: str) -> Checked:
    """Raises EngineOpenError where there is no store."""
    try:
        reader = JournalReader(path)
    except EngineOpenError as error:
        if JOURNAL not in error.path:
            raise
        return Checked(0, 0, [Problem(error.problem, error.path, error.advice)])
    kvs = (await reader.range(*ALL_KEYS)).kvs
    problems = [problem for kv in kvs for problem in _value_problems(kv, prefix, str(path))]
    if not in_use(path / LOCK):  # else they are about to be written
        problems += _file_problems(path, prefix, {kv.key: kv for kv in kvs}, reader.current_rev())
    return Checked(len(kvs), reader.current_rev(), problems)


def _file_problems(path: Path, prefix: str, current: dict[bytes, KeyValue], rev: int) -> Iterator[Problem]:
    """Files of objects that are not as the journal says."""
    paths = KeyPaths(prefix)
    there = set(files_in(path))
    notes = read_notes(path / JOURNAL)
    for key, kv in current.items():
        names = [name for suffix in SUFFIXES if (name := paths.path_of(key, suffix)) in there]
        if not names:
            yield Problem("an object has no file", str(path / paths.path_of(key)), "start the server, which writes it")
            continue
        if len(names) > 1:
            yield Problem("an object has several files", f"{path}: {', '.join(names)}", "delete all but one")
            continue
        (name,) = names
        with contextlib.suppress(FileNotFoundError):  # deleted a moment ago
            file = read_file(path / name)
            content = file[1] if file is not None else b""
            suffix = split(name)[1]
            note = notes.get(name)
            known = note is not None and (note.digest, note.rev) == (digest_of(content).hex(), kv.mod_rev)
            if not known and content != shown(kv, suffix) and revision_in(content, suffix) <= rev:
                yield Problem(
                    "the file of an object is not what the journal says",
                    str(path / name),
                    "start the server: it keeps what somebody has edited aside, or writes it with --storage-file-edits",
                )


def _value_problems(kv: KeyValue, prefix: str, path: str) -> Iterator[Problem]:
    """What is wrong with one object: it has to be one, and the one that its key names. Encrypted ones cannot be judged."""
    place = f"{path}: {_text(kv.key)} at revision {kv.mod_rev}"
    start, _ = space(prefix)
    if is_opaque(kv.value):
        return
    problem = unreadable(kv.value)
    if problem:
        yield Problem(problem, place, _REWRITE)
        return
    if not kv.key.startswith(start):
        return  # something of somebody else's
    obj = json.loads(kv.value)
    for field in ("apiVersion", "kind"):
        if not isinstance(obj.get(field), str) or not obj[field]:
            yield Problem(f"the object has no {field}", place, _REWRITE)
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        yield Problem("the object has no metadata", place, _REWRITE)
        return
    parts = kv.key.decode(errors="replace").split("/")
    if metadata.get("name") != parts[-1]:
        yield Problem(f"the object calls itself {metadata.get('name')!r}, its key {parts[-1]!r}", place, _REWRITE)
    if metadata.get("namespace") and metadata["namespace"] != parts[-2]:
        yield Problem(
            f"the object is of namespace {metadata['namespace']!r}, its key of {parts[-2]!r}", place, _REWRITE
        )


def _text(key: bytes | str) -> str:
    return key.decode(errors="backslashreplace") if isinstance(key, bytes) else str(key)
