"""What a server is told about one API group: its versions in order, and the storage behind each resource.

Source: APIGroupInfo in pkg/server/genericapiserver.go of k8s.io/apiserver.
"""

from collections.abc import Callable, Sequence

import attrs

from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.registry.rest import RESTStorage


@attrs.define(kw_only=True)
class APIGroupInfo:
    """One API group to install.

    `prioritized_versions`: the versions that are served, the preferred one first.
    `versioned_resources_storage`: version -> resource (`flunders`, `flunders/status`) -> storage. A version without
    resources is not served.
    """

    prioritized_versions: Sequence[GroupVersion]
    versioned_resources_storage: dict[str, dict[str, RESTStorage]] = attrs.field(factory=dict)
    scheme: Scheme
    serializer: CodecFactory
    convert_error: Callable[[Exception], StatusError] | None = None
    """What clients are told of an error of a storage that is not made for them. Without it they are told nothing of it, as
    of any other fault of the program."""
    openapi_scheme: Scheme | None = None
    """The kinds of types as OpenAPI documents name them; those of *scheme* when None, hubs included."""

    @classmethod
    def for_group(cls, group: str, *, scheme: Scheme, serializer: CodecFactory | None = None) -> "APIGroupInfo":
        """The usual case: the versions that *scheme* has for *group*, in its order of priority."""
        return cls(
            prioritized_versions=scheme.prioritized_versions_for_group(group),
            scheme=scheme,
            serializer=serializer or CodecFactory(scheme),
        )

    def describe(self) -> str:
        """The group as messages name it: its versions and what is stored in each."""
        resources = {version: sorted(storage) for version, storage in self.versioned_resources_storage.items()}
        versions = ", ".join(str(version) for version in self.prioritized_versions)
        return f"API group with versions [{versions}] and resources {resources}"
