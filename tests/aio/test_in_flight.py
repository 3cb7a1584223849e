import asyncio

import pytest

from genericapiserver.aio import InFlightRequests, NotAcceptingError


async def test_draining_waits_for_the_last_request_and_refuses_new_ones() -> None:
    in_flight = InFlightRequests()
    with in_flight:
        with in_flight:
            drained = asyncio.create_task(in_flight.drain())
            await asyncio.sleep(0)
            assert in_flight.count == 2
            with pytest.raises(NotAcceptingError, match="after Wait is forbidden"), in_flight:
                pass
        await asyncio.sleep(0)
        assert not drained.done()
    await drained
    assert in_flight.draining


async def test_with_nothing_in_flight_draining_is_over_at_once() -> None:
    await InFlightRequests().drain()


async def test_a_request_that_fails_is_counted_out() -> None:
    in_flight = InFlightRequests()
    with pytest.raises(ValueError, match="x"), in_flight:
        raise ValueError("x")
    assert in_flight.count == 0
