"""The manifests at work, with a server of ours in the place of the cluster.

It takes the access rules, and the Deployment's command line runs behind it as the service account that they are for.
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

from genericapiserver.__main__ import main
from genericapiserver.builder.kubeconfig import write_kubeconfig
from genericapiserver.builder.pki import Authority
from tests.builder.deploying.support import container, of_kind, one, parsed
from tests.support.kubectl import Kubectl, needs_kubectl
from tests.support.server_process import CHECKOUT, ServerProcess, eventually, free_port, server_process
from tests.support.standalone import Standalone, standalone

TASKS = CHECKOUT / "examples" / "sqlite_tables" / "tasks.py"
ACCOUNT = "system:serviceaccount:tasks-apiserver:tasks-apiserver"
GROUPS = ("system:serviceaccounts", "system:serviceaccounts:tasks-apiserver", "system:authenticated")

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
    assert main(["manifests", str(TASKS), "--image=tasks:1", "--format=yaml", f"--output-dir={written}"]) == 0
    documents = parsed((written / "manifests.yaml").read_text("utf-8"))
    before = ["serve", str(TASKS)]
    with standalone(
        folder / "cluster",
        free_port(),
        "--serve-core",
        "--storage-backend=memory",
        module="genericapiserver",
        before=before,
    ) as cluster:
        rules = [
            each
            for each in documents
            if each["kind"] in ("Namespace", "ClusterRole", "ClusterRoleBinding", "RoleBinding")
        ]
        (folder / "rules.yaml").write_text(yaml.safe_dump_all(rules))
        cluster.kubectl("apply", "-f", str(folder / "rules.yaml"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TASKS_FILE", str(folder / "tasks.db"))
            port = free_port()
            arguments = command_line(documents, folder, cluster, port)
            with server_process("genericapiserver", arguments, folder / "logs") as server:
                kubeconfig = folder / "admin.kubeconfig"
                authority = Authority(cluster.data / "pki")
                write_kubeconfig(
                    kubeconfig,
                    server=f"https://127.0.0.1:{port}",
                    authority=base64.b64decode(one("APIService", documents)["spec"]["caBundle"]),
                    client=authority.client("admin", "system:masters"),
                    name="deployed",
                    tls_server_name="tasks-apiserver.tasks-apiserver.svc",  # as the kube-apiserver asks for it
                )
                yield Deployed(cluster, server, documents, kubeconfig)


def command_line(documents: list[dict[str, Any]], folder: Path, cluster: Standalone, port: int) -> list[str]:
    """The Deployment's own, with the paths of the image below *folder*, and what a Pod finds in its service account."""
    for name, data in one("Secret", documents)["data"].items():
        (folder / name).write_bytes(base64.b64decode(data))
    shutil.copy(TASKS, folder / "tasks.py")
    places = {"/etc/apiserver/tls/": f"{folder}/", "/var/lib/apiserver/": f"{folder}/", "/app/": f"{folder}/"}
    arguments = container(documents)["args"]
    for place, own in places.items():
        arguments = [argument.replace(place, own) for argument in arguments]
    own_kubeconfig = folder / "server.kubeconfig"
    authority = Authority(cluster.data / "pki")
    write_kubeconfig(
        own_kubeconfig,
        server=f"https://127.0.0.1:{cluster.port}",
        authority=authority.files.certificate,
        client=authority.client(ACCOUNT, *GROUPS),
        name="cluster",
    )
    return [
        *arguments,
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        *(
            f"--{flag}={own_kubeconfig}"
            for flag in ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
        ),
        # There is no front proxy here, and no ConfigMap that says which one to believe.
        "--authentication-skip-lookup=true",
        f"--client-ca-file={authority.files.certificate}",
        "--shutdown-delay-duration=0s",
    ]


def test_the_server_gets_ready_with_the_access_that_the_manifests_give_it(deployed: Deployed) -> None:
    eventually(
        lambda: deployed.kubectl().run("get", "--raw=/readyz").stdout == "ok" or None, "the server behind the cluster"
    )
    shown = deployed.kubectl()("get", "--raw=/readyz?verbose")
    assert "[+]informer-sync ok" in shown
    assert "forbidden" not in deployed.server.stderr


def test_the_cluster_says_who_may_do_what(deployed: Deployed) -> None:
    kubectl = deployed.kubectl()
    kubectl(
        "create", "-f", "-", stdin='{"apiVersion": "todo.example.com/v1", "kind": "Task", "metadata": {"name": "a"}}'
    )
    assert kubectl("get", "tasks", "-o", "name") == "task.todo.example.com/a\n"
    refused = deployed.kubectl("--as=somebody").run("get", "tasks")
    assert (refused.status, "Forbidden" in refused.stderr) == (1, True)


def test_a_viewer_of_the_cluster_may_read_and_not_write(deployed: Deployed) -> None:
    """The role view of a cluster gathers the rules by their label; here the role itself is bound."""
    admin = deployed.cluster.kubectl
    view, edit = (f"tasks-apiserver:tasks-apiserver:{purpose}" for purpose in ("view", "edit"))
    admin("create", "clusterrolebinding", "viewers", f"--clusterrole={view}", "--user=viewer")
    admin("create", "clusterrolebinding", "editors", f"--clusterrole={edit}", "--user=editor")
    can = deployed.cluster.kubectl.run
    for user, verb, answer in (
        ("viewer", "list", "yes"),
        ("viewer", "delete", "no"),
        ("editor", "delete", "yes"),
        ("editor", "patch", "yes"),
    ):
        said = can("auth", "can-i", verb, "tasks.todo.example.com", f"--as={user}").stdout.strip()
        assert said == answer, (user, verb)


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
