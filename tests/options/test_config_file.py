import pytest

from genericapiserver.apimachinery import field as errors
from genericapiserver.apimachinery.field import Path
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.lines import describe_errors, line_of
from genericapiserver.apimachinery.types import api_type, field
from genericapiserver.options.config_file import ConfigFileError, decode_config


@api_type
class Item:
    """Item is a part of a configuration."""

    name: str = field(default="", doc="A name.")


@api_type(root=True)
class ThingConfiguration:
    """ThingConfiguration is a configuration."""

    items: list[Item] = field(factory=list, doc="Parts.")


HEAD = b"apiVersion: config.example.com/v1\nkind: ThingConfiguration\n"
DATA = HEAD + b"items:\n- name: a\n# a comment\n- name: b\n  extra: c\n"


@pytest.fixture
def scheme() -> Scheme:
    scheme = Scheme("test")
    scheme.add_known_types(GroupVersion("config.example.com", "v1"), ThingConfiguration)
    return scheme


def test_an_object_is_decoded(scheme: Scheme) -> None:
    decoded = decode_config(HEAD + b"items: [{name: a}]\n", scheme)
    assert decoded == ThingConfiguration(items=[Item(name="a")])


def test_json_is_yaml(scheme: Scheme) -> None:
    data = b'{"apiVersion": "config.example.com/v1", "kind": "ThingConfiguration", "items": [{"name": "a"}]}'
    assert decode_config(data, scheme) == ThingConfiguration(items=[Item(name="a")])


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "empty config data"),
        (b" \n", "empty config data"),
        (DATA, 'strict decoding error: unknown field "items[1].extra" (line 7)'),
        (HEAD + b"items: 5\n", "json: cannot unmarshal number into"),
        (b"kind: ThingConfiguration", "Object 'apiVersion' is missing"),
        (HEAD.replace(b"v1", b"v2"), 'no kind "ThingConfiguration" is registered for version "config.example.com/v2"'),
        (b"a: [", "yaml: line 1: "),
        (HEAD + b"---\n" + HEAD, "it has more than one document, only the first of which would count (line 3)"),
        (HEAD + b"---\n- a\n", "it has more than one document, only the first of which would count (line 3)"),
        (HEAD + b"---\n@x", "yaml: "),
    ],
)
def test_what_is_no_configuration_is_refused(scheme: Scheme, data: bytes, text: str) -> None:
    with pytest.raises(ConfigFileError) as raised:
        decode_config(data, scheme)
    assert str(raised.value).startswith(text)


@pytest.mark.parametrize("around", [b"---\n%b", b"%b---\n", b"# a\n---\n%b...\n", b"%b---\n# nothing\n"])
def test_marks_around_one_document_are_no_others(scheme: Scheme, around: bytes) -> None:
    assert decode_config(around % (HEAD + b"items: [{name: a}]\n"), scheme) == ThingConfiguration(
        items=[Item(name="a")]
    )


@pytest.mark.parametrize(
    ("path", "line"),
    [("items[1].extra", 7), ("items[1].missing", 6), ("items[0]", 4), ("items[7].name", 3), ("nothing", None)],
)
def test_the_line_of_a_field(path: str, line: int | None) -> None:
    assert line_of(path, DATA) == line


def test_an_error_is_told_with_its_line() -> None:
    found = [errors.required(Path("items").index(0).child("name")), errors.required(Path("nothing"))] * 2
    assert describe_errors(found, DATA) == ["items[0].name: Required value (line 4)", "nothing: Required value"]
