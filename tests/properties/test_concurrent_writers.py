"""Writers who get in each other's way: every accepted write followed the one that it had read."""

import asyncio
import random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.widgets import BACKENDS, NAMESPACE, QUICK, created, done, revision, serving, widget
from tests.support.asgi_client import ASGIClient

WRITERS, ROUNDS = 5, 4
NAMES = ("a", "b")


@attrs.define
class Recorder:
    """What happened: of each object, which revision followed which, and the newest that somebody has been told of."""

    writes: dict[str, dict[int, int]] = attrs.Factory(lambda: {name: {} for name in NAMES})
    known: dict[str, int] = attrs.Factory(dict)

    def wrote(self, name: str, base: int, made: int) -> None:
        assert base not in self.writes[name], "two writes followed the same revision"
        self.writes[name][base] = made
        self.known[name] = max(self.known[name], made)


async def _write(client: ASGIClient, seed: int, recorder: Recorder) -> int:
    """Count a widget up a few times; how often a write was refused."""
    choice = random.Random(seed)
    refused = 0
    for _ in range(ROUNDS):
        name = choice.choice(NAMES)
        path = f"{NAMESPACE}/{name}"
        known = recorder.known[name]
        obj = done(await client.get(path, **({"x": "y"} if choice.random() < 0.5 else {})))
        base = revision(obj)
        assert base >= known, "a read was older than what had been answered before it"
        obj["spec"]["replicas"] += 1
        if choice.random() < 0.5:
            response = await client.request("PUT", path, body=obj)
        else:
            patch = {"metadata": {"resourceVersion": str(base)}, "spec": {"replicas": obj["spec"]["replicas"]}}
            headers = {"content-type": "application/merge-patch+json"}
            response = await client.request("PATCH", path, headers=headers, body=patch)
        if response.status == 409:
            refused += 1
            continue
        recorder.wrote(name, base, revision(done(response)))
        if choice.random() < 0.3:
            await asyncio.sleep(0)
    return refused


@pytest.mark.parametrize("backend", BACKENDS)
@QUICK
@given(st.lists(st.integers(0, 2**32), min_size=WRITERS, max_size=WRITERS))
def test_no_write_is_lost(backend: str, seeds: list[int]) -> None:
    async def run(client: ASGIClient) -> None:
        recorder = Recorder()
        first = {}
        for name in NAMES:
            first[name] = recorder.known[name] = revision(await created(client, widget(name, replicas=0)))
        refused = await asyncio.gather(*[_write(client, seed, recorder) for seed in seeds])
        assert sum(map(len, recorder.writes.values())) == WRITERS * ROUNDS - sum(refused)
        revisions = sorted(made for writes in recorder.writes.values() for made in writes.values())
        assert revisions == list(range(max(first.values()) + 1, max(first.values()) + 1 + len(revisions)))
        for name in NAMES:
            at = first[name]
            for _ in recorder.writes[name]:  # one chain, without a gap, from the first to the last
                at = recorder.writes[name][at]
            live = done(await client.get(f"{NAMESPACE}/{name}"))
            assert (revision(live), live["spec"]["replicas"]) == (at, len(recorder.writes[name]))

    serving(run, backend)


@pytest.mark.parametrize("backend", BACKENDS)
@QUICK
@given(st.lists(st.sampled_from(["app", "json", "merge"]), min_size=2, max_size=8))
def test_patches_without_a_revision_all_count(backend: str, kinds: list[str]) -> None:
    """A patch that names no revision is tried again until it fits: nobody has to repeat it."""

    async def run(client: ASGIClient) -> None:
        await created(client, widget("a"))

        async def patch(number: int, kind: str) -> None:
            key = f"k{number}"
            content, body, query = {
                "merge": ("merge-patch+json", {"spec": {"options": {key: "v"}}}, ""),
                "json": ("json-patch+json", [{"op": "add", "path": "/metadata/labels/" + key, "value": "v"}], ""),
                "app": ("apply-patch+yaml", widget("a", options={key: "v"}), f"?fieldManager={key}"),
            }[kind]
            headers = {"content-type": f"application/{content}"}
            done(await client.request("PATCH", f"{NAMESPACE}/a{query}", headers=headers, body=body))

        done(
            await client.request(
                "PATCH",
                f"{NAMESPACE}/a",
                headers={"content-type": "application/merge-patch+json"},
                body={"metadata": {"labels": {"first": "v"}}},
            )
        )
        await asyncio.gather(*[patch(number, kind) for number, kind in enumerate(kinds)])
        live = done(await client.get(f"{NAMESPACE}/a"))
        found = {**live["spec"].get("options", {}), **live["metadata"]["labels"]}
        assert set(found) == {"first", *(f"k{number}" for number in range(len(kinds)))}

    serving(run, backend)
