"""Serving a watch: events as they come, each a line of JSON, until somebody has enough (pkg/endpoints/handlers/watch.go).

    the storage's stream ─ next_events ─> frames, all that is pending ─ join ─> one body message

The status line goes out before the first event, because a client of an idle resource waits for it. A watch ends when
its time is over, when the client goes, when the server stops, or when the storage says so; each of these closes the
stream, and the loop below sees nothing but a stream at its end.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.asgi import Receive, asks_for_websocket
from genericapiserver.endpoints.api_request import APIRequest, APIResponse
from genericapiserver.endpoints.handlers.watch_websocket import open_websocket, refuse_handshake
from genericapiserver.endpoints.live_watches import LiveWatch, LiveWatches
from genericapiserver.endpoints.metrics import WatchMetrics
from genericapiserver.endpoints.representation import CHUNK_BYTES
from genericapiserver.endpoints.request_scope import RequestScope
from genericapiserver.endpoints.responses import CLIENT_ERRORS
from genericapiserver.storage.api_errors import error_event
from genericapiserver.storage.errors import CorruptObjectError
from genericapiserver.storage.interface import WatchStream
from genericapiserver.storage.stored import WatchEvent

Frame = Callable[[WatchEvent[Any]], bytes]

_JSON: Final = b"application/json"


class WatchServer:
    """Serves the watches of one endpoint."""

    def __init__(
        self, scope: RequestScope, *, metrics: WatchMetrics | None = None, live: LiveWatches | None = None
    ) -> None:
        self._scope = scope
        self._metrics = metrics
        self._live = LiveWatches() if live is None else live

    async def serve(
        self,
        request: APIRequest,
        stream: WatchStream[Any],
        *,
        timeout: float,
        options: ListOptions,
        metrics_scope: str = "",
    ) -> APIResponse:
        """Send the events of *stream* for *timeout* seconds at most; the stream is closed on return.

        Raises a StatusError, with nothing sent yet, when the events cannot be shown as the client wants them.
        """
        async with stream:
            representation = self._scope.stream_output(request)
            frame = representation.frames(request)
            sender: Sender | None
            if request.scope["type"] == "websocket":
                sender = await open_websocket(request)
                if sender is None:
                    return APIResponse(request.context.response_status, streamed=True)
            elif asks_for_websocket(request.scope):
                return await refuse_handshake(request)
            else:
                sender = await _open_http(request, representation.content_type)
            watch = LiveWatch(request.context, request.scope, stream, options.resource_version)
            self._live.add(watch)
            try:
                return await self._serve_until_end(
                    request, watch, frame, sender, timeout, metrics_scope if options.send_initial_events else None
                )
            finally:
                self._live.discard(watch)

    async def _serve_until_end(
        self,
        request: APIRequest,
        watch: LiveWatch,
        frame: Frame,
        sender: "Sender",
        timeout: float,
        watch_list_scope: str | None,
    ) -> APIResponse:
        stream: WatchStream[Any] = watch.stream
        loop = asyncio.get_running_loop()
        timer = loop.call_later(max(0.0, timeout), stream.close)
        if (shutdown := request.context.shutdown) is not None:
            shutdown.on_set(stream.close)
        disconnect = loop.create_task(_close_on_disconnect(request.receive, stream))
        sent = 0
        showable = True
        try:
            initialized = stream.initialized and _signal_initialized(request)
            while showable and (events := await stream.next_events()):
                if (
                    watch_list_scope is not None
                    and self._metrics is not None
                    and any(event.ends_initial_events for event in events)
                ):
                    self._metrics.observe_watch_list(watch_list_scope, request.context.received_monotonic)
                    watch_list_scope = None
                frames: list[bytes] = []
                size = 0
                for event in events:
                    try:
                        encoded = frame(event)
                    except CorruptObjectError as error:
                        # Stored by somebody else, perhaps; without a word its watcher would come back and meet it again.
                        encoded = frame(error_event(error))
                        showable = False
                    except CLIENT_ERRORS:
                        # It cannot be shown as asked; the client has its 200, so all that is left is to end.
                        showable = False
                        break
                    frames.append(encoded)
                    size += len(encoded)
                    if not showable:
                        break
                    if size >= CHUNK_BYTES:
                        sent += await self._send(sender, frames, size, watch)
                        frames, size = [], 0
                        await asyncio.sleep(0)
                if frames:
                    sent += await self._send(sender, frames, size, watch)
                if not initialized and stream.initialized:
                    initialized = _signal_initialized(request)
        finally:
            timer.cancel()
            disconnect.cancel()
        await sender.end()
        return APIResponse(request.context.response_status or 200, streamed=True, size=sent)

    async def _send(self, sender: "Sender", frames: Sequence[bytes], size: int, watch: LiveWatch) -> int:
        if self._metrics is not None:
            self._metrics.observe(frames)
        watch.events += len(frames)
        watch.sending = size
        sent = await sender.send(frames)
        watch.sending = 0
        return sent


def _signal_initialized(request: APIRequest) -> bool:
    """Tell whoever waits for it that from now on the watch costs only what happens; always True."""
    initialized = request.context.watch_initialized
    if initialized is not None:
        initialized()
    return True


class Sender(Protocol):
    """The way to the client."""

    async def send(self, frames: Sequence[bytes]) -> int:
        """Send *frames* in one go; returns how many bytes they are."""

    async def end(self) -> None:
        """End the stream in good order."""


class HTTPSender:
    """Frames as parts of one body."""

    def __init__(self, request: APIRequest) -> None:
        self._send = request.send

    async def send(self, frames: Sequence[bytes]) -> int:
        body = frames[0] if len(frames) == 1 else b"".join(frames)
        await self._send({"type": "http.response.body", "body": body, "more_body": True})
        return len(body)

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})


async def _open_http(request: APIRequest, content_type: bytes) -> HTTPSender:
    if content_type != _JSON:
        content_type += b";stream=watch"
    await request.send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type)]})
    # ASGI servers may hold the start back until there is a body.
    await request.send({"type": "http.response.body", "body": b"", "more_body": True})
    return HTTPSender(request)


async def _close_on_disconnect(receive: Receive, stream: WatchStream[Any]) -> None:
    """What a client sends into a watch is ignored; its end is not."""
    while (await receive())["type"] not in ("http.disconnect", "websocket.disconnect"):
        pass
    stream.close()
