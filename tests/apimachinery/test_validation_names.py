"""Formats of names, with their texts."""

import pytest

from genericapiserver.apimachinery.validation.names import (
    condition_reason,
    dns_1035_label,
    dns_1123_label,
    dns_1123_subdomain,
    label_value,
    name_is_dns_1035_label,
    name_is_dns_label,
    name_is_dns_subdomain,
    path_segment_name,
    qualified_name,
    regex_error,
)

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
    "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
LABEL_1035 = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and "
    "end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
KEY = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def test_examples_in_regex_texts_are_followed_by_commas() -> None:
    assert regex_error("bad", "x*") == "bad (regex used for validation is 'x*')"
    assert regex_error("bad", "x*", "x") == "bad (e.g. 'x', regex used for validation is 'x*')"
    assert regex_error("bad", "x*", "x", "y") == "bad (e.g. 'x',  or 'y', regex used for validation is 'x*')"


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("example.com", []),
        ("a", []),
        ("1-2.3", []),
        (".".join(["a" * 63] * 3 + ["a" * 61]), []),
        ("a" * 253, []),
        ("a" * 254, ["must be no more than 253 characters"]),
        ("", [SUBDOMAIN]),
        ("A", [SUBDOMAIN]),
        ("-a", [SUBDOMAIN]),
        ("a.", [SUBDOMAIN]),
        ("a..b", [SUBDOMAIN]),
        ("a_b", [SUBDOMAIN]),
        ("a\n", [SUBDOMAIN]),
        ("\u00e9" * 127, ["must be no more than 253 characters", SUBDOMAIN]),
    ],
)
def test_subdomains(value: str, messages: list[str]) -> None:
    assert dns_1123_subdomain(value) == messages


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("my-name", []),
        ("a" * 63, []),
        ("a" * 64, ["must be no more than 63 characters"]),
        ("a.b", ["must not contain dots"]),
        ("a.B", [LABEL]),
        ("", [LABEL]),
        ("a-", [LABEL]),
    ],
)
def test_labels(value: str, messages: list[str]) -> None:
    assert dns_1123_label(value) == messages


@pytest.mark.parametrize(
    ("value", "messages"),
    [("abc-123", []), ("1a", [LABEL_1035]), ("a.b", [LABEL_1035]), ("a" * 64, ["must be no more than 63 characters"])],
)
def test_labels_of_rfc_1035(value: str, messages: list[str]) -> None:
    assert dns_1035_label(value) == messages


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("MyName", []),
        ("a_b.c-d", []),
        ("example.com/MyName", []),
        ("a" * 63, []),
        ("a" * 64, ["name part must be no more than 63 bytes"]),
        ("a" * 253 + "/b", []),
        ("a" * 254 + "/b", ["prefix part must be no more than 253 bytes"]),
        ("", ["name part must be non-empty", f"name part {KEY}"]),
        ("/a", ["prefix part must be non-empty"]),
        ("a/", ["name part must be non-empty", f"name part {KEY}"]),
        ("A/b", [f"prefix part {SUBDOMAIN}"]),
        ("a b", [f"name part {KEY}"]),
        ("-a", [f"name part {KEY}"]),
        (
            "a/b/c",
            [f"a valid label key {KEY} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"],
        ),
        ("A b/-", [f"prefix part {SUBDOMAIN}", f"name part {KEY}"]),
    ],
)
def test_qualified_names(value: str, messages: list[str]) -> None:
    assert qualified_name(value) == messages


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("", []),
        ("MyValue", []),
        ("a" * 63, []),
        ("a" * 64, ["must be no more than 63 bytes"]),
        ("x y", [VALUE]),
        ("a/b", [VALUE]),
        ("_a", [VALUE]),
        ("\u00e9" * 32, ["must be no more than 63 bytes", VALUE]),
    ],
)
def test_label_values(value: str, messages: list[str]) -> None:
    assert label_value(value) == messages


@pytest.mark.parametrize(
    ("name", "prefix", "messages"),
    [
        ("a", False, []),
        ("A_b", False, []),
        (".", False, ["may not be '.'"]),
        ("..", False, ["may not be '..'"]),
        ("...", False, []),
        ("a/b", False, ["may not contain '/'"]),
        ("a%/", False, ["may not contain '/'", "may not contain '%'"]),
        (".", True, []),
        ("..", True, []),
        ("/", True, ["may not contain '/'"]),
    ],
)
def test_path_segments(name: str, prefix: bool, messages: list[str]) -> None:
    assert path_segment_name(name, prefix) == messages


def test_a_prefix_may_end_in_a_dash() -> None:
    for validator in (name_is_dns_subdomain, name_is_dns_label, name_is_dns_1035_label):
        assert validator("web-", True) == []
        assert validator("web-", False) != []
        assert validator("-", True) != []
        assert validator("web", False) == []


def test_reasons_of_conditions() -> None:
    for reason in ("my_name", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB", "a_"):
        assert condition_reason(reason) == []
    assert (
        condition_reason("1x")
        == condition_reason("a,")
        == [
            "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric "
            "characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or "
            "'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is "
            "'[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')"
        ]
    )
