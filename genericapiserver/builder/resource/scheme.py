"""The scheme of what was declared: every kind at every version, and which version it is stored in."""

from collections.abc import Iterable, Sequence

import attrs

from genericapiserver.apimachinery.schema import GroupKind, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.builder.resource.checks import MULTI_VERSION, is_multi_version
from genericapiserver.builder.resource.declaration import Resource
from genericapiserver.endpoints.discovery.versions import kube_aware_key
from genericapiserver.registry.generic.options import RESTOptionsGetter
from genericapiserver.registry.rest import RESTStorage


@attrs.frozen
class DeclaredKind:
    """One kind in all its versions; *stored* is among *served*."""

    stored: Resource
    served: Sequence[Resource]

    @property
    def versions(self) -> list[GroupVersion]:
        """The one that is stored first."""
        return [self.stored.group_version, *(each.group_version for each in self.served if each is not self.stored)]

    def register(self, scheme: Scheme) -> None:
        """Raises ValueError."""
        self.stored.register(scheme)
        for resource in self.served:
            if resource is not self.stored:
                resource.register(scheme, stored_as=self.stored)

    def storages(self, getter: RESTOptionsGetter, scheme: Scheme) -> dict[str, RESTStorage]:
        """The resource and its subresources, the same for every version."""
        return self.stored.storages(getter, scheme, versions=self.versions)


def declared_kinds(resources: Iterable[Resource]) -> tuple[list[DeclaredKind], list[str]]:
    """The kinds of *resources* in the order they came in, and what is wrong with them together, a line each."""
    by_kind: dict[GroupKind, list[Resource]] = {}
    for resource in resources:
        kind = GroupKind(resource.group_version.group, resource.object_type.__name__)
        by_kind.setdefault(kind, []).append(resource)
    kinds, problems = [], []
    for kind, served in by_kind.items():
        found = _problems_of(kind, served)
        problems += found
        if not found:
            stored = next(each for each in served if each.is_storage_version)
            kinds.append(DeclaredKind(stored, served))
    return kinds, [*problems, *_names_taken_twice(kinds)]


def _problems_of(kind: GroupKind, served: Sequence[Resource]) -> list[str]:
    stored = [each for each in served if each.is_storage_version]
    versions = [each.group_version.version for each in served]
    problems = [
        f"{kind.kind}: {kind} is declared twice at version {version}: leave out one"
        for version in dict.fromkeys(versions)
        if versions.count(version) > 1
    ]
    if len({each.plural for each in served}) > 1:
        plurals = ", ".join(f"{each.plural} at {each.group_version.version}" for each in served)
        problems.append(f"{kind.kind}: a kind has one name in all versions, not {plurals}")
    if problems:
        return problems
    if len(stored) != 1:
        said = "none of its versions is" if not stored else f"{_texts(stored)} are all"
        problems.append(
            f"{kind.kind}.is_storage_version: objects of {kind} are stored in one version, but {said} the storage version"
        )
    problems += [
        f"{kind.kind} at {each.group_version.version}: {MULTI_VERSION}"
        for each in served
        if not each.is_storage_version and not is_multi_version(each.object_type)
    ]
    return problems


def _names_taken_twice(kinds: Sequence[DeclaredKind]) -> Iterable[str]:
    taken: dict[tuple[str, str], str] = {}
    for kind in kinds:
        name = kind.stored.object_type.__name__
        key = (kind.stored.group_version.group, kind.stored.plural)
        other = taken.setdefault(key, name)
        if other != name:
            yield f"{name}: {kind.stored.group_resource} is the resource of {other} already: give one another plural"


def _texts(resources: Iterable[Resource]) -> str:
    return " and ".join(each.group_version.version for each in resources)


def scheme_of(kinds: Sequence[DeclaredKind], *, name: str = "genericapiserver") -> Scheme:
    """A scheme with *kinds*, each converted through the class it is stored as.

    Of the versions of a group that is preferred which is the most stable, and of those the newest, as everywhere in
    Kubernetes; the seeds take the first of the alphabet, which puts an alpha before a beta. Raises ValueError with
    everything that is wrong.
    """
    scheme = Scheme(name)
    problems = []
    versions = {version: None for kind in kinds for version in kind.versions}
    for version in versions:
        add_to_group_version(scheme, version)
    for kind in kinds:
        try:
            kind.register(scheme)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("\n".join(problems))
    for group in {version.group: None for version in versions}:
        own = [version for version in versions if version.group == group]
        scheme.set_version_priority(*sorted(own, key=lambda each: kube_aware_key(each.version)))
    return scheme


def new_scheme(resources: Sequence[Resource]) -> Scheme:
    """A scheme with the types of *resources*. Raises ValueError with everything that is wrong."""
    kinds, problems = declared_kinds(resources)
    if problems:
        raise ValueError("\n".join(problems))
    return scheme_of(kinds)
