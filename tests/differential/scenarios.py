"""What is asked of both servers: scenarios of requests that build on each other, each in a namespace of its own.

In paths, headers and bodies `@NS@` stands for the namespace, `${name}` for what an earlier answer had at the pointer that
`capture` names. `__PAD__` in a body is as long as `pad` says, so that tables need not hold megabytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs

TABLES: Final = Path(__file__).parent / "tables"
NAMESPACE: Final = "@NS@"
PAD: Final = "__PAD__"
GROUP: Final = "/apis/wardle.example.com"
BETA: Final = f"{GROUP}/v1beta1/namespaces/{NAMESPACE}/flunders"
ALPHA: Final = f"{GROUP}/v1alpha1/namespaces/{NAMESPACE}/flunders"
FISCHERS: Final = f"{GROUP}/v1alpha1/fischers"
SPEC: Final[Mapping[str, str]] = {"referenceType": "Flunder", "flunderReference": "x"}

JSON: Final = {"Content-Type": "application/json"}
YAML: Final = {"Content-Type": "application/yaml"}
JSON_PATCH: Final = {"Content-Type": "application/json-patch+json"}
MERGE: Final = {"Content-Type": "application/merge-patch+json"}
STRATEGIC: Final = {"Content-Type": "application/strategic-merge-patch+json"}
APPLY: Final = {"Content-Type": "application/apply-patch+yaml"}

Headers: TypeAlias = Mapping[str, str | list[str] | None]
"""None is a header that is not sent, Content-Type included; several values are several headers."""


@attrs.frozen
class Step:
    """One request. A *watch* is read until the server ends it, while the steps of *during* are taken."""

    method: str
    path: str
    body: Any = None
    """Bytes and text are sent as they are, anything else as JSON; None is no body."""
    headers: Headers = attrs.field(factory=dict)
    identity: str = "admin"
    pad: int = 0
    capture: Mapping[str, str] = attrs.field(factory=dict)
    watch: bool = False
    during: tuple[Step, ...] = ()

    def __str__(self) -> str:
        """The request on one line, by which known differences are found."""
        headers = "".join(f" {name}={json.dumps(value)}" for name, value in self.headers.items())
        who = "" if self.identity == "admin" else f" as {self.identity}"
        body = "" if self.body is None else f" {shown(self.body)}"
        return f"{self.method} {self.path}{who}{headers}{body}"


@attrs.frozen
class Scenario:
    """Steps in one namespace; *family* says of which table."""

    family: str
    title: str
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        return f"{self.family}/{self.title}"

    @property
    def requests(self) -> int:
        return sum(1 + len(step.during) for step in self.steps)


def scenario(family: str, title: str, *steps: Step) -> Scenario:
    return Scenario(family, title, steps)


def table(name: str) -> Any:
    """The table *name* of tests/differential/tables."""
    return json.loads((TABLES / f"{name}.json").read_text("utf-8"))


def flunder(name: str = "a", version: str = "v1beta1", metadata: Mapping[str, Any] | None = None, **fields: Any) -> Any:
    """A flunder as JSON."""
    return {
        "apiVersion": f"wardle.example.com/{version}",
        "kind": "Flunder",
        "metadata": {"name": name, **(metadata or {})},
        **fields,
    }


def fischer(name: str, **fields: Any) -> Any:
    """A fischer as JSON. It has no namespace: its name must have one, or scenarios meet."""
    return {"apiVersion": "wardle.example.com/v1alpha1", "kind": "Fischer", "metadata": {"name": name}, **fields}


def get(path: str, headers: Headers | None = None, **options: Any) -> Step:
    return Step("GET", path, headers=headers or {}, **options)


def create(body: Any, query: str = "", *, path: str = BETA, headers: Headers | None = None, **options: Any) -> Step:
    return Step("POST", path + query, body, headers or {}, **options)


def update(
    body: Any, query: str = "", *, path: str = f"{BETA}/a", headers: Headers | None = None, **options: Any
) -> Step:
    return Step("PUT", path + query, body, headers or {}, **options)


def patch(kind: Headers, body: Any, query: str = "", *, path: str = f"{BETA}/a", **options: Any) -> Step:
    return Step("PATCH", path + query, body, kind, **options)


def apply(body: Any, query: str = "?fieldManager=m", *, path: str = f"{BETA}/a", **options: Any) -> Step:
    return patch(APPLY, body, query, path=path, **options)


def delete(path: str, body: Any = None, headers: Headers | None = None, **options: Any) -> Step:
    return Step("DELETE", path, body, headers or {}, **options)


def watch(path: str, headers: Headers | None = None, *, during: tuple[Step, ...] = ()) -> Step:
    return Step("GET", path, headers=headers or {}, watch=True, during=during)


def shown(value: Any, longest: int = 300) -> str:
    """*value* on one line, its middle left out when it is longer than *longest*."""
    if isinstance(value, bytes):
        text = repr(value)
    else:
        text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= longest else f"{text[: longest - 100]} ... {text[-80:]}"
