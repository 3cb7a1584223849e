import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.apimachinery.managedfields.elements import FieldsError, Path
from genericapiserver.apimachinery.managedfields.fields_v1 import decode_fields, encode_fields
from genericapiserver.apimachinery.managedfields.path_set import PathSet

GOLDEN = [
    "{}",
    '{"f:a":{}}',
    '{"f:a":{".":{},"f:b":{}}}',
    '{"f:a":{"f:b":{}}}',
    '{"f:metadata":{"f:finalizers":{".":{},"v:\\"x.y/z\\"":{}},"f:labels":{".":{},"f:k":{}},'
    '"f:ownerReferences":{".":{},"k:{\\"uid\\":\\"u1\\"}":{}}},"f:spec":{"f:reference":{}}}',
    '{"f:spec":{"f:parts":{"k:{\\"name\\":\\"x\\"}":{".":{},"f:count":{},"f:name":{}}}}}',
    '{"f:z":{},"k:{\\"a\\":1,\\"b\\":\\"x\\"}":{},"v:1":{},"v:\\"a\\"":{},"v:true":{},"i:0":{},"i:10":{}}',
]


@pytest.mark.parametrize("document", GOLDEN)
def test_documents_are_written_as_they_were_read(document: str) -> None:
    assert json.dumps(encode_fields(decode_fields(json.loads(document))), separators=(",", ":")) == document


@pytest.mark.parametrize(
    ("document", "same_as"),
    [
        (
            '{"v:\\"a\\"":{},"i:1":{},"f:b":{},"k:{}":{},"f:a":{}}',
            '{"f:a":{},"f:b":{},"k:{}":{},"v:\\"a\\"":{},"i:1":{}}',
        ),
        ('{".":{},"f:a":{}}', '{"f:a":{}}'),
        ('{"f:a":{".":{}}}', '{"f:a":{}}'),
        ('{"f:a":{"f:b":{},".":{}}}', '{"f:a":{".":{},"f:b":{}}}'),
        ('{"f:a":null}', '{"f:a":{}}'),
        ("null", "{}"),
        ('{"x:new":{"f:a":{}},"f:a":{"x:new":{}}}', '{"f:a":{}}'),
        ('{"f:a":{".":"anything"}}', '{"f:a":{}}'),
    ],
)
def test_other_spellings_are_read(document: str, same_as: str) -> None:
    assert json.dumps(encode_fields(decode_fields(json.loads(document))), separators=(",", ":")) == same_as


@pytest.mark.parametrize("document", ["[]", "1", '{"f:a":1}', '{"f:a":{"f:b":[]}}', '{"a":{}}', '{"":{}}', '{"v:":{}}'])
def test_what_is_no_set_of_fields_is_refused(document: str) -> None:
    with pytest.raises(FieldsError):
        decode_fields(json.loads(document))


elements = st.sampled_from(["f:a", "f:b", 'k:{"n":"x"}', 'v:"y"', "v:1", "i:0"])


@given(st.lists(st.lists(elements, min_size=1, max_size=4).map(tuple), max_size=12))
def test_every_set_survives_the_way_there_and_back(paths: list[Path]) -> None:
    made = PathSet.of(*paths)
    assert decode_fields(encode_fields(made)) == made
