"""API groups of declared kinds and of what handlers of one's own serve beside or below them."""

from collections.abc import Sequence

import attrs

from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.builder.resource.declaration import Resource
from genericapiserver.builder.resource.scheme import DeclaredKind
from genericapiserver.builder.rest import ResourceHandlerProvider
from genericapiserver.config import ConfigError
from genericapiserver.registry.generic.options import RESTOptionsGetter
from genericapiserver.registry.rest import RESTStorage


@attrs.frozen
class Handled:
    """A path of one resource that a provider makes the storage for: `manifests`, or `manifests/logs`."""

    resource: Resource
    subresource: str
    provider: ResourceHandlerProvider

    @property
    def path(self) -> str:
        return f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural


@attrs.frozen
class DeclaredGroups:
    """*kinds* are served from storage, *handled* by providers; both versions of a kind by the same."""

    kinds: Sequence[DeclaredKind] = ()
    handled: Sequence[Handled] = ()

    def api_groups(self, getter: RESTOptionsGetter, scheme: Scheme, serializer: CodecFactory) -> list[APIGroupInfo]:
        """The groups, in the order in which they were declared. Raises ConfigError."""
        groups: dict[str, APIGroupInfo] = {}
        for kind in self.kinds:
            made = kind.storages(getter, scheme)
            for version in kind.versions:
                _storages_at(groups, version, scheme, serializer).update(made)
        made_for: dict[tuple[int, str, str], RESTStorage] = {}
        for handled in self.handled:
            # A provider makes one storage for all versions of its kind: they are the same objects.
            key = (id(handled.provider), handled.resource.group_version.group, handled.path)
            storage = made_for.get(key)
            if storage is None:
                storage = made_for[key] = _made(handled, scheme, getter)
            _storages_at(groups, handled.resource.group_version, scheme, serializer)[handled.path] = storage
        return list(groups.values())


def _storages_at(
    groups: dict[str, APIGroupInfo], version: GroupVersion, scheme: Scheme, serializer: CodecFactory
) -> dict[str, RESTStorage]:
    group = groups.get(version.group)
    if group is None:
        group = groups[version.group] = APIGroupInfo.for_group(version.group, scheme=scheme, serializer=serializer)
    storages: dict[str, RESTStorage] = group.versioned_resources_storage.setdefault(version.version, {})
    return storages


def _made(handled: Handled, scheme: Scheme, getter: RESTOptionsGetter) -> RESTStorage:
    where = f"{handled.resource.object_type.__name__}: the handler of {handled.path}"
    try:
        storage = handled.provider(scheme, getter)
    except Exception as error:
        raise ConfigError(f"{where} raises {type(error).__name__}: {error}") from error
    if not isinstance(storage, RESTStorage):
        raise ConfigError(f"{where} gives {storage!r}, which is no storage: it has no object_type or no aclose")
    return storage
