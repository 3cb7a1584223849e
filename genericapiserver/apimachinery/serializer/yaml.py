"""YAML in and out, as sigs.k8s.io/yaml on go-yaml v2 reads and writes it.

PyYAML's libyaml binding parses and emits; what scalars mean, duplicate keys, limits and quoting are decided here. A body
is untrusted: aliases are refused, nesting and the number of nodes are bounded.
"""

from typing import Any, Final

import attrs
import yaml

from genericapiserver.apimachinery.go import format_float as format_shortest
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.serializer.errors import JSONSyntaxError, YAMLSyntaxError
from genericapiserver.apimachinery.serializer.json import MAX_DEPTH, decode_base64, decode_utf8
from genericapiserver.apimachinery.serializer.yaml_scalars import (
    json_number,
    number_text,
    reads_as_string,
    resolve,
    sort_key,
)

MAX_NODES = 400_000
"""Three megabytes of ordinary YAML have half of this; the most that may be read takes half a second."""

# The pure Python classes are the same but slower; wheels of PyYAML have the C ones.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_TAG: Final = "tag:yaml.org,2002:"
_MERGE_KEY: Final = "<<"
_MERGE: Final = object()
_WIDTH = 80


@attrs.frozen
class ParsedYAML:
    """The first document as plain JSON values. `duplicate_text` tells of repeated keys, or is empty."""

    value: Any
    duplicate_text: str


def parse_yaml(data: bytes) -> ParsedYAML:
    """Read the first document of *data*. Raises YAMLSyntaxError with go-yaml's text."""
    loader = _Loader(data) if data else None
    try:
        if loader is None:
            return ParsedYAML(None, "")
        reader = _Reader(loader)
        value = reader.document()
        return ParsedYAML(value, _duplicate_text(reader.duplicates))
    except yaml.MarkedYAMLError as error:
        raise YAMLSyntaxError(_marked_text(error)) from None
    except yaml.reader.ReaderError as error:
        raise YAMLSyntaxError(f"yaml: {error.reason}") from None
    finally:
        if loader is not None:
            loader.dispose()


def _duplicate_text(duplicates: list[str]) -> str:
    return "\n  ".join(["yaml: unmarshal errors:", *duplicates]) if duplicates else ""


def _marked_text(error: yaml.MarkedYAMLError) -> str:
    """go-yaml's words: libyaml's, with the line of the problem, which only scanner errors count from one."""
    line = 0
    if error.problem_mark is not None and error.problem_mark.line:
        line = error.problem_mark.line + isinstance(error, yaml.scanner.ScannerError)
    elif error.context_mark is not None:
        line = error.context_mark.line
    where = f"line {line}: " if line else ""
    return f"yaml: {where}{error.problem or 'unknown problem parsing YAML content'}"


class _Reader:
    """Makes values of parser events, without recursion: open collections wait on a stack."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.duplicates: list[str] = []
        self.stack: list[_Collection] = []

    def document(self) -> Any:
        nodes = 0
        while True:
            event = self.loader.get_event()
            match event:
                case yaml.StreamEndEvent() | yaml.DocumentEndEvent():
                    return None
                case yaml.StreamStartEvent() | yaml.DocumentStartEvent():
                    continue
                case yaml.AliasEvent():
                    raise YAMLSyntaxError(f"yaml: line {_line(event) + 1}: aliases are not accepted")
                case yaml.ScalarEvent():
                    value: Any = self.scalar(event)
                    line = _line(event)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    if len(self.stack) >= MAX_DEPTH:
                        raise YAMLSyntaxError(f"yaml: exceeded max depth of {MAX_DEPTH}")
                    made: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
                    self.stack.append(_Collection(made, _line(event)))
                    continue
                case _:
                    closed = self.stack.pop()
                    value, line = closed.value, closed.line
            nodes += 1
            if nodes > MAX_NODES:
                raise YAMLSyntaxError(f"yaml: document contains more than {MAX_NODES} nodes")
            if not self.stack:
                self.loader.get_event()  # raises when the document goes on behind its value
                return _MERGE_KEY if value is _MERGE else value
            self.add(self.stack[-1], value, line)

    def add(self, parent: "_Collection", value: Any, line: int) -> None:
        if type(parent.value) is list:
            parent.value.append(_MERGE_KEY if value is _MERGE else value)
        elif not parent.has_key:
            parent.key, parent.has_key = value, True
        else:
            key, parent.has_key = parent.key, False
            value = _MERGE_KEY if value is _MERGE else value
            if key is _MERGE:
                self.merge(parent, value)
            else:
                self.set(parent, key, value, line)

    def set(self, parent: "_Collection", key: Any, value: Any, line: int) -> None:
        name = _key_text(key)
        # Two keys that are different in YAML may be one in JSON; only equal ones count as duplicates.
        identity = (type(key), key)
        if identity in parent.seen:
            self.duplicates.append(f"line {line + 1}: key {_key_literal(key)} already set in map")
        parent.seen.add(identity)
        parent.value[name] = value

    def merge(self, parent: "_Collection", value: Any) -> None:
        sources = value if type(value) is list else [value]
        if not all(type(source) is dict for source in sources):
            raise YAMLSyntaxError("yaml: map merge requires map or sequence of maps as the value")
        for source in reversed(sources):
            parent.value |= source

    def scalar(self, event: Any) -> Any:
        plain: bool = event.implicit[0]
        tag: str | None = event.tag
        text: str = event.value
        if text == _MERGE_KEY and (plain or tag == f"{_TAG}merge"):
            return _MERGE
        if tag is None or tag == "!":
            return _json_scalar(resolve(text)) if plain and tag is None else text
        match tag.removeprefix(_TAG):
            case "binary":
                try:
                    return decode_utf8(decode_base64(text))
                except ValueError:
                    raise YAMLSyntaxError("yaml: !!binary value contains invalid base64 data") from None
            case "bool" | "int" | "float" | "null" | "timestamp" as wanted:
                return self.tagged(text, wanted)
        return text

    def tagged(self, text: str, wanted: str) -> Any:
        value = resolve(text)
        found = _short_tag(value)
        if wanted == "float" and found == "int":
            return value
        if wanted != found and wanted != "timestamp":
            raise YAMLSyntaxError(f"yaml: cannot decode !!{found} `{text}` as a !!{wanted}")
        return _json_scalar(value)


@attrs.define(eq=False)
class _Collection:
    """A mapping or sequence whose end has not come yet."""

    value: Any
    line: int
    key: Any = None
    has_key: bool = False
    seen: set[Any] = attrs.field(factory=set)


def _line(event: Any) -> int:
    """The line that a node starts on, counted from 0."""
    line: int = event.start_mark.line
    return line


def _json_scalar(value: Any) -> Any:
    if type(value) is not float:
        return value
    try:
        return json_number(value)
    except ValueError:
        word = "NaN" if value != value else "+Inf" if value > 0 else "-Inf"
        raise JSONSyntaxError(f"json: unsupported value: {word}") from None


def _short_tag(value: Any) -> str:
    return {bool: "bool", int: "int", float: "float", type(None): "null"}.get(type(value), "str")


def _key_text(key: Any) -> str:
    """A mapping key as the JSON key it becomes."""
    match key:
        case str():
            return key
        case bool():
            return "true" if key else "false"
        case int():
            return str(key)
        case float():
            return format_shortest(key)
        case None:
            raise YAMLSyntaxError("yaml: unsupported map key of type: null")
    raise YAMLSyntaxError("yaml: invalid map key: a mapping or sequence")


def _key_literal(key: Any) -> str:
    return quote(key) if type(key) is str else _key_text(key)


def encode_yaml(value: Any) -> bytes:
    """Plain JSON values as YAML in go-yaml's style: keys sorted, lists not indented under their key, lines of 80."""
    events: list[yaml.Event] = [yaml.StreamStartEvent(), yaml.DocumentStartEvent(explicit=False)]
    _emit(value, events)
    events += [yaml.DocumentEndEvent(explicit=False), yaml.StreamEndEvent()]
    text: str = yaml.emit(events, Dumper=_Dumper, width=_WIDTH, allow_unicode=True)
    # libyaml closes a document whose end it finds unclear; go-yaml does not.
    return (text[:-4] if text.endswith("\n...\n") else text).encode()


def _emit(value: Any, events: list[yaml.Event]) -> None:
    if isinstance(value, dict):
        events.append(yaml.MappingStartEvent(None, None, True, flow_style=False))
        for key in sorted(value, key=sort_key):
            # go-yaml writes a key `<<` plain, and reads it as a merge: the entry would be lost on its way back.
            events.append(_scalar_event(key, '"') if key == _MERGE_KEY else _string_event(key))
            _emit(value[key], events)
        events.append(yaml.MappingEndEvent())
    elif isinstance(value, list):
        events.append(yaml.SequenceStartEvent(None, None, True, flow_style=False))
        for item in value:
            _emit(item, events)
        events.append(yaml.SequenceEndEvent())
    elif isinstance(value, str):
        events.append(_string_event(value))
    else:
        events.append(_scalar_event(_scalar_text(value), None))


def _scalar_text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value)


def _string_event(text: str) -> yaml.ScalarEvent:
    style = "|" if "\n" in text else None if reads_as_string(text) else '"'
    return _scalar_event(text, style)


def _scalar_event(text: str, style: str | None) -> yaml.ScalarEvent:
    return yaml.ScalarEvent(None, None, (True, True), text, style=style)
