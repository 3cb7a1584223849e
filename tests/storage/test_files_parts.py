"""The parts of the file engine: names of files, what is in them, lines of the journal."""

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genericapiserver.storage.engine import EngineEvent, KeyValue
from genericapiserver.storage.files_lines import DamagedLineError, decode, encode_write
from genericapiserver.storage.files_paths import KeyPaths
from genericapiserver.storage.files_text import revision_in, shown

PATHS = KeyPaths("/registry")


# ---- names


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("/registry/wardle.example.com/flunders/default/one", "wardle.example.com/flunders/default/one.json"),
        ("/registry/wardle.example.com/fischers/one", "wardle.example.com/fischers/one.json"),
        ("/registry/configmaps/default/one", "configmaps/default/one.json"),
        ("/registry/a/B", "a/%42.json"),
        ("/registry/a/system:node", "a/system%3Anode.json"),
        ("/registry/a/con", "a/%63on.json"),
        ("/registry/nul.x/lpt1.json", "%6Eul.x/%6Cpt1.json.json"),
        ("/registry/a/console", "a/console.json"),
        ("/registry/a/.hidden", "a/%2Ehidden.json"),
        ("/registry/a/..", "a/%2E..json"),
        ("/registry/a.json/b", "a%2Ejson/b.json"),
        ("/registry/a./b", "a%2E/b.json"),
        ("/registry/a//b", "a/%/b.json"),
        ("/registry/a/ä", "a/%C3%A4.json"),
        ("/registry/a/50%", "a/50%25.json"),
        ("/registry/journal/x", "%6Aournal/x.json"),
        ("/registry/a/journal/x", "a/journal/x.json"),
        ("/elsewhere/a", "%other/elsewhere/a.json"),
    ],
)
def test_a_key_has_a_file(key: str, path: str) -> None:
    assert PATHS.path_of(key.encode()) == path
    assert PATHS.key_of(path) == key.encode()


@pytest.mark.parametrize(
    "path",
    [
        "a/B.json", "a/%41%42", "a/%6f.json", "a/con.json", "a/%61.json", "journal/x.json", "a.json/b.json", ".a/b.json",
        "a/b.yaml.edited", "a/b", "a/%.json/b.json", "a//b.json", "%other/registry/a.json",
    ],
)  # fmt: skip
def test_a_file_that_no_key_has_is_foreign(path: str) -> None:
    assert PATHS.key_of(path) is None


def test_names_of_253_characters_fit_and_stay_different() -> None:
    """The longest that objects have, also when every character has to be escaped."""
    names = ["a" * 253, "a" * 252 + "b", "A" * 253, "A" * 252 + "B"]
    files = [PATHS.path_of(f"/registry/x/{name}".encode()).removeprefix("x/") for name in names]
    assert len(set(files)) == 4
    assert all(len(file) + len(".edited.99") <= 255 for file in files)
    assert files[0].startswith("a" * 100)
    assert PATHS.path_of(b"/registry/x/" + b"a" * 200) == "x/" + "a" * 200 + ".json"


_segments = st.text(alphabet="abAB.%~/:-\x00ä\\ ", max_size=6) | st.sampled_from(
    ["con", "a.json", "journal", "..", "a" * 300, "A" * 90]
)


@given(st.lists(st.sampled_from(["/registry/", "/"]).flatmap(lambda p: _segments.map(lambda s: p + s)), unique=True))
@example(["/a/b", "/registry/a/b"])
def test_two_keys_never_share_a_file_on_any_disk(keys: list[str]) -> None:
    """Also not one that folds upper and lower case, or where one is the folder of the other."""
    files = [PATHS.path_of(key.encode()) for key in keys]
    assert len({file.lower() for file in files}) == len(files)
    folders = {"/".join(file.split("/")[:end]).lower() for file in files for end in range(1, file.count("/") + 1)}
    assert not folders & {file.lower() for file in files}
    for key, file in zip(keys, files, strict=True):
        assert PATHS.key_of(file) == key.encode() or "~" in file
        assert not any(segment in ("", ".", "..") or len(segment) > 255 for segment in file.split("/"))


# ---- contents


def test_a_file_shows_the_object_as_it_is_stored() -> None:
    value = (
        b'{"spec":{"b":1.50,"a":12345678901234567890,"text":"\xc3\xa4\\u00e4"},"metadata":{"name":"x",'
        b'"managedFields":[{"manager":"kubectl"}],"resourceVersion":"1"},"kind":"K","apiVersion":"v1"}'
    )
    content = shown(KeyValue(b"/registry/k/x", value, 3, 7))
    assert content.decode() == (
        '{\n  "apiVersion": "v1",\n  "kind": "K",\n  "metadata": {\n    "name": "x",\n    "resourceVersion": "7"\n  },\n'
        '  "spec": {\n    "b": 1.50,\n    "a": 12345678901234567890,\n    "text": "ä\\u00e4"\n  }\n}\n'
    )
    assert revision_in(content) == 7


@pytest.mark.parametrize(
    "value", [b"", b"1", b"[]", b"{}", b'{"metadata":1}', b"\xff\x00", b'{"metadata":{}', b"[" * 9999]
)
def test_what_is_no_object_is_wrapped(value: bytes) -> None:
    content = shown(KeyValue(b"/registry/\xff", value, 3, 7))
    assert json.loads(content)["encoding"] == "base64"
    assert revision_in(content) == 7


@pytest.mark.parametrize(
    "content", [b"", b"x", b"1", b"[]", b"\xff", b'{"metadata":{"resourceVersion":"x"}}', b'{"a":' * 9999]
)
def test_no_revision_is_found_where_none_is(content: bytes) -> None:
    assert revision_in(content) == 0


# ---- lines

_values = (
    st.none()
    | st.binary(max_size=20)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(msgspec.json.encode)
)


@given(
    st.binary(min_size=1, max_size=20),
    _values,
    st.integers(1, 2**53),
    st.integers(0, 2**53),
    st.floats(0, 1e11),
)
@example(b"/r/\xff", b'"\xff"', 2, 1, 0.0)
@example(b"/r/a", b' {"a":1}', 2, 1, 0.0)
@example(b"/r/a", b"[1,\n2]", 2, 1, 0.0)
@example(b"/r/a", b'{"a":1.0e5,"a":2}', 2, 1, 0.0)
@example(b"/r/a", b"[" * 9999 + b"]" * 9999, 2, 1, 0.0)
def test_a_line_is_read_back_as_it_was_written(
    key: bytes, value: bytes | None, rev: int, prev: int, expires: float
) -> None:
    text = encode_write(EngineEvent(rev, key, value, None, rev, prev), expires, rev)
    assert text.count(b"\n") == 1
    assert text.endswith(b"\n")
    line = decode(text)
    assert (line.engine_key, line.rev, line.created, line.prev, line.expires) == (key, rev, rev, prev, expires)
    assert (line.op, line.stored if value is not None else None) == ("delete" if value is None else "put", value)


def test_a_line_with_any_byte_changed_or_missing_is_damaged() -> None:
    text = encode_write(EngineEvent(8, b"/r/a", b'{"a":"x"}', None, 8, 0), 0.0, 8)
    for place in range(len(text)):
        for damaged in (
            text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :],
            text[:place],
            text[:place] + text[place + 1 :],
        ):
            with pytest.raises(DamagedLineError):
                decode(damaged)
