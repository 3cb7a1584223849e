"""Other people's clients through an aggregating server: the same stories, unchanged.

The front serves namespaces and events; flunders are a server's behind, which ends every watch after a few seconds.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from kubernetes import config
from kubernetes.client import CustomObjectsApi
from kubernetes.informer import ADDED, DELETED, MODIFIED, SharedInformer

from tests.clients import matrix
from tests.clients import test_client_node as client_node
from tests.clients import test_kopf as kopf
from tests.clients import test_kr8s as kr8s
from tests.clients import test_kubernetes as kubernetes
from tests.clients import test_kubernetes_asyncio as kubernetes_asyncio
from tests.clients import test_lightkube as lightkube
from tests.clients.conftest import WATCH_SECONDS
from tests.clients.matrix import Row
from tests.clients.scenario import GROUP, PLURAL, VERSION, a_watch_ends, flunder
from tests.support.aggregation import Through, front
from tests.support.standalone import Standalone

DEADLINE = 60.0


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    folder = tmp_path_factory.mktemp("through")
    with front(folder, "wardle", flags=(matrix.CORE,)) as running:
        with running.behind("wardle", f"--min-request-timeout={WATCH_SECONDS}").running() as behind:
            running.register(f"{VERSION}.{GROUP}", "wardle")
            running.until_available(f"{VERSION}.{GROUP}")
            yield cast(Standalone, Through(running.server, behind))
            behind.process.stop()
        running.server.process.stop()


def unlisted(client: str, *args: Any, needs: str = "", leaves_out: Any = ()) -> Row:
    """A row of no table: what a client can do is told of a server alone."""
    return Row(client, "", needs, frozenset(leaves_out))


async def test_kopf_through_the_aggregator(through: Standalone, monkeypatch: pytest.MonkeyPatch) -> None:
    await kopf.test_kopf(through, unlisted, monkeypatch)


async def test_kubernetes_through_the_aggregator(through: Standalone) -> None:
    await kubernetes.test_kubernetes(through, unlisted)


async def test_kubernetes_asyncio_through_the_aggregator(through: Standalone) -> None:
    await kubernetes_asyncio.test_kubernetes_asyncio(through, unlisted)


async def test_lightkube_through_the_aggregator(through: Standalone) -> None:
    await lightkube.test_lightkube(through, unlisted)


async def test_kr8s_through_the_aggregator(through: Standalone) -> None:
    await kr8s.test_kr8s(through, unlisted)


@pytest.mark.skipif(not (client_node.MODULES / client_node.PACKAGE).is_dir(), reason="it is not installed")
async def test_client_node_through_the_aggregator(through: Standalone, tmp_path: Path) -> None:
    """Its informer, too."""
    await client_node.test_client_node(through, unlisted, tmp_path)


async def test_an_informer_through_the_aggregator(through: Standalone) -> None:
    """The informer of the kubernetes client: its cache follows while the server behind ends one watch after another."""
    objects: Any = CustomObjectsApi(await asyncio.to_thread(config.new_client_from_config, str(through.kubeconfig)))
    namespace = "informer"
    where = (GROUP, VERSION, namespace, PLURAL)

    def listed(**more: Any) -> object:  # it looks up what it will get
        found = objects.list_namespaced_custom_object(*where, **more)
        if more.get("watch"):
            return found
        version = found["metadata"]["resourceVersion"]  # the informer wants lists of types
        return SimpleNamespace(items=found["items"], metadata=SimpleNamespace(resource_version=version))

    informer = SharedInformer(list_func=listed, key_func=lambda obj: obj["metadata"]["name"])
    seen: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for kind in (ADDED, MODIFIED, DELETED):
        informer.add_event_handler(
            kind,
            lambda obj, kind=kind: loop.call_soon_threadsafe(seen.put_nowait, (kind, obj["metadata"]["name"])),
        )

    async def expect(*expected: tuple[str, str]) -> None:
        async with asyncio.timeout(DEADLINE):
            assert [await seen.get() for _ in expected] == list(expected)

    await asyncio.to_thread(lambda: objects.create_namespaced_custom_object(*where, flunder("early", namespace)))
    informer.start()
    try:
        await expect((ADDED, "early"))
        await a_watch_ends(through)
        await asyncio.to_thread(lambda: objects.create_namespaced_custom_object(*where, flunder("late", namespace)))
        await expect((ADDED, "late"))
        await a_watch_ends(through)
        patch = {"metadata": {"labels": {"x": "y"}}}
        await asyncio.to_thread(
            lambda: objects.patch_namespaced_custom_object(
                *where, "late", patch, _content_type="application/merge-patch+json"
            )
        )
        await expect((MODIFIED, "late"))
        await asyncio.to_thread(lambda: objects.delete_namespaced_custom_object(*where, "early"))
        await expect((DELETED, "early"))
        assert [each["metadata"]["name"] for each in informer.cache.list()] == ["late"]
    finally:
        await asyncio.to_thread(informer.stop)
    assert seen.empty()
