"""The command line of `genericapiserver serve`, as far as it is not a sample's too."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from genericapiserver.admission import AdmissionChain, Attributes, Operation, mutating_plugin, validating_plugin
from genericapiserver.builder import Resource, ResourceServerOptions
from genericapiserver.builder.program import _is_plugin, resources_in, serve_module
from genericapiserver.component import FeatureGateError
from genericapiserver.config import ConfigError
from genericapiserver.options.flags import FlagSet
from tests.builder import versions
from tests.support.command_line import run_main
from tests.support.demo_api import Gadget


def parsed(*arguments: str) -> ResourceServerOptions:
    options = ResourceServerOptions([Resource(Gadget, group="things.example.com", version="v1")], name="things")
    flags = FlagSet("things")
    options.add_flags(flags)
    flags.parse(list(arguments))
    options.complete()
    return options


def test_feature_gates_are_set_by_a_flag() -> None:
    assert not parsed().feature_gate.enabled("ConstrainedImpersonation")
    assert parsed("--feature-gates=ConstrainedImpersonation=true").feature_gate.enabled("ConstrainedImpersonation")
    assert parsed().validate() == []


def test_a_gate_that_nobody_knows_is_refused() -> None:
    with pytest.raises(FeatureGateError, match="unrecognized feature gate: Nope"):
        parsed("--feature-gates=Nope=true")


def test_plugins_have_names_of_their_own() -> None:
    @validating_plugin(Operation.CREATE)
    def check(attributes: Attributes) -> None: ...

    resources = [Resource(Gadget, group="things.example.com", version="v1")]
    options = ResourceServerOptions(resources, name="things", plugins=[check])
    assert options.recommended.admission is not None
    assert options.recommended.admission.plugins.order[-1] == "check"
    with pytest.raises(
        ConfigError, match='admission plugin "check" was registered twice: give one of them another name'
    ):
        ResourceServerOptions(resources, name="things", plugins=[check, check])


def test_objects_of_a_module_are_plugins_and_classes_are_not() -> None:
    @mutating_plugin()
    def change(attributes: Attributes) -> None: ...

    assert _is_plugin(change)
    assert not _is_plugin(type(change))
    assert not _is_plugin(AdmissionChain)
    assert not _is_plugin(Operation.CREATE)


@pytest.mark.parametrize("arguments", [("serve", "--help"), ("serve", "-h")])
def test_help_needs_no_file(arguments: tuple[str, str]) -> None:
    command = [sys.executable, "-m", "genericapiserver", *arguments]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown.startswith("Usage:\n  genericapiserver serve FILE.py [flags]\n\nFlags:\n")
    assert "      --secure-port int " in shown


def test_a_server_beside_a_cluster_has_the_flags_of_every_api_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(["run", "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Usage:\n  genericapiserver run FILE.py [flags]\n\nFlags:\n")
    for flag in ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig", "shutdown-delay-duration"):
        assert f"      --{flag} " in shown
    assert "--data" not in shown


def test_a_server_without_its_cluster_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    file = tmp_path / "things.py"
    file.write_text(
        "from genericapiserver.builder import Resource\nfrom tests.support.demo_api import Gadget\n"
        "THINGS = Resource(Gadget, group='things.example.com', version='v1')\n"
    )
    flags = ["--secure-port=0", "--storage-backend=memory"]
    done = subprocess.run(
        [sys.executable, "-m", "genericapiserver", "run", str(file), *flags],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Error: failed to get delegated authentication kubeconfig: " in done.stderr
    assert "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined" in done.stderr


@pytest.mark.parametrize("command", ["serve", "run", "manifests"])
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import os\nx = = 1\n", ":2: invalid syntax"),
        ("x = 1\nimport nowhere\n", ":2: ModuleNotFoundError: No module named 'nowhere'"),
        ("def f():\n    raise KeyError('a')\n\nf()\n", ":2: KeyError: 'a'"),
        (
            "from genericapiserver.builder import Source\n\nS = Source(int, group='a.b', version='v1', list='x')\n",
            ":3: ValueError: ",
        ),
        ("", " defines no Resource: assign one to a name, RESOURCE = Resource(MyType, ...)"),
    ],
    ids=["syntax", "import", "raises", "declaration", "empty"],
)
def test_a_file_that_cannot_be_loaded_is_told_with_its_line(
    command: str, text: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "broken.py"
    file.write_text(text)
    assert (
        run_main(
            [command, str(file), *(["--image=a", f"--output-dir={tmp_path}/out"] if command == "manifests" else [])]
        )
        == 1
    )
    said = capsys.readouterr().err
    assert said.startswith(f"Error: {file}{problem}")
    assert said.count("\n") == 1


def test_a_wrong_flag_names_the_command_that_lists_the_right_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "things.py"
    file.write_text(
        "from genericapiserver.builder import Resource\nfrom tests.support.demo_api import Gadget\n"
        "THINGS = Resource(Gadget, group='things.example.com', version='v1')\n"
    )
    assert serve_module(str(file), ["--nope"]) == 1
    said = capsys.readouterr().err
    assert said == f"Error: unknown flag: --nope (see 'genericapiserver serve {file} --help')\n"


def test_classes_that_declare_themselves_are_served_as_resources_are() -> None:
    module = ModuleType("notes")
    module.__dict__.update(first=versions.V1.Truck, again=versions.V1.Truck, second=versions.V1Beta1.Truck)
    assert resources_in(module) == [versions.V1.Truck, versions.V1Beta1.Truck]
    module.__dict__["third"] = declared = Resource(versions.V1.Truck, short_names=["tk"])
    assert resources_in(module) == [declared, versions.V1Beta1.Truck]
    options = ResourceServerOptions(resources_in(module), name="trucks")
    assert [str(version) for version in options.scheme.prioritized_versions_for_group(versions.GROUP)] == [
        "fleet.example.com/v1",
        "fleet.example.com/v1beta1",
    ]
    with pytest.raises(ConfigError, match="none of its versions is the storage version"):
        ResourceServerOptions([versions.V1Beta1.Truck], name="trucks")
    with pytest.raises(ConfigError, match="is no API type"):
        ResourceServerOptions([ModuleType], name="trucks")
