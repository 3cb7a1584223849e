"""Where a server that stands alone is served, with which certificate, and that a refused start leaves nothing behind."""

import asyncio
import base64
import os
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from genericapiserver.builder import Resource
from genericapiserver.builder.program import ResourceServerOptions
from genericapiserver.builder.standalone import StandaloneOptions
from genericapiserver.certificates import generate_self_signed
from genericapiserver.config import ConfigError
from genericapiserver.options.flags import FlagSet
from tests.support.demo_api import Gadget
from tests.support.server_process import free_port

GIVEN = generate_self_signed("api.example.com")


@pytest.fixture(name="free_port")
def a_free_port() -> int:
    return free_port()


@pytest.fixture
def data() -> Iterator[Path]:
    """The folder of --data, not made yet; its path has room for a socket."""
    with tempfile.TemporaryDirectory(prefix="gas") as folder:
        yield Path(folder) / "data"


def parsed(data: Path, *flags: str) -> StandaloneOptions:
    inner = ResourceServerOptions([Resource(Gadget, group="things.example.com", version="v1")], name="things")
    options = StandaloneOptions(inner)
    flag_set = FlagSet("things")
    options.add_flags(flag_set)
    flag_set.parse([f"--data={data}", "--storage-backend=memory", *flags])
    return options


@asynccontextmanager
async def started(data: Path, *flags: str) -> AsyncIterator[StandaloneOptions]:
    options = parsed(data, *flags)
    options.complete()
    assert options.validate() == []
    server = await options.server()
    async with server.prepare_run().serving():
        yield options


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def cluster(data: Path) -> dict[str, Any]:
    document = yaml.safe_load((data / "kubeconfig").read_text())
    found: dict[str, Any] = document["clusters"][0]["cluster"]
    return found


async def served(data: Path, host: str, port: int) -> bool:
    """Whether the server there is the one that the kubeconfig trusts."""
    told = cluster(data)
    context = ssl.create_default_context(cadata=base64.b64decode(told["certificate-authority-data"]).decode())
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    name = told.get("tls-server-name", host)
    reader, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=name)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer.startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize(
    ("flags", "host"),
    [
        (["--port={port}"], "127.0.0.1"),
        (["--secure-port={port}"], "127.0.0.1"),
        (["--port={port}", "--secure-port={port}"], "127.0.0.1"),
        (["--port={port}", "--address=0.0.0.0"], "127.0.0.1"),
        (["--secure-port={port}", "--bind-address=::1"], "::1"),
        (["--listen=127.0.0.1:{port}", "--secure-port=0"], "127.0.0.1"),
    ],
)
async def test_both_names_of_a_flag_say_where(data: Path, free_port: int, flags: list[str], host: str) -> None:
    async with started(data, *[flag.format(port=free_port) for flag in flags]):
        assert cluster(data)["server"] in {f"https://127.0.0.1:{free_port}", f"https://[::1]:{free_port}"}
        assert await served(data, host, free_port)


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--port=7443", "--secure-port=8443"], "--port=7443 and --secure-port=8443 contradict each other"),
        (["--secure-port=8443", "--port=7443"], "--port=7443 and --secure-port=8443 contradict each other"),
        (
            ["--address=127.0.0.1", "--bind-address=0.0.0.0"],
            "--address=127.0.0.1 and --bind-address=0.0.0.0 contradict each other",
        ),
        (["--port=0"], "--port 0 must be between 1 and 65535, inclusive"),
        (["--secure-port=0"], "--secure-port 0 must be between 1 and 65535, inclusive"),
        (["--secure-port=65536"], "--secure-port 65536 must be between 1 and 65535, inclusive"),
        (["--port=-1"], "--port -1 must be between 1 and 65535, inclusive"),
    ],
)
def test_flags_that_say_nowhere_or_two_places(data: Path, flags: list[str], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(data, *flags).complete()
    assert str(caught.value).startswith(problem)
    assert not data.exists()


async def test_the_given_pair_is_served_and_the_kubeconfig_trusts_it(
    data: Path, free_port: int, tmp_path: Path
) -> None:
    certificate, key = tmp_path / "given.crt", tmp_path / "given.key"
    certificate.write_bytes(GIVEN.certificate_pem)
    key.write_bytes(GIVEN.private_key_pem)
    async with started(data, f"--port={free_port}", f"--tls-cert-file={certificate}", f"--tls-private-key-file={key}"):
        assert cluster(data)["tls-server-name"] == "api.example.com"
        assert await served(data, "127.0.0.1", free_port)
        assert not (data / "pki" / "server.crt").exists()


async def test_a_unix_socket_alone_is_enough(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = data.parent / "s"
    async with started(data, "--secure-port=0", f"--listen=unix:{path},tls=false,mode=0666") as options:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 ")
        writer.close()
        assert options.serving is not None
        assert options.serving.url == ""
        assert options.serving.curl(options.folder) == f"curl --unix-socket {path} http://localhost/readyz"
    assert not path.exists()
    assert not (data / "kubeconfig").exists()


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ([], "failed to create listener: failed to listen on 127.0.0.1:{taken}: listen tcp"),
        (
            ["--secure-port={free}", "--listen=127.0.0.1:{taken}"],
            "failed to create listener: failed to listen on 127.0.",
        ),
        (["--secure-port={free}", "--tls-cert-file=/nope", "--tls-private-key-file=/nope"], "open /nope: no such file"),
        (["--secure-port={free}", "--tls-cert-file=/nope"], "missing filename for serving cert"),
        (
            ["--secure-port={free}", "--tls-cert-file=/dev/null", "--tls-private-key-file=/dev/null"],
            'missing content for serving cert "serving-cert::/dev/null::/dev/null"',
        ),
        (
            ["--secure-port={free}", f"--tls-cert-file={__file__}", f"--tls-private-key-file={__file__}"],
            f"tls: failed to find any PEM data in certificate input (certificate {__file__}, key {__file__})",
        ),
        (
            ["--secure-port={free}", "--tls-cipher-suites=TLS_RSA_WITH_AES_128_CBC_SHA"],
            "error configuring http2: http2: TLSConfig.CipherSuites is missing an HTTP/2-required AES_128_GCM_SHA256",
        ),
        (["--secure-port={free}", "--tls-min-version=VersionTLS9"], 'unknown tls version "VersionTLS9"'),
        (["--secure-port={free}", "--token-auth-file=/nope"], "open /nope: no such file"),
        (
            ["--secure-port={free}", "--runtime-config=rbac.authorization.k8s.io/v1=false"],
            "--runtime-config: this server reads rbac.authorization.k8s.io/v1 itself",
        ),
        (
            ["--secure-port={free}", "--runtime-config=things.example.com/v7"],
            "--runtime-config: group version things.example.com/v7 that has not been registered",
        ),
    ],
)
async def test_a_refused_start_leaves_nothing_behind(
    data: Path, free_port: int, flags: list[str], problem: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        taken = owner.getsockname()[1]
        flags = [flag.format(free=free_port, taken=taken) for flag in flags or ["--port={taken}"]]
        options = parsed(data, *flags)
        options.complete()
        with pytest.raises(ConfigError) as caught:
            await options.server()
    assert problem.format(taken=taken) in str(caught.value)
    assert os.listdir(data.parent) == []
    socket.create_server(("127.0.0.1", free_port)).close()


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("api/all=false", "invalid key with only api/all=false"),
        ("nobody/v1=true", "unknown api groups nobody"),
        ("v1=true", "runtime-config invalid key v1"),
    ],
)
def test_apis_that_nobody_can_serve(data: Path, setting: str, problem: str) -> None:
    options = parsed(data, f"--runtime-config={setting}")
    options.complete()
    assert options.validate() == [problem]


async def test_apis_can_be_switched_off(data: Path, free_port: int) -> None:
    options = parsed(data, f"--port={free_port}", "--runtime-config=things.example.com/v1/gadgets=false")
    options.complete()
    assert options.validate() == []
    server = await options.server()
    assert "/apis/things.example.com/v1" not in server.listed_paths
    assert "/apis/rbac.authorization.k8s.io/v1" in server.listed_paths
    await server.aclose()


async def test_a_refused_start_keeps_what_was_there(data: Path, free_port: int) -> None:
    async with started(data, f"--port={free_port}"):
        pass
    before = files(data)
    options = parsed(data, f"--port={free_port}", "--token-auth-file=/nope")
    options.complete()
    with pytest.raises(ConfigError):
        await options.server()
    assert files(data) == before


async def test_what_a_refused_start_has_made_stays_when_another_server_uses_it(data: Path, free_port: int) -> None:
    options = parsed(data, f"--port={free_port}", "--token-auth-file=/nope")
    options.complete()
    with parsed(data).folder.undone_on_error():  # the other one came at the same time
        with pytest.raises(ConfigError):
            await options.server()
        assert (data / "pki" / "ca.crt").exists()
