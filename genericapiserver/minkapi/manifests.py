"""Reading manifests: objects in YAML or JSON, in files, folders or one stream, and where each of them stands.

What `kubectl get -o yaml` prints is read as it is: lists are taken apart. Files of a folder are read in the order of their
paths.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from genericapiserver.apimachinery.serializer.errors import DecodeError, YAMLSyntaxError
from genericapiserver.apimachinery.serializer.yaml import parse_yaml

SUFFIXES: Final = (".json", ".yaml", ".yml")
STREAM: Final = "-"
_SEPARATOR: Final = re.compile(rb"^---(?:[ \t].*)?\r?$", re.MULTILINE)
_MOST_SHOWN: Final = 20


class ManifestError(ValueError):
    """Manifests cannot be used; each of *problems* names file, document and field. Nothing was done."""

    def __init__(self, problems: list[str]) -> None:
        more = len(problems) - _MOST_SHOWN
        shown = [*problems[:_MOST_SHOWN], *([f"and {more} more"] if more > 0 else [])]
        super().__init__("; ".join(shown))
        self.problems = tuple(problems)


@attrs.frozen
class Manifest:
    """One object as it was written. `place` says where: `pods.yaml, document 2 (line 14), item 3`."""

    place: str
    value: dict[str, Any]


def read_manifests(source: Path | str) -> list[Manifest]:
    """Every object in *source*: a file, a folder with all below it, or `-` for standard input.

    Raises ManifestError with everything that cannot be read.
    """
    found: list[Manifest] = []
    problems: list[str] = []
    for name, data in _files(source, problems):
        try:
            for place, value in _documents(name, data):
                found += _objects(place, value, problems)
        except (YAMLSyntaxError, DecodeError, ValueError) as error:
            problems.append(str(error))
    if problems:
        raise ManifestError(problems)
    return found


def _files(source: Path | str, problems: list[str]) -> Iterator[tuple[str, bytes]]:
    if str(source) == STREAM:
        yield "standard input", sys.stdin.buffer.read()
        return
    path = Path(source)
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
        if not files:
            problems.append(f"{path}: there is no file in this folder that ends in {', '.join(SUFFIXES)}")
    for file in files:
        try:
            yield str(file), file.read_bytes()
        except OSError as error:
            problems.append(f"{file}: {error.strerror or error}")


def _documents(name: str, data: bytes) -> Iterator[tuple[str, Any]]:
    """The documents of one file and where they stand; empty ones are left out. Raises ValueError."""
    if data.lstrip()[:1] == b"{":
        yield from _json_documents(name, data)
        return
    start, line = 0, 1
    number = 0
    for end, after in [*((match.start(), match.end()) for match in _SEPARATOR.finditer(data)), (len(data), len(data))]:
        part = data[start:end]
        if _has_content(part):
            number += 1
            place = f"{name}, document {number} (line {line})"
            try:
                parsed = parse_yaml(part)
            except YAMLSyntaxError as error:
                raise ValueError(f"{place}: {error}") from error
            if parsed.duplicate_text:
                raise ValueError(f"{place}: {parsed.duplicate_text}")
            if parsed.value is not None:
                yield place, parsed.value
        line += data[start:after].count(b"\n")
        start = after


def _has_content(part: bytes) -> bool:
    return any(line.strip() and not line.lstrip().startswith(b"#") for line in part.splitlines())


def _json_documents(name: str, data: bytes) -> Iterator[tuple[str, Any]]:
    decoder, number, at = json.JSONDecoder(object_pairs_hook=_without_duplicates), 0, 0
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}: {error}") from error
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        number += 1
        place = f"{name}, document {number} (line {text.count(chr(10), 0, at) + 1})"
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from error
        yield place, value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in made if keys.count(key) > 1)!r} is there twice in one object")
    return made


def _objects(place: str, value: Any, problems: list[str]) -> Iterator[Manifest]:
    if not isinstance(value, dict):
        problems.append(f"{place}: an object is expected, with apiVersion, kind and metadata")
        return
    missing = [key for key in ("apiVersion", "kind") if not isinstance(value.get(key), str) or not value[key]]
    if missing:
        problems.append(f"{place}: {missing[0]}: is missing")
        return
    kind, items = value["kind"], value.get("items")
    if not kind.endswith("List") or ("metadata" in value and "name" in (value["metadata"] or {})):
        yield Manifest(place, value)
        return
    if not isinstance(items, list):
        problems.append(f"{place}: items: a {kind} needs a list of objects")
        return
    for index, item in enumerate(items):
        if isinstance(item, dict) and kind != "List":
            item = {"apiVersion": value["apiVersion"], "kind": kind.removesuffix("List"), **item}
        yield from _objects(f"{place}, item {index + 1}", item, problems)
