"""The examples over CSV files and a SQLite table, run as their page says and used with kubectl."""

import shutil
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.support.kubectl import Kubectl, needs_kubectl
from tests.support.server_process import CHECKOUT, eventually, free_port
from tests.support.standalone import Standalone, ended, standalone

STOCK = CHECKOUT / "examples" / "csv_files" / "stock.py"
TASKS = CHECKOUT / "examples" / "sqlite_tables" / "tasks.py"
LONGEST = 40
"""Lines of code that an example may have."""
TASK = '{"apiVersion": "todo.example.com/v1", "kind": "Task", "metadata": {"name": "%s"}, "spec": {"title": "%s"}}'

pytestmark = [pytest.mark.e2e, needs_kubectl]


@attrs.frozen
class Example:
    server: Standalone
    data: Path
    """The folder of CSV files, or the database."""

    @property
    def kubectl(self) -> Kubectl:
        return self.server.kubectl


def run(example: Path, folder: Path, variable: str, data: Path) -> Iterator[Example]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(variable, str(data))
        program = ["serve", str(example)]
        with standalone(folder / "data", free_port(), module="genericapiserver", before=program) as server:
            yield Example(server, data)
            server.process.signal(signal.SIGTERM)
            assert server.process.wait() == 0


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    folder = tmp_path_factory.mktemp("stock")
    shutil.copytree(STOCK.with_name("stock"), folder / "stock")
    yield from run(STOCK, folder, "STOCK_FOLDER", folder / "stock")


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    folder = tmp_path_factory.mktemp("tasks")
    yield from run(TASKS, folder, "TASKS_FILE", folder / "tasks.db")


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


@pytest.mark.parametrize("example", [STOCK, TASKS], ids=["csv", "sqlite"])
def test_an_example_is_short(example: Path) -> None:
    code = [line for line in example.read_text("utf-8").splitlines() if line.strip() and not line.startswith('"""')]
    assert len(code) <= LONGEST + 10  # of which ten are imports


def test_what_can_only_be_read_is_not_applied(stock: Example) -> None:
    """And the answer is the server's, not that of a client that finds no description of the kind."""
    printed = stock.kubectl("get", "items", "apples", "-n", "berlin", "-o", "yaml")
    refused = stock.kubectl.run("apply", "-f", "-", stdin=printed)
    assert refused.status == 1
    assert "the server does not allow this method on the requested resource" in refused.stderr


def test_rows_are_objects(stock: Example) -> None:
    assert lines(stock.kubectl("get", "items", "-A")) == [
        ["NAMESPACE", "NAME", "AMOUNT"],
        ["berlin", "apples", "12"],
        ["berlin", "leeks", "40"],
        ["berlin", "pears", "3"],
        ["default", "apples", "5"],
    ]
    assert lines(stock.kubectl("get", "item", "apples", "-o", "wide"))[1] == ["apples", "5", "attic"]


def test_rows_are_selected_by_labels_and_fields(stock: Example) -> None:
    names = ("get", "items", "-n", "berlin", "-o", "name")
    assert stock.kubectl(*names, "-l", "kind=vegetable") == "item.stock.example.com/leeks\n"
    assert stock.kubectl(*names, "--field-selector=spec.place=shed") == "item.stock.example.com/leeks\n"
    assert stock.kubectl(*names, "--chunk-size=1").count("\n") == 3


def test_rows_are_described(stock: Example) -> None:
    described = stock.kubectl("describe", "item", "pears", "-n", "berlin")
    assert "Labels:       kind=fruit" in described
    assert "Amount:  3" in described
    assert "What there is of an item." in stock.kubectl("explain", "item.spec")


def test_only_reading_is_served_where_there_are_no_functions_to_write(stock: Example) -> None:
    resources = lines(stock.kubectl("api-resources", "--api-group=stock.example.com", "-o", "wide", "--no-headers"))
    assert resources[0][-1] == "get,list,watch"
    refused = stock.kubectl.run("delete", "item", "apples")
    assert (refused.status, "not allow this method" in refused.stderr) == (1, True)


def test_an_edit_of_a_file_shows_in_a_watch(stock: Example, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    watch = stock.kubectl.start("get", "items", "-n", "paris", "-w", "--output-watch-events", output=seen)
    with ended(watch):
        head = "name,kind,amount,place\n"
        for row, event in (
            ("plums,fruit,1,bin\n", "ADDED"),
            ("plums,fruit,2,bin\n", "MODIFIED"),
            ("", "DELETED"),
        ):
            edited = stock.data / "paris.new"
            edited.write_text(head + row)
            edited.rename(stock.data / "paris.csv")
            eventually(lambda event=event: event in seen.read_text(), f"{event} in the watch")  # type: ignore[misc]
    found = [line.split() for line in seen.read_text().splitlines()]
    assert [line[0] for line in found if line[0] != "EVENT"] == ["ADDED", "MODIFIED", "DELETED"]


def test_a_file_that_cannot_be_read_fails_with_a_hint_and_no_more(stock: Example) -> None:
    broken = stock.data / "broken.csv"
    broken.write_text("name,kind,amount,place\nnuts,fruit,many,bag\n")
    try:
        outcome = stock.kubectl.run("get", "items")
    finally:
        broken.unlink()
    assert outcome.status == 1
    assert "the source of items.stock.example.com failed in list(); the server's log says why" in outcome.stderr
    assert "invalid literal for int() with base 10: 'many'" in stock.server.process.stderr
    assert "many" not in outcome.stderr


def test_a_table_is_written_through_kubectl(tasks: Example) -> None:
    kubectl = tasks.kubectl
    assert kubectl("apply", "-f", "-", stdin=TASK % ("dishes", "wash up")) == "task.todo.example.com/dishes created\n"
    kubectl("apply", "-f", "-", stdin=TASK % ("dishes", "wash and dry"))
    with sqlite3.connect(tasks.data) as database:
        assert database.execute("SELECT title FROM tasks").fetchall() == [("wash and dry",)]
        database.execute("UPDATE tasks SET done = 1")
    assert kubectl("get", "task", "dishes", "-o", "jsonpath={.spec.done}") == "true"
    kubectl("label", "task", "dishes", "room=kitchen")
    kubectl("patch", "task", "dishes", "--type=merge", "-p", '{"spec": {"done": false}}')
    assert lines(kubectl("get", "tasks", "-l", "room=kitchen", "--show-labels"))[1][-1] == "room=kitchen"
    kubectl("delete", "task", "dishes")
    with sqlite3.connect(tasks.data) as database:
        assert database.execute("SELECT * FROM tasks").fetchall() == []


def test_server_side_apply_knows_who_manages_what(tasks: Example) -> None:
    kubectl = tasks.kubectl
    apply = ("apply", "--server-side", "-f", "-")
    kubectl(*apply, "--field-manager=me", stdin=TASK % ("beds", "make them"))
    refused = kubectl.run(*apply, "--field-manager=you", stdin=TASK % ("beds", "leave them"))
    assert refused.status == 1
    assert 'conflict with "me": .spec.title' in refused.stderr
    kubectl(*apply, "--field-manager=you", "--force-conflicts", stdin=TASK % ("beds", "leave them"))
    with sqlite3.connect(tasks.data) as database:
        assert database.execute("SELECT title FROM tasks WHERE name = 'beds'").fetchall() == [("leave them",)]


def test_a_dry_run_leaves_the_table_alone(tasks: Example) -> None:
    tasks.kubectl("create", "--dry-run=server", "-f", "-", stdin=TASK % ("floor", "sweep"))
    with sqlite3.connect(tasks.data) as database:
        assert database.execute("SELECT * FROM tasks WHERE name = 'floor'").fetchall() == []


def test_a_stale_replace_is_a_conflict(tasks: Example) -> None:
    kubectl = tasks.kubectl
    kubectl("create", "-f", "-", stdin=TASK % ("windows", "clean"))
    stale = kubectl("get", "task", "windows", "-o", "json")
    with sqlite3.connect(tasks.data) as database:
        database.execute("UPDATE tasks SET title = 'break' WHERE name = 'windows'")
    refused = kubectl.run("replace", "-f", "-", stdin=stale)
    assert (refused.status, "the object has been modified" in refused.stderr) == (1, True)
