"""The small parts of storage: keys, tokens, versions, selection, stored objects, errors, retention."""

import base64
import json
from typing import Any

import attrs
import pytest

from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.storage import errors
from genericapiserver.storage.continue_token import ContinueTokenError, decode_continue, encode_continue
from genericapiserver.storage.errors import CorruptObjectError, InvalidResourceVersionError, ObjectTooLargeError
from genericapiserver.storage.interface import ListOptions, Preconditions
from genericapiserver.storage.keys import KeySpace
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.retention import CompactionSchedule, Retention
from genericapiserver.storage.selection import EVERYTHING
from genericapiserver.storage.store import Store
from genericapiserver.storage.stored import ObjectAttributes, StoredObject
from genericapiserver.storage.transformer import IdentityTransformer
from genericapiserver.storage.versioning import ListPlan, parse_resource_version, plan_list
from tests.conformance.storage_harness import FORM, Pod, new_pod, selecting

PREFIX = "/registry/pods/"

# ---- keys


@pytest.mark.parametrize(
    ("prefix", "full"),
    [
        ("/registry", "/registry/pods/a"),
        ("registry", "/registry/pods/a"),
        ("custom//prefix//", "/custom/prefix/pods/a"),
        ("/custom//prefix//", "/custom/prefix/pods/a"),
        ("", "/pods/a"),
        ("/", "/pods/a"),
    ],
)
def test_the_prefix_of_the_store_is_cleaned(prefix: str, full: str) -> None:
    keys = KeySpace(prefix, "/pods")
    assert keys.full("/pods/a") == full
    assert keys.engine_key("/pods/a") == full.encode()
    assert keys.from_engine(full.encode()) == "/pods/a"
    assert keys.from_full(full) == "/pods/a"


@pytest.mark.parametrize(
    ("prefix", "problem"),
    [
        ("", "resourcePrefix cannot be empty"),
        ("/", "resourcePrefix cannot be /"),
        ("pods", "resourcePrefix needs to start from /"),
    ],
)
def test_a_resource_prefix_that_could_reach_others_is_refused(prefix: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        KeySpace("/registry", prefix)


# ---- continue tokens


def token_of(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def token(start: str, revision: int = 1, version: str = "meta.k8s.io/v1") -> str:
    return token_of({"v": version, "rv": revision, "start": start})


@pytest.mark.parametrize("start", ["ns/a\0", "a", "ns/ä\0"])
def test_a_token_is_read_back(start: str) -> None:
    encoded = encode_continue(PREFIX + start, PREFIX, 7)
    assert "=" not in encoded
    assert decode_continue(encoded, PREFIX) == (PREFIX + start, 7)


@pytest.mark.parametrize(
    ("text", "key"),
    [(token("/"), PREFIX), (token("/ns/a"), PREFIX + "ns/a"), (token("a..b/c"), PREFIX + "a..b/c")],
    ids=["the prefix itself", "absolute", "dots in a name"],
)
def test_a_token_may_start_with_a_slash(text: str, key: str) -> None:
    assert decode_continue(text, PREFIX) == (key, 1)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("asdf#", "illegal base64 data at input byte 4"),
        ("abcde", "illegal base64 data at input byte 4"),
        ("YQ==", "illegal base64 data at input byte 2"),
        (token("a", 0), "incorrect encoded start resourceVersion (version meta.k8s.io/v1)"),
        (token(""), "encoded start key empty (version meta.k8s.io/v1)"),
        (token("a", 1, "v2"), "server does not recognize this encoded version v2"),
        (token("../a"), "../a"),
        (token("a/../b"), "a/../b"),
        (token("./a"), "./a"),
        (token("a//b"), "a//b"),
        (token("//a"), "//a"),
        (token("a/"), "a/"),
        (token(".."), ".."),
        (token("a", 2**63), "json: cannot unmarshal number"),
        (token_of({"v": 5, "rv": 1, "start": "a"}), "json: cannot unmarshal number into Go struct field"),
        (token_of({"v": None, "rv": 1, "start": "a"}), "server does not recognize this encoded version "),
        (token_of({"v": "meta.k8s.io/v1", "rv": "1", "start": "a"}), "json: cannot unmarshal string"),
        (token_of({"v": "meta.k8s.io/v1", "rv": 1, "start": 5}), "json: cannot unmarshal number"),
        (token_of([1]), "json: cannot unmarshal array"),
        (token_of(None), "server does not recognize this encoded version "),
    ],
)
def test_a_token_that_cannot_be_one_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ContinueTokenError) as caught:
        decode_continue(text, PREFIX)
    assert str(caught.value).startswith(f"continue key is not valid: {problem}")


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 100_000, b'{"v":"\xff"}', b'{"rv":' + b"1" * 5000 + b"}"])
def test_bytes_that_are_no_json_are_refused(data: bytes) -> None:
    with pytest.raises(ContinueTokenError, match=r"^continue key is not valid: "):
        decode_continue(base64.urlsafe_b64encode(data).rstrip(b"=").decode(), PREFIX)


def test_a_key_outside_the_prefix_makes_no_token() -> None:
    with pytest.raises(ContinueTokenError, match=r"^unable to encode next field: the key and key prefix do not match$"):
        encode_continue("/registry/other/a", PREFIX, 1)


# ---- resource versions


@pytest.mark.parametrize(("text", "number"), [("", 0), ("0", 0), ("15", 15), ("007", 7), (str(2**64 - 1), 2**64 - 1)])
def test_resource_versions_are_unsigned_numbers(text: str, number: int) -> None:
    assert parse_resource_version(text) == number


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("abc", "invalid syntax"),
        ("-1", "invalid syntax"),
        ("+1", "invalid syntax"),
        ("1.5", "invalid syntax"),
        (" 1", "invalid syntax"),
        ("١", "invalid syntax"),
        (str(2**64), "value out of range"),
        ("9" * 10_000, "value out of range"),
    ],
    ids=lambda text: text[:20],
)
def test_other_resource_versions_are_refused_with_gos_text(text: str, problem: str) -> None:
    with pytest.raises(InvalidResourceVersionError) as caught:
        parse_resource_version(text)
    assert str(caught.value).startswith("resourceVersion: Invalid value: ")
    assert str(caught.value).endswith(f": {problem}")


@pytest.mark.parametrize(
    ("version", "match", "limit", "continue_", "recursive", "plan"),
    [
        ("", "", 0, 0, True, ListPlan()),
        ("0", "", 5, 0, True, ListPlan()),
        ("5", "", 0, 0, True, ListPlan(not_older_than=5)),
        ("5", "", 5, 0, True, ListPlan(5, not_older_than=5)),
        ("5", "", 5, 0, False, ListPlan(not_older_than=5)),
        ("5", "NotOlderThan", 5, 0, True, ListPlan(not_older_than=5)),
        ("5", "Exact", 0, 0, True, ListPlan(5, not_older_than=5)),
        ("5", "Exact", 0, 0, False, ListPlan(5, not_older_than=5)),
        ("", "", 5, 7, True, ListPlan(7, PREFIX + "a")),
        ("0", "", 5, 7, True, ListPlan(7, PREFIX + "a")),
        ("", "", 5, -1, True, ListPlan(0, PREFIX + "a")),
        ("5", "", 5, 7, False, ListPlan(not_older_than=5)),
    ],
)
def test_what_a_list_is_about(
    version: str, match: str, limit: int, continue_: int, recursive: bool, plan: ListPlan
) -> None:
    predicate = selecting(limit=limit, continue_token=token("a", continue_) if continue_ else "")
    options = ListOptions(
        resource_version=version, resource_version_match=match, recursive=recursive, predicate=predicate
    )
    assert plan_list(PREFIX, options) == plan


@pytest.mark.parametrize(
    ("version", "match", "continue_", "text"),
    [
        ("5", "", token("a"), "specifying resource version is not allowed when using continue"),
        ("", "", "abc#", "invalid continue token: continue key is not valid: illegal base64 data at input byte 3"),
        (
            "abc",
            "",
            "",
            'invalid resource version: resourceVersion: Invalid value: "abc": '
            'strconv.ParseUint: parsing "abc": invalid syntax',
        ),
    ],
)
def test_what_a_list_cannot_be_about(version: str, match: str, continue_: str, text: str) -> None:
    options = ListOptions(
        resource_version=version,
        resource_version_match=match,
        recursive=True,
        predicate=selecting(continue_token=continue_),
    )
    with pytest.raises(BadRequestError) as caught:
        plan_list(PREFIX, options)
    assert str(caught.value) == text


def test_an_unknown_match_is_an_error() -> None:
    with pytest.raises(errors.StorageError, match=r"^unknown ResourceVersionMatch value: Latest$"):
        plan_list(PREFIX, ListOptions(resource_version="1", resource_version_match="Latest"))


# ---- selection


def stored_pod(path: str = "ns/a", **arguments: Any) -> StoredObject[Pod]:
    return StoredObject(f"/pods/{path}", 5, FORM.codec.encode(new_pod(path, **arguments)), FORM)


@pytest.mark.parametrize(
    ("fields", "labels", "selected"),
    [
        ("", "", True),
        ("metadata.name=a", "", True),
        ("metadata.name!=a", "", False),
        ("spec.nodeName=n", "", True),
        ("", "x=y", True),
        ("", "x!=y", False),
        ("metadata.name=a", "x=z", False),
    ],
)
def test_a_predicate_selects_by_labels_and_fields(fields: str, labels: str, selected: bool) -> None:
    stored = stored_pod(node="n", labels_={"x": "y"})
    assert selecting(field_selector=fields, label_selector=labels).matches(stored) is selected


def test_an_empty_predicate_looks_at_nothing() -> None:
    assert EVERYTHING.empty
    assert selecting().empty
    unreadable = StoredObject("/pods/a", 1, b"nonsense", FORM)
    assert selecting(limit=5).matches(unreadable)


@pytest.mark.parametrize("selector", [{"field_selector": "metadata.name=a"}, {"label_selector": "x=y"}])
def test_whether_an_undecodable_object_is_selected_is_not_guessed(selector: dict[str, Any]) -> None:
    """As in the reference, which decodes before it selects."""
    with pytest.raises(CorruptObjectError, match="object not decodable"):
        selecting(**selector).matches(StoredObject("/pods/a", 1, b"nonsense", FORM))


def test_an_object_without_attributes_is_not_selected() -> None:
    def fails(_: Pod) -> ObjectAttributes:
        raise ValueError("no attributes")

    stored = StoredObject("/pods/a", 1, stored_pod().value, attrs.evolve(FORM, attributes=fails))
    assert not selecting(label_selector="x!=y").matches(stored)


def test_a_predicate_knows_what_it_pins() -> None:
    pinned = selecting(field_selector="metadata.name=a,metadata.namespace=b")
    assert (pinned.matches_single(), pinned.matches_single_namespace()) == ("a", "b")
    assert EVERYTHING.matches_single() is None
    continued = selecting(field_selector="metadata.name=a", continue_token="x")
    assert continued.matches_single() is None
    assert selecting(field_selector="metadata.name!=a").matches_single() is None


def test_a_predicate_names_its_indexes() -> None:
    predicate = attrs.evolve(
        selecting(field_selector="spec.nodeName=n", label_selector="app=x"),
        index_fields=("spec.nodeName", "metadata.namespace", "spec.other"),
        index_labels=("app", "tier"),
    )
    assert predicate.matcher_index("ns") == [("f:spec.nodeName", "n"), ("f:metadata.namespace", "ns"), ("l:app", "x")]


# ---- stored objects


def test_a_stored_object_is_decoded_once_and_copied_for_who_changes_it() -> None:
    stored = stored_pod()
    assert stored.shared is stored.shared
    assert stored.shared.metadata.resource_version == "5"
    mine = stored.object()
    mine.metadata.name = "changed"
    assert stored.shared.metadata.name == "a"
    assert stored.attributes is stored.attributes


def test_a_representation_is_made_once_for_each_name() -> None:
    stored = stored_pod()
    made = []

    def make(pod: Pod) -> bytes:
        made.append(pod)
        return b"%d" % len(made)

    assert [stored.representation(name, make) for name in ("json", "json", "yaml", "json")] == [
        b"1", b"1", b"2", b"1",
    ]  # fmt: skip


def test_bytes_that_cannot_be_decoded_are_a_corrupt_object() -> None:
    with pytest.raises(CorruptObjectError, match="object not decodable revision=1: "):
        _ = StoredObject("/pods/a", 1, b"nonsense", FORM).shared


def test_a_deleted_object_is_its_content_at_another_revision() -> None:
    stored = stored_pod()
    deleted = stored.at_revision(9)
    assert (deleted.revision, deleted.value, deleted.shared.metadata.resource_version) == (9, stored.value, "9")
    assert stored.shared.metadata.resource_version == "5"


# ---- errors, limits, transformation


@pytest.mark.parametrize(
    ("kind", "code", "reason"),
    [
        (errors.KeyNotFoundError, 1, "key not found"),
        (errors.KeyExistsError, 2, "key exists"),
        (errors.ResourceVersionConflictsError, 3, "resource version conflicts"),
        (errors.InvalidObjectError, 4, "invalid object"),
        (errors.StorageUnreachableError, 5, "server unreachable"),
        (errors.StorageTimeoutError, 6, "request timeout"),
        (errors.CorruptObjectError, 7, "corrupt object"),
    ],
)
def test_the_seven_errors_read_as_the_reference_writes_them(kind: Any, code: int, reason: str) -> None:
    error = kind("/k", 5, "more")
    assert str(error) == f"StorageError: {reason}, Code: {code}, Key: /k, ResourceVersion: 5, AdditionalErrorMsg: more"
    assert isinstance(error, errors.StorageError)


@pytest.mark.parametrize(
    ("preconditions", "text"),
    [
        (Preconditions(uid="B"), "Precondition failed: UID in precondition: B, UID in object meta: A"),
        (
            Preconditions(resource_version="7"),
            "Precondition failed: ResourceVersion in precondition: 7, ResourceVersion in object meta: 5",
        ),
    ],
)
def test_preconditions_say_what_differs(preconditions: Preconditions, text: str) -> None:
    pod = stored_pod(uid="A").shared
    with pytest.raises(errors.InvalidObjectError) as caught:
        preconditions.check("/k", pod)
    assert caught.value.additional == text
    Preconditions(uid="A", resource_version="5").check("/k", pod)
    with pytest.raises(errors.StorageInternalError, match="can't enforce preconditions"):
        preconditions.check("/k", object())


async def test_an_object_over_the_limit_is_refused_and_leaves_nothing() -> None:
    engine = MemoryEngine(initial_rev=1)
    store = Store(engine, form=FORM, resource_prefix="/pods", max_object_bytes=1000)
    pod = new_pod("ns/a")
    pod.metadata.annotations = {"a": "x" * 1000}
    with pytest.raises(ObjectTooLargeError, match="limit is 1000"):
        await store.create("/pods/ns/a", pod)
    assert engine.current_rev() == 1
    await engine.aclose()


def test_encrypted_bytes_are_not_taken_for_plain_ones() -> None:
    identity = IdentityTransformer()
    assert identity.from_storage(identity.to_storage(b"x", b"k"), b"k") == (b"x", False)
    with pytest.raises(ValueError, match="identity transformer tried to read encrypted data"):
        identity.from_storage(b"k8s:enc:aesgcm:v1:key:...", b"k")


# ---- retention


def test_compaction_follows_one_interval_behind() -> None:
    schedule = CompactionSchedule(Retention(interval=10, max_events=0), now=0, current_rev=5)
    assert schedule.due(now=9, current_rev=8) == 0
    assert schedule.due(now=10, current_rev=9) == 5
    assert schedule.due(now=19, current_rev=12) == 0
    assert schedule.due(now=20, current_rev=12) == 9
    assert schedule.overflow(events=10**9, current_rev=10**9) == 0


def test_too_much_history_is_halved() -> None:
    schedule = CompactionSchedule(Retention(interval=0, max_events=100), now=0, current_rev=5)
    assert schedule.next_time == float("inf")
    assert schedule.overflow(events=100, current_rev=1000) == 0
    assert schedule.overflow(events=101, current_rev=1000) == 950
    with pytest.raises(ValueError, match="no negative numbers"):
        Retention(interval=-1)
