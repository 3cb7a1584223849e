"""The log backend: lines, formats, and writes that must not stop the server."""

import asyncio
import json
import os
import threading
from pathlib import Path

import pytest

from genericapiserver.audit import log
from genericapiserver.audit.log import LogBackend
from genericapiserver.audit.log_file import LogFile, StandardOut
from genericapiserver.audit.metrics import AuditMetrics
from genericapiserver.metrics import MetricsRegistry
from tests.support.audit import new_event


async def test_each_event_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    backend = LogBackend(LogFile(str(path)))
    await backend.start()
    assert backend.process_events([new_event("1")]) is True
    assert backend.process_events([new_event("2"), new_event("3")]) is True
    await backend.aclose()
    lines = path.read_text().splitlines()
    assert [json.loads(line)["auditID"] for line in lines] == ["1", "2", "3"]
    assert lines[0].startswith('{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"1",')
    assert backend.name == "log"


async def test_the_legacy_format(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    backend = LogBackend(LogFile(str(path)), format="legacy")
    await backend.start()
    event = new_event("1", user_agent="a\r\nb\x1b[31m")
    backend.process_events([event, event])
    await backend.aclose()
    assert path.read_text() == 2 * (event.legacy_line() + "\n")
    assert 'user-agent="a\\r\\nb\\x1b[31m"' in path.read_text()


async def test_an_event_that_cannot_be_written_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    registry = MetricsRegistry()
    backend = LogBackend(LogFile("/dev/full"), metrics=AuditMetrics(registry))
    await backend.start()
    accepted = backend.process_events([new_event("1")])
    assert (accepted if isinstance(accepted, bool) else await accepted) is False
    await backend.aclose()
    assert "Error in audit plugin 'log' affecting 1 audit events: [Errno 28] No space left on device" in caplog.text
    assert 'Impacted events:\n2026-11-20T10:58:48.046841Z AUDIT: id="1"' in caplog.text
    assert registry.collectors.get_sample_value("apiserver_audit_error_total", {"plugin": "log"}) == 1


class SlowTarget:
    """A file whose writes hang until they are let go."""

    descriptor = -1
    regular = True

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.threads: set[int] = set()
        self.gate = threading.Event()
        self.tidied = 0

    def open(self) -> None: ...

    def write(self, data: bytes) -> None:
        self.threads.add(threading.get_ident())
        assert self.gate.wait(10)
        self.written.append(data)

    def tidy(self) -> None:
        self.tidied += 1

    def close(self) -> None: ...


async def test_after_a_slow_write_the_loop_goes_on_and_the_order_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_SLOW_WRITE", -1.0)  # so that the first write counts as slow
    target = SlowTarget()
    target.gate.set()
    backend = LogBackend(target)
    await backend.start()
    events = [new_event(str(number)) for number in range(4)]
    assert backend.process_events([events[0]]) is True
    assert target.threads == {threading.get_ident()}
    target.gate.clear()
    waiting = [backend.process_events([event]) for event in events[1:]]
    assert not any(isinstance(accepted, bool) for accepted in waiting)
    await asyncio.sleep(0)  # the loop turns while the disk does not
    target.gate.set()
    await backend.aclose()
    assert [await accepted for accepted in waiting if not isinstance(accepted, bool)] == [True] * 3
    assert target.written == [event.line() for event in events]
    assert len(target.threads) == 2
    assert target.tidied == 1


async def test_a_request_that_ends_early_does_not_end_its_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_SLOW_WRITE", -1.0)
    target = SlowTarget()
    target.gate.set()
    backend = LogBackend(target)
    await backend.start()
    backend.process_events([new_event("1")])
    target.gate.clear()
    accepted = backend.process_events([new_event("2")])
    assert not isinstance(accepted, bool)
    request = asyncio.ensure_future(accepted)
    await asyncio.sleep(0)
    request.cancel()
    target.gate.set()
    await backend.aclose()
    assert len(target.written) == 2


async def test_a_pipe_that_nobody_reads_does_not_stop_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    target = StandardOut()
    monkeypatch.setattr(target, "descriptor", writer)
    backend = LogBackend(target)
    await backend.start()
    line = len(new_event("0000").line())
    accepted = [backend.process_events([new_event(f"{number:04}")]) for number in range(300)]
    pending = [one for one in accepted if not isinstance(one, bool)]
    assert pending
    assert isinstance(accepted[0], bool)
    received = b""
    while len(received) < 300 * line:
        received += await asyncio.to_thread(os.read, reader, 65536)
    assert await asyncio.gather(*pending) == [True] * len(pending)
    await backend.aclose()
    ids = [json.loads(one)["auditID"] for one in received.splitlines()]
    assert ids == [f"{number:04}" for number in range(300)]
    os.close(reader)
    os.close(writer)


async def test_old_files_are_tidied_after_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    file = LogFile(str(path), max_size=1, max_backups=1)
    backend = LogBackend(file)
    file.on_rotated = backend.tidy
    await backend.start()
    for number in range(5):
        assert backend.process_events([new_event(str(number))]) is True
    await backend.aclose()
    assert len(os.listdir(tmp_path)) == 2
    assert json.loads(path.read_text())["auditID"] == "4"
