import pytest

from genericapiserver.apimachinery.int_or_string import IntOrString


def test_it_remembers_which_of_the_two_it_is() -> None:
    assert (IntOrString(80).is_string, IntOrString("80").is_string, IntOrString("").is_string) == (False, True, True)
    assert str(IntOrString(80)) == str(IntOrString("80")) == "80"
    assert IntOrString(80) != IntOrString("80")
    assert IntOrString() == IntOrString(0)


@pytest.mark.parametrize(
    ("text", "value"),
    [("80", 80), ("-1", -1), ("http", "http"), ("50%", "50%"), ("2147483648", "2147483648"), ("", "")],
)
def test_parse_prefers_the_number(text: str, value: int | str) -> None:
    assert IntOrString.parse(text).value == value


@pytest.mark.parametrize(("value", "number"), [(5, 5), ("7", 7), ("x", 0), ("50%", 0)])
def test_int_value_is_zero_for_words(value: int | str, number: int) -> None:
    assert IntOrString(value).int_value == number


@pytest.mark.parametrize(
    ("value", "round_up", "scaled"),
    [(3, True, 3), ("25%", True, 3), ("25%", False, 2), ("0%", True, 0), ("100%", False, 9), ("200%", True, 18)],
)
def test_percentages_scale(value: int | str, round_up: bool, scaled: int) -> None:
    assert IntOrString(value).scaled_value(9, round_up=round_up) == scaled


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("5", "invalid value for IntOrString: invalid type: string is not a percentage"),
        ("x%", 'invalid value for IntOrString: invalid value "x%": strconv.Atoi: parsing "x": invalid syntax'),
    ],
)
def test_other_texts_do_not_scale(value: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        IntOrString(value).scaled_value(9, round_up=True)
    assert str(caught.value) == message


def test_only_an_int32_or_a_text_fits() -> None:
    for value in (2**31, -(2**31) - 1):
        with pytest.raises(ValueError, match="does not fit into 32 bits"):
            IntOrString(value)
    for other in (True, 1.5, None):
        with pytest.raises(TypeError, match="holds an int or a str"):
            IntOrString(other)  # type: ignore[arg-type]
