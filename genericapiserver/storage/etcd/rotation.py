"""Following the TLS files of etcd while a server runs: certificates end and are replaced, and nobody restarts for it.

New files are used at a member once it has answered a call that was made with them. Until then the old channel stays, so that
a mistake in a file, or an authority that the cluster does not know yet, takes nothing down. Streams and calls that are under
way end on the channel they began on, as connections of Go's client do.

Deviation: Go's client reads certificate and key for every handshake, and the authority once; here all three are followed.
Source: go.etcd.io/etcd/client/pkg/v3/transport/listener.go.
"""

import asyncio
import logging
from contextlib import aclosing
from typing import Final

import grpc.aio

from genericapiserver.aio.file_watch import LOOK_INTERVAL, file_changes
from genericapiserver.storage.engine import EngineOpenError
from genericapiserver.storage.etcd import messages
from genericapiserver.storage.etcd.client import EtcdClient, translated
from genericapiserver.storage.etcd.endpoint import Endpoint
from genericapiserver.storage.etcd.tls import TLSFiles, TLSMaterial

_log = logging.getLogger(__name__)

PROOF_TIMEOUT: Final = 3.0
"""Seconds that a member gets to answer a call with new files."""


class CertificateFollower:
    """Brings changes of *files* to *client*, which was made with *used*; every *interval* seconds it tries what failed."""

    def __init__(
        self, client: EtcdClient, files: TLSFiles, used: TLSMaterial, *, interval: float = LOOK_INTERVAL
    ) -> None:
        self._client = client
        self._files = files
        self._wanted = used
        self._interval = interval
        self._pending: list[Endpoint] = []
        self._said = ""
        self._unread = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="etcd certificates")

    async def _run(self) -> None:
        async with aclosing(file_changes(*self._files.paths, look_interval=self._interval)) as changes:
            waiting = asyncio.ensure_future(anext(changes))
            try:
                while True:
                    done, _ = await asyncio.wait([waiting], timeout=self._interval)
                    if done:
                        waiting.result()
                        waiting = asyncio.ensure_future(anext(changes))
                    try:
                        if done or self._unread:
                            self.look()
                        await self.turn()
                    except Exception:  # noqa: BLE001 - without this task the next certificate would not be noticed
                        self._unread = True
                        _log.exception("following the TLS files of etcd has failed and is tried again")
            finally:
                waiting.cancel()
                await asyncio.wait([waiting])

    def look(self) -> None:
        """Read the files. What is new in them is tried by the next turn."""
        try:
            found = self._files.read()
        except EngineOpenError as error:  # perhaps one of them is being written at this moment
            self._unread = True
            self._say(str(error))
            return
        self._unread = False
        if found != self._wanted:
            self._wanted, self._said = found, ""
            self._pending = [endpoint for endpoint in self._client.endpoints if endpoint.secure]

    async def turn(self) -> None:
        """Try what is new, and close what nobody uses any more."""
        for endpoint in list(self._pending):
            if await self._replaced(endpoint):
                self._pending.remove(endpoint)
        await self._client.close_retired()

    async def _replaced(self, endpoint: Endpoint) -> bool:
        new = Endpoint(endpoint.url, self._wanted, self._client.calls)
        try:
            await new.call("Status", messages.StatusRequest(), PROOF_TIMEOUT)
        except grpc.aio.AioRpcError as error:
            await new.channel.close()
            self._say(str(translated(error, endpoint.url)))
            return False
        except BaseException:
            await new.channel.close()
            raise
        self._client.replace(endpoint, new)
        _log.info("%s: new TLS files are used", endpoint.url)
        return True

    def _say(self, problem: str) -> None:
        """Once for each problem."""
        if problem != self._said:
            self._said = problem
            _log.warning("changed TLS files for etcd are not used yet, the old ones stay in use: %s", problem)

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
