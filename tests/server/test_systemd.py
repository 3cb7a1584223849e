"""What is told to the service manager, through real sockets."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from genericapiserver.aio import Signal
from genericapiserver.systemd import SystemdNotifier
from tests.server.servers import new_server


class Manager:
    """A service manager that listens at *address*."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        """The messages since the last call."""
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return messages


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    abstract = request.param == "abstract"
    made = Manager(f"@genericapiserver-test-{os.getpid()}" if abstract else str(tmp_path / "notify"))
    with made.socket:
        yield made


async def test_a_server_tells_when_it_is_up_and_when_it_goes(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    server = new_server()
    told_before_the_drain: list[str] = []
    server.lifecycle_signals.not_accepting_new_request.on_set(lambda: told_before_the_drain.extend(manager.heard()))
    async with asyncio.timeout(10), server.prepare_run().serving():
        assert manager.heard() == ["READY=1\n"]
        assert "NOTIFY_SOCKET" not in os.environ
    assert told_before_the_drain == ["STOPPING=1\n"]
    assert manager.heard() == []


async def test_hooks_have_been_started_when_the_manager_is_told(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    server = new_server()
    finish = Signal("finish")
    server.add_post_start_hook("slow", lambda context: finish.wait())
    async with asyncio.timeout(10), server.prepare_run().serving():
        assert manager.heard() == ["READY=1\n"], "as in the reference, the hooks need not be done"
        assert server.post_start_hooks_called
        finish.set()


async def test_the_watchdog_hears_of_a_server_until_its_end(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    server = new_server()
    heard: list[str] = []

    async def before() -> None:
        manager.heard()
        while heard.count("WATCHDOG=1\n") < 2:  # while the server drains, too
            await asyncio.sleep(0.005)
            heard.extend(manager.heard())

    server.add_pre_shutdown_hook("before", before)
    async with asyncio.timeout(10), server.prepare_run().serving():
        assert not {"WATCHDOG_USEC", "WATCHDOG_PID"} & os.environ.keys()
    manager.heard()
    await asyncio.sleep(0.05)
    assert manager.heard() == []


@pytest.mark.parametrize(
    ("environment", "watchdog"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "0"}, 0.0),
        ({"WATCHDOG_USEC": "-1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
        ({}, 0.0),
    ],
)
async def test_the_watchdog_is_what_the_manager_asks_for(environment: dict[str, str], watchdog: float) -> None:
    environment = {"NOTIFY_SOCKET": "/run/notify", "HOME": "/", **environment}
    notifier = SystemdNotifier.from_environment(environment)
    assert notifier == SystemdNotifier("/run/notify", watchdog)
    assert environment == {"HOME": "/"}
    if not watchdog:
        await notifier.keep_alive()


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
async def test_without_a_manager_nothing_is_told(environment: dict[str, str]) -> None:
    notifier = SystemdNotifier.from_environment({"WATCHDOG_USEC": "1000", **environment})
    assert notifier == SystemdNotifier()
    notifier.ready()
    await notifier.keep_alive()


@pytest.mark.parametrize("address", ["/nobody/listens/here", "@genericapiserver-nobody", "/" + "x" * 200, "/a\0b"])
def test_a_manager_that_cannot_be_told_is_no_error(address: str, caplog: pytest.LogCaptureFixture) -> None:
    SystemdNotifier(address).ready()
    assert "systemd was not told READY=1: " in caplog.text


def test_a_manager_that_reads_nothing_is_waited_for_only_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("genericapiserver.systemd.SEND_TIMEOUT", 0.01)
    manager = Manager(str(tmp_path / "notify"))
    with manager.socket:
        notifier = SystemdNotifier(manager.address)
        while not caplog.records:  # fill its queue
            notifier.ready()
    assert "systemd was not told READY=1: " in caplog.text


def test_a_status_is_one_line(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "notify"))
    with manager.socket:
        SystemdNotifier(manager.address).status("two\nlines")
        assert manager.heard() == ["STATUS=two lines\n"]
