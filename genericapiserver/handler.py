"""Where a request goes once it has passed the filters: API resources, other paths, or the next server.

    APIServerHandler --> filter chain --> Director --> API container, if a web service claims the path
                                                   \\-> path-recorder mux --> exact path, prefix, or not found,
                                                                             which is the next server's director

Source: pkg/server/handler.go of k8s.io/apiserver.
"""

from collections.abc import Callable

from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.endpoints.router import APIContainer
from genericapiserver.mux import PathRecorderMux


class Director:
    """The two kinds of paths of one server, without its filters."""

    def __init__(self, api_container: APIContainer, non_api_mux: PathRecorderMux) -> None:
        self._claims = api_container.claims
        self._api_container = api_container
        self._non_api_mux = non_api_mux

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._claims(scope["path"]):
            await self._api_container(scope, receive, send)
        else:
            await self._non_api_mux(scope, receive, send)


class APIServerHandler:
    """All handlers of one server. Calling it sends a request through the whole filter chain."""

    def __init__(
        self,
        name: str,
        *,
        api_container: APIContainer,
        build_handler_chain: Callable[[Handler], Handler],
        not_found_handler: Handler | None = None,
    ) -> None:
        self.api_container = api_container
        self.non_api_mux = PathRecorderMux(name)
        if not_found_handler is not None:
            self.non_api_mux.not_found_handler = not_found_handler
        self.director = Director(api_container, self.non_api_mux)
        self.full_handler_chain = build_handler_chain(self.director)

    @property
    def listed_paths(self) -> list[str]:
        """The roots of web services and the listed paths of the mux, sorted."""
        return sorted({*self.api_container.root_paths, *self.non_api_mux.listed_paths})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.full_handler_chain(scope, receive, send)
