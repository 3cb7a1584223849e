"""The manifests at work, with an aggregator of ours in the place of the cluster.

It takes the access rules and the APIService, and the Deployment's command line runs behind it as the service account that
the rules are for.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml

from genericapiserver.builder.kubeconfig import write_kubeconfig
from genericapiserver.builder.pki import Authority
from tests.builder.deploying.support import container, of_kind, one, parsed
from tests.support.command_line import run_main
from tests.support.kubectl import Kubectl, needs_kubectl
from tests.support.server_process import CHECKOUT, ServerProcess, eventually, free_port, server_process
from tests.support.standalone import Standalone, standalone

TASKS = CHECKOUT / "examples" / "sqlite_tables" / "tasks.py"
NAME = "tasks-apiserver"
ACCOUNT = f"system:serviceaccount:{NAME}:{NAME}"
GROUPS = ("system:serviceaccounts", f"system:serviceaccounts:{NAME}", "system:authenticated")
SERVED_BY_THE_CLUSTER = ("Namespace", "ClusterRole", "ClusterRoleBinding", "RoleBinding", "APIService")

pytestmark = [pytest.mark.e2e, needs_kubectl]


@attrs.frozen
class Deployed:
    cluster: Standalone
    server: ServerProcess
    documents: list[dict[str, Any]]
    kubeconfig: Path
    """For the administrator at the server that is deployed."""

    def kubectl(self, *flags: str) -> Kubectl:
        return Kubectl(self.kubeconfig.parent / "home", [f"--kubeconfig={self.kubeconfig}", *flags])


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("deploying")
    written = folder / "written"
    assert run_main(["manifests", str(TASKS), "--image=tasks:1", "--format=yaml", f"--output-dir={written}"]) == 0
    documents = parsed((written / "manifests.yaml").read_text("utf-8"))
    port = free_port()
    with standalone(
        folder / "cluster",
        free_port(),
        "--serve-core",
        "--storage-backend=memory",
        f"--service-endpoint={NAME}/{NAME}=127.0.0.1:{port}",
        module="genericapiserver",
        before=["aggregator"],
    ) as cluster:
        (folder / "applied.yaml").write_text(
            yaml.safe_dump_all([each for each in documents if each["kind"] in SERVED_BY_THE_CLUSTER])
        )
        cluster.kubectl("apply", "-f", str(folder / "applied.yaml"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TASKS_FILE", str(folder / "tasks.db"))
            arguments = command_line(documents, folder, cluster, port)
            with server_process("genericapiserver", arguments, folder / "logs") as server:
                kubeconfig = folder / "admin.kubeconfig"
                write_kubeconfig(
                    kubeconfig,
                    server=f"https://127.0.0.1:{port}",
                    authority=base64.b64decode(one("APIService", documents)["spec"]["caBundle"]),
                    client=Authority(cluster.data / "pki").client("admin", "system:masters"),
                    name="deployed",
                    tls_server_name=f"{NAME}.{NAME}.svc",  # as the aggregator asks for it
                )
                yield Deployed(cluster, server, documents, kubeconfig)


def command_line(documents: list[dict[str, Any]], folder: Path, cluster: Standalone, port: int) -> list[str]:
    """The Deployment's own, with the paths of the image below *folder*, and what a Pod finds in its service account."""
    for name, data in one("Secret", documents)["data"].items():
        (folder / name).write_bytes(base64.b64decode(data))
    shutil.copy(TASKS, folder / "tasks.py")
    arguments = container(documents)["args"]
    for place in ("/etc/apiserver/tls/", "/var/lib/apiserver/", "/app/"):
        arguments = [argument.replace(place, f"{folder}/") for argument in arguments]
    own_kubeconfig = folder / "server.kubeconfig"
    authority = Authority(cluster.data / "pki")
    write_kubeconfig(
        own_kubeconfig,
        server=f"https://127.0.0.1:{cluster.port}",
        authority=authority.files.certificate,
        client=authority.client(ACCOUNT, *GROUPS),
        name="cluster",
    )
    delegated = ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
    return [
        *arguments,
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        *(f"--{flag}={own_kubeconfig}" for flag in delegated),
        # A cluster says this in a ConfigMap, which the aggregator does not serve.
        "--authentication-skip-lookup=true",
        f"--client-ca-file={authority.files.certificate}",
        f"--requestheader-client-ca-file={authority.files.certificate}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--shutdown-delay-duration=0s",
    ]


def test_the_server_gets_ready_with_the_access_that_the_manifests_give_it(deployed: Deployed) -> None:
    eventually(
        lambda: deployed.kubectl().run("get", "--raw=/readyz").stdout == "ok" or None, "the server behind the cluster"
    )
    shown = deployed.kubectl()("get", "--raw=/readyz?verbose")
    assert "[+]informer-sync ok" in shown
    assert "forbidden" not in deployed.server.stderr


def test_the_cluster_finds_the_server_available_and_serves_it_as_its_own(deployed: Deployed) -> None:
    kubectl = deployed.cluster.kubectl
    kubectl("wait", "--for=condition=Available", "apiservice/v1.todo.example.com", "--timeout=100s")
    task = '{"apiVersion": "todo.example.com/v1", "kind": "Task", "metadata": {"name": "a"}, "spec": {"title": "b"}}'
    eventually(lambda: kubectl.run("explain", "task.spec").status == 0 or None, "the kind in the cluster's discovery")
    assert kubectl("apply", "-f", "-", stdin=task) == "task.todo.example.com/a created\n"
    assert kubectl("get", "tasks", "-o", "jsonpath={.items[*].spec.title}") == "b"


def test_the_cluster_says_who_may_do_what(deployed: Deployed) -> None:
    """The role view of a cluster gathers rules by their label; here the roles themselves are bound."""
    kubectl = deployed.cluster.kubectl
    for user, purpose in (("viewer", "view"), ("editor", "view"), ("editor", "edit")):
        role = f"--clusterrole={NAME}:{NAME}:{purpose}"
        kubectl("create", "clusterrolebinding", f"{user}-{purpose}", role, f"--user={user}")
    for user, command, allowed in (
        ("somebody", ("get", "tasks"), False),
        ("viewer", ("get", "tasks"), True),
        ("viewer", ("delete", "tasks", "--all"), False),
    ):
        outcome = kubectl.run(*command, f"--as={user}")
        assert (outcome.status == 0) is allowed, (user, command, outcome)
        assert allowed or "Forbidden" in outcome.stderr
    patch = ("patch", "task", "a", "--type=merge", "-p", '{"spec": {"done": true}}')
    assert kubectl.run(*patch, "--as=viewer").status == 1
    assert kubectl(*patch, "--as=editor") == "task.todo.example.com/a patched\n"


def test_the_account_may_do_no_more_than_it_needs(deployed: Deployed) -> None:
    can = deployed.cluster.kubectl.run
    groups = [f"--as-group={group}" for group in GROUPS]
    for verb, resource, answer in (
        ("list", "namespaces", "yes"),
        ("watch", "flowschemas.flowcontrol.apiserver.k8s.io", "yes"),
        ("create", "tokenreviews.authentication.k8s.io", "yes"),
        ("create", "subjectaccessreviews.authorization.k8s.io", "yes"),
        ("get", "configmaps/extension-apiserver-authentication", "no"),  # only in kube-system
        ("list", "secrets", "no"),
        ("create", "namespaces", "no"),
        ("list", "tasks.todo.example.com", "no"),
    ):
        said = can("auth", "can-i", verb, resource, f"--as={ACCOUNT}", *groups).stdout.strip()
        assert said == answer, (verb, resource)
    in_kube_system = can(
        "auth",
        "can-i",
        "get",
        "configmaps/extension-apiserver-authentication",
        "-n",
        "kube-system",
        f"--as={ACCOUNT}",
        *groups,
    )
    assert in_kube_system.stdout.strip() == "yes"


def test_the_server_ends_well_when_the_pod_is_told_to(deployed: Deployed) -> None:
    deployed.server.stop()


def test_access_rules_are_what_the_cluster_keeps(deployed: Deployed) -> None:
    for role in of_kind("ClusterRole", deployed.documents):
        kept = yaml.safe_load(deployed.cluster.kubectl("get", "clusterrole", role["metadata"]["name"], "-o", "yaml"))
        assert kept["rules"] == role["rules"]
        assert kept["metadata"]["labels"] == role["metadata"]["labels"]
