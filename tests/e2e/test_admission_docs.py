"""docs/admission.md: its plugins, its webhook and its configuration file are run as they stand there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from genericapiserver.admission.configuration import PluginConfigurations
from genericapiserver.admission.webhook.credentials import read_kubeconfig_file
from tests.support.server_process import CHECKOUT, free_port
from tests.support.standalone import Standalone, ended, standalone

pytestmark = pytest.mark.e2e

NOTES = "/apis/fridge.example.com/v1/namespaces/default/notes"
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
LONGEST_WEBHOOK = 35


def blocks(language: str) -> list[str]:
    """The page's blocks in *language*, in order."""
    page = (CHECKOUT / "docs/admission.md").read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    folder = tmp_path_factory.mktemp("admission")
    (folder / "notes.py").write_text(blocks("python")[0], "utf-8")
    program = ["serve", f"{folder}/notes.py"]
    with standalone(folder / "data", free_port(), module="genericapiserver", before=program) as running:
        yield running
        running.process.stop()


def test_functions_of_the_file_change_and_refuse(server: Standalone) -> None:
    created = server.admin.request("POST", NOTES, {"metadata": {"name": "milk"}, "spec": {"text": "buy some"}})
    assert created.status == 201
    assert created.json()["metadata"]["labels"] == {"author": "admin"}
    refused = server.admin.request("POST", NOTES, {"metadata": {"name": "empty"}})
    assert refused.status == 403
    assert refused.json()["message"] == ('notes.fridge.example.com "empty" is forbidden: a note has to say something')


def test_functions_have_names_on_the_flags(server: Standalone, tmp_path: Path) -> None:
    notes = tmp_path / "notes.py"
    notes.write_text(blocks("python")[0], "utf-8")
    flags = ["--disable-admission-plugins=say_something"]
    program = ["serve", str(notes)]
    with standalone(tmp_path / "data", free_port(), *flags, module="genericapiserver", before=program) as running:
        assert running.admin.request("POST", NOTES, {"metadata": {"name": "empty"}}).status == 201


def test_the_webhook_of_the_page_is_registered_and_called(server: Standalone, tmp_path: Path) -> None:
    text = blocks("python")[1]
    assert sum(1 for line in text.splitlines() if line.strip()) <= LONGEST_WEBHOOK
    (tmp_path / "hook.py").write_text(text, "utf-8")
    command = [sys.executable, "hook.py"]
    with (
        (tmp_path / "log").open("wb") as log,
        ended(
            subprocess.Popen(
                command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=log, env={"PYTHONPATH": str(CHECKOUT)}
            )
        ) as process,
    ):
        assert process.stdout is not None
        document = json.loads(process.stdout.readline())
        assert server.admin.request("POST", CONFIGURATIONS, document).status == 201
        deadline = time.monotonic() + 10
        for number in range(10_000):
            body = {"metadata": {"name": f"note-{number}"}, "spec": {"text": "x"}}
            created = server.admin.request("POST", NOTES, body)
            assert created.status == 201, created.body
            if created.json()["metadata"].get("annotations") == {"hooked": "yes"}:
                break
            assert time.monotonic() < deadline
        process.stdout.close()
    refused = server.admin.request("POST", NOTES, {"metadata": {"name": "late"}, "spec": {"text": "x"}})
    assert refused.status == 500, "the webhook has gone, and its configuration says Fail"
    assert server.admin.request("DELETE", f"{CONFIGURATIONS}/hook").status == 200


def test_the_configuration_file_of_the_page_is_understood(tmp_path: Path) -> None:
    file = tmp_path / "admission.yaml"
    file.write_text(blocks("yaml")[0], "utf-8")
    (tmp_path / "quota.yaml").write_text("limit: 3")
    configurations = PluginConfigurations.read(str(file))
    assert (
        read_kubeconfig_file(configurations.for_plugin("MutatingAdmissionWebhook")) == "/etc/fridge/webhook-users.yaml"
    )
    assert configurations.for_plugin("Quota") == b"limit: 3"
