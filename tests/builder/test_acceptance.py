"""What the seeds' own tests prove of a server builder, and what they promise, row by row (tilt-apiserver).

Everything runs over connections in memory, except where a port is the subject. Each storage is held to the same rows.
"""

import asyncio
import contextlib
import datetime as dt
import json
import os
import random
import socket
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from genericapiserver.admission import Attributes, Operation, validating_plugin
from genericapiserver.authentication.user import UserInfo
from genericapiserver.builder import (
    GeneratableKeyCert,
    MemoryConnProvider,
    Resource,
    ServerBuilder,
    Storage,
    etcd,
    file,
    memory,
    sqlite,
)
from genericapiserver.certificates import generate_self_signed, write_pair
from genericapiserver.client.informer import Informer
from genericapiserver.client.rest import UnreachableError
from genericapiserver.config import ConfigError
from genericapiserver.storage.factory import TYPES
from tests.builder.manifests import (
    API_VERSION,
    CONFLICT,
    GROUP,
    MANIFESTS,
    TOKEN,
    Asking,
    Manifest,
    event,
    manifest,
    manifests,
    serving,
)
from tests.support.etcd import FreshEtcds, needs_etcd
from tests.support.server_process import free_port

STORAGES: dict[str, Callable[[Path, str], Storage]] = {
    "memory": lambda folder, url: memory(initial_revision=1),
    "sqlite": lambda folder, url: sqlite(folder / "objects.db"),
    "file": lambda folder, url: file(folder / "objects"),
    "etcd3": lambda folder, url: etcd(url),
}
PARAMETERS = [pytest.param(name, marks=needs_etcd if name == "etcd3" else ()) for name in sorted(TYPES)]


@pytest.fixture
async def ask() -> AsyncIterator[Asking]:
    async with serving() as asking:
        yield asking


@pytest.fixture(scope="module")
def fresh_etcds() -> Iterator[FreshEtcds]:
    etcds = FreshEtcds()
    yield etcds
    etcds.close()


@pytest.fixture(params=PARAMETERS)
async def stored(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Asking]:
    """A server on each kind of storage in turn."""
    with contextlib.ExitStack() as stack:
        url = ""
        if request.param == "etcd3":
            url = stack.enter_context(request.getfixturevalue("fresh_etcds").take()).url
        async with serving(manifests(STORAGES[request.param](tmp_path, url))) as asking:
            yield asking


# ---- serving


async def test_bind_to_port_0_is_refused() -> None:
    options = ServerBuilder().with_resource_memory_storage(Manifest).with_bind_port(0).to_server_options()
    with pytest.raises(ConfigError, match="No serve port set"):
        async with options.serving():
            pass
    with pytest.raises(ConfigError, match="No serve port set"):
        await options.config()


async def test_bind_to_a_port_with_a_generated_certificate() -> None:
    port = free_port()
    builder = ServerBuilder().with_resource_memory_storage(Manifest, "data").with_bind_port(port)
    async with serving(builder.with_bearer_token(TOKEN)) as ask:
        assert ask.running.address == ("127.0.0.1", port)
        made = await ask.create()
        assert made.body["metadata"]["creationTimestamp"]
        assert (await ask("GET", "a")).body == made.body


async def test_mem_conn(ask: Asking) -> None:
    made = await ask.create(message="hello")
    assert made.body["metadata"]["creationTimestamp"]
    assert (await ask("GET", "a")).body["spec"] == {"message": "hello"}


@pytest.mark.parametrize("token", ["", "wrong"], ids=["missing", "bad"])
async def test_without_the_bearer_token_everything_is_forbidden(ask: Asking, token: str) -> None:
    async with ask.anonymous(bearer_token=token) as anonymous:
        for method, path, body in (("GET", "", None), ("GET", "a", None), ("POST", "", manifest())):
            answer = await anonymous(method, path, body)
            assert answer.status == 403
            assert answer.body["message"].endswith(": Everything is forbidden.")
        listed = await anonymous("GET")
        assert listed.body["message"] == (
            'manifests.core.tilt.dev is forbidden: User "system:anonymous" cannot list resource "manifests" in API group '
            '"core.tilt.dev" at the cluster scope: Everything is forbidden.'
        )
        page = await anonymous("GET", "/healthz")
        assert (page.status, page.body["message"]) == (
            403,
            'forbidden: User "system:anonymous" cannot get path "/healthz": Everything is forbidden.',
        )
    assert (await ask("GET")).names == []


async def test_who_has_the_token_is_the_apiserver() -> None:
    users: list[UserInfo | None] = []

    @validating_plugin(Operation.CREATE)
    def look(attributes: Attributes) -> None:
        users.append(attributes.user)

    async with serving(manifests().with_plugins(look)) as ask:
        await ask.create()
    assert users[0] is not None
    assert users[0].name == "system:apiserver"
    assert sorted(users[0].groups) == ["system:authenticated", "system:masters"]


async def test_a_client_without_the_authority_does_not_connect(ask: Asking) -> None:
    async with ask.anonymous(ca_data=b"", bearer_token=TOKEN) as stranger:
        with pytest.raises(UnreachableError, match="certificate"):
            await stranger("GET")


async def test_the_whole_suite_needs_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets that nobody can address are all that a server over connections in memory has."""

    def refuse(self: socket.socket, *arguments: object) -> None:
        raise AssertionError("a socket is bound or connected")

    for name in ("bind", "listen", "connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    async with serving() as ask:
        await ask.create()
        async with ask.watch() as events:
            assert event(await anext(events)) == ("ADDED", "a")
        assert (await ask("DELETE", "a")).status == 200


async def test_a_server_over_connections_has_a_nominal_address(ask: Asking) -> None:
    assert ask.running.url == "https://127.0.0.1:443"
    groups = (await ask("GET", "/apis")).body
    assert [group["name"] for group in groups["groups"]] == [GROUP]


# ---- discovery and documents


async def test_the_fluent_builder_serves_what_discovery_says(ask: Asking) -> None:
    found = (await ask("GET", f"/apis/{API_VERSION}")).body
    verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
    assert found["resources"] == [
        {
            "name": "manifests",
            "singularName": "manifest",
            "namespaced": False,
            "kind": "Manifest",
            "verbs": verbs,
            "shortNames": ["m"],
        },
        {
            "name": "manifests/status",
            "singularName": "",
            "namespaced": False,
            "kind": "Manifest",
            "verbs": ["get", "patch", "update"],
        },
    ]


async def test_health_checks_have_the_names_of_the_seeds(ask: Asking) -> None:
    for page, more in (("healthz", set()), ("readyz", {"shutdown"})):
        answer = await ask.client.request("GET", f"/{page}", query={"verbose": ""})
        checks = {line[3:].split()[0] for line in answer.body.decode().splitlines() if line.startswith("[")}
        assert checks == {
            "log",
            "ping",
            "poststarthook/max-in-flight-filter",
            "poststarthook/start-tilt-server-informers",
            "poststarthook/storage-object-count-tracker-hook",
            *more,
        }


async def test_validate_openapi_spec(ask: Asking) -> None:
    document = (await ask("GET", "/openapi/v2")).body
    assert document["info"] == {"title": "tilt", "version": "0.1.0"}
    operations = {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    }
    assert "watchCoreTiltDevV1alpha1Manifest" in operations
    assert "watchCoreTiltDevV1alpha1ManifestStatus" not in operations
    kind = {"group": GROUP, "version": "v1alpha1", "kind": "Manifest"}
    assert operations["createCoreTiltDevV1alpha1Manifest"]["x-kubernetes-group-version-kind"] == kind
    schemas = [
        schema
        for schema in document["definitions"].values()
        if kind in schema.get("x-kubernetes-group-version-kind", [])
    ]
    assert len(schemas) == 1
    assert "__internal" not in json.dumps(document)
    v3 = (await ask("GET", f"/openapi/v3/apis/{API_VERSION}")).body
    assert v3["info"] == {"title": "tilt", "version": "0.1.0"}
    assert "__internal" not in json.dumps(v3)


# ---- writes


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("ok", ""),
        ("a b ", ""),
        ("...", ""),
        ("ab\n", ""),
        ("", "metadata.name: Required value: name or generateName is required"),
        (".", "may not be '.'"),
        ("..", "may not be '..'"),
        ("a/b", "may not contain '/'"),
    ],
)
async def test_create_validation_of_names(ask: Asking, name: str, problem: str) -> None:
    answer = await ask("POST", body=manifest(name))
    assert (answer.status == 201) == (not problem)
    assert problem in answer.body.get("message", "")


async def test_create_validation_of_label_keys(ask: Asking) -> None:
    answer = await ask("POST", body=manifest(labels={"/": "x"}))
    assert answer.status == 422
    assert "metadata.labels: Invalid value" in answer.body["message"]


async def test_a_created_status_is_kept(ask: Asking) -> None:
    assert (await ask.create(status="said")).body["status"] == {"message": "said"}


async def test_update_status_does_not_update_spec(ask: Asking) -> None:
    made = await ask.create(message="wanted", labels={"a": "b"})
    sent = {**made.body, "spec": {"message": "other"}, "status": {"message": "said"}}
    sent["metadata"] = {**made.body["metadata"], "labels": {"a": "c"}}
    answer = await ask("PUT", "a/status", sent)
    assert (answer.status, answer.body["spec"], answer.body["status"]) == (
        200,
        {"message": "wanted"},
        {"message": "said"},
    )
    assert answer.body["metadata"]["labels"] == {"a": "b"}


async def test_update_spec_does_not_update_status(ask: Asking) -> None:
    made = await ask.create(status="said")
    answer = await ask("PUT", "a", {**made.body, "spec": {"message": "new"}, "status": {"message": "lie"}})
    assert (answer.body["spec"], answer.body["status"]) == ({"message": "new"}, {"message": "said"})


async def test_what_a_class_validates_is_validated(ask: Asking) -> None:
    refused = await ask("POST", body=manifest(message="bad"))
    assert refused.body["message"] == (
        'Manifest.core.tilt.dev "a" is invalid: spec.message: Invalid value: "bad": is bad'
    )
    made = await ask.create()
    assert (await ask("PUT", "a", {**made.body, "spec": {"message": "bad"}})).status == 422


async def test_delete_of_what_is_missing(ask: Asking) -> None:
    answer = await ask("DELETE", "a")
    assert (answer.status, answer.body["message"]) == (404, 'manifests.core.tilt.dev "a" not found')


async def test_patch_of_labels(ask: Asking) -> None:
    await ask.create(labels={"a": "b"})
    patch = {"metadata": {"labels": {"c": "d"}}}
    answer = await ask("PATCH", "a", patch, media_type="application/strategic-merge-patch+json")
    assert answer.body["metadata"]["labels"] == {"a": "b", "c": "d"}


async def test_server_side_apply_works(ask: Asking) -> None:
    """tilt answers 500 and stores no managed fields."""
    sent = {**manifest(message="applied")}
    del sent["status"]
    answer = await ask("PATCH", "a", sent, media_type="application/apply-patch+yaml", fieldManager="me")
    assert answer.status == 201
    assert [entry["manager"] for entry in answer.body["metadata"]["managedFields"]] == ["me"]


async def test_put_on_what_is_missing(ask: Asking) -> None:
    assert (await ask("PUT", "a", manifest())).status == 404


# ---- storage, on each


async def test_read_empty(stored: Asking) -> None:
    assert (await stored("GET", "a")).status == 404
    assert (await stored("GET")).names == []


async def test_create_then_read(stored: Asking) -> None:
    made = await stored.create(message="x")
    assert (await stored("GET", "a")).body == made.body
    again = await stored("POST", body=manifest())
    assert (again.status, again.body["message"]) == (409, 'manifests.core.tilt.dev "a" already exists')


async def test_create_then_list(stored: Asking) -> None:
    made = await stored.create()
    listed = await stored("GET")
    assert listed.names == ["a"]
    assert listed.version == made.version


async def test_create_then_read_then_delete(stored: Asking) -> None:
    await stored.create()
    assert (await stored("GET", "a")).status == 200
    deleted = await stored("DELETE", "a")
    assert (deleted.status, deleted.body["kind"], deleted.body["status"]) == (200, "Status", "Success")
    assert (await stored("GET", "a")).status == 404


async def test_list_label_selector(stored: Asking) -> None:
    for name, color in (("a", "red"), ("b", "blue"), ("c", "red")):
        await stored.create(name, labels={"color": color})
    assert (await stored("GET", labelSelector="color=red")).names == ["a", "c"]
    assert (await stored("GET", fieldSelector="metadata.name=b")).names == ["b"]


async def test_watch_label_selector(stored: Asking) -> None:
    async with stored.watch(labelSelector="color=red") as events:
        await stored.create("a", labels={"color": "blue"})
        made = await stored.create("b", labels={"color": "red"})
        assert event(await anext(events)) == ("ADDED", "b")
        changed = made.body
        changed["metadata"]["labels"] = {"color": "blue"}
        await stored("PUT", "b", changed)
        # tilt says nothing when an object stops matching.
        assert event(await anext(events)) == ("DELETED", "b")


async def test_delete_no_finalizers(stored: Asking) -> None:
    async with stored.watch() as events:
        made = await stored.create()
        assert event(await anext(events)) == ("ADDED", "a")
        await stored("DELETE", "a")
        deleted = await anext(events)
        assert event(deleted) == ("DELETED", "a")
        # In tilt's memory it carries the version from before.
        assert int(deleted["object"]["metadata"]["resourceVersion"]) > made.version


async def test_delete_finalizers(stored: Asking) -> None:
    async with stored.watch() as events:
        await stored.create(finalizers=["example.com/mine"])
        assert event(await anext(events)) == ("ADDED", "a")
        marked = await stored("DELETE", "a")
        assert marked.body["metadata"]["deletionGracePeriodSeconds"] == 0
        assert marked.body["metadata"]["deletionTimestamp"]
        assert event(await anext(events)) == ("MODIFIED", "a")
        cleared = marked.body
        cleared["metadata"]["finalizers"] = []
        answer = await stored("PUT", "a", cleared)
        assert (answer.status, answer.body["kind"]) == (200, "Manifest")
        assert event(await anext(events)) == ("DELETED", "a")
    assert (await stored("GET", "a")).status == 404


@pytest.mark.parametrize("path", ["a", "a/status"], ids=["resource", "subresource"])
async def test_update_optimistic_concurrency(stored: Asking, path: str) -> None:
    made = await stored.create(message="1", status="1")
    changed = {**made.body, "spec": {"message": "2"}, "status": {"message": "2"}}
    updated = await stored("PUT", path, changed)
    assert updated.version > made.version
    late = {**made.body, "spec": {"message": "3"}, "status": {"message": "3"}}
    unsaid = {**late, "metadata": {"name": "a"}}
    for stale in (late, unsaid):
        answer = await stored("PUT", path, stale)
        assert (answer.status, answer.body["message"]) == (409, CONFLICT)
    assert (await stored("GET", "a")).body == updated.body


async def test_update_simultaneous_updates(stored: Asking) -> None:
    """Of those who start from one version at most one gets through, and every success is a version of its own."""
    await stored.create()
    successes: list[tuple[int, int]] = []

    async def write(number: int) -> None:
        for turn in range(10):
            current = await stored("GET", "a")
            changed = {**current.body, "spec": {"message": f"{number}-{turn}"}}
            answer = await stored("PUT", "a", changed)
            assert answer.status in (200, 409)
            if answer.status == 200:
                successes.append((current.version, answer.version))

    await asyncio.gather(*[write(number) for number in range(10)])
    before, after = [start for start, _ in successes], [end for _, end in successes]
    assert len(set(before)) == len(before)
    assert len(set(after)) == len(after)
    assert all(start < end for start, end in successes)


async def test_update_identical(stored: Asking) -> None:
    made = await stored.create(message="same")
    assert (await stored("PUT", "a", made.body)).version == made.version


async def test_versions_begin_at_2_where_the_seeds_do() -> None:
    async with serving(manifests(memory(initial_revision=1))) as ask:
        made = await ask.create()
        assert made.version == 2
        assert (await ask("PUT", "a", {**made.body, "spec": {"message": "x"}})).version == 3


async def test_parallel_create_and_watch(stored: Asking) -> None:
    numbers = list(range(120))
    random.Random(7).shuffle(numbers)

    async def create(some: list[int]) -> None:
        for number in some:
            await stored.create(f"m-{number}")

    workers = [asyncio.ensure_future(create(numbers[start::20])) for start in range(20)]
    while not (await stored("GET")).names:
        await asyncio.sleep(0)
    seen: set[str] = set()
    async with stored.watch() as events:
        async for each in events:
            seen.add(each["object"]["metadata"]["name"])
            if len(seen) == len(numbers):
                break
    await asyncio.gather(*workers)
    assert seen == {f"m-{number}" for number in numbers}


async def test_can_restart_watcher_without_draining_results(stored: Asking) -> None:
    for turn in range(5):
        async with stored.watch():
            for number in range(10):
                await stored.create(f"m-{turn}-{number}")
    assert len((await stored("GET")).names) == 50


async def test_a_slow_reader_never_blocks_a_writer(stored: Asking) -> None:
    async with stored.watch() as events:
        for number in range(60):  # more than any window or buffer on the way takes
            await stored.create(f"m-{number}", message="x" * 50_000)
        assert event(await anext(events)) == ("ADDED", "m-0")


async def test_dry_run_is_honoured(stored: Asking) -> None:
    """tilt stores it."""
    assert (await stored("POST", body=manifest(), dryRun="All")).status == 201
    assert (await stored("GET")).names == []
    made = await stored.create()
    await stored("PUT", "a", {**made.body, "spec": {"message": "x"}}, dryRun="All")
    await stored("DELETE", "a", dryRun="All")
    assert (await stored("GET", "a")).body == made.body


async def test_deletecollection_tells_watches_and_minds_finalizers(stored: Asking) -> None:
    """tilt says nothing to anybody, and takes finalizers for none."""
    await stored.create("a")
    await stored.create("b", finalizers=["example.com/mine"])
    version = (await stored("GET")).body["metadata"]["resourceVersion"]
    async with stored.watch(resourceVersion=version) as events:
        assert (await stored("DELETE")).status == 200
        assert [event(await anext(events)) for _ in range(2)] == [("DELETED", "a"), ("MODIFIED", "b")]
    assert (await stored("GET")).names == ["b"]


async def test_lists_come_in_pages(stored: Asking) -> None:
    """tilt ignores limit and continue."""
    for name in ("c", "a", "b"):
        await stored.create(name)
    first = await stored("GET", limit="2")
    second = await stored("GET", limit="2", **{"continue": first.body["metadata"]["continue"]})
    assert first.names + second.names == ["a", "b", "c"]


async def test_preconditions_count(stored: Asking) -> None:
    await stored.create()
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "another"}}
    assert (await stored("DELETE", "a", options)).status == 409


# ---- files


def on_disk(folder: Path) -> ServerBuilder:
    return ServerBuilder().with_conn_provider(MemoryConnProvider()).with_resource_file_storage(Manifest, folder)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_on_disk_layout(tmp_path: Path) -> None:
    path = tmp_path / "data" / GROUP / "manifests" / "a.json"
    async with serving(on_disk(tmp_path / "data")) as ask:
        made = await ask.create(message="hello")
        gone = await ask.create("b")
        await ask("DELETE", "b")
    # The files follow the journal, and are there when the server has ended at the latest.
    assert [mode_of(each) for each in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]
    assert await asyncio.to_thread(os.listdir, path.parent) == ["a.json"]
    text = await asyncio.to_thread(path.read_text)
    kept = json.loads(text)
    assert (kept["apiVersion"], kept["kind"], kept["spec"]) == (API_VERSION, "Manifest", {"message": "hello"})
    assert kept["metadata"]["resourceVersion"] == made.body["metadata"]["resourceVersion"]
    assert text.endswith("}\n")
    async with serving(on_disk(tmp_path / "data")) as ask:
        assert (await ask("GET", "a")).body == made.body
        # tilt begins at 1 again.
        assert (await ask("GET")).version > gone.version
        assert (await ask.create("c")).version > gone.version + 1


async def test_two_resources_in_one_folder_share_it(tmp_path: Path) -> None:
    other = Resource(Manifest, group="other.example.com", version="v1")
    builder = on_disk(tmp_path / "data").with_resource_file_storage(other, str(tmp_path / "data"))
    async with serving(builder) as ask:
        first = await ask.create()
        sent = {**manifest(), "apiVersion": "other.example.com/v1"}
        second = await ask("POST", "/apis/other.example.com/v1/manifests", sent)
        assert second.version == first.version + 1


async def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(ConfigError, match=r"^unable to write data dir: file .*/taken/data: "):
        async with serving(on_disk(tmp_path / "taken" / "data")):
            pass


# ---- watches


async def test_watch_status_update(ask: Asking) -> None:
    made = await ask.create()
    async with ask.watch() as events:
        assert event(await anext(events)) == ("ADDED", "a")
        await ask("PUT", "a/status", {**made.body, "status": {"message": "said"}})
        seen = await anext(events)
        assert event(seen) == ("MODIFIED", "a")
        assert seen["object"]["status"] == {"message": "said"}


async def test_watch_lots_of_servers(ask: Asking) -> None:
    for number in range(20):
        await ask.create(f"m-{number}")
    async with ask.watch() as events:
        first = [event(await anext(events)) for _ in range(20)]
        for number in range(20, 25):
            await ask.create(f"m-{number}")
        later = [event(await anext(events)) for _ in range(5)]
    assert sorted(first) == sorted(("ADDED", f"m-{number}") for number in range(20))
    assert later == [("ADDED", f"m-{number}") for number in range(20, 25)]


async def test_informer_with_watch_list_client_disabled(ask: Asking) -> None:
    await ask.create()
    informer = Informer(ask.client, MANIFESTS, lambda raw: raw)
    running = asyncio.ensure_future(informer.run())
    try:
        await informer.synced.wait()
        assert informer.get("a") is not None
    finally:
        running.cancel()


async def test_informer_with_watch_list_client_enabled(ask: Asking) -> None:
    """tilt refuses with 422, and the informer falls back to a list; here it gets what it asks for."""
    await ask.create()
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    async with ask.watch(**query) as events:
        assert event(await anext(events)) == ("ADDED", "a")
        end = await anext(events)
    assert end["type"] == "BOOKMARK"
    assert end["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_field_that_nobody_can_select_by(ask: Asking) -> None:
    answer = await ask("GET", fieldSelector="spec.x=1")
    assert (answer.status, answer.body["message"]) == (
        400,
        '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
    )


# ---- certificates


def names_of(pem: bytes) -> tuple[list[str], list[str]]:
    from cryptography import x509

    leaf = x509.load_pem_x509_certificates(pem)[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName), [str(each) for each in names.get_values_for_type(x509.IPAddress)]


async def test_without_a_certificate_one_is_made_for_this_machine(ask: Asking) -> None:
    dns, addresses = names_of(ask.running.client_config.ca_data)
    assert (dns, set(addresses)) == (["localhost"], {"127.0.0.1"})


async def test_a_fixture_directory_is_reused_on_the_second_start(tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        builder = manifests().with_cert_key(GeneratableKeyCert(fixture_directory=str(tmp_path)))
        async with serving(builder) as ask:
            await ask.create()
            seen.append(ask.running.client_config.ca_data)
    assert seen[0] == seen[1]
    assert sorted(await asyncio.to_thread(os.listdir, tmp_path)) == [
        "localhost_127.0.0.1-127.0.0.1_.crt",
        "localhost_127.0.0.1-127.0.0.1_.key",
    ]


async def test_a_certificate_directory_needs_a_pair_name(tmp_path: Path) -> None:
    builder = manifests().with_cert_key(GeneratableKeyCert(cert_directory=str(tmp_path), pair_name=""))
    with pytest.raises(ConfigError, match="PairName is required if CertDirectory is set"):
        async with serving(builder):
            pass


async def test_a_certificate_directory_is_reused(tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        builder = manifests().with_cert_key(GeneratableKeyCert(cert_directory=str(tmp_path), pair_name="mine"))
        async with serving(builder) as ask:
            seen.append(ask.running.client_config.ca_data)
        seen.append(await asyncio.to_thread((tmp_path / "mine.crt").read_bytes))
    assert len(set(seen)) == 1


async def test_a_certificate_in_a_directory_is_made_anew_before_it_ends(tmp_path: Path) -> None:
    old = generate_self_signed("localhost", max_age=dt.timedelta(days=29))
    write_pair(old, tmp_path / "mine.crt", tmp_path / "mine.key")
    builder = manifests().with_cert_key(GeneratableKeyCert(cert_directory=str(tmp_path), pair_name="mine"))
    async with serving(builder) as ask:
        assert ask.running.client_config.ca_data != old.certificate_pem
        assert (await ask("GET")).status == 200


async def test_a_pair_that_is_given_is_served(tmp_path: Path) -> None:
    pair = generate_self_signed("manifests.example.com")
    write_pair(pair, tmp_path / "a.crt", tmp_path / "a.key")
    files = GeneratableKeyCert(cert_file=str(tmp_path / "a.crt"), key_file=str(tmp_path / "a.key"))
    for cert_key in (files, GeneratableKeyCert(generated_cert=pair)):
        async with serving(manifests().with_cert_key(cert_key)) as ask:
            # It is for another name than the address, which clients are told to ask for.
            assert ask.running.client_config.tls_server_name == "manifests.example.com"
            assert ask.running.client_config.ca_data == pair.certificate_pem
            assert (await ask("GET")).status == 200


async def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    provider = MemoryConnProvider()
    broken = manifests().with_conn_provider(provider)
    broken.with_cert_key(GeneratableKeyCert(cert_file=str(tmp_path / "no.crt"), key_file=str(tmp_path / "no.key")))
    with pytest.raises(ConfigError, match="no such file or directory"):
        async with serving(broken):
            pass
    async with serving(manifests().with_conn_provider(provider)) as ask:
        await ask.create()


def test_every_engine_is_held_to_this() -> None:
    assert set(STORAGES) >= set(TYPES)


async def test_other_clients_may_bring_their_own_connections(ask: Asking) -> None:
    provider = ask.running.conn_provider
    assert provider is not None
    with provider.dial("tcp", "127.0.0.1:443") as connection:
        assert connection.fileno() >= 0
    assert httpx.URL(ask.running.url).port is None
