"""/openapi/v3 of an aggregator: the list of all documents, each served by the server that has it.

Of several servers that list a document, the one counts that an APIService names for that group version, then those of this
process, then the others by priority. A server that knows nothing of v3 has its v2 document converted.

Source: pkg/controllers/openapiv3/aggregator of k8s.io/kube-aggregator. Deviations: there which of several servers counts is
left to chance; what is converted there are all paths of the server, here those of the group version, as everywhere in v3; a
server that gets v3 later is asked for it.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from genericapiserver.aggregator.controller import CallLater, call_later
from genericapiserver.aggregator.discovery_manager import NewTransport
from genericapiserver.aggregator.in_process import OPENAPI_AGGREGATOR
from genericapiserver.aggregator.openapi_fetch import OpenAPIError, Root, fetch_v2, fetch_v3_root
from genericapiserver.aggregator.openapi_following import Following
from genericapiserver.aio.slices import in_slices
from genericapiserver.apis.apiregistration_v1 import APIService
from genericapiserver.asgi import Handler, Receive, Scope, Send, send_response
from genericapiserver.mux import PathRecorderMux
from genericapiserver.openapi import Document
from genericapiserver.openapi.specification import only_below
from genericapiserver.openapi.to_v3 import convert_to_v3
from genericapiserver.routes.openapi import install_openapi_v3, send_document

CONTROLLER: Final = "open_api_v3_aggregation_controller"
PREFIX: Final = "/openapi/v3/"


@attrs.define(eq=False)
class _Source:
    """A server with documents."""

    handler: Handler
    own: str = ""
    """The document that an APIService names it for."""
    prefix: str = ""
    root: Root = attrs.field(factory=dict)
    """As it was last got."""
    etag: str = ""
    """Of the v2 document that was converted."""
    converted: Handler | None = None
    """Serves what was converted."""

    def serving(self) -> Handler:
        return self.converted or self.handler


class OpenAPIV3Aggregator:
    """The list, and what serves it and the documents. `following` follows the servers behind (an APIServiceObserver).

    *local* are the servers of this process, without filters.
    """

    def __init__(
        self, local: Sequence[Handler], *, transport: NewTransport, call_later: CallLater = call_later
    ) -> None:
        self._local = [_Source(handler) for handler in local]
        self._transport = transport
        self._turns = asyncio.Lock()
        self._index: Document | None = None
        self._owners: Mapping[str, _Source] = {}
        self.following: Following[_Source] = Following(
            CONTROLLER, new=_new_source, refresh=self._refresh, changed=self._changed, call_later=call_later
        )

    async def serve_root(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve /openapi/v3."""
        await self._look_at_local()
        if self._index is None:
            self._merge()
        assert self._index is not None
        await send_document(scope, send, self._index, [])

    async def serve_document(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what is below /openapi/v3/: the answer is that of the server which has the document."""
        name = scope["path"].removeprefix(PREFIX)
        if self._index is None or name not in self._owners:
            await self._look_at_local()
            if self._index is None:
                self._merge()
        source = self._owners.get(name)
        if source is None:
            await send_response(send, 404, b"", None)
        else:
            await source.serving()(scope, receive, send)

    async def _look_at_local(self) -> None:
        for source in self._local:
            try:
                root = await fetch_v3_root(self._transport(source.handler, OPENAPI_AGGREGATOR))
            except OpenAPIError:
                continue  # what it said last counts
            self._set_root(source, root or {})

    async def _refresh(self, source: _Source) -> None:
        """Raises OpenAPIError."""
        transport = self._transport(source.handler, OPENAPI_AGGREGATOR)
        root = await fetch_v3_root(transport)
        if root is not None:
            source.converted, source.etag = None, ""
            self._set_root(source, root)
            return
        fetched = await fetch_v2(transport, source.etag, turns=self._turns)
        if fetched is None:
            source.converted, source.etag = None, ""
            self._set_root(source, {})
        elif fetched.specification is not None:
            made = Document.of(await in_slices(convert_to_v3(only_below(fetched.specification, source.prefix))))
            source.converted, source.etag = _serving(source.own, made), fetched.etag
            self._set_root(source, {source.own: {"serverRelativeURL": f"{PREFIX}{source.own}?hash={made.etag}"}})

    def _set_root(self, source: _Source, root: Root) -> None:
        if source.root != root:
            source.root = root
            self._changed()

    def _changed(self) -> None:
        self._index = None

    def _merge(self) -> None:
        owners: dict[str, _Source] = {}
        paths: dict[str, Mapping[str, Any]] = {}
        for name, source in self._claims():
            if name in source.root and name not in owners:
                owners[name], paths[name] = source, source.root[name]
        self._owners = owners
        self._index = Document.of({"paths": dict(sorted(paths.items()))})

    def _claims(self) -> Iterator[tuple[str, _Source]]:
        """Who may have which document, the strongest claim first."""
        behind = list(self.following)
        yield from ((source.own, source) for source in behind)
        for source in (*self._local, *behind):
            yield from ((name, source) for name in source.root)


def _new_source(service: APIService, handler: Handler) -> _Source:
    path = f"apis/{service.spec.group}/{service.spec.version}"
    return _Source(handler, own=path, prefix=f"/{path}/")


def _serving(name: str, document: Document) -> Handler:
    mux = PathRecorderMux("openapiv2converter")
    documents: Mapping[str, Callable[[], Document]] = {name: lambda: document}
    install_openapi_v3(mux, lambda: documents)
    return mux
