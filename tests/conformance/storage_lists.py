"""The acceptance suite of storage: lists, pages, continue tokens, keys, statistics, compaction."""

import asyncio
from collections.abc import Callable

import attrs
import pytest

from genericapiserver.apimachinery.errors import ResourceExpiredError, TooLargeResourceVersionError
from genericapiserver.storage.continue_token import decode_continue, encode_continue
from genericapiserver.storage.engine import RangeResult
from genericapiserver.storage.errors import InvalidKeyError, KeyNotFoundError, StorageInternalError
from genericapiserver.storage.interface import EXACT, NOT_OLDER_THAN, ListOptions, ResponseMeta
from genericapiserver.storage.stored import StoredList, StoredObject
from tests.conformance.storage_harness import (
    MAX_INT64,
    Harness,
    Pod,
    case,
    everything,
    key_of,
    new_pod,
    path_of,
    selecting,
)

NOT = NOT_OLDER_THAN
TOO_OLD = "The resourceVersion for the provided list is too old."
CONTINUE_TOO_OLD = "The provided continue parameter is too old to display a consistent list result."


@attrs.frozen
class Row:
    """One line of the list table. Revisions are called r0 ... r9; `bar*` is first/bar after its update."""

    id: str
    prefix: str = "/pods/"
    version: str = ""
    match: str = ""
    expect: str | type[Exception] = ""
    """What the list holds; `|` separates what it may hold. Or the error."""
    limit: int = 0
    token: tuple[str, str] | None = None
    field: str = ""
    revision: str = ""
    """The revision of the list; `>=` before it when it may be newer."""
    next: tuple[str, str] | str = ""
    """The token for the next page, or "yes"."""
    remaining: int | None = None
    text: str = ""
    """What the error says."""
    without_cache: bool = False


ALL = "first/bar* second/bar second/foo third/barfoo third/foo"
AT_7 = "first/bar* second/bar second/baz second/foo third/barfoo third/foo"
NAME = "metadata.name"
F1, S2 = "/pods/first/", "/pods/second/"

LIST_TABLE = [
    Row("L1", version="abc", expect=Exception),
    Row("L2", version="1", limit=1, token=("first/bar\0", "r5"), expect=Exception),
    Row("L3", version=MAX_INT64, expect=TooLargeResourceVersionError),
    Row("L4", F1, expect="first/bar*"),
    Row("L5", F1, "0", expect="|first/bar*"),
    Row("L6", F1, "r1", EXACT, expect="first/bar", revision="r1"),
    Row("L7", S2, "r1", EXACT, revision="r1"),
    Row("L8", S2, "r2", EXACT, expect="second/bar", revision="r2"),
    Row("L9", F1, "r0", EXACT, expect=ResourceExpiredError, text=TOO_OLD),
    Row("L10", F1, "0", NOT, expect="|first/bar*"),
    Row("L11", F1, "0", "Invalid", expect=Exception),
    Row("L12", F1, "r0", NOT, expect="|first/bar*"),
    Row("L13", F1, "r0", "Invalid", expect=Exception),
    Row("L14", F1, "r8", expect="first/bar*"),
    Row("L15", F1, "r8", EXACT, expect="first/bar*", revision="r8"),
    Row("L16", F1, "r8", NOT, expect="first/bar*"),
    Row("L17", "/pods/non-existing/"),
    Row("L18", F1, field="metadata.name!=bar"),
    Row("L19", F1, "r8", NOT, field="metadata.name!=bar"),
    Row("L20", S2, limit=1, expect="second/bar", revision="r9", next=("bar\0", "r9"), remaining=1),
    Row("L21", S2, "r8", limit=1, expect="second/bar", revision="r8", next=("bar\0", "r8"), remaining=1),
    Row("L22", S2, "r8", EXACT, limit=1, expect="second/bar", revision="r8", next=("bar\0", "r8"), remaining=1),
    Row("L23", S2, "r8", NOT, limit=1, expect="second/bar", revision=">=r8", next="yes", remaining=1),
    Row("L24", S2, "0", limit=1, expect="second/bar", revision=">=r8", next="yes", remaining=1, without_cache=True),
    Row(
        "L25", S2, "0", NOT, limit=1, expect="second/bar", revision=">=r8", next="yes", remaining=1, without_cache=True
    ),
    Row("L26", S2, "r1", EXACT, limit=1, revision="r1"),
    Row("L27", S2, "r2", EXACT, limit=1, expect="second/bar", revision="r2"),
    Row("L28", S2, limit=1, token=("foo", "r8"), expect="second/foo"),
    Row("L29", S2, "0", limit=1, token=("foo", "r8"), expect="second/foo"),
    Row("L30", S2, expect="second/bar second/foo"),
    Row("L31", S2, "r8", NOT, expect="second/bar second/foo"),
    Row("L32", field="metadata.name=barfoo", limit=1, expect="third/barfoo", next="yes"),
    Row("L33", version="r8", match=NOT, field="metadata.name=barfoo", limit=1, expect="third/barfoo", next="yes",
        revision=">=r8"),
    Row("L34", field="metadata.name=barfoo", limit=2, expect="third/barfoo"),
    Row("L35", version="r8", match=NOT, field="metadata.name=barfoo", limit=2, expect="third/barfoo", revision=">=r8"),
    Row("L36", version="0", field="metadata.name=barfoo", limit=2, expect="|third/barfoo"),
    Row("L37", field="metadata.name=bar", limit=2, expect="first/bar* second/bar", next="yes"),
    Row("L38", version="r8", match=NOT, field="metadata.name=bar", limit=2, expect="first/bar* second/bar",
        next="yes"),
    Row("L39", field="metadata.name=foo", limit=2, expect="second/foo third/foo"),
    Row("L40", version="r8", match=NOT, field="metadata.name=foo", limit=2, expect="second/foo third/foo"),
    Row("L41", field="metadata.name=foo", limit=2, token=("third/barfoo", "r8"), expect="third/foo"),
    Row("L42", field="metadata.name=foo", limit=1, token=("third/barfoo", "r8"), expect="third/foo"),
    Row("L43", field="metadata.name=foo", limit=2, token=("third/barfoo", "r8"), expect="third/foo"),
    Row("L44", field="metadata.name=foo", limit=5, expect="second/foo third/foo"),
    Row("L45", version="r8", match=NOT, field="metadata.name=foo", limit=5, expect="second/foo third/foo"),
    Row("L46", field="metadata.name=barfoo", limit=5, expect="third/barfoo"),
    Row("L47", version="r8", match=NOT, field="metadata.name=barfoo", limit=5, expect="third/barfoo"),
    Row("L48", expect=ALL),
    Row("L49", version="r8", match=NOT, expect=ALL),
    Row("L50", version="r8", match=NOT, field="spec.nodeName=fakeNode", limit=5, expect="first/bar*"),
    Row("L51", version="r8", match=NOT, field="metadata.name=baz", limit=5),
    Row("L52", "/pods/empty/", revision="r9"),
    Row("L53", "/pods/empty/", "0", revision=">=r0"),
    Row("L54", version="r0", match=EXACT, expect=ResourceExpiredError, text=TOO_OLD),
    Row("L55", version="r1", match=EXACT, expect="first/bar", revision="r1"),
    Row("L56", version="r2", match=EXACT, expect="first/bar second/bar", revision="r2"),
    Row("L57", version="r3", match=EXACT, expect="first/bar second/bar second/foo", revision="r3"),
    Row("L58", version="r4", match=EXACT, expect="first/bar second/bar second/foo third/barfoo", revision="r4"),
    Row("L59", version="r5", match=EXACT, expect="first/bar second/bar second/foo third/barfoo third/foo",
        revision="r5"),
    Row("L60", version="r6", match=EXACT, expect=AT_7.replace("*", ""), revision="r6"),
    Row("L61", version="r7", match=EXACT, expect=AT_7, revision="r7"),
    Row("L62", version="r8", match=EXACT, expect=ALL, revision="r8"),
    Row("L63", version="r9", match=EXACT, expect=ALL, revision="r9"),
    Row("L64", version="r10", match=EXACT, expect=TooLargeResourceVersionError),
    Row("L65", version="r2", match=EXACT, limit=1, expect="first/bar", revision="r2", next=("first/bar\0", "r2"),
        remaining=1),
    Row("L66", version="r3", match=EXACT, limit=2, expect="first/bar second/bar", revision="r3",
        next=("second/bar\0", "r3"), remaining=1),
    Row("L67", version="r4", match=EXACT, limit=4, expect="first/bar second/bar second/foo third/barfoo",
        revision="r4"),
    Row("L68", version="r5", match=EXACT, limit=1, expect="first/bar", revision="r5", next=("first/bar\0", "r5"),
        remaining=4),
    Row("L69", version="r6", match=EXACT, limit=2, expect="first/bar second/bar", revision="r6",
        next=("second/bar\0", "r6"), remaining=4),
    Row("L70", version="r7", match=EXACT, limit=4, expect="first/bar* second/bar second/baz second/foo",
        revision="r7", next=("second/foo\0", "r7"), remaining=2),
    Row("L71", version="r8", match=EXACT, limit=8, expect=ALL, revision="r8"),
    Row("L72", version="r9", match=EXACT, limit=1, expect="first/bar*", revision="r9", next=("first/bar\0", "r9"),
        remaining=4),
    Row("L73", limit=1, token=("first/bar\0", "r0"), expect=ResourceExpiredError, text=CONTINUE_TOO_OLD),
    Row("L74", limit=1, token=("first/bar\0", "r1"), revision="r1"),
    Row("L75", limit=1, token=("first/bar\0", "r2"), expect="second/bar", revision="r2"),
    Row("L76", limit=2, token=("second/bar\0", "r3"), expect="second/foo", revision="r3"),
    Row("L77", limit=1, token=("first/bar\0", "r5"), expect="second/bar", revision="r5",
        next=("second/bar\0", "r5"), remaining=3),
    Row("L78", limit=2, token=("second/bar\0", "r6"), expect="second/baz second/foo", revision="r6",
        next=("second/foo\0", "r6"), remaining=2),
    Row("L79", limit=4, token=("second/foo\0", "r7"), expect="third/barfoo third/foo", revision="r7"),
    Row("L80", limit=1, token=("first/bar\0", "r9"), expect="second/bar", revision="r9",
        next=("second/bar\0", "r9"), remaining=3),
    Row("L81", token=("first/bar\0", "-1"), expect="second/bar second/foo third/barfoo third/foo", revision="r9"),
    Row("L82", limit=2, token=("first/bar\0", "-1"), expect="second/bar second/foo", revision="r9",
        next=("second/foo\0", "r9"), remaining=2),
    Row("L83", token=("second/foo\0", "-1"), expect="third/barfoo third/foo", revision="r9"),
    Row("L84", token=("", "r5"), expect=Exception),
    Row("L85", token=("first/bar\0", "0"), expect=Exception),
    Row("L86", version="-1", expect=Exception),
]  # fmt: skip


async def list_fixture(harness: Harness) -> dict[str, int]:
    """Write what the table is about; the revisions by name."""
    revisions = {"r0": await harness.backend.get_current_resource_version()}
    paths = ["first/bar", "second/bar", "second/foo", "third/barfoo", "third/foo", "second/baz"]
    for number, path in enumerate(paths, 1):
        revisions[f"r{number}"] = (await harness.create(path)).revision
    revisions["r7"] = (await harness.update("first/bar", assign("fakeNode"))).revision
    revisions["r8"] = (await harness.backend.delete(key_of("second/baz"))).revision
    await harness.compact(revisions["r1"])
    revisions["r9"] = await harness.backend.get_current_resource_version()
    assert revisions["r9"] == revisions["r8"] + 1
    revisions["r10"] = revisions["r9"] + 1
    return revisions


def assign(node: str) -> Callable[[Pod], None]:
    def change(pod: Pod) -> None:
        pod.spec.node_name = node

    return change


def shown(stored: StoredObject[Pod]) -> str:
    return path_of(stored) + ("*" if stored.shared.spec.node_name == "fakeNode" else "")


def paths(found: StoredList[Pod]) -> list[str]:
    return [path_of(stored) for stored in found.items]


@pytest.mark.parametrize("row", LIST_TABLE, ids=lambda row: row.id)
async def test_list(harness: Harness, row: Row) -> None:
    if row.without_cache and harness.cached:
        pytest.skip("a cache ignores the limit of a list that may be of any age")
    await harness.backend.stats()  # fills a cache
    revisions = await list_fixture(harness)
    full = harness.store.keys.full(row.prefix)
    token = ""
    if row.token is not None:
        start, at = row.token
        token = raw_token(full, start, revisions[at] if at in revisions else int(at))
    options = ListOptions(
        resource_version=str(revisions.get(row.version, row.version)),
        resource_version_match=row.match,
        recursive=True,
        predicate=selecting(field_selector=row.field, limit=row.limit, continue_token=token),
    )
    harness.watched.ranges = 0
    if not isinstance(row.expect, str):
        with pytest.raises(row.expect) as caught:
            await harness.backend.get_list(row.prefix, options)
        assert row.text in str(caught.value)
        if harness.cached:
            assert harness.watched.ranges == (1 if row.expect is ResourceExpiredError else 0)
        return
    found = await harness.backend.get_list(row.prefix, options)
    if harness.cached:
        assert harness.watched.ranges == 0
    assert [shown(stored) for stored in found.items] in [choice.split() for choice in row.expect.split("|")]
    if row.revision.startswith(">="):
        assert found.resource_version >= revisions[row.revision[2:]]
    elif row.revision:
        assert found.resource_version == revisions[row.revision]
    if isinstance(row.next, str):
        assert bool(found.continue_token) is bool(row.next)
    else:
        start, at = row.next
        assert decode_continue(found.continue_token, full) == (full + start, revisions[at])
    assert found.remaining_item_count == row.remaining
    for stored in found.items:
        assert stored.shared.metadata.resource_version == str(stored.revision)


def raw_token(full: str, start: str, revision: int) -> str:
    if start:
        return encode_continue(full + start, full, revision)
    # What no server hands out: an empty start.
    import base64

    text = f'{{"v":"meta.k8s.io/v1","rv":{revision},"start":""}}'
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


# ---- consistency


@pytest.mark.parametrize(
    ("version", "token", "exact"),
    [
        pytest.param("0", False, False, id="CL-1"),
        pytest.param("", False, True, id="CL-2"),
        pytest.param("", True, True, id="CL-3"),
        pytest.param("0", False, False, id="CL-4"),
    ],
)
async def test_the_revision_of_an_empty_list_is_that_of_the_store(
    harness: Harness, version: str, token: bool, exact: bool
) -> None:
    await harness.create("pods/foo")
    current = await harness.increase_rv()
    start = harness.token("pods/foo\0", -1, "/pods/empty/") if token else ""
    found = await harness.backend.get_list("/pods/empty", everything(version, continue_token=start))
    assert found.items == []
    if exact or not harness.cached:
        assert found.resource_version == current
    assert found.resource_version <= current


@pytest.mark.parametrize(
    ("version", "match", "expect", "field"),
    [
        pytest.param("", "", {"n"}, "", id="NR-1"),
        pytest.param("0", "", {"", "o", "n"}, "", id="NR-2"),
        pytest.param("0", NOT, {"", "o", "n"}, "", id="NR-3"),
        pytest.param("n", "", {"n"}, "", id="NR-4"),
        pytest.param("n", NOT, {"n"}, "", id="NR-5"),
        pytest.param("o", NOT, {"o", "n"}, "", id="NR-6"),
        pytest.param("n", EXACT, {"n"}, "", id="NR-7"),
        pytest.param("o", EXACT, {"o"}, "", id="NR-8"),
        pytest.param(MAX_INT64, "", None, "", id="NR-9"),
        pytest.param("missing", "", {""}, "", id="NR-10"),
        pytest.param("missing", "", {""}, "metadata.name!=foo", id="NR-11"),
        pytest.param("n", "", {""}, "metadata.name!=foo", id="NR-12"),
    ],
)
async def test_a_list_of_one_key(
    harness: Harness, version: str, match: str, expect: set[str] | None, field: str
) -> None:
    old = await harness.create("test-ns/foo")
    new = await harness.update("test-ns/foo", assign("node"))
    await harness.increase_rv()
    key, asked = key_of("test-ns/foo"), {"o": old.revision, "n": new.revision}.get(version, version)
    if version == "missing":
        key, asked = key_of("test-ns/non-existing"), ""
    options = ListOptions(
        resource_version=str(asked), resource_version_match=match, predicate=selecting(field_selector=field)
    )
    if expect is None:
        with pytest.raises(TooLargeResourceVersionError):
            await harness.backend.get_list(key, options)
        return
    found = await harness.backend.get_list(key, options)
    names = {old.revision: "o", new.revision: "n"}
    assert "".join(names[stored.revision] for stored in found.items) in expect
    assert found.resource_version > 0


@case("RP")
async def test_a_prefix_reaches_whole_segments_only(harness: Harness) -> None:
    for path in ("test-ns/foo", "test-ns/foobar", "test-ns2/baz"):
        last = await harness.create(path)
    for version, match in ((str(last.revision), EXACT), ("", ""), ("0", NOT)):
        for key, recursive, expect in (
            ("/pods/", False, []),
            ("/pods/", True, ["test-ns/foo", "test-ns/foobar", "test-ns2/baz"]),
            ("/pods/test-ns/", False, []),
            ("/pods/test-ns/", True, ["test-ns/foo", "test-ns/foobar"]),
            ("/pods/test-ns/foo", False, ["test-ns/foo"]),
            ("/pods/test-ns/foo", True, []),
            ("/pods/test-ns/foobar", False, ["test-ns/foobar"]),
            ("/pods/test-ns/foobar", True, []),
        ):
            options = ListOptions(resource_version=version, resource_version_match=match, recursive=recursive)
            assert paths(await harness.backend.get_list(key, options)) == expect, (key, recursive, version)


# ---- pages


@case("PG-1")
async def test_pages_show_the_state_of_the_first_one(harness: Harness) -> None:
    for number in range(4):
        await harness.create(f"test-ns/{number}")
    names, token, calls = [], "", 0
    while True:
        calls += 1
        page = await harness.backend.get_list("/pods/", everything(limit=1, continue_token=token))
        names += paths(page)
        if calls == 2:
            await harness.create("test-ns/3a")
        token = page.continue_token
        if not token:
            break
    assert calls == 4
    assert names == [f"test-ns/{number}" for number in range(4)]


@case("CO-1..4")
async def test_a_list_is_continued_at_its_revision(harness: Harness) -> None:
    for path in ("test-ns/one", "test-ns/three", "test-ns/two"):
        last = await harness.create(path)
    await harness.backend.stats()
    costs = []

    async def page(limit: int = 0, token: str = "") -> StoredList[Pod]:
        harness.transformer.reads = harness.watched.ranges = 0
        found = await harness.backend.get_list("/pods/", everything(limit=limit, continue_token=token))
        costs.append((harness.transformer.reads, harness.watched.ranges))
        return found

    first = await page(limit=1)
    assert (paths(first), first.resource_version) == (["test-ns/one"], last.revision)
    rest = await page(token=first.continue_token)
    assert (paths(rest), rest.resource_version, rest.continue_token) == (
        ["test-ns/three", "test-ns/two"],
        last.revision,
        "",
    )
    second = await page(limit=1, token=first.continue_token)
    assert paths(second) == ["test-ns/three"]
    assert second.continue_token
    third = await page(limit=1, token=second.continue_token)
    assert (paths(third), third.continue_token) == (["test-ns/two"], "")
    assert costs == ([(0, 0)] * 4 if harness.cached else [(1, 1), (2, 1), (1, 1), (1, 1)])


@case("RO-1")
async def test_a_rare_object_is_found_by_growing_reads(harness: Harness) -> None:
    await asyncio.gather(*(harness.create(f"test-ns/pod-{number}") for number in range(1000)))
    await harness.backend.stats()
    harness.transformer.reads = harness.watched.ranges = 0
    found = await harness.backend.get_list("/pods/", everything(field_selector="metadata.name=pod-999", limit=1))
    assert (paths(found), found.continue_token) == (["test-ns/pod-999"], "")
    assert harness.transformer.reads == (0 if harness.cached else 1000)
    assert harness.watched.ranges <= (0 if harness.cached else 10)


@case("CF-1..2")
async def test_a_filtered_list_is_continued_behind_what_was_looked_at(harness: Harness) -> None:
    for path in ("1/foo", "2/bar", "3/foo", "4/foo"):
        await harness.create(path)
    await harness.backend.stats()
    harness.transformer.reads = 0
    first = await harness.backend.get_list("/pods/", everything(field_selector="metadata.name!=bar", limit=2))
    assert paths(first) == ["1/foo", "3/foo"]
    assert first.continue_token
    assert harness.transformer.reads == (0 if harness.cached else 3)
    harness.transformer.reads = 0
    second = await harness.backend.get_list(
        "/pods/", everything(field_selector="metadata.name!=bar", limit=2, continue_token=first.continue_token)
    )
    assert (paths(second), second.continue_token) == (["4/foo"], "")
    assert harness.transformer.reads == (0 if harness.cached else 1)


@case("IC-1..3")
async def test_an_expired_token_comes_with_one_that_goes_on_at_the_newest_revision(bare_harness: Harness) -> None:
    harness = bare_harness
    for path in ("test-ns/1", "test-ns/2", "test-ns/3"):
        await harness.create(path)
    first = await harness.backend.get_list("/pods/", everything("0", limit=1))
    updated = await harness.update("test-ns/3", assign("new"))
    await harness.compact(updated.revision)
    with pytest.raises(ResourceExpiredError, match="continue parameter is too old") as caught:
        await harness.backend.get_list("/pods/", everything("0", limit=1, continue_token=first.continue_token))
    token = caught.value.status().metadata.continue_token
    assert token
    second = await harness.backend.get_list("/pods/", everything("0", limit=1, continue_token=token))
    assert paths(second) == ["test-ns/2"]
    assert second.resource_version >= updated.revision
    third = await harness.backend.get_list("/pods/", everything("0", limit=1, continue_token=second.continue_token))
    assert paths(third) == ["test-ns/3"]
    assert third.items[0].shared.spec.node_name == "new"
    assert (third.resource_version, third.continue_token) == (second.resource_version, "")


@case("RM-1")
async def test_the_same_revision_gives_the_same_page_while_others_write(bare_harness: Harness) -> None:
    harness = bare_harness
    number = 0

    async def create(count: int) -> None:
        nonlocal number
        for _ in range(count):
            even = {"even": "true" if number % 2 == 0 else "false"}
            await harness.create(f"test-ns/pod-{number:03}", labels_=even)
            number += 1

    await create(4)

    async def create_one_more_each(result: RangeResult) -> None:
        await create(len(result.kvs))

    harness.watched.after_range = create_one_more_each
    options = {"label_selector": "even=true", "limit": 4}
    first = await harness.backend.get_list("/pods/", everything("", "", **options))
    again = await harness.backend.get_list("/pods/", everything(first.resource_version, EXACT, **options))
    assert (paths(again), again.resource_version) == (paths(first), first.resource_version)
    newer = await harness.backend.get_list("/pods/", everything(first.resource_version, NOT, **options))
    again = await harness.backend.get_list("/pods/", everything(newer.resource_version, EXACT, **options))
    assert (paths(again), again.resource_version) == (paths(newer), newer.resource_version)


# ---- unreadable objects


@case("TF-1")
async def test_an_object_the_transformer_cannot_read_fails_every_verb(bare_harness: Harness) -> None:
    harness = bare_harness
    harness.transformer.prefix = b"other!"
    await harness.create("test-ns/foo")
    harness.transformer.prefix = b"test!"
    good = await harness.create("test-ns/bar")
    key = key_of("test-ns/foo")

    async def same(existing: StoredObject[Pod] | None, meta: ResponseMeta) -> tuple[Pod, int | None]:
        return (existing.object() if existing is not None else new_pod("test-ns/foo")), None

    unreadable = StoredObject(key, good.revision - 1, CODEC_BYTES, harness.store.form)
    for call in (
        harness.backend.get_list("/pods/", everything()),
        harness.backend.get(key),
        harness.backend.guaranteed_update(key, same),
        harness.backend.delete(key),
        harness.backend.get(key),
    ):
        with pytest.raises(StorageInternalError):
            await call
    with pytest.raises(StorageInternalError):
        await harness.backend.guaranteed_update(key, same, cached_existing=unreadable)


CODEC_BYTES = (
    b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"foo","namespace":"test-ns"},"spec":{},"status":{}}\n'
)


@case("EA-6")
async def test_the_first_unreadable_object_ends_a_list(bare_harness: Harness) -> None:
    harness = bare_harness
    await harness.create("test-ns/bar")
    await harness.create("test-ns/foo")
    harness.transformer.failure = lambda data: b'"foo"' in data
    with pytest.raises(StorageInternalError, match=r'^unable to transform key "/registry/pods/test-ns/foo"'):
        await harness.backend.get_list("/pods/", everything())


# ---- statistics, compaction, keys


@case("ST-1")
async def test_statistics_follow_the_objects(harness: Harness) -> None:
    async def check(*expect: str) -> None:
        await harness.backend.get_list("/pods/", everything())
        found = await harness.backend.stats()
        sizes = [len(await harness.raw(path)) for path in expect]
        assert found.object_count == len(expect)
        assert found.estimated_average_object_size_bytes == (sum(sizes) // len(sizes) if sizes else 0)

    await check()
    await harness.create("test-ns/foo")
    await check("test-ns/foo")
    await harness.create("test-ns/a-longer-name")
    await check("test-ns/foo", "test-ns/a-longer-name")
    await harness.update("test-ns/foo", assign("some-node"))
    await check("test-ns/foo", "test-ns/a-longer-name")
    await harness.backend.delete(key_of("test-ns/foo"))
    await check("test-ns/a-longer-name")
    with pytest.raises(KeyNotFoundError):
        await harness.backend.delete(key_of("test-ns/foo"))
    await check("test-ns/a-longer-name")
    await harness.backend.delete(key_of("test-ns/a-longer-name"))
    await check()


@case("CR-1")
async def test_the_compact_revision_is_that_of_the_last_compaction(harness: Harness) -> None:
    current = await harness.backend.get_current_resource_version()
    assert harness.backend.compact_revision() < current
    await harness.backend.get_list("/pods/", everything(current, EXACT))
    assert await harness.increase_rv() == current + 1
    await harness.compact(current + 1)
    with pytest.raises(ResourceExpiredError, match="too old"):
        await harness.backend.get_list("/pods/", everything(current, EXACT))
    assert harness.backend.compact_revision() == current + 1


@pytest.mark.parametrize(
    ("key", "recursive", "problem"),
    [
        ("", False, "empty key"),
        ("/", False, "empty key"),
        (".", False, "invalid key"),
        ("..", False, "invalid key"),
        ("/pods/./x", False, "invalid key"),
        ("/pods/../x", False, "invalid key"),
        ("pods", False, "lacks resource prefix"),
        ("/pods.apps", False, "lacks resource prefix"),
        ("/foo/", False, "lacks resource prefix"),
        ("/pods", False, "lacks resource prefix"),
        ("/pods", True, ""),
        ("/pods/", False, ""),
        ("/pods/x", False, ""),
        ("/pods/x/y", False, ""),
    ],
    ids=lambda value: f"KS-1 {value}" if isinstance(value, str) and not value.isalpha() else None,
)
async def test_keys_outside_the_prefix_are_refused(harness: Harness, key: str, recursive: bool, problem: str) -> None:
    async def same(existing: StoredObject[Pod] | None, meta: ResponseMeta) -> tuple[Pod, int | None]:
        return new_pod("x/y"), None

    async def watch() -> None:
        (await harness.backend.watch(key, ListOptions(recursive=recursive))).close()

    calls: list[Callable[[], object]] = [
        lambda: harness.backend.get_list(key, ListOptions(recursive=recursive)),
        watch,
    ]
    if not recursive:
        calls += [
            lambda: harness.backend.create(key, new_pod("x/y")),
            lambda: harness.backend.get(key),
            lambda: harness.backend.guaranteed_update(key, same),
            lambda: harness.backend.delete(key),
        ]
    for call in calls:
        if problem:
            with pytest.raises(InvalidKeyError, match=problem):
                await call()  # type: ignore[misc]
        else:
            await call()  # type: ignore[misc]


# ---- lists by namespace and selector


@pytest.mark.parametrize(
    ("path", "selector", "stored", "expect"),
    [
        pytest.param("", "", "foo1@ns1 foo2@ns2", "foo1@ns1 foo2@ns2", id="NS-1"),
        pytest.param("", "metadata.namespace=ns1", "foo1@ns1 foo1@ns2", "foo1@ns1", id="NS-2"),
        pytest.param("", "spec.nodeName=bar1", "foo1@ns1(bar1) foo2@ns2(bar2)", "foo1@ns1", id="NS-3"),
        pytest.param("", "spec.nodeName!=bar1", "foo1@ns1(bar1) foo2@ns2(bar2)", "foo2@ns2", id="NS-4"),
        pytest.param("ns1", "", "foo1@ns1 foo1@ns2 foo2@ns1", "foo1@ns1 foo2@ns1", id="NS-5"),
        pytest.param("ns1", "metadata.namespace=ns1", "foo1@ns1 foo1@ns2", "foo1@ns1", id="NS-6"),
        pytest.param("ns1", "metadata.namespace=ns2", "foo1@ns1 foo2@ns1 foo1@ns2 foo2@ns2", "", id="NS-7"),
        pytest.param(
            "ns1", "spec.nodeName=bar2", "foo1@ns1(bar1) foo1@ns2(bar2) foo2@ns1(bar2)", "foo2@ns1", id="NS-8"
        ),
        pytest.param(
            "ns2",
            "spec.nodeName!=bar1",
            "foo1@ns1 foo1@ns2 foo3@ns2(bar1) foo2@ns2(bar2)",
            "foo1@ns2 foo2@ns2",
            id="NS-9",
        ),
        pytest.param("", "metadata.name=foo1", "foo1@ns1 foo1@ns2 foo2@ns1", "foo1@ns1 foo1@ns2", id="NS-10"),
        pytest.param(
            "", "metadata.name=foo1,metadata.namespace=ns1", "foo1@ns1 foo2@ns1 foo1@ns2", "foo1@ns1", id="NS-11"
        ),
        pytest.param("", "metadata.name=foo1,spec.nodeName=bar1", "foo1@ns1(bar1)", "foo1@ns1", id="NS-12"),
        pytest.param(
            "",
            "metadata.name=foo1,spec.nodeName!=bar1",
            "foo1@ns1 foo2@ns1 foo1@ns2(bar1) foo2@ns2(bar1) foo1@ns3(bar2) foo2@ns3(bar2)",
            "foo1@ns1 foo1@ns3",
            id="NS-13",
        ),
        pytest.param("ns1", "metadata.name=foo1", "foo1@ns1 foo2@ns1 foo1@ns2 foo2@ns2", "foo1@ns1", id="NS-14"),
        pytest.param(
            "ns1",
            "metadata.name=foo1,metadata.namespace=ns1",
            "foo1@ns1 foo2@ns1 foo1@ns2 foo2@ns2",
            "foo1@ns1",
            id="NS-15",
        ),
        pytest.param(
            "ns2",
            "metadata.name=foo2,metadata.namespace=ns2,spec.nodeName=bar1",
            "foo1@ns1 foo2@ns1 foo1@ns2 foo2@ns2(bar1) foo1@ns3(bar1) foo2@ns3(bar1)",
            "foo2@ns2",
            id="NS-16",
        ),
        pytest.param(
            "ns2",
            "metadata.name=foo1,metadata.namespace=ns2,spec.nodeName!=bar2",
            "foo1@ns1 foo2@ns1 foo1@ns2(bar1) foo2@ns2(bar2) foo1@ns3(bar2)",
            "foo1@ns2",
            id="NS-17",
        ),
    ],
)
async def test_list_by_namespace_and_fields(
    harness: Harness, path: str, selector: str, stored: str, expect: str
) -> None:
    for text in stored.split():
        name, _, place = text.partition("@")
        namespace, _, node = place.rstrip(")").partition("(")
        await harness.create(f"{namespace}/{name}", node=node)
    key = f"/pods/{path}/" if path else "/pods/"
    found = await harness.backend.get_list(key, everything(field_selector=selector))
    wanted = ["/".join(reversed(text.split("@"))) for text in expect.split()]
    assert paths(found) == wanted
