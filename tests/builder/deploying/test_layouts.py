"""Kustomize, Helm and plain YAML give the same documents."""

import subprocess
from pathlib import Path

import attrs
import pytest

from genericapiserver.builder.manifests.folder import OutputFolder
from genericapiserver.builder.manifests.layouts import HELM, KUSTOMIZE, LAYOUTS, YAML, files_of
from genericapiserver.builder.manifests.plan import CERT_MANAGER, FILE, MEMORY, OWN, Plan
from tests.builder.deploying.support import PAIR, by_identity, container, documents, one, parsed, plan, rendered
from tests.support.kubectl import needs_kubectl

PLANS = {
    "own": plan(),
    "cert-manager": plan(certificates=CERT_MANAGER, storage_class="fast", network_policy=True),
    "file": plan(storage=FILE),
    "memory": plan(storage=MEMORY, image="notes@sha256:" + "0" * 64),
    "number": plan(cpu="1", memory="1", storage_size="1", image="localhost:5000/notes"),
}


def written(layout: str, made: Plan, folder: Path) -> Path:
    OutputFolder(folder).write(files_of(layout, made, PAIR), private=frozenset())
    return folder


def kustomized(folder: Path) -> str:
    command = ["kubectl", "kustomize", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.parametrize("made", PLANS.values(), ids=list(PLANS))
def test_plain_yaml_is_the_documents(made: Plan, tmp_path: Path) -> None:
    folder = written(YAML, made, tmp_path)
    assert parsed((folder / "manifests.yaml").read_text("utf-8")) == documents(made)


@needs_kubectl
@pytest.mark.parametrize("made", PLANS.values(), ids=list(PLANS))
def test_kustomize_gives_the_documents(made: Plan, tmp_path: Path) -> None:
    folder = written(KUSTOMIZE, made, tmp_path)
    expected = by_identity(documents(made))
    assert by_identity(parsed(kustomized(folder / "base"))) == expected
    assert by_identity(parsed(kustomized(folder / "overlays" / "production"))) == expected


@pytest.mark.parametrize("made", PLANS.values(), ids=list(PLANS))
def test_a_chart_gives_the_documents_with_its_defaults(made: Plan, tmp_path: Path) -> None:
    chart = written(HELM, made, tmp_path)
    expected = [document for document in documents(made) if document["kind"] != "Namespace"]
    assert by_identity(rendered(chart, namespace=made.namespace)) == by_identity(expected)
    (about,) = parsed((chart / "Chart.yaml").read_text("utf-8"))
    assert (about["apiVersion"], about["name"]) == ("v2", made.name)


def test_a_chart_gives_what_its_values_say(tmp_path: Path) -> None:
    chart = written(HELM, plan(certificates=CERT_MANAGER), tmp_path)
    changed = plan(
        certificates=CERT_MANAGER, namespace="other", image="else:2", cpu="2", memory_limit="4Gi", storage_size="9Gi"
    )
    got = rendered(
        chart,
        namespace="other",
        image="else:2",
        resources__cpu="2",
        resources__memoryLimit="4Gi",
        storage__size="9Gi",
    )
    expected = [document for document in documents(changed) if document["kind"] != "Namespace"]
    assert by_identity(got) == by_identity(expected)


def test_a_chart_with_a_certificate_of_its_own_stays_in_its_namespace(tmp_path: Path) -> None:
    chart = written(HELM, plan(certificates=OWN), tmp_path)
    assert one("Service", rendered(chart, namespace="other"))["metadata"]["namespace"] == "notes"


@needs_kubectl
def test_an_overlay_changes_the_image_alone(tmp_path: Path) -> None:
    folder = written(KUSTOMIZE, plan(), tmp_path)
    overlay = folder / "overlays" / "production" / "kustomization.yaml"
    overlay.write_text(overlay.read_text("utf-8").replace("newTag: '1.0'", "newTag: '2.0'"), "utf-8")
    assert container(parsed(kustomized(overlay.parent)))["image"] == "registry.example.com:5000/notes:2.0"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_key_is_in_one_file_and_kept_from_git(layout: str) -> None:
    files = files_of(layout, plan(), PAIR)
    with_key = [path for path, text in files.items() if "dGhlIGtleQ==" in text]
    assert len(with_key) == 1
    assert set(files[".gitignore"].splitlines()) == {"pki/", *with_key}
    assert ".gitignore" not in files_of(layout, attrs.evolve(plan(), certificates=CERT_MANAGER), PAIR)
