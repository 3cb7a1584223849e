"""From configuration to engines and backends (k8s.io/apiserver pkg/storage/storagebackend and its factory)."""

import os
import tempfile
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeVar

import attrs

from genericapiserver.apimachinery.deepcopy import deep_copy
from genericapiserver.apimachinery.serializer.decoder import new
from genericapiserver.storage.access import MAX_OBJECT_BYTES
from genericapiserver.storage.cacher import HISTORY_WINDOW, Cacher
from genericapiserver.storage.engine import EngineOpenError, StorageEngine
from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.files_paths import JSON
from genericapiserver.storage.interface import StorageBackend
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.metrics import ResourceMetrics
from genericapiserver.storage.observed_engine import ObservedEngine
from genericapiserver.storage.retention import DEFAULT_INTERVAL, DEFAULT_MAX_EVENTS, Retention
from genericapiserver.storage.sqlite import SQLiteEngine
from genericapiserver.storage.sqlite_sharing import shared_folder
from genericapiserver.storage.store import Store
from genericapiserver.storage.stored import ObjectAttributes, ObjectForm, StorageCodec, metadata_attributes
from genericapiserver.storage.transformer import Transformer

T = TypeVar("T")

SQLITE = "sqlite"
MEMORY = "memory"
FILE = "file"
ETCD = "etcd3"
TYPES = (SQLITE, MEMORY, FILE, ETCD)
SHAREABLE = (SQLITE, ETCD)
"""Engines that several processes may have open at once."""


@attrs.frozen(kw_only=True)
class EtcdConfig:
    """The etcd cluster of a server: URLs of its members, paths of TLS files, seconds."""

    servers: Sequence[str] = ()
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    lease_reuse: float = 60.0
    status_period: float = 30.0


@attrs.frozen(kw_only=True)
class StorageConfig:
    """Where and how a server keeps its objects. One engine serves all resources.

    `path` is the file of the SQLite engine, or the folder of the file engine. `compaction_interval` in seconds: what is
    older than two of them is forgotten; 0 keeps history by number only. `max_history` bounds the number of changes kept,
    0 by time only; in etcd time alone decides, and who else compacts there. With `history_retention` in seconds, what is
    younger is kept, too.
    """

    type: str = SQLITE
    path: str = ""
    prefix: str = "/registry"
    synchronous: Literal["FULL", "NORMAL", "EXTRA"] = "FULL"
    compaction_interval: float = DEFAULT_INTERVAL
    initial_revision: int | None = None
    """Where a new store begins to count; None: the engine's choice, far above what a lost store gave out."""
    max_history: int = DEFAULT_MAX_EVENTS
    history_retention: float = 0.0
    history_window: float = HISTORY_WINDOW
    max_object_bytes: int = MAX_OBJECT_BYTES
    watch_cache: bool = True
    file_suffix: str = JSON
    """How new files of the file engine end, which says their form."""
    file_edits: bool = False
    """What others do to the files of the file engine is left for who makes writes of it."""
    shared: bool = False
    """Other processes have the store open, too."""
    etcd: EtcdConfig = EtcdConfig()


def leader_lock(config: StorageConfig) -> Path:
    """The file on which the processes of this machine that share the store agree who leads. Raises EngineOpenError."""
    if config.type == ETCD:
        place = sha256("\n".join((*sorted(config.etcd.servers), config.prefix)).encode()).hexdigest()[:16]
        return _own_folder() / f"{place}.leader"
    return shared_folder(Path(config.path).absolute()) / "leader"


def _own_folder() -> Path:
    """A folder for what processes of one user agree on, where nobody else can write."""
    folder = Path(tempfile.gettempdir(), f"genericapiserver-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
    except OSError as error:
        raise EngineOpenError(
            str(folder), f"it cannot be made: {error.strerror}", "Check the folder it is in"
        ) from error
    if folder.is_symlink() or state.st_uid != os.getuid() or state.st_mode & 0o022:
        raise EngineOpenError(str(folder), "somebody else may write to it", "Remove it, or set TMPDIR to another place")
    return folder


async def _open_etcd(config: StorageConfig) -> StorageEngine:
    try:
        from genericapiserver.storage.etcd.engine import EtcdEngine
        from genericapiserver.storage.etcd.tls import TLSFiles
    except ImportError as error:
        if not (error.name or "").startswith(("grpc", "google")):
            raise
        raise EngineOpenError(
            ETCD, f"the library {error.name} is missing", "Install the extra: pip install 'genericapiserver[etcd]'"
        ) from error
    etcd = config.etcd
    return await EtcdEngine.open(
        etcd.servers,
        prefix=config.prefix,
        tls=TLSFiles(ca_file=etcd.ca_file, cert_file=etcd.cert_file, key_file=etcd.key_file),
        compaction_interval=config.compaction_interval,
        lease_reuse=etcd.lease_reuse,
        status_period=etcd.status_period,
    )


async def open_engine(config: StorageConfig) -> StorageEngine:
    """The engine that *config* names; the caller closes it, after the servers that use it.

    Raises ValueError for an unknown type or a missing path, EngineOpenError when the store cannot be opened.
    """
    if config.shared and (config.type or SQLITE) not in SHAREABLE:
        raise ValueError(f"the {config.type} engine cannot be shared by several processes")
    retention = Retention(
        interval=config.compaction_interval, max_events=config.max_history, keep=config.history_retention
    )
    match config.type:
        case "memory":
            return MemoryEngine(retention=retention, initial_rev=config.initial_revision)
        case "sqlite" | "":
            if not config.path:
                raise ValueError("the sqlite engine needs a path")
            return await SQLiteEngine.open(
                config.path,
                synchronous=config.synchronous,
                retention=retention,
                initial_rev=config.initial_revision,
                shared=config.shared,
            )
        case "file":
            if not config.path:
                raise ValueError("the file engine needs a path")
            return await FileEngine.open(
                config.path,
                prefix=config.prefix,
                retention=retention,
                initial_rev=config.initial_revision,
                edits=config.file_edits,
                suffix=config.file_suffix,
            )
        case "etcd3":
            return await _open_etcd(config)
        case other:
            raise ValueError(f"unknown storage type: {other}")


def object_form(
    codec: StorageCodec[T],
    object_type: type[T],
    attributes: Callable[[T], ObjectAttributes] = metadata_attributes,
) -> ObjectForm[T]:
    """How objects of the API type *object_type* are kept."""
    return ObjectForm(codec=codec, new=lambda: new(object_type), attributes=attributes, copy=deep_copy)


def new_backend(
    engine: StorageEngine,
    config: StorageConfig,
    *,
    codec: StorageCodec[Any],
    object_type: type[Any],
    resource_prefix: str,
    attributes: Callable[[Any], ObjectAttributes] = metadata_attributes,
    transformer: Transformer | None = None,
    watch_cache: bool | None = None,
    metrics: ResourceMetrics | None = None,
) -> StorageBackend[Any]:
    """The backend of one resource: a store on *engine*, with a watch cache in front unless that is turned off.

    It opens nothing by itself and ends with the engine. Raises ValueError for a resource prefix that could reach
    other resources. With *metrics* everything it does is counted.
    """
    form = object_form(codec, object_type, attributes)
    if metrics is not None:
        engine = ObservedEngine(engine, metrics)
        form = attrs.evolve(form, decode_failed=metrics.decode_failed)
    store = Store(
        engine,
        form=form,
        resource_prefix=resource_prefix,
        prefix=config.prefix,
        transformer=transformer,
        max_object_bytes=config.max_object_bytes,
        metrics=metrics,
    )
    cached = config.watch_cache if watch_cache is None else watch_cache
    return Cacher(store, history_window=config.history_window) if cached else store
