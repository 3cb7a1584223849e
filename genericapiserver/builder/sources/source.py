"""A resource over any source, from functions that say what there is.

    def everything() -> list[Note]: ...

    NOTES = Source(Note, group="fridge.example.com", version="v1", list=everything)

What follows from `list` alone: get, watch, selectors, pages, tables, resource versions. See `Source` for the rest.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

import attrs

from genericapiserver.aio import SystemClock
from genericapiserver.apimachinery.schema import GroupResource, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.builder.resource import Resource
from genericapiserver.builder.sources.backend import SourceBackend
from genericapiserver.builder.sources.calls import CREATE, DELETE, GET, LIST, UPDATE, SourceCalls
from genericapiserver.builder.sources.metadata import Identity
from genericapiserver.builder.sources.metrics import call_observer
from genericapiserver.builder.sources.mirror import Mirror
from genericapiserver.config import ConfigError
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.registry.generic.keys import ClusterScopedKeys, KeyScheme, NamespacedKeys
from genericapiserver.registry.generic.options import AttributesFunc, RESTOptions, RESTOptionsGetter
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.strategy import RESTStrategy
from genericapiserver.storage.interface import StorageBackend

INTERVAL: Final = 2.0
TIMEOUT: Final = 10.0
THREADS: Final = 8
PREFIX: Final = "/sources"
"""Mirrors lie apart from objects that have no other home: making a resource a source must not delete what was stored."""

ListFunction: TypeAlias = Callable[[], Iterable[Any] | AsyncIterable[Any] | Awaitable[Iterable[Any]]]
Function: TypeAlias = Callable[..., Any]

_WRITES: Final = {CREATE: ("create",), UPDATE: ("update",), DELETE: ("delete", "delete_collection")}


class SourceStore(Store):
    """The generic store over a source: it ends the polling when it is closed."""

    async def aclose(self) -> None:
        await super().aclose()
        if isinstance(self.backend, SourceBackend):
            await self.backend.aclose()


class Source(Resource):
    """One kind whose objects are somewhere else: in files, in a database, behind another API.

    The functions are plain ones, which run in threads, or coroutine functions. Namespaced objects are asked for by
    namespace and name, others by name alone.

        list() -> objects              all there are, complete: what is missing counts as deleted
        get(namespace, name) -> object one of them; without it the one is looked for in list()
        create(object)                 FileExistsError: there is one already
        update(object)
        delete(namespace, name)

    LookupError (KeyError), FileNotFoundError, and None from `get`, mean that there is no such object; API errors
    (apimachinery.errors) go to the client as they are; whatever else is raised is a 500 and in the log. `create` and
    `update` may return the object as the source has it now; if they do not, it is asked. The verbs that are served follow
    from the functions given: `update` brings patch and apply, `delete` also deletecollection.

    Times are in seconds. While somebody watches, the source is listed every *interval*, and at once after `changed()`.
    Reads of the newest state ask the source, unless they may be *max_age* old. A call that takes longer than *timeout* is
    answered with 504. At most *threads* plain functions run at once. *declaration* are arguments of `Resource`.

    Raises ValueError for a declaration that cannot be served.
    """

    def __init__(
        self,
        object_type: type[Any],
        *,
        list: ListFunction,
        get: Function | None = None,
        create: Function | None = None,
        update: Function | None = None,
        delete: Function | None = None,
        interval: float = INTERVAL,
        max_age: float = 0.0,
        timeout: float = TIMEOUT,
        threads: int = THREADS,
        **declaration: Any,
    ) -> None:
        if list is None:
            raise ValueError("a source needs a list function")
        super().__init__(object_type, **declaration)
        given = {LIST: list, GET: get, CREATE: create, UPDATE: update, DELETE: delete}
        self.functions = {verb: function for verb, function in given.items() if function is not None}
        self._interval, self._max_age, self._timeout, self._threads = interval, max_age, timeout, threads
        self._backends: weakref.WeakSet[SourceBackend] = weakref.WeakSet()
        self._check()
        self.store_type = type("SourceStore", (SourceStore,), dict.fromkeys(self._missing(), None))

    def _check(self) -> None:
        for verb, function in self.functions.items():
            if not callable(function):
                raise ValueError(f"{verb} of the source of {self.plural} is a function, not {function!r}")
        for name, value, least in (
            ("interval", self._interval, math.ulp(0.0)),
            ("timeout", self._timeout, math.ulp(0.0)),
            ("max_age", self._max_age, 0.0),
            ("threads", self._threads, 1),
        ):
            if not least <= value < math.inf:
                wanted = "must not be negative" if least == 0 else "must be positive"
                raise ValueError(f"{name} of the source of {self.plural} {wanted}, not {value}")
        for subresource, there in (("status", self.has_status), ("scale", self.has_scale)):
            if there and UPDATE not in self.functions:
                raise ValueError(f"{subresource} of {self.plural} needs the update function of its source")

    def _missing(self) -> tuple[str, ...]:
        """The methods of a store that there is no function for."""
        return tuple(name for verb, names in _WRITES.items() if verb not in self.functions for name in names)

    @property
    def writable(self) -> bool:
        return any(verb in self.functions for verb in _WRITES)

    def changed(self) -> None:
        """Have the source looked at now if anybody watches: for a source that can tell. For any thread."""
        for backend in tuple(self._backends):
            backend.polling.tell()

    def store(
        self,
        getter: RESTOptionsGetter,
        scheme: Scheme,
        *,
        versions: Sequence[GroupVersion] = (),
        strategy: RESTStrategy | None = None,
        **further: Any,
    ) -> Store:
        """See Resource. Raises ConfigError where several processes would write to the source."""
        options = _MirrorOptions(self, getter, scheme)
        return super().store(options, scheme, versions=versions, strategy=strategy, **further)

    def backend(
        self,
        mirrored: StorageBackend[Any],
        resource: GroupResource,
        prefix: str,
        scheme: Scheme,
        metrics: MetricsRegistry | None = None,
    ) -> SourceBackend:
        """The storage of *resource*: the source, mirrored below *prefix* of another storage. It counts in *metrics*."""
        calls = SourceCalls(
            self.functions,
            resource=resource,
            timeout=self._timeout,
            threads=self._threads,
            observe=call_observer(metrics, resource),
        )
        keys: KeyScheme = NamespacedKeys(prefix) if self.namespaced else ClusterScopedKeys(prefix)
        mirror = Mirror(
            mirrored,
            object_type=self.object_type,
            keys=keys,
            namespaced=self.namespaced,
            codec=CodecFactory(scheme).storage_codec(self.group_version, self.object_type),
            identity=Identity(resource, api_version=str(self.group_version), shared=self.writable),
            clock=SystemClock(),
            defaults=scheme.default,
        )
        made = SourceBackend(calls, mirror, resource=resource, interval=self._interval, max_age=self._max_age)
        self._backends.add(made)
        return made


class _MirrorOptions:
    """A RESTOptionsGetter whose storages are the sources mirrored in those of *getter*."""

    def __init__(self, source: Source, getter: RESTOptionsGetter, scheme: Scheme) -> None:
        self._source = source
        self._getter = getter
        self._scheme = scheme

    def get_rest_options(self, resource: GroupResource) -> RESTOptions:
        options = self._getter.get_rest_options(resource)
        if options.shared and self._source.writable:
            raise ConfigError(
                f"{resource} is a source that can be written to: writes to one object are put in order within one process. "
                "Serve it with --workers=1, or leave out its create, update and delete functions"
            )

        def open_backend(
            *, object_type: type[Any], resource_prefix: str, attributes: AttributesFunc
        ) -> StorageBackend[Any]:
            mirrored = options.open_backend(
                object_type=object_type, resource_prefix=resource_prefix, attributes=attributes
            )
            return self._source.backend(mirrored, resource, resource_prefix, self._scheme, options.metrics)

        prefix = f"{PREFIX}/{options.resource_prefix.strip('/')}"
        return attrs.evolve(options, open_backend=open_backend, resource_prefix=prefix)
