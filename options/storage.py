"""StorageOptions: where objects are kept. The reference's EtcdOptions, with our engines beside etcd.

`--storage-backend` names an engine; `--storage-path` is its file or folder, `--etcd-servers` its cluster. Flags that mean
nothing to the engine that is named are known and refused, so that nobody believes their data to be where it is not.
Source: pkg/server/options/etcd.go of k8s.io/apiserver.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from genericapiserver.aio import Clock
from genericapiserver.apimachinery.go import parse_int
from genericapiserver.apimachinery.schema import GroupResource, GroupVersion
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.asgi import Scope
from genericapiserver.config import Config, ConfigError
from genericapiserver.file_edits import HOOK_NAME, FileEdits
from genericapiserver.healthz import HealthCheckError, named_check
from genericapiserver.options.encryption_config import EncryptionController
from genericapiserver.options.etcd_overrides import Clusters, open_clusters, parse_overrides
from genericapiserver.options.flags import BOOL, DURATION, INT, STRING, STRINGS, FlagSet
from genericapiserver.registry.generic.metrics import ObserveComparison, comparison_observer
from genericapiserver.registry.generic.object_counts import ObjectCounts
from genericapiserver.registry.generic.options import AttributesFunc, RESTOptions
from genericapiserver.registry.generic.store import default_resource_prefix
from genericapiserver.storage.encryption.resources import ResourceTransformers
from genericapiserver.storage.engine import EngineClosedError, StorageEngine
from genericapiserver.storage.factory import (
    ETCD,
    SHAREABLE,
    EtcdConfig,
    StorageConfig,
    leader_lock,
    new_backend,
)
from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.files_metrics import count_files
from genericapiserver.storage.files_paths import JSON, YAML
from genericapiserver.storage.grpc_metrics import count_calls
from genericapiserver.storage.interface import StorageBackend
from genericapiserver.storage.metrics import EngineSize, StorageMetrics, count_leases
from genericapiserver.storage.retention import DEFAULT_MAX_EVENTS
from genericapiserver.workers import FileLockLeader

SQLITE: Final = "sqlite"
MEMORY: Final = "memory"
FILE: Final = "file"
FILE_FORMATS: Final = {"json": JSON, "yaml": YAML}
BACKENDS: Final = (SQLITE, MEMORY, FILE, ETCD)
MEDIA_TYPES: Final = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
DEFAULT_PATH: Final = "apiserver.local.config/objects.db"
DB_METRIC_POLL_INTERVAL: Final = 30.0
DEFAULT_FOLDER: Final = "apiserver.local.config/objects"
"""The default of the file engine."""


@attrs.define(kw_only=True)
class StorageOptions:
    """The engine, and what holds for all resources in it.

    *storage_versions*: the version of each group that is written; groups not named write their preferred version.
    """

    prefix: str
    serializer: CodecFactory
    storage_versions: Sequence[GroupVersion] = ()
    backend: str = SQLITE
    path: str = DEFAULT_PATH
    shared: bool = False
    """Several processes have the engine open; `shareable` says whether it can be."""
    resource_prefix: Callable[[GroupResource], str] = default_resource_prefix
    """Where objects of a resource lie below `prefix`. Never change it over data: what is there is not found any more."""
    initial_revision: int | None = None
    """Where a new store begins to count. None: at the time in microseconds, so that clients of a store that is gone learn
    that their versions are too old; 1 is what tests of wire texts want."""
    media_type: str = "application/json"
    delete_collection_workers: int = 1
    enable_garbage_collection: bool = True
    watch_cache: bool = True
    watch_cache_sizes: list[str] = attrs.field(factory=list)
    """`resource[.group]#size`: size 0 turns the cache of that resource off, others say nothing, as it grows by itself."""
    default_watch_cache_size: int = 100
    file_format: str = "json"
    """The form of new files of the file engine: json or yaml."""
    file_edits: bool = False
    """Edits of the files of the file engine become writes."""
    compaction_interval: float = 300.0
    history_retention: float = 0.0
    """Seconds for which history is kept at least; 0 for as long as `compaction_interval` says."""
    history_max_changes: int = DEFAULT_MAX_EVENTS
    """More changes than that are not kept; 0 for any number."""
    count_metric_poll_period: float = 60.0
    db_metric_poll_interval: float = DB_METRIC_POLL_INTERVAL
    lease_reuse_duration: int = 60
    healthcheck_timeout: float = 2.0
    readycheck_timeout: float = 2.0
    skip_health_endpoints: bool = False
    etcd_servers: list[str] = attrs.field(factory=list)
    etcd_servers_overrides: list[str] = attrs.field(factory=list)
    etcd_key_file: str = ""
    etcd_cert_file: str = ""
    etcd_ca_file: str = ""
    encryption_provider_config: str = ""
    encryption_provider_config_automatic_reload: bool = False

    def add_flags(self, flags: FlagSet) -> None:
        for name, kind, attribute, text in (
            ("storage-backend", STRING, "backend", f"The storage engine for objects, one of: {', '.join(BACKENDS)}."),
            (
                "storage-path",
                STRING,
                "path",
                "The file that the sqlite engine keeps objects in, or the folder of the file engine "
                f"({DEFAULT_FOLDER} unless something else is given).",
            ),
            (
                "storage-file-format",
                STRING,
                "file_format",
                "The form of new files of objects: json or yaml. Files that are there keep theirs. For the file engine.",
            ),
            (
                "storage-file-edits",
                BOOL,
                "file_edits",
                "Make writes of what is done to the files of objects by hand or by git: files that are changed, new or "
                "deleted. For --storage-backend=file.",
            ),
            ("etcd-prefix", STRING, "prefix", "The prefix to prepend to all resource paths in storage."),
            ("storage-media-type", STRING, "media_type", "The media type to use to store objects in storage."),
            (
                "delete-collection-workers",
                INT,
                "delete_collection_workers",
                "Number of workers spawned for DeleteCollection call.",
            ),
            (
                "enable-garbage-collector",
                BOOL,
                "enable_garbage_collection",
                "Enables the generic garbage collector: finalizers for orphaning and foreground deletion are set.",
            ),
            ("watch-cache", BOOL, "watch_cache", "Answer reads and watches from memory."),
            (
                "watch-cache-sizes",
                STRINGS,
                "watch_cache_sizes",
                "Watch cache sizes of some resources, comma separated, as resource[.group]#size. Zero turns the cache off "
                "for the resource; other numbers have no effect, because caches grow as needed.",
            ),
            (
                "default-watch-cache-size",
                INT,
                "default_watch_cache_size",
                "Accepted for compatibility: caches grow as needed.",
            ),
            (
                "etcd-compaction-interval",
                DURATION,
                "compaction_interval",
                "How often history that is older than the interval is dropped. 0 keeps it for ever.",
            ),
            (
                "storage-history-retention",
                DURATION,
                "history_retention",
                "How long history is kept at least, for `genericapiserver storage diff --since` and the like. 0 "
                "keeps it as long as --etcd-compaction-interval. Not for etcd, whose history is not this server's alone.",
            ),
            (
                "storage-history-max-changes",
                INT,
                "history_max_changes",
                "How many changes are kept at most, whatever their age: in memory, but for the sqlite engine. "
                "0 keeps any number.",
            ),
            (
                "etcd-count-metric-poll-period",
                DURATION,
                "count_metric_poll_period",
                "How often objects are counted for the metrics. 0 disables the counting.",
            ),
            (
                "etcd-db-metric-poll-interval",
                DURATION,
                "db_metric_poll_interval",
                "How often etcd is asked for its size; other engines tell it when they are asked.",
            ),
            (
                "lease-reuse-duration-seconds",
                INT,
                "lease_reuse_duration",
                "The time in seconds that a lease of etcd is reused at most. With a lower one fewer objects are deleted at "
                "once, with one that is too low there are many leases. No other engine has leases.",
            ),
            ("etcd-healthcheck-timeout", DURATION, "healthcheck_timeout", "How long a health check may take."),
            ("etcd-readycheck-timeout", DURATION, "readycheck_timeout", "How long a readiness check may take."),
            (
                "etcd-servers",
                STRINGS,
                "etcd_servers",
                "List of etcd servers to connect with (scheme://ip:port), comma separated.",
            ),
            (
                "etcd-servers-overrides",
                STRINGS,
                "etcd_servers_overrides",
                "Per-resource etcd servers overrides, comma separated. The individual override format: "
                "group/resource#servers, where servers are URLs, semicolon separated, e.g. "
                '"/pods#http://etcd4:2379;http://etcd5:2379,/events#http://etcd6:2379".',
            ),
            ("etcd-keyfile", STRING, "etcd_key_file", "SSL key file used to secure etcd communication."),
            ("etcd-certfile", STRING, "etcd_cert_file", "SSL certification file used to secure etcd communication."),
            (
                "etcd-cafile",
                STRING,
                "etcd_ca_file",
                "SSL Certificate Authority file used to secure etcd communication.",
            ),
            (
                "encryption-provider-config",
                STRING,
                "encryption_provider_config",
                "The file containing configuration for encryption providers to be used for storing objects.",
            ),
            (
                "encryption-provider-config-automatic-reload",
                BOOL,
                "encryption_provider_config_automatic_reload",
                "Reload the file set by --encryption-provider-config when it changes, without a restart. All KMS plugins "
                "have one health check then, also when there is none.",
            ),
        ):
            flags.add(name, kind, self, attribute, text)

    @property
    def engine(self) -> str:
        """The name of the engine; an empty `backend` is the default one."""
        return self.backend or SQLITE

    @property
    def location(self) -> str:
        """The file or folder of the engine."""
        return DEFAULT_FOLDER if self.engine == FILE and self.path == DEFAULT_PATH else self.path

    @property
    def etcd_config(self) -> EtcdConfig:
        """The cluster of the engine etcd3."""
        return EtcdConfig(
            servers=tuple(self.etcd_servers),
            ca_file=self.etcd_ca_file,
            cert_file=self.etcd_cert_file,
            key_file=self.etcd_key_file,
            lease_reuse=self.lease_reuse_duration,
            status_period=self.db_metric_poll_interval or DB_METRIC_POLL_INTERVAL,
        )

    @property
    def shareable(self) -> bool:
        """Whether several processes can use the engine at once."""
        return self.engine in SHAREABLE

    def validate(self) -> list[str]:
        problems = []
        if self.backend not in ("", *BACKENDS):
            problems.append(
                f"--storage-backend invalid, allowed values: {', '.join(BACKENDS)}. "
                f"If not specified, it will default to '{SQLITE}'"
            )
        if self.engine in (SQLITE, FILE) and not self.path:
            problems.append(f"--storage-path must be specified for --storage-backend={self.engine}")
        if self.file_format not in FILE_FORMATS:
            problems.append(
                f'--storage-file-format "{self.file_format}" invalid, allowed values: {", ".join(FILE_FORMATS)}'
            )
        elif self.file_format != "json" and self.engine != FILE:
            problems.append("--storage-file-format needs --storage-backend=file")
        if self.file_edits and self.engine != FILE:
            problems.append("--storage-file-edits needs --storage-backend=file")
        if self.file_edits and self.resource_prefix is not default_resource_prefix:
            problems.append("--storage-file-edits needs objects at the places that the library gives them")
        if self.media_type not in ("", *MEDIA_TYPES):
            problems.append(
                f'--storage-media-type "{self.media_type}" invalid, allowed values: {", ".join(sorted(MEDIA_TYPES))}'
            )
        elif self.media_type not in ("", "application/json"):
            problems.append(
                f"--storage-media-type {self.media_type} is not available in this version: objects are written as JSON, "
                "which every API server reads. What others wrote in YAML or protobuf is read all the same"
            )
        if self.compaction_interval < 0:
            problems.append("--etcd-compaction-interval can not be negative value")
        problems += self._history_problems()
        if self.encryption_provider_config_automatic_reload and not self.encryption_provider_config:
            problems.append(
                "--encryption-provider-config-automatic-reload must be set with --encryption-provider-config"
            )
        if self.lease_reuse_duration < 0:
            problems.append("--lease-reuse-duration-seconds can not be negative value")
        return problems + self._etcd_problems()

    def _history_problems(self) -> list[str]:
        problems = []
        if self.history_retention < 0:
            problems.append("--storage-history-retention can not be negative value")
        if self.history_max_changes < 0:
            problems.append("--storage-history-max-changes can not be negative value")
        if self.engine == ETCD and (self.history_retention or self.history_max_changes != DEFAULT_MAX_EVENTS):
            problems.append(
                f"--storage-history-retention and --storage-history-max-changes are not for --storage-backend={ETCD}, "
                "whose history others may compact: use --etcd-compaction-interval"
            )
        return problems

    def _etcd_problems(self) -> list[str]:
        given = {
            "etcd-servers": self.etcd_servers,
            "etcd-servers-overrides": self.etcd_servers_overrides,
            "etcd-keyfile": self.etcd_key_file,
            "etcd-certfile": self.etcd_cert_file,
            "etcd-cafile": self.etcd_ca_file,
        }
        if self.engine != ETCD:
            return [f"--{flag} needs --storage-backend={ETCD}" for flag, value in given.items() if value]
        problems = [] if self.etcd_servers else ["--etcd-servers must be specified"]
        try:
            parse_overrides(self.etcd_servers_overrides)
        except ValueError as error:
            problems.append(str(error))
        return problems

    async def apply_to(self, config: Config) -> None:
        """Open the engine and have *config* close it at the end. Raises ConfigError when it cannot be opened."""
        storage = StorageConfig(
            type=self.engine,
            path=self.location,
            prefix=self.prefix,
            compaction_interval=self.compaction_interval,
            max_history=self.history_max_changes,
            history_retention=self.history_retention,
            watch_cache=self.watch_cache,
            initial_revision=self.initial_revision,
            shared=self.shared,
            file_edits=self.file_edits,
            file_suffix=FILE_FORMATS[self.file_format],
            etcd=self.etcd_config,
        )
        uncached = self._uncached_resources()
        encryption = self._encryption(config)
        clusters = await open_clusters(
            storage,
            parse_overrides(self.etcd_servers_overrides),
            flag="etcd-servers" if self.engine == ETCD else "storage-path",
        )
        engine = clusters.main
        if self.shared:
            leader = FileLockLeader(leader_lock(storage))
            config.leader = leader
            config.add_cleanup(leader.aclose)
        config.add_cleanup(clusters.aclose)
        config.storage_engine = engine
        if encryption is not None:
            config.add_cleanup(encryption.aclose)
            config.resource_transformers = encryption.transformers
            encryption.add_to(config, health=not self.skip_health_endpoints)
            await encryption.start()
        metrics = StorageMetrics(config.metrics)
        EngineSize(config.metrics, [each.size_bytes for each in clusters.all], self.engine)
        count_files(config.metrics, engine)
        for each in clusters.all:
            count_leases(config.metrics, each)
            count_calls(config.metrics, each)
        config.rest_options_getter = StorageFactory(
            self,
            clusters,
            storage,
            uncached,
            config.object_counts,
            metrics,
            comparison_observer(config.metrics),
            config.resource_transformers,
        )
        config.object_count_period = self.count_metric_poll_period
        if self.file_edits and isinstance(engine, FileEngine):
            edits = FileEdits(
                engine,
                config.new_loopback_transport(),
                prefix=self.prefix,
                metrics=config.metrics,
                clock=config.clock,
            )
            config.add_post_start_hook(HOOK_NAME, edits.hook)
            config.object_files_page = edits.page
        if not self.skip_health_endpoints:
            self._add_checks(config, engine, "etcd", "etcd-readiness")
            for number, each in enumerate(clusters.of_overrides):
                self._add_checks(config, each, f"etcd-override-{number}", f"etcd-override-readiness-{number}")

    def _add_checks(self, config: Config, engine: StorageEngine, health: str, readiness: str) -> None:
        """As addEtcdHealthEndpoint does: on every page, and once more on that of readiness."""
        said = "error getting data from etcd: " if self.engine == ETCD else ""
        check = StorageCheck(engine, self.healthcheck_timeout, config.clock, said)
        config.add_health_checks(named_check(health, check, group="etcd"))
        check = StorageCheck(engine, self.readycheck_timeout, config.clock, said)
        config.add_readyz_checks(named_check(readiness, check, group="etcd-readiness"))

    def _encryption(self, config: Config) -> EncryptionController | None:
        """From the file, unless *config* has transformers already. Raises ConfigError."""
        if not self.encryption_provider_config or config.resource_transformers is not None:
            return None
        file, reload = Path(self.encryption_provider_config), self.encryption_provider_config_automatic_reload
        try:
            return EncryptionController(file, config, reload=reload)
        except ConfigError as error:
            raise ConfigError(f"--encryption-provider-config: {error}") from error

    def _uncached_resources(self) -> frozenset[GroupResource]:
        """Those that `watch_cache_sizes` excepts from the cache. Raises ConfigError."""
        uncached = []
        for text in self.watch_cache_sizes:
            name, separator, number = text.partition("#")
            if not separator or "#" in number:
                raise ConfigError(f"invalid value of watch cache size: {text}")
            try:
                size = parse_int(number)
            except ValueError as error:
                raise ConfigError(f"invalid size of watch cache size: {text}") from error
            if size < 0:
                raise ConfigError(f"watch cache size cannot be negative: {text}")
            if size == 0:
                uncached.append(GroupResource.parse(name))
        return frozenset(uncached)


class StorageCheck:
    """The health of an engine, asked at most once in half a *timeout*; in between the last answer is repeated.

    Probes come from many sides and must not become load (pkg/storage/storagebackend/factory/etcd3.go). Who comes while the
    engine is being asked waits for that answer; the reference repeats the one before, and calls a store healthy that hangs.
    Failures begin with *said*.
    """

    def __init__(self, engine: StorageEngine, timeout: float, clock: Clock, said: str = "") -> None:
        self._engine = engine
        self._said = said
        self._timeout = timeout
        self._clock = clock
        self._asked = -math.inf
        self._asking: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    async def __call__(self, scope: Scope) -> None:
        now = self._clock.monotonic()
        if self._asking is None and now - self._asked >= self._timeout / 2:
            self._asked = now
            self._asking = asyncio.create_task(self._ask())
        if self._asking is not None:
            # A prober that gives up must not take the answer with it: the next one would hear the one before.
            await asyncio.shield(self._asking)
        if self._failure is not None:
            raise self._failure

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._engine.check()
        except TimeoutError:
            self._failure = HealthCheckError("error getting data from etcd: context deadline exceeded")
        except EngineClosedError:
            self._failure = HealthCheckError("server is shutting down")
        except Exception as error:  # noqa: BLE001  whatever it is, the store does not answer
            self._failure = HealthCheckError(f"{self._said}{str(error) or type(error).__name__}")
        else:
            self._failure = None
        finally:
            self._asking = None


class StorageFactory:
    """Knows how every resource is stored: its engine, a place by group and resource, the version of its group."""

    def __init__(
        self,
        options: StorageOptions,
        clusters: Clusters,
        storage: StorageConfig,
        uncached: frozenset[GroupResource],
        counts: ObjectCounts,
        metrics: StorageMetrics,
        observe_comparison: ObserveComparison,
        transformers: ResourceTransformers | None = None,
    ) -> None:
        self._options = options
        self._clusters = clusters
        self._storage = storage
        self._uncached = uncached
        self._counts = counts
        self._metrics = metrics
        self._observe_comparison = observe_comparison
        self._transformers = transformers
        self._versions = {version.group: version for version in options.storage_versions}

    def get_rest_options(self, resource: GroupResource) -> RESTOptions:
        version = self.storage_version(resource.group)

        def open_backend(
            *, object_type: type[Any], resource_prefix: str, attributes: AttributesFunc
        ) -> StorageBackend[Any]:
            backend = new_backend(
                self._clusters.of(resource),
                self._storage,
                codec=self._options.serializer.storage_codec(self._version_with(object_type, version), object_type),
                object_type=object_type,
                resource_prefix=resource_prefix,
                attributes=attributes,
                transformer=None if self._transformers is None else self._transformers.transformer_for(resource),
                watch_cache=False if resource in self._uncached else None,
                metrics=self._metrics.resource(resource.group, resource.resource),
            )
            self._counts.add(resource, backend)
            return backend

        return RESTOptions(
            open_backend=open_backend,
            resource_prefix=self._options.resource_prefix(resource),
            enable_garbage_collection=self._options.enable_garbage_collection,
            delete_collection_workers=self._options.delete_collection_workers,
            storage_version=version,
            observe_comparison=self._observe_comparison,
            shared=self._storage.shared,
            metrics=self._metrics.registry,
        )

    def _version_with(self, object_type: type[Any], version: GroupVersion) -> GroupVersion:
        """*version*, or for a kind that it does not have the preferred one of those that do: a beta in a stable group."""
        scheme = self._options.serializer.scheme
        name = object_type.__name__
        versions = (version, *scheme.prioritized_versions_for_group(version.group))
        return next((each for each in versions if scheme.recognizes(each.with_kind(name))), version)

    def storage_version(self, group: str) -> GroupVersion:
        """Raises ConfigError for a group that the scheme does not have."""
        if group in self._versions:
            return self._versions[group]
        versions = self._options.serializer.scheme.prioritized_versions_for_group(group)
        if not versions:
            raise ConfigError(f'group "{group}" is not registered in scheme')
        return versions[0]
