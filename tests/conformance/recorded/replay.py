"""Replaying a scenario: every request of it in order, every response beside the recorded one."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from typing import Any

import attrs

from tests.conformance.recorded.normalisation import (
    described,
    differences,
    kept_headers,
    loosened,
    normalised,
    part,
    substituted,
)
from tests.conformance.recorded.scenarios import Request, Scenario, Step
from tests.support.https_client import TIMEOUT, HTTPSClient
from tests.support.server_process import eventually

QUIET = 1.0
"""Seconds in which a watch that is to see nothing must see nothing."""
ATTEMPTS = 5

Clients = Mapping[str, HTTPSClient]


def problems(scenario: Scenario, clients: Clients) -> list[str]:
    """What differs between *scenario* and the server behind *clients*.

    Managers of one object are sorted by the second of their writes, then by name. The recordings hold the order of writes
    within one second, so a scenario that a second's end has divided says nothing: it is repeated in namespaces of its own,
    each time from the beginning of a second.
    """
    found, divided = _attempt(scenario, clients)
    for attempt in range(1, ATTEMPTS):
        if not (found and divided and scenario.has_several_managers):
            break
        time.sleep(1 - time.time() % 1)
        found, divided = _attempt(scenario.elsewhere(f"-again-{attempt}"), clients)
    return found


def _attempt(scenario: Scenario, clients: Clients) -> tuple[list[str], bool]:
    """The problems, and whether a new second began before the end."""
    second = int(time.time())
    run = Run(clients)
    for step in scenario.steps:
        run.take(step)
    return run.problems, int(time.time()) != second


@attrs.define
class Run:
    """One run through a scenario: what was captured so far, and what differed."""

    clients: Clients
    captured: dict[str, str] = attrs.Factory(dict)
    problems: list[str] = attrs.Factory(list)

    def take(self, step: Step) -> None:
        """Send the request of *step* and compare."""
        try:
            found = self._exchange(step)
        except (OSError, HTTPException) as error:  # a dropped connection is a difference, not the end
            found = {"error": f"{type(error).__name__}: {error}"}
        for name, pointer in step.capture.items():
            self.captured[name] = part(found, pointer) or ""
        found = normalised(found, self.captured)
        for pointer in step.loose:
            found = loosened(found, pointer)
        if step.only:
            found = {"status": found.get("status"), **{pointer: part(found, pointer) for pointer in step.only}}
        self.problems.extend(f"{step.title}: {each}" for each in differences(step.response, found))

    def _exchange(self, step: Step) -> dict[str, Any]:
        request = step.request
        if step.sleeps:
            self._await_informers(step)
        if step.events is not None:
            return self._watch(step)
        with self._open(request) as response:
            return described(response.status, kept_headers(response.getheaders()), response.read())

    def _watch(self, step: Step) -> dict[str, Any]:
        """Open a watch, run the steps that it is to see, then read.

        A head tells that the watch has begun, and every recorded watch with steps names a version to begin from, so
        nothing is to be waited for before those steps.
        """
        wanted = step.response.get("events", [])
        with self._open(step.request, timeout=TIMEOUT if wanted else QUIET + _timeout(step.request)) as response:
            headers = kept_headers(response.getheaders())
            if response.status != 200:
                return described(response.status, headers, response.read())
            for inner in step.during:
                self.take(inner)
            return {**described(200, headers, b""), "events": _events(response, step.events or 0)}

    def _await_informers(self, step: Step) -> None:
        """Ask for *step* without leaving anything until the server answers as it is to, or never will."""
        request = attrs.evolve(step.request, path=f"{step.request.path}?dryRun=All")

        def as_recorded() -> bool:
            with self._open(request) as response:
                response.read()
                return bool(response.status == step.response["status"])

        try:
            eventually(as_recorded, step.title, seconds=20.0)
        except TimeoutError as error:
            self.problems.append(str(error))

    def _open(self, request: Request, *, timeout: float = TIMEOUT) -> Any:
        path = substituted(request.path, self.captured)
        headers = [
            (name, substituted(value, self.captured))
            for name, values in request.headers.items()
            for value in (values if isinstance(values, list) else [values])
        ]
        client = self.clients.get(request.identity, self.clients["none"])
        return client.stream(request.method, path, _padded(request, self.captured), headers, timeout=timeout)


def _padded(request: Request, captured: Mapping[str, str]) -> bytes | None:
    """The body's bytes, with what was too long to be recorded."""
    if request.body is None:
        return None
    body = substituted(request.body, captured)
    text = body if isinstance(body, str) else json.dumps(body)
    return text.replace("__PAD__", "x" * request.pad).encode() if request.pad else text.encode()


def _timeout(request: Request) -> float:
    """Seconds after which the watch ends by itself: it is then to end, not only to be silent."""
    _, found, rest = request.path.partition("timeoutSeconds=")
    return TIMEOUT if found and rest else 0.0


def _events(response: HTTPResponse, count: int) -> list[Any]:
    """The next *count* events, or fewer when there is silence or the end."""
    events: list[Any] = []
    try:
        while len(events) < count and (line := response.readline()):
            events.append(json.loads(line))
    except TimeoutError:
        pass
    return events
