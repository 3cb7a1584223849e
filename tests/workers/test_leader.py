"""One of several processes leads, and when it is killed another one does."""

import asyncio
import sys
from pathlib import Path

from genericapiserver.workers import FileLockLeader, SoleLeader

HOLDER = """
import asyncio, sys
from genericapiserver.workers import FileLockLeader
async def main():
    async def work():
        print("leads", flush=True)
        await asyncio.Event().wait()
    await FileLockLeader(sys.argv[1]).lead(work)
asyncio.run(main())
"""


async def test_who_is_alone_leads_at_once() -> None:
    done = []

    async def work() -> None:
        done.append(True)

    await SoleLeader().lead(work)
    assert done == [True]


async def test_only_one_leads_and_the_next_one_when_it_lets_go(tmp_path: Path) -> None:
    first, second = (FileLockLeader(tmp_path / "leader") for _ in range(2))
    done = []

    async def work(name: str) -> None:
        done.append(name)

    await first.lead(lambda: work("first"))
    await first.lead(lambda: work("first again"))
    waiting = asyncio.create_task(second.lead(lambda: work("second")))
    await asyncio.sleep(0)
    assert (first.leads, second.leads, done) == (True, False, ["first", "first again"])
    await first.aclose()
    await first.aclose()
    await asyncio.wait_for(waiting, 30)
    assert (first.leads, second.leads, done[-1]) == (False, True, "second")
    await second.aclose()


async def test_a_leader_that_is_killed_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "leader"
    holder = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLDER, path, stdout=asyncio.subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"leads\n"
        follower, leads = FileLockLeader(path), asyncio.Event()

        async def work() -> None:
            leads.set()

        waiting = asyncio.create_task(follower.lead(work))
        await asyncio.sleep(0)
        assert not follower.leads
    finally:
        holder.kill()
        await holder.wait()
    await asyncio.wait_for(leads.wait(), 30)
    await waiting
    await follower.aclose()
