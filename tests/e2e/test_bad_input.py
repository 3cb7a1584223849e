"""Nothing that a client sends makes the server fail: bodies, options, paths and bytes that make no sense.

Every row is refused with a status below 500; what is refused by the API, with a Status that says why; what is no HTTP, in
plain text. One server takes all of it, and afterwards it is ready, has said nothing of errors, and holds what it held
before.
"""

import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import httpx
import pytest

from tests.support.https_client import HTTPSClient, Response
from tests.support.server_process import free_port
from tests.support.standalone import FLUNDERS, Standalone, standalone

SEED = f"{FLUNDERS}/seed"
APPLIED = f"{SEED}?fieldManager=test"
NAMESPACES = "/apis/wardle.example.com/v1beta1/namespaces"
LIMIT = 3 * 2**20
"""Bytes that a body may have (Go pkg/server/config.go MaxRequestBodyBytes)."""

JSON = "application/json"
YAML = "application/yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"

pytestmark = pytest.mark.e2e


@attrs.frozen
class Row:
    """A request, the status that it is to get, and words of the answer."""

    name: str
    method: str
    path: str
    body: str | bytes | None
    status: int
    says: str = ""
    media_type: str = JSON
    headers: Mapping[str, str] = attrs.field(factory=dict)


def flunder(**changes: Any) -> str:
    return json.dumps(
        {
            "apiVersion": "wardle.example.com/v1beta1",
            "kind": "Flunder",
            "metadata": {"name": "bad"},
            "spec": {"referenceType": "Flunder", "flunderReference": "x"},
            **changes,
        }
    )


def with_spec(text: str) -> str:
    """A flunder whose spec is *text*, which need not be JSON."""
    return f'{{"metadata":{{"name":"bad"}},"spec":{text}}}'


def with_metadata(text: str) -> str:
    return f'{{"metadata":{{"name":"bad",{text}}},"spec":{{}}}}'


def of_size(size: int) -> str:
    body = flunder(spec={"referenceType": "Flunder", "flunderReference": "__PAD__"})
    return body.replace("__PAD__", "x" * (size - len(body) + len("__PAD__")))


def alias_bomb() -> str:
    """Nine levels of nine references each: four hundred million nodes in four hundred bytes."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for one, other in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{other}: &{other} [{', '.join([f'*{one}'] * 9)}]")
    return "\n".join(lines)


DEEP = 200_000
NESTED_OBJECTS = '{"spec":' * 100_000 + "1" + "}" * 100_000
DIGITS = "9" * 5000
OPERATIONS = json.dumps([{"op": "test", "path": "/metadata/name", "value": "seed"}] * 10_001)
COPIES = json.dumps(
    [
        {"op": "add", "path": "/metadata/annotations", "value": {"a": "x" * 1000}},
        *({"op": "copy", "from": "/metadata", "path": f"/metadata/annotations/b{i}"} for i in range(40)),
    ]
)

BODIES = [
    Row("truncated JSON", "POST", FLUNDERS, '{"apiVersion":', 400, "unexpected end of JSON input"),
    Row("no JSON", "POST", FLUNDERS, "hello", 400, "invalid character 'h'"),
    Row("more after the JSON", "POST", FLUNDERS, flunder() + "{}", 400, "after top-level value"),
    Row("an array", "POST", FLUNDERS, "[]", 400, "cannot unmarshal array"),
    Row("a string", "POST", FLUNDERS, '"x"', 400, "cannot unmarshal string"),
    Row("null", "POST", FLUNDERS, "null", 422, "name or generateName is required"),
    Row("nothing", "POST", FLUNDERS, "", 400, "unexpected end of JSON input"),
    Row("UTF-16", "POST", FLUNDERS, flunder().encode("utf-16"), 400, "invalid character"),
    Row("a byte order mark", "POST", FLUNDERS, flunder().encode("utf-8-sig"), 400, "invalid character"),
    Row("another kind", "POST", FLUNDERS, flunder(kind="Fischer"), 400, "cannot be handled as a Flunder"),
    Row("no kind of ours", "POST", FLUNDERS, flunder(kind="Nope"), 400, 'no kind "Nope" is registered'),
    Row("a kind that is no text", "POST", FLUNDERS, flunder(kind=7), 400, "cannot unmarshal number"),
    Row(
        "an unknown version",
        "POST",
        FLUNDERS,
        flunder(apiVersion="wardle.example.com/v9"),
        400,
        'no kind "Flunder" is registered for version "wardle.example.com/v9"',
    ),
    Row(
        "another version",
        "POST",
        FLUNDERS,
        flunder(apiVersion="wardle.example.com/v1alpha1"),
        400,
        "does not match the expected API version",
    ),
    Row("another namespace", "POST", FLUNDERS, flunder(metadata={"name": "bad", "namespace": "b"}), 400, "namespace"),
    Row("another name", "PUT", SEED, flunder(), 400, "does not match the name on the URL"),
    Row("200k open brackets", "POST", FLUNDERS, "[" * DEEP, 400, "exceeded max depth"),
    Row("200k brackets in a field", "POST", FLUNDERS, with_spec("[" * DEEP + "]" * DEEP), 400, "exceeded max depth"),
    Row("100k objects in a field", "PUT", SEED, with_spec(NESTED_OBJECTS), 400, "exceeded max depth"),
    Row("5000 digits for a text", "POST", FLUNDERS, with_spec(f'{{"flunderReference":{DIGITS}}}'), 400, "number"),
    Row("5000 digits for a number", "POST", FLUNDERS, with_metadata(f'"generation":{DIGITS}'), 400, "number"),
    Row("a number past all floats", "POST", FLUNDERS, with_metadata('"generation":1e400'), 400, "number 1e400"),
    Row("a fraction for a whole number", "POST", FLUNDERS, with_metadata('"generation":1.5'), 400, "number 1.5"),
    Row("NaN", "POST", FLUNDERS, with_metadata('"generation":NaN'), 400, "invalid character 'N'"),
    Row("infinity", "POST", FLUNDERS, with_metadata('"generation":-Infinity'), 400, "invalid character 'I'"),
    Row("half a surrogate pair", "POST", FLUNDERS, with_metadata(r'"labels":{"a":"\ud800"}'), 422, "\ufffd"),
    Row(
        "a surrogate in UTF-8",
        "POST",
        FLUNDERS,
        with_metadata('"labels":{"a":"@"}').encode().replace(b"@", b"\xed\xa0\x80"),
        422,
        "\ufffd\ufffd\ufffd",
    ),
    Row("no UTF-8", "POST", FLUNDERS, b'{"apiVersion":"\xff\xfe"}', 400, "\ufffd\ufffd"),
    Row("a slash in a name", "POST", FLUNDERS, flunder(metadata={"name": "a/b"}), 422, "may not contain '/'"),
    Row("two dots for a name", "POST", FLUNDERS, flunder(metadata={"name": ".."}), 422, "may not be '..'"),
    Row(
        "a field twice",
        "POST",
        f"{FLUNDERS}?fieldValidation=Strict",
        with_spec('{"flunderReference":"x","flunderReference":"y"}'),
        400,
        'duplicate field "spec.flunderReference"',
    ),
    Row(
        "an unknown field",
        "POST",
        f"{FLUNDERS}?fieldValidation=Strict",
        with_spec('{"nope":1}'),
        400,
        'unknown field "spec.nope"',
    ),
    Row("plain text", "POST", FLUNDERS, flunder(), 415, "accepted media types include", "text/plain"),
    Row("a media type that is none", "POST", FLUNDERS, flunder(), 415, "accepted media types include", ";;;"),
    Row("JSON as a patch", "PATCH", SEED, "{}", 415, "Unsupported Media Type", JSON),
    Row("deletion by broken JSON", "DELETE", SEED, "{", 400, "unexpected end of JSON input"),
    Row("deletion by an array", "DELETE", SEED, "[]", 400, "cannot unmarshal array"),
    Row("deletion 200k deep", "DELETE", SEED, "[" * DEEP, 400, "exceeded max depth"),
    Row("deletion of another", "DELETE", SEED, '{"preconditions":{"uid":"nope"}}', 409, "UID in the precondition"),
    Row("a picture, please", "GET", SEED, None, 406, "Not Acceptable", headers={"Accept": "image/png"}),
]

YAML_BODIES = [
    Row("malformed YAML", "POST", FLUNDERS, "a: [", 400, "yaml: line 1", YAML),
    Row("a tab as indentation", "POST", FLUNDERS, "a:\n\t- b", 400, "yaml: line 2", YAML),
    Row("a lone scalar", "POST", FLUNDERS, "hello", 400, "cannot unmarshal string", YAML),
    Row("a Python object", "POST", FLUNDERS, 'a: !!python/object/apply:os.system ["true"]', 422, "required", YAML),
    Row("an alias bomb", "POST", FLUNDERS, alias_bomb(), 400, "aliases", YAML),
    Row("an alias of itself", "POST", FLUNDERS, "&a [*a]", 400, "aliases", YAML),
    Row("200k open brackets", "POST", FLUNDERS, "[" * DEEP, 400, "exceeded max depth", YAML),
    Row("100k list items", "POST", FLUNDERS, "- " * 100_000, 400, "exceeded max depth", YAML),
    Row("100k keys", "POST", FLUNDERS, "? " * 100_000, 400, "exceeded max depth", YAML),
    Row("NUL", "POST", FLUNDERS, 'a: "\0"', 400, "control characters", YAML),
    Row("a list for a key", "POST", FLUNDERS, "? [a]\n: b\n", 400, "invalid map key", YAML),
]

PATCHES = [
    Row("broken JSON", "PATCH", SEED, "{", 400, "unexpected end of JSON input", MERGE),
    Row("an array", "PATCH", SEED, "[1]", 400, "cannot unmarshal array", MERGE),
    Row("a merge patch 100k deep", "PATCH", SEED, NESTED_OBJECTS, 400, "exceeded max depth", MERGE),
    Row("a strategic patch 100k deep", "PATCH", SEED, NESTED_OBJECTS, 400, "exceeded max depth", STRATEGIC),
    Row("10001 operations", "PATCH", SEED, OPERATIONS, 413, "maximum operations in a JSON patch is 10000", JSON_PATCH),
    Row("copies of copies", "PATCH", SEED, COPIES, 422, "", JSON_PATCH),
    Row("no operation", "PATCH", SEED, '[{"op":"explode","path":"/a"}]', 422, "", JSON_PATCH),
    Row("no pointer", "PATCH", SEED, '[{"op":"remove","path":"a~9"}]', 422, "", JSON_PATCH),
    Row("an apply 100k deep", "PATCH", APPLIED, NESTED_OBJECTS, 400, "exceeded max depth", APPLY),
    Row("an applied alias bomb", "PATCH", APPLIED, alias_bomb(), 400, "aliases", APPLY),
    Row("an apply without a manager", "PATCH", SEED, flunder(), 422, "fieldManager: Required value", APPLY),
]

TOO_LARGE = [
    Row(f"{method} {media_type}", method, path, of_size(LIMIT + 1), 413, f"limit is {LIMIT}", media_type)
    for method, path, media_type in (
        ("POST", FLUNDERS, JSON),
        ("POST", FLUNDERS, YAML),
        ("PUT", SEED, JSON),
        ("PATCH", SEED, MERGE),
        ("PATCH", SEED, JSON_PATCH),
        ("PATCH", SEED, STRATEGIC),
        ("PATCH", APPLIED, APPLY),
        ("DELETE", SEED, JSON),
    )
]

OPTIONS = [
    Row(query[:50], "GET", f"{FLUNDERS}?{query}", None, status, says)
    for query, status, says in (
        ("labelSelector=a%20b", 400, "unable to parse requirement"),
        ("labelSelector=%3D", 400, "found '='"),
        ("labelSelector=a%20in%20(", 400, "unable to parse requirement"),
        ("labelSelector=-a", 400, "name part must consist of"),
        ("labelSelector=%ff", 400, "name part must consist of"),
        ("labelSelector=" + "(" * 5000, 400, "found '('"),
        ("fieldSelector=x", 400, "invalid selector: 'x'"),
        ("fieldSelector=spec.x%3D1", 400, '"spec.x" is not a known field selector'),
        ("fieldSelector=metadata.name%3E1", 400, "invalid selector"),
        ("limit=abc", 400, 'strconv.ParseInt: parsing "abc"'),
        ("limit=1e3", 400, 'strconv.ParseInt: parsing "1e3"'),
        ("limit=%D9%A3", 400, "strconv.ParseInt"),
        (f"limit={DIGITS}", 400, "strconv.ParseInt"),
        ("continue=junk", 400, "invalid continue token"),
        ("continue=" + "A" * 5000, 400, "invalid continue token"),
        ("resourceVersion=x", 400, "invalid resource version"),
        ("resourceVersion=-1", 400, "invalid resource version"),
        (f"resourceVersion={DIGITS}", 400, "invalid resource version"),
        ("resourceVersionMatch=Exact", 422, "forbidden unless resourceVersion is provided"),
        ("resourceVersion=1&resourceVersionMatch=Nope", 422, "Unsupported value"),
        ("timeoutSeconds=x", 400, "strconv.ParseInt"),
        ("watch=1&sendInitialEvents=true", 422, "sendInitialEvents requires"),
        ("watch=1&fieldSelector=x", 400, "invalid selector: 'x'"),
        ("timeout=abc", 400, 'invalid duration "abc"'),
        (f"timeout={DIGITS}s", 400, "invalid duration"),
    )
] + [
    Row("fieldValidation", "POST", f"{FLUNDERS}?fieldValidation=Loud", flunder(), 422, "Unsupported value"),
    Row("dryRun", "POST", f"{FLUNDERS}?dryRun=Some", flunder(), 422, "Unsupported value"),
    Row("fieldManager", "POST", f"{FLUNDERS}?fieldManager={'x' * 200}", flunder(), 422, "Too long"),
    Row("propagationPolicy", "DELETE", f"{SEED}?propagationPolicy=Sideways", None, 422, "Unsupported value"),
]

NAMES = [
    Row(f"{method} {path.removeprefix(NAMESPACES)[:60]}", method, path, body, status, says)
    for method, path, body, status, says in (
        ("GET", f"{FLUNDERS}/..", None, 400, "may not be '..'"),
        ("GET", f"{NAMESPACES}/../flunders", None, 400, "Namespace parameter invalid"),
        ("GET", f"{NAMESPACES}/../flunders/x", None, 400, "Namespace parameter invalid"),
        ("GET", f"{FLUNDERS}/%2e%2e", None, 400, "may not be '..'"),
        ("GET", f"{FLUNDERS}/a%2Fb", None, 404, "could not find the requested resource"),
        ("GET", f"{FLUNDERS}/%00", None, 404, "not found"),
        ("GET", f"{FLUNDERS}/%C0%AE", None, 404, "not found"),
        ("GET", f"{FLUNDERS}/{'a' * 5000}", None, 404, "not found"),
        ("GET", f"{SEED}/nope", None, 404, "could not find the requested resource"),
        ("GET", f"{NAMESPACES}/default/nope", None, 404, "could not find the requested resource"),
        ("POST", f"{NAMESPACES}/../flunders", flunder(), 422, "lowercase RFC 1123 label"),
        ("POST", f"{NAMESPACES}/%2e%2e/flunders", flunder(), 422, "lowercase RFC 1123 label"),
        ("POST", f"{NAMESPACES}/%00/flunders", flunder(), 422, "lowercase RFC 1123 label"),
        ("POST", f"{NAMESPACES}/a%2Fb/flunders", flunder(), 404, "could not find the requested resource"),
        ("POST", f"{NAMESPACES}//flunders", flunder(), 422, "metadata.namespace: Required value"),
        ("POST", f"{NAMESPACES}/%D9%A3/flunders", flunder(), 422, "lowercase RFC 1123 label"),
        ("POST", f"{NAMESPACES}/{'n' * 100}/flunders", flunder(), 422, "metadata.namespace"),
        ("POST", f"{FLUNDERS}/bad", flunder(), 405, "does not allow this method"),
    )
]

PAGES = [
    "/../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/apis/../../x",
    "/..%2f..%2fx",
    "//",
    "//apis",
    "/apis//wardle.example.com",
    "/apis/nope/v1",
    "/%00",
    "/%ff",
    "/" + "a" * 100_000,
    "/" + "a/" * 5000,
    "/healthz/../..",
    "/readyz/nope",
]
"""Paths at which there is nothing; some of the answers are an index rather than a Status."""

OF_THE_REFERENCE = [
    Row("a version", "PUT", SEED, flunder(metadata={"name": "seed", "resourceVersion": "x"}), 500, "strconv.ParseUint"),
    Row("a watch's version", "GET", f"{FLUNDERS}?watch=1&resourceVersion=x", None, 500, "strconv.ParseUint"),
]
"""The two places where the reference itself says 500 to what a client got wrong, in these words."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    """A server with one object, which has the same one object at the end."""
    with standalone(tmp_path_factory.mktemp("bad") / "data", free_port()) as running:
        seed = running.admin.request("POST", FLUNDERS, flunder(metadata={"name": "seed"}))
        assert seed.status == 201
        yield running
        assert running.admin.get("/readyz").status == 200
        left = running.admin.get("/apis/wardle.example.com/v1beta1/flunders").json()["items"]
        assert [each["metadata"] for each in left] == [seed.json()["metadata"]]
        running.process.stop()
        assert " ERROR " not in running.process.stderr


@pytest.fixture(scope="module")
def client(server: Standalone) -> HTTPSClient:
    return server.admin


def ask(client: HTTPSClient, row: Row) -> Response:
    headers = {**({} if row.body is None else {"Content-Type": row.media_type}), **row.headers}
    return client.request(row.method, row.path, row.body, headers)


def by_name(row: Row) -> str:
    return row.name


@pytest.mark.parametrize("row", BODIES, ids=by_name)
def test_a_bad_body_is_refused_with_the_reason(client: HTTPSClient, row: Row) -> None:
    assert_refused(ask(client, row), row)


@pytest.mark.parametrize("row", YAML_BODIES, ids=by_name)
def test_bad_yaml_is_refused_with_the_reason(client: HTTPSClient, row: Row) -> None:
    assert_refused(ask(client, row), row)


@pytest.mark.parametrize("row", PATCHES, ids=by_name)
def test_a_bad_patch_is_refused_with_the_reason(client: HTTPSClient, row: Row) -> None:
    assert_refused(ask(client, row), row)


@pytest.mark.parametrize("row", TOO_LARGE, ids=by_name)
def test_a_body_of_one_byte_too_many_is_refused(client: HTTPSClient, row: Row) -> None:
    assert_refused(ask(client, row), row)


def test_a_body_of_the_greatest_size_is_read(client: HTTPSClient) -> None:
    answer = client.request("POST", f"{FLUNDERS}?dryRun=All", of_size(LIMIT))
    assert answer.status == 201


def test_an_http2_connection_outlives_a_body_that_is_too_large(server: Standalone) -> None:
    context = server.admin.context
    with httpx.Client(http2=True, verify=context, base_url=f"https://127.0.0.1:{server.port}", timeout=60) as client:
        for _ in range(3):
            refused = client.post(FLUNDERS, content=of_size(LIMIT + 1), headers={"Content-Type": JSON})
            assert (refused.http_version, refused.status_code) == ("HTTP/2", 413)
            assert client.get(SEED).status_code == 200


@pytest.mark.parametrize("row", OPTIONS, ids=by_name)
def test_a_bad_option_is_refused_with_the_reason(client: HTTPSClient, row: Row) -> None:
    assert_refused(ask(client, row), row)


@pytest.mark.parametrize("row", NAMES, ids=by_name)
def test_a_name_that_cannot_be_is_refused_or_not_found(client: HTTPSClient, row: Row) -> None:
    assert_refused(ask(client, row), row)


@pytest.mark.parametrize("row", OF_THE_REFERENCE, ids=by_name)
def test_what_the_reference_calls_its_own_fault_is_told_in_its_words(client: HTTPSClient, row: Row) -> None:
    assert_refused(ask(client, row), row)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path[:40])
def test_nothing_is_found_where_nothing_is(client: HTTPSClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status == 404
    assert b"root:" not in answer.body


def assert_refused(answer: Response, row: Row) -> None:
    assert answer.status == row.status, answer.body
    assert answer.header("content-type") == "application/json"
    status = answer.json()
    assert (status["kind"], status["status"], status["code"]) == ("Status", "Failure", row.status)
    assert row.says in status["message"]


# ---- bytes that are no HTTP, or say two things at once


def head(*fields: bytes, line: bytes = b"POST " + FLUNDERS.encode() + b" HTTP/1.1") -> bytes:
    """A request head of *line* and *fields*."""
    return b"\r\n".join([line, *fields, b"", b""])


HOST = b"Host: localhost"
CLOSE = b"Connection: close"
TYPE = b"Content-Type: application/json"
BODY = flunder().encode()
LENGTH = b"Content-Length: %d" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked"

NO_HTTP = {
    "junk": (b"\x00\x01\x02\x03" * 100 + b"\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/9.9": (head(HOST, line=b"GET / HTTP/9.9"), 505),
    "HTTP/2 without ALPN": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100, 505),
    "a carriage return in a field": (head(HOST, TYPE, LENGTH, b"X: a\rEvil: b") + BODY, 400),
    "NUL in a field": (head(HOST, TYPE, LENGTH, b"X: a\x00b") + BODY, 400),
    "no colon": (head(HOST, TYPE, LENGTH, b"X") + BODY, 400),
    "a blank before the colon": (head(HOST, TYPE, LENGTH, b"X : a") + BODY, 400),
    "no name": (head(HOST, TYPE, LENGTH, b": a") + BODY, 400),
    "no host": (head(TYPE, LENGTH) + BODY, 400),
    "the same host twice": (head(HOST, HOST, TYPE, LENGTH) + BODY, 400),
    "two hosts": (head(HOST, b"Host: evil", TYPE, LENGTH) + BODY, 400),
    "a host that is none": (head(b"Host: a b/../", TYPE, LENGTH) + BODY, 400),
    "NUL in the path": (head(HOST, line=b"GET /a\x00b HTTP/1.1"), 400),
    "a blank in the path": (head(HOST, line=b"GET /a b HTTP/1.1"), 400),
    "a path without a slash": (head(HOST, line=b"GET apis HTTP/1.1"), 400),
    "UTF-8 in the path": (head(HOST, line="GET /ü HTTP/1.1".encode()), 400),
    "a broken escape": (head(HOST, line=b"GET /%zz HTTP/1.1"), 400),
    "no method": (head(HOST, line=b"G\xffT / HTTP/1.1"), 400),
    "CONNECT": (head(HOST, line=b"CONNECT evil:443 HTTP/1.1"), 400),
    "two lengths": (head(HOST, TYPE, LENGTH, b"Content-Length: 3") + BODY, 400),
    "a negative length": (head(HOST, TYPE, b"Content-Length: -1"), 400),
    "a length with a sign": (head(HOST, TYPE, b"Content-Length: +3") + BODY, 400),
    "5000 digits of length": (head(HOST, TYPE, b"Content-Length: " + b"9" * 5000), 400),
    "an Arabic length": (head(HOST, TYPE, "Content-Length: ٣".encode()), 400),
    "an unknown coding": (head(HOST, TYPE, b"Transfer-Encoding: xchunked"), 501),
    "chunked twice": (head(HOST, TYPE, b"Transfer-Encoding: chunked, chunked"), 501),
    "a chunk size that is none": (head(HOST, TYPE, CHUNKED) + b"zz\r\nabc\r\n0\r\n\r\n", 400),
    "a negative chunk": (head(HOST, TYPE, CHUNKED) + b"-1\r\nabc\r\n0\r\n\r\n", 400),
    "a length and chunks": (head(HOST, TYPE, LENGTH, CHUNKED) + BODY + b"\r\n", 400),
    "an unknown expectation": (head(HOST, TYPE, LENGTH, b"Expect: the-unexpected") + BODY, 417),
    "a head of two megabytes": (head(HOST, b"X: " + b"a" * 2**21, line=b"GET / HTTP/1.1"), 431),
    "a path of two megabytes": (head(HOST, line=b"GET /" + b"a" * 2**21 + b" HTTP/1.1"), 431),
    "an unknown method": (head(HOST, CLOSE, line=b"BREW " + FLUNDERS.encode() + b" HTTP/1.1"), 405),
}


@pytest.mark.parametrize(("data", "status"), NO_HTTP.values(), ids=NO_HTTP.keys())
def test_what_is_no_http_is_refused_and_the_connection_closed(client: HTTPSClient, data: bytes, status: int) -> None:
    answer = client.raw(data)
    line, _, rest = answer.partition(b"\r\n")
    assert line.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == 1, "one request has one answer"
    assert b"Traceback" not in rest


def test_a_body_is_not_taken_for_the_next_request(client: HTTPSClient) -> None:
    smuggled = head(HOST, line=b"DELETE " + SEED.encode() + b" HTTP/1.1")
    length = b"Content-Length: %d" % len(smuggled)
    answer = client.raw(head(HOST, TYPE, length, CLOSE) + smuggled + smuggled)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_http_in_the_clear_is_told_so(server: Standalone) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 60) as plain, plain.makefile("rb") as answer:
        plain.sendall(head(HOST, line=b"GET / HTTP/1.1"))
        assert answer.read().endswith(b"Client sent an HTTP request to an HTTPS server.\n")


def test_a_handshake_that_is_none_ends_that_connection_only(server: Standalone) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 60) as plain, plain.makefile("rb") as answer:
        plain.sendall(b"\x16\x03\x01\xff\xff" + b"\xff" * 1000)
        answer.read()
    assert server.admin.get("/readyz").status == 200
