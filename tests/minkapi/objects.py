"""Objects to store in views."""

from typing import Any

from genericapiserver.apis.core_v1 import Binding, Node, Pod
from genericapiserver.apis.core_v1.references import ObjectReference
from genericapiserver.storage.views import ViewEngine


def new_pod(name: str, namespace: str = "default", **labels: str) -> Pod:
    pod = Pod()
    pod.metadata.name, pod.metadata.namespace = name, namespace
    pod.metadata.labels = dict(labels)
    return pod


def new_node(name: str, **labels: str) -> Node:
    node = Node()
    node.metadata.name = name
    node.metadata.labels = dict(labels)
    return node


def binding_to(node: str) -> Binding:
    return Binding(target=ObjectReference(kind="Node", name=node))


async def whole_content(engine: ViewEngine) -> list[Any]:
    """Every byte that *engine* shows."""
    return (await engine.range(b"/", b"0")).kvs
