"""Stores for the tests of `genericapiserver storage`."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs

from genericapiserver.storage.engine import StorageEngine
from genericapiserver.storage.factory import StorageConfig, open_engine
from tests.support.command_line import run_main

PREFIX = "/registry/wardle.example.com/flunders/default/"


def value(name: str, color: str, *, manager: str = "") -> bytes:
    """A stored flunder."""
    managed = [
        {
            "manager": manager,
            "operation": "Update",
            "time": "2026-01-02T03:04:05Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:color": {}}},
        }
    ]
    body = {
        "apiVersion": "wardle.example.com/v1alpha1",
        "kind": "Flunder",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "creationTimestamp": "2026-01-02T03:04:05Z",
            **({"managedFields": managed} if manager else {}),
        },
        "spec": {"color": color},
    }
    return json.dumps(body).encode()


def key(name: str) -> bytes:
    return f"{PREFIX}{name}".encode()


@attrs.frozen
class Shop:
    """A store of one engine, and what fills it."""

    engine: str
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "store"

    def flags(self, path: Path | None = None, lead: str = "") -> list[str]:
        return [f"--{lead}storage-backend={self.engine}", f"--{lead}storage-path={path or self.path}"]

    def config(self, path: Path | None = None) -> StorageConfig:
        return StorageConfig(type=self.engine, path=str(path or self.path), compaction_interval=0, initial_revision=100)

    async def open(self, path: Path | None = None) -> StorageEngine:
        return await open_engine(self.config(path))

    def fill(self) -> None:
        """Revisions 101 to 105: one is made and changed, two is made and deleted, three is made."""

        async def work() -> None:
            engine = await self.open()
            await engine.put(key("one"), value("one", "red", manager="painter"), expect_rev=0)
            await engine.put(key("two"), value("two", "green"), expect_rev=0)
            await engine.put(key("one"), value("one", "blue", manager="other"), expect_rev=101)
            await engine.delete(key("two"), expect_rev=102)
            await engine.put(key("three"), value("three", "black"), expect_rev=0, ttl=3600)
            await engine.aclose()

        asyncio.run(work())

    def objects(self, path: Path | None = None) -> dict[bytes, bytes]:
        async def work() -> dict[bytes, bytes]:
            engine = await self.open(path)
            try:
                return {kv.key: kv.value for kv in (await engine.range(b"/", b"0")).kvs}
            finally:
                await engine.aclose()

        return asyncio.run(work())


def storage(*arguments: str | Sequence[str]) -> int:
    flat = [each for argument in arguments for each in ([argument] if isinstance(argument, str) else argument)]
    return run_main(["storage", *flat])


def in_another_process(arguments: list[str]) -> int:
    return subprocess.run([sys.executable, "-m", "genericapiserver", "storage", *arguments], check=False).returncode
