"""The documents of a plan as files: plain YAML, a Kustomize base with an overlay, a Helm chart.

A chart is made like the others, of a plan in which the choices that belong to an installation are references to values; the
values file has the plan's own. So what a chart gives with its defaults is what the plain YAML is. With certificates of one's
own the namespace of a chart is fixed: the certificate is for a name with the namespace in it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs
import yaml

from genericapiserver.builder.manifests import access, registration, workload
from genericapiserver.builder.manifests.plan import CERT_MANAGER, OWN, Plan
from genericapiserver.builder.manifests.registration import ServingPair
from genericapiserver.builder.manifests.workload import Document

YAML: Final = "yaml"
KUSTOMIZE: Final = "kustomize"
HELM: Final = "helm"

HEAD: Final = "# Written by `genericapiserver manifests`; what is changed here is not overwritten without --force.\n"
PKI: Final = "pki"
PRIVATE: Final = frozenset({"certificates.yaml", "manifests.yaml"})
"""Names of files with a private key, where certificates are our own: readable by their owner only."""

Files = dict[str, str]
"""Contents by path below the folder that is written to."""


def parts(plan: Plan, pair: ServingPair) -> dict[str, list[Document]]:
    """All documents, by the name of the file that they belong in, in an order in which they can be applied."""
    made = {
        "namespace": [_namespace(plan)],
        "access": access.documents(plan),
        "certificates": registration.certificates(plan, pair),
        "storage": workload.volume_claims(plan),
        "deployment": [workload.deployment(plan)],
        "service": [workload.service(plan)],
        "disruption-budget": [workload.disruption_budget(plan)],
        "network-policy": workload.network_policies(plan),
        "api-services": registration.api_services(plan, pair),
    }
    return {name: documents for name, documents in made.items() if documents}


def _namespace(plan: Plan) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": plan.namespace,
            "labels": {**plan.labels, "pod-security.kubernetes.io/enforce": "restricted"},
        },
    }


def plain(plan: Plan, pair: ServingPair) -> Files:
    """One file with everything."""
    documents = [document for each in parts(plan, pair).values() for document in each]
    return {"manifests.yaml": HEAD + _dumped(documents)}


def kustomize(plan: Plan, pair: ServingPair) -> Files:
    """A base, and an overlay that says what differs between installations: the image, and how much it gets."""
    made = parts(plan, pair)
    files = {f"base/{name}.yaml": HEAD + _dumped(documents) for name, documents in made.items()}
    base = {**_KUSTOMIZATION, "resources": [f"{name}.yaml" for name in made]}
    overlay = {
        **_KUSTOMIZATION,
        "resources": ["../../base"],
        "images": [_image(plan.image)],
        "patches": [{"path": "resources.yaml"}],
    }
    container = {
        "name": "apiserver",
        "resources": {"requests": {"cpu": plan.cpu, "memory": plan.memory}, "limits": {"memory": plan.memory_limit}},
    }
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": plan.name, "namespace": plan.namespace},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    return {
        **files,
        "base/kustomization.yaml": HEAD + _dumped([base]),
        "overlays/production/kustomization.yaml": HEAD + _dumped([overlay]),
        "overlays/production/resources.yaml": HEAD + _dumped([patch]),
    }


_KUSTOMIZATION: Final = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}


def _image(image: str) -> dict[str, str]:
    """*image* as Kustomize takes it apart."""
    name, at, digest = image.partition("@")
    if at:
        return {"name": name, "newName": name, "digest": digest}
    name, colon, tag = image.rpartition(":")
    if not colon or "/" in tag:  # a port of the registry
        return {"name": image, "newName": image}
    return {"name": name, "newName": name, "newTag": tag}


def helm(plan: Plan, pair: ServingPair) -> Files:
    """A chart without logic: what the templates refer to is in the values."""
    values = _values(plan)
    references: dict[str, Any] = {attribute: _reference(path) for path, (attribute, _) in values.items()}
    templated = attrs.evolve(plan, **references)
    if plan.certificates == CERT_MANAGER:
        templated = attrs.evolve(templated, namespace=_reference("Release.Namespace"))
    made = parts(templated, pair)
    del made["namespace"]  # a release is installed into one
    chart = {
        "apiVersion": "v2",
        "name": plan.name,
        "description": "An API server behind the cluster's own: "
        + ", ".join(str(version) for version in plan.group_versions),
        "type": "application",
        "version": "0.1.0",
    }
    return {
        "Chart.yaml": HEAD + _dumped([chart]),
        "values.yaml": HEAD + _dumped([_nested({path: value for path, (_, value) in values.items()})]),
        ".helmignore": f"{PKI}/\n",
        **{f"templates/{name}.yaml": HEAD + _templated(_dumped(documents)) for name, documents in made.items()},
    }


def _values(plan: Plan) -> Mapping[str, tuple[str, str]]:
    """The values of the chart: the attribute of a plan that each stands for, and what it is."""
    attributes = {
        "Values.image": "image",
        "Values.resources.cpu": "cpu",
        "Values.resources.memory": "memory",
        "Values.resources.memoryLimit": "memory_limit",
    }
    if plan.on_disk:
        attributes["Values.storage.size"] = "storage_size"
        if plan.storage_class:
            attributes["Values.storage.className"] = "storage_class"
    return {path: (attribute, getattr(plan, attribute)) for path, attribute in attributes.items()}


def _reference(path: str) -> str:
    """Stands for a template's action until the document is text: YAML has no plain scalar that begins with a brace."""
    return f"__.{path}__"


_REFERENCE: Final = re.compile(r"__(\.[A-Za-z.]+)__")
_WHOLE: Final = re.compile(r"(?<=[:-] )__(\.[A-Za-z.]+)__$", re.MULTILINE)


def _templated(text: str) -> str:
    """References as actions; in quotes where one is the whole value, which may look like a number."""
    return _REFERENCE.sub(r"{{ \1 }}", _WHOLE.sub(r'"{{ \1 }}"', text))


def _nested(values: Mapping[str, str]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, value in values.items():
        *folders, name = path.split(".")[1:]
        place = nested
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = value
    return nested


class _Dumper(yaml.SafeDumper):
    """Every list is indented, and nothing is an alias: people read and change this."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _dumped(documents: Sequence[Document]) -> str:
    dumped = (yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=10_000) for document in documents)
    return "---\n".join(dumped)


LAYOUTS: Final[Mapping[str, Callable[[Plan, ServingPair], Files]]] = {KUSTOMIZE: kustomize, HELM: helm, YAML: plain}


def files_of(layout: str, plan: Plan, pair: ServingPair) -> Files:
    """The files of *layout*, one of LAYOUTS."""
    files = LAYOUTS[layout](plan, pair)
    if plan.certificates == OWN:
        files[".gitignore"] = "".join(f"{path}\n" for path in (f"{PKI}/", *filter(is_private, files)))
    return files


def is_private(path: str) -> bool:
    return path.rpartition("/")[2] in PRIVATE
