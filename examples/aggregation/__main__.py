"""`python -m examples.aggregation`: start the front and the two servers behind it, and register them."""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from examples.aggregation.layout import BEHIND, Behind, Layout
from genericapiserver.client import RESTClient, load_kubeconfig
from genericapiserver.client.rest import UnreachableError

FRONT: Final = ("genericapiserver", "aggregator")
START_SECONDS: Final = 120.0
STOP_SECONDS: Final = 30.0
APPLY: Final = {"content-type": "application/apply-patch+yaml"}


class StartError(Exception):
    """The demonstration cannot be shown; the message says why."""


class Demonstration:
    """The three servers, each a process of its own. *ports* are those of the servers behind, by name."""

    def __init__(self, folder: Path, port: int, ports: dict[str, int]) -> None:
        self.layout = Layout(folder)
        self.port = port
        self.ports = ports
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    async def run(self, stop: asyncio.Event, restart: asyncio.Event) -> None:
        """Show it until *stop*; at *restart* what has ended is started again. Raises StartError."""
        folder = self.layout.folder
        folder.mkdir(parents=True, exist_ok=True)
        try:
            await self._start("front", FRONT, self.layout.front_flags(self.port, self.ports))
            self.layout.write_common(f"https://127.0.0.1:{self.port}")
            for failure in await asyncio.gather(*map(self._start_behind, BEHIND), return_exceptions=True):
                if failure is not None:
                    raise failure
            await self._register()
            self._announce()
            while not stop.is_set():
                await _first(stop, restart)
                if restart.is_set():
                    restart.clear()
                    await self._restart()
        finally:
            await self._stop()

    async def _start_behind(self, behind: Behind) -> None:
        await self._start(behind.name, (behind.module,), self.layout.flags_behind(behind, self.ports[behind.name]))

    async def _start(self, name: str, command: Sequence[str], flags: Sequence[str]) -> None:
        """Start a server, `python -m` *command*; returns when it is ready."""
        log = self.layout.folder / f"{name}.log"
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *command, *flags, stdout=asyncio.subprocess.PIPE, stderr=errors
            )
        self._processes[name] = process
        assert process.stdout is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                async for line in process.stdout:
                    if line.startswith(b"try:"):
                        _say(f"{name} is ready, process {process.pid}")
                        return
        raise StartError(f"{name} did not start: see {log}")

    async def _restart(self) -> None:
        for behind in BEHIND:
            if self._processes[behind.name].returncode is not None:
                try:
                    await self._start_behind(behind)
                except StartError as error:
                    _say(f"Error: {error}")

    async def _register(self) -> None:
        """Apply the APIServices, as `kubectl apply --server-side` would."""
        client = RESTClient(load_kubeconfig(self.layout.kubeconfig), user_agent="demonstration")
        try:
            for service in (service for behind in BEHIND for service in self.layout.api_services(behind)):
                name = service["metadata"]["name"]
                response = await client.request(
                    "PATCH",
                    f"/apis/apiregistration.k8s.io/v1/apiservices/{name}",
                    query={"fieldManager": "demonstration", "force": "true"},
                    headers=APPLY,
                    body=json.dumps(service).encode(),
                )
                if response.status not in (200, 201):
                    raise StartError(f"the front refuses APIService {name}: {response.status} {response.body.decode()}")
        except UnreachableError as error:
            raise StartError(str(error)) from error
        finally:
            await client.aclose()

    def _announce(self) -> None:
        kubectl = f"kubectl --kubeconfig {self.layout.kubeconfig}"
        _say(f"try:  {kubectl} get apiservices")
        _say(f"      {kubectl} explain recipes.spec")

    async def _stop(self) -> None:
        """End all, the front last: servers behind ask it who may do what."""
        for _, process in reversed(self._processes.items()):
            with contextlib.suppress(ProcessLookupError):  # it may have got the signal, too
                process.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def _first(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def show(demonstration: Demonstration) -> int:
    """Until a signal to end; SIGHUP starts again what has ended. The exit status."""
    stop, restart = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, restart.set)
    try:
        await demonstration.run(stop, restart)
    except (OSError, StartError) as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m examples.aggregation", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(".data/aggregation"), help="the folder for everything")
    parser.add_argument(
        "--port", type=int, default=7443, help="of the front; those of the servers behind come after it"
    )
    for place, behind in enumerate(BEHIND, 1):
        parser.add_argument(f"--{behind.name}-port", type=int, help=f"by default --port plus {place}")
    given = parser.parse_args(arguments)
    ports = {
        behind.name: getattr(given, f"{behind.name}_port") or given.port + place
        for place, behind in enumerate(BEHIND, 1)
    }
    return asyncio.run(show(Demonstration(given.data, given.port, ports)))


if __name__ == "__main__":
    sys.exit(main())
