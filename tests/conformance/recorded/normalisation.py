"""Responses made comparable: placeholders for what differs from run to run, and the differences of two documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"

WHOLE_VALUES = {
    "uid": re.compile(_UUID),
    "resourceVersion": re.compile(r"[1-9][0-9]*"),
    "creationTimestamp": re.compile(_TIME),
    "deletionTimestamp": re.compile(_TIME),
    "time": re.compile(_TIME),
    "continue": re.compile(r"[A-Za-z0-9_=-]+"),
    "serverAddress": re.compile(r".*:\d+"),
    "hash": re.compile(r"[0-9A-Za-z_=-]+"),
}
"""What the value of a field of this name must look like to be replaced by `<name>`."""

WITHIN_TEXTS = (
    (re.compile(_TIME), "<time>"),
    (re.compile(_UUID), "<uid>"),
    (re.compile(r"(resourceVersion\W+)\d+"), r"\1<resourceVersion>"),
    (re.compile(r"(serverAddress: )\S*:\d+"), r"\1<serverAddress>"),
    (re.compile(r", application/vnd\.kubernetes\.protobuf"), ""),  # whether a server offers protobuf is its own choice
)
SHORTEST_CAPTURE = 4
"""A captured value shorter than this is found by chance in texts that have nothing to do with it."""
ANY = "<any>"

_KEPT_HEADERS = frozenset(
    (
        "allow",
        "cache-control",
        "content-type",
        "location",
        "retry-after",
        "vary",
        "warning",
        "www-authenticate",
    )
)


def described(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """A response as the recordings hold it."""
    document: dict[str, Any] = {"status": status, "headers": headers}
    if not body:
        return document
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return {**document, "body_bytes": len(body)}
    if "json" in headers.get("content-type", ""):
        try:
            return {**document, "body": json.loads(text)}
        except ValueError:
            pass
    return {**document, "text": text}


def kept_headers(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """The headers that the recordings hold, several of one name joined."""
    kept: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        if key in _KEPT_HEADERS:
            kept[key] = f"{kept[key]}, {value}" if key in kept else value
    return kept


def normalised(value: Any, captured: Mapping[str, str], field: str = "") -> Any:
    """*value* with placeholders for times, versions, identities and what was captured before."""
    if isinstance(value, dict):
        return {name: normalised(inner, captured, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [normalised(inner, captured, field) for inner in value]
    if not isinstance(value, str):
        return value
    if (pattern := WHOLE_VALUES.get(field)) and pattern.fullmatch(value):
        return f"<{field}>"
    for name, text in captured.items():
        if len(text) >= SHORTEST_CAPTURE:
            value = value.replace(text, f"${{{name}}}")
    for pattern, replacement in WITHIN_TEXTS:
        value = pattern.sub(replacement, value)
    return value


def substituted(value: Any, captured: Mapping[str, str]) -> Any:
    """*value* with what was captured in place of its names."""
    if isinstance(value, dict):
        return {name: substituted(inner, captured) for name, inner in value.items()}
    if isinstance(value, list):
        return [substituted(inner, captured) for inner in value]
    if isinstance(value, str):
        for name, text in captured.items():
            value = value.replace(f"${{{name}}}", text)
    return value


def part(document: Any, pointer: str) -> Any:
    """What *pointer* (`/body/items/0`) leads to; None where it leads nowhere."""
    for name in pointer.strip("/").split("/"):
        if isinstance(document, dict):
            document = document.get(name)
        elif isinstance(document, list) and name.isdigit() and int(name) < len(document):
            document = document[int(name)]
        else:
            return None
    return document


def loosened(document: Any, pointer: str) -> Any:
    """*document* with anything allowed where *pointer* leads; `*` stands for every item."""
    name, _, rest = pointer.strip("/").partition("/")
    if isinstance(document, dict):
        names = document.keys() if name == "*" else {name} & document.keys()
        return {**document, **{key: loosened(document[key], rest) if rest else ANY for key in names}}
    if isinstance(document, list):
        return [
            (loosened(inner, rest) if rest else ANY) if name in ("*", str(index)) else inner
            for index, inner in enumerate(document)
        ]
    return document


def differences(wanted: Any, found: Any, place: str = "") -> Iterator[str]:
    """A line for each place where the documents differ; 1, 1.0 and true are three values."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name in sorted(wanted.keys() | found.keys()):
            inner = f"{place}/{name}"
            if name not in found:
                yield f"{inner}: missing, wanted {_shown(wanted[name])}"
            elif name not in wanted:
                yield f"{inner}: unwanted {_shown(found[name])}"
            else:
                yield from differences(wanted[name], found[name], inner)
    elif isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            yield f"{place}: {len(wanted)} items wanted, {len(found)} found"
        for index, (one, other) in enumerate(zip(wanted, found, strict=False)):
            yield from differences(one, other, f"{place}/{index}")
    elif wanted != found or type(wanted) is not type(found):
        yield f"{place}: wanted {_shown(wanted)}, found {_shown(found)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 400 else f"{text[:400]}..."
