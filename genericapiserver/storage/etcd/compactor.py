"""One of all servers on a cluster compacts its history, once in an interval: the one that is first to say so.

They agree by the version of one key: who has counted along with it may write it, which raises it; who has not, learns the
version and waits for the next turn. So what happened in the last interval can always be read, and what is older than two
cannot. Go servers take part in the same way.

Source: k8s.io/apiserver pkg/storage/etcd3/compact.go.
"""

import asyncio
import logging
from collections.abc import Callable

from genericapiserver.storage.engine import EngineError
from genericapiserver.storage.etcd import messages
from genericapiserver.storage.etcd.client import CompactedRangeError, EtcdClient
from genericapiserver.storage.etcd.feed import COMPACT_KEY

_log = logging.getLogger(__name__)


class Compactor:
    """Compacts every *interval* seconds and tells *compacted*, also of what others have compacted."""

    def __init__(self, client: EtcdClient, *, interval: float, compacted: Callable[[int], None]) -> None:
        self._client = client
        self._interval = interval
        self._compacted = compacted
        self._version = 0
        self._rev = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="etcd compactor")

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self.turn()
            except EngineError as error:
                _log.warning("etcd cannot be compacted now, which is tried again in %gs: %s", self._interval, error)

    async def turn(self) -> None:
        """Compact to where the store was one turn ago, unless another server does. Raises EngineError."""
        rev, count = self._rev, self._version
        response = await self._client.write(
            "Txn",
            messages.TxnRequest(
                compare=[
                    messages.Compare(result=messages.EQUAL, target=messages.VERSION, key=COMPACT_KEY, version=count)
                ],
                success=[messages.RequestOp(request_put=messages.PutRequest(key=COMPACT_KEY, value=b"%d" % rev))],
                failure=[messages.RequestOp(request_range=messages.RangeRequest(key=COMPACT_KEY))],
            ),
        )
        self._rev = response.header.revision
        if not response.succeeded:
            kvs = response.responses[0].response_range.kvs
            self._version = kvs[0].version if kvs else 0
            if kvs and kvs[0].value.isdigit():
                self._compacted(int(kvs[0].value))
            return
        self._version = count + 1
        if rev:
            try:
                await self._client.write("Compact", messages.CompactionRequest(revision=rev))
            except CompactedRangeError:  # somebody has done more by hand
                return
            self._compacted(rev)

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
