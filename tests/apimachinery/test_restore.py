"""Go's words for values of the wrong type in what a strategic merge patch makes, as a reference server gave them."""

from typing import Any

import pytest

from examples.wardle.v1beta1 import Flunder
from genericapiserver.apimachinery.patch.restore import restore_problem, scalar_problem


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({}, None),
        ({"metadata": None, "spec": {"flunderReference": "x"}}, None),
        ({"metadata": {"labels": []}}, "cannot restore map from slice"),
        ({"metadata": {"labels": "x"}}, "cannot restore map from string"),
        ({"metadata": {"labels": {"n": 1}}}, "cannot convert int64 to string"),
        ({"metadata": {"labels": {"n": True}}}, "unrecognized type: string"),
        ({"metadata": {"finalizers": "x"}}, "cannot restore slice from string"),
        ({"metadata": {"finalizers": [{}]}}, "unrecognized type: string"),
        ({"metadata": {"generation": "1"}}, "unrecognized type: int64"),
        ({"metadata": {"generation": 1.5}}, "cannot convert float64 to int64"),
        ({"metadata": {"generation": 2.0}}, None),
        ({"metadata": {"ownerReferences": [{"controller": 1}]}}, "unrecognized type: bool"),
        ({"metadata": {"creationTimestamp": 1}}, None),
        ({"spec": []}, "cannot restore struct from: slice"),
        ({"spec": "x"}, "cannot restore struct from: string"),
        ({"spec": 1.5}, "cannot restore struct from: float64"),
    ],
)
def test_the_first_fault_is_worded_as_go_words_it(value: dict[str, Any], problem: str | None) -> None:
    assert restore_problem(Flunder, value) == problem


@pytest.mark.parametrize(
    ("value", "problem"), [("x", None), (1, "cannot convert int64 to string"), ([], "unrecognized type: string")]
)
def test_a_text_is_a_text(value: object, problem: str | None) -> None:
    assert scalar_problem(value) == problem
