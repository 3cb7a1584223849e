"""Accept and Content-Type, row by row (endpoints reference, sections 2 and 19)."""

import pytest

from genericapiserver.apimachinery.errors import NotAcceptableError, UnsupportedMediaTypeError
from genericapiserver.apimachinery.serializer.codec import SerializerInfo
from genericapiserver.endpoints.negotiation import (
    REMEMBERED_HEADERS,
    Negotiator,
    NoTransforms,
    ResourceRestrictions,
    input_media_type,
    is_acceptable,
    is_consumable,
    negotiate,
    parse_accept,
    parse_media_type,
    wants_pretty,
)

JSON = SerializerInfo(media_type="application/json", streaming=True, pretty=True)
YAML = SerializerInfo(media_type="application/yaml", streaming=False, pretty=False)
SUPPORTED = (JSON, YAML)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"


@pytest.mark.parametrize(
    ("header", "clauses"),
    [
        ("", []),
        ("*", ["*/*"]),
        ("application/json", ["application/json"]),
        ("application", []),
        ("a/b/c", []),
        ("application/", []),
        ("a/b;q=0.1, c/d", ["c/d", "a/b"]),
        ("*/*, a/b", ["a/b", "*/*"]),
        ("a/*, a/b", ["a/b", "a/*"]),
        ("a/b, c/d", ["a/b", "c/d"]),
        ("a/b;q=nonsense, c/d;q=0.5", ["c/d", "a/b"]),
        (" a / b ", ["a/b"]),
    ],
)
def test_clauses_are_sorted_by_quality_then_concreteness(header: str, clauses: list[str]) -> None:
    assert [f"{clause.type}/{clause.subtype}" for clause in parse_accept(header)] == clauses


@pytest.mark.parametrize(
    ("header", "params"),
    [
        ("a/b;x=1;y=2", {"x": "1", "y": "2"}),
        ("a/b; x = 1", {"x": "1"}),
        ("a/b;x", {}),
        ("a/b;x=", {}),
        ("a/b;x=1=2", {}),
        ("a/b;x=1=", {"x": "1"}),
        ("a/b;q=0.5;x=1", {"x": "1"}),
    ],
)
def test_parameters_without_exactly_one_equals_sign_are_dropped(header: str, params: dict[str, str]) -> None:
    assert dict(parse_accept(header)[0].params) == params


@pytest.mark.parametrize(
    ("header", "media_type", "convert"),
    [
        ("", "application/json", None),
        ("*/*", "application/json", None),
        ("*", "application/json", None),
        ("application/*", "application/json", None),
        ("application/json;q=0", "application/json", None),
        ("application/json;charset=utf-8", "application/json", None),
        ("application/yaml, application/json", "application/yaml", None),
        ("application/yaml;q=0.1, application/json", "application/json", None),
        ("application/vnd.kubernetes.protobuf, application/json", "application/json", None),
        ("APPLICATION/JSON", None, None),
        ("text/html", None, None),
        (BROWSER, "application/json", None),
        (TABLE, "application/json", "meta.k8s.io/v1, Kind=Table"),
        (TABLE.replace("v=v1", "v=v1beta1"), "application/json", "meta.k8s.io/v1beta1, Kind=Table"),
        (TABLE.replace("json", "yaml"), "application/yaml", "meta.k8s.io/v1, Kind=Table"),
        (TABLE.replace("v=v1", "v=v2"), None, None),
        ("application/json;as=BOGUS;g=meta.k8s.io;v=v1, application/json", "application/json", None),
        ("application/json;as=Table", None, None),
        ("application/json;g=meta.k8s.io;v=v1", None, None),
        (
            "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
            "application/json",
            "meta.k8s.io/v1, Kind=PartialObjectMetadata",
        ),
        ("application/json;sv=v1", "application/json", None),
        ("application/json;sv=v2", None, None),
        ("application/json;stream=watch", "application/json", None),
        ("application/json;stream=foo", None, None),
        ("application/yaml;stream=watch", None, None),
        ("application/json;export=1", "application/json", None),
    ],
)
def test_a_resource_negotiates(header: str, media_type: str | None, convert: str | None) -> None:
    options = negotiate(header, SUPPORTED, ResourceRestrictions())
    assert (None if options is None else options.accepted.media_type) == media_type
    assert (None if options is None or options.convert is None else str(options.convert)) == convert


def test_without_a_convertor_there_are_no_tables_but_metadata() -> None:
    restrictions = ResourceRestrictions(tables=False)
    assert negotiate(TABLE, SUPPORTED, restrictions) is None
    assert negotiate(TABLE.replace("Table", "PartialObjectMetadata"), SUPPORTED, restrictions) is not None


def test_errors_allow_no_transform() -> None:
    assert negotiate(TABLE, SUPPORTED, NoTransforms()) is None
    assert negotiate(f"{TABLE},application/json", SUPPORTED, NoTransforms()) is not None


def test_a_refusal_names_what_could_be_had() -> None:
    with pytest.raises(NotAcceptableError) as caught:
        Negotiator(SUPPORTED, ResourceRestrictions()).output(b"text/html")
    assert caught.value.message == "only the following media types are accepted: application/json, application/yaml"


def test_a_watch_does_not_fall_through_to_a_type_that_streams() -> None:
    negotiator = Negotiator(SUPPORTED, ResourceRestrictions())
    with pytest.raises(NotAcceptableError) as caught:
        negotiator.stream(b"application/yaml, application/json")
    assert caught.value.message == "only the following media types are accepted: application/json;stream=watch"
    assert negotiator.stream(b"*/*").accepted is JSON


def test_answers_are_remembered_and_the_memory_is_bounded() -> None:
    negotiator = Negotiator(SUPPORTED, NoTransforms())
    first = negotiator.find(b"application/json")
    assert negotiator.find(b"application/json") is first
    for number in range(2 * REMEMBERED_HEADERS):
        negotiator.find(b"application/x%d" % number)
    assert len(negotiator._remembered) <= REMEMBERED_HEADERS


@pytest.mark.parametrize("agent", [b"curl/8.0", b"Wget/1.2", b"Mozilla/5.0 (X11)", b"kubectl/v1.35", b""])
@pytest.mark.parametrize(
    ("query", "asked"),
    [
        (b"", None),
        (b"pretty=", None),
        (b"pretty=1", True),
        (b"pretty=true", True),
        (b"pretty=0", False),
        (b"pretty=false", False),
        (b"pretty=yes", False),
        (b"notpretty=1", None),
    ],
)
def test_the_query_beats_the_user_agent(query: bytes, asked: bool | None, agent: bytes) -> None:
    by_agent = agent.startswith((b"curl", b"Wget", b"Mozilla/5.0"))
    assert wants_pretty(query, agent) is (by_agent if asked is None else asked)


@pytest.mark.parametrize(
    ("content_type", "media_type"),
    [
        ("", "application/json"),
        ("application/json", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        ("application/yaml", "application/yaml"),
        ("application/json;", "application/json"),
    ],
)
def test_bodies_may_be_of(content_type: str, media_type: str) -> None:
    assert input_media_type(content_type.encode(), SUPPORTED) == media_type


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "text/plain", "application/json; charset", "json", ";"]
)
def test_other_bodies_are_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaTypeError) as caught:
        input_media_type(content_type.encode(), SUPPORTED)
    assert caught.value.message == (
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json, application/yaml"
    )


def test_a_malformed_content_type_has_no_media_type() -> None:
    assert parse_media_type('application/json; a="b\\"c"') == "application/json"
    assert parse_media_type('application/json; a="b') == ""
    assert parse_media_type("application/json; a=b; A=c") == ""
    assert parse_media_type("application/json; a=b; a=b; c=d") == "application/json"


@pytest.mark.parametrize(
    ("accept", "acceptable"),
    [
        ("*/*", True),
        ("application/json", True),
        ("application/json;as=Table", True),
        ("text/html, application/yaml;q=0.1", True),
        ("application/*", False),
        ("text/html", False),
        ("*", False),
        ("APPLICATION/JSON", False),
    ],
)
def test_the_router_takes_literal_types_only(accept: str, acceptable: bool) -> None:
    assert is_acceptable(accept, ("application/json", "application/yaml")) is acceptable


@pytest.mark.parametrize(
    ("content_type", "method", "consumable"),
    [
        ("application/merge-patch+json", "PATCH", True),
        ("application/merge-patch+json; charset=utf-8", "PATCH", True),
        ("application/json", "PATCH", False),
        ("", "PATCH", False),
        ("", "GET", True),
        ("", "DELETE", True),
    ],
)
def test_the_router_looks_at_the_type_of_a_patch(content_type: str, method: str, consumable: bool) -> None:
    assert is_consumable(content_type, ("application/merge-patch+json",), method) is consumable
