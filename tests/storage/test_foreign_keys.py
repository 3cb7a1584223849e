"""Somebody else has put keys and values under the prefix: what is good is served, what is not is named and left alone."""

from pathlib import Path
from typing import Any

import pytest

from genericapiserver.storage.engine import StorageEngine
from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.memory import MemoryEngine
from genericapiserver.storage.sqlite import SQLiteEngine
from tests.storage.conftest import NO_COMPACTION
from tests.support.fault_session import API, PREFIX, Answer, faulty_server, widget

NAMESPACE = f"{API}/namespaces/ns/widgets"
FOREIGN = {
    "garbage": b"\xffno object",
    "empty": b"",
    "other": b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"other","namespace":"ns"}}',
    "deeper/than/that": b"{}",
}


async def opened(name: str, folder: Path) -> StorageEngine:
    options: dict[str, Any] = {"initial_rev": 1, "retention": NO_COMPACTION}
    if name == "memory":
        return MemoryEngine(**options)
    if name == "sqlite":
        return await SQLiteEngine.open(folder / "store.db", **options)
    return await FileEngine.open(folder / "objects", **options)


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "plain"])
@pytest.mark.parametrize("name", ["memory", "sqlite", "file"])
async def test_foreign_keys_spoil_only_what_they_are_part_of(tmp_path: Path, name: str, cached: bool) -> None:
    engine = await opened(name, tmp_path)
    async with faulty_server(engine, cached=cached) as rig:

        async def ask(method: str, target: str, body: Any = None, kind: str = "json") -> Answer:
            return await rig.exchange(method, target, body, f"application/{kind}")

        async with rig.client.open("GET", f"{NAMESPACE}?watch=1&resourceVersion=1") as watch:
            assert (await ask("POST", NAMESPACE, widget("good"))).status == 201
            for key, value in FOREIGN.items():
                await engine.put(PREFIX + b"ns/" + key.encode(), value, expect_rev=0)
            added, error = await watch.events(2)
            assert (added["type"], added["object"]["metadata"]["name"]) == ("ADDED", "good")
            assert (error["type"], error["object"]["code"]) == ("ERROR", 500)
            assert "/widgets/ns/garbage" in error["object"]["message"]
            assert await watch.line() == b""

        # The good ones, one by one, and other namespaces.
        patched = await ask("PATCH", f"{NAMESPACE}/good", {"metadata": {"labels": {"a": "b"}}}, "merge-patch+json")
        assert patched.status == 200
        assert (await ask("GET", f"{NAMESPACE}/good")).body["metadata"]["labels"] == {"a": "b"}
        assert (await ask("POST", f"{API}/namespaces/fine/widgets", widget("one"))).status == 201
        assert len((await ask("GET", f"{API}/namespaces/fine/widgets")).body["items"]) == 1

        # The others are named, whatever is asked of them, and so are they by a list of which they are a part.
        for key in ("garbage", "empty", "other"):
            for method in ("GET", "DELETE"):
                answer = await ask(method, f"{NAMESPACE}/{key}")
                assert (answer.status, answer.body["status"]) == (500, "Failure")
                assert f"/widgets/ns/{key}" in answer.body["message"]
        for target in (NAMESPACE, f"{NAMESPACE}?resourceVersion=0", f"{NAMESPACE}?limit=500", f"{API}/widgets"):
            answer = await ask("GET", target)
            assert answer.status == 500
            assert "/widgets/ns/" in answer.body["message"]

        assert (await ask("DELETE", f"{NAMESPACE}/good")).status == 200
        assert (await ask("DELETE", NAMESPACE)).status == 500
        left = {kv.key: kv.value for kv in (await engine.range(PREFIX + b"ns/", PREFIX + b"ns0")).kvs}
        assert left == {PREFIX + b"ns/" + key.encode(): value for key, value in FOREIGN.items()}
    await engine.aclose()
