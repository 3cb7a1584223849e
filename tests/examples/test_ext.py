"""The extension server of the examples, with kubectl: over TLS with client certificates, and through its application."""

from __future__ import annotations

import json
import signal
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.support.kubectl import Kubectl, needs_kubectl
from tests.support.server_process import ServerProcess, eventually, free_port, server_process
from tests.support.standalone import ended

TOKEN = (
    '{"apiVersion": "ext.example.com/v1", "kind": "Token", "metadata": {"name": "%s"}, "spec": {"description": "%s"}}'
)
NOTE = '{"apiVersion": "ext.example.com/v1", "kind": "Note", "metadata": {"name": "%s"}, "spec": {"text": "%s"}}'

pytestmark = [pytest.mark.e2e, needs_kubectl]


@attrs.frozen
class Example:
    """The running example, its administrator's kubectl, and whoever comes through the application."""

    process: ServerProcess
    folder: Path
    port: int

    @property
    def admin(self) -> Kubectl:
        return Kubectl(self.folder / "admin", [f"--kubeconfig={self.folder}/data/kubeconfig"])

    def by_token(self, value: str) -> Kubectl:
        flags = [
            f"--server=https://localhost:{self.port}/ext",
            f"--certificate-authority={self.folder}/data/pki/ca.crt",
            f"--token={value}",
        ]
        return Kubectl(self.folder / "application", flags)

    def page(self, value: str = "") -> str:
        """What the application says at its own page."""
        request = urllib.request.Request(f"https://localhost:{self.port}/")
        if value:
            request.add_header("Authorization", f"Bearer {value}")
        context = ssl.create_default_context(cafile=f"{self.folder}/data/pki/ca.crt")
        with urllib.request.urlopen(request, context=context, timeout=60) as response:
            text: str = response.read().decode()
        return text

    def new_token(self, name: str, user: str) -> str:
        """The credential of a token that *user* has made."""
        made = self.admin(
            "create", "-f", "-", "--as", user, "--as-group", "system:authenticated", "-o", "json",
            stdin=TOKEN % (name, "for the application"),
        )  # fmt: skip
        value: str = json.loads(made)["status"]["value"]
        return value


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    folder, port = tmp_path_factory.mktemp("ext"), free_port()
    arguments = [f"--data={folder}/data", f"--port={free_port()}", f"--application-port={port}"]
    with server_process("examples.ext", arguments, folder / "logs") as process:
        process.until_it_says("try:")
        found = Example(process, folder, port)
        eventually(lambda: reachable(found), "the application")
        yield found
        process.signal(signal.SIGTERM)
        assert process.wait() == 0, process.output()
        assert "Traceback" not in process.stderr, process.stderr


def reachable(example: Example) -> bool:
    try:
        return bool(example.page())
    except OSError:
        return False


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_kubectl_finds_both_resources(example: Example) -> None:
    found = lines(example.admin("api-resources", "--api-group=ext.example.com", "--no-headers"))
    assert found == [
        ["notes", "no", "ext.example.com/v1", "true", "Note"],
        ["tokens", "ext.example.com/v1", "false", "Token"],
    ]


def test_notes_are_kept_like_any_resource(example: Example) -> None:
    """The second generation: apply, patch, watch, columns of its own."""
    kubectl = example.admin
    assert kubectl("apply", "-f", "-", stdin=NOTE % ("milk", "buy some")) == "note.ext.example.com/milk created\n"
    assert lines(kubectl("get", "notes")) == [["NAME", "TEXT"], ["milk", "buy", "some"]]
    assert kubectl("apply", "-f", "-", stdin=NOTE % ("milk", "two litres")) == "note.ext.example.com/milk configured\n"
    assert kubectl("apply", "-f", "-", stdin=NOTE % ("milk", "two litres")) == "note.ext.example.com/milk unchanged\n"
    applied = kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=NOTE % ("milk", "three"))
    assert applied == "note.ext.example.com/milk serverside-applied\n"
    output = kubectl.home / "watched"
    with ended(kubectl.start("get", "notes", "milk", "--watch", "--no-headers", output=output)):
        eventually(lambda: "three" in output.read_text(), "the watch")
        kubectl("patch", "note", "milk", "--type=merge", "-p", '{"spec": {"text": "four"}}')
        eventually(lambda: "four" in output.read_text(), "the change in the watch")
    assert kubectl("get", "no", "milk", "-o", "jsonpath={.spec.text}") == "four"
    assert kubectl("get", "notes", "-n", "other").strip() == ""
    assert kubectl("delete", "note", "milk").startswith('note.ext.example.com "milk" deleted')
    assert kubectl.run("get", "note", "milk").stderr == (
        'Error from server (NotFound): notes.ext.example.com "milk" not found\n'
    )


def test_tokens_are_their_owners(example: Example) -> None:
    """The first generation: a store that asks who the user is, and the authorizer."""
    kubectl = example.admin
    value = example.new_token("jane-laptop", "jane")
    shown = json.loads(kubectl("get", "token", "jane-laptop", "-o", "json"))
    assert shown["status"] == {"user": "jane"}  # the credential is shown once
    assert value not in json.dumps(shown)
    group = ("--as-group", "system:authenticated")
    assert lines(kubectl("get", "tokens", "--no-headers", "--as", "jane", *group))[0][0] == "jane-laptop"
    assert kubectl("get", "tokens", "--no-headers", "--as", "joe", *group).strip() == ""
    refused = kubectl.run("delete", "token", "jane-laptop", "--as", "joe", *group)
    assert "not found" in refused.stderr
    seen = kubectl("get", "tokens", "--no-headers", "--as", "joe", *group, "--as-group", "auditors")
    assert "jane-laptop" in seen
    assert kubectl("annotate", "token", "jane-laptop", "seen=yes", "--as", "jane", *group) == (
        "token.ext.example.com/jane-laptop annotated\n"
    )
    refused = kubectl.run("get", "--raw", "/healthz", "--as", "jane")
    assert 'forbidden: User "jane" cannot get path "/healthz"' in refused.stderr


def test_kubectl_explains_renamed_definitions(example: Example) -> None:
    told = example.admin("explain", "tokens.spec.ttlSeconds")
    assert "ttlSeconds <integer>" in told
    assert "How long it is good for; 0 is for ever." in told
    document = json.loads(example.admin("get", "--raw", "/openapi/v2"))
    assert "com.example.ext.v1.TokenSpec" in document["definitions"]


def test_the_application_has_the_same_api_for_the_same_tokens(example: Example) -> None:
    value = example.new_token("jane-phone", "jane")
    kubectl = example.by_token(value)
    assert example.page() == "Hello, system:unauthenticated!\n"
    assert example.page(value) == "Hello, jane!\n"
    assert "jane-phone" in kubectl("get", "tokens")
    assert kubectl("create", "-f", "-", stdin=NOTE % ("eggs", "six")) == "note.ext.example.com/eggs created\n"
    assert "six" in example.admin("get", "notes")
    assert "What it says." in kubectl("explain", "notes")  # the documents' addresses are below the prefix, too
    kubectl("delete", "token", "jane-phone", "--wait=false")
    assert example.page(value) == "Hello, system:cattle:error!\n"
    assert "must be logged in" in kubectl.run("get", "notes").stderr
    assert "six" in example.admin("get", "notes")
