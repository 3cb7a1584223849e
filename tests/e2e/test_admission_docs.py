"""docs/admission.md, beyond what tests/docs runs of it: its plugins have flags, its configuration file is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from genericapiserver.admission.configuration import PluginConfigurations
from genericapiserver.admission.webhook.credentials import read_kubeconfig_file
from tests.support.server_process import CHECKOUT, free_port
from tests.support.standalone import standalone

pytestmark = pytest.mark.e2e

NOTES = "/apis/fridge.example.com/v1/namespaces/default/notes"


def blocks(language: str) -> list[str]:
    """The page's blocks in *language*, in order."""
    page = (CHECKOUT / "docs/admission.md").read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def test_functions_have_names_on_the_flags(tmp_path: Path) -> None:
    notes = tmp_path / "notes.py"
    notes.write_text(blocks("python")[0], "utf-8")
    flags = ["--disable-admission-plugins=say_something"]
    program = ["serve", str(notes)]
    with standalone(tmp_path / "data", free_port(), *flags, module="genericapiserver", before=program) as running:
        assert running.admin.request("POST", NOTES, {"metadata": {"name": "empty"}}).status == 201


def test_the_configuration_file_of_the_page_is_understood(tmp_path: Path) -> None:
    file = tmp_path / "admission.yaml"
    file.write_text(blocks("yaml")[0], "utf-8")
    (tmp_path / "quota.yaml").write_text("limit: 3")
    configurations = PluginConfigurations.read(str(file))
    assert (
        read_kubeconfig_file(configurations.for_plugin("MutatingAdmissionWebhook")) == "/etc/fridge/webhook-users.yaml"
    )
    assert configurations.for_plugin("Quota") == b"limit: 3"
