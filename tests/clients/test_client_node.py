"""@kubernetes/client-node: a small program of it does what it is told, its informer watches."""

import asyncio
import contextlib
import itertools
import json
import os
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import NewRow
from tests.clients.scenario import GROUP, PLURAL, VERSION, Event, act, event
from tests.support.standalone import Standalone

NAMESPACE = "client-node"
PROGRAM = Path(__file__).parent / "node" / "driver.mjs"
MODULES = Path(os.environ.get("CLIENTS_NODE_MODULES", PROGRAM.parent / "node_modules"))
"""Where `npm install` has put the client."""
PACKAGE = "@kubernetes/client-node"
LINE_LIMIT = 1 << 20


class NodeError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NodeDriver:
    def __init__(self, process: Process) -> None:
        self._process = process
        self._ids = itertools.count()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._events: asyncio.Queue[Event] = asyncio.Queue()

    async def read(self) -> None:
        """Hand out what the program says, until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "event" in said:
                type, obj = said["event"]
                assert type != "ERROR", obj
                self._events.put_nowait(event(type, obj))
            elif "result" in said:
                self._answers.pop(said["id"]).set_result(said["result"])
            else:
                self._answers.pop(said["id"]).set_exception(NodeError(said["status"], said["message"]))
        for answer in self._answers.values():
            answer.set_exception(NodeError(0, "the program ended"))

    async def _tell(self, action: str, *arguments: Any) -> Any:
        assert self._process.stdin is not None
        id = next(self._ids)
        answer = self._answers[id] = asyncio.get_running_loop().create_future()
        message = {"id": id, "action": action, "arguments": arguments}
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        await self._process.stdin.drain()
        return await answer

    async def create(self, flunder: dict[str, Any]) -> Any:
        return await self._tell("create", flunder)

    async def list(self) -> Any:
        return (await self._tell("list"))["items"]

    async def watch(self, since: str | None = None) -> AsyncIterator[Event]:
        assert since is None, "an informer decides for itself where it begins"
        await self._tell("watch")
        while True:
            yield await self._events.get()

    async def patch(self, name: str, patch: dict[str, Any]) -> Any:
        return await self._tell("patch", name, patch)

    async def apply(self, flunder: dict[str, Any], manager: str) -> Any:
        return await self._tell("apply", flunder, manager)

    async def delete(self, name: str) -> None:
        await self._tell("delete", name)

    def status_of(self, error: Exception) -> int:
        assert isinstance(error, NodeError)
        return error.status


@contextlib.asynccontextmanager
async def running(kubeconfig: Path, folder: Path) -> AsyncIterator[NodeDriver]:
    """The program, in a *folder* beside which Node.js finds the client."""
    shutil.copy(PROGRAM, folder)
    (folder / "node_modules").symlink_to(MODULES)
    process = await asyncio.create_subprocess_exec(
        "node",
        PROGRAM.name,
        kubeconfig,
        GROUP,
        VERSION,
        NAMESPACE,
        PLURAL,
        cwd=folder,
        stdin=PIPE,
        stdout=PIPE,
        limit=LINE_LIMIT,
    )
    driver = NodeDriver(process)
    reader = asyncio.create_task(driver.read())
    try:
        yield driver
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reader


@pytest.mark.skipif(not (MODULES / PACKAGE).is_dir(), reason=f"{PACKAGE} is not installed")
async def test_client_node(server: Standalone, new_row: NewRow, tmp_path: Path) -> None:
    version = json.loads((MODULES / PACKAGE / "package.json").read_text("utf-8"))["version"]
    row = new_row(PACKAGE, version, leaves_out={"expiry"})
    async with running(server.kubeconfig, tmp_path) as driver:
        await act(driver, server, row, NAMESPACE)
