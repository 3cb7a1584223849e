"""The routes of APIServices: a handler for each, below the path of its group version, and who is told of them.

Who has to follow APIServices, as the aggregation of discovery and of OpenAPI does, is an APIServiceObserver.

Source: AddAPIService and RemoveAPIService in pkg/apiserver/apiserver.go of k8s.io/kube-aggregator.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from genericapiserver.aggregator.discovery import GroupDocuments
from genericapiserver.aggregator.proxy.handler import ProxyHandler, ProxySettings
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apis.apiregistration_v1 import LEGACY_NAME, APIService, group_version_of
from genericapiserver.client.informer import Informer
from genericapiserver.mux import PathRecorderMux


class APIServiceObserver(Protocol):
    """Follows the APIServices that are served. Called on the server's loop; must be quick and not raise."""

    def add_api_service(self, service: APIService, handler: ProxyHandler) -> None:
        """There is a new one; *handler* answers for it, and goes on to when it changes. Local ones are told of, too."""

    def update_api_service(self, service: APIService, handler: ProxyHandler) -> None:
        """It is another now, perhaps in its status only."""

    def remove_api_service(self, name: str) -> None:
        """It is there no more."""


class APIServiceRoutes:
    """What is served for APIServices, on *mux*. *services* are those that there are, served or not.

    The page of a group comes and goes with the versions of it; *documents* makes it.
    """

    def __init__(
        self,
        mux: PathRecorderMux,
        documents: GroupDocuments,
        *,
        settings: ProxySettings,
        services: Informer[APIService],
    ) -> None:
        self._mux = mux
        self._documents = documents
        self._settings = settings
        self._services = services
        self._handlers: dict[str, ProxyHandler] = {}
        self._group_versions: dict[str, set[str]] = {}
        self._observers: list[APIServiceObserver] = []

    @property
    def handlers(self) -> Mapping[str, ProxyHandler]:
        """What answers for each APIService that is served, by its name."""
        return MappingProxyType(self._handlers)

    @property
    def registered(self) -> list[str]:
        """The names of the APIServices that are served."""
        return list(self._handlers)

    def add_observer(self, observer: APIServiceObserver) -> None:
        """Tell *observer* of every APIService that is served, those there are already first."""
        self._observers.append(observer)
        for name, handler in self._handlers.items():
            if (service := self._services.get(name)) is not None:
                observer.add_api_service(service, handler)

    def add_api_service(self, service: APIService) -> None:
        """Serve *service*, or go on serving it as it is now."""
        name = service.metadata.name
        handler = self._handlers.get(name)
        if handler is not None:
            handler.update(service)
            for observer in self._observers:
                observer.update_api_service(service, handler)
            return
        handler = self._handlers[name] = ProxyHandler(self._settings)
        handler.update(service)
        for observer in self._observers:
            observer.add_api_service(service, handler)
        version = group_version_of(name)
        mux, path = self._mux, _path_of(version)
        mux.handle(path, handler)
        mux.handle_prefix(f"{path}/", handler, listed=False)
        if name == LEGACY_NAME:
            return
        versions = self._group_versions.setdefault(version.group, set())
        if not versions:
            group_path = f"/apis/{version.group}"
            group_handler = self._documents.group_handler(version.group, self._settings.local_delegate)
            mux.handle(group_path, group_handler)
            mux.handle(f"{group_path}/", group_handler, listed=False)
        versions.add(version.version)

    async def remove_api_service(self, name: str) -> None:
        """Serve it no more, and close the connections to the server behind."""
        handler = self._handlers.pop(name, None)
        if handler is None:
            return
        for observer in self._observers:
            observer.remove_api_service(name)
        version = group_version_of(name)
        mux, path = self._mux, _path_of(version)
        mux.unregister(path)
        mux.unregister(f"{path}/")
        versions = self._group_versions.get(version.group)
        if versions is not None:
            versions.discard(version.version)
            if not versions:
                del self._group_versions[version.group]
                mux.unregister(f"/apis/{version.group}")
                mux.unregister(f"/apis/{version.group}/")
        await handler.aclose()

    async def aclose(self) -> None:
        """Close the connections to all servers behind."""
        for handler in list(self._handlers.values()):
            await handler.aclose()


def _path_of(version: GroupVersion) -> str:
    return f"/apis/{version.group}/{version.version}" if version.group else "/api"
