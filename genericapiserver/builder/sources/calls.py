"""Asking a source: its functions run in threads or on the loop, have a time limit, and fail in few ways.

LookupError and FileNotFoundError of a function that is asked for one object mean that there is none. API errors pass as they
are. A time-out is a 504; everything else is a 500 whose cause is in the log and not in the answer: it may hold anything.
"""

import asyncio
import contextlib
import contextvars
import inspect
import logging
import threading
from collections.abc import AsyncIterable, Callable, Mapping
from time import perf_counter
from typing import Any, Final, cast

from genericapiserver.apimachinery.errors import APITimeoutError, InternalError, StatusError
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.builder.sources.metrics import FAILED, OK, REFUSED, TIMEOUT, ObserveCall, nobody
from genericapiserver.logs import kv

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS: Final = 2

LIST: Final = "list"
GET: Final = "get"
CREATE: Final = "create"
UPDATE: Final = "update"
DELETE: Final = "delete"


class MissingError(Exception):
    """The source has no such object."""


class ExistsError(Exception):
    """The source has an object of that name already."""


_MEANT: Final[Mapping[type[Exception], frozenset[str]]] = {
    MissingError: frozenset({GET, UPDATE, DELETE}),
    ExistsError: frozenset({CREATE}),
}
"""Which functions say so; of any other the same exception is a failure."""


class SourceCalls:
    """The functions of the source of *resource*, by verb. A call takes *timeout* seconds at most, and *observe* hears of it.

    Plain functions run in at most *threads* threads at once. One that hangs keeps its thread, and the process from nothing.
    """

    def __init__(
        self,
        functions: Mapping[str, Callable[..., Any]],
        *,
        resource: GroupResource,
        timeout: float,
        threads: int,
        observe: ObserveCall = nobody,
    ) -> None:
        self._functions = dict(functions)
        self._resource = resource
        self._timeout = timeout
        self._observe = observe
        self._threads = _Threads(threads, name=f"source-{resource.resource}")

    def __contains__(self, verb: str) -> bool:
        return verb in self._functions

    async def __call__(self, verb: str, *arguments: Any) -> Any:
        """What the function says; a list for `list`. Raises StatusError, MissingError, ExistsError."""
        begun, outcome = perf_counter(), FAILED
        try:
            async with asyncio.timeout(self._timeout):
                said = await self._ask(self._functions[verb], verb, arguments)
            outcome = OK
        except StatusError:
            outcome = REFUSED
            raise
        except TimeoutError as error:
            outcome = TIMEOUT
            raise self._late(verb) from error
        except (LookupError, FileNotFoundError, FileExistsError) as error:
            meant = MissingError if isinstance(error, LookupError | FileNotFoundError) else ExistsError
            if verb not in _MEANT[meant]:
                raise self.failed(verb, error) from error
            outcome = REFUSED
            raise meant from error
        except SystemExit as error:  # of a coroutine function: it would end the server
            failure = RuntimeError(f"SystemExit: {error}")
            raise self.failed(verb, failure) from error
        except Exception as error:
            raise self.failed(verb, error) from error
        finally:
            self._observe(verb, outcome, perf_counter() - begun)
        return said

    def _late(self, verb: str) -> APITimeoutError:
        logger.error(kv("A source did not answer in time", resource=self._resource, call=verb, seconds=self._timeout))
        return APITimeoutError(
            f"the source of {self._resource} did not answer {verb}() within {self._timeout:g} seconds",
            RETRY_AFTER_SECONDS,
        )

    def failed(self, verb: str, error: Exception) -> InternalError:
        """What to tell a client of *error*, which goes to the log."""
        logger.error(kv("A source failed", resource=self._resource, call=verb, err=error), exc_info=error)
        return InternalError(f"the source of {self._resource} failed in {verb}(); the server's log says why")

    async def _ask(self, function: Callable[..., Any], verb: str, arguments: tuple[Any, ...]) -> Any:
        whole = verb == LIST
        if inspect.isasyncgenfunction(function):
            said = function(*arguments)
        elif inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
            said = await function(*arguments)
        else:
            said = await self._threads.run(_gathered if whole else function, *((function,) if whole else arguments))
            if inspect.isawaitable(said):  # a lambda around a coroutine function
                said = await said
        if not whole:
            return said
        if isinstance(said, AsyncIterable):
            return [item async for item in said]
        return said if isinstance(said, list) else list(said)


def _gathered(function: Callable[[], Any]) -> Any:
    """What *function* says, and if it says it piece by piece, all of it: a generator works while it is read."""
    said = function()
    return said if inspect.isawaitable(said) or isinstance(said, AsyncIterable) else list(said)


class _Threads:
    """At most *limit* calls in threads of their own. They are daemons: a call that never returns holds up no exit."""

    def __init__(self, limit: int, *, name: str) -> None:
        self._free = asyncio.Semaphore(limit)
        self._name = name

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()

        def done(value: Any, error: Exception | None) -> None:
            self._free.release()
            if future.done():  # nobody waits any more
                return
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)

        def work() -> None:
            value, failure = None, cast("Exception | None", None)
            try:
                value = context.run(function, *arguments)
            except StopIteration as error:  # which no future takes
                failure = RuntimeError(f"StopIteration: {error}")
            except Exception as error:  # noqa: BLE001  it belongs to who waits
                failure = error
            except BaseException as error:  # noqa: BLE001  of this thread: it must neither end the server nor cancel who waits
                failure = RuntimeError(f"{type(error).__name__}: {error}")
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(done, value, failure)

        try:
            threading.Thread(target=work, name=self._name, daemon=True).start()
        except BaseException:
            self._free.release()
            raise
        return await future
