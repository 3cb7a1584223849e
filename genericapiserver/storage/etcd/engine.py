"""The engine in an etcd v3 cluster: durable on several machines, for any number of servers, Go servers among them.

Keys, values, transactions and leases are those of the reference, so a directory of etcd can be shared with a Go server or
taken over from one. Every read and write is a call to the cluster; what happens there, by whomever, comes by one watch
(`feed`) into the log of events that caches and watches live on. A write is answered once its event has come back, so no
cache is behind what a client was told. Nothing is written to the cluster by opening the engine.

`is_current` is always False: only the cluster knows. A consistent read therefore asks it where it is, together with
everybody who asks at that time (`freshness`).

Source: k8s.io/apiserver pkg/storage/etcd3/store.go, pkg/storage/storagebackend/factory/etcd3.go.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

from genericapiserver.aio.file_watch import LOOK_INTERVAL
from genericapiserver.storage.engine import (
    CompactedError,
    CorruptFileError,
    DiskFullError,
    EngineClosedError,
    EngineError,
    EngineFaultError,
    EngineOpenError,
    EngineWatch,
    FutureRevisionError,
    GetResult,
    KeyValue,
    RangeResult,
    RangeStats,
    Subscriber,
    Subscription,
    TooLargeError,
    UnreachableError,
    WatchBatch,
    WriteResult,
    prefix_end,
)
from genericapiserver.storage.etcd import messages
from genericapiserver.storage.etcd.client import (
    LARGEST,
    LIST_TIMEOUT,
    PAGE_TRY_TIMEOUT,
    REQUEST_TIMEOUT,
    CompactedRangeError,
    EtcdClient,
    FutureRangeError,
    LeaseGoneError,
)
from genericapiserver.storage.etcd.compactor import Compactor
from genericapiserver.storage.etcd.feed import Feed, MissingValueError, OldEvents, WatchCompactedError
from genericapiserver.storage.etcd.freshness import Freshness, believable
from genericapiserver.storage.etcd.leases import Leases
from genericapiserver.storage.etcd.rotation import CertificateFollower
from genericapiserver.storage.etcd.tls import TLSFiles
from genericapiserver.storage.event_log import BATCH_EVENTS, EventLog
from genericapiserver.storage.grpc_metrics import MethodCalls
from genericapiserver.storage.keys import KeySpace
from genericapiserver.storage.retention import DEFAULT_INTERVAL

_log = logging.getLogger(__name__)

DIAL_TIMEOUT: Final = 20.0
"""Seconds that the cluster gets to answer for the first time."""
SILENCE: Final = 2.0
"""Seconds after which the log says that a cluster does not answer at the start; later when something else is wrong."""
STATUS_PERIOD: Final = 30.0
LEASE_REUSE: Final = 60.0
TAIL_EVENTS: Final = 4096
"""Events kept in memory, for watches that are nearly up to date."""
GRACE: Final = 0.05
"""Seconds that events get to arrive before progress is asked for."""
PAGE: Final = 1000
LAST_REVISION: Final = 2**63 - 1
MARKER: Final = b"genericapiserver-freshness"
"""The key below the prefix that proves freshness where etcd cannot. No resource can have it: theirs contain a slash."""


def watched_range(prefix: str) -> tuple[bytes, bytes]:
    """All keys of servers with that prefix."""
    start = KeySpace(prefix, "/any").prefix.encode(errors="surrogateescape")
    return start, prefix_end(start)


class EtcdEngine:
    """A StorageEngine in the cluster behind some URLs. Made by `EtcdEngine.open`, on the loop that is going to use it."""

    @classmethod
    async def open(
        cls,
        servers: Sequence[str],
        *,
        prefix: str = "/registry",
        tls: TLSFiles | None = None,
        compaction_interval: float = DEFAULT_INTERVAL,
        lease_reuse: float = LEASE_REUSE,
        status_period: float = STATUS_PERIOD,
        dial_timeout: float = DIAL_TIMEOUT,
        request_timeout: float = REQUEST_TIMEOUT,
        grace: float = GRACE,
        tls_interval: float = LOOK_INTERVAL,
    ) -> Self:
        """Connect, and learn what has happened last. Raises EngineOpenError, whose text says what is wrong.

        A cluster that is not up yet is waited for, *dial_timeout* seconds at most; the log says so.
        *compaction_interval* in seconds, 0 leaves compaction to others. Everything that is to be heard of by watches,
        subscribers and `current_rev` lies under *prefix*.
        """
        if not servers:
            raise EngineOpenError("etcd", "no server is named", "Name one at least")
        material = tls.read() if tls else None
        client = EtcdClient(servers, tls=material, request_timeout=request_timeout)
        engine = cls(client, servers, prefix, lease_reuse, compaction_interval, grace)
        if tls and material is not None:
            engine._certificates = CertificateFollower(client, tls, material, interval=tls_interval)
        try:
            await engine._start(dial_timeout, status_period)
        except BaseException:
            await engine.aclose()
            raise
        return engine

    def __init__(
        self,
        client: EtcdClient,
        servers: Sequence[str],
        prefix: str,
        lease_reuse: float,
        compaction_interval: float,
        grace: float,
    ) -> None:
        self._client = client
        self._place = ",".join(servers)
        self._start_key, self._end_key = watched_range(prefix)
        self._marker = self._start_key + MARKER
        self._log = EventLog(1, capacity=TAIL_EVENTS, history=self._history)
        self._grace = grace
        self._compact_rev = 0
        self._size = 0
        self._versions: dict[str, bool] = {}
        self._closing: asyncio.Future[None] | None = None
        self._feed: Feed | None = None
        self._freshness = Freshness(
            client,
            self._log,
            marker=self._marker,
            grace=grace,
            request_progress=self._ask_for_progress,
            read_up_to=self._read_up_to,
            doubt=self._doubt_feed,
        )
        self._old = OldEvents(
            client, start=self._start_key, end=self._end_key, marker=self._freshness.mark, most=BATCH_EVENTS
        )
        self._of_everybody = OldEvents(
            client, start=b"\x00", end=b"\x00", marker=self._freshness.mark, most=BATCH_EVENTS
        )
        self.on_lease_end: Callable[[int], None] = lambda objects: None
        """Told how many objects were attached to a lease when the next one took its place."""
        self._leases = Leases(client, reuse=lease_reuse, ended=lambda objects: self.on_lease_end(objects))
        self._compactor = Compactor(client, interval=compaction_interval, compacted=self._compacted)
        self._compacts = compaction_interval > 0
        self._status_task: asyncio.Task[None] | None = None
        self._certificates: CertificateFollower | None = None

    async def _start(self, dial_timeout: float, status_period: float) -> None:
        request = messages.RangeRequest(key=self._marker, count_only=True)
        try:
            revision = (await self._first_answer(request, dial_timeout)).header.revision
            floor = await self._find_floor(1)
            # What happened last is taken into memory: clients that come back after a restart resume there.
            self._restart(max(floor, revision - TAIL_EVENTS), floor)
            await self._ask_status()
            self._feed = Feed(
                self._client,
                self._log,
                start=self._start_key,
                end=self._end_key,
                marker=self._marker,
                revision=self._freshness.revision,
                progress_counts=lambda: self._freshness.progress_counts,
                compacted=self._compacted,
                lost=self._lost,
            )
            async with asyncio.timeout(dial_timeout):
                await self._feed.began.wait()
            await self._freshness.known(revision)
        except EngineOpenError:
            raise
        except TimeoutError as error:
            raise EngineOpenError(
                self._place,
                f"etcd answers, but no watch on it begins: {self._feed.problem if self._feed else ''}",
                "Check what is between this server and etcd",
            ) from error
        except EngineError as error:
            raise EngineOpenError(
                self._place, f"etcd cannot be used: {error}", "Check that it runs, its URLs, and the TLS files"
            ) from error
        self._status_task = asyncio.create_task(self._poll_status(status_period), name="etcd status")
        if self._compacts:
            self._compactor.start()
        if self._certificates is not None:
            self._certificates.start()

    async def _first_answer(self, request: Any, dial_timeout: float) -> Any:
        """Of a cluster that may have to be waited for."""
        asking = asyncio.ensure_future(self._client.read("Range", request, timeout=dial_timeout))
        said = ""
        try:
            while not (await asyncio.wait([asking], timeout=SILENCE))[0]:
                problem = self._client.problem or f"there is no answer from {self._place}"
                if problem != said:
                    said = problem
                    _log.warning("waiting for etcd, %gs at most: %s", dial_timeout, problem)
            return asking.result()
        finally:
            asking.cancel()

    @property
    def calls(self) -> dict[str, MethodCalls]:
        """What is asked of the cluster, for who counts it."""
        return self._client.calls

    # ---- where the store is

    @property
    def shared(self) -> bool:
        return True

    def is_current(self) -> bool:
        return False

    async def catch_up(self) -> None:
        self._open_or_raise()
        await self._freshness.catch_up()

    def current_rev(self) -> int:
        return self._log.current_rev

    def compact_rev(self) -> int:
        return self._compact_rev

    def floor_rev(self) -> int:
        return self._log.floor_rev

    def size_bytes(self) -> int:
        return self._size

    # ---- reading

    async def get(self, key: bytes, *, rev: int = 0) -> GetResult:
        response = await self._range(messages.RangeRequest(key=key, revision=self._readable(rev)), rev)
        return GetResult(_key_value(response.kvs[0]) if response.kvs else None, response.header.revision)

    async def range(self, start: bytes, end: bytes, *, limit: int = 0, rev: int = 0) -> RangeResult:
        request = messages.RangeRequest(key=start, range_end=end, limit=limit, revision=self._readable(rev))
        response = await self._range(request, rev)
        found = [_key_value(kv) for kv in response.kvs if kv.key != self._marker]
        total = response.count - (len(response.kvs) - len(found))
        if not response.kvs and response.more:
            raise EngineFaultError("no results were found, but etcd indicated there were more values remaining")
        if not rev:  # a cache that is filled with this has to know as much
            await self._freshness.known(response.header.revision)
        return RangeResult(found, total, response.header.revision)

    async def stats(self, start: bytes, end: bytes) -> RangeStats:
        keys = value_bytes = rev = 0
        while True:
            request = messages.RangeRequest(key=start, range_end=end, limit=PAGE, revision=self._readable(rev))
            response = await self._range(request, rev)
            rev = rev or response.header.revision
            kvs = [kv for kv in response.kvs if kv.key != self._marker]
            keys += len(kvs)
            value_bytes += sum(len(kv.value) for kv in kvs)
            if not response.more:
                return RangeStats(keys, value_bytes)
            start = response.kvs[-1].key + b"\x00"

    async def _range(self, request: Any, rev: int) -> Any:
        try:
            if request.range_end:
                return await self._client.read("Range", request, timeout=LIST_TIMEOUT, patience=PAGE_TRY_TIMEOUT)
            return await self._client.read("Range", request)
        except CompactedRangeError:
            floor = await self._find_floor(rev)
            self._compacted(floor)
            raise CompactedError(rev, floor) from None
        except FutureRangeError:
            raise FutureRevisionError(rev, self._log.current_rev) from None

    def _readable(self, rev: int) -> int:
        self._open_or_raise()
        if rev > LAST_REVISION:
            raise FutureRevisionError(rev, self._log.current_rev)
        if rev and rev < self._log.floor_rev:
            raise CompactedError(rev, self._log.floor_rev)
        return rev

    def _open_or_raise(self) -> None:
        if self._closing is not None:
            raise EngineClosedError("the storage engine is closed")

    async def _find_floor(self, rev: int) -> int:
        """Where history begins, *rev* if it can be read. etcd only says so to a watch."""
        try:
            await self._client.read("Range", messages.RangeRequest(key=self._marker, revision=rev, count_only=True))
        except CompactedRangeError:
            try:
                await self._old.read(self._start_key, self._end_key, rev - 1, LAST_REVISION, proven=True)
            except WatchCompactedError as compacted:
                return compacted.floor
            raise EngineFaultError("etcd does not say to where it has been compacted", self._place) from None
        return rev

    # ---- writing

    async def put(self, key: bytes, value: bytes, *, expect_rev: int, ttl: float = 0.0) -> WriteResult:
        self._open_or_raise()
        for last in (False, True):
            lease = await self._leases.lease_for(ttl) if ttl > 0 else 0
            operation = messages.RequestOp(request_put=messages.PutRequest(key=key, value=value, lease=lease))
            try:
                return await self._write(key, expect_rev, operation)
            except LeaseGoneError:
                self._leases.forget()
                if last:
                    raise
            except TooLargeError as error:
                raise TooLargeError(len(value), LARGEST) from error
        raise AssertionError("unreachable")

    async def replace(self, key: bytes, value: bytes, *, expect_rev: int) -> WriteResult:
        """Write *value* under a key that is there, which expires when it would have: etcd does not tell when that is."""
        self._open_or_raise()
        operation = messages.RequestOp(request_put=messages.PutRequest(key=key, value=value, ignore_lease=True))
        try:
            return await self._write(key, expect_rev, operation)
        except TooLargeError as error:
            raise TooLargeError(len(value), LARGEST) from error

    async def delete(self, key: bytes, *, expect_rev: int) -> WriteResult:
        self._open_or_raise()
        if not expect_rev:  # etcd would find that nothing is there, and succeed
            found = await self.get(key)
            return WriteResult(False, found.rev, found.kv)
        operation = messages.RequestOp(request_delete_range=messages.DeleteRangeRequest(key=key))
        return await self._write(key, expect_rev, operation)

    async def _write(self, key: bytes, expect_rev: int, operation: Any) -> WriteResult:
        request = messages.TxnRequest(
            compare=[messages.Compare(result=messages.EQUAL, target=messages.MOD, key=key, mod_revision=expect_rev)],
            success=[operation],
            failure=[messages.RequestOp(request_range=messages.RangeRequest(key=key))],
        )
        response = await self._client.write("Txn", request)
        rev = response.header.revision
        if response.succeeded:
            await self._freshness.known(rev, comes=self._start_key <= key < self._end_key)
            return WriteResult(True, rev, None)
        kvs = response.responses[0].response_range.kvs
        return WriteResult(False, rev, _key_value(kvs[0]) if kvs else None)

    async def compact(self, rev: int) -> None:
        self._open_or_raise()
        try:
            await self._client.write("Compact", messages.CompactionRequest(revision=rev))
        except CompactedRangeError:
            self._compacted(await self._find_floor(rev))
            raise CompactedError(rev, self._log.floor_rev) from None
        except FutureRangeError:
            raise FutureRevisionError(rev, self._log.current_rev) from None
        self._compacted(rev)

    # ---- what the feed and the compactor tell

    def _compacted(self, rev: int) -> None:
        """History before *rev* is gone."""
        self._compact_rev = max(self._compact_rev, rev)
        if self._log.floor_rev < rev <= self._log.current_rev:
            self._log.raise_floor(rev, forget=True)

    def _lost(self, floor: int) -> None:
        """What happened cannot be told; *floor* is where history begins, 0: somewhere. All that is known starts anew."""
        self._compact_rev = max(self._compact_rev, floor)
        revision = max(floor, self._log.current_rev if floor else 1)
        self._restart(revision, max(floor, self._log.floor_rev) if floor else revision)

    def _restart(self, revision: int, floor: int) -> None:
        self._log.restart(revision, floor)
        if floor > 1:
            self._compact_rev = max(self._compact_rev, floor)

    # ---- watching

    def watch(self, start: bytes, end: bytes | None, *, after_rev: int) -> EngineWatch:
        self._open_or_raise()
        return self._log.watch(start, end, after_rev)

    async def history(self, start: bytes, end: bytes | None, *, after_rev: int, upto: int) -> WatchBatch:
        self._readable(after_rev)
        if after_rev >= self._log.start_rev:
            return self._log.read(start, end, after_rev, upto)
        return await self._history(start, end, after_rev, min(upto, self._log.start_rev))

    async def _history(self, start: bytes, end: bytes | None, after: int, upto: int) -> WatchBatch:
        try:
            events, rev = await self._old.read(start, end, after, upto, proven=len(self._log) > 0)
        except WatchCompactedError as error:
            self._compacted(error.floor)
            raise CompactedError(after, error.floor) from None
        except MissingValueError as error:
            raise EngineFaultError(str(error), self._place) from error
        return WatchBatch(events, rev)

    async def _read_up_to(self, rev: int) -> None:
        """Bring the log to *rev*: its event is somebody's, and what is ours before it either comes by the feed or is not."""
        known = self._log.current_rev
        try:
            events, upto = await self._of_everybody.read(self._start_key, self._end_key, known, rev, proven=True)
        except (WatchCompactedError, MissingValueError) as error:
            raise EngineFaultError(str(error), self._place) from error
        if events:
            await self._log.reached(events[-1].rev)
        if self._log.current_rev >= known:  # else the cluster has been put back meanwhile
            self._log.advance(upto)

    def subscribe(
        self,
        prefix: bytes,
        subscriber: Subscriber,
        *,
        closed: Callable[[], None] | None = None,
        lost: Callable[[], None] | None = None,
    ) -> Subscription:
        self._open_or_raise()
        return self._log.subscribe(prefix, subscriber, closed, lost)

    async def reached(self, rev: int) -> None:
        """See StorageEngine. Another server may have been told *rev*, also by a write outside the prefix."""
        waiting = asyncio.ensure_future(self._log.reached(rev))
        try:
            while not waiting.done():
                await asyncio.wait([waiting], timeout=max(self._grace, 0.1))
                if not waiting.done():
                    await self._freshness.catch_up()
            waiting.result()
        finally:
            waiting.cancel()

    async def request_progress(self) -> None:
        await self.catch_up()
        self._log.report_progress()

    async def _ask_for_progress(self) -> None:
        if self._feed is not None:
            await self._feed.request_progress()

    def _doubt_feed(self) -> None:
        if self._feed is not None:
            self._feed.doubt()

    # ---- health

    async def check(self) -> None:
        """See StorageEngine. Also fails while the cluster refuses writes because its room is used up, and without a feed."""
        self._open_or_raise()
        await self._client.read("Range", messages.RangeRequest(key=self._start_key + b"health"))
        status = await self._ask_status()
        for alarm in status.errors:
            if "NOSPACE" in alarm:
                raise DiskFullError("etcdserver: mvcc: database space exceeded", self._client.endpoint.url)
            if "CORRUPT" in alarm:
                raise CorruptFileError(f"etcd says that it is corrupt: {alarm}", self._client.endpoint.url)
        if self._feed is not None and self._feed.problem:
            raise UnreachableError(f"there is no watch on etcd: {self._feed.problem}")

    async def _ask_status(self) -> Any:
        status = await self._client.read("Status", messages.StatusRequest())
        self._learn(self._client.endpoint.url, status)
        return status

    def _learn(self, url: str, status: Any) -> None:
        """One member whose progress cannot be believed is enough not to ask for any. Unlike in the reference the answer
        changes both ways, as a cluster can be upgraded under a server that runs."""
        self._size = status.dbSize
        self._versions[url] = believable(status.version)
        all_known = len(self._versions) == len({endpoint.url for endpoint in self._client.endpoints})
        self._freshness.progress_counts = all_known and all(self._versions.values())

    async def _poll_status(self, period: float) -> None:
        """Every member counts: the stream may move to any of them."""
        while True:
            for endpoint in self._client.endpoints:
                try:
                    status = await endpoint.call("Status", messages.StatusRequest(), 5.0)
                except Exception as error:  # noqa: BLE001 - a member that is down is asked again
                    _log.debug("%s: no status: %s", endpoint.url, error)
                    continue
                self._learn(endpoint.url, status)
            await asyncio.sleep(period)

    # ---- the end

    async def aclose(self) -> None:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_future()
            self._log.close()
            if self._status_task is not None:
                self._status_task.cancel()
                await asyncio.wait([self._status_task])
            await self._compactor.aclose()
            if self._certificates is not None:
                await self._certificates.aclose()
            await self._freshness.aclose()
            if self._feed is not None:
                await self._feed.aclose()
            await self._client.aclose()
            self._closing.set_result(None)
        await self._closing


def _key_value(kv: Any) -> KeyValue:
    return KeyValue(kv.key, kv.value, kv.create_revision, kv.mod_revision)
