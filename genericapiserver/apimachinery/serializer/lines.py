"""Lines of a YAML document: where a field stands, for messages about it."""

import re
from collections.abc import Iterable
from typing import Any

import yaml

from genericapiserver.apimachinery.field import FieldError

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STEP = re.compile(r"\[(?P<subscript>[^\]]*)\]|(?P<name>[^.\[\]]+)")
_UNKNOWN = re.compile(r'"(?P<field>[^"]+)"$')


def describe_errors(errors: Iterable[FieldError], data: bytes) -> list[str]:
    """Each of *errors*, found in the object of *data*, as text with its line: `jwt[0].issuer.url: ... (line 7)`."""
    texts = [f"{error}{_suffix(line_of(error.field, data))}" for error in errors]
    return list(dict.fromkeys(texts))


def line_of(field: str, data: bytes) -> int | None:
    """The line of *data* in which *field* stands, or of what it is missing from; None when nothing of it is there."""
    try:
        node = yaml.compose(data, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return None
    line: int | None = None
    for step in _STEP.finditer(field):
        found = _child(node, step)
        if found is None:
            break
        line, node = found
    return line


def second_document(data: bytes) -> int:
    """The line of a second YAML document that has something in it, 0 when there is none. Raises yaml.YAMLError."""
    documents = line = 0
    for event in yaml.parse(data, Loader=_Loader):
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            mark: Any = event.start_mark
            line = mark.line + 1
        elif documents > 1 and isinstance(event, yaml.NodeEvent) and getattr(event, "value", None) != "":
            return line
    return 0


def _child(node: Any, step: re.Match[str]) -> tuple[int, Any] | None:
    """The line and node of one step into *node*."""
    name = step["name"] if step["subscript"] is None else step["subscript"]
    if isinstance(node, yaml.SequenceNode):
        if not name.isdecimal() or int(name) >= len(node.value):
            return None
        item = node.value[int(name)]
        return item.start_mark.line + 1, item
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == name:
                return key.start_mark.line + 1, value
    return None


def with_line(text: str, data: bytes) -> str:
    """A complaint of strict decoding, with the line of the field that it names at its end."""
    match = _UNKNOWN.search(text)
    return text if match is None else text + _suffix(line_of(match["field"], data))


def _suffix(line: int | None) -> str:
    return "" if line is None else f" (line {line})"
