"""--etcd-servers-overrides: resources that live in clusters of their own, beside the one of all others.

`group/resource#url;url`; events of the core group are `/events#...`. Every cluster has an order of revisions of its own, so
versions of objects in different ones say nothing about each other.

Deviation: the library's own SimpleStorageFactory takes the flag, checks the clusters' health and stores everything in
--etcd-servers; only kube-apiserver's factory heeds it. Here resources are where the flag says.
Source: ParseEtcdServersOverrides in pkg/server/options/etcd.go of k8s.io/apiserver.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.config import ConfigError
from genericapiserver.options.texts import reason
from genericapiserver.storage.engine import EngineError, StorageEngine
from genericapiserver.storage.factory import StorageConfig, open_engine

INVALID: Final = (
    "--etcd-servers-overrides invalid, must be of format: group/resource#servers, where servers are URLs, semicolon "
    "separated"
)


@attrs.frozen
class Override:
    """The servers of one resource."""

    resource: GroupResource
    servers: tuple[str, ...]


def parse_overrides(texts: Sequence[str]) -> list[Override]:
    """What the values of the flag say. Raises ValueError."""
    return [_parse(text) for text in texts]


def _parse(text: str) -> Override:
    place, servers = _halves(text, "#")
    group, resource = _halves(place, "/")
    urls = tuple(servers.split(";"))
    if "" in urls:
        raise ValueError(INVALID)
    return Override(GroupResource(group, resource), urls)


def _halves(text: str, separator: str) -> tuple[str, str]:
    parts = text.split(separator)
    if len(parts) != 2:
        raise ValueError(INVALID)
    return parts[0], parts[1]


@attrs.frozen
class Clusters:
    """The engines of a server: one for each set of servers, whatever order they are named in."""

    main: StorageEngine
    """Of all resources that have no other."""
    of_overrides: Sequence[StorageEngine] = ()
    """One for each set of servers that overrides name, in their order; `main` if it is the same set."""
    by_resource: Mapping[GroupResource, StorageEngine] = attrs.field(factory=dict)

    @property
    def all(self) -> list[StorageEngine]:
        """Each engine once."""
        return list(dict.fromkeys((self.main, *self.of_overrides)))

    def of(self, resource: GroupResource) -> StorageEngine:
        return self.by_resource.get(resource, self.main)

    async def aclose(self) -> None:
        for engine in reversed(self.all):
            await engine.aclose()


async def open_clusters(storage: StorageConfig, overrides: Sequence[Override], *, flag: str) -> Clusters:
    """Open what *storage* names, which *flag* said, and the clusters of *overrides*; all or nothing. Raises ConfigError."""
    engines: dict[frozenset[str], StorageEngine] = {}
    try:
        main = await _opened(storage, flag)
        engines[frozenset(storage.etcd.servers)] = main
        for override in overrides:
            servers = frozenset(override.servers)
            if servers not in engines:
                config = attrs.evolve(storage, etcd=attrs.evolve(storage.etcd, servers=override.servers))
                engines[servers] = await _opened(config, "etcd-servers-overrides")
    except BaseException:
        for engine in engines.values():
            await engine.aclose()
        raise
    sets = dict.fromkeys(frozenset(override.servers) for override in overrides)
    return Clusters(
        main,
        [engines[servers] for servers in sets],
        {override.resource: engines[frozenset(override.servers)] for override in overrides},
    )


async def _opened(storage: StorageConfig, flag: str) -> StorageEngine:
    try:
        return await open_engine(storage)
    except EngineError as error:
        raise ConfigError(f"--{flag}: {reason(error)}") from error
