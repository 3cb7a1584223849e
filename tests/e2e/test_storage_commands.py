"""A server whose store is lost and restored from a backup that was made while clients wrote."""

import json
import shutil
import subprocess
import sys
import threading
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.support.https_client import HTTPSClient
from tests.support.kubectl import needs_kubectl
from tests.support.server_process import CHECKOUT, eventually, free_port
from tests.support.standalone import FLUNDERS, Standalone, standalone

pytestmark = [pytest.mark.e2e, needs_kubectl]


def command(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "genericapiserver", "storage", *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done
    return done.stdout


def write_until_the_end(client: HTTPSClient, told: dict[str, int]) -> None:
    """Create one object after the other until the server is gone."""
    number = 0
    while True:
        body = {"metadata": {"name": f"n{number}"}, "spec": {}}
        try:
            response = client.request("POST", FLUNDERS, body)
        except (OSError, HTTPException):
            return
        assert response.status == 201
        told[f"n{number}"] = int(response.json()["metadata"]["resourceVersion"])
        number += 1


def back_up_while_writing(server: Standalone, flags: list[str], backup: Path) -> tuple[dict[str, int], dict[str, int]]:
    """What clients were told before the backup began, and in all. The server is killed."""
    told: dict[str, int] = {}
    writer = threading.Thread(target=write_until_the_end, args=(server.admin, told))
    writer.start()
    eventually(lambda: len(told) >= 20, "20 objects")
    before = dict(told)
    command("backup", *flags, "--to", str(backup))
    written = len(told)
    eventually(lambda: len(told) > written, "an object after the backup")
    server.process.kill()
    writer.join()
    return before, told


@pytest.mark.parametrize("engine", ["sqlite", "file"])
def test_a_lost_store_is_restored_and_clients_with_old_versions_list_anew(tmp_path: Path, engine: str) -> None:
    data, port, backup = tmp_path / "data", free_port(), tmp_path / "backup"
    path = data / ("objects" if engine == "file" else "objects.db")
    flags = [f"--storage-backend={engine}", f"--storage-path={path}"]
    with standalone(data, port, f"--storage-backend={engine}") as server:
        assert path.exists()
        before, told = back_up_while_writing(server, flags, backup)
    for each in data.glob(f"{path.name}*"):
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    command("restore", *flags, "--from", str(backup))
    with standalone(data, port, f"--storage-backend={engine}") as server:
        found = server.admin.get(FLUNDERS).json()
        names = {item["metadata"]["name"] for item in found["items"]}
        assert before.keys() <= names <= told.keys()
        assert int(found["metadata"]["resourceVersion"]) > max(told.values())
        created = server.admin.request("POST", FLUNDERS, {"metadata": {"name": "later"}, "spec": {}})
        assert created.status == 201
        assert int(created.json()["metadata"]["resourceVersion"]) > max(told.values()) + 10**5
        for version in (min(told.values()), max(told.values())):
            outcome = server.kubectl.run("get", "--raw", f"{FLUNDERS}?watch=1&resourceVersion={version}")
            said = json.loads(outcome.stdout)
            assert (said["type"], said["object"]["code"]) == ("ERROR", 410), outcome
        assert "no problems" in command("check", *flags)
        server.process.stop()
