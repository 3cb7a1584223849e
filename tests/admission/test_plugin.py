import asyncio

import pytest

from genericapiserver.admission import Operation, OperationHandler, ReadyHandler
from genericapiserver.aio import Signal
from genericapiserver.apimachinery.errors import ForbiddenError
from tests.admission.support import new_attributes


def test_a_handler_handles_what_it_was_made_for() -> None:
    handler = OperationHandler(Operation.CREATE, Operation.DELETE)
    assert [operation for operation in Operation if handler.handles(operation)] == [Operation.CREATE, Operation.DELETE]


async def test_a_plugin_that_waits_for_nothing_is_ready() -> None:
    assert await ReadyHandler(Operation.CREATE).wait_for_ready(timeout=0)


async def test_a_request_waits_until_the_plugin_is_ready() -> None:
    handler = ReadyHandler(Operation.CREATE)
    first, second = Signal("first"), Signal("second")
    handler.wait_for(first, second)
    waiting = asyncio.create_task(handler.require_ready(new_attributes()))
    second.set()
    await asyncio.sleep(0)
    assert not waiting.done()
    first.set()
    await asyncio.wait_for(waiting, 5)
    assert handler.is_ready()


async def test_a_plugin_that_is_not_ready_in_time_refuses() -> None:
    handler = ReadyHandler(Operation.CREATE)
    handler.wait_for(Signal("never"))
    with pytest.raises(ForbiddenError) as raised:
        await handler.require_ready(new_attributes(), timeout=0.005)
    assert str(raised.value) == 'gadgets.things.example.com "a" is forbidden: not yet ready to handle request'
