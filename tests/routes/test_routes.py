import asyncio
import gzip
import json

import pytest

from genericapiserver.aio import Signal
from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.asgi import Scope, Send
from genericapiserver.component.version import BuildInfo
from genericapiserver.endpoints.router import APIContainer
from genericapiserver.filters.mux_and_discovery_complete import with_mux_and_discovery_complete
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.mux import PathRecorderMux
from genericapiserver.openapi import OpenAPIConfig, build_v3
from genericapiserver.routes import (
    DebugFlags,
    index_not_found,
    install_index,
    install_metrics,
    install_slis,
    install_version,
    not_found_handler,
)
from genericapiserver.routes.flags import verbosity_setter
from genericapiserver.routes.metrics import CONTENT_TYPE, process_start_time, render
from genericapiserver.routes.version import version_document
from tests.support.asgi_client import ASGIClient
from tests.support.filters import in_context, send_error


class TestIndex:
    async def test_the_paths_are_listed_once_and_sorted(self) -> None:
        mux = PathRecorderMux("test")
        paths = ["/version", "/apis", "/apis"]
        install_index(mux, lambda: paths)
        mux.not_found_handler = index_not_found(lambda: paths)
        for path, status in (("/", 200), ("/index.html", 200), ("/nope", 404)):
            response = await ASGIClient(mux).get(path)
            assert response.status == status
            assert response.headers["content-type"] == "application/json"
            assert response.text == '{\n  "paths": [\n    "/apis",\n    "/version"\n  ]\n}'
        assert mux.listed_paths == []


class TestNotFound:
    @pytest.mark.parametrize(("ready", "status"), [(False, 503), (True, 404)])
    async def test_early_requests_are_told_to_come_back(self, ready: bool, status: int) -> None:
        complete = Signal("complete")
        if ready:
            complete.set()
        errors: list[StatusError] = []

        async def send_and_keep(scope: Scope, send: Send, error: StatusError) -> None:
            errors.append(error)
            await send_error(scope, send, error)

        handler = with_mux_and_discovery_complete(not_found_handler(send_error=send_and_keep), complete=complete)
        response = await ASGIClient(in_context(handler)).get("/nope")
        assert response.status == status
        assert [error.retry_after_seconds for error in errors] == ([] if ready else [5])
        if ready:
            assert response.text == "404 page not found\n"


class TestVersion:
    INFO = BuildInfo(major="1", minor="2", git_version="v1.2.3", go_version="go", compiler="gc", platform="linux/amd64")

    def test_the_document(self) -> None:
        assert json.loads(version_document(self.INFO)) == {
            "major": "1",
            "minor": "2",
            "gitVersion": "v1.2.3",
            "gitCommit": "",
            "gitTreeState": "",
            "buildDate": "1970-01-01T00:00:00Z",
            "goVersion": "go",
            "compiler": "gc",
            "platform": "linux/amd64",
        }
        assert version_document(self.INFO).startswith(b'{\n  "major": "1",\n  "minor": "2",\n  "gitVersion"')

    def test_the_document_is_described(self) -> None:
        container = APIContainer(send_error=send_error)
        install_version(container, self.INFO)
        routes = [route for _, route in container.descriptions()]
        document = json.loads(build_v3(OpenAPIConfig(title="x"), routes, lambda of: []).body)
        answer = document["paths"]["/version/"]["get"]["responses"]["200"]
        name = "io.k8s.apimachinery.pkg.version.Info"
        assert answer["content"] == {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        schema = document["components"]["schemas"][name]
        assert set(schema["required"]) == set(json.loads(version_document(self.INFO)))
        assert set(schema["properties"]) - set(schema["required"]) == {
            f"{which}{part}" for which in ("emulation", "minCompatibility") for part in ("Major", "Minor")
        }

    def test_errors_are_described(self) -> None:
        container = APIContainer(send_error=send_error)
        install_version(container, self.INFO)
        routes = [route for _, route in container.descriptions()]
        document = json.loads(build_v3(OpenAPIConfig(title="x"), routes, lambda of: []).body)
        answers = document["paths"]["/version/"]["get"]["responses"]
        name = "io.k8s.apimachinery.pkg.apis.meta.v1.Status"
        assert answers["default"]["content"] == {
            "application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}
        }
        assert {"code", "message", "reason"} <= set(document["components"]["schemas"][name]["properties"])

    @pytest.mark.parametrize(
        ("method", "path", "accept", "status"),
        [
            ("GET", "/version", "", 200),
            ("GET", "/version//", "", 200),
            ("GET", "/version", "application/json", 200),
            ("GET", "/version", "text/html", 406),
            ("DELETE", "/version", "", 405),
            ("HEAD", "/version", "", 405),
            ("GET", "/version/x", "", 404),
        ],
    )
    async def test_the_page(self, method: str, path: str, accept: str, status: int) -> None:
        container = APIContainer(send_error=send_error)
        install_version(container, self.INFO)
        headers = {"accept": accept} if accept else {}
        response = await ASGIClient(container).request(method, path, headers=headers)
        assert response.status == status
        if status == 200:
            assert response.body == version_document(self.INFO)
            assert response.headers["content-type"] == "application/json"


class TestMetrics:
    def registry(self) -> MetricsRegistry:
        registry = MetricsRegistry()
        registry.counter("b_total", "B\nb.", ["z", "a"]).labels('q"\\\n', "x").inc(3)
        registry.counter("authentication_attempts", "No suffix.", ["result"]).labels("success").inc()
        registry.gauge("c", "C.").set(2.2478848e7)
        registry.histogram("a_seconds", "A.", ["v"], buckets=[0.1, 1]).labels("x").observe(0.5)
        registry.counter("unseen_total", "Unseen.", ["l"])
        return registry

    def test_the_text(self) -> None:
        assert render(self.registry()).decode() == (
            "# HELP a_seconds A.\n"
            "# TYPE a_seconds histogram\n"
            'a_seconds_bucket{v="x",le="0.1"} 0\n'
            'a_seconds_bucket{v="x",le="1"} 1\n'
            'a_seconds_bucket{v="x",le="+Inf"} 1\n'
            'a_seconds_sum{v="x"} 0.5\n'
            'a_seconds_count{v="x"} 1\n'
            "# HELP authentication_attempts No suffix.\n"
            "# TYPE authentication_attempts counter\n"
            'authentication_attempts{result="success"} 1\n'
            "# HELP b_total B\\nb.\n"
            "# TYPE b_total counter\n"
            'b_total{a="x",z="q\\"\\\\\\n"} 3\n'
            "# HELP c C.\n"
            "# TYPE c gauge\n"
            "c 2.2478848e+07\n"
        )

    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    async def test_any_method_gets_the_page(self, method: str) -> None:
        mux = PathRecorderMux("test")
        install_metrics(mux, self.registry())
        response = await ASGIClient(mux).request(method, "/metrics", headers={"accept": "text/html"})
        assert response.status == 200
        assert response.headers["content-type"] == CONTENT_TYPE.decode()
        assert response.headers["process-start-time-unix"] == str(int(process_start_time()))
        assert "\nprocess_cpu_seconds_total " in response.text
        assert "\nc 2.2478848e+07\n" in response.text
        assert mux.listed_paths == ["/metrics"]

    @pytest.mark.parametrize(
        ("accept", "zipped"), [("gzip", True), ("br, gzip;q=0.5", True), ("gzip;q=0", False), ("br", False)]
    )
    async def test_it_is_compressed_for_those_who_like_it(self, accept: str, zipped: bool) -> None:
        mux = PathRecorderMux("test")
        install_slis(mux, self.registry())
        response = await ASGIClient(mux).get("/metrics/slis", accept_encoding=accept)
        assert ("content-encoding" in response.headers) is zipped
        body = gzip.decompress(response.body) if zipped else response.body
        assert b"\nprocess_start_time_seconds " in body

    async def test_delete_starts_over_where_that_is_allowed(self) -> None:
        mux = PathRecorderMux("test")
        install_metrics(mux, self.registry(), resettable=True)
        response = await ASGIClient(mux).request("DELETE", "/metrics")
        assert (response.status, response.text) == (200, "metrics reset\n")
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert 'b_total{a="x",z="q\\"\\\\\\n"} 0\n' in (await ASGIClient(mux).get("/metrics")).text

    async def test_a_reset_does_not_change_when_the_process_began(self) -> None:
        mux = PathRecorderMux("test")
        install_slis(mux, self.registry(), resettable=True)
        before = (await ASGIClient(mux).get("/metrics/slis")).text.splitlines()
        await ASGIClient(mux).request("DELETE", "/metrics/slis")
        after = (await ASGIClient(mux).get("/metrics/slis")).text.splitlines()
        [began] = [line for line in before if line.startswith("process_start_time_seconds ")]
        assert began in after

    async def test_a_long_page_leaves_turns_to_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("genericapiserver.routes.metrics.TURN", 0.0)
        mux, turns = PathRecorderMux("test"), 0
        install_metrics(mux, self.registry())

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.ensure_future(others())
        response = await ASGIClient(mux).get("/metrics")
        task.cancel()
        assert turns >= response.text.count("# TYPE ")

    async def test_protobuf_for_those_who_prefer_it(self) -> None:
        mux = PathRecorderMux("test")
        install_metrics(mux, self.registry())
        accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
        response = await ASGIClient(mux).get("/metrics", accept=accept)
        assert response.headers["content-type"].startswith("application/vnd.google.protobuf; ")
        assert b"authentication_attempts" in response.body


class TestFlags:
    def mux(self, applied: list[int]) -> PathRecorderMux:
        mux = PathRecorderMux("test")
        DebugFlags().install(mux, "v", verbosity_setter(applied.append))
        return mux

    async def test_the_list(self) -> None:
        for path in ("/debug/flags", "/debug/flags/", "/debug/flags/other"):
            response = await ASGIClient(self.mux([])).get(path)
            assert response.headers["content-type"] == "text/html; charset=utf-8"
            assert response.text == (
                "<html>\n<head>\n<title>/debug/flags/</title>\n</head>\n<body>\n/debug/flags/<br>\n<br>\nflags:<br>\n<table>\n"
                "<tr>v<br>\n</table>\n<br>\nfull flags configurable<br>\n</body>\n</html>\n"
            )
        assert self.mux([]).listed_paths == []

    @pytest.mark.parametrize(
        ("method", "body", "status", "text", "applied"),
        [
            ("PUT", "5", 200, "successfully set klog.logging.verbosity to 5\n", [5]),
            (
                "PUT",
                "abc",
                400,
                'failed set klog.logging.verbosity abc: strconv.ParseInt: parsing "abc": invalid syntax\n',
                [],
            ),
            ("GET", None, 406, "unsupported http method\n", []),
            ("PUT", "1" * 5000, 400, "error reading request body: the request body is larger than 1024 bytes\n", []),
        ],
    )
    async def test_a_flag(self, method: str, body: str | None, status: int, text: str, applied: list[int]) -> None:
        found: list[int] = []
        response = await ASGIClient(self.mux(found)).request(method, "/debug/flags/v", body=body)
        assert (response.status, response.text, found) == (status, text, applied)
        assert response.headers["content-type"] == "text/plain"
        assert response.headers["x-content-type-options"] == "nosniff"
