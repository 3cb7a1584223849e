"""A server that is told to stop ends with status 0, and does not wait for those who would stay for ever."""

import json
import signal
import time
from pathlib import Path

import pytest

from tests.support.kubectl import needs_kubectl
from tests.support.server_process import eventually, free_port
from tests.support.standalone import FLUNDERS, Standalone, ended, standalone

PATIENCE = 15.0
"""Seconds within which a server with nothing but watches has ended; it takes about one."""

pytestmark = pytest.mark.e2e


def create(server: Standalone, name: str) -> None:
    assert server.admin.request("POST", FLUNDERS, {"metadata": {"name": name}, "spec": {}}).status == 201


def test_an_idle_server_ends_at_once(tmp_path: Path) -> None:
    with standalone(tmp_path / "data", free_port()) as server:
        began = time.monotonic()
        server.process.stop()
        assert time.monotonic() - began < PATIENCE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_open_watches_are_ended_in_an_orderly_way(tmp_path: Path, number: signal.Signals) -> None:
    with (
        standalone(tmp_path / "data", free_port()) as server,
        server.admin.stream("GET", f"{FLUNDERS}?watch=1") as watch,
    ):
        create(server, "seen")
        assert json.loads(watch.readline())["object"]["metadata"]["name"] == "seen"
        began = time.monotonic()
        server.process.signal(number)
        assert watch.readline() == b""  # a stream that is cut off would raise
        assert server.process.wait() == 0
        assert time.monotonic() - began < PATIENCE
        assert "Traceback" not in server.process.stderr


def test_a_connection_that_says_nothing_does_not_keep_the_server(tmp_path: Path) -> None:
    with standalone(tmp_path / "data", free_port()) as server:
        silent = server.admin.connect()
        silent.connect()
        began = time.monotonic()
        server.process.stop()
        assert time.monotonic() - began < PATIENCE
        silent.close()


@needs_kubectl
def test_a_watching_kubectl_does_not_keep_the_server(tmp_path: Path) -> None:
    output = tmp_path / "watch"
    with standalone(tmp_path / "data", free_port()) as server:
        create(server, "seen")
        watching = server.kubectl.start("get", "flunders", "--watch", "-o", "name", output=output)
        with ended(watching):
            eventually(lambda: "seen" in output.read_text("utf-8"), "the watch shows what there is")
            began = time.monotonic()
            server.process.stop()
            assert time.monotonic() - began < PATIENCE
