"""What a start costs is mostly imports: none of what only some servers need is loaded by one that does not."""

import re
from pathlib import Path

import pytest

from tests.support.server_process import free_port, server_process
from tests.support.standalone import WARDLE

LOADED = re.compile(r"^import time: +\d+ \| +\d+ \| +([\w.]+)$", re.MULTILINE)
LATE = {
    "hypercorn",  # a unit of benchmarks
    "playwright",  # a tool of tests
    "grpc",  # --tracing-config-file
    "opentelemetry",
    "httpx",  # a kubeconfig or a webhook
    "jwt",  # tokens
    "cel_expr_python",  # expressions
    "re2",
    "tracemalloc",  # /debug/pprof/heap
    "wsproto",  # a websocket
}


@pytest.mark.e2e
def test_a_server_loads_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    arguments = [f"--data={tmp_path / 'data'}", f"--port={free_port()}", "--storage-backend=memory"]
    env = {"PYTHONPROFILEIMPORTTIME": "1"}
    with server_process(WARDLE, arguments, tmp_path / "logs", env=env) as server:
        server.until_it_says("try:")
        loaded = {name.partition(".")[0] for name in LOADED.findall(server.stderr)}
    assert "genericapiserver" in loaded
    assert sorted(loaded & LATE) == []
