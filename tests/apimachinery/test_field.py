"""Paths, field errors and their aggregate."""

from types import MappingProxyType

import pytest

from genericapiserver.apimachinery import field
from genericapiserver.apimachinery.field import ErrorType, FieldError, Path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (Path("a"), "a"),
        (Path("a", "b", "c"), "a.b.c"),
        (Path("a").child("b", "c"), "a.b.c"),
        (Path("spec").child("parts").index(0).child("name"), "spec.parts[0].name"),
        (Path("spec").key("x/y"), "spec[x/y]"),
        (Path("a").index(1).key("k").index(2), "a[1][k][2]"),
    ],
)
def test_paths_print(path: Path, text: str) -> None:
    assert str(path) == text


def test_a_path_is_a_value_with_a_root() -> None:
    path = Path("a", "b").child("c").index(3)
    assert path == Path("a").child("b", "c").index(3)
    assert hash(path) == hash(Path("a", "b", "c").index(3))
    assert path != Path("a")
    assert str(path.root) == "a"
    assert repr(path) == "Path('a.b.c[3]')"


P = Path("f")


@pytest.mark.parametrize(
    ("error", "type_", "body"),
    [
        (field.required(P), "FieldValueRequired", "Required value"),
        (field.required(P, "a widget has a color"), "FieldValueRequired", "Required value: a widget has a color"),
        (field.invalid(P, 'a"b', "bad"), "FieldValueInvalid", r'Invalid value: "a\"b": bad'),
        (field.invalid(P, -1, "must be more"), "FieldValueInvalid", "Invalid value: -1: must be more"),
        (field.invalid(P, 1.5, "x"), "FieldValueInvalid", "Invalid value: 1.5: x"),
        (field.invalid(P, True, "x"), "FieldValueInvalid", "Invalid value: true: x"),
        (field.invalid(P, None, "x"), "FieldValueInvalid", "Invalid value: null: x"),
        (field.invalid(P, ["a", "<"], "x"), "FieldValueInvalid", 'Invalid value: ["a","\\u003c"]: x'),
        (field.invalid(P, {"b": 1, "a": []}, "x"), "FieldValueInvalid", 'Invalid value: {"b":1,"a":[]}: x'),
        (field.invalid(P, frozenset({"b", "a"}), "x"), "FieldValueInvalid", 'Invalid value: ["a","b"]: x'),
        (field.invalid(P, MappingProxyType({"a": 1}), "x"), "FieldValueInvalid", 'Invalid value: {"a":1}: x'),
        (field.invalid(P, range(3), "x"), "FieldValueInvalid", "Invalid value: [0,1,2]: x"),
        (field.invalid(P, Path("a"), "x"), "FieldValueInvalid", 'Invalid value: "a": x'),
        (field.type_invalid(P, "v", "x"), "FieldValueTypeInvalid", 'Invalid value: "v": x'),
        (
            field.not_supported(P, "Foo", ["", "Ignore"]),
            "FieldValueNotSupported",
            'Unsupported value: "Foo": supported values: "", "Ignore"',
        ),
        (
            field.not_supported(P, ["Bar"], ["All"]),
            "FieldValueNotSupported",
            'Unsupported value: ["Bar"]: supported values: "All"',
        ),
        (field.not_supported(P, "Foo", []), "FieldValueNotSupported", 'Unsupported value: "Foo"'),
        (field.forbidden(P, "field is immutable"), "FieldValueForbidden", "Forbidden: field is immutable"),
        (field.too_long(P, 128), "FieldValueTooLong", "Too long: may not be more than 128 bytes"),
        (field.too_long(P, 1), "FieldValueTooLong", "Too long: may not be more than 1 byte"),
        (field.too_long(P, -1), "FieldValueTooLong", "Too long: value is too long"),
        (field.too_many(P, 6, 5), "FieldValueTooMany", "Too many: 6: must have at most 5 items"),
        (field.too_many(P, 2, 1), "FieldValueTooMany", "Too many: 2: must have at most 1 item"),
        (field.duplicate(P, "x"), "FieldValueDuplicate", 'Duplicate value: "x"'),
        (field.not_found(P, "x"), "FieldValueNotFound", 'Not found: "x"'),
        (field.internal(P, ValueError("boom")), "InternalError", "Internal error: boom"),
    ],
)
def test_each_kind_of_error_has_its_type_and_text(error: FieldError, type_: str, body: str) -> None:
    assert error.type == type_
    assert error.body == body
    assert str(error) == f"f: {body}"


def test_an_error_without_a_path_says_nil() -> None:
    assert str(field.required(None)) == "<nil>: Required value"


def test_every_type_has_a_text() -> None:
    assert all(error_type.text for error_type in ErrorType)


@pytest.mark.parametrize(
    ("errors", "text"),
    [
        ([], ""),
        ([field.required(P)], "f: Required value"),
        ([field.required(P), field.required(P)], "f: Required value"),
        ([field.required(P), field.forbidden(P, "x"), field.required(P)], "[f: Required value, f: Forbidden: x]"),
    ],
)
def test_the_aggregate_says_everything_once(errors: list[FieldError], text: str) -> None:
    assert field.aggregate(errors) == text
