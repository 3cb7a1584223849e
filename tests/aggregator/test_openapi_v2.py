"""/openapi/v2 of an aggregator: every row of what the reference's tests of its v2 aggregator and downloader prove."""

import asyncio
import contextlib
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from genericapiserver.aggregator.openapi_fetch import OpenAPIError, fetch_v2
from genericapiserver.aggregator.openapi_v2 import OpenAPIV2Aggregator
from genericapiserver.authentication.user import UserInfo
from tests.aggregator.backends import Backend, Page, Timers, api_service, transport
from tests.openapi.specifications import written
from tests.support import gnostic
from tests.support.asgi_client import ASGIClient

OWN = "/apis/apiregistration.k8s.io/v1/"
USER = UserInfo(name="somebody")


def swagger(*paths: str, etag: str = "", **more: Any) -> Page:
    document = {"swagger": "2.0", "info": {"title": "x"}, "paths": {key: {} for key in paths}, **more}
    return Page(json.dumps(document).encode(), etag=etag)


class Front:
    """An aggregator in front of servers of this process, with timers that the test lets run."""

    def __init__(self, *local: Backend) -> None:
        self.timers = Timers()
        own = Backend({"/openapi/v2": swagger(OWN, etag='"own"')})
        self.aggregator = OpenAPIV2Aggregator([own, *local], transport=transport, call_later=self.timers.call_later)
        self.following = self.aggregator.following
        self.client = ASGIClient(self.aggregator)

    async def paths(self) -> list[str]:
        return list((await self.client.get("/openapi/v2")).json()["paths"])

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.following.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def next_round(self) -> None:
        self.timers.fire()
        await self.following.controller.settled()


async def test_basic_paths_merged() -> None:
    front = Front(Backend({"/openapi/v2": swagger("/apis/foo/v1/")}))
    assert await front.paths() == [OWN, "/apis/foo/v1/"]


async def test_add_update_api_service() -> None:
    """A server is asked a second after it is registered, and what it says later is merged, too."""
    front = Front(Backend({"/openapi/v2": swagger("/apis/foo/v1/")}))
    backend = Backend({"/openapi/v2": swagger("/apis/group/v1/path1")})
    front.following.add_api_service(api_service("v1.group"), backend)
    async with front.running():
        assert front.timers.seconds == [1.0]
        await front.next_round()
        assert await front.paths() == [OWN, "/apis/foo/v1/", "/apis/group/v1/path1"]
        assert front.timers.seconds == [60.0]
        backend.put("/openapi/v2", swagger("/apis/group/v1/path2"))
        await front.next_round()
        assert await front.paths() == [OWN, "/apis/foo/v1/", "/apis/group/v1/path2"]
        (first, _) = backend.asked
        assert (first.user, first.groups, first.accept) == ("system:aggregator", (), "application/json")


async def test_api_service_openapi_service_mismatch() -> None:
    """Only the paths of the group version that is registered."""
    front = Front()
    one = Backend({"/openapi/v2": swagger("/apis/group/v1/x", "/apis/group/v1beta1/x")})
    two = Backend(
        {"/openapi/v2": swagger("/apis/a/x", "/apis/group/v1/y", "/apis/group/v2/x", "/apis/group/v2", "/version")}
    )
    front.following.add_api_service(api_service("v1.group"), one)
    front.following.add_api_service(api_service("v2.group"), two)
    async with front.running():
        await front.next_round()
        assert await front.paths() == [OWN, "/apis/group/v1/x", "/apis/group/v2/x"]
        front.following.remove_api_service("v1.group")
        assert await front.paths() == [OWN, "/apis/group/v2/x"]


async def test_add_remove_api_service() -> None:
    front = Front()
    backend = Backend({"/openapi/v2": swagger("/apis/group/v1/x")})
    front.following.add_api_service(api_service("v1.group"), backend)
    async with front.running():
        await front.next_round()
        assert "/apis/group/v1/x" in await front.paths()
        front.following.remove_api_service("v1.group")
        assert await front.paths() == [OWN]
        await front.next_round()
        assert len(backend.asked) == 1  # nobody asks about what is gone


async def test_update_api_service() -> None:
    """What a server says no more is no longer shown."""
    front = Front()
    backend = Backend({"/openapi/v2": swagger("/apis/group/v1/x")})
    front.following.add_api_service(api_service("v1.group"), backend)
    async with front.running():
        await front.next_round()
        backend.put("/openapi/v2", swagger())
        front.following.update_api_service(api_service("v1.group"), backend)
        await front.following.controller.settled()
        assert await front.paths() == [OWN]
        front.following.update_api_service(api_service("v1.group", None), backend)
        backend.put("/openapi/v2", swagger("/apis/group/v1/x"))
        await front.next_round()
        assert await front.paths() == [OWN]  # it is this server's own now


async def test_failing_api_service_skipped_aggregation() -> None:
    """A server that fails is left out, the others are served; it is tried again after one minute, two, up to an hour."""
    front = Front()
    failing, good = Backend({"/openapi/v2": swagger("/apis/failed/v1/x")}), Backend()
    failing.broken = 500
    good.put("/openapi/v2", swagger("/apis/good/v1/x"))
    front.following.add_api_service(api_service("v1.failed"), failing)
    front.following.add_api_service(api_service("v1.good"), good)
    async with front.running():
        await front.next_round()
        assert await front.paths() == [OWN, "/apis/good/v1/x"]
        front.following.remove_api_service("v1.good")
        found = []
        for _ in range(8):
            found.append(front.timers.seconds[0])
            await front.next_round()
        assert found == [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3600.0, 3600.0]


async def test_api_service_fail_success_transition() -> None:
    """It fails, it succeeds, and it fails again: then what it said last is still shown."""
    front = Front()
    backend = Backend({"/openapi/v2": swagger("/apis/group/v1/x")})
    backend.broken = 503
    front.following.add_api_service(api_service("v1.group"), backend)
    async with front.running():
        await front.next_round()
        assert await front.paths() == [OWN]
        backend.broken = 0
        front.following.update_api_service(api_service("v1.group"), backend)  # it counts as available now
        await front.following.controller.settled()
        assert await front.paths() == [OWN, "/apis/group/v1/x"]
        backend.broken = 503
        await front.next_round()
        assert await front.paths() == [OWN, "/apis/group/v1/x"]


async def test_failing_api_service_does_not_block_add() -> None:
    """Servers that hang hold up neither registering others nor the document."""
    front = Front()
    hanging, good = Backend(), Backend({"/openapi/v2": swagger("/apis/good/v1/x")})
    hanging.gate = asyncio.Event()
    async with front.running():
        for number in range(20):
            front.following.add_api_service(api_service(f"v1.hanging{number}"), hanging)
        front.timers.fire()
        while len(hanging.asked) < 20:
            await asyncio.sleep(0)
        front.following.add_api_service(api_service("v1.good"), good)
        front.timers.fire()
        async with asyncio.timeout(20):
            while await front.paths() != [OWN, "/apis/good/v1/x"]:
                await asyncio.sleep(0)


async def test_download_openapi_spec() -> None:
    """Tags: that of the server, that which stands for it, and what has not changed."""
    body = b'{"id": "test"}'
    own = '"6E8F849B434D4B98A569B9D7718876E9-' + hashlib.sha512(body).hexdigest().upper() + '"'
    assert own.startswith('"6E8F849B434D4B98A569B9D7718876E9-356ECAB19D7FBE1336BABB1E70F8F3025050DE218BE7')

    async def fetch(page: Page, etag: str = "") -> tuple[Any, str] | None:
        backend = Backend({"/openapi/v2": page})
        found = await fetch_v2(transport(backend, USER), etag)
        assert backend.asked[0].if_none_match == ("" if "6E8F" in etag else etag)
        if found is None:
            return None
        return None if found.specification is None else written(found.specification), found.etag

    assert await fetch(Page(body)) == ({"id": "test"}, own)
    assert await fetch(Page(body), own) == (None, own)
    assert await fetch(Page(body, etag="etag_test")) == ({"id": "test"}, "etag_test")
    assert await fetch(Page(body, etag="etag_test"), "etag_test") == (None, "etag_test")
    assert await fetch(Page(body, etag="etag_test1"), "etag_test2") == ({"id": "test"}, "etag_test1")
    assert await fetch(Page(b"", status=404)) is None


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        (Page(b"", status=403), "http error: 403"),
        (Page(b"", status=304), "not allowed in absence of etag"),
        (Page(b"nothing"), "malformed"),
        (Page(b"x" * 200), "the answer is longer than 100 bytes"),
    ],
)
async def test_a_server_without_a_document_is_told_apart(
    page: Page, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "longer" in complaint:
        monkeypatch.setattr("genericapiserver.aggregator.in_process.MAX_ANSWER_BYTES", 100)
    with pytest.raises(OpenAPIError, match=complaint):
        await fetch_v2(transport(Backend({"/openapi/v2": page}), USER))


async def test_api_service_sort() -> None:
    """Who comes first: this process, then by the priority of the group, of the version, and by name."""
    front = Front()
    rows = [
        ("v1.group1", 10, 5),
        ("v2.group1", 16, 3),
        ("v1.group2", 15, 3),
        ("v1.group3", 15, 3),
        ("v2.group3", 15, 30),
    ]
    for name, group_priority, version_priority in reversed(rows):
        service = api_service(name, group_priority=group_priority, version_priority=version_priority)
        front.following.add_api_service(service, Backend())
    order = [source.name for source in front.following]
    assert order == ["v1.group1", "v2.group1", "v1.group2", "v2.group3", "v1.group3"]


async def test_definitions_that_clash_are_renamed_and_those_of_this_process_keep_their_names() -> None:
    def with_thing(path: str, kind: str) -> Page:
        reference = {"get": {"parameters": [{"in": "body", "schema": {"$ref": "#/definitions/Thing"}}]}}
        return Page(json.dumps({"paths": {path: reference}, "definitions": {"Thing": {"type": kind}}}).encode())

    front = Front(Backend({"/openapi/v2": with_thing("/apis/local/v1/x", "string")}))
    backend = Backend({"/openapi/v2": with_thing("/apis/group/v1/x", "integer")})
    front.following.add_api_service(api_service("v1.group"), backend)
    async with front.running():
        await front.next_round()
        document = (await front.client.get("/openapi/v2")).json()
        assert document["definitions"] == {"Thing": {"type": "string"}, "Thing_v2": {"type": "integer"}}
        assert "Thing_v2" in json.dumps(document["paths"]["/apis/group/v1/x"])


async def test_the_document_is_merged_once_and_its_tag_stays_until_something_changes() -> None:
    front = Front()
    backend = Backend({"/openapi/v2": swagger("/apis/group/v1/x", etag='"one"')})
    front.following.add_api_service(api_service("v1.group"), backend)
    async with front.running():
        await front.next_round()
        answers = await asyncio.gather(*(front.client.get("/openapi/v2") for _ in range(5)))
        assert front.aggregator.merges == 1
        (tag,) = {answer.headers["etag"] for answer in answers}
        assert len(tag.strip('"')) == 64
        assert (await front.client.request("GET", "/openapi/v2", headers={"if-none-match": tag})).status == 304
        await front.next_round()
        assert backend.asked[-1].if_none_match == '"one"'
        assert (await front.client.get("/openapi/v2")).headers["etag"] == tag
        assert front.aggregator.merges == 1
        backend.put("/openapi/v2", swagger("/apis/group/v1/y", etag='"two"'))
        await front.next_round()
        assert (await front.client.get("/openapi/v2")).headers["etag"] != tag


async def test_the_document_is_compressed_for_who_takes_it() -> None:
    front = Front(Backend({"/openapi/v2": swagger(*(f"/apis/foo/v1/{number}" for number in range(200)))}))
    plain = await front.client.get("/openapi/v2")
    packed = await front.client.request("GET", "/openapi/v2", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body


async def test_the_merged_document_is_there_in_protobuf() -> None:
    front = Front(Backend({"/openapi/v2": swagger("/apis/foo/v1/")}))
    front.following.add_api_service(api_service("v1.group"), Backend({"/openapi/v2": swagger("/apis/group/v1/x")}))
    async with front.running():
        await front.next_round()
        plain = await front.client.get("/openapi/v2")
        old_name = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
        encoded = await front.client.get("/openapi/v2", accept=old_name)
    assert encoded.headers["content-type"] == "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
    assert encoded.headers["etag"] == plain.headers["etag"]
    assert list(gnostic.plain(gnostic.parse("v2", encoded.body))["paths"]) == list(plain.json()["paths"])
    assert "/apis/group/v1/x" in plain.json()["paths"]
    assert (await front.client.get("/openapi/v2", accept="text/html")).status == 406
