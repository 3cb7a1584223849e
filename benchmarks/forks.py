"""A thousand forks of a view with five thousand objects: what they cost, and what reading and writing through them costs.

    python -m benchmarks.forks [--forks 1000] [--objects 5000] [--http 1000]

Prints seconds and mebibytes for: making the forks; reading an object, listing a namespace and writing a pod through each of
them in this process; the same over HTTP on one connection. The forks' promise is under 1 GiB and under 2 s together, used
or not; a list of all 5,000 objects through every fork is measured besides, as it is 5 million objects.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs
import httpx

from genericapiserver.apis.core_v1 import Node, Pod
from genericapiserver.minkapi import Config, MatchCriteria, Server, View
from genericapiserver.minkapi.view import NODES, PODS

PODS_PER_NODE = 49
MEBIBYTE = 1 << 20


@attrs.frozen
class Step:
    """What one step took, and how much the process has held since it began to measure."""

    name: str
    seconds: float
    mebibytes: float


def resident() -> float:
    """What the process holds now, in MiB."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # elsewhere only the most that it ever held is known
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MEBIBYTE if sys.platform == "darwin" else 1024)
    return pages * resource.getpagesize() / MEBIBYTE


def pod(name: str, node: str = "") -> Pod:
    made = Pod()
    made.metadata.name, made.metadata.namespace = name, "default"
    made.metadata.labels = {"app": "web", "tier": f"t{len(name) % 3}"}
    made.spec.node_name = node
    return made


async def fill(view: View, objects: int) -> None:
    """One node for each fifty objects, and pods on them."""
    for number in range(objects):
        name = f"node-{number // (PODS_PER_NODE + 1)}"
        if number % (PODS_PER_NODE + 1):
            await view.create_object(PODS, pod(f"pod-{number}", name))
        else:
            node = Node()
            node.metadata.name = name
            await view.create_object(NODES, node)


class Measured:
    """Steps one after the other, with the memory above what was held at the start."""

    def __init__(self) -> None:
        gc.collect()
        self._start = resident()
        self.steps: list[Step] = []

    async def step(self, name: str, work: Callable[[], Awaitable[None]]) -> Step:
        begun = time.perf_counter()
        await work()
        taken = time.perf_counter() - begun
        self.steps.append(Step(name, taken, resident() - self._start))
        return self.steps[-1]


async def measure(server: Server, forks: int, *, http: int) -> list[Step]:
    """The steps over the filled base of *server*; *http* forks are read and written over the network, too."""
    views: list[View] = []
    measured = Measured()

    async def fork() -> None:
        views.extend(server.get_or_create_sandbox_view(f"fork-{number}") for number in range(forks))

    async def read() -> None:
        for view in views:
            await view.get_object(PODS, "pod-1", namespace="default")
            await view.list_pods(MatchCriteria(namespace="default", names=["pod-1", "pod-2"]))

    async def write() -> None:
        for view in views:
            await view.create_object(PODS, pod("mine"))
            await view.patch_object(PODS, "pod-1", {"metadata": {"labels": {"fork": view.name}}}, namespace="default")

    async def over_http() -> None:
        async with httpx.AsyncClient(base_url=f"http://{server.address()}", timeout=60) as client:
            for view in views[:http]:
                await over(client, view.name)

    await measured.step(f"make {forks} forks", fork)
    await measured.step("read an object, and list two, through each", read)
    await measured.step("create a pod and patch one of the base in each", write)
    await measured.step(f"the same over HTTP in {min(http, forks)}", over_http)
    return measured.steps


async def over(client: httpx.AsyncClient, name: str) -> None:
    """Read, create and patch in one view over the network."""
    pods = f"/{name}/api/v1/namespaces/default/pods"
    listed = await client.get(pods, params={"limit": "2"})
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "http"}}
    created = await client.post(pods, json=body)
    patched = await client.patch(
        f"{pods}/pod-2",
        content=json.dumps({"metadata": {"labels": {"fork": name}}}),
        headers={"content-type": "application/merge-patch+json"},
    )
    statuses = (listed.status_code, created.status_code, patched.status_code)
    if statuses != (200, 201, 200):
        raise RuntimeError(f"{name} has answered {statuses}")


async def run(forks: int, objects: int, http: int, *, kubeconfigs: bool) -> list[Step]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "minkapi.yaml" if kubeconfigs else None
        async with Server(Config(bind_address="127.0.0.1:0", kube_config_path=path)) as server:
            await fill(server.base_view, objects)
            return await measure(server, forks, http=http)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--forks", type=int, default=1000)
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--http", type=int, default=1000)
    parser.add_argument("--kubeconfigs", action="store_true", help="write the two files of each view, too")
    given = parser.parse_args()
    for step in asyncio.run(run(given.forks, given.objects, given.http, kubeconfigs=given.kubeconfigs)):
        sys.stdout.write(f"{step.name:<55} {step.seconds:8.3f} s  {step.mebibytes:8.1f} MiB\n")


if __name__ == "__main__":
    main()
