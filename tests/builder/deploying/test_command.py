"""`genericapiserver manifests`: from a Python file to a folder, and what it says when it cannot."""

import base64
import os
import stat
from pathlib import Path

import pytest
from cryptography import x509

from tests.builder.deploying.support import of_kind, one, parsed
from tests.support.command_line import run_main
from tests.support.server_process import CHECKOUT

STOCK = str(CHECKOUT / "examples" / "csv_files" / "stock.py")
TASKS = str(CHECKOUT / "examples" / "sqlite_tables" / "tasks.py")
IMAGE = "--image=registry.example.com/stock:1.0"

Output = pytest.CaptureFixture[str]


def documents(folder: Path) -> list[dict[str, object]]:
    return parsed((folder / "manifests.yaml").read_text("utf-8"))


def test_a_file_says_what_is_served(tmp_path: Path, capsys: Output) -> None:
    assert run_main(["manifests", STOCK, IMAGE, "--format=yaml", f"--output-dir={tmp_path}"]) == 0
    assert capsys.readouterr().out == (
        f"wrote {tmp_path} for stock.example.com/v1\ntry:  kubectl apply -f {tmp_path}/manifests.yaml\n"
    )
    made = documents(tmp_path)
    assert one("APIService", made)["metadata"]["name"] == "v1.stock.example.com"
    assert one("Deployment", made)["metadata"]["name"] == "stock-apiserver"
    rules = {role["metadata"]["name"]: role["rules"] for role in of_kind("ClusterRole", made)}
    assert rules["stock-apiserver:stock-apiserver:view"] == [
        {"apiGroups": ["stock.example.com"], "resources": ["items"], "verbs": ["get", "list", "watch"]}
    ]
    assert "stock-apiserver:stock-apiserver:edit" not in rules  # nothing can be written


def test_verbs_that_write_are_for_editors(tmp_path: Path) -> None:
    assert run_main(["manifests", TASKS, IMAGE, "--format=yaml", f"--output-dir={tmp_path}"]) == 0
    rules = {role["metadata"]["name"]: role["rules"] for role in of_kind("ClusterRole", documents(tmp_path))}
    assert rules["tasks-apiserver:tasks-apiserver:edit"][0]["verbs"] == [
        "create",
        "update",
        "patch",
        "delete",
        "deletecollection",
    ]


def test_the_certificate_is_for_the_service_and_trusted_by_the_registration(tmp_path: Path) -> None:
    command = ["manifests", STOCK, IMAGE, "--format=yaml", f"--output-dir={tmp_path}", "--namespace=shop"]
    assert run_main(command) == 0
    made = documents(tmp_path)
    secret = {name: base64.b64decode(data) for name, data in one("Secret", made)["data"].items()}
    authority = x509.load_pem_x509_certificate(base64.b64decode(one("APIService", made)["spec"]["caBundle"]))
    serving = x509.load_pem_x509_certificate(secret["tls.crt"])
    serving.verify_directly_issued_by(authority)
    names = serving.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "stock-apiserver.shop.svc" in names.get_values_for_type(x509.DNSName)
    for private in ("manifests.yaml", "pki/ca.key", "pki/server.key"):
        assert stat.S_IMODE((tmp_path / private).stat().st_mode) == 0o600


def test_a_second_time_gives_the_same(tmp_path: Path) -> None:
    command = ["manifests", STOCK, IMAGE, "--format=helm", f"--output-dir={tmp_path}"]

    def written() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    assert run_main(command) == 0
    first = written()
    assert run_main(command) == 0
    assert written() == first


def test_values_that_somebody_has_changed_are_kept(tmp_path: Path, capsys: Output) -> None:
    command = ["manifests", STOCK, IMAGE, "--format=helm", f"--output-dir={tmp_path}"]
    assert run_main(command) == 0
    values = tmp_path / "values.yaml"
    values.write_text("image: mine\n")
    assert run_main(command) == 1
    assert "not written by this command, or changed since: values.yaml" in capsys.readouterr().err
    assert values.read_text() == "image: mine\n"
    assert run_main([*command, "--force"]) == 0
    assert "registry.example.com/stock:1.0" in values.read_text()


def test_plain_yaml_can_be_piped(capsys: Output) -> None:
    assert run_main(["manifests", STOCK, IMAGE, "--format=yaml", "--certificates=cert-manager"]) == 0
    assert one("Deployment", parsed(capsys.readouterr().out))["metadata"]["namespace"] == "stock-apiserver"


def test_an_image_with_a_server_of_its_own_is_described_by_flags(capsys: Output) -> None:
    flags = ["--name=notes", "--group-versions=n.example.com/v1,n.example.com/v1beta1", "--certificates=cert-manager"]
    assert run_main(["manifests", IMAGE, "--format=yaml", *flags]) == 0
    assert len(of_kind("APIService", parsed(capsys.readouterr().out))) == 2


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([STOCK], "--output-dir is missing: --format=kustomize is a folder"),
        (
            [STOCK, "--format=yaml", IMAGE],
            "--output-dir is missing: with --certificates=own an authority is kept there",
        ),
        ([STOCK, "--output-dir=OUT"], "--image is missing: name the image to run"),
        ([STOCK, "--output-dir=OUT", IMAGE, "--name=Bad"], '--name "Bad": a DNS-1035 label'),
        ([STOCK, "--output-dir=OUT", IMAGE, "--format=toml"], '--format "toml" invalid, allowed values: kustomize'),
        ([STOCK, "--output-dir=OUT", IMAGE, "--nope"], "unknown flag: --nope"),
        (
            [STOCK, "--output-dir=OUT", IMAGE, "--group-versions=a.b/v1"],
            "--group-versions is for an image without a file",
        ),
        (["--output-dir=OUT", IMAGE, "--name=a"], "there is no API to register: name a Python file"),
        (["--output-dir=OUT", IMAGE, "--group-versions=a.b"], '--group-versions "a.b": a group and a version'),
        (["nowhere.py", "--output-dir=OUT", IMAGE], "nowhere.py: no such file"),
        ([os.devnull, "--output-dir=OUT", IMAGE], "no such file"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value).replace(str(CHECKOUT), ""),
)
def test_what_is_wrong_is_told_and_nothing_is_written(
    arguments: list[str], problem: str, tmp_path: Path, capsys: Output
) -> None:
    out = tmp_path / "out"
    assert run_main(["manifests", *(each.replace("OUT", str(out)) for each in arguments)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("Error: ")
    assert problem in said
    assert not out.exists()


def test_help_names_the_file_and_the_flags(capsys: Output) -> None:
    assert run_main(["manifests", "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Usage:\n  genericapiserver manifests [FILE.py] [flags]\n\nFlags:\n")
    assert "--output-dir string" in shown


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["serve"], ["run"]])
def test_the_commands_are_listed_when_none_is_named(arguments: list[str], capsys: Output) -> None:
    assert run_main(arguments) == 2
    assert "genericapiserver manifests [FILE.py] [flags]" in capsys.readouterr().err
