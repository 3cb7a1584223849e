"""Which nodes a pod fits on, and two opinions on which of them it should be on."""

from collections.abc import Callable

from genericapiserver.apis.core_v1 import Binding, Node, Pod
from genericapiserver.apis.core_v1.references import ObjectReference
from genericapiserver.minkapi import View

Choose = Callable[[dict[str, int]], str]
"""Takes the nodes that a pod fits on, with the millicores that would be left there, and names one."""


def requested(pod: Pod, resource: str) -> int:
    """What the containers of *pod* ask for together, in thousandths."""
    found = (container.resources.requests.get(resource) for container in pod.spec.containers)
    return sum(quantity.milli_value for quantity in found if quantity is not None)


def room(node: Node, pods: list[Pod], resource: str) -> int:
    """What is left of *resource* on *node*, in thousandths."""
    allocatable = node.status.allocatable.get(resource)
    used = sum(requested(pod, resource) for pod in pods if pod.spec.node_name == node.metadata.name)
    return (allocatable.milli_value if allocatable is not None else 0) - used


async def fitting(view: View, pod: Pod) -> dict[str, int]:
    """The nodes of *view* that *pod* fits on, and the millicores that would be left on each."""
    pods = await view.list_pods()
    left: dict[str, int] = {}
    for node in await view.list_nodes():
        if all(room(node, pods, resource) >= requested(pod, resource) for resource in ("cpu", "memory")):
            left[node.metadata.name] = room(node, pods, "cpu") - requested(pod, "cpu")
    return left


def spread(left: dict[str, int]) -> str:
    """The emptiest node."""
    return max(sorted(left), key=lambda name: left[name])


def pack(left: dict[str, int]) -> str:
    """The fullest node that still takes the pod."""
    return min(sorted(left), key=lambda name: left[name])


async def schedule(view: View, choose: Choose) -> dict[str, str]:
    """Bind every pod of *view* that waits and fits somewhere; which went where."""
    placed: dict[str, str] = {}
    for pod in await view.list_pods():
        if pod.spec.node_name:
            continue
        left = await fitting(view, pod)
        if left:
            name, node = pod.metadata.name, choose(left)
            binding = Binding(target=ObjectReference(kind="Node", name=node))
            await view.update_pod_node_binding(name, binding, namespace=pod.metadata.namespace)
            placed[name] = node
    return placed
