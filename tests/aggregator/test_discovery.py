"""Aggregated discovery of servers behind: every row of what the reference's tests of its discovery manager prove."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from genericapiserver.aggregator.discovery_fetch import DiscoveryClient
from genericapiserver.aggregator.discovery_manager import DiscoveryManager
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.endpoints.discovery.aggregated import APIResourceDiscovery, APIVersionDiscovery, ResponseKind
from genericapiserver.endpoints.discovery.aggregated_manager import AggregatedDiscoveryManager, Source
from tests.aggregator.backends import AGGREGATED, Backend, Page, Timers, api_service, transport

GROUP = "stable.example.com"
CODEC = CodecFactory(Scheme("test"))


class Front:
    """A manager, its document, and its timers."""

    def __init__(self, *, timeout: float = 60.0) -> None:
        self.timers = Timers()
        self.document = AggregatedDiscoveryManager()
        self.manager = DiscoveryManager(
            self.document,
            client=DiscoveryClient(CODEC, timeout=timeout),
            transport=transport,
            call_later=self.timers.call_later,
        )

    def shown(self) -> dict[str, dict[str, str]]:
        """The freshness of every version."""
        return {
            group.metadata.name: {version.version: version.freshness for version in group.versions}
            for group in self.document.document().items
        }

    def version(self, group: str, version: str) -> APIVersionDiscovery:
        groups = {each.metadata.name: each for each in self.document.document().items}
        return next(each for each in groups[group].versions if each.version == version)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run for the length of the block, which begins when everything that was registered has been asked about."""
        task = asyncio.create_task(self.manager.run())
        await self.manager.synced.wait()
        await self.manager.controller.settled()
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def next_round(self) -> None:
        self.timers.fire()
        await self.manager.controller.settled()


def resource(name: str = "foos", **more: Any) -> dict[str, Any]:
    kind = {"group": GROUP, "version": "v1", "kind": "Foo"}
    return {
        "resource": name,
        "responseKind": kind,
        "scope": "Cluster",
        "singularResource": "foo",
        "verbs": ["get"],
        **more,
    }


def everything(groups: dict[str, dict[str, list[Any]]], *, etag: str = "", version: str = "v2") -> Page:
    """The page at /apis of a server that has *groups*: versions and their resources."""
    items = [
        {
            "metadata": {"name": group},
            "versions": [{"version": name, "resources": resources} for name, resources in versions.items()],
        }
        for group, versions in groups.items()
    ]
    body = {"kind": "APIGroupDiscoveryList", "apiVersion": f"apidiscovery.k8s.io/{version}", "items": items}
    return Page(json.dumps(body).encode(), AGGREGATED.replace("v=v2", f"v={version}"), etag)


def legacy(*resources: dict[str, Any], version: str = "v1") -> Any:
    return {"kind": "APIResourceList", "groupVersion": f"{GROUP}/{version}", "resources": list(resources)}


async def test_basic() -> None:
    """Several servers and groups; what a server says is in the document, kinds that are missing as empty ones."""
    front = Front()
    one = Backend({"/apis": everything({"a.example.com": {"v1": [resource()], "v2": []}, "b.example.com": {"v1": []}})})
    weird = resource("missing-kind", subresources=[{"subresource": "s", "verbs": []}])
    del weird["responseKind"]
    two = Backend({"/apis": everything({"weird.example.com": {"v1": [weird]}})})
    for name in ("v1.a.example.com", "v2.a.example.com", "v1.b.example.com"):
        front.manager.add_api_service(api_service(name, "one", version_priority=20 if name[:2] == "v1" else 10), one)
    front.manager.add_api_service(api_service("v1.weird.example.com", "two", group_priority=5000), two)
    async with front.running():
        assert list(front.shown()) == ["weird.example.com", "a.example.com", "b.example.com"]
        assert list(front.shown()["a.example.com"].items()) == [("v1", "Current"), ("v2", "Current")]
        found = front.version("a.example.com", "v1").resources
        assert found == [
            APIResourceDiscovery(
                resource="foos",
                response_kind=ResponseKind(group=GROUP, version="v1", kind="Foo"),
                scope="Cluster",
                singular_resource="foo",
                verbs=["get"],
            )
        ]
        empty = ResponseKind(group="", version="", kind="")
        (fixed,) = front.version("weird.example.com", "v1").resources
        assert (fixed.response_kind, fixed.subresources[0].response_kind) == (empty, empty)
        assert one.paths() == ["/apis"]  # once for three group versions
        (asked,) = one.asked
        assert (asked.user, asked.groups) == ("system:kube-aggregator", ("system:masters",))
        assert asked.accept == f"{AGGREGATED},{AGGREGATED.replace('v=v2', 'v=v2beta1')}"


async def test_initial_run_has_all_api_services() -> None:
    """A server that hangs is in the document as Stale before the hook passes."""
    front = Front(timeout=0.01)
    hanging = Backend({"/apis": everything({GROUP: {"v1": []}})})
    hanging.gate = asyncio.Event()
    front.manager.add_api_service(api_service(f"v1.{GROUP}"), hanging)
    task = asyncio.create_task(front.manager.run())
    await front.manager.synced.wait()
    assert front.shown() == {GROUP: {"v1": "Stale"}}
    assert front.version(GROUP, "v1").resources == []
    task.cancel()
    await asyncio.wait([task])


async def test_service_gc() -> None:
    """What nobody names any more is forgotten."""
    front = Front()
    backend = Backend({"/apis": everything({GROUP: {"v1": []}})})
    front.manager.add_api_service(api_service(f"v1.{GROUP}", "first"), backend)
    async with front.running():
        assert {str(key) for key in front.manager.remembered} == {"ns/first:443"}
        front.manager.add_api_service(api_service(f"v1.{GROUP}", "second"), backend)
        await front.manager.controller.settled()
        assert {str(key) for key in front.manager.remembered} == {"ns/second:443"}


async def test_dirty() -> None:
    """A server is asked again when its APIService changes, and every minute."""
    front = Front()
    backend = Backend({"/apis": everything({GROUP: {"v1": []}})})
    front.manager.add_api_service(api_service(f"v1.{GROUP}"), backend)
    async with front.running():
        assert backend.paths() == ["/apis"]
        assert front.timers.seconds == [60.0]
        front.manager.update_api_service(api_service(f"v1.{GROUP}"), backend)
        await front.manager.controller.settled()
        assert backend.paths() == ["/apis"] * 2
        backend.put("/apis", everything({GROUP: {"v1": [resource()]}}))
        await front.next_round()
        assert [each.resource for each in front.version(GROUP, "v1").resources] == ["foos"]
        assert front.timers.seconds == [60.0]


async def test_wait_for_sync() -> None:
    """What is asked about counts as settled only when the answer is there."""
    front = Front()
    backend = Backend({"/apis": everything({GROUP: {"v1": []}})})
    async with front.running():
        backend.gate = asyncio.Event()
        front.manager.add_api_service(api_service(f"v1.{GROUP}"), backend)
        settled = asyncio.create_task(front.manager.controller.settled())
        while not backend.asked:
            await asyncio.sleep(0)
        assert not settled.done()
        backend.gate.set()
        await settled
        assert front.shown() == {GROUP: {"v1": "Current"}}


async def test_remove_api_service() -> None:
    front = Front()
    backend = Backend({"/apis": everything({GROUP: {"v1": [], "v2": []}})})
    for version in ("v1", "v2"):
        front.manager.add_api_service(api_service(f"{version}.{GROUP}"), backend)
    async with front.running():
        front.manager.remove_api_service(f"v1.{GROUP}")
        front.manager.remove_api_service("v1.nobody")
        await front.manager.controller.settled()
        assert front.shown() == {GROUP: {"v2": "Current"}}
        front.manager.remove_api_service(f"v2.{GROUP}")
        await front.manager.controller.settled()
        assert front.shown() == {}
        assert not front.manager.remembered


@pytest.mark.parametrize(
    "root",
    [
        pytest.param(Page(b"", status=406), id="406"),
        pytest.param(Page(b"", status=404), id="404"),
        pytest.param(Page(b"", status=500), id="500"),
        pytest.param(Page(b'{"kind":"APIGroupList"}'), id="the plain list"),
        pytest.param(Page(b"", "text/plain"), id="no JSON"),
        pytest.param(Page(b"{}", AGGREGATED.replace("v=v2", "v=v1alpha1")), id="another version"),
    ],
)
async def test_legacy_fallback(root: Page) -> None:
    front = Front()
    plain = {"name": "foos", "singularName": "foo", "namespaced": True, "kind": "Foo", "verbs": ["get", "list"]}
    status = {"name": "foos/status", "singularName": "", "namespaced": True, "kind": "Foo", "verbs": ["get"]}
    backend = Backend({"/apis": root, f"/apis/{GROUP}/v1": legacy(plain, status)})
    front.manager.add_api_service(api_service(f"v1.{GROUP}"), backend)
    async with front.running():
        assert front.shown() == {GROUP: {"v1": "Current"}}
        (found,) = front.version(GROUP, "v1").resources
        assert (found.resource, found.scope, found.verbs) == ("foos", "Namespaced", ["get", "list"])
        assert [each.subresource for each in found.subresources] == ["status"]
        by_version = [asked for asked in backend.asked if asked.path != "/apis"]
        assert {(asked.user, asked.groups) for asked in by_version} == {("system:kube-aggregator", ())}


async def test_legacy_fallback_no_cache() -> None:
    """Several versions of a server that cannot tell everything: each is asked for, and nothing is kept for the others."""
    front = Front()
    versions = ("v1", "v1beta1", "v2alpha1")
    pages = {f"/apis/{GROUP}/{each}": legacy({"name": f"foos{each}", "kind": "Foo"}, version=each) for each in versions}
    minimal = legacy({"name": "parent/sub", "kind": "Sub"}, {"name": "kindless"}, version="v2alpha1")
    backend = Backend({**pages, f"/apis/{GROUP}/v2alpha1": minimal})
    for version in versions:
        front.manager.add_api_service(api_service(f"{version}.{GROUP}"), backend)
    async with front.running():
        assert front.shown() == {GROUP: dict.fromkeys(("v1", "v1beta1", "v2alpha1"), "Current")}
        assert front.version(GROUP, "v1").resources[0].resource == "foosv1"
        assert [each.resource for each in front.version(GROUP, "v2alpha1").resources] == ["parent", "kindless"]
        assert not front.manager.remembered


async def test_api_service_stale() -> None:
    """503 is no reason to fall back: the server is Stale, and becomes Current within a refresh."""
    front = Front()
    backend = Backend({"/apis": everything({GROUP: {"v1": [resource()]}}), f"/apis/{GROUP}/v1": legacy()})
    backend.broken = 503
    front.manager.add_api_service(api_service(f"v1.{GROUP}"), backend)
    async with front.running():
        assert front.shown() == {GROUP: {"v1": "Stale"}}
        assert set(backend.paths()) == {"/apis"}
        assert front.timers.seconds == [0.5]
        for seconds in (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0):
            await front.next_round()
            assert front.timers.seconds == [seconds]
        backend.broken = 0
        await front.next_round()
        assert front.shown() == {GROUP: {"v1": "Current"}}
        backend.broken = 503
        await front.next_round()
        assert front.shown() == {GROUP: {"v1": "Stale"}}
        assert front.version(GROUP, "v1").resources == []
        assert front.timers.seconds == [0.5]


async def test_not_modified() -> None:
    """304 keeps what is known; another tag brings what is new."""
    front = Front()
    backend = Backend({"/apis": everything({GROUP: {"v1": [resource()], "v2": []}}, etag='"one"')})
    front.manager.add_api_service(api_service(f"v1.{GROUP}"), backend)
    async with front.running():
        generation = front.document.generation
        front.manager.add_api_service(api_service(f"v2.{GROUP}"), backend)
        await front.manager.controller.settled()
        assert [asked.if_none_match for asked in backend.asked] == ["", '"one"']
        assert front.shown() == {GROUP: {"v2": "Current", "v1": "Current"}}
        assert front.document.generation > generation
        generation = front.document.generation
        await front.next_round()
        assert (len(backend.asked), front.document.generation) == (3, generation)  # the document and its tag stay
        backend.put("/apis", everything({GROUP: {"v1": [], "v2": []}}, etag='"two"'))
        await front.next_round()
        assert front.version(GROUP, "v1").resources == []


async def test_a_version_that_the_server_does_not_have_is_current_and_empty() -> None:
    front = Front()
    backend = Backend({"/apis": everything({GROUP: {"v1": [resource()]}})})
    front.manager.add_api_service(api_service(f"v7.{GROUP}"), backend)
    async with front.running():
        assert front.shown() == {GROUP: {"v7": "Current"}}
        assert front.version(GROUP, "v7").resources == []


async def test_the_document_of_the_beta_is_read_too() -> None:
    front = Front()
    backend = Backend({"/apis": everything({GROUP: {"v1": [resource()]}}, version="v2beta1")})
    front.manager.add_api_service(api_service(f"v1.{GROUP}"), backend)
    async with front.running():
        assert len(front.version(GROUP, "v1").resources) == 1


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"items": 3}', b'{"items": [{"versions": "x"}]}', b"\xff", b'{"items":' + b"[" * 9999]
)
async def test_what_is_no_discovery_document_makes_its_server_stale_and_harms_nobody(body: bytes) -> None:
    front = Front()
    broken = Backend({"/apis": Page(body, AGGREGATED)})
    good = Backend({"/apis": everything({"good.example.com": {"v1": []}})})
    front.manager.add_api_service(api_service(f"v1.{GROUP}", "broken"), broken)
    front.manager.add_api_service(api_service("v1.good.example.com", "good"), good)
    async with front.running():
        assert front.shown() == {"good.example.com": {"v1": "Current"}, GROUP: {"v1": "Stale"}}


async def test_scopes_that_contradict_each_other_make_a_version_stale() -> None:
    front = Front()
    pages = {f"/apis/{GROUP}/v1": legacy({"name": "foos", "namespaced": True}, {"name": "foos/s", "namespaced": False})}
    front.manager.add_api_service(api_service(f"v1.{GROUP}"), Backend(pages))
    async with front.running():
        assert front.shown() == {GROUP: {"v1": "Stale"}}


async def test_a_server_that_hangs_keeps_no_other_waiting() -> None:
    front = Front()
    hanging, good = Backend(), Backend({"/apis": everything({"good.example.com": {"v1": []}})})
    hanging.gate = asyncio.Event()
    async with front.running():
        for number in range(10):
            front.manager.add_api_service(api_service(f"v{number}.{GROUP}", f"hanging{number}"), hanging)
        front.manager.add_api_service(api_service("v1.good.example.com", "good"), good)
        async with asyncio.timeout(20):
            while front.shown() != {"good.example.com": {"v1": "Current"}}:
                await asyncio.sleep(0)


async def test_local_versions_are_not_fetched_and_keep_their_place_by_priority() -> None:
    front = Front()
    builtin = front.document.with_source(Source.BUILTIN)
    for group in ("a.example.com", "b.example.com", "apiregistration.k8s.io"):
        builtin.add_group_version(group, APIVersionDiscovery(version="v1", freshness="Current"))
    backend = Backend()
    front.manager.add_api_service(api_service("v1.b.example.com", None, group_priority=2000), backend)
    front.manager.add_api_service(api_service("v1.apiregistration.k8s.io", None, group_priority=1), backend)
    front.manager.add_api_service(api_service("v1."), backend)
    async with front.running():
        assert list(front.shown()) == ["apiregistration.k8s.io", "b.example.com", "a.example.com"]
        assert not backend.asked


async def test_switching_between_local_and_remote_moves_what_is_shown() -> None:
    front = Front()
    builtin = front.document.with_source(Source.BUILTIN)
    builtin.add_group_version(GROUP, APIVersionDiscovery(version="v1", freshness="local"))
    backend = Backend({"/apis": everything({GROUP: {"v1": [resource()]}})})
    front.manager.add_api_service(api_service(f"v1.{GROUP}", None), backend)
    async with front.running():
        assert front.shown() == {GROUP: {"v1": "local"}}
        front.manager.update_api_service(api_service(f"v1.{GROUP}"), backend)
        await front.manager.controller.settled()
        assert front.shown() == {GROUP: {"v1": "Current"}}
        front.manager.update_api_service(api_service(f"v1.{GROUP}", None), backend)
        await front.manager.controller.settled()
        assert front.shown() == {GROUP: {"v1": "local"}}


async def test_an_update_lets_discovery_past_the_availability_gate() -> None:
    front = Front()

    class Gated(Backend):
        def ignoring_availability(self) -> Backend:
            return open_backend

    gated, open_backend = Gated(), Backend({"/apis": everything({GROUP: {"v1": []}})})
    gated.broken = 503
    front.manager.add_api_service(api_service(f"v1.{GROUP}"), gated)
    async with front.running():
        assert front.shown() == {GROUP: {"v1": "Stale"}}
        front.manager.update_api_service(api_service(f"v1.{GROUP}"), gated)
        await front.manager.controller.settled()
        assert front.shown() == {GROUP: {"v1": "Current"}}
        assert GroupVersion(GROUP, "v1") == GroupVersion.parse(f"{GROUP}/v1")
