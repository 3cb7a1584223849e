"""Histories on a real etcd, alone or a cluster of three: members are killed and started again, the leader is moved or held.

One etcd serves many histories, several at a time, each under a prefix of its own; what is done to it happens to all of them
at once, and each of them notes it.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from time import monotonic_ns
from typing import Any

import attrs
import grpc

from genericapiserver.storage.engine import StorageEngine
from genericapiserver.storage.etcd import messages
from genericapiserver.storage.etcd.engine import EtcdEngine
from tests.histories.doors import Door
from tests.histories.places import place_on
from tests.histories.recording import LEADER_HOLD, LEADER_MOVE, MEMBER_KILL, OUTAGES, Fault, History
from tests.histories.remote import Nursery, worker_place
from tests.histories.story import BreakablePlace
from tests.support.etcd import EtcdProcess
from tests.support.server_process import eventually

ALONE = (MEMBER_KILL,)
CLUSTER = OUTAGES
REQUEST_TIMEOUT = 3.0
"""Seconds: what waits for a leader that was killed is given up, so that histories stay short."""


def _status(member: EtcdProcess) -> tuple[int, int] | None:
    """The member's number and that of its leader; None when it does not answer, or knows no leader."""
    with grpc.insecure_channel(member.url.removeprefix("http://")) as channel:
        ask = channel.unary_unary(
            "/etcdserverpb.Maintenance/Status",
            request_serializer=messages.StatusRequest.SerializeToString,
            response_deserializer=messages.StatusResponse.FromString,
        )
        with suppress(grpc.RpcError):
            found = ask(messages.StatusRequest(), timeout=1)
            return (found.header.member_id, found.leader) if found.leader else None
    return None


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def _move(leader: EtcdProcess, target: int) -> None:
    """MoveLeaderRequest has one field, `targetID`."""
    # It fails when another election came before it.
    with suppress(grpc.RpcError), grpc.insecure_channel(leader.url.removeprefix("http://")) as channel:
        channel.unary_unary("/etcdserverpb.Maintenance/MoveLeader")(b"\x08" + _varint(target), timeout=5)


class Cluster:
    """Does harm to *members*, one thing at a time, and tells every history that is under way."""

    def __init__(self, members: Sequence[EtcdProcess]) -> None:
        self.members = members
        self.under_way: set[History] = set()
        self._turn = asyncio.Lock()
        self.harms = 0

    @property
    def urls(self) -> list[str]:
        return [member.url for member in self.members]

    @property
    def kinds(self) -> tuple[str, ...]:
        return ALONE if len(self.members) == 1 else CLUSTER

    async def harm(self, history: History, kind: str, how: float) -> None:
        """Do it, and return once every member serves again. The others than *history* are told of it here."""
        async with self._turn:
            self.harms += 1
            began = monotonic_ns()
            await asyncio.to_thread(partial(self._harm, kind, how))
            fault = Fault(kind=kind, begun=began, ended=monotonic_ns())
            for each in self.under_way - {history}:
                each.faults.append(fault)

    def _harm(self, kind: str, how: float) -> None:
        member = self.members[int(how * 1000) % len(self.members)]
        if kind != MEMBER_KILL:
            member = eventually(self._leader, "the cluster has a leader", seconds=60)
        if kind == LEADER_MOVE:
            others = [found[0] for each in self.members if each is not member and (found := _status(each))]
            if others:
                _move(member, others[int(how * 1000) % len(others)])
        elif kind == LEADER_HOLD:
            member.signal(signal.SIGSTOP)
            self._wait_for_another(member, how)
            member.signal(signal.SIGCONT)
        else:
            member.kill()
            self._wait_for_another(member, how)
            member.start()
        for each in self.members:
            each.wait()

    def _leader(self) -> EtcdProcess | None:
        for member in self.members:
            found = _status(member)
            if found is not None and found[0] == found[1]:
                return member
        return None

    def _wait_for_another(self, gone: EtcdProcess, how: float) -> None:
        """Most of the time, the rest goes on without it; now and then it comes back first."""
        rest = [member for member in self.members if member is not gone]
        if rest and how > 0.2:
            for member in rest:
                member.wait()


@attrs.define(eq=False)
class EtcdPlace:
    """A place whose store is in a cluster: harm is done to one or to the other."""

    history: History
    inner: BreakablePlace
    cluster: Cluster

    @property
    def epoch(self) -> int:
        return self.inner.epoch

    async def door(self, client: int) -> Door:
        return await self.inner.door(client)

    async def compact(self, revision: int) -> None:
        raise NotImplementedError("it would compact the other histories, too")

    async def harm(self, kind: str, how: float) -> None:
        if kind in CLUSTER:
            await self.cluster.harm(self.history, kind, how)
        else:
            await self.inner.harm(kind, how)


@asynccontextmanager
async def etcd_place(
    cluster: Cluster, history: History, *, cached: Sequence[bool], nursery: Nursery | None = None
) -> AsyncIterator[EtcdPlace]:
    """A store of its own in *cluster*, with a server for each of *cached*: in this process, or workers of *nursery*."""
    prefix = f"/history-{history.seed}"

    async def opening() -> StorageEngine:
        return await EtcdEngine.open(
            cluster.urls, prefix=prefix, compaction_interval=0, request_timeout=REQUEST_TIMEOUT, dial_timeout=60
        )

    config: dict[str, Any] = {"type": "etcd3", "servers": cluster.urls, "prefix": prefix}
    inner = (
        place_on(opening, history, prefix=prefix, cached=cached)
        if nursery is None
        else worker_place(nursery, history, config, cached=cached)
    )
    async with inner as place:
        cluster.under_way.add(history)
        try:
            yield EtcdPlace(history, place, cluster)
        finally:
            cluster.under_way.discard(history)
