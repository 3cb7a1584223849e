"""Ways to a store: what clients of a history ask goes through a door, whatever is behind it.

`StoreDoor` is in the process of the store; `remote` and `over_http` lead to other processes.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Protocol

from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.apimachinery.meta import Status
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.storage.errors import (
    InvalidObjectError,
    KeyExistsError,
    KeyNotFoundError,
    StorageTimeoutError,
    StorageUnreachableError,
)
from genericapiserver.storage.interface import ListOptions, Preconditions, ResponseMeta, StorageBackend
from genericapiserver.storage.selection import SelectionPredicate
from genericapiserver.storage.stored import INITIAL_EVENTS_END_ANNOTATION, StoredObject, WatchEvent
from tests.histories.objects import Note, key_of, note
from tests.histories.recording import (
    BOOKMARK,
    CONFLICT,
    ERROR,
    EXISTS,
    FAILED,
    GONE,
    LATE,
    MISSING,
    OK,
    SYNCED,
    UNKNOWN,
    WRITES,
    Answer,
    Item,
    Request,
    Seen,
)

Pause = Callable[[], Awaitable[None]]
"""Where somebody else may come in between."""


class Door(Protocol):
    """Where one client asks. It may be shut at any time; what is under way then is answered `UNKNOWN` or `LATE`."""

    async def ask(self, request: Request) -> Answer:
        """Never raises; what went wrong is in the answer."""

    def watch(self, scope: str, after: int) -> AsyncGenerator[list[Seen]]:
        """Events as they come, -1: with the state first. Ends when the watch does, after an `ERROR` if it says why."""


class StoreDoor:
    """A door to *backend*, a store or a cache. Updates and deletions wait for *pause* before they decide."""

    def __init__(self, backend: StorageBackend[Note], pause: Pause) -> None:
        self._backend = backend
        self._pause = pause

    async def ask(self, request: Request) -> Answer:
        try:
            return await _ASK[request.kind](self, request)
        except KeyExistsError:
            return Answer(outcome=EXISTS)
        except KeyNotFoundError:
            return Answer(outcome=MISSING)
        except InvalidObjectError:
            return Answer(outcome=CONFLICT)
        except Exception as error:  # noqa: BLE001 - the checker judges it
            return Answer(outcome=outcome_of(error, request.kind), text=f"{type(error).__name__}: {error}")

    async def _create(self, request: Request) -> Answer:
        made = await self._backend.create(key_of(request.name), note(request.name, request.value))
        return Answer(outcome=OK, revision=made.revision)

    async def _update(self, request: Request) -> Answer:
        base = 0

        async def change(existing: StoredObject[Note] | None, meta: ResponseMeta) -> tuple[Note, int | None]:
            nonlocal base
            await self._pause()
            assert existing is not None
            base = meta.resource_version
            changed = existing.object()
            changed.spec.value = request.value
            return changed, None

        made = await self._backend.guaranteed_update(key_of(request.name), change, preconditions=_guard(request.expect))
        return Answer(outcome=OK, revision=made.revision, base=base)

    async def _delete(self, request: Request) -> Answer:
        async def validate(existing: StoredObject[Note]) -> None:
            await self._pause()

        gone = await self._backend.delete(key_of(request.name), preconditions=_guard(request.expect), validate=validate)
        return Answer(outcome=OK, revision=gone.revision, items=(_item(gone),))

    async def _get(self, request: Request) -> Answer:
        version = "" if request.at == -1 else str(request.at)
        return Answer(
            outcome=OK, items=(_item(await self._backend.get(key_of(request.name), resource_version=version)),)
        )

    async def _list(self, request: Request) -> Answer:
        items: list[Item] = []
        options = ListOptions(
            resource_version="" if request.at == -1 else str(request.at),
            resource_version_match="Exact" if request.exact else "NotOlderThan" if request.at > 0 else "",
            recursive=True,
            predicate=SelectionPredicate(limit=request.limit),
        )
        revision = 0
        while True:
            page = await self._backend.get_list(key_of(request.name), options)
            items += [_item(item) for item in page.items]
            if revision not in (0, page.resource_version):
                text = f"pages of revisions {revision} and {page.resource_version}"
                return Answer(outcome=FAILED, revision=revision, items=tuple(items), text=text)
            revision = page.resource_version
            if not page.continue_token:
                return Answer(outcome=OK, revision=revision, items=tuple(items))
            await self._pause()
            predicate = SelectionPredicate(limit=request.limit, continue_token=page.continue_token)
            options = ListOptions(recursive=True, predicate=predicate)

    async def watch(self, scope: str, after: int) -> AsyncGenerator[list[Seen]]:
        options = ListOptions(
            resource_version="" if after == -1 else str(after),
            recursive=not scope or scope.endswith("/"),
            progress_notify=True,
            send_initial_events=True if after == -1 else None,
            predicate=SelectionPredicate(allow_watch_bookmarks=True),
        )
        try:
            stream = await self._backend.watch(key_of(scope), options)
        except Exception as error:  # noqa: BLE001 - the checker judges it
            if outcome_of(error, "watch") == FAILED:
                yield [Seen(ERROR, FAILED, f"{type(error).__name__}: {error}", 0)]
            return
        async with stream:
            while events := await stream.next_events():
                yield [_seen(event) for event in events]

    async def progress(self) -> None:
        """Make watches say where they are."""
        await self._backend.request_watch_progress()


_ASK: dict[str, Callable[[StoreDoor, Request], Awaitable[Answer]]] = {
    "create": StoreDoor._create,
    "update": StoreDoor._update,
    "delete": StoreDoor._delete,
    "get": StoreDoor._get,
    "list": StoreDoor._list,
}


def outcome_of(error: Exception, kind: str) -> str:
    """What *error* says about the request of that kind that raised it."""
    interrupted = UNKNOWN if kind in WRITES else LATE
    if isinstance(error, StatusError):
        return {410: GONE, 504: interrupted, 503: interrupted}.get(error.code, FAILED)
    if isinstance(error, StorageUnreachableError | StorageTimeoutError) or str(error) == "apiserver cacher is stopped":
        return interrupted
    return FAILED


def _guard(revision: int) -> Preconditions | None:
    return Preconditions(resource_version=str(revision)) if revision else None


def _item(stored: StoredObject[Note]) -> Item:
    seen = stored.shared
    return Item(f"{seen.metadata.namespace}/{seen.metadata.name}", seen.spec.value, stored.revision)


def _seen(event: WatchEvent[Note]) -> Seen:
    if event.type is EventType.ERROR:
        assert isinstance(event.object, Status)
        code = event.object.code or 0
        known = code in (410, 503, 504)
        return Seen(ERROR, "" if known else FAILED, event.object.message, code)
    if event.type is EventType.BOOKMARK:
        ends = INITIAL_EVENTS_END_ANNOTATION in (event.stored.shared.metadata.annotations or {})
        return Seen(SYNCED if ends else BOOKMARK, "", "", event.stored.revision)
    item = _item(event.stored)
    return Seen(event.type.value, item.name, item.value, item.revision)
