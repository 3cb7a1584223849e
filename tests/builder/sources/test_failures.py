"""Sources that fail, hang or give nonsense, and declarations that cannot be served."""

import asyncio
import logging
import threading
from typing import Any

import pytest

from genericapiserver.apimachinery.errors import (
    APITimeoutError,
    ForbiddenError,
    InternalError,
    NotFoundError,
)
from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.builder import Source
from genericapiserver.registry.status_store import StatusStrategy
from tests.builder.sources.support import Note, Notes, NoteSpec, create, declared, get, listed, note, opened

SECRET = "password=hunter2"


@pytest.mark.parametrize("error", [KeyError("a"), IndexError(), FileNotFoundError("a"), LookupError()])
async def test_an_object_that_the_source_cannot_find_is_not_found(error: Exception) -> None:
    notes = Notes()
    async with opened(declared(notes, "get")) as store:
        notes.failure = error
        with pytest.raises(NotFoundError):
            await get(store, "a")


@pytest.mark.parametrize("error", [RuntimeError(SECRET), KeyError(SECRET), FileNotFoundError(SECRET), StopIteration()])
async def test_a_list_that_fails_is_an_internal_error_that_tells_nothing(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    notes = Notes(failure=error)
    async with opened(declared(notes)) as store:
        with pytest.raises(InternalError) as caught:
            await listed(store)
    assert caught.value.message == (
        "Internal error occurred: the source of notes.fridge.example.com failed in list(); the server's log says why"
    )
    assert "A source failed" in caplog.text


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()], ids=repr)
async def test_a_function_that_wants_to_end_its_thread_ends_nothing_else(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """Raised on the loop, the first two would end the server, and the last the request of whoever asks."""

    def ends() -> list[Note]:
        raise error

    async with opened(Source(Note, group="fridge.example.com", version="v1", list=ends)) as store:
        with pytest.raises(InternalError):
            await listed(store)
    assert "A source failed" in caplog.text
    assert type(error).__name__ in caplog.text


async def test_a_coroutine_function_that_wants_to_end_the_process_does_not() -> None:
    async def ends() -> list[Note]:
        raise SystemExit(3)

    async with opened(Source(Note, group="fridge.example.com", version="v1", list=ends)) as store:
        with pytest.raises(InternalError):
            await listed(store)


async def test_a_list_that_fails_deletes_nothing() -> None:
    notes = Notes()
    notes.put(note("a", "milk"))
    async with opened(declared(notes)) as store:
        await listed(store)
        notes.failure = OSError()
        with pytest.raises(InternalError):
            await listed(store)
        assert await listed(store, resource_version="0") == {"a": "milk"}


async def test_an_error_of_the_api_goes_to_the_client_as_it_is() -> None:
    notes = Notes(failure=ForbiddenError(GroupResource("", "notes"), "a", "not yours"))
    async with opened(declared(notes)) as store:
        with pytest.raises(ForbiddenError, match="not yours"):
            await listed(store)


async def test_a_source_that_hangs_is_a_timeout_and_holds_up_nothing() -> None:
    release = threading.Event()

    def hanging() -> list[Note]:
        release.wait(60)
        return []

    async with opened(declared(Notes(), list=hanging, timeout=0.05, threads=1)) as store:
        for _ in range(2):  # the second finds no free thread
            with pytest.raises(APITimeoutError) as caught:
                await listed(store)
        assert caught.value.code == 504
        assert caught.value.message == (
            "Timeout: the source of notes.fridge.example.com did not answer list() within 0.05 seconds"
        )
        workers = [thread for thread in threading.enumerate() if thread.name == "source-notes"]
        assert all(thread.daemon for thread in workers)
        release.set()


async def test_a_coroutine_that_hangs_is_cancelled() -> None:
    ended = asyncio.Event()

    async def hanging() -> list[Note]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return []

    async with opened(declared(Notes(), list=hanging, timeout=0.01)) as store:
        with pytest.raises(APITimeoutError):
            await listed(store)
        assert ended.is_set()


@pytest.mark.parametrize(
    ("objects", "problem"),
    [
        ([note("a"), note("a")], "two objects are called 'ns/a'"),
        ([note("")], "Name parameter required."),
        ([note("a/b")], "may not contain '/'"),
        ([Note(metadata=ObjectMeta(name="a"))], "Namespace parameter required."),
        ([{"metadata": {"name": "a"}}], "not a Note: dict"),
        ([Note(metadata=ObjectMeta(name="a", namespace="ns"), spec=NoteSpec(text=object()))], "'ns', 'a': "),  # type: ignore[arg-type]
        ([note("a", "x" * 2_000_000)], "'ns/a' has 2000"),
        (17, "'int' object is not iterable"),
    ],
    ids=["twice", "nameless", "path", "no-namespace", "dict", "type", "too-large", "no-list"],
)
async def test_nonsense_fails_as_a_whole_and_the_log_says_why(
    objects: Any, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(declared(Notes(), list=lambda: objects)) as store:
        with pytest.raises(InternalError), caplog.at_level(logging.ERROR):
            await listed(store)
    assert problem in caplog.text


async def test_an_answer_about_another_object_is_a_failure() -> None:
    async with opened(declared(Notes(), get=lambda namespace, name: note("b"), create=lambda obj: note("b"))) as store:
        with pytest.raises(InternalError):
            await get(store, "a")
    async with opened(declared(Notes(), create=lambda obj: note("b"))) as store:
        with pytest.raises(InternalError):
            await create(store, note("a"))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"list": None}, "a source needs a list function"),
        ({"get": "notes"}, "get of the source of notes is a function, not 'notes'"),
        ({"interval": 0}, "interval of the source of notes must be positive, not 0"),
        ({"interval": float("nan")}, "interval of the source of notes must be positive, not nan"),
        ({"timeout": -1}, "timeout of the source of notes must be positive, not -1"),
        ({"max_age": -1}, "max_age of the source of notes must not be negative, not -1"),
        ({"threads": 0}, "threads of the source of notes must be positive, not 0"),
        ({"status": StatusStrategy}, "status of notes needs the update function of its source"),
        ({"plural": "No tes"}, "lower-case"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_a_declaration_that_cannot_be_served_is_refused(arguments: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Source(Note, **{"group": "fridge.example.com", "version": "v1", "list": list, **arguments})
