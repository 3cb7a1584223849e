"""The groups and resources that a Python file defines, found out by making its storages in memory."""

from collections.abc import Sequence
from typing import Final

from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.builder.manifests.plan import ServedResource
from genericapiserver.builder.program import ResourceServerOptions
from genericapiserver.config import ConfigError, RecommendedConfig
from genericapiserver.options.storage import MEMORY
from genericapiserver.registry import rest

_VERBS: Final = (
    (rest.Getter, "get"),
    (rest.GetterWithOptions, "get"),
    (rest.Lister, "list"),
    (rest.Watcher, "watch"),
    (rest.Creator, "create"),
    (rest.NamedCreator, "create"),
    (rest.Updater, "update"),
    (rest.Patcher, "patch"),
    (rest.GracefulDeleter, "delete"),
    (rest.CollectionDeleter, "deletecollection"),
)
_CONNECT_VERBS: Final = ("get", "create", "update", "patch", "delete")
"""What a request to a connect subresource is authorized as, by its method."""


async def served_by(options: ResourceServerOptions) -> tuple[list[GroupVersion], list[ServedResource]]:
    """The versions, preferred ones first, and the resources with their verbs. Raises ConfigError."""
    storage = options.recommended.storage
    if storage is None:
        raise ConfigError("there is no storage to keep the resources in")
    storage.backend = MEMORY
    config = RecommendedConfig(effective_version=options.version, feature_gate=options.feature_gate)
    await storage.apply_to(config)
    try:
        return _served(options, config)
    finally:
        await config.close()


def _served(
    options: ResourceServerOptions, config: RecommendedConfig
) -> tuple[list[GroupVersion], list[ServedResource]]:
    versions: list[GroupVersion] = []
    found: dict[tuple[str, str], list[str]] = {}
    for group in options.api_groups(config):
        versions += group.prioritized_versions
        for storages in group.versioned_resources_storage.values():
            for name, storage in storages.items():
                verbs = found.setdefault((group.prioritized_versions[0].group, name), [])
                verbs += [verb for verb in verbs_of(storage) if verb not in verbs]
    return versions, [ServedResource(group=group, name=name, verbs=verbs) for (group, name), verbs in found.items()]


def verbs_of(storage: rest.RESTStorage) -> Sequence[str]:
    """The verbs that *storage* is asked with, as authorization sees them."""
    if isinstance(storage, rest.Connector):
        return _CONNECT_VERBS
    return list(dict.fromkeys(verb for protocol, verb in _VERBS if isinstance(storage, protocol)))
