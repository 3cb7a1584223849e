"""What an API type may say of itself, so that nothing else need be said of it: `Object`, and optional powers beside it.

    @api_type
    class Manifest(meta.Object):
        group_version_resource = GroupVersionResource("core.tilt.dev", "v1alpha1", "manifests")
        namespace_scoped = False
        short_names = ("m",)

        spec: ManifestSpec = field(factory=ManifestSpec)
        status: ManifestStatus = field(factory=ManifestStatus)

        def get_status(self) -> ManifestStatus:
            return self.status

Nobody inherits from these protocols; the shape counts. Facts are class attributes without an annotation (an annotated one
would be a field of the object), or with `ClassVar`. Go: pkg/builder/resource of apiserver-runtime. Differences in shape:
getters are attributes; the class itself stands for `New()`, and `list_of(cls)` for `NewList()`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from genericapiserver.apimachinery.meta import ListMeta, ObjectMeta
from genericapiserver.apimachinery.schema import GroupVersionResource
from genericapiserver.apis.autoscaling_v1 import Scale

if TYPE_CHECKING:
    from genericapiserver.builder.rest import ResourceHandlerProvider


class Object(Protocol):
    """A kind that is served. Required: `group_version_resource`; the other facts have the defaults that stand here.

    Beside these a class may say `singular_name`, `short_names` and `categories` (see `resourcerest`), `indexing_fields`, and
    have the hooks of `resourcestrategy`.
    """

    metadata: ObjectMeta

    group_version_resource: ClassVar[GroupVersionResource]
    namespace_scoped: ClassVar[bool] = True
    is_storage_version: ClassVar[bool] = True
    """Whether objects are stored as this class; of a kind in several versions exactly one is."""


class ObjectList(Protocol):
    """A list of such objects. One is made for a class that has none of its own."""

    metadata: ListMeta


@runtime_checkable
class MultiVersionObject(Protocol):
    """Required of a class that is not the storage version of its kind.

    Its metadata goes along by itself. Both methods change their target in place.
    """

    @classmethod
    def new_storage_version_object(cls) -> Any:
        """An empty object of the storage version; its class is that of the kind's other declaration."""

    def convert_to_storage_version(self, storage_obj: Any) -> None:
        """Bring what this object says into *storage_obj*."""

    def convert_from_storage_version(self, storage_obj: Any) -> None:
        """Bring what *storage_obj* says into this object, which is empty."""


@runtime_checkable
class StatusSubResource(Protocol):
    """The status of an object."""

    def copy_to(self, parent: Any) -> None:
        """Put this status into *parent*."""


@runtime_checkable
class ObjectWithStatusSubResource(Protocol):
    """A kind that gets `/status`, through which alone the status changes once the object exists."""

    def get_status(self) -> StatusSubResource: ...


@runtime_checkable
class ObjectWithScaleSubResource(Protocol):
    """A kind that gets `/scale`, for `kubectl scale` and autoscalers."""

    def get_scale(self) -> Scale:
        """Its spec and status; names and versions are filled in."""

    def set_scale(self, scale: Scale) -> None:
        """Take over what *scale* asks for."""


@runtime_checkable
class GenericSubResource(Protocol):
    """One more subresource: anything that a provider makes a storage for (see `resourcerest`)."""

    name: str
    """What stands behind the object's name in the path."""

    def get_storage_provider(
        self, parent: type[Any], name: str, parent_provider: "ResourceHandlerProvider"
    ) -> "ResourceHandlerProvider":
        """*parent_provider* gives the storage of the resource, always the same one."""


@runtime_checkable
class ObjectWithGenericSubResource(Protocol):
    """A kind with further subresources, said by a class method or a static one."""

    @classmethod
    def generic_sub_resources(cls) -> Sequence[GenericSubResource]: ...
