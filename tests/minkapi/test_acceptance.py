"""The acceptance table of minkapi (systems.md 3.12), row by row."""

import asyncio
import base64
import hashlib
import json
import os
import signal
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from genericapiserver.apimachinery.watch import EventType
from genericapiserver.minkapi import Config, Server, View, ViewAccess
from genericapiserver.minkapi.errors import StartFailedError
from genericapiserver.minkapi.facades import APPLY_PATCH, JSON_PATCH, STRATEGIC_MERGE_PATCH, ClientFacades
from genericapiserver.minkapi.kinds import KINDS
from genericapiserver.minkapi.view import NODES, PODS
from tests.minkapi.objects import binding_to, new_node, new_pod, whole_content
from tests.support.kubectl import Kubectl, needs_kubectl
from tests.support.server_process import free_port, server_process

MODULE = "genericapiserver.minkapi.command"


def kubectl_of(view: View, folder: Path) -> Kubectl:
    return Kubectl(folder / "home", [f"--kubeconfig={view.kube_config_path}"])


async def run(kubectl: Kubectl, *arguments: str, stdin: str | None = None) -> str:
    return await asyncio.to_thread(kubectl, *arguments, stdin=stdin)


# ---- discovery


async def test_discovery(server: Server) -> None:
    """9 core resources and 18 in groups, with the reference's hashes. Beside them the core group has what clients need:
    `bindings`, and the events of events.k8s.io as they were before that."""
    found: dict[tuple[str, str], Any] = {}
    async with httpx.AsyncClient(base_url=server.url(server.base_view)) as client:
        groups = (await client.get("apis")).json()["groups"]
        paths = ["api/v1", *(f"apis/{group['preferredVersion']['groupVersion']}" for group in groups)]
        assert [group["name"] for group in groups] == sorted(group["name"] for group in groups)
        for path in paths:
            document = (await client.get(path)).json()
            found |= {(document["groupVersion"], item["name"]): item for item in document["resources"]}
        aggregated = await client.get("apis", headers={"accept": AGGREGATED})
        assert len(aggregated.json()["items"]) == len(groups)
        for path in ("version", "healthz", "readyz", "openapi/v2", "openapi/v3"):
            assert (await client.get(path)).status_code == 200, path
        for path in ("apis/apps/v1/nope", "apis/nope", "api/v2", "nope"):
            assert (await client.get(path)).status_code == 404, path
    assert found["v1", "pods"]["storageVersionHash"] == "xPOwRZ+Yhw8="
    assert found["apps/v1", "deployments"]["storageVersionHash"] == "8aSe+NMegvE="
    main = {key for key in found if "/" not in key[1]}
    assert main - {("v1", "bindings"), ("v1", "events")} == {(str(kind.group_version), kind.plural) for kind in KINDS}
    assert len([kind for kind in KINDS if not kind.group_version.group]) == 9
    assert len(KINDS) == 27
    for kind in KINDS:
        item = found[str(kind.group_version), kind.plural]
        version = kind.group_version
        digest = hashlib.sha256(f"{version.group}/{version.version}/{kind.kind}".encode()).digest()[:8]
        assert item["storageVersionHash"] == base64.b64encode(digest).decode()
        assert set(item["verbs"]) == {
            "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch",
        }  # fmt: skip
        assert (item["kind"], item["namespaced"]) == (kind.kind, kind.namespaced)
        if kind.has_status:
            assert set(found[str(version), f"{kind.plural}/status"]["verbs"]) == {"get", "patch", "update"}


AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


async def test_discovery_sends_clients_to_their_view(server: Server) -> None:
    server.get_or_create_sandbox_view("sb1")
    async with httpx.AsyncClient() as client:
        for name in ("base", "sb1"):
            document = (await client.get(f"http://{server.address()}/{name}/api")).json()
            address = document["serverAddressByClientCIDRs"][0]["serverAddress"]
            assert address == f"{server.address()}/{name}"
            index = (await client.get(f"http://{server.address()}/{name}/openapi/v3")).json()
            url = index["paths"]["api/v1"]["serverRelativeURL"]
            assert url.startswith(f"/{name}/openapi/v3/api/v1?hash=")
            assert (await client.get(f"http://{server.address()}{url}")).status_code == 200


# ---- base CRUD


@needs_kubectl
async def test_base_crud_with_kubectl(server: Server, tmp_path: Path) -> None:
    kubectl = kubectl_of(server.base_view, tmp_path)
    assert "default" in await run(kubectl, "get", "namespaces")
    await run(kubectl, "create", "configmap", "settings", "--from-literal=color=red")
    assert await run(kubectl, "get", "cm", "settings", "-o", "jsonpath={.data.color}") == "red"
    await run(kubectl, "label", "cm", "settings", "app=web")
    assert "settings" in await run(kubectl, "get", "cm", "-l", "app=web", "-o", "name")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}}
    pod["spec"] = {"containers": [{"name": "web", "image": "web:1"}]}
    await run(kubectl, "apply", "-f", "-", stdin=json.dumps(pod))
    assert "unchanged" in await run(kubectl, "apply", "-f", "-", stdin=json.dumps(pod))
    await run(kubectl, "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(pod))
    assert "nodeName" in await run(kubectl, "explain", "pod.spec")
    assert "web" in await run(kubectl, "get", "pods", "--field-selector=status.phase=Pending", "-o", "name")
    await run(kubectl, "delete", "pod", "web")
    refused = await asyncio.to_thread(kubectl.run, "get", "pod", "web")
    assert (refused.status, 'pods "web" not found' in refused.stderr) == (1, True)
    unknown = await asyncio.to_thread(kubectl.run, "create", "-f", "-", stdin=json.dumps({**pod, "colour": "red"}))
    assert 'unknown field "colour"' in unknown.stderr


async def test_base_crud_status_codes(server: Server) -> None:
    """Those of an API server, where the reference has others: see docs/minkapi.md."""
    async with httpx.AsyncClient(base_url=server.url(server.base_view)) as client:
        pods = "api/v1/namespaces/default/pods"
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p1", "labels": {"a": "1"}}}
        assert (await client.post(pods, json=body)).status_code == 201
        again = await client.post(pods, json=body)
        assert (again.status_code, again.json()["reason"]) == (409, "AlreadyExists")
        assert (await client.post(pods, json={**body, "kind": "Node"})).status_code == 400
        assert (await client.post(pods, json={**body, "metadata": {}})).status_code == 422
        generated = await client.post(pods, json={**body, "metadata": {"generateName": "p-"}})
        assert len(generated.json()["metadata"]["name"]) == len("p-") + 5
        other = await client.post(pods, json={**body, "metadata": {"name": "p2", "namespace": "other"}})
        assert other.status_code == 400
        assert (await client.get(f"{pods}/p1")).status_code == 200
        missing = await client.get(f"{pods}/nope")
        assert (missing.status_code, missing.json()["kind"]) == (404, "Status")
        assert missing.headers["content-type"] == "application/json"
        renamed = await client.patch(
            f"{pods}/p1",
            content=json.dumps({"metadata": {"name": "other"}}),
            headers={"content-type": "application/merge-patch+json"},
        )
        assert renamed.status_code in (400, 422)
        assert (await client.get(f"{pods}/p1")).json()["metadata"]["name"] == "p1", "a refused rename leaves no trace"
        odd = await client.patch(f"{pods}/p1", content="{}", headers={"content-type": "text/plain"})
        assert odd.status_code == 415
        page = (await client.get(pods, params={"limit": 1})).json()
        assert (len(page["items"]), bool(page["metadata"]["continue"])) == (1, True)
        selected = (await client.get(pods, params={"fieldSelector": "metadata.name=p1"})).json()
        assert len(selected["items"]) == 1
        deleted = await client.delete(f"{pods}/p1")
        assert (deleted.status_code, deleted.json()["kind"]) == (200, "Pod"), "as typed clients expect"
        await client.post("api/v1/namespaces/default/configmaps", json={**body, "kind": "ConfigMap"})
        deleted = await client.delete("api/v1/namespaces/default/configmaps/p1")
        assert (deleted.status_code, deleted.json()["status"]) == (200, "Success")
        assert (await client.delete(pods)).status_code == 200
        assert (await client.get(pods)).json()["items"] == []
        nodes = "api/v1/nodes"
        assert (await client.post(nodes, json={**body, "kind": "Node"})).status_code == 201
        patched = await client.patch(
            f"{nodes}/p1/status",
            content=json.dumps({"status": {"capacity": {"cpu": "4"}}, "spec": {"unschedulable": True}}),
            headers={"content-type": "application/strategic-merge-patch+json"},
        )
        assert patched.json()["status"]["capacity"] == {"cpu": "4"}
        assert "unschedulable" not in patched.json()["spec"], "a patch of the status changes nothing else"


# ---- binding


async def test_binding(server: Server) -> None:
    view = server.get_or_create_sandbox_view("sb1")
    await server.base_view.create_object(PODS, new_pod("p1"))
    before = await whole_content(server.base_view.engine)
    async with httpx.AsyncClient(base_url=server.url(view)) as client:
        path = "api/v1/namespaces/default/pods"
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": "p1"},
            "target": {"kind": "Node", "name": "n1"},
        }
        bound = await client.post(f"{path}/p1/binding", json=body)
        assert bound.status_code == 201
        assert {key: bound.json()[key] for key in ("kind", "status", "code")} == {
            "kind": "Status", "status": "Success", "code": 201,
        }  # fmt: skip
        pod = (await client.get(f"{path}/p1")).json()
        assert pod["spec"]["nodeName"] == "n1"
        assert [(each["type"], each["status"]) for each in pod["status"]["conditions"]] == [("PodScheduled", "True")]
        again = await client.post(f"{path}/p1/binding", json={**body, "target": {"name": "n2"}})
        assert again.status_code == 409
        assert 'pod p1 is already assigned to node "n1"' in again.json()["message"]
        nowhere = await client.post(f"{path}/p1/binding", json={**body, "target": {}})
        assert (nowhere.status_code, "target.name" in nowhere.json()["message"]) == (422, True)
        unknown = await client.post(f"{path}/p9/binding", json={**body, "metadata": {"name": "p9"}})
        assert unknown.status_code == 404
        await view.create_object(PODS, new_pod("p2"))
        legacy = await client.post(
            "api/v1/namespaces/default/bindings", json={**body, "metadata": {"name": "p2"}, "target": {"name": "n1"}}
        )
        assert legacy.status_code == 201
        on_node = (await client.get("api/v1/pods", params={"fieldSelector": "spec.nodeName=n1"})).json()["items"]
        assert [item["metadata"]["name"] for item in on_node] == ["p1", "p2"]
    assert await whole_content(server.base_view.engine) == before


# ---- watch


async def test_watch(server: Server) -> None:
    """Who lists and then watches sees what was added, changed and deleted since, in order."""
    async with server.base_view.get_client_facades("network") as facades:
        pods = facades.resource(PODS)
        await pods.create({"metadata": {"name": "old"}, "apiVersion": "v1", "kind": "Pod"}, namespace="default")
        listed = await pods.list()
        version = listed["metadata"]["resourceVersion"]
        await pods.create({"metadata": {"name": "new"}, "apiVersion": "v1", "kind": "Pod"}, namespace="default")
        await pods.patch("old", {"metadata": {"labels": {"a": "b"}}}, namespace="default")
        await pods.delete("old", namespace="default")
        seen = []
        async for event in pods.watch(resourceVersion=version):
            seen.append((event["type"], event["object"]["metadata"]["name"]))
            assert int(event["object"]["metadata"]["resourceVersion"]) > int(version)
            version = event["object"]["metadata"]["resourceVersion"]
            if len(seen) == 3:
                break
    assert seen == [("ADDED", "new"), ("MODIFIED", "old"), ("DELETED", "old")]


async def test_watch_list_ends_its_beginning_with_a_bookmark(server: Server) -> None:
    await server.base_view.create_object(PODS, new_pod("p1"))
    async with server.base_view.get_client_facades("network") as facades:
        query = {
            "sendInitialEvents": "true",
            "resourceVersionMatch": "NotOlderThan",
            "allowWatchBookmarks": "true",
        }
        events = []
        async for event in facades.resource(PODS).watch(**query):
            events.append(event)
            if event["type"] == "BOOKMARK":
                break
    assert [event["type"] for event in events] == ["ADDED", "BOOKMARK"]
    assert events[-1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_watch_brings_a_bookmark_before_its_end(server: Server) -> None:
    async with server.base_view.get_client_facades("network") as facades:
        pods = facades.resource(PODS)
        version = (await pods.list())["metadata"]["resourceVersion"]
        watching = pods.watch(allowWatchBookmarks="true", timeoutSeconds="3", resourceVersion=version)
        event = await anext(watching)
        await watching.aclose()  # type: ignore[attr-defined]
    assert event["type"] == "BOOKMARK"
    assert int(event["object"]["metadata"]["resourceVersion"]) == server.base_view.engine.current_rev()


async def test_watch_of_a_view_that_is_reset_begins_anew(access: ViewAccess, sandbox: View) -> None:
    version = (await sandbox.create_object(PODS, new_pod("p1"))).metadata.resource_version
    async with sandbox.get_client_facades() as facades:
        informer = facades.informer(PODS)
        await facades.start()
        assert informer.get("p1", namespace="default") is not None
        again = asyncio.Event()
        informer.add_listener(lambda: again.set() if not len(informer) else None)
        await sandbox.reset()
        async with asyncio.timeout(30):
            await again.wait()
        expired = [event async for event in facades.resource(PODS).watch(resourceVersion=version)]
    assert (expired[0]["type"], expired[0]["object"]["code"]) == ("ERROR", 410)


# ---- sandbox isolation


async def test_sandbox_isolation(server: Server) -> None:
    """Patch, put, delete, a collection's deletion and bindings through a sandbox leave the base's bytes as they are."""
    base, sandbox = server.base_view, server.get_or_create_sandbox_view("sb1")
    for name in ("p1", "p2", "p3", "p4"):
        await base.create_object(PODS, new_pod(name, app="web"))
    await base.create_object(NODES, new_node("n1"))
    before, count = await whole_content(base.engine), base.object_change_count
    async with sandbox.get_client_facades("network") as facades, base.get_client_facades("network") as of_base:
        pods = facades.resource(PODS)
        await pods.patch("p1", {"metadata": {"labels": {"app": "db"}}}, namespace="default")
        put = await pods.get("p2", namespace="default")
        put["spec"]["nodeName"] = "n1"
        await pods.update(put, namespace="default")
        await pods.delete("p3", namespace="default")
        await pods.post("p4", "binding", {"metadata": {"name": "p4"}, "target": {"name": "n1"}}, namespace="default")
        shown = (await pods.list(labelSelector="app=web"))["items"]
        assert [item["metadata"]["name"] for item in shown] == ["p2", "p4"]
        assert len((await of_base.resource(PODS).list(labelSelector="app=web"))["items"]) == 4
        await pods.delete_collection(namespace="default")
        assert (await pods.list())["items"] == []
        assert len((await of_base.resource(PODS).list())["items"]) == 4
    assert await whole_content(base.engine) == before
    assert base.object_change_count == count
    assert sandbox.object_change_count == 7


async def test_sandbox_isolation_of_watches(base: View, sandbox: View) -> None:
    """The first write over the base's object is a change of it; what then happens to it below is not seen."""
    await base.create_object(PODS, new_pod("p1"))
    seen: list[tuple[EventType, str]] = []
    async with await sandbox.get_watcher(PODS) as watcher:
        events = aiter(watcher)

        async def next_event() -> None:
            event = await anext(events)
            seen.append((event.type, event.object.metadata.labels.get("of", "")))

        await next_event()
        await sandbox.update_object(PODS, new_pod("p1", of="sandbox"))
        await next_event()
        await base.update_object(PODS, new_pod("p1", of="base"))
        await base.delete_object(PODS, "p1")
        await sandbox.delete_object(PODS, "p1")
        await next_event()
    assert seen == [(EventType.ADDED, ""), (EventType.MODIFIED, "sandbox"), (EventType.DELETED, "sandbox")]


# ---- nested sandbox


async def test_nested_sandbox(base: View, sandbox: View) -> None:
    """A sandbox over a sandbox reads through two levels, and hides what is there from itself alone."""
    deep = sandbox.fork("deep")
    await base.create_object(PODS, new_pod("of-base"))
    await sandbox.create_object(PODS, new_pod("of-sandbox"))
    assert [pod.metadata.name for pod in await deep.list_pods()] == ["of-base", "of-sandbox"]
    await deep.delete_object(PODS, "of-base")
    await deep.update_pod_node_binding("of-sandbox", binding_to("n1"))
    assert [pod.metadata.name for pod in await deep.list_pods()] == ["of-sandbox"]
    assert [pod.spec.node_name for pod in await sandbox.list_pods()] == ["", ""]
    assert (deep.delegate, sandbox.delegate, base.delegate) == (sandbox, base, None)
    await deep.reset()
    assert len(await deep.list_pods()) == 2


# ---- facades


async def story(facades: ClientFacades) -> list[Any]:
    """What a client does; everything that it is told."""
    told: list[Any] = []
    pods, nodes = facades.resource(PODS), facades.resource(NODES)
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p1", "labels": {"app": "web"}}}
    body["spec"] = {"containers": [{"name": "c", "image": "i"}]}
    told.append(await nodes.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}))
    told.append(await pods.create(body, namespace="default"))
    told.append(await pods.get("p1", namespace="default"))
    told.append(await pods.patch("p1", {"metadata": {"labels": {"x": "y"}}}, namespace="default"))
    patch = {"spec": {"containers": [{"name": "c", "image": "j"}]}}
    told.append(await pods.patch("p1", patch, namespace="default", content_type=STRATEGIC_MERGE_PATCH))
    operations = [{"op": "add", "path": "/metadata/labels/z", "value": "1"}]
    told.append(await pods.patch("p1", operations, namespace="default", content_type=JSON_PATCH))
    applied = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p2"}, "spec": body["spec"]}
    told.append(await pods.apply(applied, field_manager="me", namespace="default"))
    status = {"status": {"phase": "Running"}}
    told.append(await pods.patch("p1", status, namespace="default", subresource="status"))
    told.append(await pods.post("p1", "binding", {"target": {"name": "n1"}}, namespace="default"))
    told.append(await pods.list(labelSelector="app=web", fieldSelector="spec.nodeName=n1"))
    told.append(await pods.list(limit="1"))
    told.append(await nodes.list())
    for failing in (
        pods.get("nope", namespace="default"),
        pods.create(body, namespace="default"),
        pods.patch("p1", {"metadata": {"uid": "x"}}, namespace="default"),
        pods.apply({**applied, "spec": {"nodeName": "n2"}}, field_manager="other", namespace="default"),
        pods.list(labelSelector="a in"),
    ):
        try:
            told.append(await failing)
        except Exception as error:  # noqa: BLE001  it is what the client was told
            told.append((type(error).__name__, str(error)))
    told.append(await pods.delete("p1", namespace="default"))
    told.append(await pods.delete_collection(namespace="default"))
    return told


VARIES = {"uid", "resourceVersion", "creationTimestamp", "time", "lastTransitionTime", "continue", "manager"}


def comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "*" if key in VARIES else comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return value


async def test_facades(server: Server) -> None:
    """The same scenario in memory and over HTTP gives equal objects, and equal errors."""
    told = {}
    for mode in ("network", "in-memory"):
        view = server.get_or_create_sandbox_view(mode)
        async with view.get_client_facades(mode) as facades:
            told[mode] = comparable(await story(facades))
    assert APPLY_PATCH
    assert told["network"] == told["in-memory"]
    assert told["network"][0]["metadata"]["name"] == "n1"


# ---- kubeconfig


async def test_kubeconfig(server: Server, tmp_path: Path) -> None:
    """File names, mode 0600, and the URL of the view in each."""
    sandbox = server.get_or_create_sandbox_view("sb1")
    files = {
        "minkapi.yaml": server.base_view,
        "minkapi-sb1.yaml": sandbox,
    }
    for name, view in files.items():
        path = tmp_path / name
        assert view.kube_config_path == path
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        config = yaml.safe_load(path.read_text())
        context = f"minkapi-{view.name}"
        assert config["current-context"] == context
        assert config["clusters"] == [
            {
                "name": context,
                "cluster": {"server": f"http://{server.address()}/{view.name}", "insecure-skip-tls-verify": True},
            }
        ]
        assert config["users"] == [{"name": "minkapi-user", "user": {}}]
        assert config["contexts"][0]["context"] == {"cluster": context, "namespace": "default", "user": "minkapi-user"}
        scheduler = path.with_name(
            "minkapi-bin-packing-scheduler-config.yaml" if view is server.base_view
            else "minkapi-sb1-bin-packing-scheduler-config.yaml"
        )  # fmt: skip
        connection = yaml.safe_load(scheduler.read_text())["clientConnection"]
        assert connection == {"kubeconfig": str(path), "qps": 100, "burst": 50}
        assert stat.S_IMODE(scheduler.stat().st_mode) == 0o600
    await sandbox.close()
    assert sorted(os.listdir(tmp_path)) == [
        "minkapi-bin-packing-scheduler-config.yaml", "minkapi.yaml",
    ]  # fmt: skip


# ---- shutdown


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_shutdown(tmp_path: Path, number: signal.Signals) -> None:
    """Watches that are open end, the exit status is 0, and a second start on the same port works."""
    port = free_port()
    for _ in range(2 if number is signal.SIGTERM else 1):
        arguments = [f"--bind-address=127.0.0.1:{port}", f"--kubeconfig={tmp_path}/minkapi.yaml"]
        with (
            server_process(MODULE, arguments, tmp_path / "logs") as process,
            httpx.Client(base_url=f"http://127.0.0.1:{port}/base/api/v1/", timeout=60) as client,
        ):
            process.until_it_says("try:")
            with client.stream("GET", "namespaces", params={"watch": "true"}) as response:
                lines = response.iter_lines()
                assert json.loads(next(lines))["object"]["metadata"]["name"] == "default"
                os.kill(process.pid, number)
                assert [line for line in lines if line] == []
            assert process.wait() == 0


async def test_second_start_on_a_port_that_is_taken(server: Server, tmp_path: Path) -> None:
    with pytest.raises(StartFailedError, match=r'^"minkapi" start failed: cannot listen on 127\.0\.0\.1:\d+: '):
        Server(Config(bind_address=server.address(), kube_config_path=tmp_path / "other.yaml"))
    assert not (tmp_path / "other.yaml").exists()


async def test_watch_list_of_every_kind(server: Server) -> None:
    """Also of those whose objects cannot be empty: the bookmark is one all the same."""
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    async with server.base_view.get_client_facades() as facades:
        for kind in KINDS:
            watching = facades.resource(kind.group_version_kind).watch(**query)
            async for event in watching:
                if event["type"] == "BOOKMARK":
                    assert event["object"]["kind"] == kind.kind
                    break
