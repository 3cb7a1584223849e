"""kubectl over TLS with a client certificate, against a store whose objects have neither uid nor time."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from genericapiserver.apimachinery.meta import DeleteOptions, ListMeta, ListOptions, UpdateOptions
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.certificates import StaticCAContent
from genericapiserver.ext import ChangeLog, ClientCertificateAuthenticator, Context, WatchEvent, selector
from tests.ext.support import ListOfTestType, MemoryStore, TestType, serving_store
from tests.support.kubectl import Kubectl, Outcome, needs_kubectl
from tests.support.pki import CLIENT, issue

AUTHORITY = issue("users", ca=True)
JANE = issue("jane", AUTHORITY, organizations=["devs"], usages=[CLIENT])
THING = '{"apiVersion": "ext.cattle.io/v1", "kind": "TestType", "metadata": {"name": "%s"}, "data": "%s"}'

pytestmark = [pytest.mark.e2e, needs_kubectl]


class LoggingStore(MemoryStore):
    """The store of the other tests, whose watches begin where lists ended."""

    def __init__(self) -> None:
        super().__init__()
        self.log: ChangeLog[TestType] = ChangeLog(TestType)

    def _keep(self, event: EventType, obj: TestType) -> TestType:
        before = self.objects.get(obj.metadata.name)
        self.objects[obj.metadata.name] = obj
        return self.log.record(event, obj, before=before)

    async def list(self, context: Context, options: ListOptions) -> ListOfTestType:  # type: ignore[valid-type]
        selects = selector(options)
        return ListOfTestType(
            metadata=ListMeta(resource_version=self.log.resource_version),
            items=[obj for obj in self.objects.values() if selects(obj)],
        )

    async def watch(self, context: Context, options: ListOptions) -> AsyncIterator[WatchEvent[TestType]]:
        return self.log.watch(options, self.objects.values)

    async def delete(self, context: Context, name: str, options: DeleteOptions | UpdateOptions) -> None:
        if not options.dry_run:
            self.log.record(EventType.DELETED, self.objects.pop(name))


class Session:
    """kubectl in threads, beside the server."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl

    async def run(self, *arguments: str, stdin: str | None = None) -> Outcome:
        return await asyncio.to_thread(self.kubectl.run, *arguments, stdin=stdin)

    async def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        outcome = await self.run(*arguments, stdin=stdin)
        assert outcome.status == 0, f"kubectl {' '.join(arguments)}: {outcome}"
        return outcome.stdout


@contextlib.asynccontextmanager
async def session(store: LoggingStore, folder: Path) -> AsyncIterator[Session]:
    authenticator = ClientCertificateAuthenticator(StaticCAContent("users", AUTHORITY.pem))
    async with serving_store(store, authenticator=authenticator) as world:
        secure = world.server.generic_api_server.config.secure_serving
        assert secure is not None
        assert secure.cert is not None
        files = {
            "certificate-authority": secure.cert.current_cert_key().certificate_pem,
            "client-certificate": JANE.pem,
            "client-key": JANE.key_pem,
        }
        for name, content in files.items():
            (folder / name).write_bytes(content)
        flags = [f"--server=https://127.0.0.1:{world.address[1]}", *(f"--{name}={folder}/{name}" for name in files)]
        yield Session(Kubectl(folder / "home", flags))


async def test_kubectl_works_as_with_any_resource(tmp_path: Path) -> None:
    store = LoggingStore()
    async with session(store, tmp_path) as kubectl:
        foo = "testtype.ext.cattle.io/foo"
        assert await kubectl("apply", "-f", "-", stdin=THING % ("foo", "1")) == f"{foo} created\n"
        assert store.contexts[-1].user.name == "jane"
        assert await kubectl("apply", "-f", "-", stdin=THING % ("foo", "1")) == f"{foo} unchanged\n"
        assert await kubectl("apply", "-f", "-", stdin=THING % ("foo", "2")) == f"{foo} configured\n"
        applied = await kubectl("apply", "--server-side", "-f", "-", stdin=THING % ("foo", "2"))
        assert applied == f"{foo} serverside-applied\n"
        assert await kubectl("label", "testtype", "foo", "color=red") == f"{foo} labeled\n"
        assert await kubectl("annotate", "testtype", "foo", "seen=yes") == f"{foo} annotated\n"
        for kind, patch in (("merge", '{"data": "3"}'), ("json", '[{"op": "replace", "path": "/data", "value": "4"}]')):
            assert await kubectl("patch", "testtype", "foo", f"--type={kind}", "-p", patch) == f"{foo} patched\n"
        shown = json.loads(await kubectl("get", "testtypes", "-l", "color=red", "-o", "json"))
        assert [(item["metadata"]["name"], item["data"]) for item in shown["items"]] == [("foo", "4")]
        assert (await kubectl("get", "testtypes", "-l", "color=blue")).strip() == ""
        dry = await kubectl("apply", "--dry-run=server", "-f", "-", stdin=THING % ("bar", "1"))
        assert (dry, "bar" in store.objects) == ("testtype.ext.cattle.io/bar created (server dry run)\n", False)
        difference = await kubectl.run("diff", "-f", "-", stdin=THING % ("foo", "5"))
        assert difference.status == 1
        assert '-data: "4"' in difference.stdout.replace("'", '"')
        await kubectl("wait", "testtype/foo", "--for=jsonpath={.data}=4", "--timeout=60s")
        assert await kubectl("replace", "-f", "-", stdin=THING % ("foo", "6")) == f"{foo} replaced\n"
        assert (await kubectl("delete", "testtypes", "--all")).startswith('testtype.ext.cattle.io "foo" deleted')
        assert store.objects == {}
        missing = await kubectl.run("get", "testtype", "foo")
        assert missing.stderr == 'Error from server (NotFound): testtypes.ext.cattle.io "foo" not found\n'


async def test_kubectl_watches(tmp_path: Path) -> None:
    store = LoggingStore()
    async with session(store, tmp_path) as kubectl:
        await kubectl("create", "-f", "-", stdin=THING % ("foo", "1"))
        output = tmp_path / "watched"
        process = kubectl.kubectl.start(
            "get", "testtypes", "-w", "--no-headers", "--output-watch-events", output=output
        )
        try:
            async with asyncio.timeout(60):
                while "foo" not in output.read_text():
                    await asyncio.sleep(0.02)
            await kubectl("create", "-f", "-", stdin=THING % ("bar", "1"))
            await kubectl("delete", "testtype", "foo")
            async with asyncio.timeout(60):
                while "DELETED" not in output.read_text():
                    await asyncio.sleep(0.02)
        finally:
            process.kill()
            await asyncio.to_thread(process.wait)
        seen = [line.split()[:2] for line in output.read_text().splitlines()]
        assert sorted(seen) == [["ADDED", "bar"], ["ADDED", "foo"], ["DELETED", "foo"]]


async def test_a_stranger_is_told_to_log_in(tmp_path: Path) -> None:
    async with session(LoggingStore(), tmp_path) as kubectl:
        stranger = issue("jane", usages=[CLIENT])
        (tmp_path / "client-certificate").write_bytes(stranger.pem)
        (tmp_path / "client-key").write_bytes(stranger.key_pem)
        refused = await kubectl.run("get", "testtypes")
    assert refused.status == 1
    assert "You must be logged in to the server" in refused.stderr
