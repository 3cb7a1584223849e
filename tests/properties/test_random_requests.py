"""Requests of any kind at every route: an answer that says why, never an accident, and nothing left behind."""

import json
import re
from typing import Any
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.widgets import ALL, NAMESPACE, QUICK, created, done, serving, widget
from tests.support.asgi_client import ASGIClient, ClientResponse

MANY = settings(QUICK, max_examples=4 * QUICK.max_examples)
REASONS = (
    r"resourceVersion should not be set on objects to be created",
    r"resourceVersion: Invalid value: .*strconv\.ParseUint",
    r"strconv\.ParseUint: parsing",
    r"failed to create typed patch object",
    r"failed to convert new object",
    r"failed to create manager for existing fields",
    r"unknown patch type: |merging lists cannot yet be specified|does not contain declared merge key",
    r"doesn't match \$setElementOrder list|expected a \[\]interface \{\}|unable to find api field in struct",
    r"no elements in any of the given slices|list element types are not identical|Invalid value: patch is nil",
    r"unable to determine kind and namespace from url",
)
"""The reference's own 500s, by their texts: violations of the schema in patches, and revisions that are no numbers."""
DOCUMENTED = re.compile("|".join(REASONS), re.DOTALL)

GROUP = "/apis/demo.example.com"
WORDS = st.one_of(
    st.sampled_from(
        ["a", "", ".", "..", "%", "watch", "status", "scale", "log", "echo", "x" * 300, "é", "a/b", "\x00"]
    ),
    st.text(max_size=5),
)
ROUTES = [
    NAMESPACE,
    f"{NAMESPACE}/a",
    f"{NAMESPACE}/b",
    *(f"{NAMESPACE}/a/{sub}" for sub in ("status", "scale", "log", "echo", "echo/x", "nothing")),
    ALL,
    f"{GROUP}/v1/watch/widgets",
    f"{GROUP}/v1/watch/namespaces/ns/widgets/a",
    f"{GROUP}/v1",
    GROUP,
    f"{GROUP}/v2/widgets",
    *("/", "/api", "/apis", "/version", "/version/", "/healthz", "/livez/ping", "/readyz", "/metrics", "/openapi/v2"),
    *("/openapi/v3", "/openapi/v3/apis/demo.example.com/v1", "/logs", "/debug/pprof", "//", "/apis//", "*", "/watch"),
]
PATHS = st.one_of(
    st.sampled_from(ROUTES),
    st.sampled_from(ROUTES[:4]),
    st.builds(lambda route, words: "/".join([route, *map(quote, words)]), st.sampled_from(ROUTES), st.lists(WORDS)),
    st.lists(WORDS).map(lambda words: "/" + "/".join(map(quote, words))),
)
METHODS = st.sampled_from(
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE", "FOO", "get"]
)
OPTIONS = st.sampled_from(
    [
        "watch",
        "limit",
        "continue",
        "resourceVersion",
        "resourceVersionMatch",
        "labelSelector",
        "fieldSelector",
        "sendInitialEvents",
        "allowWatchBookmarks",
        "dryRun",
        "fieldManager",
        "fieldValidation",
        "force",
        "pretty",
        "gracePeriodSeconds",
        "propagationPolicy",
        "orphanDependents",
        "preconditions",
        "hash",
        "verbose",
        "exclude",
        "path",
    ]
)
OPTION_VALUES = st.one_of(
    st.sampled_from(
        ["", "0", "1", "-1", "true", "false", "All", "Strict", "Warn", "Exact", "NotOlderThan", "a=b", "a in"]
    ),
    st.sampled_from(
        ["99999999999999999999", "Foreground", "Orphan", "metadata.name=a", "spec.color!=red", "eyJ2IjoxfQ"]
    ),
    st.text(max_size=4),
)
QUERIES = st.lists(st.tuples(OPTIONS, OPTION_VALUES), max_size=3).map(
    lambda pairs: "&".join(f"{name}={quote(value)}" for name, value in pairs)
)
MEDIA_TYPES = st.one_of(
    st.sampled_from(
        [
            "application/json",
            "application/yaml",
            "application/json-patch+json",
            "application/merge-patch+json",
            "application/strategic-merge-patch+json",
            "application/apply-patch+yaml",
            "application/vnd.kubernetes.protobuf",
            "application/json;as=Table;v=v1;g=meta.k8s.io",
            "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            "application/json;stream=watch",
            "*/*",
            "text/*;q=0.5, application/json;q=x",
            "text/plain",
            "",
        ]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=20),
)
HEADERS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["accept", "content-type"]), MEDIA_TYPES),
        st.tuples(
            st.sampled_from(
                ["authorization", "impersonate-user", "impersonate-group", "origin", "if-none-match", "accept-encoding"]
            ),
            st.sampled_from(
                ["", "Bearer x", "Basic eDp5", "system:masters", "https://x", '"abc"', "gzip;q=0, br", "é", ","]
            ),
        ),
    ),
    max_size=3,
)
KEYS = st.one_of(
    st.sampled_from(
        ["metadata", "spec", "status", "name", "kind", "apiVersion", "parts", "options", "$patch", "finalizers"]
    ),
    st.text(max_size=3),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def _nearly_widgets(draw: st.DrawFn) -> Any:
    """A widget with a few places of it exchanged for anything."""
    body = widget("b", parts=[{"name": "x"}], tags=["t"], options={"a": "b"}, limits={"low": 1}, size="1Gi")
    for _ in range(draw(st.integers(0, 2))):
        where: Any = body
        while True:
            key = draw(st.sampled_from(sorted(where) if isinstance(where, dict) else list(range(len(where)))))
            if not isinstance(where[key], dict | list) or not where[key] or draw(st.booleans()):
                break
            where = where[key]
        where[key] = draw(JSON)
    return body


OPERATIONS = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "x"]),
        "path": st.sampled_from(
            ["", "/", "/spec/parts/0", "/spec/tags/-", "/spec/color", "/metadata/name", "/spec/x/y"]
        ),
    },
    optional={"value": JSON, "from": st.sampled_from(["/spec", "/spec/parts", "x"])},
)
BODIES = st.one_of(
    st.none(),
    st.binary(max_size=20),
    JSON.map(json.dumps),
    _nearly_widgets().map(json.dumps),
    st.lists(OPERATIONS, max_size=3).map(json.dumps),
    st.sampled_from(
        ["a: &a [*a]", "&a [x, *a]", "--- {}\n--- {}", "!!python/object:os.system x", "{" * 3000, "[" * 3000]
    ),
)


async def answered(client: ASGIClient, method: str, target: str, headers: Any, body: Any) -> ClientResponse:
    """The response, or the beginning of one that goes on, as a watch does."""
    async with client.open(method, target, headers=headers, body=body) as response:
        if "watch" not in target:
            while piece := await response.piece():
                response.body += piece
    return response


def sane(response: ClientResponse) -> None:
    assert 200 <= response.status < 600
    if response.status >= 500:
        assert DOCUMENTED.search(response.text), response.text
    if response.status >= 400 and response.headers.get("content-type") == "application/json" and response.body:
        status = response.json()
        if list(status) == ["paths"]:  # the index, below which there was nothing
            return
        assert (status["kind"], status["status"], status["code"]) == ("Status", "Failure", response.status)


@MANY
@given(METHODS, PATHS, QUERIES, HEADERS, BODIES)
def test_whatever_is_asked_there_is_an_answer(
    method: str, path: str, query: str, headers: list[tuple[str, str]], body: Any
) -> None:
    async def run(client: ASGIClient) -> None:
        await created(client, widget("a"))
        before = done(await client.get(ALL))
        response = await answered(client, method, f"{path}?{query}&timeoutSeconds=1", headers, body)
        sane(response)
        after = done(await client.get(ALL))
        if response.status >= 400 or method not in ("POST", "PUT", "PATCH", "DELETE") or "dryRun=All" in query:
            assert after == before

    serving(run)


@MANY
@given(
    st.sampled_from(["POST", "PUT", "PATCH"]),
    st.sampled_from(["", "", "/a", "/b", "/a/status", "/a/scale"]),
    st.sampled_from(
        [
            "application/json",
            "application/yaml",
            "application/json-patch+json",
            "application/merge-patch+json",
            "application/strategic-merge-patch+json",
            "application/apply-patch+yaml",
        ]
    ),
    st.sampled_from(["", "fieldValidation=Strict", "dryRun=All", "force=true"]),
    BODIES,
)
def test_whatever_is_written_is_a_widget_or_refused(method: str, sub: str, kind: str, query: str, body: Any) -> None:
    async def run(client: ASGIClient) -> None:
        await created(client, widget("a"))
        before = done(await client.get(ALL))
        target = f"{NAMESPACE}{sub}?fieldManager=me&{query}"
        response = await client.request(method, target, headers={"content-type": kind}, body=body)
        sane(response)
        after = done(await client.get(ALL))
        if response.status >= 400 or query == "dryRun=All":
            assert after == before
        for item in after["items"]:  # what is stored can be read, and written again
            path = f"{NAMESPACE}/{item['metadata']['name']}"
            stored = done(await client.get(path))
            assert done(await client.request("PUT", path, body=stored))["spec"] == stored["spec"]

    serving(run)


@QUICK
@given(st.lists(st.tuples(st.sampled_from(ROUTES), MEDIA_TYPES, MEDIA_TYPES), min_size=8, max_size=8))
def test_whatever_types_are_asked_for_nothing_breaks(asked: list[tuple[str, str, str]]) -> None:
    async def run(client: ASGIClient) -> None:
        await created(client, widget("a"))
        for path, accept, content_type in asked:
            for method, body in (("GET", None), ("POST", widget("b"))):
                headers = {"accept": accept, "content-type": content_type}
                response = await answered(client, method, f"{path}?timeoutSeconds=1", headers, body)
                assert response.status < 500, response.text
                sane(response)

    serving(run)
