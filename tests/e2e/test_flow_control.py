"""Flow control of a server that stands alone: its objects, what follows from them, and many clients at once."""

import asyncio
import copy
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.client import Client, Target, connect, exchange
from benchmarks.fairness import NAME, target
from tests.support.https_client import HTTPSClient
from tests.support.server_process import free_port
from tests.support.standalone import Standalone, standalone

pytestmark = pytest.mark.e2e

GROUP = "/apis/flowcontrol.apiserver.k8s.io/v1"
SCHEMAS, LEVELS = f"{GROUP}/flowschemas", f"{GROUP}/prioritylevelconfigurations"
DEBUG = "/debug/api_priority_and_fairness"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    folder = tmp_path_factory.mktemp("flowcontrol") / "data"
    with standalone(folder, free_port()) as server:
        yield server
        server.process.stop()


@pytest.fixture
def admin(running: Standalone) -> HTTPSClient:
    return running.admin


def a_schema(name: str, level: str, **spec: Any) -> dict[str, Any]:
    rule = {
        "subjects": [{"kind": "Group", "group": {"name": "system:authenticated"}}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    }
    return {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "FlowSchema",
        "metadata": {"name": name},
        "spec": {"priorityLevelConfiguration": {"name": level}, "rules": [rule], **spec},
    }


def a_level(name: str, **limited: Any) -> dict[str, Any]:
    return {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "PriorityLevelConfiguration",
        "metadata": {"name": name},
        "spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {}}, **limited}},
    }


def lower(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


def until(found: Any, wanted: Any) -> None:
    """Ask *found* until it says *wanted*: what follows from an object follows soon."""
    for _ in range(200):
        if found() == wanted:
            return
    assert found() == wanted


def test_the_objects_every_server_starts_with_are_there(admin: HTTPSClient) -> None:
    schemas, levels = admin.get(SCHEMAS).json()["items"], admin.get(LEVELS).json()["items"]
    assert (len(schemas), len(levels)) == (11, 8)
    assert all(item["metadata"]["annotations"]["apf.kubernetes.io/autoupdate-spec"] == "true" for item in schemas)
    shares = {
        item["metadata"]["name"]: item["spec"].get("limited", {}).get("nominalConcurrencyShares") for item in levels
    }
    assert shares["workload-low"] == 100


def test_answers_carry_the_uids_of_the_stored_objects(admin: HTTPSClient) -> None:
    schema, level = (admin.get(f"{path}/exempt").json()["metadata"]["uid"] for path in (SCHEMAS, LEVELS))

    def uids() -> tuple[str, ...]:
        headers = lower(admin.get("/version").headers)
        return tuple(headers[f"x-kubernetes-pf-{name}-uid"] for name in ("flowschema", "prioritylevel"))

    until(uids, (schema, level))


def test_defaults_are_set_and_status_belongs_to_its_own_path(admin: HTTPSClient) -> None:
    made = admin.request("POST", LEVELS, a_level("plain")).json()
    assert made["spec"]["limited"] == {
        "nominalConcurrencyShares": 30,
        "limitResponse": {"type": "Queue", "queuing": {"queues": 64, "handSize": 8, "queueLengthLimit": 50}},
        "lendablePercent": 0,
    }
    schema = admin.request("POST", SCHEMAS, a_schema("plain", "plain")).json()
    assert schema["spec"]["matchingPrecedence"] == 1000
    admin.request("DELETE", f"{SCHEMAS}/plain")
    admin.request("DELETE", f"{LEVELS}/plain")


@pytest.mark.parametrize(
    ("path", "change", "text"),
    [
        (f"{SCHEMAS}/exempt", {"matchingPrecedence": 2}, "spec of 'exempt' must equal the fixed value"),
        (f"{LEVELS}/catch-all", {"limited": {"nominalConcurrencyShares": 6, "limitResponse": {"type": "Reject"}}},
         "spec of 'catch-all' must equal the fixed value"),
        (f"{LEVELS}/exempt", {"exempt": {"lendablePercent": 101}}, "must be between 0 and 100, inclusive"),
        (f"{SCHEMAS}/probes", {"matchingPrecedence": 10001}, "must not be greater than 10000"),
    ],
)  # fmt: skip
def test_what_may_not_be_is_refused(admin: HTTPSClient, path: str, change: dict[str, Any], text: str) -> None:
    found = admin.get(path).json()
    found["spec"].update(change)
    answer = admin.request("PUT", path, found)
    assert answer.status == 422
    assert text in answer.json()["message"]


def test_the_exempt_levels_part_in_lending_is_the_operators(admin: HTTPSClient) -> None:
    found = admin.get(f"{LEVELS}/exempt").json()
    found["spec"]["exempt"] = {"nominalConcurrencyShares": 10, "lendablePercent": 50}
    assert admin.request("PUT", f"{LEVELS}/exempt", found).status == 200


def test_a_schema_without_its_level_dangles_until_the_level_comes(admin: HTTPSClient) -> None:
    assert admin.request("POST", SCHEMAS, a_schema("late", "late")).status == 201

    def dangling() -> str:
        conditions = admin.get(f"{SCHEMAS}/late").json()["status"].get("conditions", [])
        return conditions[0]["status"] if conditions else ""

    until(dangling, "True")
    assert admin.request("POST", LEVELS, a_level("late")).status == 201
    until(dangling, "False")
    fields = admin.get(f"{SCHEMAS}/late").json()["metadata"]["managedFields"]
    assert "api-priority-and-fairness-config-consumer-v1" in {entry["manager"] for entry in fields}
    admin.request("DELETE", f"{SCHEMAS}/late")
    admin.request("DELETE", f"{LEVELS}/late")


def test_the_tables_and_the_metrics_show_what_goes_on(admin: HTTPSClient) -> None:
    table = admin.get(f"{DEBUG}/dump_priority_levels")
    assert lower(table.headers)["content-type"] == "text/plain; charset=utf-8"
    lines = table.body.decode().splitlines()
    assert lines[0].startswith("PriorityLevelName, ActiveQueues, IsIdle,")
    assert len(admin.get(f"{DEBUG}/dump_queues").body.splitlines()) > 500
    requests = admin.get(f"{DEBUG}/dump_requests?includeRequestDetails=yes").body.decode()
    assert f"{DEBUG}/dump_requests" in requests
    metrics = admin.get("/metrics").body.decode()
    assert 'apiserver_flowcontrol_nominal_limit_seats{priority_level="workload-low"}' in metrics


def test_kubectl_prints_both_kinds(running: Standalone) -> None:
    schemas = running.kubectl.run("get", "flowschemas").stdout
    assert schemas.split()[:6] == [
        "NAME",
        "PRIORITYLEVEL",
        "MATCHINGPRECEDENCE",
        "DISTINGUISHERMETHOD",
        "AGE",
        "MISSINGPL",
    ]


def test_many_greedy_clients_and_a_modest_one_all_get_on(tmp_path: Path) -> None:
    """Real TLS and HTTP/2, few seats: everybody is answered, and nobody of the greedy gets much less than another."""
    flags = ("--max-requests-inflight=4", "--max-mutating-requests-inflight=2")
    port = free_port()
    with standalone(tmp_path / "data", port, *flags) as server:
        served, modest = asyncio.run(crowd(tmp_path / "data", port))
        assert modest == [403] * 20
        assert min(served.values()) > 0
        assert min(served.values()) * 4 >= max(served.values()), served
        levels = server.admin.get(f"{DEBUG}/dump_priority_levels").body.decode()
        assert "global-default" in levels
        server.process.stop()


async def crowd(folder: Path, port: int) -> tuple[dict[str, int], list[int]]:
    """How many answers each greedy client has got when the modest one has got twenty, and what the modest one got.

    Nobody may read anything there, but who may is asked behind flow control.
    """
    served: dict[str, int] = {}
    ended = False

    async def one(client: Client, who: Target) -> int:
        path = f"/apis/wardle.example.com/v1beta1/namespaces/default/flunders/{NAME}"
        return await exchange(client, who.headers("GET", path, "application/json"))

    async def greed(client: Client, who: Target, name: str) -> None:
        while not ended:
            assert await one(client, who) in (403, 429)
            served[name] = served.get(name, 0) + 1

    names = [f"greedy-{at}" for at in range(5) for _ in range(2)]
    whos = [target(folder, port, name) for name in names]
    clients = [await connect(who) for who in whos]
    who = target(folder, port, "modest")
    client = await connect(who)
    # All are connected before the first begins: nobody is ahead by the time that the others' handshakes take.
    tasks = [
        asyncio.ensure_future(greed(each, whos[at], names[at])) for at, each in enumerate(clients) for _ in range(10)
    ]
    modest = [await one(client, who) for _ in range(20)]
    while len(served) < 5:
        await one(client, who)
    found = copy.copy(served)
    ended = True
    await asyncio.gather(*tasks)
    for each in (*clients, client):
        each.close()
    for _ in range(3):
        await asyncio.sleep(0)
    return found, modest
