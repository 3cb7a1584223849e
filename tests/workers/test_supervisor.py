"""The supervisor with workers that do little: starting, dying, replacing, stopping, and what they count together."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from genericapiserver.connection import create_listener
from genericapiserver.workers import Supervisor, Worker, WorkerError
from genericapiserver.workers.process import SharedListener
from genericapiserver.workers.watchdog import Patience

SMALL = Path(__file__).with_name("small_worker.py")
FOREVER = 60.0


class Running:
    """A supervisor that runs, and its address."""

    def __init__(
        self, workers: int, behaviour: str, monkeypatch: pytest.MonkeyPatch, patience: Patience | None = None
    ) -> None:
        # The signals are the test runner's: the supervisor's methods are called instead.
        monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", lambda *_: None)
        self.listener = create_listener("127.0.0.1", 0)
        self.ready = asyncio.Event()
        self.events: list[str] = []
        self.supervisor = Supervisor(
            workers,
            [SharedListener(self.listener, "https")],
            command=[str(SMALL), behaviour],
            environ={**os.environ, "NOTIFY_SOCKET": "/nowhere"},
            on_ready=self._on_ready,
            on_reload=lambda: self.events.append("reloading"),
            on_stop=lambda: self.events.append("stopping"),
            patience=patience or Patience(),
        )
        self.task = asyncio.create_task(self.supervisor.run())

    def _on_ready(self) -> None:
        self.events.append("ready")
        self.ready.set()

    async def ask(self, line: str = "who") -> str:
        address = self.listener.getsockname()
        reader, writer = await asyncio.open_connection(*address)
        try:
            writer.write(line.encode() + b"\n")
            return (await reader.readline()).decode().strip()
        finally:
            writer.close()

    async def processes(self, number: int, but: Callable[[set[int]], bool] = lambda _: True) -> set[int]:
        """The processes of the workers that live, once there are *number* that serve."""
        while True:
            living = {worker.pid for worker in self.supervisor._living if worker.ready.is_set()}
            if len(living) == number and but(living):
                return living
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(
    workers: int,
    behaviour: str,
    monkeypatch: pytest.MonkeyPatch,
    patience: Patience | None = None,
    *,
    restarted: bool = False,
) -> AsyncIterator[Running]:
    made = Running(workers, behaviour, monkeypatch, patience)
    if restarted:
        made.supervisor.restart()
    try:
        async with asyncio.timeout(FOREVER):
            await asyncio.wait(
                [made.task, ready := asyncio.create_task(made.ready.wait())], return_when="FIRST_COMPLETED"
            )
            ready.cancel()
            yield made
            if not made.task.done() and not made.supervisor._stopping.is_set():
                made.supervisor.stop()
            await made.task
    finally:
        for worker in made.supervisor._living:
            worker.send_signal(signal.SIGKILL)
        made.listener.close()


async def test_all_workers_serve_one_listener_and_end_well(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(3, "good", monkeypatch) as server:
        assert int(await server.ask()) in await server.processes(3)
        server.supervisor.stop()
        assert await server.task == 0
        assert server.events == ["ready", "stopping"]


async def test_a_worker_that_cannot_start_ends_everything_with_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(3, "bad", monkeypatch) as server:
        assert await server.task == 3
        assert server.events == ["stopping"]


async def test_a_worker_that_is_killed_is_replaced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(2, "good", monkeypatch) as server:
        before = await server.processes(2)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        after = await server.processes(2, lambda living: victim not in living)
        assert len(after & before) == 1
        assert f"process {victim}, was ended by SIGKILL" in caplog.text


SHORT = Patience(every=0.2, questions=10)
"""Two seconds: longer than a worker is silent that has to wait for its turn on a busy machine."""


async def test_a_worker_that_has_been_stopped_is_killed_and_replaced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(2, "good", monkeypatch, SHORT) as server:
        victim = min(await server.processes(2))
        os.kill(victim, signal.SIGSTOP)
        await server.processes(2, lambda living: victim not in living)
        assert f"process {victim}, has said nothing for 2 seconds: killing it" in caplog.text
        assert f"process {victim}, was ended by SIGKILL" in caplog.text


async def test_a_worker_that_answers_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(2, "good", monkeypatch, SHORT) as server:
        before = await server.processes(2)
        workers = list(server.supervisor._living)
        said = [worker.heard for worker in workers]
        while not all(worker.heard > since + 2 * SHORT.questions for worker, since in zip(workers, said, strict=True)):
            await asyncio.sleep(0.01)
        assert await server.processes(2) == before


async def test_a_worker_that_is_stopped_does_not_keep_the_others_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(2, "good", monkeypatch, SHORT) as server:
        os.kill(min(await server.processes(2)), signal.SIGSTOP)
        server.supervisor.stop()
        assert await server.task == 1


async def test_a_signal_leaves_the_status_to_who_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(1, "good", monkeypatch) as server:
        (worker,) = server.supervisor._living
        worker.send_signal(signal.SIGKILL)
        # It has ended, and nobody has asked how; but for the thread of the loop that waits for it.
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222
        worker.send_signal(signal.SIGKILL)
        await worker.ended.wait()
        assert worker.status == -signal.SIGKILL


async def test_a_worker_that_does_not_come_back_is_tried_again_and_the_others_serve(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    mark = tmp_path / "started"
    async with running(2, f"once:{mark}", monkeypatch) as server:
        (second,) = (worker for worker in server.supervisor._living if worker.number == 2)
        second.send_signal(signal.SIGKILL)
        while "ended with status 4: it has been started before" not in caplog.text:
            await asyncio.sleep(0.01)
        assert int(await server.ask()) in await server.processes(1)
        mark.unlink()
        await server.processes(2)


async def test_a_rolling_restart_replaces_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(2, "good", monkeypatch) as server:
        before = await server.processes(2)
        asked: list[int] = []
        done = asyncio.Event()

        async def keep_asking() -> None:
            while not done.is_set():
                asked.append(int(await server.ask()))

        asking = asyncio.create_task(keep_asking())
        server.ready.clear()
        server.supervisor.restart()
        await server.ready.wait()
        assert await server.processes(2) & before == set()
        done.set()
        await asking  # raises if one was refused
        assert len(set(asked) - before) > 0
        assert server.events == ["ready", "reloading", "ready"]


async def test_a_rolling_restart_that_does_not_work_leaves_the_old_workers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(2, "good", monkeypatch) as server:
        before = await server.processes(2)
        server.ready.clear()
        monkeypatch.setattr(server.supervisor, "_command", [str(SMALL), "bad"])
        server.supervisor.restart()
        await server.ready.wait()
        assert "the new worker 1 does not serve: the old workers stay" in caplog.text
        assert await server.processes(2) == before


async def test_a_restart_that_is_asked_for_too_early_begins_when_all_are_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(2, "good", monkeypatch, restarted=True) as server:
        before = await server.processes(2)
        while server.events != ["ready", "reloading", "ready"]:
            await asyncio.sleep(0.01)
        assert await server.processes(2) & before == set()


async def test_a_worker_that_says_nonsense_does_no_harm(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(1, "good", monkeypatch) as server:
        assert await server.ask("nonsense") == "said"
        while "what worker 1 said was not understood" not in caplog.text:
            await asyncio.sleep(0.01)
        assert int(await server.ask()) in await server.processes(1)


async def test_the_second_request_to_stop_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(2, "stubborn", monkeypatch) as server:
        server.supervisor.stop()
        assert not server.task.done()
        server.supervisor.stop()
        assert await server.task == 1


async def test_what_was_counted_by_workers_that_ended_still_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(2, "good", monkeypatch) as server:
        assert await server.ask("metrics") == "2"
        victim = min(await server.processes(2))
        os.kill(victim, signal.SIGKILL)
        await server.processes(2, lambda living: victim not in living)
        assert await server.ask("metrics") == "3"
        server.ready.clear()
        server.supervisor.restart()
        await server.ready.wait()
        assert await server.ask("metrics") == "5"
        await server.ask("reset")
        while await server.ask("metrics") != "0":
            await asyncio.sleep(0.01)


async def test_a_worker_whose_supervisor_has_gone_stops(caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = socket.socketpair()
    worker = Worker.from_environment({"GENERICAPISERVER_WORKER": f"7:{theirs.detach()}"})
    assert worker is not None
    async with worker.connected(), asyncio.timeout(FOREVER):
        assert not worker.stopping.is_set()
        ours.close()
        await worker.stopping.wait()
    assert "the supervisor has ended: worker 7 stops" in caplog.text


@pytest.mark.parametrize("value", ["", "1", "1:x", "1:9999"])
def test_a_variable_that_no_supervisor_has_set_is_refused(value: str) -> None:
    with pytest.raises(WorkerError, match="only a supervisor sets it"):
        Worker.from_environment({"GENERICAPISERVER_WORKER": value})


def test_a_process_alone_is_no_worker() -> None:
    assert Worker.from_environment({"PATH": sys.executable}) is None
