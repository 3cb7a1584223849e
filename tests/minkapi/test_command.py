"""The command: flags, exit statuses, what it begins with and what it leaves."""

import asyncio
import contextlib
import json
from pathlib import Path

import httpx
import pytest
import yaml

from genericapiserver.minkapi import Config
from genericapiserver.minkapi.command import BAD_OPTIONS, OK, START_FAILED, Options, launch_app, main, shutdown_app
from genericapiserver.minkapi.errors import StartFailedError
from genericapiserver.minkapi.view import PODS
from genericapiserver.options.flags import FlagSet
from tests.minkapi.objects import new_pod
from tests.support.server_process import server_process

MODULE = "genericapiserver.minkapi.command"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p1}\n"
DEFAULTS = {
    "--bind-address string": ":8091",
    "-k, --kubeconfig string": "/tmp/minkapi.yaml",
    "-b, --base-prefix string": "base",
    "-s, --watch-queue-size int": "100",
    "-t, --watch-timeout duration": "5m0s",
    "--shutdown-timeout duration": "10s",
    "-p, --profile": "",
    "-H, --host string": "",
    "-P, --port int": "",
    "--further-kinds": "",
    "-v, --v Level": "",
}


def test_help_names_every_flag_and_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == OK
    lines = capsys.readouterr().out.splitlines()
    for flag, default in DEFAULTS.items():
        (line,) = [line for line in lines if line.strip().startswith(flag)]
        assert not default or f"(default {default})" in line.replace('"', ""), line


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--bind-address="], "invalid option value: --bind-address must be specified"),
        (["--kubeconfig="], "missing option: --kubeconfig/-k"),
        (["-k", ""], "missing option: --kubeconfig/-k"),
        (["--bind-address=8091"], "is no address to listen on"),
        (["--base-prefix=a b"], "cannot be the name of a view"),
        (["--watch-timeout=never"], 'invalid argument "never" for "-t, --watch-timeout" flag'),
        (["--watch-timeout=-1s"], "invalid option value: --watch-timeout must not be negative"),
        (["--nope"], "unknown flag: --nope"),
    ],
)
def test_bad_options_end_with_1(capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str) -> None:
    assert main(arguments) == BAD_OPTIONS
    error = capsys.readouterr().err
    assert problem in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "address"),
    [
        ([], ":8091"),
        (["-P", "9000"], ":9000"),
        (["-H", "0.0.0.0"], "0.0.0.0:8091"),
        (["--host=::1", "--port=1"], "[::1]:1"),
        (["--bind-address=10.0.0.1:2"], "10.0.0.1:2"),
    ],
)
def test_flags_of_earlier_releases(arguments: list[str], address: str) -> None:
    flags, options = FlagSet("minkapi"), Options()
    options.add_flags(flags)
    flags.parse([*arguments, "--pprof"])
    assert options.config().bind_address == address
    assert options.config().profiling_enabled


def test_a_start_that_fails_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: A}\n")
    for flags, problem in (
        ([f"--load={tmp_path}/bad.yaml"], "bad.yaml, document 1 (line 1): Pod A: metadata.name: Invalid value"),
        (["--bind-address=192.0.2.1:80"], '"minkapi" start failed: cannot listen on 192.0.2.1:80'),
        ([f"--kubeconfig={tmp_path}/no/folder.yaml"], '"minkapi" start failed: cannot execute config template'),
    ):
        arguments = ["--bind-address=127.0.0.1:0", f"--kubeconfig={tmp_path}/k.yaml", *flags]
        with server_process(MODULE, arguments, tmp_path / "logs") as process:
            assert process.wait() == START_FAILED
            assert problem in process.stderr
        assert not (tmp_path / "k.yaml").exists()


def test_a_server_begins_with_a_dump_and_leaves_one(tmp_path: Path) -> None:
    (tmp_path / "in.yaml").write_text(POD)
    out = tmp_path / "out.yaml"
    arguments = [
        "--bind-address=127.0.0.1:0", "-k", f"{tmp_path}/k.yaml", f"--load={tmp_path}/in.yaml", f"--save={out}", "-v2",
    ]  # fmt: skip
    with server_process(MODULE, arguments, tmp_path / "logs") as process:
        process.until_it_says("try:")
        url = yaml.safe_load((tmp_path / "k.yaml").read_text())["clusters"][0]["cluster"]["server"]
        assert httpx.delete(f"{url}/api/v1/namespaces/default/pods/p1").status_code == 200
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p2"}}
        assert httpx.post(f"{url}/api/v1/namespaces/default/pods", json=body).status_code == 201
        process.stop()
        assert process.status == OK
    names = [(each["kind"], each["metadata"]["name"]) for each in yaml.safe_load_all(out.read_text())]
    assert names == [("Namespace", "default"), ("Pod", "p2")]


async def test_a_program_launches_and_shuts_down(tmp_path: Path) -> None:
    config = Config(bind_address="127.0.0.1:0", kube_config_path=tmp_path / "k.yaml")
    (tmp_path / "in.yaml").write_text(POD)
    app = await launch_app(config, manifests=[str(tmp_path / "in.yaml")])
    await app.server.base_view.create_object(PODS, new_pod("p2"))
    await shutdown_app(app, target=str(tmp_path / "out.json"))
    assert app.cancel.is_set()
    assert (tmp_path / "out.json").exists()
    (tmp_path / "in.yaml").write_text("nothing")
    with pytest.raises(StartFailedError, match=r"in\.yaml, document 1 \(line 1\): an object is expected"):
        await launch_app(config, manifests=[str(tmp_path / "in.yaml")])
    with pytest.raises(StartFailedError, match="started before"):
        await app.server.start()


async def test_what_is_answered_during_the_end_is_saved(tmp_path: Path) -> None:
    """A client goes on writing until nobody answers: the dump has every object that it was told is there."""
    app = await launch_app(Config(bind_address="127.0.0.1:0", kube_config_path=tmp_path / "minkapi.yaml"))
    written: list[str] = []
    begun = asyncio.Event()

    async def write_on() -> None:
        async with httpx.AsyncClient(base_url=app.server.url(app.server.base_view)) as client:
            while True:
                name = f"n{len(written)}"
                body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
                if (await client.post("/api/v1/nodes", json=body)).status_code != 201:
                    return
                written.append(name)
                begun.set()

    writing = asyncio.create_task(write_on())
    await begun.wait()
    await shutdown_app(app, target=str(tmp_path / "out.json"))
    with contextlib.suppress(httpx.HTTPError):
        await writing
    saved = json.loads((tmp_path / "out.json").read_text())["items"]
    assert {*written} <= {item["metadata"]["name"] for item in saved}
