"""Sending a scenario to one server: exactly the bytes that the tables say, connections kept, watches read to their end."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs

from tests.conformance.recorded.normalisation import part, substituted
from tests.differential.scenarios import NAMESPACE, PAD, Scenario, Step
from tests.support.https_client import HTTPSClient

TIMEOUT: Final = 30.0
"""Seconds for an answer that is no watch."""
WATCH_TIMEOUT: Final = 4.0
"""Seconds without an event after which a watch that does not end is left."""

Clients = Mapping[str, HTTPSClient]


@attrs.frozen
class Answer:
    """What a server said, before anything is made of it; *error* when it said nothing that is HTTP."""

    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    error: str = ""
    ended: bool = True
    """Whether the body came to its end; a watch that goes on is left."""


Taken: TypeAlias = tuple[Step, Answer, Mapping[str, str]]
"""A step, its answer, and what had been captured by then."""


class _AnyPath(http.client.HTTPSConnection):
    """Sends paths and methods that the standard library calls invalid: what a server makes of them is the question."""

    def _validate_path(self, url: str) -> None:
        pass

    def _validate_method(self, method: str) -> None:
        pass


@attrs.define
class Visitor:
    """Takes the scenarios of one thread to one server. Not for several threads at a time."""

    clients: Clients
    _kept: dict[str, http.client.HTTPSConnection] = attrs.field(factory=dict)

    def visit(self, scenario: Scenario, namespace: str) -> list[Taken]:
        """Every step of *scenario* with its answer and what had been captured by then, those of `during` before their
        watch."""
        captured: dict[str, str] = {}
        taken: list[Taken] = []

        def take(step: Step) -> None:
            def inner() -> None:
                for each in step.during:
                    take(each)

            answer = self._exchange(_concrete(step, namespace, captured), inner)
            for name, pointer in step.capture.items():
                captured[name] = str(part(_document(answer), pointer) or "")
            taken.append((step, answer, dict(captured)))

        for step in scenario.steps:
            take(step)
        return taken

    def close(self) -> None:
        for connection in self._kept.values():
            connection.close()
        self._kept.clear()

    def _exchange(self, step: Step, during: Any) -> Answer:
        if step.watch:
            return self._watch(step, during)
        kept = self._kept.pop(step.identity, None)
        if kept is not None:
            with contextlib.suppress(http.client.HTTPException, OSError):  # it was closed meanwhile
                return self._whole(kept, step)
            kept.close()
        connection = self._connection(step.identity, TIMEOUT)
        try:
            return self._whole(connection, step)
        except (http.client.HTTPException, OSError) as error:
            connection.close()
            return Answer(error=f"{type(error).__name__}")

    def _whole(self, connection: http.client.HTTPSConnection, step: Step) -> Answer:
        """The answer to *step* to its end. Raises HTTPException and OSError."""
        _send(connection, step)
        response = connection.getresponse()
        if response.status == 200 and _may_watch(step):
            return _read(response, connection)
        answer = Answer(response.status, tuple(response.getheaders()), response.read())
        if response.will_close:
            connection.close()
        else:
            self._kept[step.identity] = connection
        return answer

    def _watch(self, step: Step, during: Any) -> Answer:
        connection = self._connection(step.identity, TIMEOUT)
        try:
            _send(connection, step)
            response = connection.getresponse()
            if response.status == 200:
                during()
            return _read(response, connection)
        except (http.client.HTTPException, OSError) as error:
            return Answer(error=f"{type(error).__name__}")
        finally:
            connection.close()

    def _connection(self, identity: str, timeout: float) -> http.client.HTTPSConnection:
        client = self.clients[identity]
        return _AnyPath("127.0.0.1", client.port, context=client.context, timeout=timeout)


def _may_watch(step: Step) -> bool:
    """Whether the answer might go on for ever. A mutated request may be a watch without having been meant as one."""
    return step.method == "GET" and "watch" in step.path


def _read(response: http.client.HTTPResponse, connection: http.client.HTTPSConnection) -> Answer:
    """What comes until the end, or until there is silence."""
    body, ended = bytearray(), True
    if connection.sock is not None:
        connection.sock.settimeout(WATCH_TIMEOUT)
    try:
        while piece := response.read1(65536):
            body += piece
    except (TimeoutError, ssl.SSLError):
        ended = False
    except (http.client.HTTPException, OSError):  # cut off: what was said counts
        pass
    connection.close()
    return Answer(response.status, tuple(response.getheaders()), bytes(body), ended=ended)


def _send(connection: http.client.HTTPSConnection, step: Step) -> None:
    body = encoded(step)
    headers = dict(step.headers)
    if body is not None and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    connection.putrequest(step.method, step.path, skip_accept_encoding=True)
    for name, values in headers.items():
        for value in [values] if isinstance(values, str) else values or ():
            connection.putheader(name, value.encode("utf-8", "surrogateescape"))
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused early: the answer tells
        connection.endheaders(body)


def encoded(step: Step) -> bytes | None:
    """The body's bytes."""
    body = step.body
    if body is None:
        return None
    if not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body)).encode("utf-8", "surrogatepass")
    return body.replace(PAD.encode(), b"x" * step.pad) if step.pad else body


def _concrete(step: Step, namespace: str, captured: Mapping[str, str]) -> Step:
    """*step* with its namespace and what was captured."""

    def filled(value: Any) -> Any:
        if isinstance(value, bytes):
            return value.replace(NAMESPACE.encode(), namespace.encode())
        if isinstance(value, str):
            value = value.replace(NAMESPACE, namespace)
            return substituted(value, captured) if captured else value
        if isinstance(value, dict):
            return {filled(name): filled(inner) for name, inner in value.items()}
        return [filled(inner) for inner in value] if isinstance(value, list) else value

    return attrs.evolve(step, path=filled(step.path), body=filled(step.body), headers=filled(dict(step.headers)))


def _document(answer: Answer) -> Any:
    try:
        return {"body": json.loads(answer.body)}
    except ValueError:
        return None


def certificates(folder: Path, port: int, names: Sequence[str]) -> Clients:
    """A client for each of *names* with the certificates of *folder*, and `anonymous` without one."""
    authority = folder / "ca.crt"
    return {
        "anonymous": HTTPSClient(port, authority=authority),
        **{
            name: HTTPSClient(port, authority=authority, certificate=folder / f"{name}.crt", key=folder / f"{name}.key")
            for name in names
        },
    }
