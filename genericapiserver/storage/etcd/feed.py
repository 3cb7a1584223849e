"""The one watch on everything under the prefix, and the log of events that it fills.

Deviation: the reference opens a watch for every resource cache. Here one stream per process carries them all, because an
engine has one order for all it knows, and one stream is in that order: `current_rev` then says for every cache at once how
far it knows. It is a stream of its own, so requests for progress hit it and nothing else.

A stream that is lost is opened anew after the last revision that is known, at the next endpoint; nothing is missed and
nothing comes twice. So is one that says nothing while there is news: a member that hangs keeps its connections. When history
was compacted meanwhile, or the cluster has gone back to an older state, what happened cannot be told any more: subscribers
hear that they have lost it and read all anew.

Source: k8s.io/apiserver pkg/storage/etcd3/watcher.go.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import grpc
import grpc.aio

from genericapiserver.aio import is_being_cancelled
from genericapiserver.storage.engine import EngineClosedError, EngineError, EngineEvent
from genericapiserver.storage.etcd import messages
from genericapiserver.storage.etcd.client import EtcdClient, translated
from genericapiserver.storage.event_log import EventLog

_log = logging.getLogger(__name__)

PATIENCE: Final = 0.05
LONGEST_PATIENCE: Final = 1.0
"""Seconds between two tries to open a stream: the first, doubled up to the second."""
DOUBTS, MOST_DOUBTS = 3, 24
"""How many doubts a stream may meet in silence: the first, doubled up to the second as long as no stream brings anything."""
COMPACT_KEY: Final = b"compact_rev_key"
"""Where servers agree who compacts, and to where. Outside every prefix; Go servers use it, too."""


class WatchLostError(Exception):
    """The stream has ended; it says why."""


class WatchCompactedError(Exception):
    """History after the start of the watch is gone; it begins at *floor*."""

    def __init__(self, floor: int) -> None:
        super().__init__(f"compacted to {floor}")
        self.floor = floor


class MissingValueError(Exception):
    """etcd has compacted the value before an event."""


def event_of(event: Any) -> EngineEvent:
    """Raises MissingValueError when the previous value should be there and is not."""
    kv = event.kv
    deleted = event.type == messages.DELETE
    has_previous = event.HasField("prev_kv")
    if not has_previous and (deleted or kv.create_revision != kv.mod_revision):
        kind = "DELETE" if deleted else "PUT"
        raise MissingValueError(
            f"etcd event received with PrevKv=nil (key={kv.key!r}, modRevision={kv.mod_revision}, type={kind})"
        )
    previous = event.prev_kv
    return EngineEvent(
        kv.mod_revision,
        kv.key,
        None if deleted else kv.value,
        previous.value if has_previous else None,
        previous.create_revision if deleted else kv.create_revision,
        previous.mod_revision if has_previous else 0,
    )


def watch_request(start: bytes, end: bytes, first_rev: int, *, progress: bool = False) -> Any:
    return messages.WatchRequest(
        create_request=messages.WatchCreateRequest(
            key=start, range_end=end, start_revision=first_rev, progress_notify=progress, prev_kv=True
        )
    )


class Feed:
    """Publishes in *log* what happens from *start* up to before *end*, from the log's revision on, without *marker*.

    *revision* tells where the cluster is. *progress_counts* says whether what a stream reports without events can be
    believed. *compacted* is told where the compactor of another server moves to, *lost* when history is gone, with the
    oldest revision that is left.
    """

    def __init__(
        self,
        client: EtcdClient,
        log: EventLog,
        *,
        start: bytes,
        end: bytes,
        marker: bytes,
        revision: Callable[[], Awaitable[int]],
        progress_counts: Callable[[], bool],
        compacted: Callable[[int], None],
        lost: Callable[[int], None],
    ) -> None:
        self._client = client
        self._events = log
        self._start = start
        self._end = end
        self._marker = marker
        self._revision = revision
        self._progress_counts = progress_counts
        self._compacted = compacted
        self._lost = lost
        self._stream: Any = None
        self._writing = asyncio.Lock()
        self.began = asyncio.Event()
        """Set once there has been a stream."""
        self._task = asyncio.create_task(self._run(), name="etcd feed")
        self.problem = ""
        """Why there is no stream at this moment; empty when there is one."""
        self._limit: asyncio.Timeout | None = None
        self._doubts = 0
        self._silence = DOUBTS

    def doubt(self) -> None:
        """Somebody has waited for up to a second for what the stream has to bring, and still does.

        A member whose process or machine hangs is found out by keepalive after 40 s only, in which the others go on.
        Doubts are counted, not seconds, so that a loop that was busy for long does not take what lies unread for silence.
        """
        self._doubts += 1
        if self._limit is not None and self._doubts >= self._silence and not self._limit.expired():
            self._silence = min(self._silence * 2, MOST_DOUBTS)
            self._limit.reschedule(asyncio.get_running_loop().time())

    async def request_progress(self) -> None:
        """Ask etcd how far the stream is; the answer comes by the stream."""
        stream = self._stream
        if stream is not None:
            with contextlib.suppress(grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError):
                await self._write(stream, messages.WatchRequest(progress_request=messages.WatchProgressRequest()))

    async def _write(self, stream: Any, request: Any) -> None:
        async with self._writing:
            await stream.write(request)

    async def _run(self) -> None:
        patience = PATIENCE
        while True:
            before = self._events.current_rev
            endpoint = self._client.endpoint
            try:
                await self._follow(endpoint)
            except grpc.aio.AioRpcError as error:
                self.problem = str(translated(error, endpoint.url))
            except (WatchLostError, grpc.aio.UsageError, asyncio.InvalidStateError) as error:
                self.problem = str(error)
            except Exception:  # noqa: BLE001 - without the feed nobody hears of anything any more
                _log.exception("the watch on etcd has failed and is opened anew")
                self.problem = "the watch on etcd has failed"
            _log.warning(
                "%s: the watch on etcd has ended at revision %d: %s",
                endpoint.url,
                self._events.current_rev,
                self.problem,
            )
            self._client.failed(endpoint)
            patience = PATIENCE if self._events.current_rev > before else min(patience * 2, LONGEST_PATIENCE)
            await asyncio.sleep(patience)

    async def _follow(self, endpoint: Any) -> None:
        await self._compare_revisions()
        stream = endpoint.watch()
        self._doubts = 0
        try:
            async with asyncio.timeout(None) as self._limit:
                await self._read(stream)
        except TimeoutError as error:
            raise WatchLostError("it is silent although there is news") from error
        finally:
            self._stream = self._limit = None
            stream.cancel()

    async def _read(self, stream: Any) -> None:
        await self._write(stream, watch_request(self._start, self._end, self._events.current_rev + 1, progress=True))
        # Without reports of progress: its own would say nothing about the other.
        await self._write(stream, watch_request(COMPACT_KEY, b"", 0))
        while True:
            response = await stream.read()
            if response is grpc.aio.EOF:
                raise WatchLostError("the server has ended it")
            self._doubts = 0
            self._take(stream, response)

    async def _compare_revisions(self) -> None:
        """The cluster cannot be behind what is known here; a single member can."""
        try:
            revision = await self._revision()
        except EngineError as error:
            raise WatchLostError(str(error)) from error
        known = self._events.current_rev
        if revision < known:
            _log.error(
                "etcd is at revision %d and was at %d before: it has lost writes, or was restored from a backup. Restart "
                "this server, so that its clients read everything anew",
                revision,
                known,
            )
            self._lost(0)

    def _take(self, stream: Any, response: Any) -> None:
        log = self._events
        if response.canceled:
            if response.compact_revision:
                self._lost(response.compact_revision)
                raise WatchLostError(f"history up to revision {response.compact_revision} has been compacted")
            raise WatchLostError(response.cancel_reason or "the server has canceled it")
        if response.created:
            self._stream, self.problem = stream, ""
            self.began.set()
        elif response.events:
            self._publish(response.events)
            self._silence = DOUBTS
        elif self._progress_counts():
            log.advance(response.header.revision)

    def _publish(self, changes: Sequence[Any]) -> None:
        log = self._events
        if changes[0].kv.key == COMPACT_KEY:
            value = changes[-1].kv.value
            if value.isdigit():
                self._compacted(int(value))
            return
        known, newest = log.current_rev, changes[-1].kv.mod_revision
        try:
            events = [
                event_of(change)
                for change in changes
                if change.kv.key != self._marker and change.kv.mod_revision > known
            ]
        except MissingValueError as error:
            _log.warning("%s: caches are filled anew", error)
            self._lost(0)
            raise WatchLostError(str(error)) from error
        log.publish(events)
        log.advance(newest)

    async def aclose(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


class OldEvents:
    """Reads from etcd what has left the log: a watch of its own, from where it is asked for up to where the log begins.

    It is on everything under the prefix, like the feed, because only then an event, or the marker, that comes later says
    that nothing before it is missing.
    """

    def __init__(self, client: EtcdClient, *, start: bytes, end: bytes, marker: Callable[[], Any], most: int) -> None:
        self._client = client
        self._start = start
        self._end = end
        self._write_marker = marker
        self._most = most
        self._turns = asyncio.Semaphore(4)

    async def read(
        self, start: bytes, end: bytes | None, after: int, upto: int, *, proven: bool
    ) -> tuple[list[EngineEvent], int]:
        """Events after *after* up to *upto*, and how far they are complete.

        *proven* says that something has been written at *upto* or later under the prefix. Raises WatchCompactedError,
        MissingValueError, EngineError.
        """
        async with self._turns:
            endpoint = self._client.endpoint
            stream = endpoint.watch()
            try:
                async with asyncio.timeout(30):
                    await stream.write(watch_request(self._start, self._end, after + 1))
                    if not proven:
                        await self._write_marker()
                    return await self._collect(stream, start, end, after, upto)
            except asyncio.CancelledError:
                if is_being_cancelled():
                    raise
                raise EngineClosedError("the storage engine is closed") from None
            except grpc.aio.AioRpcError as error:
                self._client.failed(endpoint)
                raise translated(error, endpoint.url) from error
            except (TimeoutError, WatchLostError, grpc.aio.UsageError, asyncio.InvalidStateError) as error:
                self._client.failed(endpoint)
                raise EngineError(f"{endpoint.url}: history after revision {after} cannot be read: {error}") from error
            finally:
                stream.cancel()

    async def _collect(
        self, stream: Any, start: bytes, end: bytes | None, after: int, upto: int
    ) -> tuple[list[EngineEvent], int]:
        found: list[EngineEvent] = []
        while True:
            response = await stream.read()
            if response is grpc.aio.EOF:
                raise WatchLostError("the server has ended the watch")
            if response.canceled:
                if response.compact_revision:
                    raise WatchCompactedError(response.compact_revision)
                raise WatchLostError(response.cancel_reason)
            for change in response.events:
                key, rev = change.kv.key, change.kv.mod_revision
                if after < rev <= upto and (key == start if end is None else start <= key < end):
                    found.append(event_of(change))
            # A response holds whole revisions.
            newest = response.events[-1].kv.mod_revision if response.events else 0
            if newest >= upto:
                return found, upto
            if len(found) >= self._most:
                return found, newest
