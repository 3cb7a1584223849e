"""/statusz and /flagz (server reference, section 9)."""

import re

import pytest

from genericapiserver.asgi import Scope, Send
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import default_serializer
from genericapiserver.endpoints import responses
from genericapiserver.mux import PathRecorderMux
from genericapiserver.options.flags import STRING, FlagSet
from genericapiserver.routes.component_pages import DELIMITERS
from genericapiserver.routes.flagz import install_flagz
from genericapiserver.routes.statusz import StatuszRegistry, install_statusz
from tests.server.servers import new_server
from tests.support.asgi_client import ASGIClient
from tests.support.filters import in_context

STARTED = 1_763_636_600.5  # 2025-11-20T11:03:20.5Z, a Thursday
JSON = "application/json;v=v1alpha1;g=config.k8s.io;as={kind}"
TYPES = "application/json, application/yaml, application/vnd.kubernetes.protobuf, text/plain"
PATHS = [
    "/apis/x",
    "/api",
    "/healthz/ping",
    "/healthz",
    "/livez",
    "/openapi/v2",
    "/metrics/slis",
    "/.well-known/x",
    "/",
]


async def send_error(scope: Scope, send: Send, error: Exception) -> None:
    await responses.send_error(scope, send, error, default_serializer())


def statusz(version: str = "1.2", **settings: object) -> ASGIClient:
    mux = PathRecorderMux("test")
    registry = StatuszRegistry(
        version=EffectiveVersion.parse(version),
        listed_paths=PATHS,
        started=STARTED,
        now=lambda: STARTED + 3 * 3600 + 4 * 60 + 5.9,
        **settings,  # type: ignore[arg-type]
    )
    install_statusz(mux, "apiserver", registry, send_error=send_error)
    assert mux.listed_paths == ["/statusz"]
    return ASGIClient(in_context(mux))


def flagz(values: dict[str, str]) -> ASGIClient:
    mux = PathRecorderMux("test")
    install_flagz(mux, "apiserver", lambda: values, send_error=send_error)
    return ASGIClient(in_context(mux))


@pytest.mark.parametrize("kind", ["Statusz", "Flagz"])
@pytest.mark.parametrize(
    ("accept", "status", "content_type"),
    [
        (None, 200, "text/plain; charset=utf-8"),
        ("", 200, "text/plain; charset=utf-8"),
        ("  ", 200, "text/plain; charset=utf-8"),
        ("text/plain", 200, "text/plain"),
        ("*/*", 200, "text/plain"),
        ("text/*", 200, "text/plain"),
        ("text/plain;v=v1alpha1;g=config.k8s.io;as={kind}", 406, "application/json"),
        (JSON, 200, "application/json;g=config.k8s.io;v=v1alpha1;as={kind}"),
        ("application/json", 406, "application/json"),
        ("application/json;v=v1alpha1;g=config.k8s.io", 406, "application/json"),
        ("application/json;v=v1;g=config.k8s.io;as={kind}", 406, "application/json"),
        ("application/json;v=v1alpha1;g=other.k8s.io;as={kind}", 406, "application/json"),
        ("application/json;v=v1alpha1;g=config.k8s.io;as=Other", 406, "application/json"),
        ("application/json;v=v1;g=config.k8s.io;as={kind},*/*", 200, "text/plain"),
        ("image/png", 406, "application/json"),
        ("application/yaml;v=v1alpha1;g=config.k8s.io;as={kind}", 500, "application/yaml"),
        ("application/vnd.kubernetes.protobuf;v=v1alpha1;g=config.k8s.io;as={kind}", 500, "application/json"),
    ],
)
async def test_negotiation(kind: str, accept: str | None, status: int, content_type: str) -> None:
    client = statusz() if kind == "Statusz" else flagz({"a": "b"})
    headers = {} if accept is None else {"accept": accept.format(kind=kind)}
    answer = await client.request("GET", f"/{kind.lower()}", headers=headers)
    assert answer.status == status
    if status == 200:
        if kind == "Flagz" and content_type == "text/plain":
            content_type += "; charset=utf-8"
        assert answer.headers["content-type"] == content_type.format(kind=kind)
    elif status == 406:
        found = answer.json()
        assert found["message"] == f"only the following media types are accepted: {TYPES}"
        assert "details" not in found
    elif "yaml" in str(accept):
        assert "content negotiation failed: unsupported media type 'application/yaml'" in answer.text


async def test_statusz_json() -> None:
    answer = await statusz().get("/statusz", accept=JSON.format(kind="Statusz"))
    found = answer.json()
    assert re.fullmatch(r"python3\.\d+\.\d+.*", found.pop("goVersion"))
    assert found == {
        "kind": "Statusz",
        "apiVersion": "config.k8s.io/v1alpha1",
        "metadata": {"name": "apiserver"},
        "startTime": "2025-11-20T11:03:20Z",
        "uptimeSeconds": 11045,
        "binaryVersion": "1.2",
        "emulationVersion": "1.2",
        "paths": ["/healthz", "/livez", "/metrics"],
    }
    assert answer.text.endswith("}\n")
    assert answer.text.startswith('{"kind":"Statusz","apiVersion"')


async def test_statusz_text() -> None:
    text = (await statusz().get("/statusz")).text
    delimiter = next(each for each in sorted(DELIMITERS, key=len, reverse=True) if f"Up{each} " in text)
    assert text.startswith("\napiserver statusz\nWarning: This endpoint is not meant to be machine parseable, ")
    assert text.partition("debugging purposes only.\n")[2] == (
        f"\nStarted{delimiter} Thu Nov 20 11:03:20 UTC 2025\nUp{delimiter} 3 hr 04 min 05 sec\n"
        f"Go version{delimiter} {text.partition('Go version' + delimiter)[2].split()[0]}\n"
        f"Binary version{delimiter} 1.2\nEmulation version{delimiter} 1.2\nPaths{delimiter} /healthz /livez /metrics\n"
    )


async def test_statusz_without_an_emulation_version() -> None:
    assert "\n\nPaths" in (await statusz("").get("/statusz")).text
    assert "emulationVersion" not in (await statusz("").get("/statusz", accept=JSON.format(kind="Statusz"))).json()


async def test_a_deprecated_version_is_warned_of() -> None:
    answer = await statusz(deprecated_versions={"v1alpha1"}).get("/statusz", accept=JSON.format(kind="Statusz"))
    assert answer.headers["warning"] == (
        '299 - "This version of the statusz endpoint is deprecated. Please use a newer version."'
    )


async def test_flagz_text_is_written_once_and_json_is_live() -> None:
    values = {"beta": "<3>", "alpha": "x"}
    client = flagz(values)
    first = (await client.get("/flagz")).text
    assert re.search(r"\n\nalpha(:|: |=| )x\nbeta\1<3>\n\Z", first)
    values["gamma"] = "new"
    assert (await client.get("/flagz")).text == first
    answer = await client.get("/flagz", accept=JSON.format(kind="Flagz"))
    assert answer.text == (
        '{"kind":"Flagz","apiVersion":"config.k8s.io/v1alpha1","metadata":{"name":"apiserver"},'
        '"flags":{"alpha":"x","beta":"<3>","gamma":"new"}}\n'
    )


def test_classified_flags_are_not_shown() -> None:
    class Options:
        password = "hunter2"
        name = "bob"

    flags = FlagSet("test")
    flags.add("password", STRING, Options(), "password", "Secret.", classified=True)
    flags.add("name", STRING, Options(), "name", "Not secret.")
    assert flags.shown_values() == {"password": "CLASSIFIED", "name": "bob"}


@pytest.mark.parametrize(("gates", "status"), [("", 404), ("ComponentStatusz=true,ComponentFlagz=true", 200)])
async def test_the_gates_decide(gates: str, status: int) -> None:
    server = new_server()
    server.config.feature_gate.set(gates)
    server.install_flagz(lambda: {"a": "b"})
    server.prepare_run()
    for path in ("/statusz", "/flagz"):
        assert (await ASGIClient(server).get(path)).status == status
        assert (path in server.listed_paths) is (status == 200)
    if status == 200:
        paths = (await ASGIClient(server).get("/statusz", accept=JSON.format(kind="Statusz"))).json()["paths"]
        assert "/healthz" in paths
        assert "/statusz" not in paths
