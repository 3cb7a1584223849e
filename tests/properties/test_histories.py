"""A random history against a model that keeps every state: lists, pages and watches at any revision tell the same story."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.widgets import ALL, BACKENDS, NAMESPACE, QUICK, done, revision, serving, widget
from tests.support.asgi_client import ASGIClient

NAMES = ("a", "b", "c", "d", "e")
STEPS = st.tuples(
    st.sampled_from(["create", "put", "patch", "apply", "status", "delete", "clear"]),
    st.sampled_from(NAMES),
    st.sampled_from(["red", "blue"]),
    st.sampled_from(["x", "y"]),
)
STORIES = st.lists(STEPS, min_size=1, max_size=12)
SELECTORS: dict[str, Callable[[Any], bool]] = {
    "": lambda obj: True,
    "labelSelector=k%3Dx": lambda obj: obj["metadata"].get("labels", {}).get("k") == "x",
    "fieldSelector=spec.color%3Dred": lambda obj: obj["spec"]["color"] == "red",
    "fieldSelector=metadata.name%3Da": lambda obj: obj["metadata"]["name"] == "a",
}
State = dict[str, Any]
"""Widgets by name."""


@attrs.define
class History:
    """Everything that was written, as the writers were told."""

    client: ASGIClient
    states: dict[int, State] = attrs.Factory(dict)

    @property
    def now(self) -> int:
        return max(self.states)

    async def begin(self) -> None:
        self.states[revision(done(await self.client.get(ALL)))] = {}

    async def take(self, step: tuple[str, str, str, str]) -> None:
        verb, name, color, label = step
        path = f"{NAMESPACE}/{name}"
        body = widget(name, labels={"k": label}, color=color)
        if verb == "create":
            response = await self.client.request("POST", NAMESPACE, body=body)
        elif verb == "put":
            response = await self.client.request("PUT", path, body=body)
        elif verb == "patch":
            patch = {"metadata": {"labels": {"k": label}}}
            response = await self._patch(path, "merge-patch+json", patch)
        elif verb == "apply":
            response = await self._patch(f"{path}?fieldManager=m&force=true", "apply-patch+yaml", body)
        elif verb == "status":
            response = await self._patch(f"{path}/status", "merge-patch+json", {"status": {"phase": color}})
        elif verb == "delete":
            response = await self.client.request("DELETE", path)
        else:
            return await self._clear(label)
        if response.status < 300:
            obj = response.json()
            self._wrote(revision(obj) if verb != "delete" else await self._revision(), name, obj, verb == "delete")
        else:
            assert response.status in (404, 409), response.text
        return None

    async def _patch(self, path: str, kind: str, body: Any) -> Any:
        return await self.client.request("PATCH", path, headers={"content-type": f"application/{kind}"}, body=body)

    async def _clear(self, label: str) -> None:
        """Delete a collection: as many revisions as objects, in the order of their names."""
        listed = done(await self.client.request("DELETE", f"{NAMESPACE}?labelSelector=k%3D{label}"))
        names = [obj["metadata"]["name"] for obj in listed["items"]]
        wanted = [
            name for name, obj in sorted(self.states[self.now].items()) if obj["metadata"]["labels"]["k"] == label
        ]
        assert names == wanted
        for name in names:
            self._wrote(self.now + 1, name, None, True)
        assert self.now == await self._revision()

    async def _revision(self) -> int:
        return revision(done(await self.client.get(ALL)))

    def _wrote(self, at: int, name: str, obj: Any, gone: bool) -> None:
        state = dict(self.states[self.now])
        if at == self.now or (not gone and state.get(name) == obj):  # nothing changed, nothing was written
            assert state[name] == obj
            return
        assert at == self.now + 1, "revisions go up by one"
        if gone:
            del state[name]
        else:
            state[name] = obj
        self.states[at] = state

    def selected(self, at: int, selector: str) -> State:
        holds = SELECTORS[selector]
        return {name: obj for name, obj in self.states[at].items() if holds(obj)}

    def events(self, after: int, selector: str) -> list[tuple[str, str, int]]:
        """What a watch from *after* is to see: type, name, revision."""
        events = []
        for at in range(after + 1, self.now + 1):
            old, new = self.selected(at - 1, selector), self.selected(at, selector)
            for name in sorted(old | new):
                if old.get(name) != new.get(name):
                    kind = "ADDED" if name not in old else "DELETED" if name not in new else "MODIFIED"
                    events.append((kind, name, at))
        return events


@pytest.mark.parametrize("backend", BACKENDS)
@QUICK
@given(STORIES, st.data())
def test_a_state_and_what_followed_are_the_state_at_the_end(
    backend: str, story: list[tuple[str, str, str, str]], data: st.DataObject
) -> None:
    async def run(client: ASGIClient) -> None:
        history = History(client)
        await history.begin()
        for step in story:
            await history.take(step)
        start = data.draw(st.sampled_from(sorted(history.states)), label="start")
        selector = data.draw(st.sampled_from(list(SELECTORS)), label="selector")

        exact = f"{ALL}?{selector}&resourceVersion={start}&resourceVersionMatch=Exact"
        listed = done(await client.get(exact))
        assert revision(listed) == start
        state = {item["metadata"]["name"]: _as_written(item) for item in listed["items"]}
        assert state == history.selected(start, selector)

        wanted = history.events(start, selector)
        async with client.open("GET", f"{ALL}?watch=1&{selector}&resourceVersion={start}") as watch:
            events = await watch.events(len(wanted))
        seen = [(event["type"], event["object"]["metadata"]["name"], revision(event["object"])) for event in events]
        assert seen == wanted
        for event in events:
            obj = event["object"]
            if event["type"] == "DELETED":
                del state[obj["metadata"]["name"]]
            else:
                state[obj["metadata"]["name"]] = obj
        assert state == history.selected(history.now, selector)

        initial = f"{ALL}?watch=1&{selector}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
        wanted_now = history.selected(history.now, selector)
        async with client.open("GET", f"{initial}&allowWatchBookmarks=true") as watch:
            *added, bookmark = await watch.events(len(wanted_now) + 1)
        assert {event["object"]["metadata"]["name"]: event["object"] for event in added} == wanted_now
        assert (bookmark["type"], revision(bookmark["object"])) == ("BOOKMARK", history.now)

    serving(run, backend)


@pytest.mark.parametrize("backend", BACKENDS)
@QUICK
@given(st.lists(st.sampled_from(NAMES), max_size=5, unique=True), STORIES, st.data())
def test_pages_are_of_one_moment_whatever_is_written_between_them(
    backend: str, first: list[str], story: list[tuple[str, str, str, str]], data: st.DataObject
) -> None:
    async def run(client: ASGIClient) -> None:
        history = History(client)
        await history.begin()
        for name in first:
            await history.take(("create", name, "red", "x"))
        selector = data.draw(st.sampled_from(list(SELECTORS)), label="selector")
        moment, wanted = history.now, [obj for _, obj in sorted(history.selected(history.now, selector).items())]
        steps = iter(story)
        items: list[Any] = []
        token = ""
        while True:
            limit = data.draw(st.integers(1, 3), label="limit")
            page = done(await client.get(f"{ALL}?{selector}&limit={limit}&continue={quote(token)}"))
            assert revision(page) == moment
            assert len(page["items"]) <= limit
            items += [_as_written(item) for item in page["items"]]
            token = page["metadata"].get("continue", "")
            if token and not selector:
                assert page["metadata"]["remainingItemCount"] == len(wanted) - len(items)
            if not token:
                break
            for _, step in zip(range(3), steps, strict=False):
                await history.take(step)
        assert items == wanted

    serving(run, backend)


def _as_written(item: dict[str, Any]) -> dict[str, Any]:
    """An item of a list as it comes alone: with its kind."""
    return {"kind": "Widget", "apiVersion": "demo.example.com/v1", **item}
