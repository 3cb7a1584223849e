"""Field selectors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.apimachinery import fields
from genericapiserver.apimachinery.fields import EVERYTHING, NOTHING, Requirement, Selector, SelectorError


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        (",,", ""),
        ("=", ""),
        ("!=", ""),
        ("a=b,=", "a=b"),
        ("a=b", "a=b"),
        ("a==b", "a=b"),
        ("a!=b", "a!=b"),
        ("a=", "a="),
        ("=b", "=b"),
        ("b=1,,a!=2", "a!=2,b=1"),
        (r"a=\,\=\\", r"a=\,\=\\"),
        (r"a=x\,y,b=z", r"a=x\,y,b=z"),
        ("metadata.name = x", "metadata.name = x"),
    ],
)
def test_selectors_are_read_and_written(text: str, canonical: str) -> None:
    assert str(fields.parse(text)) == canonical


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
        ("a=b,c", "invalid selector: 'a=b,c'; can't understand 'c'"),
        ("a in (b)", "invalid selector: 'a in (b)'; can't understand 'a in (b)'"),
        ("metadata.name=a=b", "invalid field selector: unescaped character in value: 61"),
        ("a===b", "invalid field selector: unescaped character in value: 61"),
        (r"metadata.name=a\x", r"invalid field selector: invalid escape sequence: \x"),
        ("a=b\\", "invalid field selector: invalid escape sequence: \\"),
    ],
)
def test_bad_selectors_are_refused_with_the_texts_of_go(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        fields.parse(text)
    assert str(caught.value) == message


FIELDS = {"metadata.name": "a", "status.phase": ""}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("metadata.name=a", True),
        ("metadata.name=b", False),
        ("metadata.name!=b", True),
        ("metadata.name!=a", False),
        ("status.phase=", True),
        ("missing=", True),
        ("missing!=", False),
        ("missing!=x", True),
        ("metadata.name=a,missing=", True),
        ("metadata.name=a,missing=x", False),
        ("metadata.name=a,metadata.name!=a", False),
    ],
)
def test_selectors_match_with_missing_fields_empty(text: str, matches: bool) -> None:
    assert fields.parse(text).matches(FIELDS) is matches


@pytest.mark.parametrize(
    ("text", "value"),
    [("metadata.name=a", "a"), ("x=1,metadata.name=a", "a"), ("metadata.name!=a", None), ("x=1", None), ("", None)],
)
def test_a_pinned_field_is_found(text: str, value: str | None) -> None:
    assert fields.parse(text).requires_exact_match("metadata.name") == value


def test_transform_renames_drops_and_raises() -> None:
    def rename(field: str, value: str) -> tuple[str, str]:
        if field == "bad":
            raise ValueError("no such field")
        return ("", "") if field == "drop" else (f"new.{field}", value)

    assert str(fields.parse("a!=1,b=2,drop=x").transform(rename)) == "new.a!=1,new.b=2"
    assert fields.parse("drop=x").transform(rename).empty
    with pytest.raises(ValueError, match="no such field"):
        fields.parse("bad=1").transform(rename)
    assert NOTHING.transform(rename) is NOTHING


def test_everything_and_nothing() -> None:
    assert EVERYTHING.empty
    assert EVERYTHING.matches({})
    assert not NOTHING.empty
    assert not NOTHING.matches({})
    assert NOTHING.adding(Requirement("a", "b")) is NOTHING
    assert repr(NOTHING) == "<fields.Selector of nothing>"


def test_selectors_are_values() -> None:
    assert fields.parse("a=1") == fields.parse("a==1")
    assert hash(fields.parse("a=1")) == hash(fields.parse("a==1"))
    assert fields.parse("a=1") != fields.parse("a!=1")
    assert fields.parse("a=1") != "a=1"
    assert repr(fields.parse("a=1")) == "<fields.Selector 'a=1'>"
    assert [(one.field, one.operator, one.value) for one in fields.parse("a=1,b!=2").requirements] == [
        ("a", "=", "1"),
        ("b", "!=", "2"),
    ]


def test_requirements_can_be_added_and_made_from_fields() -> None:
    assert str(Selector.from_fields({"a": "1"}).adding(Requirement("b", "2", negated=True))) == "a=1,b!=2"


@given(st.dictionaries(st.text(alphabet="abc.", min_size=1), st.text(), max_size=4), st.booleans())
def test_what_a_selector_prints_reads_back_as_itself(wanted: dict[str, str], negated: bool) -> None:
    selector = Selector(Requirement(field, value, negated) for field, value in wanted.items())
    assert set(fields.parse(str(selector)).requirements) == set(selector.requirements)
