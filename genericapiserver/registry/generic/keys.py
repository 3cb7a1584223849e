"""Where objects lie: `<prefix>/<namespace>/<name>`, or `<prefix>/<name>`. Go: pkg/registry/generic/registry/store.go.

Only the name is checked here: it must be one segment of a path, so that no request reaches beside its resource.
"""

from typing import Protocol

import attrs

from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.validation.names import path_segment_name


class KeyScheme(Protocol):
    """The keys of one resource."""

    def root(self, namespace: str) -> str:
        """What all objects lie under that a request in *namespace* ("" for all) may see; without a trailing slash."""

    def item(self, namespace: str, name: str) -> str:
        """The key of one object. Raises BadRequestError for a name or a namespace that cannot be."""


@attrs.frozen
class NamespacedKeys:
    """Objects in namespaces."""

    prefix: str

    def root(self, namespace: str) -> str:
        return f"{self.prefix}/{namespace}" if namespace else self.prefix

    def item(self, namespace: str, name: str) -> str:
        if not namespace:
            raise BadRequestError("Namespace parameter required.")
        _check_name(name)
        return f"{self.prefix}/{namespace}/{name}"


@attrs.frozen
class ClusterScopedKeys:
    """Objects without a namespace."""

    prefix: str

    def root(self, namespace: str) -> str:
        return self.prefix

    def item(self, namespace: str, name: str) -> str:
        _check_name(name)
        return f"{self.prefix}/{name}"


def _check_name(name: str) -> None:
    if not name:
        raise BadRequestError("Name parameter required.")
    problems = path_segment_name(name)
    if problems:
        raise BadRequestError(f"Name parameter invalid: {quote(name)}: {';'.join(problems)}")
