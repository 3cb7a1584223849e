"""A minkapi that is served: plain HTTP, nobody asked who he is, a kubeconfig for each view.

    async with Server(Config(bind_address="127.0.0.1:0", kube_config_path=folder / "minkapi.yaml")) as server:
        sandbox = server.get_or_create_sandbox_view("what-if")
        print(server.address(), sandbox.kube_config_path)

Source: minkapi/server/server.go of gardener's scaling-advisor.
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from genericapiserver.apimachinery.errors import BadRequestError, StatusError
from genericapiserver.connection import SocketListener, create_listener
from genericapiserver.connection.listener import joined
from genericapiserver.logs import kv
from genericapiserver.minkapi.access import ViewAccess
from genericapiserver.minkapi.config import Config, ViewNameError, bind_host_port
from genericapiserver.minkapi.dump import load
from genericapiserver.minkapi.errors import CreateViewError, InitFailedError, ServiceFailedError, StartFailedError
from genericapiserver.minkapi.kubeconfig import (
    kubeconfig,
    remove_files,
    sandbox_kubeconfig_path,
    scheduler_config,
    scheduler_config_path,
    write_files,
)
from genericapiserver.minkapi.pages import install_pages
from genericapiserver.minkapi.view import View
from genericapiserver.prepared import PreparedAPIServer
from genericapiserver.secure_serving import SecureServingInfo, loopback_host_port
from genericapiserver.storage.views import ViewFamily

logger = logging.getLogger(__name__)


class Server(ViewAccess):
    """A `ViewAccess` with a socket. It listens from the moment it is made, and serves from `start` to `stop`.

    Raises InitFailedError for a configuration that cannot be served, StartFailedError for an address that is taken.
    """

    def __init__(self, config: Config | None = None, *, family: ViewFamily | None = None) -> None:
        config = config or Config()
        self._listening = _listen(config)
        self._stack = AsyncExitStack()
        self._started = self._stopped = False
        listener = SocketListener(self._listening, secure=False)
        try:
            super().__init__(config, serving=SecureServingInfo(more_listeners=[listener]), family=family)
            server = self.api.server
            install_pages(server.handler.non_api_mux, self, server.completed, profiling=config.profiling_enabled)
        except Exception as error:
            self._listening.close()
            raise InitFailedError(error) from error
        self._prepared: PreparedAPIServer | None = None

    # ---- life

    async def start(self, *, manifests: Sequence[Path | str] = ()) -> None:
        """Load *manifests* into the base, write its kubeconfig and begin to serve.

        Raises StartFailedError, with nothing left behind.
        """
        if self._started:
            raise StartFailedError("this server has been started before: make another one")
        self._started = True
        _warn_unless_local(self._listening)
        try:
            await super().start()
            for source in manifests:
                logger.info(kv("Loaded manifests", source=source, objects=await load(self, self.base_view, source)))
            self._write_files(self.base_view, self.config.kube_config_path)
            await self._stack.enter_async_context(self._prepare().serving())
        except Exception as error:
            self._remove_files(self.base_view)
            await self.stop()
            raise StartFailedError(error) from error
        logger.info("minkapi serves the view %s at %s", self.base_view.name, self.url(self.base_view))

    async def stop(self) -> None:
        """End what is being served, then all sandboxes, whose kubeconfigs are removed, then the base. Idempotent.

        Requests get `graceful_shutdown_timeout` seconds; watches are ended at once. Raises ServiceFailedError for what went
        wrong meanwhile.
        """
        if self._stopped:
            return
        self._stopped = True
        try:
            await self.stop_serving()
        finally:
            await super().close()

    async def stop_serving(self) -> None:
        """The first half of `stop`: nothing comes in any more, and views can still be read. Idempotent, raises the same."""
        try:
            await self._stack.aclose()
        except Exception as error:
            raise ServiceFailedError(error) from error
        finally:
            self._listening.close()

    async def close(self) -> None:
        await self.stop()

    async def run(self, stop: Callable[[], Awaitable[object]]) -> None:
        """Serve until *stop* returns. Raises StartFailedError, ServiceFailedError."""
        await self.start()
        try:
            await stop()
        finally:
            await asyncio.shield(self.stop())

    def _prepare(self) -> PreparedAPIServer:
        return self.api.server.prepare_run()

    # ---- where it is

    def address(self) -> str:
        """Host and port that clients on this machine connect to."""
        return joined(*loopback_host_port(joined(*self._listening.getsockname()[:2]))) if self._bound else ""

    @property
    def _bound(self) -> bool:
        return self._listening.fileno() >= 0

    def url(self, view: View) -> str:
        """Where *view* is served."""
        return f"http://{self.address()}/{view.name}"

    # ---- views

    def _made(self, view: View) -> None:
        base = self.base_view.kube_config_path
        if base is not None:
            self._write_files(view, sandbox_kubeconfig_path(base, view.name))

    def _removed(self, view: View) -> None:
        if view is not self.base_view:
            self._remove_files(view)

    def _remove_files(self, view: View) -> None:
        path = view.kube_config_path
        if path is not None:
            remove_files([path, scheduler_config_path(path, "" if view is self.base_view else view.name)])

    def _write_files(self, view: View, path: Path | None) -> None:
        if path is None:
            return
        scheduler = scheduler_config_path(path, "" if view is self.base_view else view.name)
        write_files({path: kubeconfig(view.name, self.url(view)), scheduler: scheduler_config(path)})
        view.kube_config_path = path

    # ---- pages

    def describe_views(self) -> list[dict[str, Any]]:
        return [
            {
                "name": view.name,
                "type": view.type.value,
                "over": view.delegate.name if view.delegate is not None else None,
                "server": self.url(view),
                "kubeconfig": str(view.kube_config_path) if view.kube_config_path is not None else None,
                "ownObjects": view.engine.own_keys,
                "objectChangeCount": view.object_change_count,
            }
            for _, view in sorted(self.views.items())
        ]

    def post_view(self, name: str, over: str) -> bool:
        delegate = self.views.get(over) if over else self.views.get(name) or self.base_view
        if delegate is None:
            raise BadRequestError(f'there is no view "{over}" to make another one over')
        there = name in self.views
        try:
            self.get_sandbox_view_over_delegate(name, delegate)
        except CreateViewError as error:
            cause = error.cause
            if not isinstance(cause, ViewNameError):
                raise StatusError(str(error), code=500, reason="InternalError") from error
            if cause.reserved:
                raise StatusError(str(error), code=409, reason="Conflict") from error
            raise BadRequestError(str(error)) from error
        return not there

    async def delete_view(self, name: str) -> None:
        view = self.views.get(name)
        if view is None:
            raise StatusError(f'there is no view "{name}"', code=404, reason="NotFound")
        if view is self.base_view:
            raise StatusError(f'"{name}" is the base view, which ends with the server', code=409, reason="Conflict")
        over = sorted(other.name for other in self.views.values() if other.delegate is view)
        if over:
            text = f'"{name}" cannot be closed before the views over it: {", ".join(over)}'
            raise StatusError(text, code=409, reason="Conflict")
        await view.close()


def _listen(config: Config) -> socket.socket:
    host, port = bind_host_port(config.bind_address)
    try:
        return create_listener(host, port)
    except OSError as error:
        where = joined(host, port)
        raise StartFailedError(f"cannot listen on {where}: {error.strerror or error}") from error


def _warn_unless_local(listening: socket.socket) -> None:
    host = listening.getsockname()[0]
    if not ipaddress.ip_address(host).is_loopback:
        logger.warning("minkapi asks nobody who he is, and is open to everybody who reaches %s: use 127.0.0.1", host)
