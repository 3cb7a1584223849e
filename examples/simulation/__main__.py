"""`python -m examples.simulation [--port PORT] [--kubeconfig FILE] [--once]`."""

import argparse
import asyncio
import sys
from pathlib import Path

from examples.simulation.scheduling import fitting, pack, schedule, spread
from genericapiserver.minkapi import Config, Server
from genericapiserver.signals import setup_signal_handler

CLUSTER = Path(__file__).parent / "cluster.yaml"


async def simulate(server: Server) -> None:
    """Two schedulers, each in a sandbox of its own. The cluster they began with stays as it was."""
    cluster = server.base_view
    waiting = [pod for pod in await cluster.list_pods() if not pod.spec.node_name]
    for pod in waiting:
        say(f"{pod.metadata.name} would fit on {', '.join(sorted(await fitting(cluster, pod)))}")
    spreading, packing = cluster.fork("spread"), cluster.fork("pack")
    say(f"spread: {await schedule(spreading, spread)}")
    say(f"pack:   {await schedule(packing, pack)}")
    say("from spread to pack:")
    for changed in (await spreading.diff(packing)).changed:
        nodes = [field for field in changed.fields if field.path == "spec.nodeName"]
        say(f"  {changed.name}: {', '.join(map(str, nodes)) or 'another time'}")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def run(given: argparse.Namespace) -> None:
    config = Config(bind_address=f"127.0.0.1:{given.port}", kube_config_path=given.kubeconfig)
    server = Server(config)
    await server.start(manifests=[CLUSTER])
    try:
        await simulate(server)
        if not given.once:
            say(f"try:  kubectl --kubeconfig {server.views['pack'].kube_config_path} get pods -o wide")
            await setup_signal_handler()()
    finally:
        await server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description="Schedule the same pods in two ways.")
    parser.add_argument("--port", type=int, default=8091)
    parser.add_argument("--kubeconfig", type=Path, default=Path("minkapi.yaml"), help="where those of the views go")
    parser.add_argument("--once", action="store_true", help="serve nothing after it")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
