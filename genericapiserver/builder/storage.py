"""Where the resources of a builder are kept: each in a storage of its own, or several in one.

    build_server(resources=[Note], storage=sqlite("notes.db"))
    builder.with_resource(Note, storage=file("notes")).with_resource(Draft, storage=memory())

Resources in one storage share its counter of versions. A storage is opened when the server is made and closed with it.
"""

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import attrs

from genericapiserver.apimachinery.schema import GroupResource, GroupVersion
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.config import Config, ConfigError
from genericapiserver.healthz import named_check
from genericapiserver.options.etcd_overrides import Clusters
from genericapiserver.options.storage import StorageCheck, StorageFactory, StorageOptions
from genericapiserver.options.texts import reason
from genericapiserver.registry.generic.metrics import comparison_observer
from genericapiserver.registry.generic.options import RESTOptions
from genericapiserver.storage.engine import EngineError, StorageEngine
from genericapiserver.storage.factory import EtcdConfig, StorageConfig, open_engine
from genericapiserver.storage.files_metrics import count_files
from genericapiserver.storage.metrics import EngineSize, StorageMetrics

PREFIX: Final = "/registry"
HEALTH_TIMEOUT: Final = 2.0
"""Seconds that a storage has to say that it is well."""

EngineFactory: TypeAlias = Callable[[], Awaitable[StorageEngine]]


@attrs.frozen(eq=False)
class Storage:
    """One engine, not open yet.

    Which resources share it is told by the object, or by its place: two calls of `memory` are two storages, two of `sqlite`
    with one path are one.
    """

    name: str
    """For messages: `file notes`."""
    open: EngineFactory = attrs.field(repr=False)
    """Raises EngineError or OSError."""
    prefix: str = PREFIX
    """What its keys start with."""
    closes: bool = True
    """Whether the server closes the engine at its end."""
    in_memory: bool = False
    place: tuple[str, str] | None = None
    """Of what outlives the server. A builder takes two storages of one place for one: it can be opened once."""


StorageLike: TypeAlias = Storage | StorageEngine | EngineFactory


def memory(*, initial_revision: int | None = None, prefix: str = PREFIX) -> Storage:
    """Objects live as long as the server.

    Versions begin at the time in microseconds, so that clients of an earlier server learn that theirs are too old instead
    of missing changes; at *initial_revision* when that is given (the seeds begin at 1, so that the first write is 2).
    """
    config = StorageConfig(type="memory", initial_revision=initial_revision)
    return Storage("memory", functools.partial(open_engine, config), prefix=_prefix(prefix), in_memory=True)


def sqlite(path: str | Path) -> Storage:
    """Objects live in the SQLite file at *path*, which is made with its folders when it is not there."""
    return _on_disk("sqlite", path)


def file(path: str | Path) -> Storage:
    """Objects live in the folder *path*, one JSON file each: `<group>/<plural>/[<namespace>/]<name>.json`."""
    return _on_disk("file", path)


def etcd(*servers: str, ca_file: str = "", cert_file: str = "", key_file: str = "", prefix: str = PREFIX) -> Storage:
    """Objects live in the etcd cluster whose members are at the URLs *servers*, in keys that start with *prefix*.

    The paths are those of --etcd-cafile, --etcd-certfile and --etcd-keyfile. Needs the extra `etcd`. Raises ValueError
    without a server.
    """
    if not servers or not all(servers):
        raise ValueError("the etcd storage needs the URLs of its servers, such as https://127.0.0.1:2379")
    prefix = _prefix(prefix)
    cluster = EtcdConfig(servers=servers, ca_file=ca_file, cert_file=cert_file, key_file=key_file)
    config = StorageConfig(type="etcd3", prefix=prefix, etcd=cluster)
    place = ("etcd", f"{' '.join(sorted(servers))} {prefix}")
    return Storage(f"etcd {', '.join(servers)}", functools.partial(open_engine, config), prefix=prefix, place=place)


def engine(opened: StorageEngine, *, prefix: str = PREFIX) -> Storage:
    """An engine that is open already, and stays so when the server ends."""

    async def already_open() -> StorageEngine:
        return opened

    return Storage(type(opened).__name__, already_open, prefix=_prefix(prefix), closes=False)


def as_storage(given: StorageLike) -> Storage:
    """*given* as a storage: one already, an engine, or an async function that opens one. Raises TypeError."""
    if isinstance(given, Storage):
        return given
    if callable(given):
        if inspect.iscoroutinefunction(given) or inspect.iscoroutinefunction(getattr(given, "func", None)):
            return Storage(getattr(given, "__name__", "engine"), given)
    elif hasattr(given, "current_rev"):
        return engine(given)
    raise TypeError(
        "a storage is memory(), file(path), sqlite(path), etcd(url), a StorageEngine, or an async function that opens one, "
        f"not {given!r}"
    )


def _prefix(text: str) -> str:
    return "/" + text.strip("/") if text.strip("/") else PREFIX


def _on_disk(kind: Literal["sqlite", "file"], path: str | Path) -> Storage:
    if not str(path):
        raise ValueError(f"the {kind} storage needs a path")
    config = StorageConfig(type=kind, path=str(path), prefix=PREFIX)
    return Storage(f"{kind} {path}", functools.partial(open_engine, config), place=(kind, str(Path(path).resolve())))


@attrs.frozen
class Place:
    """Where one resource is kept, and in which version."""

    storage: Storage
    version: GroupVersion
    prefix: str = ""
    """Instead of the storage's own."""


class OpenStorages:
    """The storages of one server, open. Says of every resource how it is stored (a RESTOptionsGetter)."""

    def __init__(
        self,
        engines: Mapping[Storage, StorageEngine],
        *,
        config: Config,
        serializer: CodecFactory,
        places: Mapping[GroupResource, Place],
        default: Storage | None,
    ) -> None:
        self._engines = engines
        self._config = config
        self._serializer = serializer
        self._places = places
        self._default = default
        self._metrics = StorageMetrics(config.metrics)
        self._observe_comparison = comparison_observer(config.metrics)

    def get_rest_options(self, resource: GroupResource) -> RESTOptions:
        """Raises ConfigError for a resource that has no storage."""
        place = self._places.get(resource)
        storage = self._default if place is None else place.storage
        if storage is None:
            raise ConfigError(f"{resource} has no storage, and there is none for resources without")
        prefix = storage.prefix if place is None or not place.prefix else place.prefix
        factory = StorageFactory(
            StorageOptions(
                prefix=prefix,
                serializer=self._serializer,
                storage_versions=() if place is None else [place.version],
            ),
            Clusters(self._engines[storage]),
            StorageConfig(prefix=prefix),
            frozenset(),
            self._config.object_counts,
            self._metrics,
            self._observe_comparison,
            self._config.resource_transformers,
        )
        # Without a version discovery shows no hash of it, as in the seeds.
        return attrs.evolve(factory.get_rest_options(resource), storage_version=None)


async def open_storages(
    config: Config,
    serializer: CodecFactory,
    *,
    places: Mapping[GroupResource, Place],
    default: Storage | None,
) -> OpenStorages:
    """Open what is named, and have *config* close it at the end. Raises ConfigError; *config* closes what was opened."""
    wanted = dict.fromkeys(place.storage for place in places.values())
    if default is not None:
        wanted[default] = None
    engines: dict[Storage, StorageEngine] = {}
    for storage in wanted:
        try:
            opened = engines[storage] = await storage.open()
        except (EngineError, OSError, ValueError) as error:
            what = "unable to reach" if storage.name.startswith("etcd ") else "unable to write data dir:"
            raise ConfigError(f"{what} {storage.name}: {reason(error)}") from error
        count_files(config.metrics, opened)
        if storage.closes:
            config.add_cleanup(opened.aclose)
    _add_checks(config, engines)
    EngineSize(config.metrics, [lambda: sum(each.size_bytes() for each in engines.values())], "builder")
    if len(engines) == 1:
        config.storage_engine = next(iter(engines.values()))
    return OpenStorages(engines, config=config, serializer=serializer, places=places, default=default)


def _add_checks(config: Config, engines: Mapping[Storage, StorageEngine]) -> None:
    """A health check for all engines that can fall ill: memory cannot. The seeds have none."""
    checks = [
        StorageCheck(opened, HEALTH_TIMEOUT, config.clock)
        for storage, opened in engines.items()
        if not storage.in_memory
    ]

    async def storage_is_well(scope: Any) -> None:
        for check in checks:
            await check(scope)

    if checks:
        config.add_health_checks(named_check("storage", storage_is_well))
