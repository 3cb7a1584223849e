"""Who may ask what: certificates, tokens, the front proxy's headers, impersonation."""

from __future__ import annotations

from collections.abc import Iterator

from tests.differential.scenarios import (
    APPLY,
    BETA,
    GROUP,
    NAMESPACE,
    Headers,
    Scenario,
    Step,
    flunder,
    scenario,
    table,
)

BODIES = frozenset(("POST", "PUT", "PATCH"))
WRITERS = (0, 1, 10, 15, 16)
"""Which of the headers writes are tried with."""


def scenarios() -> Iterator[Scenario]:
    tables = table("access")
    for identity in tables["identities"]:
        for number, headers in enumerate(tables["headers"]):
            if identity == "rh-bad" and headers and "X-Remote-User" not in headers:
                continue  # nobody believes it, whatever it says
            steps = [
                Step("GET", path, headers=headers, identity=identity)
                for path in tables["paths"]
                if not ("watch" in path and identity in ("admin", "rh"))  # it would be one, without an end
            ]
            yield scenario("access", f"{identity} {number} reads", *steps)
        for number in WRITERS:
            yield scenario(
                "access", f"{identity} {number} writes", *_writes(identity, tables["headers"][number], tables)
            )


def _writes(identity: str, headers: Headers, tables: dict[str, list[tuple[str, str]]]) -> Iterator[Step]:
    for method, path in tables["writes"]:
        body = flunder("x") if method in BODIES else None
        sent = {**headers, **APPLY} if method == "PATCH" else headers
        yield Step(method, path, body, sent, identity)
    yield Step("DELETE", BETA.replace(NAMESPACE, "prod"), None)
    yield Step("DELETE", f"{GROUP}/v1alpha1/fischers", None)
