"""What a cluster's strategies do for simulated workloads: first phases, and scales."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.minkapi import Server, View
from genericapiserver.minkapi.kinds import KINDS
from genericapiserver.minkapi.view import PODS
from tests.minkapi.objects import new_pod
from tests.support.kubectl import Kubectl, needs_kubectl

BY_PLURAL = {kind.plural: kind for kind in KINDS}
PHASES = {
    "namespaces": "Active",
    "persistentvolumeclaims": "Pending",
    "persistentvolumes": "Pending",
    "pods": "Pending",
}
SCALED = ["deployments", "replicasets", "replicationcontrollers", "statefulsets"]


def test_the_kinds_with_a_first_phase_are_those_of_a_cluster() -> None:
    assert {kind.plural: kind.first_phase for kind in KINDS if kind.first_phase} == PHASES
    assert sorted(kind.plural for kind in KINDS if kind.scale is not None) == SCALED


@pytest.mark.parametrize(("plural", "phase"), PHASES.items())
async def test_a_new_object_is_in_the_first_phase_unless_it_says_otherwise(base: View, plural: str, phase: str) -> None:
    gvk = BY_PLURAL[plural].group_version_kind
    new = await base.create_object(gvk, {"metadata": {"name": "new"}})
    told = await base.create_object(gvk, {"metadata": {"name": "told"}, "status": {"phase": "Failed"}})
    assert (new.status.phase, told.status.phase) == (phase, "Failed")
    new.status.phase = ""
    assert (await base.update_object(gvk, new)).status.phase == ""


async def test_pods_that_wait_are_found_by_their_phase(base: View) -> None:
    pods = base.get_client_facades("in-memory").resource(PODS)
    await base.create_object(PODS, new_pod("waits"))
    assert (await base.get_object(BY_PLURAL["namespaces"].group_version_kind, "default")).status.phase == "Active"
    found = await pods.list(fieldSelector="status.phase=Pending,spec.nodeName=")
    assert [item["metadata"]["name"] for item in found["items"]] == ["waits"]


@pytest.mark.parametrize("plural", SCALED)
async def test_a_scale_in_a_sandbox_leaves_the_base_as_it_is(base: View, sandbox: View, plural: str) -> None:
    kind = BY_PLURAL[plural]
    labels = {"app": "web"}
    selector: Any = labels if plural == "replicationcontrollers" else {"matchLabels": labels}
    spec = {"replicas": 1, "selector": selector}
    await base.create_object(kind.group_version_kind, {"metadata": {"name": "web"}, "spec": spec})
    scales = sandbox.get_client_facades("in-memory").resource(kind.group_version_kind)
    scale = await scales.patch("web", {"spec": {"replicas": 3}}, namespace="default", subresource="scale")
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert (scale["spec"], scale["status"]) == ({"replicas": 3}, {"replicas": 0, "selector": "app=web"})
    assert (await sandbox.get_object(kind.group_version_kind, "web")).spec.replicas == 3
    assert (await base.get_object(kind.group_version_kind, "web")).spec.replicas == 1


@needs_kubectl
async def test_kubectl_scales(server: Server, tmp_path: Path) -> None:
    kubectl = Kubectl(tmp_path / "home", [f"--kubeconfig={server.base_view.kube_config_path}"])
    web = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
    await asyncio.to_thread(kubectl, "create", "-f", "-", stdin=json.dumps(web))
    scaled = await asyncio.to_thread(kubectl, "scale", "deployment", "web", "--replicas=4")
    assert "deployment.apps/web scaled" in scaled
    assert (await server.base_view.get_object(BY_PLURAL["deployments"].group_version_kind, "web")).spec.replicas == 4
