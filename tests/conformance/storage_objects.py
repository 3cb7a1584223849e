"""The acceptance suite of storage: create, get, delete and guaranteed update of single objects."""

import asyncio
from typing import Any

import pytest

from genericapiserver.apimachinery.errors import TooLargeResourceVersionError
from genericapiserver.storage.errors import (
    InvalidObjectError,
    KeyExistsError,
    KeyNotFoundError,
    ResourceVersionConflictsError,
    StorageError,
)
from genericapiserver.storage.interface import Preconditions, ResponseMeta
from genericapiserver.storage.stored import StoredObject
from tests.conformance.storage_harness import (
    MAX_INT64,
    Harness,
    Pod,
    case,
    everything,
    key_of,
    new_pod,
    open_watch,
)

# ---- create


@case("CRE-1")
async def test_create_stores_and_returns_the_object(harness: Harness) -> None:
    with pytest.raises(KeyNotFoundError):
        await harness.backend.get(key_of("test-ns/foo"))
    created = await harness.create("test-ns/foo")
    assert created.shared.metadata.name == "foo"
    assert created.shared.metadata.resource_version not in ("", "0")
    raw = await harness.raw("test-ns/foo")
    assert b"resourceVersion" not in raw
    assert b"selfLink" not in raw


@case("CRE-2")
async def test_an_object_to_be_created_must_have_no_resource_version(harness: Harness) -> None:
    pod = new_pod("test-ns/foo")
    pod.metadata.resource_version = "1"
    with pytest.raises(StorageError, match=r"^resourceVersion should not be set on objects to be created$"):
        await harness.backend.create(key_of("test-ns/foo"), pod)
    pod.metadata.resource_version = "abc"  # no resource version at all
    await harness.backend.create(key_of("test-ns/foo"), pod)


@case("CRE-3")
async def test_an_object_created_with_a_ttl_is_deleted(harness: Harness) -> None:
    created = await harness.create("test-ns/foo", ttl=1)
    reader = await open_watch(harness.backend, key_of("test-ns/foo"), plain(created.revision))
    await reader.expect("DELETED", "test-ns/foo")
    reader.stream.close()


@case("CRE-4")
async def test_create_of_an_existing_key_fails(harness: Harness) -> None:
    await harness.create("test-ns/foo")
    with pytest.raises(KeyExistsError, match=r"^StorageError: key exists, Code: 2, Key: /registry/pods/test-ns/foo, "):
        await harness.create("test-ns/foo")


# ---- get


@pytest.mark.parametrize(
    ("version", "ignore", "expected"),
    [
        pytest.param("", False, {"u"}, id="GET-1"),
        pytest.param("0", True, {"", "c", "u"}, id="GET-2"),
        pytest.param("c", False, {"c", "u"}, id="GET-3"),
        pytest.param("u", False, {"u"}, id="GET-4"),
        pytest.param("bar", False, {"u"}, id="GET-5"),
        pytest.param(MAX_INT64, False, None, id="GET-6"),
    ],
)
async def test_get_is_not_older_than_asked(
    harness: Harness, version: str, ignore: bool, expected: set[str] | None
) -> None:
    created = await harness.create("test-ns/foo")
    updated = await harness.update("test-ns/foo", label("updated"), ttl=30)
    bar = await harness.create("test-ns/bar")
    versions = {"c": created.revision, "u": updated.revision, "bar": bar.revision}
    asked = str(versions.get(version, version))
    if expected is None:
        with pytest.raises(TooLargeResourceVersionError):
            await harness.backend.get(key_of("test-ns/foo"), resource_version=asked)
        return
    found = await harness.backend.get(key_of("test-ns/foo"), resource_version=asked, ignore_not_found=ignore)
    names = {created.revision: "c", updated.revision: "u"}
    assert (names[found.revision] if found is not None else "") in expected


@case("GET-7")
async def test_get_of_a_missing_key_fails(harness: Harness) -> None:
    with pytest.raises(KeyNotFoundError, match=r"^StorageError: key not found, Code: 1, Key: "):
        await harness.backend.get(key_of("test-ns/non-existing"))


@case("GET-8")
async def test_get_of_a_missing_key_may_be_ignored(harness: Harness) -> None:
    assert await harness.backend.get(key_of("test-ns/non-existing"), ignore_not_found=True) is None


# ---- delete


@case("DEL-1")
async def test_delete_returns_the_object_at_the_revision_of_the_deletion(harness: Harness) -> None:
    created = await harness.create("test-ns/foo")
    deleted = await harness.backend.delete(key_of("test-ns/foo"))
    assert deleted.revision > created.revision
    assert deleted.shared.metadata.resource_version == str(deleted.revision)
    assert deleted.value == created.value
    with pytest.raises(KeyNotFoundError):
        await harness.backend.get(key_of("test-ns/foo"))


@case("DEL-2")
async def test_delete_of_a_missing_key_fails(harness: Harness) -> None:
    with pytest.raises(KeyNotFoundError):
        await harness.backend.delete(key_of("test-ns/non-existing"))


@case("DEL-3")
async def test_delete_with_the_right_uid(harness: Harness) -> None:
    created = await harness.create("test-ns/foo", uid="A")
    deleted = await harness.backend.delete(key_of("test-ns/foo"), preconditions=Preconditions(uid="A"))
    assert deleted.revision > created.revision


@case("DEL-4")
async def test_delete_with_a_wrong_uid_fails(harness: Harness) -> None:
    await harness.create("test-ns/foo", uid="A")
    text = "Precondition failed: UID in precondition: B, UID in object meta: A$"
    with pytest.raises(InvalidObjectError, match=text):
        await harness.backend.delete(key_of("test-ns/foo"), preconditions=Preconditions(uid="B"))


@case("DEL-5")
async def test_delete_with_a_suggestion(harness: Harness) -> None:
    created = await harness.create("test-ns/foo")
    await harness.backend.delete(key_of("test-ns/foo"), cached_existing=created)
    assert await harness.backend.get(key_of("test-ns/foo"), ignore_not_found=True) is None


@case("DEL-6")
async def test_delete_with_a_stale_suggestion_returns_the_newest_content(harness: Harness) -> None:
    created = await harness.create("test-ns/foo")
    await harness.update("test-ns/foo", label("updated"))
    deleted = await harness.backend.delete(key_of("test-ns/foo"), cached_existing=created)
    assert deleted.shared.metadata.labels == {"is": "updated"}


@case("DEL-7")
async def test_delete_with_a_suggestion_of_a_deleted_object_fails(harness: Harness) -> None:
    created = await harness.create("test-ns/foo")
    await harness.backend.delete(key_of("test-ns/foo"))
    with pytest.raises(KeyNotFoundError):
        await harness.backend.delete(key_of("test-ns/foo"), cached_existing=created)


@case("DEL-8")
async def test_an_update_during_validation_is_validated_again(harness: Harness) -> None:
    await harness.create("test-ns/foo")
    calls = 0

    async def validate(existing: StoredObject[Pod]) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await harness.update("test-ns/foo", label("updated"))

    deleted = await harness.backend.delete(key_of("test-ns/foo"), validate=validate)
    assert calls == 2
    assert deleted.shared.metadata.labels == {"is": "updated"}


class Validation:
    """Lets objects with one of *labels* be deleted."""

    def __init__(self, *labels: str) -> None:
        self.labels = labels
        self.calls = 0

    async def __call__(self, existing: StoredObject[Pod]) -> None:
        self.calls += 1
        if (existing.shared.metadata.labels or {}).get("is", "created") not in self.labels:
            raise RuntimeError("validation failed")


@case("DEL-9")
async def test_validation_of_a_suggestion_that_fails_is_repeated_on_the_stored_object(harness: Harness) -> None:
    created = await harness.create("test-ns/foo")
    never = Validation()
    with pytest.raises(RuntimeError, match="validation failed"):
        await harness.backend.delete(key_of("test-ns/foo"), validate=never, cached_existing=created)
    assert never.calls == 1
    await harness.update("test-ns/foo", label("updated"))
    live = Validation("updated")
    await harness.backend.delete(key_of("test-ns/foo"), validate=live, cached_existing=created)
    assert live.calls <= 2
    assert await harness.backend.get(key_of("test-ns/foo"), ignore_not_found=True) is None


@case("DEL-10")
async def test_a_stale_suggestion_that_passes_does_not_delete(harness: Harness) -> None:
    created = await harness.create("test-ns/foo")
    never = Validation()
    with pytest.raises(RuntimeError):
        await harness.backend.delete(key_of("test-ns/foo"), validate=never, cached_existing=created)
    assert never.calls == 1
    await harness.update("test-ns/foo", label("updated"))
    stale = Validation("created")
    with pytest.raises(RuntimeError, match="validation failed"):
        await harness.backend.delete(key_of("test-ns/foo"), validate=stale, cached_existing=created)
    assert stale.calls <= 2
    assert await harness.backend.get(key_of("test-ns/foo"))


@case("DEL-11")
async def test_a_precondition_that_only_the_stored_object_meets_holds(harness: Harness) -> None:
    created = await harness.create("test-ns/foo")
    await harness.update("test-ns/foo", uid("live"))
    await harness.backend.delete(
        key_of("test-ns/foo"), preconditions=Preconditions(uid="live"), cached_existing=created
    )
    assert await harness.backend.get(key_of("test-ns/foo"), ignore_not_found=True) is None


@case("DEL-12")
async def test_a_precondition_that_only_the_suggestion_meets_fails(harness: Harness) -> None:
    created = await harness.create("test-ns/foo", uid="old")
    await harness.update("test-ns/foo", uid("live"))
    with pytest.raises(InvalidObjectError):
        await harness.backend.delete(
            key_of("test-ns/foo"), preconditions=Preconditions(uid="old"), cached_existing=created
        )
    assert await harness.backend.get(key_of("test-ns/foo"))


# ---- guaranteed update


@pytest.mark.parametrize(
    ("missing", "ignore", "preconditions", "change", "stale", "outcome"),
    [
        pytest.param(True, False, None, None, False, KeyNotFoundError, id="GU-1"),
        pytest.param(True, True, None, "new", False, "written", id="GU-2"),
        pytest.param(False, False, None, "changed", False, "written", id="GU-3"),
        pytest.param(False, False, None, None, False, "unchanged", id="GU-4"),
        pytest.param(False, False, None, "selfLink", False, "unchanged", id="GU-5"),
        pytest.param(False, False, None, None, True, "written", id="GU-6"),
        pytest.param(False, False, Preconditions(uid="A"), None, False, "unchanged", id="GU-7"),
        pytest.param(False, False, Preconditions(uid="B"), None, False, InvalidObjectError, id="GU-8"),
    ],
)
async def test_guaranteed_update(
    bare_harness: Harness,
    missing: bool,
    ignore: bool,
    preconditions: Preconditions | None,
    change: str | None,
    stale: bool,
    outcome: str | type[StorageError],
) -> None:
    harness = bare_harness
    before = 0 if missing else (await harness.create("test-ns/foo", uid="A")).revision
    harness.transformer.stale = stale

    async def update(existing: StoredObject[Pod] | None, meta: ResponseMeta) -> tuple[Pod, int | None]:
        assert meta.resource_version == before
        assert (existing is None) is missing
        pod = existing.object() if existing is not None else new_pod("test-ns/foo", uid="A")
        if change == "changed":
            pod.metadata.labels = {"is": "changed"}
        elif change == "selfLink":
            pod.metadata.self_link = "testlink"
        return pod, None

    async def run() -> StoredObject[Pod]:
        return await harness.backend.guaranteed_update(
            key_of("test-ns/foo"), update, ignore_not_found=ignore, preconditions=preconditions
        )

    if not isinstance(outcome, str):
        with pytest.raises(outcome):
            await run()
        return
    result = await run()
    assert (result.revision > before) is (outcome == "written")
    raw = await harness.raw("test-ns/foo")
    assert b"resourceVersion" not in raw
    assert b"selfLink" not in raw
    assert (await harness.backend.get(key_of("test-ns/foo"))).revision == result.revision


@case("GU-9")
async def test_an_object_created_by_an_update_with_ttl_is_deleted(harness: Harness) -> None:
    async def update(existing: StoredObject[Pod] | None, meta: ResponseMeta) -> tuple[Pod, int | None]:
        return new_pod("test-ns/foo"), 1

    created = await harness.backend.guaranteed_update(key_of("test-ns/foo"), update, ignore_not_found=True)
    reader = await open_watch(harness.backend, key_of("test-ns/foo"), plain(created.revision))
    await reader.expect("DELETED", "test-ns/foo")
    reader.stream.close()


@case("GU-10")
async def test_bytes_that_are_not_canonical_are_written_again(bare_harness: Harness) -> None:
    harness = bare_harness
    created = await harness.create("test-ns/foo")
    odd = await harness.put_raw("test-ns/foo", created.value.replace(b'{"', b'{ "', 1))

    async def same(existing: StoredObject[Pod] | None, meta: ResponseMeta) -> tuple[Pod, int | None]:
        assert existing is not None
        return existing.object(), None

    async def write(suggestion: StoredObject[Pod]) -> StoredObject[Pod]:
        return await harness.backend.guaranteed_update(key_of("test-ns/foo"), same, cached_existing=suggestion)

    canonical = StoredObject("/pods/test-ns/foo", odd, created.value, harness.store.form)
    first = await write(canonical)
    assert first.revision > odd
    assert await harness.raw("test-ns/foo") == created.value
    second = await write(first)
    assert second.revision == first.revision
    harness.transformer.stale = True
    third = await write(second)
    assert third.revision > second.revision


@case("GU-11")
async def test_the_loser_of_two_concurrent_updates_runs_twice(harness: Harness) -> None:
    await harness.create("test-ns/foo")
    first_in, go_on = asyncio.Event(), asyncio.Event()
    calls = 0

    async def slow(existing: StoredObject[Pod] | None, meta: ResponseMeta) -> tuple[Pod, int | None]:
        nonlocal calls
        calls += 1
        assert existing is not None
        pod = existing.object()
        if calls == 1:
            first_in.set()
            await go_on.wait()
        pod.metadata.annotations = {"slow": "yes"}
        return pod, None

    losing = asyncio.create_task(harness.backend.guaranteed_update(key_of("test-ns/foo"), slow))
    await first_in.wait()
    winner = await harness.update("test-ns/foo", label("fast"))
    go_on.set()
    loser = await losing
    assert calls == 2
    assert loser.revision > winner.revision
    assert (loser.shared.metadata.labels, loser.shared.metadata.annotations) == ({"is": "fast"}, {"slow": "yes"})


@case("GU-12")
async def test_a_conflict_on_a_stale_suggestion_is_tried_again(harness: Harness) -> None:
    created = await harness.create("test-ns/foo")
    live = await harness.update("test-ns/foo", label("live"))

    async def update(existing: StoredObject[Pod] | None, meta: ResponseMeta) -> tuple[Pod, int | None]:
        assert existing is not None
        if meta.resource_version != live.revision:
            raise ResourceVersionConflictsError("foo", created.revision)
        pod = existing.object()
        pod.metadata.annotations = {"updated": "yes"}
        return pod, None

    updated = await harness.backend.guaranteed_update(key_of("test-ns/foo"), update, cached_existing=created)
    assert updated.revision > live.revision
    assert updated.shared.metadata.labels == {"is": "live"}


@case("GU-13")
async def test_an_error_on_a_current_suggestion_is_returned(harness: Harness) -> None:
    created = await harness.create("test-ns/foo")
    calls = 0

    async def update(existing: StoredObject[Pod] | None, meta: ResponseMeta) -> tuple[Pod, int | None]:
        nonlocal calls
        calls += 1
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match=r"^no$"):
        await harness.backend.guaranteed_update(key_of("test-ns/foo"), update, cached_existing=created)
    assert calls <= 2


def plain(revision: int) -> Any:
    """Options of a watch of one key."""
    return type(everything())(resource_version=str(revision))


def label(value: str) -> Any:
    def change(pod: Pod) -> None:
        pod.metadata.labels = {"is": value}

    return change


def uid(value: str) -> Any:
    def change(pod: Pod) -> None:
        pod.metadata.uid = value

    return change
