"""Two answers made comparable, and the places where they differ.

Taken out is what differs between any two runs, and what speaks of how a server is built rather than of what it promises.
Everything else counts: the status, every header, the order of the fields, the line feed at the end.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from tests.conformance.recorded.normalisation import differences, normalised
from tests.differential.exchange import Answer, Taken
from tests.differential.scenarios import NAMESPACE, Step, shown

UNCOMPARED_HEADERS: Final = frozenset(("date", "content-length", "transfer-encoding", "connection"))
"""When, how long, and in which pieces."""
UNCOMPARED_VALUES: Final = frozenset(("audit-id", "etag", "last-modified", "process-start-time-unix"))
"""Headers that are there or not, whose values are a server's own."""
UNCOMPARED_BODIES: Final = (
    (re.compile(r"/metrics(/slis)?/?(\?|$)"), "values, and metrics of the runtime"),
    (re.compile(r"/debug/pprof"), "profiles of another runtime"),
    (re.compile(r"/openapi/v[23]"), "documents, which tests/openapi compare field by field"),
)
"""Paths whose bodies are not compared, each with what they hold; their status and headers are."""

_WITHIN_TEXTS: Final = (
    (re.compile(r",\s+application/vnd\.kubernetes\.protobuf(;stream=watch)?"), ""),  # who offers it is known
    (re.compile(r"(Key: /)[^, ]*(?=/wardle\.example\.com/)"), r"\1<prefix>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r'(scheme \\*")[^"\\]*'), r"\1<where it was made>"),
    (re.compile(r"(current: )\d+"), r"\1<resourceVersion>"),
    (re.compile(r"(ResourceVersion in record \()\d+"), r"\1<resourceVersion>"),
    (re.compile(r"(ResourceVersion in the precondition \()[1-9]\d{2,}"), r"\1<resourceVersion>"),
    (re.compile(r"(UID in record: )[0-9a-f-]+"), r"\1<uid>"),
    (re.compile(r"\b(goVersion|compiler|platform): .*"), r"\1: <any>"),
)
_ANY_FIELD: Final = frozenset(("goVersion", "compiler", "platform"))


def compared(one: Taken, other: Taken, namespace: str) -> list[str]:
    """A line for each place where two answers to one step differ; `wanted` is what the first says.

    Answers of different statuses or media types are two answers altogether: one line tells both.
    """
    wanted, found = (described(*each, namespace) for each in (one, other))
    if _nature(wanted) != _nature(found):
        return [f"/status: wanted {_summary(wanted)}, found {_summary(found)}"]
    return _significant(list(differences(wanted, found)))


def diverged(step: Step, lines: list[str]) -> bool:
    """Whether a write with the differences *lines* may have been done by one server only, so that what they say from now on
    is of different objects."""
    writes = step.method not in ("GET", "HEAD", "OPTIONS") and "dryRun" not in step.path
    return writes and any(line.startswith("/status") for line in lines)


def _nature(answer: Mapping[str, Any]) -> tuple[Any, ...]:
    return answer.get("status"), answer.get("headers", {}).get("content-type"), answer.get("error")


def _summary(answer: Mapping[str, Any]) -> str:
    if "error" in answer:
        return str(answer["error"])
    body = answer.get("body", answer.get("text", ""))
    told = body.get("message") or body.get("kind") if isinstance(body, dict) else body
    return f"{answer['status']} {answer['headers'].get('content-type', 'without a type')} {shown(told)}"


def described(step: Step, answer: Answer, captured: Mapping[str, str], namespace: str) -> dict[str, Any]:
    """*answer* as it is compared."""
    if answer.error:
        return {"error": answer.error}
    headers = _headers(answer.headers)
    described: dict[str, Any] = {"status": answer.status, "headers": headers}
    if not answer.ended:
        described["ended"] = False
    if any(pattern.match(step.path) for pattern, _ in UNCOMPARED_BODIES):
        return described
    described.update(_body(headers, answer.body))
    return dict(normalised(_made_comparable(described, namespace), captured))


def _headers(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        if key in UNCOMPARED_VALUES:
            value = "<any>"
        if key not in UNCOMPARED_HEADERS:
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _body(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    if headers.get("content-encoding") == "gzip" and body:
        with contextlib.suppress(OSError, EOFError):  # what is no gzip is compared as it is
            body = gzip.decompress(body)
    if not body:
        return {}
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return {"bytes": body.hex()}
    if "json" in headers.get("content-type", ""):
        lines = text.splitlines()
        try:
            if "watch" in headers["content-type"] or len(lines) > 1:
                return {"events": [json.loads(line) for line in lines]}
        except ValueError:
            pass
        try:
            return {"body": json.loads(text), "fields": _fields(text), "line feed": text.endswith("\n")}
        except ValueError:
            pass
    return {"text": text}


def _fields(text: str) -> list[str]:
    """The names of all objects' fields in the order in which they are written."""
    names: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        names.append(" ".join(name for name, _ in pairs))

    json.loads(text, object_pairs_hook=note)
    return names


def _made_comparable(value: Any, namespace: str, field: str = "") -> Any:
    if isinstance(value, dict):
        return {_text(name, namespace): _made_comparable(inner, namespace, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_made_comparable(inner, namespace, field) for inner in value]
    if not isinstance(value, str):
        return value
    return "<any>" if field in _ANY_FIELD else _text(value, namespace)


def _text(text: str, namespace: str) -> str:
    text = text.replace(namespace, NAMESPACE)
    for pattern, replacement in _WITHIN_TEXTS:
        text = pattern.sub(replacement, text)
    return text


def _significant(lines: list[str]) -> list[str]:
    """*lines* without what follows from others: the order of fields where the fields themselves differ, and the causes
    of a message."""
    follows: tuple[str, ...] = ()
    if any(line.startswith(("/body", "/text")) for line in lines):
        follows += ("/fields", "/line feed")
    if any(line.startswith("/body/message") for line in lines):
        follows += ("/body/details/causes",)
    return [line for line in lines if not line.startswith(follows)] if follows else lines
