"""Other people's clients against a view of minkapi, unchanged: an operator of kopf, an informer, and the rest.

Each works in a sandbox over a base that has a pod; at the end the base is, byte for byte, what it was.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import kopf
import pytest
from kr8s.asyncio import api
from kr8s.asyncio.objects import Pod as Kr8sPod
from kubernetes import client as official
from kubernetes import config as official_config
from kubernetes.informer import ADDED, DELETED, MODIFIED, SharedInformer
from kubernetes_asyncio import client as asyncio_client
from kubernetes_asyncio import config as asyncio_config
from kubernetes_asyncio import watch as asyncio_watch
from lightkube import ApiError, AsyncClient, KubeConfig
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod as LightkubePod

from genericapiserver.minkapi import Config, Server, View, WatchConfig
from genericapiserver.minkapi.view import PODS

NAMESPACE = "default"
DEADLINE = 60.0
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "first", "namespace": NAMESPACE, "labels": {"step": "made"}},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[View]:
    """A sandbox, whose watches the server ends after two to four seconds, over a base with the pod `of-base`."""
    config = Config(
        bind_address="127.0.0.1:0", kube_config_path=tmp_path / "minkapi.yaml", watch_config=WatchConfig(timeout=2)
    )
    async with Server(config) as server:
        await server.base_view.create_object(PODS, {**POD, "metadata": {"name": "of-base"}})
        before = (await server.base_view.engine.range(b"/", b"0")).kvs
        yield server.get_or_create_sandbox_view("sandbox")
        assert (await server.base_view.engine.range(b"/", b"0")).kvs == before


def kubeconfig(view: View) -> str:
    assert view.kube_config_path is not None
    return str(view.kube_config_path)


async def ended_watches(view: View) -> float:
    """How many watches of pods the server has ended."""
    page = await view.transport().request("GET", "/metrics")
    counted = (line for line in page.body.decode().splitlines() if line.startswith("apiserver_request_total{"))
    wanted = (line for line in counted if 'verb="WATCH"' in line and 'resource="pods"' in line)
    return sum(float(line.split()[-1]) for line in wanted)


async def until(probe: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not probe():
            await asyncio.sleep(0.02)


async def test_kopf(sandbox: View, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator sees pods come, change and go; it holds them by a finalizer and reports events."""
    monkeypatch.setenv("KUBECONFIG", kubeconfig(sandbox))
    seen: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> Any:
        return kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.create("pods", registry=registry)
    def created(name: str | None, body: Any, **_: Any) -> None:
        kopf.info(body, reason="Painted", message="It has its colour.")
        seen.put_nowait(("created", str(name)))

    @kopf.on.update("pods", registry=registry)
    def updated(name: str | None, **_: Any) -> None:
        seen.put_nowait(("updated", str(name)))

    @kopf.on.delete("pods", registry=registry)
    def deleted(name: str | None, **_: Any) -> None:
        seen.put_nowait(("deleted", str(name)))

    async def expect(*expected: tuple[str, str]) -> None:
        async with asyncio.timeout(DEADLINE):
            assert sorted([await seen.get() for _ in expected]) == sorted(expected)

    async with operator(registry), sandbox.get_client_facades("network") as facades:
        pods = facades.resource(PODS)
        await expect(("created", "of-base"))
        await pods.create(POD, namespace=NAMESPACE)
        await expect(("created", "first"))
        async with asyncio.timeout(DEADLINE):
            while {event.reason for event in await sandbox.list_events(NAMESPACE)} < {"Painted"}:
                await asyncio.sleep(0.05)
            while not (await pods.get("first", namespace=NAMESPACE))["metadata"].get("annotations"):
                await asyncio.sleep(0.05)
        await pods.patch("first", {"spec": {"nodeName": "n1"}}, namespace=NAMESPACE)
        await expect(("updated", "first"))
        for name in ("of-base", "first"):
            await pods.delete(name, namespace=NAMESPACE)
        await expect(("deleted", "first"), ("deleted", "of-base"))
        async with asyncio.timeout(DEADLINE):
            while (await pods.list())["items"]:
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def operator(registry: kopf.OperatorRegistry) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(
        kopf.operator(registry=registry, standalone=True, namespaces=[NAMESPACE], stop_flag=stop)
    )
    try:
        yield
        assert not running.done(), "the operator has ended"
    finally:
        stop.set()
        await running


async def test_an_informer_of_the_official_client(sandbox: View) -> None:
    """Its copy follows what is written in the sandbox and below it, over watches that end again and again."""
    core = official.CoreV1Api(await asyncio.to_thread(official_config.new_client_from_config, kubeconfig(sandbox)))
    informer = SharedInformer(list_func=core.list_namespaced_pod, namespace=NAMESPACE)
    seen: list[tuple[str, str]] = []
    for kind in (ADDED, MODIFIED, DELETED):
        informer.add_event_handler(kind, lambda pod, kind=kind: seen.append((kind, pod.metadata.name)))
    informer.start()
    try:
        await until(lambda: (ADDED, "of-base") in seen)
        created = await asyncio.to_thread(core.create_namespaced_pod, NAMESPACE, POD)
        assert created.metadata.uid
        await until(lambda: (ADDED, "first") in seen)
        await asyncio.to_thread(core.patch_namespaced_pod, "of-base", NAMESPACE, {"metadata": {"labels": {"a": "b"}}})
        await until(lambda: (MODIFIED, "of-base") in seen)
        before = await ended_watches(sandbox)
        async with asyncio.timeout(DEADLINE):
            while await ended_watches(sandbox) == before:
                await asyncio.sleep(0.1)
        await asyncio.to_thread(core.delete_namespaced_pod, "of-base", NAMESPACE)
        await until(lambda: (DELETED, "of-base") in seen)
        await until(lambda: [pod.metadata.name for pod in informer.cache.list()] == ["first"])
        binding = official.V1Binding(
            metadata=official.V1ObjectMeta(name="first"), target=official.V1ObjectReference(kind="Node", name="n1")
        )
        await asyncio.to_thread(
            lambda: core.create_namespaced_pod_binding("first", NAMESPACE, binding, _preload_content=False)
        )
        await until(lambda: [pod.spec.node_name for pod in informer.cache.list()] == ["n1"])
    finally:
        await asyncio.to_thread(informer.stop)


async def test_kubernetes_asyncio(sandbox: View) -> None:
    configuration = asyncio_client.Configuration()
    await asyncio_config.load_kube_config(config_file=kubeconfig(sandbox), client_configuration=configuration)
    async with asyncio_client.ApiClient(configuration) as session, asyncio_watch.Watch() as watcher:
        core = asyncio_client.CoreV1Api(session)
        events = watcher.stream(core.list_namespaced_pod, NAMESPACE)
        async with asyncio.timeout(DEADLINE):
            assert (await anext(events))["object"].metadata.name == "of-base"
            await core.create_namespaced_pod(NAMESPACE, POD)
            first = await anext(events)
            assert (first["type"], first["object"].metadata.name) == ("ADDED", "first")
            await core.delete_namespaced_pod("of-base", NAMESPACE)
            assert (await anext(events))["type"] == "DELETED"
        assert [pod.metadata.name for pod in (await core.list_namespaced_pod(NAMESPACE)).items] == ["first"]
        with pytest.raises(asyncio_client.ApiException) as refused:
            await core.create_namespaced_pod(NAMESPACE, POD)
        assert refused.value.status == 409


async def test_lightkube(sandbox: View) -> None:
    client = AsyncClient(KubeConfig.from_file(kubeconfig(sandbox)).get(), namespace=NAMESPACE)
    try:
        made = LightkubePod(
            metadata=ObjectMeta(name="first"), spec=PodSpec(containers=[Container(name="c", image="i")])
        )
        assert (await client.create(made)).metadata is not None
        assert [pod.metadata.name async for pod in client.list(LightkubePod)] == ["first", "of-base"]
        applied = await client.apply(
            LightkubePod.from_dict({"metadata": {"name": "of-base", "labels": {"a": "b"}}}), field_manager="painter"
        )
        assert applied.metadata.labels == {"a": "b"}
        await client.delete(LightkubePod, "of-base")
        with pytest.raises(ApiError) as refused:
            await client.get(LightkubePod, "of-base")
        assert refused.value.status.code == 404
    finally:
        await client.close()


async def test_kr8s(sandbox: View) -> None:
    client = await api(kubeconfig=kubeconfig(sandbox))
    pod = await Kr8sPod(POD, api=client)
    await pod.create()
    assert {found.name async for found in client.get("pods", namespace=NAMESPACE)} == {"first", "of-base"}
    await pod.label({"a": "b"})
    of_base = await Kr8sPod.get("of-base", namespace=NAMESPACE, api=client)
    await of_base.delete()
    async with asyncio.timeout(DEADLINE):
        while {found.name async for found in client.get("pods", namespace=NAMESPACE)} != {"first"}:
            await asyncio.sleep(0.05)
