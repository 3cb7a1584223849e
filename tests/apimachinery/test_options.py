"""Options: out of the query, and validated."""

import datetime as dt
from typing import Any

import pytest

from genericapiserver.apimachinery import query_options as query
from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.apimachinery.field import Path
from genericapiserver.apimachinery.meta import (
    CreateOptions,
    DeleteOptions,
    GetOptions,
    PatchOptions,
    Preconditions,
    TableOptions,
    UpdateOptions,
)
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.types import Time, api_type, field
from genericapiserver.apimachinery.validation import options as validation
from genericapiserver.asgi import parse_query


def values(text: str) -> dict[str, list[str]]:
    return parse_query(text.encode())


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("", False),
        ("watch=1", True),
        ("watch=true", True),
        ("watch=foo", True),
        ("watch=", True),
        ("watch", True),
        ("watch=no", True),
        ("watch=0", False),
        ("watch=false", False),
        ("watch=FALSE", False),
        ("watch=False", False),
        ("watch=0&watch=1", False),
        ("Watch=1", False),
    ],
)
def test_a_bool_is_true_unless_it_says_no(text: str, flag: bool) -> None:
    assert query.decode_list_options(values(text)).watch is flag


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limit=abc", 'strconv.ParseInt: parsing "abc": invalid syntax'),
        ("limit=", 'strconv.ParseInt: parsing "": invalid syntax'),
        ("limit=9223372036854775808", 'strconv.ParseInt: parsing "9223372036854775808": value out of range'),
        ("timeoutSeconds=1.5&limit=x", 'strconv.ParseInt: parsing "1.5": invalid syntax'),
        ("labelSelector=a,,b&limit=x", 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("labelSelector=a,,b&fieldSelector=x", "found ',', expected: identifier after ','"),
        ("fieldSelector=x", "invalid selector: 'x'; can't understand 'x'"),
    ],
)
def test_what_cannot_be_read_is_400_with_the_bare_text(text: str, message: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        query.decode_list_options(values(text))
    assert str(caught.value) == message


def test_list_options_are_read_with_their_selectors() -> None:
    text = (
        "labelSelector=a%3Db&fieldSelector=metadata.name%3Dx&watch=1&allowWatchBookmarks=true&resourceVersion=5"
        "&resourceVersionMatch=Exact&timeoutSeconds=30&limit=500&limit=7&continue=abc&sendInitialEvents=false&unknown=1"
    )
    options = query.decode_list_options(values(text))
    assert str(options.label_selector) == "a=b"
    assert options.field_selector.requires_exact_match("metadata.name") == "x"
    assert (options.watch, options.allow_watch_bookmarks, options.send_initial_events) == (True, True, False)
    assert (options.resource_version, options.resource_version_match) == ("5", "Exact")
    assert (options.timeout_seconds, options.limit, options.continue_token) == (30, 500, "abc")


def test_nothing_sent_is_every_default() -> None:
    assert query.decode_list_options({}) == ListOptions()
    assert query.decode_list_options({"pretty": ["1"]}) == ListOptions()


@pytest.mark.parametrize(
    ("fields", "send_initial_events", "match"),
    [
        ({"watch": True}, True, "NotOlderThan"),
        ({"watch": True, "resource_version": "0"}, True, "NotOlderThan"),
        ({"watch": True, "resource_version": "5"}, None, ""),
        ({"watch": False}, None, ""),
        ({"watch": True, "send_initial_events": False}, False, ""),
        ({"watch": True, "resource_version_match": "Exact"}, None, "Exact"),
    ],
)
def test_a_watch_from_now_or_anywhere_begins_with_what_exists(
    fields: dict[str, Any], send_initial_events: bool | None, match: str
) -> None:
    options = ListOptions(**fields)
    query.set_list_options_defaults(options)
    assert (options.send_initial_events, options.resource_version_match) == (send_initial_events, match)
    without = ListOptions(**fields)
    query.set_list_options_defaults(without, watch_list=False)
    assert without == ListOptions(**fields)


def test_the_export_parameter_is_gone() -> None:
    for text in ("export=true", "export", "export=1"):
        with pytest.raises(BadRequestError) as caught:
            query.decode_get_options(values(text))
        assert str(caught.value) == "the export parameter, deprecated since v1.14, is no longer supported"
    assert query.decode_get_options(values("export=0&resourceVersion=7")) == GetOptions(resource_version="7")


def test_options_of_writes_are_read() -> None:
    text = values("dryRun=All&dryRun=Bar&fieldManager=m&fieldManager=n&fieldValidation=Strict&force=0")
    expected: dict[str, Any] = {"dry_run": ["All", "Bar"], "field_manager": "m", "field_validation": "Strict"}
    assert query.decode_create_options(text) == CreateOptions(**expected)
    assert query.decode_update_options(text) == UpdateOptions(**expected)
    assert query.decode_patch_options(text) == PatchOptions(**expected, force=False)
    assert query.decode_patch_options({}).force is None
    assert query.decode_create_options(values("dryRun=")).dry_run == [""]
    assert query.decode_table_options(values("includeObject=None")) == TableOptions(include_object="None")


def test_options_of_deletes_are_read() -> None:
    text = "gracePeriodSeconds=0&orphanDependents=false&propagationPolicy=Orphan&dryRun=All&uid=u&resourceVersion=5"
    assert query.decode_delete_options(values(text)) == DeleteOptions(
        grace_period_seconds=0,
        orphan_dependents=False,
        propagation_policy="Orphan",
        dry_run=["All"],
        preconditions=Preconditions(uid="u", resource_version="5"),
    )
    assert query.decode_delete_options(values("uid=&resourceVersion=")) == DeleteOptions()
    assert query.decode_delete_options(values("uid=u")).preconditions == Preconditions(uid="u")


@api_type
class LogOptions:
    """LogOptions have the kinds of fields that options of subresources have."""

    since: Time | None = field(default=None)
    ports: list[int] = field(factory=list)
    lines: int | None = field(default=None)
    labels: dict[str, str] = field(factory=dict)
    parts: list[Time] = field(factory=list)


def test_options_of_any_type_can_be_read() -> None:
    options = query.decode_options(
        LogOptions, values("since=2026-01-02T03:04:05Z&ports=80,81&ports=82&lines=5&labels=x&parts=y")
    )
    assert options == LogOptions(since=dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC), ports=[80, 81, 82], lines=5)
    assert query.decode_options(LogOptions, {"since": []}) == LogOptions()


@pytest.mark.parametrize("text", ["since=", "since=null", "since=0001-01-01T00:00:00Z"])
def test_a_time_can_be_unset(text: str) -> None:
    assert query.decode_options(LogOptions, values(text)).since is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("since=bad", 'parsing time "bad" as "2006-01-02T15:04:05Z07:00": cannot parse "bad" as "2006"'),
        ("ports=80,x", 'cannot convert to []int32: strconv.ParseUint: parsing "x": invalid syntax'),
        ("ports=65536", 'cannot convert to []int32: strconv.ParseUint: parsing "65536": value out of range'),
    ],
)
def test_bad_values_of_other_kinds_are_400_too(text: str, message: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        query.decode_options(LogOptions, values(text))
    assert str(caught.value) == message


MATCH = "resourceVersionMatch: "


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"resource_version": "5", "resource_version_match": "Exact"}, [], id="exact"),
        pytest.param({"resource_version": "0", "resource_version_match": "NotOlderThan"}, [], id="not older than"),
        pytest.param(
            {"resource_version_match": "NotOlderThan"},
            [MATCH + "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"],
            id="match without version",
        ),
        pytest.param(
            {"resource_version": "5", "resource_version_match": "Exact", "continue_token": "x"},
            [MATCH + "Forbidden: resourceVersionMatch is forbidden when continue is provided"],
            id="match with continue",
        ),
        pytest.param(
            {"resource_version": "5", "resource_version_match": "Foo"},
            [MATCH + 'Unsupported value: "Foo": supported values: "Exact", "NotOlderThan", ""'],
            id="unknown match",
        ),
        pytest.param(
            {"resource_version": "0", "resource_version_match": "Exact"},
            [MATCH + 'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'],
            id="exactly anything",
        ),
        pytest.param(
            {"send_initial_events": False},
            ["sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"],
            id="initial events",
        ),
        pytest.param(
            {"watch": True, "resource_version": "5", "continue_token": "x"}, [], id="a watch ignores continue"
        ),
        pytest.param(
            {"watch": True, "send_initial_events": True, "resource_version_match": "NotOlderThan"},
            [],
            id="a watch list",
        ),
        pytest.param(
            {"watch": True, "send_initial_events": False},
            [MATCH + "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"],
            id="initial events without match",
        ),
        pytest.param(
            {"watch": True, "resource_version_match": "Exact", "continue_token": "x"},
            [
                MATCH + "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                MATCH + 'Unsupported value: "Exact": supported values: "NotOlderThan"',
                MATCH + "Forbidden: resourceVersionMatch is forbidden when continue is provided",
            ],
            id="all that is wrong with a watch",
        ),
    ],
)
def test_list_options_are_validated(fields: dict[str, Any], errors: list[str]) -> None:
    assert list(map(str, validation.validate_list_options(ListOptions(**fields)))) == errors


def test_without_watch_lists_initial_events_are_forbidden() -> None:
    options = ListOptions(watch=True, send_initial_events=True, resource_version_match="NotOlderThan")
    assert list(map(str, validation.validate_list_options(options, watch_list=False))) == [
        "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
    ]


def test_invalid_options_are_a_kind_of_their_own() -> None:
    options = ListOptions(watch=True, send_initial_events=True)
    error = validation.invalid_options("ListOptions", validation.validate_list_options(options))
    assert str(error) == (
        'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: '
        "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
    )
    assert error.details is not None
    assert (error.details.group, error.details.kind, error.details.name) == ("meta.k8s.io", "ListOptions", "")


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({}, []),
        ({"dry_run": ["All", "All"], "field_manager": "m" * 128, "field_validation": "Warn"}, []),
        ({"field_manager": "kube\u00e9"}, []),
        ({"dry_run": ["Bar"]}, ['dryRun: Unsupported value: ["Bar"]: supported values: "All"']),
        ({"dry_run": [""]}, ['dryRun: Unsupported value: [""]: supported values: "All"']),
        (
            {"field_validation": "Foo"},
            ['fieldValidation: Unsupported value: "Foo": supported values: "", "Ignore", "Strict", "Warn"'],
        ),
        ({"field_manager": "m" * 129}, ["fieldManager: Too long: may not be more than 128 bytes"]),
        ({"field_manager": "\u00e9" * 65}, ["fieldManager: Too long: may not be more than 128 bytes"]),
        (
            {"field_manager": "abc\n"},
            [r'fieldManager: Invalid value: "abc\n": invalid character U+000A (at position 3)'],
        ),
        (
            {"field_manager": "\u00e9\u200b\x00"},
            [
                'fieldManager: Invalid value: "\u00e9\\u200b\\x00": invalid character U+200B (at position 2)',
                'fieldManager: Invalid value: "\u00e9\\u200b\\x00": invalid character U+0000 (at position 5)',
            ],
        ),
        (
            {"field_validation": "x", "dry_run": ["y"], "field_manager": "m" * 129},
            [
                "fieldManager: Too long: may not be more than 128 bytes",
                'dryRun: Unsupported value: ["y"]: supported values: "All"',
                'fieldValidation: Unsupported value: "x": supported values: "", "Ignore", "Strict", "Warn"',
            ],
        ),
    ],
)
def test_options_of_writes_are_validated(fields: dict[str, Any], errors: list[str]) -> None:
    assert list(map(str, validation.validate_create_options(CreateOptions(**fields)))) == errors
    assert list(map(str, validation.validate_update_options(UpdateOptions(**fields)))) == errors
    assert list(map(str, validation.validate_patch_options(PatchOptions(**fields), apply=False))) == errors


@pytest.mark.parametrize(
    ("fields", "apply", "errors"),
    [
        ({"field_manager": "m", "force": True}, True, []),
        ({"force": True}, True, ["fieldManager: Required value: is required for apply patch"]),
        ({"force": False}, False, ["force: Forbidden: may not be specified for non-apply patch"]),
        (
            {"force": True, "dry_run": ["x"]},
            False,
            [
                "force: Forbidden: may not be specified for non-apply patch",
                'dryRun: Unsupported value: ["x"]: supported values: "All"',
            ],
        ),
    ],
)
def test_options_of_patches_are_validated(fields: dict[str, Any], apply: bool, errors: list[str]) -> None:
    assert list(map(str, validation.validate_patch_options(PatchOptions(**fields), apply=apply))) == errors


UNSAFE = "ignoreStoreReadErrorWithClusterBreakingPotential: Invalid value: true: cannot be set together with ."


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({}, []),
        ({"propagation_policy": "Foreground", "dry_run": ["All"]}, []),
        ({"orphan_dependents": True}, []),
        (
            {"orphan_dependents": False, "propagation_policy": "Orphan"},
            ['propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set'],
        ),
        (
            {"propagation_policy": "Foo"},
            [
                'propagationPolicy: Unsupported value: "Foo": supported values: "Foreground", "Background", "Orphan", "nil"'
            ],
        ),
        (
            {"propagation_policy": ""},
            ['propagationPolicy: Unsupported value: "": supported values: "Foreground", "Background", "Orphan", "nil"'],
        ),
        ({"dry_run": ["x"]}, ['dryRun: Unsupported value: ["x"]: supported values: "All"']),
        ({"ignore_store_read_error_with_cluster_breaking_potential": True}, []),
        ({"ignore_store_read_error_with_cluster_breaking_potential": False, "grace_period_seconds": 1}, []),
        (
            {
                "ignore_store_read_error_with_cluster_breaking_potential": True,
                "dry_run": ["All"],
                "propagation_policy": "Orphan",
                "grace_period_seconds": 0,
                "preconditions": Preconditions(uid="x"),
            },
            [UNSAFE + "dryRun", UNSAFE + "propagationPolicy", UNSAFE + "gracePeriodSeconds", UNSAFE + "preconditions"],
        ),
        (
            {"ignore_store_read_error_with_cluster_breaking_potential": True, "orphan_dependents": False},
            [UNSAFE + "orphanDependents"],
        ),
    ],
)
def test_options_of_deletes_are_validated(fields: dict[str, Any], errors: list[str]) -> None:
    assert list(map(str, validation.validate_delete_options(DeleteOptions(**fields)))) == errors


@pytest.mark.parametrize("include", ["", "None", "Metadata", "Object"])
def test_a_table_includes_one_of_these(include: str) -> None:
    assert validation.validate_table_options(TableOptions(include_object=include)) == []


def test_a_table_includes_nothing_else() -> None:
    assert list(map(str, validation.validate_table_options(TableOptions(include_object="Foo")))) == [
        "includeObject: Invalid value: \"Foo\": must be 'Metadata', 'Object', 'None', or empty"
    ]


def test_a_path_can_be_given_for_dry_run() -> None:
    assert list(map(str, validation.validate_dry_run(["x"], Path("spec", "dryRun")))) == [
        'spec.dryRun: Unsupported value: ["x"]: supported values: "All"'
    ]
