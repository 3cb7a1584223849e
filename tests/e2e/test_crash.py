"""A server that is killed while clients write: what it has acknowledged is there when it starts again."""

import json
import threading
from http.client import HTTPException
from pathlib import Path

import attrs
import pytest

from tests.support.https_client import HTTPSClient, send
from tests.support.server_process import eventually, free_port
from tests.support.standalone import FLUNDERS, Standalone, standalone

WRITERS = 6
ENOUGH = 150
"""Acknowledged creates after which the server is killed."""

pytestmark = pytest.mark.e2e


@attrs.define
class Acknowledged:
    """What clients were told: the version and uid of every object by its name."""

    objects: dict[str, tuple[int, str]] = attrs.Factory(dict)


def write_until_the_end(client: HTTPSClient, prefix: str, acknowledged: Acknowledged) -> None:
    """Create one object after the other on one connection, until it breaks."""
    connection = client.connect()
    number = 0
    try:
        while True:
            name = f"{prefix}-{number}"
            body = {"metadata": {"name": name}, "spec": {"referenceType": "Flunder", "flunderReference": name}}
            send(connection, "POST", FLUNDERS, body, ())
            with connection.getresponse() as response:
                created = json.loads(response.read())
                assert response.status == 201, created
            metadata = created["metadata"]
            acknowledged.objects[name] = (int(metadata["resourceVersion"]), metadata["uid"])
            number += 1
    except (OSError, HTTPException):
        return  # the server is gone, which is what this is about
    finally:
        connection.close()


def write_and_kill(server: Standalone, prefix: str, acknowledged: Acknowledged) -> None:
    """Let several clients create at once, and kill the server in the midst of it."""
    client, before = server.admin, len(acknowledged.objects)
    threads = [
        threading.Thread(target=write_until_the_end, args=(client, f"{prefix}-{number}", acknowledged))
        for number in range(WRITERS)
    ]
    for thread in threads:
        thread.start()
    eventually(lambda: len(acknowledged.objects) - before >= ENOUGH, f"{ENOUGH} objects")
    server.process.kill()
    for thread in threads:
        thread.join()


def stored(client: HTTPSClient) -> tuple[int, dict[str, tuple[int, str]]]:
    """The version of the list, and what is in it."""
    found = client.get(FLUNDERS).json()
    metadata = [item["metadata"] for item in found["items"]]
    objects = {each["name"]: (int(each["resourceVersion"]), each["uid"]) for each in metadata}
    return int(found["metadata"]["resourceVersion"]), objects


@pytest.fixture(params=["sqlite", "file"])
def engine(request: pytest.FixtureRequest) -> str:
    """The flag for each engine that survives."""
    return f"--storage-backend={request.param}"


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path: Path, engine: str) -> None:
    data, port, acknowledged = tmp_path / "data", free_port(), Acknowledged()
    for round in ("first", "second"):  # the second starts from a file that a crash has left
        with standalone(data, port, engine) as server:
            write_and_kill(server, round, acknowledged)
    with standalone(data, port, engine) as server:
        version, objects = stored(server.admin)
        assert acknowledged.objects.items() <= objects.items()
        # What was written and not yet told may be there too: at most one object a writer and round.
        assert len(objects) - len(acknowledged.objects) <= 2 * WRITERS
        assert len({version for version, _ in objects.values()}) == len(objects)
        assert version >= max(version for version, _ in objects.values())
        later = server.admin.request("POST", FLUNDERS, {"metadata": {"name": "later"}, "spec": {}})
        assert later.status == 201
        assert int(later.json()["metadata"]["resourceVersion"]) > version
        server.process.stop()


def test_a_watch_goes_on_from_a_version_before_the_crash(tmp_path: Path, engine: str) -> None:
    data, port, acknowledged = tmp_path / "data", free_port(), Acknowledged()
    with standalone(data, port, engine) as server:
        write_and_kill(server, "before", acknowledged)
    first = min(version for version, _ in acknowledged.objects.values())
    missed = {name for name, (version, _) in acknowledged.objects.items() if version > first}
    with (
        standalone(data, port, engine) as server,
        server.admin.stream("GET", f"{FLUNDERS}?watch=1&resourceVersion={first}") as watch,
    ):
        versions = []
        while missed:
            event = json.loads(watch.readline())
            assert event["type"] == "ADDED"
            versions.append(int(event["object"]["metadata"]["resourceVersion"]))
            missed.discard(event["object"]["metadata"]["name"])
        assert versions == sorted(set(versions))
        assert versions[0] > first
