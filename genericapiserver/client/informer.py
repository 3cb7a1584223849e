"""Informers: a local copy of a resource, kept current by list and watch, for who must answer without asking.

An informer lists, then watches from the list's resourceVersion, and goes on from bookmarks when the watch ends. When the
version is too old, or anything is not understood, it lists again, after a pause that doubles up to thirty seconds.
Source: k8s.io/client-go tools/cache (reflector.go, shared_informer.go), in the small.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from genericapiserver.aio import Signal
from genericapiserver.client.transport import Transport
from genericapiserver.logs import kv

logger = logging.getLogger(__name__)

T = TypeVar("T")

ChangeHandler: TypeAlias = Callable[[T | None, T | None], None]

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
PAGE_SIZE = "500"


class RelistError(Exception):
    """The watch cannot go on; the informer lists again."""


class Informer(Generic[T]):
    """The objects of *path*, decoded by *decode*. Reading is a dict look-up; `run` keeps it current.

    *query* narrows what is asked for, as `{"fieldSelector": "metadata.name=one"}`.
    """

    def __init__(
        self,
        transport: Transport,
        path: str,
        decode: Callable[[dict[str, Any]], T],
        *,
        query: Mapping[str, str] | None = None,
    ) -> None:
        self.path = path
        self.synced = Signal(f"synced {path}")
        self._transport = transport
        self._decode = decode
        self._query = dict(query or {})
        self._objects: dict[tuple[str, str], T] = {}
        self._resource_version = ""
        self._listeners: list[Callable[[], None]] = []
        self._handlers: list[ChangeHandler[T]] = []

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._objects.values()))

    def get(self, name: str, *, namespace: str = "") -> T | None:
        """The object as last seen; it must not be changed."""
        return self._objects.get((namespace, name))

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Have *listener* called after every list and every event; it must be quick and not raise."""
        self._listeners.append(listener)

    def add_change_handler(self, handler: "ChangeHandler[T]") -> None:
        """Have *handler* called with what an object was before and what it is now, None where it was or is not there.

        An object that a list shows as it was known is no change. The handler must be quick and not raise; it sees the
        informer as it is after the list or the event.
        """
        self._handlers.append(handler)

    async def run(self) -> None:
        """List and watch until cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._list()
                pause = FIRST_PAUSE
                while True:
                    await self._watch()
            except RelistError as error:
                logger.debug(kv("An informer lists again", path=self.path, err=error))
            except ConnectionError as error:
                logger.warning(
                    kv("An informer is cut off, trying again", path=self.path, seconds=round(pause, 1), err=error)
                )
            except Exception:
                logger.exception(kv("An informer has failed, trying again", path=self.path, seconds=round(pause, 1)))
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311  spreads load, hides nothing
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _list(self) -> None:
        objects: dict[tuple[str, str], T] = {}
        query = {**self._query, "limit": PAGE_SIZE}
        while True:
            response = await self._transport.request("GET", self.path, query=query)
            if response.status != 200:
                raise RelistError(f"list answered {response.status}: {response.body[:200]!r}")
            document = msgspec.json.decode(response.body)
            for item in document["items"]:
                objects[_key(item)] = self._decode(item)
            if not (token := document["metadata"].get("continue")):
                break
            query["continue"] = token
        before, self._objects = self._objects, objects
        self._resource_version = document["metadata"]["resourceVersion"]
        self.synced.set()
        for key in {**before, **objects} if self._handlers else ():
            self._changed(before.get(key), objects.get(key))
        self._notify()

    async def _watch(self) -> None:
        query = {
            **self._query,
            "watch": "1",
            "resourceVersion": self._resource_version,
            "allowWatchBookmarks": "true",
        }
        async with self._transport.stream(self.path, query=query) as response:
            if response.status != 200:
                raise RelistError(f"watch answered {response.status}")
            seen = False
            async for line in response.lines:
                seen = True
                event = msgspec.json.decode(line)
                self._apply(event["type"], event["object"])
            if not seen:
                raise RelistError("the watch ended without an event")

    def _apply(self, type: str, item: Mapping[str, Any]) -> None:
        if type == "ERROR":
            raise RelistError(str(item.get("message", item)))
        self._resource_version = item["metadata"]["resourceVersion"]
        if type == "BOOKMARK":
            return
        key = _key(item)
        before, now = self._objects.get(key), None if type == "DELETED" else self._decode(dict(item))
        if now is None:
            self._objects.pop(key, None)
        else:
            self._objects[key] = now
        self._changed(before, now)
        self._notify()

    def _changed(self, before: T | None, now: T | None) -> None:
        if before != now:
            for handler in self._handlers:
                handler(before, now)

    def _notify(self) -> None:
        for listener in self._listeners:
            listener()


class InformerFactory:
    """The informers of one server: one a path, started together, known to its health check."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        """The client that informers list and watch by, for look-ups that must not be behind."""
        self._informers: dict[str, Informer[Any]] = {}
        self._started: set[str] = set()

    def informer(self, path: str, decode: Callable[[dict[str, Any]], T]) -> Informer[T]:
        """The informer of *path*; the second to ask gets that of the first."""
        return self._informers.setdefault(path, Informer(self.transport, path, decode))

    def start(self, spawn: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        """Start those that do not run yet; *spawn* owns their tasks."""
        for path, informer in self._informers.items():
            if path not in self._started:
                self._started.add(path)
                spawn(informer.run())

    def not_synced(self) -> list[str]:
        """The paths of informers that have not listed yet."""
        return [path for path, informer in self._informers.items() if not informer.synced.is_set()]


def _key(item: Mapping[str, Any]) -> tuple[str, str]:
    metadata = item["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
