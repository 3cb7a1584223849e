"""The rows of a SQLite table as objects that can be read, written and deleted."""

import contextlib
import os
import sqlite3
from typing import Any

from genericapiserver.apimachinery.meta import Object, ObjectMeta
from genericapiserver.apimachinery.types import api_type, field
from genericapiserver.builder import Source

FILE = os.environ.get("TASKS_FILE", "tasks.db")


@api_type
class TaskSpec:
    """What is to be done."""

    title: str = field(default="", doc="In a few words.")
    done: bool = field(default=False, doc="Whether it is.")


@api_type
class Task(Object):
    """A row of the table `tasks`."""

    spec: TaskSpec = field(factory=TaskSpec, doc="What is to be done.")


def query(statement: str, *values: Any) -> list[Task]:
    with contextlib.closing(sqlite3.connect(FILE)) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS tasks (name TEXT PRIMARY KEY, title TEXT, done INTEGER)")
        rows = database.execute(statement, values).fetchall()
    return [Task(metadata=ObjectMeta(name=n), spec=TaskSpec(title=title, done=bool(done))) for n, title, done in rows]


def values(task: Task) -> tuple[Any, ...]:
    return task.spec.title, task.spec.done, task.metadata.name


TASKS = Source(
    Task,
    group="todo.example.com",
    version="v1",
    namespaced=False,
    list=lambda: query("SELECT * FROM tasks"),
    get=lambda name: query("SELECT * FROM tasks WHERE name = ?", name)[0],  # IndexError: there is none
    create=lambda task: query("INSERT INTO tasks (title, done, name) VALUES (?, ?, ?) RETURNING *", *values(task))[0],
    update=lambda task: query("UPDATE tasks SET title = ?, done = ? WHERE name = ? RETURNING *", *values(task))[0],
    delete=lambda name: query("DELETE FROM tasks WHERE name = ? RETURNING *", name)[0],
)
