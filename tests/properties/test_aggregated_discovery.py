"""Aggregated discovery of servers behind against a model: whatever has happened, a minute later the document is right."""

import asyncio
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from tests.aggregator.backends import Backend, api_service
from tests.aggregator.test_discovery import Front, everything, legacy, resource
from tests.properties.widgets import QUICK

GROUP = "stable.example.com"
SERVICES = ("one", "two")
VERSIONS = ("v1", "v1beta1", "v2")


@attrs.frozen
class Step:
    """Something that happens: to an APIService, to a server behind, or to the clock."""

    what: str
    service: str
    version: str
    known: frozenset[str]
    """The versions that the server has from now on."""


STEPS = st.builds(
    Step,
    st.sampled_from(("register", "update", "remove", "localize", "break", "mend", "change", "forget", "wait")),
    st.sampled_from(SERVICES),
    st.sampled_from(VERSIONS),
    st.frozensets(st.sampled_from(VERSIONS)),
)


class World:
    """A front with two servers behind it, and what should be shown."""

    def __init__(self) -> None:
        self.front = Front()
        self.backends = {name: Backend() for name in SERVICES}
        self.known: dict[str, frozenset[str]] = dict.fromkeys(SERVICES, frozenset())
        self.tells_all = dict.fromkeys(SERVICES, True)
        self.registered: dict[str, str] = {}
        for name in SERVICES:
            self.change(name, frozenset(VERSIONS))

    def change(self, service: str, known: frozenset[str]) -> None:
        self.known[service] = known
        backend = self.backends[service]
        backend.pages.clear()
        if self.tells_all[service]:
            found = {version: [resource(f"{service}{version}")] for version in sorted(known)}
            backend.put("/apis", everything({GROUP: found}, etag=f'"{sorted(known)}"'))
        else:
            for version in known:
                plain = {"name": f"{service}{version}", "kind": "Foo"}
                backend.put(f"/apis/{GROUP}/{version}", legacy(plain, version=version))

    async def do(self, step: Step) -> None:
        name, backend = f"{step.version}.{GROUP}", self.backends[step.service]
        manager = self.front.manager
        match step.what:
            case "register" | "update":
                tell = manager.update_api_service if step.version in self.registered else manager.add_api_service
                tell(api_service(name, step.service), backend)
                self.registered[step.version] = step.service
            case "localize":
                manager.update_api_service(api_service(name, None), backend)
                self.registered.pop(step.version, None)
            case "remove":
                manager.remove_api_service(name)
                self.registered.pop(step.version, None)
            case "break" | "mend":
                backend.broken = 503 if step.what == "break" else 0
            case "change":
                self.change(step.service, step.known)
            case "forget":
                self.tells_all[step.service] = not self.tells_all[step.service]
                self.change(step.service, step.known)
            case "wait":
                await self.front.next_round()

    def expected(self) -> dict[str, tuple[str, list[str]]]:
        found: dict[str, tuple[str, list[str]]] = {}
        for version, service in self.registered.items():
            known = version in self.known[service]
            if self.backends[service].broken or (not known and not self.tells_all[service]):
                found[version] = ("Stale", [])
            else:
                found[version] = ("Current", [f"{service}{version}"] if known else [])
        return found

    def shown(self) -> dict[str, tuple[str, list[str]]]:
        return {
            version.version: (version.freshness, [each.resource for each in version.resources])
            for group in self.front.document.document().items
            for version in group.versions
        }


@QUICK
@given(st.lists(STEPS, max_size=30), st.integers(0, 30))
def test_the_document_is_right_once_everybody_has_been_asked_again(steps: list[Step], before: int) -> None:
    async def run() -> Any:
        world = World()
        for step in steps[:before]:
            if step.what != "wait":
                await world.do(step)
        async with world.front.running():
            for step in steps[before:]:
                await world.do(step)
                await asyncio.sleep(0)
            await world.front.manager.controller.settled()
            await world.front.next_round()
            assert world.shown() == world.expected()
            assert {key.name for key in world.front.manager.remembered} <= set(world.registered.values())

    asyncio.run(run())
