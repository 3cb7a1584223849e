"""What is read from bodies, what is refused and in which words, and what is written."""

import datetime as dt
import json

import msgspec
import pytest

from genericapiserver.apimachinery import meta
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.serializer.codec import YAML_MEDIA_TYPE
from genericapiserver.apimachinery.serializer.errors import (
    DecodeError,
    JSONSyntaxError,
    TypeMismatchError,
    UnknownKindError,
    strict_decoding_text,
)
from genericapiserver.apimachinery.types import Quantity, list_of
from tests.apimachinery.declared import DEMO, WIDGET, Assorted, Gadget, HubGadget, Part, Widget, WidgetSpec, new_codecs

CODECS = new_codecs()
GADGET = DEMO.with_kind("Gadget")
ASSORTED = DEMO.with_kind("Assorted")


def decode_error(data: bytes, default: GroupVersionKind | None = WIDGET) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        CODECS.decode(data, default_gvk=default, strict=True)
    return caught.value


@pytest.mark.parametrize(
    ("document", "gvk"),
    [
        ({}, WIDGET),
        (None, WIDGET),
        ({"kind": "Gadget"}, GADGET),
        ({"apiVersion": "demo.example.com/v1"}, WIDGET),
        ({"apiVersion": "demo.example.com/"}, WIDGET),
        ({"apiVersion": "", "kind": ""}, WIDGET),
        ({"apiVersion": None, "kind": None}, WIDGET),
        ({"apiVersion": "v1", "kind": "Status"}, GroupVersionKind("", "v1", "Status")),
        ({"kind": "DeleteOptions"}, DEMO.with_kind("DeleteOptions")),
    ],
)
def test_gaps_in_the_declared_kind_are_filled_from_the_endpoint(document: object, gvk: GroupVersionKind) -> None:
    assert CODECS.decode(json.dumps(document).encode(), default_gvk=WIDGET).gvk == gvk


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "unexpected end of JSON input"),
        (b"zzzz", "invalid character 'z' looking for beginning of value"),
        (b'{"kind":"Flunder",', "unexpected end of JSON input"),
        (
            b"[]",
            "json: cannot unmarshal array into Go value of type "
            'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }',
        ),
        (b'{"kind":5}', "json: cannot unmarshal number into Go struct field .kind of type string"),
        (b'{"apiVersion":{}}', "json: cannot unmarshal object into Go struct field .apiVersion of type string"),
    ],
)
def test_a_body_without_readable_kind_is_refused(data: bytes, text: str) -> None:
    error = decode_error(data)
    assert str(error) == f"couldn't get version/kind; json parse error: {text}"
    assert error.gvk is None


@pytest.mark.parametrize("what", [b"5", b'"x"', b"true"])
def test_a_body_that_is_no_object_is_refused(what: bytes) -> None:
    word = {b"5": "number", b'"x"': "string", b"true": "bool"}[what]
    assert f"cannot unmarshal {word} into Go value of type struct" in str(decode_error(what))


def test_unknown_and_missing_kinds() -> None:
    error = decode_error(b'{"apiVersion":"v1","kind":"Pod"}')
    assert str(error) == 'no kind "Pod" is registered for version "v1" in scheme "demo"'
    assert error.gvk == GroupVersionKind("", "v1", "Pod")
    assert str(decode_error(b'{"apiVersion":"v1"}', None)) == "Object 'Kind' is missing in '{\"apiVersion\":\"v1\"}'"
    assert str(decode_error(b'{"kind":"Pod"}', None)) == "Object 'apiVersion' is missing in '{\"kind\":\"Pod\"}'"
    assert str(decode_error(b'{"apiVersion":"a/b/c"}')) == "unexpected GroupVersion string: a/b/c"


def test_a_kind_that_does_not_convert_into_what_is_wanted() -> None:
    with pytest.raises(UnknownKindError) as caught:
        CODECS.decode(b'{"kind":"Gadget"}', default_gvk=WIDGET, into=Widget)
    assert str(caught.value) == "converting (v1.Gadget) to (v1.Widget): unknown conversion"
    assert caught.value.gvk == GADGET


def test_decoding_defaults_and_converts_on_demand() -> None:
    assert CODECS.decode(b"{}", default_gvk=GADGET).object == Gadget(colour="grey")
    assert CODECS.decode(b"{}", default_gvk=GADGET, into=HubGadget).object == HubGadget(color="grey")
    lists = DEMO.with_kind("GadgetList")
    assert CODECS.decode(b'{"items":[{}]}', default_gvk=lists).object.items == [Gadget(colour="grey")]


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"metadata": {"name": 7}}, "number into Go struct field ObjectMeta.metadata.name of type string"),
        ({"metadata": {"name": ["a"]}}, "array into Go struct field ObjectMeta.metadata.name of type string"),
        ({"metadata": {"name": {}}}, "object into Go struct field ObjectMeta.metadata.name of type string"),
        ({"metadata": {"name": True}}, "bool into Go struct field ObjectMeta.metadata.name of type string"),
        ({"metadata": []}, "array into Go struct field Widget.metadata of type v1.ObjectMeta"),
        (
            {"metadata": {"labels": []}},
            "array into Go struct field ObjectMeta.metadata.labels of type map[string]string",
        ),
        ({"metadata": {"labels": {"a": 5}}}, "number into Go struct field ObjectMeta.metadata.labels of type string"),
        (
            {"metadata": {"finalizers": "x"}},
            "string into Go struct field ObjectMeta.metadata.finalizers of type []string",
        ),
        ({"metadata": {"generation": "1"}}, "string into Go struct field ObjectMeta.metadata.generation of type int64"),
        (
            {"metadata": {"generation": 1 << 63}},
            "number 9223372036854775808 into Go struct field ObjectMeta.metadata.generation of type int64",
        ),
        (
            {"spec": {"replicas": 1 << 31}},
            "number 2147483648 into Go struct field WidgetSpec.spec.replicas of type int32",
        ),
        ({"spec": {"replicas": 1.5}}, "number 1.5 into Go struct field WidgetSpec.spec.replicas of type int32"),
        ({"spec": {"replicas": True}}, "bool into Go struct field WidgetSpec.spec.replicas of type int32"),
        ({"spec": {"paused": "true"}}, "string into Go struct field WidgetSpec.spec.paused of type bool"),
        ({"spec": {"paused": 1}}, "number into Go struct field WidgetSpec.spec.paused of type bool"),
        ({"spec": {"weight": "1"}}, "string into Go struct field WidgetSpec.spec.weight of type float64"),
        ({"spec": {"port": True}}, "bool into Go struct field WidgetSpec.spec.port of type int32"),
        ({"spec": {"port": 1.5}}, "number 1.5 into Go struct field WidgetSpec.spec.port of type int32"),
        ({"spec": {"payload": 5}}, "number into Go struct field WidgetSpec.spec.payload of type []uint8"),
        ({"spec": {"payload": [256]}}, "number 256 into Go struct field WidgetSpec.spec.payload of type uint8"),
        ({"spec": {"start": 5}}, "number into Go struct field WidgetSpec.spec.start of type string"),
        ({"spec": {"parts": {}}}, "object into Go struct field WidgetSpec.spec.parts of type []v1.Part"),
        ({"spec": {"parts": [{"count": "x"}]}}, "string into Go struct field Part.spec.parts.count of type int64"),
        ({"spec": {"parts": [5]}}, "number into Go struct field WidgetSpec.spec.parts of type v1.Part"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(document: object, text: str) -> None:
    error = decode_error(json.dumps(document).encode())
    assert isinstance(error, TypeMismatchError)
    assert str(error) == f"json: cannot unmarshal {text}"
    assert error.gvk == WIDGET


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'{"spec":{"replicas":1.0}}', "number 1.0 into Go struct field WidgetSpec.spec.replicas of type int32"),
        (b'{"spec":{"replicas":1e0}}', "number 1e0 into Go struct field WidgetSpec.spec.replicas of type int32"),
        (b'{"spec":{"weight":1e400}}', "number 1e400 into Go struct field WidgetSpec.spec.weight of type float64"),
        (
            b'{"metadata":{"generation":%s}}' % (b"9" * 5000),
            f"number {'9' * 5000} into Go struct field ObjectMeta.metadata.generation of type int64",
        ),
    ],
    ids=["one and nothing", "an exponent", "too big for a float", "five thousand digits"],
)
def test_a_number_is_shown_as_it_was_written(data: bytes, text: str) -> None:
    assert str(decode_error(data)) == f"json: cannot unmarshal {text}"


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (
            {"spec": {"start": "bad"}},
            'parsing time "bad" as "2006-01-02T15:04:05Z07:00": cannot parse "bad" as "2006"',
        ),
        ({"spec": {"payload": "not base64!"}}, "illegal base64 data at input byte 3"),
        ({"spec": {"payload": "aGk"}}, "illegal base64 data at input byte 0"),
        (
            {"spec": {"size": "abc"}},
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            {"spec": {"size": []}},
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
    ],
)
def test_a_value_that_cannot_be_read_is_refused(document: object, text: str) -> None:
    assert str(decode_error(json.dumps(document).encode())) == text


def test_the_first_mismatch_of_the_document_is_reported() -> None:
    error = decode_error(b'{"spec":{"weight":"x"},"metadata":{"name":5}}')
    assert "WidgetSpec.spec.weight" in str(error)


def test_an_unreadable_time_comes_before_any_mismatch() -> None:
    error = decode_error(b'{"metadata":{"name":5},"spec":{"start":"bad"}}')
    assert str(error).startswith('parsing time "bad"')


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ({"start": None, "replicas": None, "parts": None, "options": None, "weight": None, "payload": None}, {}),
        ({"tags": [None], "options": {"a": None}}, {"tags": [""], "options": {"a": ""}}),
        ({"parts": [None, {"name": None}]}, {"parts": [Part(name=""), Part(name="")]}),
        ({"payload": "aGVs\r\nbG8="}, {"payload": b"hello"}),
        ({"payload": [104, 105, None]}, {"payload": b"hi\x00"}),
        ({"weight": 1}, {"weight": 1.0}),
        (
            {"start": "2026-01-01T02:00:00.5+02:00"},
            {"start": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)},
        ),
        ({"start": "0001-01-01T00:00:00Z"}, {}),
        ({"size": 5}, {"size": Quantity.parse("5")}),
        ({"size": " 5 "}, {"size": Quantity.parse("5")}),
    ],
)
def test_values_that_are_read(spec: object, value: dict[str, object]) -> None:
    decoded = CODECS.decode(json.dumps({"spec": spec}).encode(), default_gvk=WIDGET).object
    assert decoded.spec == WidgetSpec(**value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "written"),
    [("1.5", "1500m"), ("1.50", "1500m"), ("1.500", "1.500"), ("1e3", "1e3"), ("0.5", "500m"), ("-1", "-1")],
)
def test_a_quantity_may_be_a_number_whose_text_counts(size: str, written: str) -> None:
    decoded = CODECS.decode(f'{{"spec":{{"size":{size},"weight":1.5}}}}'.encode(), default_gvk=WIDGET).object
    assert str(decoded.spec.size) == written
    assert decoded.spec.weight == 1.5
    copied, _ = CODECS.from_unstructured({"spec": {"size": 1.5}}, Widget)
    assert str(copied.spec.size) == "1500m"


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        (
            b'{"metadata":{"name":"b","foo":1},"spec":{"color":"r","color":"s","bar":{"x":{}}},"zed":[1]}',
            [
                'unknown field "metadata.foo"',
                'duplicate field "spec.color"',
                'unknown field "spec.bar"',
                'unknown field "zed"',
            ],
        ),
        (b'{"kind":"Widget","kind":"Widget"}', ['duplicate field "kind"']),
        (b'{"Kind":"Widget","SPEC":{}}', ['unknown field "Kind"', 'unknown field "SPEC"']),
        (
            b'{"spec":{"parts":[{"name":"a"},{"name":"b","foo":1,"name":"c"}]}}',
            ['unknown field "spec.parts[1].foo"', 'duplicate field "spec.parts[1].name"'],
        ),
        (b'{"metadata":{"labels":{"a":"1","a":"2"}}}', ['duplicate field "metadata.labels.a"']),
        (b'{"spec":{"foo":1,"foo":2}}', ['unknown field "spec.foo"']),
        (b'{"spec":{"foo":{"a":1,"a":2}}}', ['unknown field "spec.foo"']),
        (b'{"metadata":{"managedFields":[{"fieldsV1":{"a":{},"a":{}}}]}}', []),
        (b'{"spec":null,"status":{"phase":null}}', []),
        (b'{"spec":{"a\\"b":1}}', ['unknown field "spec.a\\"b"']),
    ],
)
def test_strict_decoding_finds_unknown_and_duplicate_fields(data: bytes, problems: list[str]) -> None:
    assert CODECS.decode(data, default_gvk=WIDGET, strict=True).strict_errors == problems
    assert CODECS.decode(data, default_gvk=WIDGET).strict_errors == []


def test_items_of_lists_and_roots_inside_may_carry_their_kind() -> None:
    data = b'{"items":[{"kind":"Widget","apiVersion":"demo.example.com/v1"}]}'
    assert CODECS.decode(data, default_gvk=DEMO.with_kind("WidgetList"), strict=True).strict_errors == []
    inner = CODECS.decode(b'{"spec":{"kind":"x"}}', default_gvk=WIDGET, strict=True)
    assert inner.strict_errors == ['unknown field "spec.kind"']


def test_at_most_a_hundred_problems_are_kept() -> None:
    data = json.dumps({"spec": {f"x{index}": 1 for index in range(150)}}).encode()
    problems = CODECS.decode(data, default_gvk=WIDGET, strict=True).strict_errors
    assert len(problems) == 100
    assert problems[-1] == 'unknown field "spec.x99"'


def test_of_duplicate_fields_the_last_one_counts() -> None:
    data = b'{"spec":{"color":"red","color":"blue"}}'
    assert CODECS.decode(data, default_gvk=WIDGET).object.spec.color == "blue"
    assert CODECS.decode(data, default_gvk=WIDGET, strict=True).object.spec.color == "blue"


def test_strict_problems_make_one_text() -> None:
    assert strict_decoding_text(['unknown field "a"', 'unknown field "b"']) == (
        'strict decoding error: unknown field "a", unknown field "b"'
    )


def test_yaml_bodies_report_duplicates_by_line_and_unknown_fields_in_key_order() -> None:
    data = b"metadata:\n  name: a\nspec:\n  color: red\n  zed: 1\n  color: blue\n  alpha: 1\n"
    decoded = CODECS.decode(data, media_type=YAML_MEDIA_TYPE, default_gvk=WIDGET, strict=True)
    assert decoded.object.spec.color == "blue"
    assert decoded.strict_errors == [
        'yaml: unmarshal errors:\n  line 6: key "color" already set in map',
        'unknown field "spec.alpha"',
        'unknown field "spec.zed"',
    ]


def test_yaml_bodies_are_typed_like_json() -> None:
    with pytest.raises(TypeMismatchError, match="cannot unmarshal bool into Go struct field WidgetSpec"):
        CODECS.decode(b"spec: {color: y}", media_type=YAML_MEDIA_TYPE, default_gvk=WIDGET)
    assert CODECS.decode(b"", media_type=YAML_MEDIA_TYPE, default_gvk=WIDGET).object == Widget()
    assert CODECS.decode(
        b"spec: {size: 1.50}", media_type=YAML_MEDIA_TYPE, default_gvk=WIDGET
    ).object.spec == WidgetSpec(size=Quantity.parse("1.5"))
    with pytest.raises(ValueError, match="no serializer for text/plain"):
        CODECS.decode(b"", media_type="text/plain", default_gvk=WIDGET)


def test_deep_nesting_is_refused() -> None:
    data = b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert isinstance(decode_error(data), JSONSyntaxError)
    shallow = b'{"x":' + b"[" * 300 + b"]" * 300 + b"}"
    assert str(decode_error(shallow)).endswith("exceeded max depth")


def test_bytes_that_are_no_utf_8_become_replacement_characters() -> None:
    decoded = CODECS.decode(
        b'{"spec":{"color":"a\xff\xe2\x82","selector":"\\ud800x\\ud83d\\ude00"}}', default_gvk=WIDGET
    )
    assert decoded.object.spec.color == "a\ufffd\ufffd\ufffd"
    assert decoded.object.spec.selector == "\ufffdx\U0001f600"


def test_fields_are_written_in_the_order_of_declaration_and_map_keys_sorted() -> None:
    widget = Widget(
        metadata=meta.ObjectMeta(name="a", labels={"b": "2", "a": "1", "é": "3", "B": "0"}),
        spec=WidgetSpec(color="red", replicas=0),
    )
    assert CODECS.encode(widget, WIDGET) == (
        b'{"kind":"Widget","apiVersion":"demo.example.com/v1","metadata":{"name":"a",'
        b'"labels":{"B":"0","a":"1","b":"2","\xc3\xa9":"3"}},"spec":{"replicas":0,"color":"red"},"status":{"replicas":0}}\n'
    )


def test_pretty_output_is_indented_and_has_no_newline_at_the_end() -> None:
    assert CODECS.encode(meta.Status(code=5), GroupVersionKind("", "v1", "Status"), pretty=True) == (
        b'{\n  "kind": "Status",\n  "apiVersion": "v1",\n  "metadata": {},\n  "code": 5\n}'
    )


def test_strings_are_escaped_for_html() -> None:
    widget = Widget(spec=WidgetSpec(color="<>&\u2028\u2029é\x1b\b"))
    assert rb'"color":"\u003c\u003e\u0026\u2028\u2029' + "é".encode() + rb'\u001b\b"' in CODECS.encode(widget, WIDGET)


@pytest.mark.parametrize(
    ("weight", "text"),
    [
        (1.0, "1"),
        (0.1, "0.1"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (1.2345678901234568e20, "123456789012345680000"),
        (1e-7, "1e-7"),
        (1e-6, "0.000001"),
        (1.5e-5, "0.000015"),
        (-0.5, "-0.5"),
        (123456789.123, "123456789.123"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (5e-324, "5e-324"),
    ],
)
def test_floats_are_written_as_go_does(weight: float, text: str) -> None:
    assert f'"weight":{text}}}'.encode() in CODECS.encode(Widget(spec=WidgetSpec(weight=weight)), WIDGET)
    assert CODECS.encode(Assorted(always="", numbers=[weight]), ASSORTED).endswith(f'"numbers":[{text}]}}\n'.encode())


def test_pointers_are_written_when_empty_and_other_fields_are_not() -> None:
    spec = WidgetSpec(replicas=0, weight=-0.0, payload=b"", tags=[], options={})
    assert CODECS.to_unstructured(Widget(spec=spec), WIDGET)["spec"] == {"replicas": 0, "color": ""}
    assorted = Assorted(always="", flag=False, ratio=0.0, data=b"")
    assert CODECS.encode(assorted, ASSORTED) == (
        b'{"kind":"Assorted","apiVersion":"demo.example.com/v1","always":"","flag":false,"ratio":0,"data":""}\n'
    )


def test_zero_times_are_null() -> None:
    assert b'"lastTransitionTime":null' in CODECS.encode(
        meta.Condition(type="", status="", reason="", message=""), ASSORTED
    )
    zero = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
    assert b'"times":[null]' in CODECS.encode(Assorted(always="", times=[zero]), ASSORTED)


def test_times_of_other_zones_are_written_in_utc() -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    assorted = Assorted(
        always="",
        beat=dt.datetime(2026, 1, 1, 2, 0, 0, 5, tzinfo=zone),
        times=[dt.datetime(2026, 1, 1, 2, tzinfo=zone), dt.datetime(2026, 1, 1)],  # noqa: DTZ001
    )
    written = CODECS.to_unstructured(assorted, ASSORTED)
    assert written["beat"] == "2026-01-01T00:00:00.000005Z"
    assert written["times"] == ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]


def test_empty_lists_are_brackets_except_where_go_has_none() -> None:
    assert CODECS.encode(list_of(Widget)(), DEMO.with_kind("WidgetList")).endswith(b'"metadata":{},"items":[]}\n')
    table = CODECS.encode(meta.Table(), meta.GROUP_VERSION.with_kind("Table"))
    assert table.endswith(b'"metadata":{},"columnDefinitions":null,"rows":null}\n')
    partial = CODECS.encode(meta.PartialObjectMetadataList(), meta.GROUP_VERSION.with_kind("PartialObjectMetadataList"))
    assert partial.endswith(b'"metadata":{},"items":null}\n')


def test_items_of_partial_metadata_lists_carry_their_kind() -> None:
    partial = meta.PartialObjectMetadataList(items=[meta.PartialObjectMetadata(metadata=meta.ObjectMeta(name="a"))])
    gvk = meta.GROUP_VERSION.with_kind("PartialObjectMetadataList")
    item = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "a"}}
    assert json.loads(CODECS.encode(partial, gvk))["items"] == [item]
    assert CODECS.to_unstructured(partial, gvk)["items"] == [item]


def test_encoded_items_join_into_a_list() -> None:
    widgets = [Widget(metadata=meta.ObjectMeta(name=name)) for name in "ab"]
    listed = list_of(Widget)(metadata=meta.ListMeta(resource_version="5"), items=widgets)
    items = [CODECS.encode_item(widget, WIDGET) for widget in widgets]
    gvk = DEMO.with_kind("WidgetList")
    assert CODECS.encode_list(gvk, listed.metadata, items) == CODECS.encode(listed, gvk)
    assert CODECS.encode_list(gvk, meta.ListMeta(), []) == CODECS.encode(list_of(Widget)(), gvk)
    assert CODECS.wrap_item(WIDGET, items[0]) + b"\n" == CODECS.encode(widgets[0], WIDGET)
    assert CODECS.wrap_item(WIDGET, b"{}") == b'{"kind":"Widget","apiVersion":"demo.example.com/v1"}'


def test_encoding_converts_to_the_version_that_is_asked_for() -> None:
    assert CODECS.encode(HubGadget(color="red"), GADGET) == (
        b'{"kind":"Gadget","apiVersion":"demo.example.com/v1","metadata":{},"colour":"red"}\n'
    )


def test_a_raw_value_is_spliced() -> None:
    row = meta.TableRow(cells=["a", 1, None, 2.0], object=msgspec.Raw(b'{"a":1}'))
    assert CODECS.encode(meta.Table(rows=[row]), ASSORTED).endswith(
        b'"rows":[{"cells":["a",1,null,2],"object":{"a":1}}]}\n'
    )
    assert CODECS.to_unstructured(meta.Table(rows=[row]), ASSORTED)["rows"][0]["object"] == {"a": 1}


def test_unstructured_values_are_independent_of_objects() -> None:
    assorted = Assorted(always="x", anything={"a": [1]}, matrix=[[1]], index={"a": ["b"]})
    plain = CODECS.to_unstructured(assorted, ASSORTED)
    plain["anything"]["a"].append(2)
    plain["matrix"][0].append(2)
    plain["index"]["a"].append("c")
    assert assorted == Assorted(always="x", anything={"a": [1]}, matrix=[[1]], index={"a": ["b"]})

    back, problems = CODECS.from_unstructured(plain, Assorted, strict=True)
    assert problems == []
    back.anything["a"].append(3)
    assert plain["anything"] == {"a": [1, 2]}


def test_from_unstructured_reports_like_decode() -> None:
    value = {"spec": {"bar": 1, "color": "red"}, "metadata": {}, "zed": 1}
    widget, problems = CODECS.from_unstructured(value, Widget, strict=True)
    assert widget.spec.color == "red"
    assert problems == ['unknown field "spec.bar"', 'unknown field "zed"']
    with pytest.raises(TypeMismatchError, match=r"cannot unmarshal number 1\.5 into Go struct field WidgetSpec"):
        CODECS.from_unstructured({"spec": {"replicas": 1.5}}, Widget)


def test_storage_bytes_hold_the_storage_version_without_the_resource_version() -> None:
    codec = CODECS.storage_codec(DEMO, HubGadget)
    gadget = HubGadget(metadata=meta.ObjectMeta(name="a", resource_version="5", self_link="/x"), color="red")
    data = codec.encode(gadget)
    assert data == b'{"kind":"Gadget","apiVersion":"demo.example.com/v1","metadata":{"name":"a"},"colour":"red"}\n'
    assert codec.decode(data) == HubGadget(metadata=meta.ObjectMeta(name="a"), color="red")
    assert gadget.metadata.resource_version == "5"


def test_reading_from_the_storage_defaults() -> None:
    codec = CODECS.storage_codec(DEMO, HubGadget)
    assert codec.decode(b'{"kind":"Gadget","apiVersion":"demo.example.com/v1"}') == HubGadget(color="grey")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"kind":1,"apiVersion":"v1"}',
        b'{"kind":"Gadget","apiVersion":"a/b/c"}',
        b'{"kind":"Other","apiVersion":"demo.example.com/v1"}',
        b'{"kind":"Widget","apiVersion":"demo.example.com/v1"}',
        b'{"kind":"Gadget","apiVersion":"demo.example.com/v1","size":"x"}',
        b'{"kind":[],"apiVersion":"v1"}',
    ],
)
def test_corrupt_storage_bytes_are_decode_errors(data: bytes) -> None:
    with pytest.raises(DecodeError):
        CODECS.storage_codec(DEMO, HubGadget).decode(data)
