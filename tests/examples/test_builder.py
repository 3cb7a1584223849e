"""The example of docs/builder.md: a whole server in a few lines, used with kubectl as its page says."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

from examples.builder.__main__ import Note
from genericapiserver.builder import build_server
from tests.support.kubectl import Kubectl, needs_kubectl
from tests.support.server_process import CHECKOUT, ServerProcess, free_port, server_process

MODULE = "examples.builder"
SOURCE = CHECKOUT / "examples" / "builder" / "__main__.py"


@contextlib.contextmanager
def notes(tmp_path: Path, *flags: str) -> Iterator[tuple[ServerProcess, Kubectl]]:
    """The example, and kubectl with the kubeconfig that it has written."""
    kubeconfig = tmp_path / "kubeconfig"
    arguments = [f"--secure-port={free_port()}", f"--write-kubeconfig={kubeconfig}", *flags]
    with server_process(MODULE, arguments, tmp_path / "logs") as process:
        process.until_it_says("try:")
        yield process, Kubectl(tmp_path / "home", [f"--kubeconfig={kubeconfig}"])


def milk(**fields: str) -> str:
    return json.dumps({"apiVersion": "fridge.example.com/v1", "kind": "Note", "metadata": {"name": "milk"}, **fields})


def test_it_is_a_whole_server_in_25_lines() -> None:
    assert len(SOURCE.read_text("utf-8").splitlines()) <= 25


@needs_kubectl
def test_kubectl_works_with_it(tmp_path: Path) -> None:
    with notes(tmp_path) as (process, kubectl):
        assert kubectl("apply", "-f", "-", stdin=milk(text="buy some")) == "note.fridge.example.com/milk created\n"
        assert kubectl("get", "notes").splitlines()[1].split()[0] == "milk"
        assert kubectl("apply", "-f", "-", stdin=milk(text="drink it")) == "note.fridge.example.com/milk configured\n"
        assert kubectl("get", "note", "milk", "-o", "jsonpath={.text}") == "drink it"
        assert "What it says." in kubectl("explain", "note.text")
        refused = kubectl.run("apply", "-f", "-", stdin=milk(text=""))
        assert "text: Required value: an empty note helps nobody" in refused.stderr
        assert kubectl("delete", "note", "milk") == 'note.fridge.example.com "milk" deleted\n'
        stranger = kubectl.run("--token=wrong", "get", "notes")
        assert stranger.status == 1
        assert "Everything is forbidden." in stranger.stderr
        assert f"try:  kubectl --kubeconfig {tmp_path}/kubeconfig get notes" in process.stdout
        process.signal(signal.SIGTERM)
        assert process.wait() == 0


@needs_kubectl
def test_a_token_that_was_given_is_the_token(tmp_path: Path) -> None:
    with notes(tmp_path, "--token=milk-and-honey") as (process, kubectl):
        assert kubectl("get", "notes", "--token=milk-and-honey") == ""
        assert "milk-and-honey" not in process.stdout + process.stderr


def run_example(tmp_path: Path, *arguments: str) -> ServerProcess:
    """The example, which ends by itself."""
    return ServerProcess(MODULE, arguments, tmp_path)


def test_without_a_port_it_says_so(tmp_path: Path) -> None:
    process = run_example(tmp_path)
    assert process.wait() == 1
    assert process.stderr == (
        "Error: No serve port set: give --secure-port, with_bind_port or with_conn_provider (see 'notes --help')\n"
    )


def test_a_port_that_is_taken_leaves_no_kubeconfig(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = run_example(tmp_path, f"--secure-port={port}", f"--write-kubeconfig={tmp_path}/kubeconfig")
        assert process.wait() == 1
    assert f"127.0.0.1:{port}: bind: address already in use" in process.stderr
    assert not (tmp_path / "kubeconfig").exists()


def test_a_kubeconfig_that_cannot_be_written_refuses_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    where = tmp_path / "file" / "kubeconfig"
    process = run_example(tmp_path, f"--secure-port={free_port()}", f"--write-kubeconfig={where}")
    assert process.wait() == 1
    assert process.stderr.splitlines()[-1] == (
        f"Error: --write-kubeconfig {where}: {tmp_path}/file: File exists. Give a file that can be written, or a --token"
    )


def test_help_lists_the_flags(tmp_path: Path) -> None:
    process = run_example(tmp_path, "--help")
    assert process.wait() == 0
    for flag in ("--token string", "--secure-port int", "--tls-sni-cert-key", "--write-kubeconfig string"):
        assert f"      {flag}" in process.stdout


async def test_it_runs_within_a_program() -> None:
    async with build_server(resources=[Note]).serving() as running:
        path = "/apis/fridge.example.com/v1/namespaces/default/notes"
        status, _ = await running.client.post(path, milk(text="buy some").encode())
        assert status == 201
