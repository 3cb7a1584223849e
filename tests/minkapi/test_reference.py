"""What the reference's own tests prove (systems.md 3.11), row by row."""

from typing import Any

import pytest

from genericapiserver.apimachinery.errors import AlreadyExistsError, BadRequestError, ConflictError, NotFoundError
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.apis.events_v1 import Event
from genericapiserver.minkapi import MATCH_ALL_CRITERIA, MatchCriteria, Server, View, ViewAccess
from genericapiserver.minkapi.errors import (
    CreateObjectError,
    CreateWatcherError,
    DeleteObjectError,
    StoreNotFoundError,
    UpdateObjectError,
)
from genericapiserver.minkapi.resource_store import ResourceStore
from genericapiserver.minkapi.view import EVENTS, NODES, PODS
from tests.minkapi.objects import binding_to, new_node, new_pod, whole_content


@pytest.mark.parametrize(
    ("criteria", "matches"),
    [
        (MATCH_ALL_CRITERIA, True),
        (MatchCriteria(namespace="default"), True),
        (MatchCriteria(namespace="other"), False),
        (MatchCriteria(names=["p1", "p2"]), True),
        (MatchCriteria(names="p2"), False),
        (MatchCriteria(namespace="default", names=["p1"], label_selector="app=web"), True),
        (MatchCriteria(namespace="default", names=["p1"], label_selector="app=db"), False),
        (MatchCriteria(label_selector="app in (web, db),tier!=cache"), True),
    ],
)
def test_match_criteria(criteria: MatchCriteria, matches: bool) -> None:
    assert criteria.matches(new_pod("p1", app="web")) is matches


@pytest.fixture
def pods(base: View) -> ResourceStore:
    return base.get_resource_store(PODS)


async def test_store_add_needs_the_kind_of_the_store(pods: ResourceStore) -> None:
    with pytest.raises(
        TypeError, match='object objGVK "/v1, Kind=Node" does not match expected objGVK "/v1, Kind=Pod"'
    ):
        await pods.add(new_node("n1"))
    assert (await pods.list()).items == []


async def test_store_update_counts_the_version_up(pods: ResourceStore) -> None:
    added = await pods.add(new_pod("p1"))
    added.spec.node_name = "n1"
    updated = await pods.update(added)
    assert int(updated.metadata.resource_version) == int(added.metadata.resource_version) + 1
    with pytest.raises(TypeError, match="does not match expected objGVK"):
        await pods.update(new_node("p1"))
    with pytest.raises(ConflictError):
        await pods.update(added)  # which has the old version
    assert (await pods.get("p1")).spec.node_name == "n1"


async def test_store_delete_of_what_is_not_there(pods: ResourceStore) -> None:
    await pods.add(new_pod("p1"))
    for failing in (pods.delete("p2"), pods.delete_by_key("other/p1"), pods.delete("p1", "other")):
        with pytest.raises(NotFoundError):
            await failing
    assert (await pods.get_by_key("default/p1")).metadata.name == "p1"
    await pods.delete_by_key("default/p1")
    with pytest.raises(NotFoundError):
        await pods.get("p1")


async def test_store_get_by_key(pods: ResourceStore) -> None:
    await pods.add(new_pod("p1"))
    assert (await pods.get_by_key("default/p1")).metadata.namespace == "default"
    with pytest.raises(NotFoundError, match='pods "p2" not found'):
        await pods.get_by_key("default/p2")
    with pytest.raises(ValueError, match="is no key of an object"):
        await pods.get_by_key("a/b/c")


async def test_store_list(pods: ResourceStore) -> None:
    for name, labels in (("p1", {"app": "a"}), ("p2", {"app": "a"}), ("p3", {"app": "b"})):
        await pods.add(new_pod(name, **labels))

    async def found(**criteria: Any) -> int:
        return len((await pods.list(MatchCriteria(**criteria))).items)

    assert await found(label_selector="app in (a, b)") == 3
    assert await found(label_selector="app=a") == 2
    assert await found() == 3
    assert await found(namespace="other") == 0
    listed = await pods.list()
    assert type(listed).__name__ == "PodList"
    metadata, highest = await pods.list_meta_objects(MatchCriteria(names=["p1", "p2"]))
    assert [each.name for each in metadata] == ["p1", "p2"]
    assert str(highest) == metadata[1].resource_version


async def test_build_pending_watch_events(pods: ResourceStore) -> None:
    """From 0, or below it, everything that is there; from a version on what came after it; from the future nothing."""
    versions = [int((await pods.add(new_pod(f"p{number}"))).metadata.resource_version) for number in range(3)]
    for start, expected in ((0, 3), (versions[1], 1), (-1, 3), (versions[2] + 1000, 0)):
        async with await pods.get_watcher(start_version=start) as watcher:
            await pods.add(new_pod(f"end-{start}"))
            names = []
            if expected:
                async for event in watcher:
                    if event.object.metadata.name.startswith("end"):
                        break
                    names.append(event.object.metadata.name)
        await pods.delete_objects(MatchCriteria(names=[f"end-{start}"]))
        assert len(names) == expected


async def test_watch(pods: ResourceStore) -> None:
    for name, namespace, app in (("p1", "default", "a"), ("p2", "default", "b"), ("p3", "other", "a")):
        await pods.add(new_pod(name, namespace, app=app))
    seen: list[tuple[EventType, str]] = []

    class Enough(Exception):
        pass

    async def tell(event: Any) -> None:
        seen.append((event.type, event.object.metadata.name))
        if len(seen) == 1:
            changed = await pods.get("p1")
            changed.spec.node_name = "n1"
            await pods.update(changed)
        else:
            raise Enough

    with pytest.raises(Enough):
        await pods.watch(tell, namespace="default", label_selector="app=a")
    assert seen == [(EventType.ADDED, "p1"), (EventType.MODIFIED, "p1")]


async def test_watch_sees_a_later_update_as_a_fourth_event(pods: ResourceStore) -> None:
    for number in range(3):
        await pods.add(new_pod(f"p{number}"))
    types = []
    async with await pods.get_watcher() as watcher:
        async for event in watcher:
            types.append(event.type)
            if len(types) == 3:
                event.object.spec.node_name = "n1"
                await pods.update(event.object)
            if len(types) == 4:
                break
    assert types == [EventType.ADDED] * 3 + [EventType.MODIFIED]


async def test_watchers_are_refused_in_words(base: View) -> None:
    with pytest.raises(CreateWatcherError, match=r"^cannot create watcher: .*abc"):
        await base.get_watcher(PODS, start_version="abc")
    with pytest.raises(CreateWatcherError, match=r"^cannot create watcher: "):
        await base.get_watcher(PODS, label_selector="a in b")


async def test_node_creation(base: View) -> None:
    created = await base.create_object(NODES, new_node("n1"))
    assert created.metadata.uid
    with pytest.raises(CreateObjectError) as refused:
        await base.create_object(NODES, new_node(""))
    assert str(refused.value) == (
        'cannot create object: cannot create "Node" object since missing both name and generateName in request'
    )
    assert isinstance(refused.value.cause, BadRequestError)
    with pytest.raises(CreateObjectError) as refused:
        await base.create_object(NODES, new_node("n1"))
    assert isinstance(refused.value.__cause__, AlreadyExistsError)
    assert [node.metadata.name for node in await base.list_nodes()] == ["n1"]


async def test_pod_listing(base: View) -> None:
    for name in ("p1", "p2", "p3"):
        await base.create_object(PODS, new_pod(name, app="web" if name != "p3" else "db"))
    assert [pod.metadata.name for pod in await base.list_pods()] == ["p1", "p2", "p3"]
    assert [pod.metadata.name for pod in await base.list_pods(MatchCriteria(label_selector="app=db"))] == ["p3"]


async def test_event_deletion(base: View) -> None:
    for namespace in ("default", "default", "other"):
        event = Event()
        event.metadata.generate_name, event.metadata.namespace = "e-", namespace
        await base.create_object(EVENTS, event)
    with pytest.raises(BadRequestError, match=r"^cannot list events without namespace$"):
        await base.list_events("")
    assert len(await base.list_events("default")) == 2
    assert await base.delete_objects(EVENTS, MatchCriteria(namespace="default")) == 2
    assert await base.list_events("default") == []
    assert len(await base.list_events("other")) == 1
    assert base.object_change_count == 5


async def test_combine_primary_secondary(base: View, sandbox: View) -> None:
    """What the sandbox has wins, and both are there: three in all, in the order of their names."""
    await base.create_object(PODS, new_pod("p1", of="base"))
    await base.create_object(PODS, new_pod("p3", of="base"))
    await sandbox.update_object(PODS, new_pod("p1", of="sandbox"))
    await sandbox.create_object(PODS, new_pod("p2", of="sandbox"))
    found = {pod.metadata.name: pod.metadata.labels["of"] for pod in await sandbox.list_pods()}
    assert found == {"p1": "sandbox", "p2": "sandbox", "p3": "base"}
    # Merged before selected: the base's copy does not come back where the sandbox's no longer matches.
    assert [pod.metadata.name for pod in await sandbox.list_pods(MatchCriteria(label_selector="of=base"))] == ["p3"]


async def test_store_get_node(base: View, sandbox: View) -> None:
    await base.create_object(NODES, new_node("of-base"))
    await sandbox.create_object(NODES, new_node("of-sandbox"))
    assert (await sandbox.get_object(NODES, "of-base")).metadata.name == "of-base"
    assert (base.object_change_count, sandbox.object_change_count) == (1, 1)
    with pytest.raises(NotFoundError, match='nodes "of-sandbox" not found'):
        await base.get_object(NODES, "of-sandbox")


async def test_store_node_in_base_update_in_sandbox(base: View, sandbox: View) -> None:
    await base.create_object(NODES, new_node("n1"))
    before = await whole_content(base.engine)
    node = await sandbox.get_object(NODES, "n1")
    node.spec.unschedulable = True
    await sandbox.update_object(NODES, node)
    assert (await sandbox.get_object(NODES, "n1")).spec.unschedulable
    assert await whole_content(base.engine) == before
    assert (base.object_change_count, sandbox.object_change_count) == (1, 1)


@pytest.mark.parametrize(
    ("pod_in_sandbox", "node_in_sandbox"),
    [(True, True), (True, False), (False, False)],
    ids=["sandbox-pod-sandbox-node", "sandbox-pod-base-node", "base-pod-base-node"],
)
async def test_pod_node_binding(base: View, sandbox: View, pod_in_sandbox: bool, node_in_sandbox: bool) -> None:
    await (sandbox if node_in_sandbox else base).create_object(NODES, new_node("n1"))
    await (sandbox if pod_in_sandbox else base).create_object(PODS, new_pod("p1"))
    before, count = await whole_content(base.engine), base.object_change_count
    bound = await sandbox.update_pod_node_binding("p1", binding_to("n1"))
    assert bound.spec.node_name == "n1"
    stored = await sandbox.get_object(PODS, "p1")
    assert [(each.type, each.status) for each in stored.status.conditions] == [("PodScheduled", "True")]
    assert (await whole_content(base.engine), base.object_change_count) == (before, count)
    with pytest.raises(UpdateObjectError, match=r'is already assigned to node "n1"'):
        await sandbox.update_pod_node_binding("p1", binding_to("n2"))


async def test_event_sink_create_list_reset(base: View) -> None:
    sink = base.event_sink
    for name in ("late", "early"):
        event = Event()
        event.metadata.name, event.metadata.namespace, event.reason = name, "default", "Scheduled"
        sink.create(event)
    assert [event.metadata.name for event in sink.list()] == ["late", "early"]
    assert await base.list_events("default") == [], "the sink is not the resource"
    patched = sink.patch(sink.list()[0], {"series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:00.000000Z"}})
    assert patched.series is not None
    assert (patched.series.count, patched.reason) == (2, "Scheduled")
    unknown = Event()
    unknown.metadata.name = "unknown"
    with pytest.raises(NotFoundError, match="unknown"):
        sink.update(unknown)
    with pytest.raises(NotFoundError, match="unknown"):
        sink.patch(unknown, b"{}")
    sink.reset()
    assert sink.list() == []


async def test_server_base_view_create_get_nodes(server: Server) -> None:
    async with server.base_view.get_client_facades("network") as facades:
        nodes = facades.resource(NODES)
        assert (await nodes.list())["items"] == []
        created = await nodes.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}})
        assert await nodes.get("n1") == created


async def test_server_watch_pods(server: Server) -> None:
    async with server.base_view.get_client_facades("network") as facades:
        pods = facades.resource(PODS)
        await pods.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p1"}}, namespace="default")
        watching = pods.watch(namespace="default")
        first = await anext(watching)
        await watching.aclose()  # type: ignore[attr-defined]
    assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "p1")


async def test_a_kind_that_is_not_served(base: View, access: ViewAccess) -> None:
    with pytest.raises(StoreNotFoundError, match=r"^store not found: "):
        base.get_resource_store(GroupVersionKind("batch", "v1", "Job"))
    with pytest.raises(DeleteObjectError, match=r'^cannot delete object: pods "nope" not found$'):
        await base.delete_object(PODS, "nope")
