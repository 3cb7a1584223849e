"""The acceptance suite of storage: watches of clusters, namespaces and names, with selectors, step by step.

A row reads `c foo1@ns1>A`: create foo1 in ns1, which the watch shows as ADDED. `u` updates the status, `a:bar1` assigns a
node, `c:bar1` creates with one; `M` is MODIFIED, `D` DELETED with the old object, `-` nothing.
"""

from collections.abc import Callable

import pytest
from _pytest.mark import ParameterSet

from genericapiserver.storage.interface import ListOptions
from genericapiserver.storage.stored import StoredObject
from tests.conformance.storage_harness import Harness, Pod, open_watch, selecting

TYPES = {"A": "ADDED", "M": "MODIFIED", "D": "DELETED"}


def row(id: str, request: str, selector: str, steps: str) -> ParameterSet:
    return pytest.param(request, selector, steps, id=id)


NODE = "spec.nodeName"
NAMESPACE = "metadata.namespace"

CLUSTER = [
    row("CS-1", "", "", "c foo1>A, u foo1>M, c:bar1 foo2>A"),
    row("CS-2", "", f"{NODE}=bar1", "c foo1>-, a:bar1 foo1>A"),
    row("CS-3", "", f"{NODE}!=bar1", "c foo1>A, c foo2>A, u foo1>M, a:bar1 foo1>D"),
    row("CS-4", "foo1", "", "c foo1>A, c foo2>-, u foo1>M, u foo2>-"),
    row("CS-5", "foo1", f"{NODE}=bar1", "c foo1>-, c foo2>-, u foo1>-, u foo2>-, a:bar1 foo1>A"),
    row("CS-6", "foo1", f"{NODE}!=bar1", "c foo1>A, c foo2>-, u foo1>M, a:bar1 foo1>D, a:bar1 foo2>-"),
]

NAMESPACED = [
    row("NW-1", "", "", "c foo1@ns1>A, c foo2@ns2>A, u foo1@ns1>M, u foo2@ns2>M"),
    row("NW-2", "", f"{NAMESPACE}=ns1", "c foo1@ns1>A, c foo1@ns2>-, u foo1@ns1>M, u foo1@ns2>-"),
    row("NW-3", "", f"{NODE}=bar1", "c foo1@ns1>-, c foo2@ns2>-, a:bar1 foo1@ns1>A, a:bar1 foo2@ns2>A"),
    row("NW-4", "", f"{NODE}!=bar1", "c foo1@ns1>A, c foo2@ns1>A, u foo1@ns1>M, a:bar1 foo1@ns1>D"),
    row("NW-5", "ns1/", "", "c foo1@ns1>A, c foo1@ns2>-, c foo2@ns1>A, u foo1@ns1>M, u foo1@ns2>-"),
    row("NW-6", "ns1/", f"{NAMESPACE}=ns1", "c foo1@ns1>A, c foo1@ns2>-, u foo1@ns1>M"),
    row("NW-7", "ns1/", f"{NAMESPACE}=ns2", "c foo1@ns1>-, c foo1@ns2>-, u foo1@ns1>-, u foo1@ns2>-"),
    row(
        "NW-8", "ns1/", f"{NODE}=bar2",
        "c foo1@ns1>-, a:bar1 foo1@ns1>-, c:bar2 foo1@ns2>-, a:bar2 foo1@ns1>A",
    ),
    row("NW-9", "ns2/", f"{NODE}!=bar1", "c foo1@ns1>-, c foo1@ns2>A, a:bar1 foo1@ns2>D, a:bar2 foo1@ns2>A"),
    row("NW-10", "/foo1", "", "c foo1@ns1>A, c foo1@ns2>A, c foo2@ns1>-, u foo1@ns1>M, a:bar1 foo1@ns1>M"),
    row(
        "NW-11", "/foo1", f"{NAMESPACE}=ns1",
        "c foo1@ns1>A, c foo2@ns1>-, c foo1@ns2>-, u foo1@ns1>M, a:bar1 foo1@ns1>M",
    ),
    row("NW-12", "/foo1", f"{NODE}=bar1", "c foo1@ns1>-, u foo1@ns1>-, a:bar1 foo1@ns1>A"),
    row(
        "NW-13", "/foo1", f"{NODE}!=bar1",
        "c foo1@ns1>A, c foo2@ns1>-, u foo1@ns1>M, a:bar1 foo1@ns1>D, a:bar2 foo1@ns1>A",
    ),
    row("NW-14", "ns1/foo1", "", "c foo1@ns1>A, c foo2@ns1>-, u foo1@ns1>M, a:bar1 foo1@ns1>M"),
    row(
        "NW-15", "ns1/foo2", f"{NAMESPACE}=ns1",
        "c foo1@ns1>-, c foo2@ns1>A, u foo1@ns1>-, a:bar1 foo2@ns1>M",
    ),
    row(
        "NW-16", "ns1/foo1", f"{NAMESPACE}=ns1,{NODE}=bar1",
        "c foo1@ns1>-, c foo2@ns1>-, c foo1@ns2>-, u foo1@ns1>-, a:bar1 foo1@ns1>A",
    ),
    row(
        "NW-17", "ns1/foo2", f"{NAMESPACE}=ns1,{NODE}!=bar1",
        "c foo1@ns1>-, c foo2@ns2>-, c foo2@ns1>A, u foo2@ns1>M, a:bar1 foo2@ns1>D",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "selector", "steps"), CLUSTER)
async def test_cluster_scoped_watch(harness: Harness, request_: str, selector: str, steps: str) -> None:
    await run(harness, f"/pods/{request_}", request_, selector, steps, recursive=not request_)


@pytest.mark.parametrize(("request_", "selector", "steps"), NAMESPACED)
async def test_namespace_scoped_watch(harness: Harness, request_: str, selector: str, steps: str) -> None:
    """A request is `ns/name`, either of which may be missing."""
    namespace, _, name = request_.partition("/")
    whole_key = bool(namespace and name)
    key = f"/pods/{namespace}/" if namespace else "/pods/"
    await run(harness, key + name if whole_key else key, name, selector, steps, recursive=not whole_key)


async def run(harness: Harness, key: str, name: str, selector: str, steps: str, *, recursive: bool) -> None:
    terms = [f"metadata.name={name}"] if name else []
    terms += [selector] if selector else []
    listed = await harness.backend.get_list("/pods/", ListOptions(recursive=True))
    options = ListOptions(
        resource_version=str(listed.resource_version),
        recursive=recursive,
        predicate=selecting(field_selector=",".join(terms)),
    )
    reader = await open_watch(harness.backend, key, options)
    before: dict[str, StoredObject[Pod]] = {}
    for number, step in enumerate(steps.split(", ")):
        action, _, expected = step.partition(">")
        verb, target = action.split()
        verb, _, node = verb.partition(":")
        pod_name, _, namespace = target.partition("@")
        path = f"{namespace}/{pod_name}" if namespace else pod_name
        if verb == "c" or path not in before:
            after = await harness.create(path, node=node)
        else:
            after = await harness.update(path, step_change(verb, node, number))
        if expected != "-":
            event = await reader.expect(TYPES[expected], path, after.revision)
            assert event.value == (before[path] if expected == "D" else after).value
        before[path] = after
    await reader.expect_nothing()
    reader.stream.close()


def step_change(verb: str, node: str, number: int) -> Callable[[Pod], None]:
    def change(pod: Pod) -> None:
        if verb == "a":
            pod.spec.node_name = node
        else:
            pod.status.phase = f"step {number}"

    return change
