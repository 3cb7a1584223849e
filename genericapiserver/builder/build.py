"""From what a builder was told to what a server is made of, and everything that is wrong with it, all at once."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import attrs

from genericapiserver.apimachinery.schema import GroupKind, GroupResource
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.builder.groups import DeclaredGroups, Handled
from genericapiserver.builder.resource.declaration import Resource, declared
from genericapiserver.builder.resource.scheme import DeclaredKind, declared_kinds, scheme_of
from genericapiserver.builder.rest import ResourceHandlerProvider
from genericapiserver.builder.storage import Place, Storage
from genericapiserver.config import ConfigError

SchemeInstaller = Callable[[Scheme], object]

DEFAULT: Final = object()
"""The builder's own storage, whichever that is in the end."""


class BuildError(ConfigError):
    """A builder was told things that make no server; `errors` are all of them."""

    def __init__(self, errors: Sequence[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join([f"{len(errors)} errors: ", *errors]))


@attrs.frozen
class Told:
    """One resource that the builder was told of. Where both are None, and it is not `DEFAULT`, it is only a type."""

    resource: Resource
    storage: Any = None
    prefix: str = ""
    provider: ResourceHandlerProvider | None = None


@attrs.define
class Build:
    """One look at everything that a builder was told; `errors` grows as things are looked at."""

    errors: list[str]
    declared: Sequence[Told]
    below: Sequence[tuple[Any, str, Any]]
    default: Storage | None
    kinds: list[DeclaredKind] = attrs.field(factory=list, init=False)
    handled: list[Handled] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self.errors = [*self.errors]
        kinds, problems = declared_kinds(each.resource for each in self.declared)
        self.kinds.extend(kinds)
        self.errors.extend(problems)
        if self.default is None:
            self.errors.extend(
                f"{each.resource.object_type.__name__}: has no storage: give with_resource one, or the builder with_storage"
                for each in self.declared
                if each.storage is DEFAULT and each.resource.is_storage_version
            )
        self.errors.extend(
            f"{each.resource.object_type.__name__} at {each.resource.group_version.version}: is not the storage version, "
            "which alone is given a storage"
            for each in self.declared
            if isinstance(each.storage, Storage) and not each.resource.is_storage_version
        )
        self._look_below()

    def _look_below(self) -> None:
        served = {each.resource.resource: each.resource for each in self.declared}
        taken: set[tuple[Any, str]] = set()
        for parent, path, provider in self.below:
            resource, problems = resource_of(parent)
            self.errors.extend(problems)
            if resource is None:
                continue
            if resource.resource not in served:
                self.errors.append(f"{name_of(parent)}/{path}: the parent is no resource of this server: add it, too")
            if (resource.resource, path) in taken:
                self.errors.append(f"{name_of(parent)}/{path}: there are two handlers for it: leave out one")
            taken.add((resource.resource, path))
            self.handled.append(Handled(resource, path, provider))

    def scheme(self, installers: Sequence[SchemeInstaller]) -> Scheme:
        """The scheme of all types; what is wrong with them joins `errors`."""
        try:
            scheme = scheme_of(self.kinds)
        except ValueError as error:
            self.errors.extend(str(error).splitlines())
            return Scheme()
        for install in installers:
            try:
                install(scheme)
            except (TypeError, ValueError) as error:
                self.errors.append(
                    f"with_additional_scheme_installers: {getattr(install, '__name__', install)}: {error}"
                )
        return scheme

    def groups(self) -> DeclaredGroups:
        by_resource: Mapping[Any, Told] = {each.resource.resource: each for each in self.declared}
        stored, handled = [], []
        for kind in self.kinds:
            main = by_resource[kind.stored.resource]
            own = {each.resource: by_resource[each.resource].provider for each in kind.served}
            for resource in kind.served:
                provider = own[resource.resource] or main.provider
                if provider is not None:
                    handled.append(Handled(resource, "", provider))
            if main.storage is not None:
                served = [each for each in kind.served if own[each.resource] is None]
                stored.append(DeclaredKind(kind.stored, served))
        return DeclaredGroups(stored, [*handled, *self.handled])

    def places(self) -> dict[GroupResource, Place]:
        by_kind = {
            GroupKind(kind.stored.group_version.group, kind.stored.object_type.__name__): kind for kind in self.kinds
        }
        places = {}
        for each in self.declared:
            kind = by_kind[GroupKind(each.resource.group_version.group, each.resource.object_type.__name__)]
            if each.resource is not kind.stored:
                continue
            storage = self.default if each.storage in (None, DEFAULT) else each.storage
            if storage is not None:
                places[each.resource.group_resource] = Place(storage, each.resource.group_version, each.prefix)
        return places


def resource_of(obj: type[Any] | Resource) -> tuple[Resource | None, list[str]]:
    """*obj* as a Resource, or what is wrong with it."""
    try:
        return declared(obj), []
    except ValueError as error:
        return None, str(error).splitlines()


def port_problems(port: object) -> list[str]:
    """Whether it is in range is told with the flags."""
    if isinstance(port, int) and not isinstance(port, bool):
        return []
    return [f"with_bind_port: a port is a number, not {port!r}"]


def token_problems(token: object) -> list[str]:
    """Which characters it may have is told with the flags. The token itself is nothing to be told."""
    return [] if isinstance(token, str) else [f"with_bearer_token: a token is a text, not {type(token).__name__}"]


def hook_problems(name: str, hook: object, taken: Collection[str]) -> list[str]:
    if not name:
        return ["a post-start hook has no name"]
    if name in taken:
        return [f"there are two post-start hooks called {name}"]
    return [] if callable(hook) else [f"the post-start hook {name} is an async function, not {hook!r}"]


def provider_problem(provider: object) -> str | None:
    if callable(provider):
        return None
    return f"a handler provider is called with the scheme and a getter, and {provider!r} cannot be called"


def name_of(obj: Any) -> str:
    if isinstance(obj, Resource):
        return obj.object_type.__name__
    return getattr(obj, "__name__", repr(obj))
