"""Sandboxes of minkapi under random requests: the base keeps its bytes, and who watches ends with what is listed.

What views over views show is held against a model in tests/storage/test_views.py; here it is what clients are told.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.apimachinery.errors import AlreadyExistsError, NotFoundError
from genericapiserver.minkapi import View, ViewAccess
from genericapiserver.minkapi.facades import ResourceClient
from genericapiserver.minkapi.view import PODS
from tests.properties.widgets import QUICK

NAMES = ["p0", "p1", "p2", "p3"]
NAMESPACE = "default"

Request = tuple[str, str, str, str]
"""The view, the verb, the name, and the value of a label."""

requests = st.lists(
    st.tuples(
        st.sampled_from(["sandbox", "deep"]),
        st.sampled_from(["create", "put", "patch", "apply", "delete", "delete all"]),
        st.sampled_from(NAMES),
        st.sampled_from(["a", "b", "c"]),
    ),
    max_size=15,
)


@attrs.define
class World:
    """One base with two pods, for all examples; each has a sandbox of its own and one over that."""

    loop: asyncio.AbstractEventLoop
    access: ViewAccess
    count: int = 0

    def forks(self) -> dict[str, View]:
        self.count += 1
        sandbox = self.access.base_view.fork(f"sandbox-{self.count}")
        return {"sandbox": sandbox, "deep": sandbox.fork(f"deep-{self.count}")}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    loop = asyncio.new_event_loop()

    async def begin() -> ViewAccess:
        access = ViewAccess()
        await access.start()
        for name in NAMES[:2]:
            await access.base_view.create_object(PODS, pod(name, "base"))
        return access

    made = World(loop, loop.run_until_complete(begin()))
    yield made
    loop.run_until_complete(made.access.close())
    loop.close()


def pod(name: str, label: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"x": label}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }


async def send(pods: ResourceClient, verb: str, name: str, label: str) -> None:
    """One request; that it is refused is as good an answer."""
    try:
        match verb:
            case "create":
                await pods.create(pod(name, label), namespace=NAMESPACE)
            case "put":
                await pods.update(pod(name, label), namespace=NAMESPACE)
            case "patch":
                await pods.patch(name, {"metadata": {"labels": {"x": label}}}, namespace=NAMESPACE)
            case "apply":
                await pods.apply(pod(name, label), field_manager="me", namespace=NAMESPACE, force="true")
            case "delete":
                await pods.delete(name, namespace=NAMESPACE)
            case _:
                await pods.delete_collection(namespace=NAMESPACE, labelSelector=f"x={label}")
    except (AlreadyExistsError, NotFoundError):
        return


def predicted(shown: dict[str, str], verb: str, name: str, label: str) -> None:
    """What *shown*, names and labels, becomes by a request."""
    match verb:
        case "create":
            shown.setdefault(name, label)
        case "apply":
            shown[name] = label
        case "put" | "patch":
            if name in shown:
                shown[name] = label
        case "delete":
            shown.pop(name, None)
        case _:
            for found in [each for each, value in shown.items() if value == label]:
                del shown[found]


async def labels(view: View) -> dict[str, str]:
    return {pod.metadata.name: pod.metadata.labels["x"] for pod in await view.list_pods()}


async def replayed(view: View, known: dict[str, str], since: int) -> dict[str, str]:
    """*known*, listed at the version *since*, with the events after it: gap-free, in the order of their versions."""
    async with await view.get_watcher(PODS, start_version=since) as watcher:
        end = await view.create_object(PODS, pod("end", "end"))
        async for event in watcher:
            name, version = event.object.metadata.name, int(event.object.metadata.resource_version)
            assert version > since
            since = version
            if event.object.metadata.uid == end.metadata.uid:
                return known
            assert (event.type == "ADDED") is (name not in known)
            known[name] = event.object.metadata.labels["x"]
            if event.type == "DELETED":
                del known[name]
    raise AssertionError("the watch has ended")


async def play(world: World, story: list[Request]) -> None:
    base = world.access.base_view
    before = (await base.engine.range(b"/", b"0")).kvs
    views = world.forks()
    since, first = base.engine.current_rev(), await labels(base)
    clients = {name: view.get_client_facades().resource(PODS) for name, view in views.items()}
    sandbox: dict[str, str] = dict(first)
    for name, verb, target, label in story:
        await send(clients[name], verb, target, label)
        if name == "sandbox":
            predicted(sandbox, verb, target, label)
    assert await labels(views["sandbox"]) == sandbox
    assert await replayed(views["sandbox"], dict(first), since) == sandbox
    await views["sandbox"].delete_object(PODS, "end", namespace=NAMESPACE)
    found = await labels(views["deep"])
    assert await replayed(views["deep"], dict(first), since) == found
    assert (await base.engine.range(b"/", b"0")).kvs == before
    await views["sandbox"].close()


@QUICK
@given(requests)
def test_sandboxes_leave_the_base_alone_and_tell_what_happens(world: World, story: list[Request]) -> None:
    world.loop.run_until_complete(play(world, story))
