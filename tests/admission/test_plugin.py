import asyncio

import pytest

from genericapiserver.admission import Operation, OperationHandler, ReadyHandler
from genericapiserver.apimachinery.errors import ForbiddenError
from tests.admission.support import new_attributes


def test_a_handler_handles_what_it_was_made_for() -> None:
    handler = OperationHandler(Operation.CREATE, Operation.DELETE)
    assert [operation for operation in Operation if handler.handles(operation)] == [Operation.CREATE, Operation.DELETE]


async def test_a_plugin_without_a_ready_function_is_ready() -> None:
    assert await ReadyHandler(Operation.CREATE).wait_for_ready(timeout=0)


async def test_a_request_waits_until_the_plugin_is_ready() -> None:
    handler = ReadyHandler(Operation.CREATE, poll_interval=0.001)
    ready: list[bool] = []
    handler.set_ready_func(lambda: bool(ready))
    waiting = asyncio.create_task(handler.require_ready(new_attributes()))
    await asyncio.sleep(0)
    assert not waiting.done()
    ready.append(True)
    await asyncio.wait_for(waiting, 5)


async def test_a_plugin_that_is_not_ready_in_time_refuses() -> None:
    handler = ReadyHandler(Operation.CREATE, poll_interval=0.001)
    handler.set_ready_func(lambda: False)
    with pytest.raises(ForbiddenError) as raised:
        await handler.require_ready(new_attributes(), timeout=0.005)
    assert str(raised.value) == 'gadgets.things.example.com "a" is forbidden: not yet ready to handle request'
