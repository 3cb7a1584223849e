"""The OpenAPI pages as clients and caches see them."""

import asyncio
import gzip
import hashlib
import json

import pytest

from genericapiserver.aio.slices import Steps
from genericapiserver.asgi import Receive, Scope, Send
from genericapiserver.mux import PathRecorderMux
from genericapiserver.openapi import V2, Document, ProtobufFormat, Representations
from genericapiserver.routes.openapi import install_openapi_v2, install_openapi_v3
from tests.support import gnostic
from tests.support.asgi_client import ASGIClient

NAME = "apis/example.com/v1"
BIG = Document.of({"openapi": "3.0.0", "info": {"title": "x" * 2000}})
TAG = f'"{BIG.etag}"'


@pytest.fixture
def pages() -> ASGIClient:
    mux = PathRecorderMux("test")
    install_openapi_v2(mux, lambda: BIG)
    install_openapi_v3(mux, lambda: {NAME: lambda: BIG})
    return ASGIClient(mux)


async def test_the_document_of_version_2_names_its_hash_and_what_it_varies_by(pages: ASGIClient) -> None:
    response = await pages.get("/openapi/v2")
    assert response.status == 200
    assert response.body == BIG.body
    assert response.headers["etag"] == f'"{hashlib.sha512(response.body).hexdigest().upper()}"'
    assert response.headers["accept-ranges"] == "bytes"
    assert "last-modified" in response.headers


@pytest.mark.parametrize("tags", [TAG, f"W/{TAG}", "*", f'"x", {TAG}', f'W/"x",{TAG}'])
@pytest.mark.parametrize("path", ["/openapi/v2", f"/openapi/v3/{NAME}"])
async def test_what_the_client_has_is_not_sent_again(pages: ASGIClient, path: str, tags: str) -> None:
    response = await pages.request("GET", path, headers={"If-None-Match": tags})
    assert (response.status, response.body) == (304, b"")
    assert response.headers["etag"] == TAG
    assert "last-modified" not in response.headers


@pytest.mark.parametrize("tags", ['"x"', "x", f"x, {TAG}", BIG.etag])
async def test_what_the_client_does_not_have_is_sent(pages: ASGIClient, tags: str) -> None:
    assert (await pages.request("GET", "/openapi/v2", headers={"If-None-Match": tags})).status == 200


async def test_the_age_decides_when_there_is_no_tag(pages: ASGIClient) -> None:
    modified = (await pages.get("/openapi/v2")).headers["last-modified"]
    old = "Sat, 01 Jan 2000 00:00:00 GMT"
    for headers, status in (
        ({"If-Modified-Since": modified}, 304),
        ({"If-Modified-Since": old}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-Modified-Since": modified, "If-None-Match": '"x"'}, 200),
        ({"If-Unmodified-Since": old}, 412),
        ({"If-Unmodified-Since": modified}, 200),
        ({"If-Match": '"x"'}, 412),
        ({"If-Match": f"W/{TAG}"}, 412),
        ({"If-Match": TAG}, 200),
    ):
        assert (await pages.request("GET", "/openapi/v2", headers=headers)).status == status, headers


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-9", 0, 10), ("bytes=5-", 5, None), ("bytes=-7", -7, None), ("bytes=10-99999999", 10, None)],
)
async def test_a_part_is_served(pages: ASGIClient, asked: str, start: int, end: int | None) -> None:
    response = await pages.request("GET", "/openapi/v2", headers={"Range": asked, "Accept-Encoding": "gzip"})
    assert response.status == 206
    assert response.body == BIG.body[start:end]
    first = start % len(BIG.body)
    last = first + len(response.body) - 1
    assert response.headers["content-range"] == f"bytes {first}-{last}/{len(BIG.body)}"


@pytest.mark.parametrize("asked", ["bytes=9-5", "bytes=-", "lines=1-2", "bytes=0-1,4-5"])
async def test_a_range_that_is_none_gives_the_whole(pages: ASGIClient, asked: str) -> None:
    assert (await pages.request("GET", "/openapi/v2", headers={"Range": asked})).status == 200


async def test_a_range_behind_the_end_is_refused(pages: ASGIClient) -> None:
    response = await pages.request("GET", "/openapi/v2", headers={"Range": "bytes=99999-"})
    assert (response.status, response.text) == (416, "invalid range: failed to overlap\n")
    assert response.headers["content-range"] == f"bytes */{len(BIG.body)}"


async def test_a_range_of_another_version_gives_the_whole(pages: ASGIClient) -> None:
    for condition, status in ((TAG, 206), ('"x"', 200), ("Sat, 01 Jan 2000 00:00:00 GMT", 200)):
        response = await pages.request("GET", "/openapi/v2", headers={"Range": "bytes=0-9", "If-Range": condition})
        assert response.status == status


@pytest.mark.parametrize("path", ["/openapi/v2", f"/openapi/v3/{NAME}"])
async def test_documents_are_compressed_for_clients_that_ask(pages: ASGIClient, path: str) -> None:
    response = await pages.request("GET", path, headers={"Accept-Encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert gzip.decompress(response.body) == BIG.body


async def test_the_index_points_to_each_document_by_its_hash(pages: ASGIClient) -> None:
    index = await pages.request("GET", "/openapi/v3", headers={"Accept": "text/html"})
    url = f"/openapi/v3/{NAME}?hash={BIG.etag}"
    assert json.loads(index.body) == {"paths": {NAME: {"serverRelativeURL": url}}}
    assert "vary" not in index.headers
    response = await pages.get(url)
    assert response.headers["cache-control"] == "public, immutable"
    assert response.headers["expires"].endswith(" UTC")
    assert response.headers["vary"] == "Accept"


async def test_others_get_their_turn_while_the_documents_are_made() -> None:
    turns = 0
    made: list[int] = []

    def build() -> Document:
        made.append(turns)
        return BIG

    mux = PathRecorderMux("test")
    install_openapi_v3(mux, lambda: {f"apis/{number}": build for number in range(5)})

    async def others() -> None:
        nonlocal turns
        while len(made) < 5:
            turns += 1
            await asyncio.sleep(0)

    await asyncio.gather(others(), ASGIClient(mux).get("/openapi/v3"))
    assert len(set(made)) == 5


async def test_a_document_by_another_hash_has_moved(pages: ASGIClient) -> None:
    response = await pages.get(f"/openapi/v3/{NAME}?hash=ABC")
    assert (response.status, response.body) == (301, b"")
    assert response.headers["location"] == f"/openapi/v3/{NAME}?hash={BIG.etag}"
    assert response.headers["etag"] == TAG


@pytest.mark.parametrize("name", ["", "nope", "nope?hash=x"])
async def test_an_unknown_document_is_empty(pages: ASGIClient, name: str) -> None:
    response = await pages.get(f"/openapi/v3/{name}")
    assert (response.status, response.body) == (200, b"")
    assert not {"content-type", "vary"} & response.headers.keys()


VARY = {"/openapi/v2": "Accept-Encoding, Accept", f"/openapi/v3/{NAME}": "Accept"}
"""Only the first is compressed by the reference."""


@pytest.mark.parametrize("path", ["/openapi/v2", f"/openapi/v3/{NAME}"])
async def test_what_is_not_offered_is_refused(pages: ASGIClient, path: str) -> None:
    response = await pages.request("GET", path, headers={"Accept": "text/html"})
    assert (response.status, response.body) == (406, b"")
    assert response.headers["vary"] == VARY[path]


NEW = {version: f"application/com.github.proto-openapi.spec.{version}.v1.0+protobuf" for version in ("v2", "v3")}
OLD = {version: f"application/com.github.proto-openapi.spec.{version}@v1.0+protobuf" for version in ("v2", "v3")}
PAGES = {"v2": "/openapi/v2", "v3": f"/openapi/v3/{NAME}"}


@pytest.mark.parametrize("version", ["v2", "v3"])
@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("NEW", "NEW"),
        ("OLD", "NEW"),
        ("NEW, */*", "NEW"),
        ("text/html, OLD", "NEW"),
        ("application/json;q=0.4, OLD;q=0.5", "NEW"),
        ("NEW;q=0", "NEW"),
        ("NEW, application/json", "NEW"),
        ("application/json, NEW", "application/json"),
        ("NEW;q=0.9, application/json", "application/json"),
        ("*/*;q=0.5, NEW;q=0.4", "application/json"),
        ("application/*", "application/json"),
        ("*", "application/json"),
        ("", "application/json"),
        ("application/json;g=x;v=y", "application/json"),
        ("OTHER", None),
        ("text/*", None),
        ("application/vnd.kubernetes.protobuf", None),
        ("application/com.github.proto-openapi.spec.v4.v1.0+protobuf", None),
    ],
)
async def test_the_form_is_the_best_that_the_client_takes(
    pages: ASGIClient, version: str, accept: str, given: str | None
) -> None:
    other = NEW["v3" if version == "v2" else "v2"]
    accept = accept.replace("NEW", NEW[version]).replace("OLD", OLD[version]).replace("OTHER", other)
    response = await pages.request("GET", PAGES[version], headers={"Accept": accept})
    if given is None:
        assert (response.status, response.body, response.headers["vary"]) == (406, b"", VARY[PAGES[version]])
    else:
        assert (response.status, response.headers["content-type"]) == (200, given.replace("NEW", NEW[version]))


@pytest.mark.parametrize("version", ["v2", "v3"])
async def test_in_protobuf_a_document_has_the_tag_and_the_age_that_it_has_in_json(
    pages: ASGIClient, version: str
) -> None:
    json_form = await pages.get(PAGES[version])
    for _ in range(2):
        found = await pages.request("GET", PAGES[version], headers={"Accept": OLD[version]})
        assert gnostic.plain(gnostic.parse(version, found.body))["info"] == {"title": "x" * 2000}
        for header in ("etag", "last-modified", "accept-ranges", "vary"):
            assert found.headers[header] == json_form.headers[header]
    headers = {"Accept": OLD[version], "If-None-Match": TAG}
    assert (await pages.request("GET", PAGES[version], headers=headers)).status == 304
    part = await pages.request("GET", PAGES[version], headers={"Accept": OLD[version], "Range": "bytes=1-9"})
    assert (part.status, part.body) == (206, found.body[1:10])
    packed = await pages.request("GET", PAGES[version], headers={"Accept": OLD[version], "Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.body) == found.body


async def test_a_document_that_has_moved_is_said_to_be_what_was_asked_for(pages: ASGIClient) -> None:
    moved = await pages.request("GET", f"{PAGES['v3']}?hash=old", headers={"Accept": OLD["v3"]})
    assert (moved.status, moved.headers["content-type"]) == (301, NEW["v3"])


async def test_protobuf_is_made_once_for_all_who_ask_at_the_same_time() -> None:
    begun = 0

    class Counted(ProtobufFormat):
        def steps(self, body: bytes) -> Steps[bytes]:
            nonlocal begun
            begun += 1
            return super().steps(body)

    made = Representations(BIG, Counted("v2", V2.table))
    forms = await asyncio.gather(*(made.of_type(V2.media_type) for _ in range(5)))
    assert begun == 1
    assert len({id(each) for each in forms}) == 1


@pytest.mark.parametrize(("root", "begins"), [("", ""), ("/ext", "/ext"), ("/ext/", "/ext"), ("/a b", "/a%20b")])
async def test_addresses_begin_where_the_server_is_mounted(pages: ASGIClient, root: str, begins: str) -> None:
    pages.prepare = lambda scope: scope.update(root_path=root)
    (entry,) = (await pages.get("/openapi/v3")).json()["paths"].values()
    assert entry["serverRelativeURL"] == f"{begins}/openapi/v3/{NAME}?hash={BIG.etag}"
    moved = await pages.get(f"/openapi/v3/{NAME}?hash=old")
    assert (moved.status, moved.headers["location"]) == (301, entry["serverRelativeURL"])


async def test_below_a_prefix_clients_are_sent_below_it() -> None:
    """Servers are mounted below other paths: in views of minkapi, in other applications."""
    mux = PathRecorderMux("test")
    install_openapi_v3(mux, lambda: {NAME: lambda: BIG})

    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        prefix, path = f"/{scope['path'].split('/')[1]}", "/" + scope["path"].split("/", 2)[2]
        await mux({**scope, "path": path, "root_path": prefix}, receive, send)

    pages = ASGIClient(mounted)
    for prefix in ("/one", "/two"):
        response = await pages.get(f"{prefix}/openapi/v3")
        url = json.loads(response.body)["paths"][NAME]["serverRelativeURL"]
        assert url == f"{prefix}/openapi/v3/{NAME}?hash={BIG.etag}"
        moved = await pages.get(f"{prefix}/openapi/v3/{NAME}?hash=old")
        assert (moved.status, moved.headers["location"]) == (301, url)


@pytest.mark.parametrize(
    ("asked", "compressed"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=x", False),
        ("*", False),
    ],
)
async def test_gzip_is_given_to_those_who_take_it(pages: ASGIClient, asked: str, compressed: bool) -> None:
    response = await pages.request("GET", "/openapi/v2", headers={"Accept-Encoding": asked})
    assert ("content-encoding" in response.headers) is compressed
