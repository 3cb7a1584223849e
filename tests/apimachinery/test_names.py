import random

import pytest

from genericapiserver.apimachinery.names import SUFFIX_ALPHABET, generate_name


def test_five_characters_of_the_alphabet_are_appended() -> None:
    assert SUFFIX_ALPHABET == "bcdfghjklmnpqrstvwxz2456789"
    name = generate_name("web-")
    assert name.startswith("web-")
    assert len(name) == 9
    assert set(name[4:]) <= set(SUFFIX_ALPHABET)


@pytest.mark.parametrize(("length", "kept"), [(57, 57), (58, 58), (59, 58), (300, 58)])
def test_the_base_is_cut_to_58_characters(length: int, kept: int) -> None:
    assert generate_name("a" * length, choose=lambda alphabet: alphabet[0]) == "a" * kept + "bbbbb"


def test_randomness_is_handed_in() -> None:
    choices = [generate_name("x", choose=random.Random(7).choice) for _ in range(2)]
    assert choices[0] == choices[1]
    assert generate_name("x") != generate_name("x")


def test_a_base_of_long_characters_is_cut_by_bytes() -> None:
    assert len(generate_name("\u00e9" * 40, choose=lambda alphabet: alphabet[0]).encode()) <= 66
