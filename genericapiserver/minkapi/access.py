"""The views of one server: the base, and sandboxes by their names. Without a network it is a minkapi of its own.

    async with ViewAccess() as access:
        sandbox = access.get_or_create_sandbox_view("what-if")
        await sandbox.create_object(PODS, pod)

Source: minkapi/view/access.go of gardener's scaling-advisor.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Self

from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis.core_v1 import Namespace
from genericapiserver.asgi import Handler
from genericapiserver.minkapi.api_server import KindStore, ViewsAPIServer, new_api_server
from genericapiserver.minkapi.config import Config, ViewNameError, bind_host_port, check_view_name
from genericapiserver.minkapi.errors import CreateViewError, StoreNotFoundError
from genericapiserver.minkapi.kinds import CORE, ServedKind
from genericapiserver.minkapi.resource_store import DEFAULT_NAMESPACE
from genericapiserver.minkapi.routing import ViewAddresses, ViewRouter
from genericapiserver.minkapi.view import View
from genericapiserver.secure_serving import SecureServingInfo
from genericapiserver.storage.views import CurrentEngine, ViewEngine, ViewFamily

NAMESPACES = CORE.with_kind("Namespace")


class ViewAccess:
    """Views of the kinds in *config*. Use it as a context manager, or `start` it and `close` it at the end.

    *serving* is where they are served, if they are; *family* counts revisions and compacts.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        serving: SecureServingInfo | None = None,
        family: ViewFamily | None = None,
    ) -> None:
        self.config = config = config or Config()
        engine = ViewEngine.base(family)
        self.current = CurrentEngine(engine)
        self.watch_config = config.watch_config
        self._views: dict[str, View] = {}
        self._names = {engine: config.base_prefix}
        self._serving = serving
        self.api: ViewsAPIServer = new_api_server(
            self.current,
            kinds=config.kinds,
            serving=serving,
            addresses=ViewAddresses(self.address, lambda: self._names.get(self.current.view, config.base_prefix)),
            route=ViewRouter(self.current, self._engine_of).before,
            watch_timeout=config.watch_config.timeout,
            profiling=config.profiling_enabled,
            shutdown_timeout=config.graceful_shutdown_timeout,
        )
        self._base = self._views[config.base_prefix] = View(config.base_prefix, engine, None, self)

    # ---- views

    @property
    def base_view(self) -> View:
        return self._base

    @property
    def views(self) -> Mapping[str, View]:
        """Those that are open, by name."""
        return MappingProxyType(self._views)

    def get_or_create_sandbox_view(self, name: str) -> View:
        """The sandbox called *name*, made over the base when there is none.

        Raises CreateViewError for a name that cannot be one, or is the base's.
        """
        return self.get_sandbox_view_over_delegate(name, self._views.get(name) or self._base)

    get_sandbox_view = get_or_create_sandbox_view
    """The name of later releases."""

    def get_sandbox_view_over_delegate(self, name: str, delegate: View) -> View:
        """The sandbox called *name*, made over *delegate* when there is none. It is served like any other.

        Raises CreateViewError also for a name whose view is over another one.
        """
        view = self._views.get(name)
        if view is None:
            return self.fork(delegate, name)
        if view is self._base:
            raise CreateViewError(ViewNameError(name, "it is the base view's", reserved=True))
        if delegate not in (view, view.delegate):
            over = view.delegate.name if view.delegate is not None else ""
            problem = f"there is one over {over}; close that first, or choose another name"
            raise CreateViewError(ViewNameError(name, problem, reserved=True))
        return view

    def fork(self, delegate: View, name: str) -> View:
        """A new sandbox over *delegate*. Raises CreateViewError, also for a name that is taken."""
        try:
            check_view_name(name)
            if name in self._views:
                raise ViewNameError(name, "there is a view of this name; choose another", reserved=True)
            engine = delegate.engine.fork()
        except Exception as error:
            raise CreateViewError(error) from error
        view = View(name, engine, delegate, self)
        try:
            self._made(view)
        except Exception as error:
            engine.close()
            raise CreateViewError(error) from error
        self._views[name] = view
        self._names[engine] = name
        return view

    def closed(self, view: View) -> None:
        """Called by a view that closes: it is no longer served, nor are those over it."""
        for name, other in list(self._views.items()):
            if other is view or _is_over(other, view):
                del self._views[name]
                self._names.pop(other.engine, None)
                self._removed(other)

    def _made(self, view: View) -> None:
        """What else a new view needs. Raises CreateViewError."""

    def _removed(self, view: View) -> None:
        """What a view that is gone leaves behind."""

    def _engine_of(self, name: str) -> ViewEngine | None:
        view = self._views.get(name)
        return view.engine if view is not None else None

    # ---- what views go by

    @property
    def codecs(self) -> CodecFactory:
        return self.api.resources.codecs

    @property
    def handler(self) -> Handler:
        """The server as an ASGI application; paths begin with the name of a view."""
        return self.api.server

    def kind_store(self, gvk: GroupVersionKind) -> KindStore:
        """Raises StoreNotFoundError for a kind that is not served."""
        try:
            return self.api.resources.by_kind[gvk]
        except KeyError:
            raise StoreNotFoundError(f"{gvk} is not served here") from None

    def kind_stores(self) -> Iterator[KindStore]:
        return iter(self.api.resources.by_kind.values())

    def served_kind(self, gvk: GroupVersionKind) -> ServedKind:
        """Raises StoreNotFoundError."""
        return self.kind_store(gvk).kind

    def address(self) -> str:
        """Host and port that clients on this machine connect to."""
        host, port = bind_host_port(self.config.bind_address)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def furnish(self, view: View) -> None:
        """Put into the base what it begins with: the namespace `default`. It counts as no change."""
        if NAMESPACES in self.api.resources.by_kind:
            namespace: Any = Namespace()
            namespace.metadata.name = DEFAULT_NAMESPACE
            await view.get_resource_store(NAMESPACES).add(namespace)
        view.engine.changes = 0

    # ---- life

    async def start(self) -> None:
        """Have the base hold what it begins with, and clients in memory served."""
        self.api.server.prepare_delegate()
        await self.furnish(self._base)

    async def close(self) -> None:
        """Close all sandboxes, then the base. Idempotent."""
        await self._base.close()
        await self.api.server.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def _is_over(view: View, below: View) -> bool:
    delegate = view.delegate
    while delegate is not None:
        if delegate is below:
            return True
        delegate = delegate.delegate
    return False
