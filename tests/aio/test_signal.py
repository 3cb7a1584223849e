import asyncio

import pytest

from genericapiserver.aio import Signal


async def test_any_number_of_waiters_wake_once_it_fires() -> None:
    signal = Signal("ready")
    waiters = [asyncio.create_task(signal.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(waiter.done() for waiter in waiters)
    signal.set()
    signal.set()
    await asyncio.gather(*waiters)
    await signal.wait()
    assert signal.is_set()


def test_callbacks_run_once_and_at_once_when_it_has_fired() -> None:
    calls: list[str] = []
    signal = Signal("ready")
    signal.on_set(lambda: calls.append("before"))
    signal.set()
    signal.set()
    signal.on_set(lambda: calls.append("after"))
    assert calls == ["before", "after"]


def test_it_has_no_truth_value() -> None:
    with pytest.raises(TypeError, match="call is_set"):
        bool(Signal("ready"))
