import asyncio
import contextlib
import gzip
import os
import socket
import stat
import subprocess
import tracemalloc
from pathlib import Path
from typing import Any

import httpx
import pytest

from genericapiserver.aio import Signal
from genericapiserver.asgi import Message, Scope
from genericapiserver.debugging import DebugSocket, install_profiling, path_of_worker
from genericapiserver.mux import PathRecorderMux
from tests.support.asgi_client import ASGIClient


def client(**settings: Any) -> ASGIClient:
    mux = PathRecorderMux("test")
    install_profiling(mux, **settings)
    assert mux.listed_paths == []
    return ASGIClient(mux)


async def test_the_index() -> None:
    page = await client().get("/debug/pprof/")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert 'href="profile?seconds=10&amp;format=flamegraph"' in page.text
    moved = await client().get("/debug/pprof")
    assert (moved.status, moved.headers["location"]) == (302, "/debug/pprof/")
    assert moved.text == '<a href="/debug/pprof/">Found</a>.\n\n'


@pytest.mark.parametrize("name", ["nonsense", "cmdline", "profile/"])
async def test_an_unknown_profile(name: str) -> None:
    answer = await client().get(f"/debug/pprof/{name}")
    assert (answer.status, answer.text) == (404, "Unknown profile\n")
    assert answer.headers["x-go-pprof"] == "1"


@pytest.mark.parametrize("name", ["allocs", "block", "mutex", "threadcreate", "trace"])
async def test_what_has_no_meaning_says_so(name: str) -> None:
    answer = await client().get(f"/debug/pprof/{name}")
    assert answer.status == 501
    assert len(answer.text) > 40


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("seconds=x", 'invalid seconds "x": a whole number from 0 to 600'),
        ("seconds=601", 'invalid seconds "601": a whole number from 0 to 600'),
        ("rate=-1", 'invalid rate "-1": a whole number from 0 to 500'),
        ("format=svg", 'unknown format "svg": pprof, collapsed or flamegraph'),
        ("seconds=1&type=heat&format=collapsed", 'unknown sample type "heat", this profile has: samples, wall, cpu'),
    ],
)
async def test_bad_parameters(query: str, problem: str) -> None:
    answer = await client().get(f"/debug/pprof/profile?{query}")
    assert (answer.status, answer.text) == (400, f"{problem}\n")


async def test_a_profile_ends_when_the_server_stops() -> None:
    stopping = Signal("stopping")
    asked = asyncio.create_task(client(stopping=stopping.wait).get("/debug/pprof/profile?seconds=600"))
    await asyncio.sleep(0)
    stopping.set()
    answer = await asked
    assert answer.status == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="profile"'
    assert gzip.decompress(answer.body)


async def test_a_profile_ends_when_its_client_goes_and_makes_room_for_the_next() -> None:
    mux = PathRecorderMux("test")
    install_profiling(mux)
    gone = asyncio.Event()
    sent: list[Message] = []

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "GET", "path": "/debug/pprof/profile", "query_string": b"", "headers": []}
    first = asyncio.ensure_future(mux(scope, receive, send))
    await asyncio.sleep(0)
    busy = await ASGIClient(mux).get("/debug/pprof/profile?seconds=1")
    assert (busy.status, busy.text) == (500, "Could not enable CPU profiling: cpu profiling already in use\n")
    gone.set()
    await first
    assert not sent
    assert (await ASGIClient(mux).get("/debug/pprof/profile?seconds=1&format=collapsed")).status == 200


async def test_tasks_and_threads() -> None:
    async def waits_for_godot() -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(waits_for_godot(), name="vladimir")
    await asyncio.sleep(0)
    try:
        listing = (await client().get("/debug/pprof/goroutine?debug=2")).text
        assert 'task "vladimir" [waiting for ' in listing
        assert listing.index("asyncio.locks.Event.wait") < listing.index("waits_for_godot")
        assert 'thread "MainThread" [running]' in listing
        assert (await client().get("/debug/pprof/goroutine?debug=1")).text.startswith("goroutine profile: total ")
        assert "waits_for_godot 1" in (await client().get("/debug/pprof/goroutine?format=collapsed")).text.replace(
            ";asyncio.locks.Event.wait", ""
        )
    finally:
        task.cancel()


async def test_memory_is_traced_only_while_somebody_asks() -> None:
    off = await client().get("/debug/pprof/heap")
    assert off.status == 501
    assert "heap?seconds=30" in off.text
    kept: list[bytearray] = []

    async def allocate() -> None:
        while not tracemalloc.is_tracing():
            await asyncio.sleep(0)
        kept.append(bytearray(3_000_000))

    task = asyncio.create_task(allocate())
    heap = await client().get("/debug/pprof/heap?seconds=1&format=collapsed")
    await task
    assert heap.status == 200
    assert any(int(line.rpartition(" ")[2]) >= 3_000_000 for line in heap.text.splitlines() if "test_pages" in line)
    assert not tracemalloc.is_tracing()


async def test_totals_of_memory_are_there_at_any_time() -> None:
    plain = (await client().get("/debug/pprof/heap?debug=1")).text
    assert "blocks allocated by Python: " in plain
    assert "builtins.dict" not in plain
    assert "builtins.dict" in (await client().get("/debug/pprof/heap?debug=1&types=1")).text


class TestSocket:
    async def test_it_is_the_owners_and_goes_with_the_server(self, tmp_path: Path) -> None:
        path = tmp_path / "debug.sock"
        async with DebugSocket(str(path)).serving(), unix_client(path) as asks:
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
            command = await asks.get("/debug/pprof/cmdline")
            assert command.status_code == 200
            assert "python" in command.text
            assert (await asks.get("/debug/pprof/profile?seconds=1&format=collapsed")).status_code == 200
            assert (await asks.get("/apis")).status_code == 404
        assert not path.exists()

    async def test_a_stale_socket_makes_room(self, tmp_path: Path) -> None:
        path = tmp_path / "debug.sock"
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(path))
        async with DebugSocket(str(path)).serving(), unix_client(path) as asks:
            assert (await asks.get("/debug/pprof/symbol")).text == "num_symbols: 1\n"

    def test_what_killed_workers_have_left_makes_room(self, tmp_path: Path) -> None:
        path = tmp_path / "debug.sock"
        gone = subprocess.Popen(["true"])
        gone.wait()
        mine = f"{path}.{os.getpid()}"
        with socket.socket(socket.AF_UNIX) as left_behind, socket.socket(socket.AF_UNIX) as starting:
            left_behind.bind(f"{path}.{gone.pid}")
            starting.bind(f"{path}.{os.getppid()}")  # it does not listen yet
            (tmp_path / "debug.sock.notes").touch()
            (tmp_path / f"debug.sock.9{gone.pid}9999999").touch()
            before = set(tmp_path.iterdir())
            assert path_of_worker(str(path)) == mine
            assert before - set(tmp_path.iterdir()) == {Path(f"{path}.{gone.pid}")}

    def test_a_socket_that_is_in_use_stays_whoever_has_it(self, tmp_path: Path) -> None:
        path = tmp_path / "debug.sock"
        gone = subprocess.Popen(["true"])
        gone.wait()
        with socket.socket(socket.AF_UNIX) as other:  # of a process whose number is one of another container
            other.bind(f"{path}.{gone.pid}")
            other.listen()
            path_of_worker(str(path))
            assert Path(f"{path}.{gone.pid}").exists()

    async def test_somebodys_file_stays_and_the_server_goes_on(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = tmp_path / "notes"
        path.write_text("dear diary")
        async with DebugSocket(str(path)).serving():
            pass
        assert path.read_text() == "dear diary"
        assert f"the debug socket is not served: failed to listen on unix:{path}: there is a file" in caplog.text


@contextlib.asynccontextmanager
async def unix_client(path: Path) -> Any:
    async with httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(uds=str(path)), base_url="http://debug", timeout=30
    ) as asks:
        yield asks
