"""Leases for keys that expire: one is shared by many keys that expire at nearly the same time.

A lease is granted for a little longer than was asked for and reused as long as it still lasts long enough, so that a
thousand events a minute do not become a thousand leases. An object lives for its time and up to that little longer.

Deviation: the little is at least a second, where the reference has none for short times, whose objects can expire by the
time of a round trip too early.

Source: k8s.io/apiserver pkg/storage/etcd3/lease_manager.go.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Final

import attrs

from genericapiserver.storage.etcd import messages
from genericapiserver.storage.etcd.client import EtcdClient

REUSE_PART: Final = 0.05
"""The part of its time that a lease lasts longer, at most."""
MAX_OBJECTS: Final = 1000
"""Objects on one lease: when it ends, they are all deleted in one step."""


@attrs.define
class _Lease:
    id: int
    expires: float
    objects: int = 0


class Leases:
    """Grants leases by *client*. *reuse* in seconds bounds how much longer they last; *ended* is told how many objects a
    lease had when another one takes its place."""

    def __init__(self, client: EtcdClient, *, reuse: float, ended: Callable[[int], None]) -> None:
        self._client = client
        self._reuse = reuse
        self._ended = ended
        self._lease: _Lease | None = None
        self._granting = asyncio.Lock()

    async def lease_for(self, ttl: float) -> int:
        """The number of a lease that lasts for *ttl* seconds from now at least. Raises EngineError."""
        slack = max(1, int(min(self._reuse, ttl * REUSE_PART)))
        async with self._granting:
            now, lease = asyncio.get_running_loop().time(), self._lease
            if (
                lease is None
                or not now + ttl < lease.expires <= now + math.ceil(ttl) + slack
                or lease.objects >= MAX_OBJECTS
            ):
                asked = math.ceil(ttl) + slack
                granted = await self._client.write("LeaseGrant", messages.LeaseGrantRequest(TTL=asked))
                if lease is not None:
                    self._ended(lease.objects)
                # Counted from before the question: it never ends earlier than is believed here. etcd may give longer.
                lease = self._lease = _Lease(granted.ID, now + asked)
            lease.objects += 1
            return lease.id

    def forget(self) -> None:
        """The cluster does not know the lease any more."""
        self._lease = None
