"""A worker without a server: counts, answers its listener with its process number, and behaves as its argument says."""

import asyncio
import os
import signal
import sys

from genericapiserver.connection import inherited_listeners
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.exposition import exposition
from genericapiserver.workers import Worker


async def main(behaviour: str) -> None:
    worker = Worker.from_environment()
    assert worker is not None
    if behaviour == "bad":
        sys.exit(3)
    registry = MetricsRegistry()
    registry.counter("starts_total", "Starts.").inc()
    worker.publish("metrics", lambda: exposition(registry), registry.reset)
    async with worker.connected():
        if behaviour.startswith("once:"):  # the first time only
            path = behaviour.removeprefix("once:")
            if worker.number == 2 and os.path.exists(path):  # noqa: ASYNC240
                worker.failed("it has been started before")
                sys.exit(4)
            if worker.number == 2:
                open(path, "w").close()  # noqa: ASYNC230
        (listener,) = inherited_listeners(os.environ)

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            line = await reader.readline()
            if line == b"metrics\n":
                pages = await worker.gather("metrics")
                writer.write(f"{pages[0].samples[0][2]:.0f}\n".encode())
            elif line == b"nonsense\n":
                worker._say({"is": "last", "pages": [1]})
                writer.write(b"said\n")
            elif line == b"reset\n":
                worker.reset("metrics")
            else:
                writer.write(f"{os.getpid()}\n".encode())
            writer.close()

        others = asyncio.all_tasks()
        server = await asyncio.start_server(answer, sock=listener.socket)
        worker.ready()
        if behaviour == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            await asyncio.Event().wait()
        await worker.stopping.wait()
        server.close()
        while answering := asyncio.all_tasks() - others:
            await asyncio.wait(answering)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
