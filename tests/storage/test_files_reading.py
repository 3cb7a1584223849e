"""What people write into files of objects: what can be read, and what is said of what cannot."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.storage.engine import KeyValue
from genericapiserver.storage.files_paths import JSON, YAML
from genericapiserver.storage.files_reading import FileTextError, parse_file, place_of, says_nothing_else
from genericapiserver.storage.files_text import revision_in, shown

BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (b'{"a": [1, "b"]}', JSON),
        (BOM + b'{"a": [1, "b"]}\r\n', JSON),
        (b"a: [1, b]\n", YAML),
        (BOM + b"a:\r\n- 1\r\n- b\r\n", YAML),
        (b"# a comment\n---\na: [1, b] # another\n---\n", YAML),
        (b'{"a": [1, "b"]}', ".yml"),
        (b"a:\n  - 1\n  - 'b'\n...\n", YAML),
    ],
)
def test_what_can_be_read(content: bytes, suffix: str) -> None:
    assert parse_file(content, suffix) == {"a": [1, "b"]}


@pytest.mark.parametrize(
    ("content", "suffix", "place", "problem"),
    [
        (b'{"a":\n  b}', JSON, (2, 3), "it is not JSON: Expecting value"),
        (b'{"a": 1,\n "a": 2}', JSON, (2, 0), 'key "a" is there twice'),
        (b'{"a": NaN}', JSON, (0, 0), "it is not JSON: NaN is no number in JSON"),
        (b'{"a": 1', JSON, (1, 8), "it is not JSON: Expecting ',' delimiter"),
        (b"", JSON, (1, 1), "it is not JSON: Expecting value"),
        (b'{"a":\n"\xe9"}', JSON, (2, 2), "it is not UTF-8"),
        (b"a: 1\nb: \xe9\n", YAML, (2, 4), "it is not UTF-8"),
        (b"a:\n\tb: 1\n", YAML, (2, 1), "cannot start any token"),
        (b"a: 1\nb: 2\na: 3\n", YAML, (3, 0), 'key "a" is there twice'),
        (b"a: &x [1]\nb: *x\n", YAML, (2, 4), "aliases are not accepted"),
        (b"a: b: c\n", YAML, (1, 5), "mapping values are not allowed"),
        (b"a: 1\n---\nb: 2\n", YAML, (2, 1), "more than one document"),
        (b"a: 1\n---\n@x\n", YAML, (3, 1), "what follows its first document is not YAML: found character that cannot"),
        (b"a: 1\n...\nb: [", YAML, (3, 1), "what follows its first document is not YAML: did not find expected"),
        (b"a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> theirs\n", YAML, (2, 1), "the marks of a merge"),
        (b'{\n<<<<<<< HEAD\n"b": 2}', JSON, (2, 1), "the marks of a merge"),
        (b"a: [1, 2\nb: 3\n", YAML, (2, 2), "did not find expected ',' or ']'"),
        (b"a: 'b\n", YAML, (2, 1), "found unexpected end of stream"),
        (b"a: \x01\n", YAML, (1, 4), "control characters are not allowed"),
        (b"? [a]\n: b\n", YAML, (0, 0), "invalid map key"),
    ],
)
def test_what_cannot_be_read_is_told_with_line_and_column(
    content: bytes, suffix: str, place: tuple[int, int], problem: str
) -> None:
    with pytest.raises(FileTextError) as caught:
        parse_file(content, suffix)
    assert problem in caught.value.problem
    assert (caught.value.line, caught.value.column) == place


def test_a_bomb_is_refused_at_once() -> None:
    lines = [b"a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [b"%c: &%c [%b]" % (98 + n, 98 + n, b", ".join([b"*%c" % (97 + n)] * 9)) for n in range(9)]
    began = time.monotonic()
    with pytest.raises(FileTextError, match="aliases"):
        parse_file(b"\n".join(lines), YAML)
    with pytest.raises(FileTextError):
        parse_file(b"[" * 100_000, YAML)
    with pytest.raises(FileTextError):
        parse_file(b"[" * 100_000, JSON)
    assert place_of(b"[" * 100_000, "spec") == (0, 0)
    assert place_of(b"[" * 5_000 + b"]" * 5_000, "spec") == (0, 0)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("spec.ports[1].name", (6, 5)),
        ("spec.ports[1].missing", (6, 5)),
        ("spec.nothing", (3, 1)),
        ('metadata.labels["a.b/c"]', (2, 21)),
        ("nowhere", (0, 0)),
    ],
)
def test_a_field_is_found(path: str, place: tuple[int, int]) -> None:
    content = b"kind: X\nmetadata: {labels: {a.b/c: d}}\nspec:\n  ports:\n  - name: a\n  - name: b\n"
    assert place_of(content, path) == place
    assert place_of(b"{", path) == (0, 0)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(-1e15, 1e15) | texts
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))


@given(st.dictionaries(texts, values, max_size=4))
def test_yaml_that_is_shown_reads_back_as_it_was(spec: dict[str, Any]) -> None:
    value = json.dumps({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}, "spec": spec}).encode()
    text = shown(KeyValue(b"/registry/x", value, 1, 7), YAML)
    found = parse_file(text, YAML)
    assert found == json.loads(value) | {"metadata": {"name": "x", "resourceVersion": "7"}}
    assert revision_in(text, YAML) == 7


def test_what_is_no_object_is_wrapped_in_yaml_too() -> None:
    text = shown(KeyValue(b"/registry/x", b"k8s:enc:secret", 1, 7), YAML)
    assert b"encoding: base64" in text
    assert revision_in(text, YAML) == 7


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"spec: {a: 1}\n", True),
        (b"# why\nspec: {a: 1}\nmetadata: {name: x, labels: {}}\n", True),
        (b"spec: {a: 2}\n", False),
        (b"spec: {a: true}\n", False),
        (b"spec: {b: 1}\n", False),
        (b"spec: {list: [1, 2]}\n", True),
        (b"spec: {list: [1]}\n", False),
        (b"metadata: {resourceVersion: '6'}\n", False),
        (b"spec: [", False),
    ],
)
def test_a_file_that_says_nothing_else_may_stay(content: bytes, says: bool) -> None:
    stored = b'{"metadata":{"name":"x","resourceVersion":"7"},"spec":{"a":1,"list":[1,2]}}'
    assert says_nothing_else(content, YAML, stored) is says
