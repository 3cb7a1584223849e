"""The last step of a write: a time limit, and results that are failures after all (pkg/endpoints/handlers/finisher)."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from genericapiserver.apimachinery.errors import APITimeoutError, from_status
from genericapiserver.apimachinery.meta import STATUS_SUCCESS, Status
from genericapiserver.endpoints.request_scope import RequestScope
from genericapiserver.tracing import step


async def finish(scope: RequestScope, work: Awaitable[Any]) -> Any:
    """The result of *work*, which gets the scope's time for writes.

    Raises APITimeoutError when that is over; what *work* had under way may still happen. A Status that reports a
    failure is raised as the error it stands for.
    """
    step("About to store object in database")
    try:
        async with asyncio.timeout(scope.write_timeout):
            result = await work
    except TimeoutError:
        raise APITimeoutError("request did not complete within requested timeout - context deadline exceeded") from None
    step("Object stored in database")
    if isinstance(result, Status) and result.status != STATUS_SUCCESS:
        raise from_status(result)
    return result
