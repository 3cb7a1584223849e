"""Where objects lie: `<prefix>/<namespace>/<name>`, or `<prefix>/<name>`. Go: pkg/registry/generic/registry/store.go.

Names and namespaces must be one segment of a path, so that no request reaches beside its resource. Deviation: the reference
checks only the name here, and answers a namespace such as `..` with a 500 from its storage.
"""

from typing import Protocol

import attrs

from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.validation.names import path_segment_name


class KeyScheme(Protocol):
    """The keys of one resource."""

    def root(self, namespace: str) -> str:
        """What all objects lie under that a request in *namespace* ("" for all) may see; without a trailing slash.

        Raises BadRequestError for a namespace that cannot be.
        """

    def item(self, namespace: str, name: str) -> str:
        """The key of one object. Raises BadRequestError for a name or a namespace that cannot be."""


@attrs.frozen
class NamespacedKeys:
    """Objects in namespaces."""

    prefix: str

    def root(self, namespace: str) -> str:
        if not namespace:
            return self.prefix
        _check_segment("Namespace", namespace)
        return f"{self.prefix}/{namespace}"

    def item(self, namespace: str, name: str) -> str:
        if not namespace:
            raise BadRequestError("Namespace parameter required.")
        _check_segment("Namespace", namespace)
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
    _check_segment("Name", name)


def _check_segment(parameter: str, text: str) -> None:
    problems = path_segment_name(text)
    if problems:
        raise BadRequestError(f"{parameter} parameter invalid: {quote(text)}: {';'.join(problems)}")
