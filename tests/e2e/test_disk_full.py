"""A disk without room: the write is refused with an audit ID, reads go on, and nothing acknowledged is lost.

The limit is one on the size of the process's files, which the kernel enforces in the same calls as a full disk would.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.support.https_client import HTTPSClient, Response
from tests.support.server_process import free_port
from tests.support.standalone import FLUNDERS, standalone

ROOM = 2**20
"""Bytes: a new database and its log fit, a hundred of these objects do not."""
MANY = 100

pytestmark = pytest.mark.e2e


def flunder(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"referenceType": "Flunder", "flunderReference": "x" * 20_000}}


def create_until_refused(client: HTTPSClient) -> tuple[list[str], Response]:
    """The names that were acknowledged, and the first answer that was none."""
    acknowledged: list[str] = []
    for number in range(MANY):
        answer = client.request("POST", FLUNDERS, flunder(f"n{number}"))
        if answer.status != 201:
            return acknowledged, answer
        acknowledged.append(f"n{number}")
    raise AssertionError(f"{MANY} objects fit on the disk")


def names(client: HTTPSClient) -> set[str]:
    return {item["metadata"]["name"] for item in client.get(FLUNDERS).json()["items"]}


@pytest.fixture(params=["sqlite", "file"])
def engine(request: pytest.FixtureRequest) -> str:
    """The flag for each engine that keeps objects on a disk."""
    return f"--storage-backend={request.param}"


def test_a_full_disk_costs_only_what_was_never_acknowledged(tmp_path: Path, engine: str) -> None:
    data, port = tmp_path / "data", free_port()
    with standalone(data, port, engine, file_limit=ROOM) as server:
        acknowledged, refused = create_until_refused(server.admin)
        assert len(acknowledged) > 5
        status = refused.json()
        assert (refused.status, status["reason"]) == (500, "InternalError")
        assert "disk" in status["message"]
        assert str(data) not in status["message"], "where the files are is not the client's business"
        assert refused.header("Audit-Id")
        assert str(data / "objects") in server.process.stderr
        assert set(acknowledged) <= names(server.admin)
        # The check of the storage itself depends on whether what it writes still fits, which is little.
        assert server.admin.get("/livez?exclude=etcd").status == 200
        server.process.stop()
    with standalone(data, port, engine) as server:
        assert set(acknowledged) <= names(server.admin)
        assert server.admin.request("POST", FLUNDERS, flunder("later")).status == 201


def test_a_full_disk_and_a_crash_together_lose_nothing(tmp_path: Path, engine: str) -> None:
    data, port = tmp_path / "data", free_port()
    with standalone(data, port, engine, file_limit=ROOM) as server:
        acknowledged, _ = create_until_refused(server.admin)
        deleted = server.admin.request("DELETE", f"{FLUNDERS}/{acknowledged[0]}")
        server.process.kill()
    with standalone(data, port, engine) as server:
        kept = set(acknowledged[1:] if deleted.status == 200 else acknowledged)
        found = names(server.admin)
        assert kept <= found
        assert deleted.status != 200 or acknowledged[0] not in found
