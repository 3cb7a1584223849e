"""Plans, their documents, and a Helm that knows values and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.builder.manifests.layouts import parts
from genericapiserver.builder.manifests.plan import Plan, ServedResource
from genericapiserver.builder.manifests.registration import ServingPair

Document = dict[str, Any]

PAIR = ServingPair(b"the authority", b"the certificate", b"the key")
NOTES = ServedResource(group="notes.example.com", name="notes", verbs=["get", "list", "watch", "create", "patch"])


def plan(**further: Any) -> Plan:
    described: dict[str, Any] = {
        "name": "notes-apiserver",
        "namespace": "notes",
        "image": "registry.example.com:5000/notes:1.0",
        "group_versions": [GroupVersion("notes.example.com", "v1"), GroupVersion("notes.example.com", "v1beta1")],
        "resources": [NOTES],
        "file": "notes.py",
    }
    return Plan(**{**described, **further})


def documents(made: Plan) -> list[Document]:
    return [document for each in parts(made, PAIR).values() for document in each]


def of_kind(kind: str, all_documents: Iterable[Document]) -> list[Document]:
    return [document for document in all_documents if document["kind"] == kind]


def one(kind: str, all_documents: Iterable[Document]) -> Document:
    (document,) = of_kind(kind, all_documents)
    return document


def container(all_documents: Iterable[Document]) -> Document:
    (only,) = one("Deployment", all_documents)["spec"]["template"]["spec"]["containers"]
    found: Document = only
    return found


def parsed(text: str) -> list[Document]:
    return [document for document in yaml.safe_load_all(text) if document is not None]


def by_identity(all_documents: Iterable[Document]) -> dict[tuple[str, str, str], Document]:
    found: dict[tuple[str, str, str], Document] = {}
    for document in all_documents:
        metadata = document["metadata"]
        key = (document["kind"], metadata.get("namespace", ""), metadata["name"])
        assert key not in found, key
        found[key] = document
    return found


def rendered(chart: Path, *, namespace: str, **values: str) -> list[Document]:
    """The documents of *chart* as Helm makes them, with *values* (`storage__size`) in place of its own."""
    known: dict[str, Any] = {"Values": yaml.safe_load((chart / "values.yaml").read_text("utf-8"))}
    known["Release"] = {"Namespace": namespace}
    for path, value in values.items():
        *folders, name = path.split("__")
        place = known["Values"]
        for folder in folders:
            place = place[folder]
        assert name in place, f"no such value: {path}"
        place[name] = value
    made: list[Document] = []
    for template in sorted((chart / "templates").iterdir()):
        made += parsed(_substituted(template.read_text("utf-8"), known))
    return made


def _substituted(text: str, known: Mapping[str, Any]) -> str:
    def value(action: re.Match[str]) -> str:
        found: Any = known
        for name in action[1].split("."):
            found = found[name]
        assert isinstance(found, str), action[0]
        return found

    substituted = re.sub(r"\{\{ \.([\w.]+) \}\}", value, text)
    assert "{{" not in substituted
    return substituted
