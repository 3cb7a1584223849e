"""What a program says about its documents (DefaultOpenAPIConfig in pkg/server/config.go of k8s.io/apiserver)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs


@attrs.define(kw_only=True)
class OpenAPIConfig:
    """Title and version of the documents, how clients prove who they are, and what definitions are called.

    An empty version becomes the server's own, or `unversioned`. *definition_name* makes the name of a definition, and of
    every reference to it, from the model name of its type. *models* are types whose definitions the document of v2 has
    even where no path refers to them; those of v3 have just what they refer to.
    """

    title: str = "Generic API Server"
    version: str = ""
    security_definitions: dict[str, Mapping[str, Any]] = attrs.field(factory=dict)
    definition_name: Callable[[str], str] = str
    models: Callable[[], Iterable[type[Any]]] = tuple

    def info(self) -> dict[str, str]:
        return {"title": self.title, "version": self.version or "unversioned"}

    def security(self) -> list[dict[str, list[str]]]:
        """Any one of the definitions is enough."""
        return [{name: []} for name in sorted(self.security_definitions)]


def default_openapi_config(
    *, title: str = "Generic API Server", security_definitions: Mapping[str, Mapping[str, Any]] | None = None
) -> OpenAPIConfig:
    """What documents of both versions are written with when nothing else is said.

    Go's DefaultOpenAPIConfig and DefaultOpenAPIV3Config want the definitions and their names; here they are read from the
    declared types of the groups that are installed, and one configuration serves both.
    """
    return OpenAPIConfig(title=title, security_definitions=dict(security_definitions or {}))


BEARER_TOKEN: Mapping[str, Any] = {
    "type": "apiKey",
    "description": "Bearer Token authentication",
    "name": "authorization",
    "in": "header",
}
