"""What people write into the files of objects: JSON or YAML, read strictly, and what is wrong with it line and column."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from genericapiserver.apimachinery.serializer.errors import DecodeError
from genericapiserver.apimachinery.serializer.json import parse_noting_duplicates, parse_plain
from genericapiserver.apimachinery.serializer.lines import second_document
from genericapiserver.apimachinery.serializer.yaml import parse_yaml
from genericapiserver.storage.files_paths import JSON

LONGEST_FILE: Final = 8 * 1024 * 1024
"""Bytes of a file that are read at most; the greatest object takes 1.5 MiB."""

_DEEPEST: Final = 200
"""What is nested deeper is not looked into for the place of a mistake."""
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONFLICT = re.compile(rb"^(<<<<<<<|>>>>>>>)[ \r\n]", re.MULTILINE)
_LINE = re.compile(r"line (\d+)(?:: | column (\d+))")
_WHERE = re.compile(r"^(?:yaml: )?(?:line \d+: )?|: line \d+ column \d+ \(char \d+\)$")


class FileTextError(Exception):
    """What is wrong with the text of a file; *line* and *column* count from 1, 0 is unknown."""

    def __init__(self, problem: str, line: int = 0, column: int = 0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.column = column


def parse_file(content: bytes, suffix: str) -> Any:
    """The value in a file whose name ends in *suffix*. Raises FileTextError.

    A mark of the byte order at the beginning counts for nothing, and lines may end as on Windows.
    """
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise FileTextError("it is not UTF-8", *_place(content, error.start)) from error
    if conflict := _CONFLICT.search(content):
        raise FileTextError("it has the marks of a merge that was not finished", *_place(content, conflict.start()))
    return _json(content) if suffix == JSON else _yaml(content)


def _json(content: bytes) -> Any:
    try:
        json.loads(content, parse_constant=_no_constant)
        value, duplicated = parse_noting_duplicates(content)
    except json.JSONDecodeError as error:
        raise FileTextError(f"it is not JSON: {error.msg}", error.lineno, error.colno) from error
    except (ValueError, RecursionError) as error:
        raise FileTextError(f"it is not JSON: {error}") from error
    if duplicated:
        raise _duplicates(content) or FileTextError("it has a key twice in one object")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def _duplicates(content: bytes) -> FileTextError | None:
    """Which key is there twice; JSON is YAML as far as that goes."""
    try:
        text = parse_yaml(content).duplicate_text
    except DecodeError:
        return None
    found = re.search(r"line (\d+): (key .*) already set in map", text)
    return FileTextError(f"{found[2]} is there twice", int(found[1])) if found else None


def _yaml(content: bytes) -> Any:
    try:
        value = parse_yaml(content)
    except DecodeError as error:
        problem = " ".join(_WHERE.sub("", str(error)).split())
        line, column = _yaml_place(content) or (_line_in(str(error)), 0)
        raise FileTextError(f"it is not YAML that can be taken: {problem}", line, column) from error
    if value.duplicate_text:
        raise _duplicates(content) or FileTextError("it has a key twice in one object")
    try:
        line = second_document(content)
    except yaml.YAMLError as error:
        problem = " ".join(str(getattr(error, "problem", "") or error).split())
        place = _yaml_place(content) or (0, 0)
        raise FileTextError(f"what follows its first document is not YAML: {problem}", *place) from error
    if line:
        raise FileTextError("it has more than one document: one file is one object", line, 1)
    return value.value


def _yaml_place(content: bytes) -> tuple[int, int] | None:
    """Where the first thing is that cannot be taken."""
    depth = 0
    try:
        for event in _events(content):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if isinstance(event, yaml.AliasEvent) or depth > _DEEPEST:
                return event.start_mark.line + 1, event.start_mark.column + 1
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return (mark.line + 1, mark.column + 1) if mark is not None else None
    except yaml.reader.ReaderError as error:
        return _place(content, error.position)
    return None


def _events(content: bytes) -> Iterator[Any]:
    events: Iterator[Any] = yaml.parse(content, Loader=_Loader)
    return events


def _line_in(text: str) -> int:
    found = _LINE.search(text)
    return int(found[1]) if found else 0


def _place(content: bytes, offset: int) -> tuple[int, int]:
    start = content.rfind(b"\n", 0, offset) + 1
    return content.count(b"\n", 0, offset) + 1, len(content[start:offset].decode(errors="replace")) + 1


def place_of(content: bytes, path: str) -> tuple[int, int]:
    """Line and column of the field *path* (`spec.ports[0].name`) in a file, or of what it is missing from; 0 for unknown."""
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        if _is_deep(content):
            return 0, 0
        node = yaml.compose(content, Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return 0, 0
    found = (0, 0)
    for step in re.finditer(r'\["?(?P<index>[^\]"]*)"?\]|(?P<name>[^.\[\]]+)', path):
        child = _child(node, step["name"] if step["index"] is None else step["index"])
        if child is None:
            break
        mark, node = child
        found = (mark.line + 1, mark.column + 1)
    return found


def _is_deep(content: bytes) -> bool:
    """Whether it is nested so deep that a function that calls itself should not look at it. Raises yaml.YAMLError."""
    depth = 0
    for event in _events(content):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            return True
    return False


def _child(node: Any, name: str) -> tuple[Any, Any] | None:
    if isinstance(node, yaml.SequenceNode) and name.isdecimal() and int(name) < len(node.value):
        return node.value[int(name)].start_mark, node.value[int(name)]
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark, value) for key, value in node.value if key.value == name), None)
    return None


def says_nothing_else(content: bytes, suffix: str, stored: bytes) -> bool:
    """Whether all that a file says is so in the object *stored*, which may say more."""
    try:
        return _agrees(parse_file(content, suffix), parse_plain(stored))
    except (FileTextError, DecodeError, RecursionError):
        return False


def _agrees(said: Any, stored: Any) -> bool:
    if isinstance(said, dict) and isinstance(stored, dict):
        return all(
            _agrees(value, stored[name]) if name in stored else value in (None, {}, []) for name, value in said.items()
        )
    if isinstance(said, list) and isinstance(stored, list):
        return len(said) == len(stored) and all(map(_agrees, said, stored))
    return type(said) is type(stored) and bool(said == stored)
