"""What forks cost: nothing of what is below them is copied, decoded or served again."""

import tracemalloc
from pathlib import Path

from benchmarks.forks import fill, measure
from genericapiserver.minkapi import MATCH_ALL_CRITERIA, Config, Server, ViewAccess
from genericapiserver.minkapi.view import NODES, PODS
from genericapiserver.storage.views import ViewEngine
from tests.minkapi.objects import new_node, new_pod

FORKS, OBJECTS = 1000, 5000


async def test_a_thousand_forks_of_five_thousand_objects(tmp_path: Path) -> None:
    """Under 1 GiB and under 2 s together. Each is read and written through as well, and some over HTTP, in that memory."""
    config = Config(bind_address="127.0.0.1:0", kube_config_path=None)
    async with Server(config) as server:
        await fill(server.base_view, OBJECTS)
        steps = await measure(server, FORKS, http=20)
        assert len(server.views) == FORKS + 1
    assert steps[0].seconds < 2
    assert max(step.mebibytes for step in steps) < 1024


async def test_a_fork_costs_the_same_whatever_it_is_a_fork_of() -> None:
    """In allocated bytes, which no other load of the machine changes."""

    async def cost(objects: int) -> int:
        base = ViewEngine.base()
        for number in range(objects):
            await base.put(b"/registry/pods/default/p%d" % number, b"x" * 100, expect_rev=0)
        tracemalloc.start()
        forks = [base.fork() for _ in range(100)]
        allocated, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        base.close()
        assert len(forks) == 100
        return allocated

    small, large = await cost(1), await cost(2000)
    assert abs(large - small) < 0.1 * small
    assert large / 100 < 10_000, "a fork takes less than 10 kB"


async def test_what_is_below_is_decoded_once(access: ViewAccess) -> None:
    await access.base_view.create_object(PODS, new_pod("p1", app="web"))
    store = access.kind_store(PODS).store
    forks = [access.base_view.fork(f"fork-{number}") for number in range(3)]
    shared = set()
    for view in (access.base_view, *forks):
        with access.current.use(view.engine):
            stored = await store.backend.get("/pods/default/p1")
            shared.add(id(stored.shared))
            listed = await view.get_resource_store(PODS)._list_stored(MATCH_ALL_CRITERIA)
            shared.add(id(listed[0][0].shared))
    assert len(shared) == 1


async def test_forks_of_forks_end_with_what_is_below_them(access: ViewAccess) -> None:
    view = access.base_view
    for depth in range(20):
        view = view.fork(f"deep-{depth}")
    await access.base_view.create_object(NODES, new_node("n1"))
    assert [node.metadata.name for node in await view.list_nodes()] == ["n1"]
    await access.views["deep-3"].close()
    assert sorted(access.views) == ["base", "deep-0", "deep-1", "deep-2"]
