"""/openapi/v2 of an aggregator: one document of the servers in this process and of those behind.

Those of this process come first, in the order of the chain; of a server behind only the paths of the group version count
that an APIService names. Documents are merged when somebody asks and something has changed, in slices, and once for all who
ask.

Source: pkg/controllers/openapi/aggregator of k8s.io/kube-aggregator.
"""

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from typing import Final

import attrs

from genericapiserver.aggregator.controller import CallLater, call_later
from genericapiserver.aggregator.discovery_manager import NewTransport
from genericapiserver.aggregator.in_process import OPENAPI_AGGREGATOR
from genericapiserver.aggregator.openapi_fetch import OpenAPIError, fetch_v2
from genericapiserver.aggregator.openapi_following import Following
from genericapiserver.aio.slices import in_slices
from genericapiserver.apimachinery.go import quote
from genericapiserver.apis.apiregistration_v1 import APIService
from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.logs import kv
from genericapiserver.openapi import V2, Document, Representations
from genericapiserver.openapi.merge import merge_specifications
from genericapiserver.openapi.specification import Specification, only_below, write_specification
from genericapiserver.routes.openapi import send_v2

logger = logging.getLogger(__name__)

CONTROLLER: Final = "open_api_aggregation_controller"


@attrs.define(eq=False)
class _Source:
    """A server with a document."""

    name: str
    handler: Handler
    prefix: str = ""
    """What of it counts; everything when empty."""
    etag: str = ""
    specification: Specification | None = None
    """As it was last got."""


class OpenAPIV2Aggregator:
    """The document, and what serves it. `following` follows the servers behind; it is the APIServiceObserver.

    *local* are the servers of this process, without filters.
    """

    def __init__(
        self, local: Sequence[Handler], *, transport: NewTransport, call_later: CallLater = call_later
    ) -> None:
        self._local = [_Source(f"local {number}", handler) for number, handler in enumerate(local)]
        self._transport = transport
        self._turns = asyncio.Lock()
        self._made: tuple[tuple[tuple[str, str], ...], Representations] | None = None
        self._making = asyncio.Lock()
        self.merges = 0
        """How often documents have been merged."""
        self.following: Following[_Source] = Following(
            CONTROLLER, new=_new_source, refresh=self._refresh, changed=lambda: None, call_later=call_later
        )

    async def representations(self) -> Representations:
        """The document as it is now."""
        async with self._making:
            for source in self._local:
                try:
                    await self._refresh(source)
                except OpenAPIError as error:
                    logger.warning(kv("A server of this process gives no OpenAPI", name=source.name, err=error))
            sources = [each for each in (*self._local, *self.following) if each.specification is not None]
            # With the names: the tag of a server says nothing of which group versions of it are shown.
            key = tuple((source.name, source.etag) for source in sources)
            if self._made is not None and self._made[0] == key:
                return self._made[1]
            self.merges += 1
            merged = await in_slices(
                merge_specifications([each.specification for each in sources if each.specification is not None])
            )
            tags = ", ".join(quote(text) for pair in key for text in pair)
            etag = hashlib.sha256(f"[]string{{{tags}}}".encode()).hexdigest()
            made = Representations(Document(write_specification(merged), etag), V2)
            self._made = key, made
            return made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve /openapi/v2."""
        await send_v2(scope, send, self.representations)

    async def _refresh(self, source: _Source) -> None:
        """Raises OpenAPIError."""
        fetched = await fetch_v2(self._transport(source.handler, OPENAPI_AGGREGATOR), source.etag, turns=self._turns)
        if fetched is None:
            source.specification, source.etag = None, ""
        elif fetched.specification is not None:
            found = fetched.specification
            source.specification = only_below(found, source.prefix) if source.prefix else found
            source.etag = fetched.etag


def _new_source(service: APIService, handler: Handler) -> _Source:
    spec = service.spec
    return _Source(service.metadata.name, handler, f"/apis/{spec.group}/{spec.version}/")
