"""pyproject.toml lists every package by name, because the sibling rooms cannot be found by a search."""

import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
SIBLINGS = ("filters", "healthz", "mux", "options", "routes")


def on_disk() -> set[str]:
    found = set()
    for top in ("genericapiserver", *SIBLINGS):
        for init in (CHECKOUT / top).rglob("__init__.py"):
            parts = init.parent.relative_to(CHECKOUT).parts
            found.add(".".join(parts if top == "genericapiserver" else ("genericapiserver", *parts)))
    return found


def test_the_list_of_packages_is_what_lies_on_disk() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(project["tool"]["setuptools"]["packages"]) == on_disk()


@pytest.mark.parametrize("room", SIBLINGS)
def test_each_sibling_room_is_linked_into_the_package(room: str) -> None:
    link = CHECKOUT / "genericapiserver" / room
    assert link.is_symlink()
    assert link.readlink() == Path("..") / room
