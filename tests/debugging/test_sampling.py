import asyncio
import signal
import threading
import time
from collections import Counter

import pytest

from genericapiserver.debugging.profile import Profile
from genericapiserver.debugging.sampling import BIASED, ProfilerBusyError, profiling
from genericapiserver.request import RequestContext, RequestInfo

GET = RequestInfo(
    is_resource_request=True,
    path="/apis/x",
    verb="get",
    api_group="example.com",
    resource="widgets",
    name="secret-name",
)
SOME_CPU = 0.3
"""Seconds of CPU time: thirty looks."""


def burn(seconds: float) -> int:
    """Use CPU time, whatever else the machine does."""
    end, turns = time.thread_time() + seconds, 0
    while time.thread_time() < end:
        turns += sum(range(100)) and 1
    return turns


async def request_info(context: RequestContext) -> None:
    """Named and shaped as the filter in whose frames a request is found."""
    burn(SOME_CPU)


def cpu_by_function(profile: Profile) -> Counter[str]:
    index, counted = profile.index("cpu"), Counter[str]()
    for sample in profile.samples:
        for function in {frame.function.rpartition(".")[2] for frame in sample.stack}:
            counted[function] += sample.values[index]
    return counted


async def test_cpu_time_is_found_where_it_is_used() -> None:
    with profiling() as recorder:
        burn(SOME_CPU)
        await asyncio.sleep(0)
    profile = recorder.profile()
    used = sum(sample.values[profile.index("cpu")] for sample in profile.samples)
    assert cpu_by_function(profile)["burn"] > 0.7 * used
    assert used == pytest.approx(SOME_CPU * 1e9, rel=0.5)
    assert {value.type: value.unit for value in profile.value_types} == {
        "samples": "count",
        "wall": "nanoseconds",
        "cpu": "nanoseconds",
    }


async def test_bursts_are_found_though_the_loop_mostly_waits() -> None:
    with profiling() as recorder:
        for _ in range(60):
            burn(0.005)
            await asyncio.sleep(0.01)
    profile = recorder.profile()
    counted = cpu_by_function(profile)
    assert counted["burn"] > counted["select"]


async def test_time_of_a_request_says_which() -> None:
    with profiling() as recorder:
        await asyncio.create_task(request_info(RequestContext(request_info=GET)))
    profile = recorder.profile()
    labels = Counter[str]()
    for sample in profile.samples:
        labels[sample.labels.get("request", "")] += sample.values[profile.index("cpu")]
    assert labels.most_common(1)[0][0] == "get widgets.example.com"
    assert not any("secret-name" in frame.function for sample in profile.samples for frame in sample.stack)


async def test_other_threads_are_seen() -> None:
    with profiling() as recorder:
        await asyncio.to_thread(burn, SOME_CPU)
    profile = recorder.profile()
    threads = {sample.labels["thread"] for sample in profile.samples if sample.values[profile.index("cpu")]}
    assert any(name.startswith("asyncio_") for name in threads)


async def test_nothing_is_left_behind() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGPROF)]
    with profiling():
        assert signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0)
    assert [signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGPROF)] == before
    assert signal.getitimer(signal.ITIMER_REAL) == signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


async def test_one_at_a_time() -> None:
    with profiling(), pytest.raises(ProfilerBusyError), profiling():
        pass
    with profiling():
        pass


def test_without_signals_a_thread_looks_and_says_so() -> None:
    profiles: list[Profile] = []

    async def in_a_thread() -> None:
        with profiling(rate=200) as recorder:
            burn(SOME_CPU)
        profiles.append(recorder.profile())

    thread = threading.Thread(target=lambda: asyncio.run(in_a_thread()), name="elsewhere")
    thread.start()
    thread.join()
    (profile,) = profiles
    assert BIASED in profile.title
    assert cpu_by_function(profile)["burn"] > 0
    assert "profiler" not in {sample.labels["thread"] for sample in profile.samples}


async def test_a_timer_of_the_program_is_left_alone() -> None:
    rang = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: rang.append(number))
    try:
        with profiling() as recorder:
            burn(0.05)
        assert BIASED in recorder.profile().title
        signal.raise_signal(signal.SIGALRM)
        assert rang == [signal.SIGALRM]
    finally:
        signal.signal(signal.SIGALRM, before)
