"""Traces of a server, as a collector gets them over OTLP gRPC."""

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")

from tests.support.collector import Collector, collector
from tests.support.server_process import free_port
from tests.support.standalone import FLUNDERS, Standalone, standalone

pytestmark = pytest.mark.e2e

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
FLUNDER = {"apiVersion": "wardle.example.com/v1beta1", "kind": "Flunder", "metadata": {"name": "traced"}, "spec": {}}
SPAN_NAME = "POST /apis/wardle.example.com/v1beta1/namespaces/{:namespace}/flunders"


def tracing_flag(folder: Path, endpoint: str, rate: int = 0) -> str:
    file = folder / "tracing.json"
    configuration = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "TracingConfiguration",
        "endpoint": endpoint,
        "samplingRatePerMillion": rate,
    }
    file.write_text(json.dumps(configuration))
    return f"--tracing-config-file={file}"


@pytest.fixture(scope="module")
def received() -> Iterator[Collector]:
    with collector() as running:
        yield running


@pytest.fixture(scope="module")
def server(received: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    folder = tmp_path_factory.mktemp("tracing")
    flag = tracing_flag(folder, received.endpoint)
    with standalone(folder / "data", free_port(), flag) as running:
        yield running


def test_a_write_is_a_trace(server: Standalone, received: Collector) -> None:
    headers = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01", "audit-id": "of-the-write"}
    before = time.time_ns()
    assert server.admin.request("POST", FLUNDERS, FLUNDER, headers).status == 201
    spans = received.trace(TRACE_ID, root=SPAN_NAME)
    request, create, stored, put = (spans[name] for name in (SPAN_NAME, "Create", "Create etcd3", "storage create"))
    assert request.parent_id == SPAN_ID
    assert create.parent_id == request.span_id
    assert stored.parent_id == create.span_id
    assert put.parent_id == stored.span_id
    assert (
        before - 1_000_000 <= request.start_ns <= create.start_ns <= create.end_ns <= request.end_ns <= time.time_ns()
    )
    assert request.attributes["audit-id"] == "of-the-write"
    assert request.attributes["http.response.status_code"] == 201
    assert request.resource["service.name"] == "apiserver"
    assert re.fullmatch(r"apiserver-\w+", request.resource["service.instance.id"])
    assert create.events == [
        "limitedReadBody succeeded",
        "About to convert to expected version",
        "Conversion done",
        "About to store object in database",
        "Object stored in database",
        "About to write a response",
        "Writing http response done",
    ]


def test_spans_that_wait_are_sent_at_the_end(received: Collector, tmp_path: Path) -> None:
    flag = tracing_flag(tmp_path, received.endpoint)
    with standalone(tmp_path / "data", free_port(), flag) as running:
        headers = {"traceparent": f"00-{'c' * 32}-{SPAN_ID}-01"}
        assert running.admin.request("GET", FLUNDERS, headers=headers).status == 200
        running.process.stop()
    spans = received.trace("c" * 32, root=SPAN_NAME.replace("POST", "GET"))
    assert {"List", "cacher list"} <= spans.keys()


def test_a_collector_that_is_down_is_no_reason_to_fail(tmp_path: Path) -> None:
    flag = tracing_flag(tmp_path, f"127.0.0.1:{free_port()}", rate=1_000_000)
    with standalone(tmp_path / "data", free_port(), flag) as running:
        for _ in range(20):
            assert running.admin.get(FLUNDERS).status == 200
        running.process.signal(signal.SIGTERM)
        began = time.monotonic()
        assert running.process.wait() == 0
        assert time.monotonic() - began < 30
        assert "Traceback" not in running.process.stderr
        assert len(running.process.stderr.splitlines()) < 30


def test_a_file_that_is_wrong_ends_the_server_before_it_begins(tmp_path: Path) -> None:
    file = tmp_path / "tracing.yaml"
    file.write_text("apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\nendpoint: ftp://x\n")
    with (
        pytest.raises(AssertionError, match="unsupported scheme: ftp") as failed,
        standalone(tmp_path / "data", free_port(), f"--tracing-config-file={file}"),
    ):
        pass
    assert "Error: failed to validate tracing configuration: endpoint: Invalid value" in str(failed.value)
