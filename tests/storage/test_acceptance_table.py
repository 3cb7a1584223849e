"""docs/storage-acceptance.md is what the suite would write now."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.storage.acceptance_table import BARE, CACHE, COMMAND, PAGE, Result, disagreements, read, render, row_of

ROOT = Path(__file__).parents[2]
COLLECT = """
import json, pathlib, pytest, sys

class Collected:
    def pytest_collection_finish(self, session):
        found = [value for item in session.items for name, value in item.user_properties if name == "acceptance"]
        pathlib.Path(sys.argv[1]).write_text(json.dumps(found))

options = ["-q", "-n0", "--collect-only", "-p", "no:cacheprovider"]
sys.exit(pytest.main([*options, "tests/storage/test_acceptance.py"], [Collected()]))
"""


def test_the_page_agrees_with_the_suite(tmp_path: Path) -> None:
    found = tmp_path / "rows"
    done = subprocess.run(
        [sys.executable, "-c", COLLECT, found], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    collected = {(row, engine): title for row, title, engine in reversed(json.loads(found.read_text()))}
    assert len(collected) > 2000
    problems = disagreements(PAGE.read_text(), collected)
    assert not problems, f"run `{COMMAND}`: " + "; ".join(problems[:20])


@pytest.mark.parametrize(
    ("test_id", "engine", "row"),
    [
        ("memory-L12", "memory", "L12"),
        ("etcd-cacher-CO-1..4", "etcd-cacher", "CO-1..4"),
        ("sqlite-pods-False-KS-1 lacks resource prefix", "sqlite", "KS-1"),
        ("file-SI future", "file", "SI future"),
        ("file-WA-1-single key", "file", "WA-1"),
        ("file-RP", "file", "RP"),
        ("view-WC-1 cancelled", "view", "WC-1 cancelled"),
    ],
)
def test_a_test_is_about_a_row(test_id: str, engine: str, row: str) -> None:
    assert row_of(test_id, engine) == row


def test_a_page_says_what_was_reported() -> None:
    results = [
        Result("B-1", "what b does", "memory", "yes"),
        Result("B-1", "what b does", "memory", "FAILED"),
        Result("B-1", "what b does", "memory", "yes"),
        Result("A-1", "what a does", "memory", "yes"),
        Result("A-1", "what a does", "memory-cacher", "caches do not"),
    ]
    page = render(results)
    said = read(page)
    assert "2 of 2" not in page
    assert "1 of 2 hold, 1 do not" in page
    assert (said["B-1", "memory"], said["B-1", "memory-cacher"]) == ("FAILED", BARE)
    assert (said["A-1", "memory-cacher"], said["A-1", "sqlite"]) == ("caches do not", CACHE)
    collected = {("A-1", "memory"): "what a does", ("A-1", "memory-cacher"): "another name", ("C-1", "file"): "new"}
    assert disagreements(page, collected) == [
        "A-1: its test is called 'another name' now",
        "B-1 on memory: failed",
        "B-1 on memory: the page has it, the suite does not",
        "C-1 on file: the suite has it, the page does not",
    ]
