"""pyproject.toml lists every package by name, because the sibling rooms cannot be found by a search."""

import re
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


BUILT_ON = {
    "attrs": "attrs",
    "cryptography": "cryptography",
    "h2": "h2",
    "hypercorn": "hypercorn",
    "prometheus-client": "prometheus_client",
    "pyjwt": "jwt",
}
"""The libraries that the project is built on, and what each is imported as."""


@pytest.mark.parametrize("library", BUILT_ON)
def test_what_the_library_is_built_on_comes_with_it_and_is_used(library: str) -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    named = [each for each in lists if any(re.split(r"[\[><=~!;]", line)[0] == library for line in each)]
    assert named == [project["dependencies"]], "a dependency of the library itself, and named once"
    imports = re.compile(rf"^\s*(from|import) {BUILT_ON[library]}\b", re.MULTILINE)
    folders = [CHECKOUT / top for top in ("genericapiserver", *SIBLINGS)]
    modules = (path for folder in folders for path in folder.rglob("*.py"))
    assert any(imports.search(path.read_text(encoding="utf-8")) for path in modules)


@pytest.mark.parametrize("room", SIBLINGS)
def test_each_sibling_room_is_linked_into_the_package(room: str) -> None:
    link = CHECKOUT / "genericapiserver" / room
    assert link.is_symlink()
    assert link.readlink() == Path("..") / room
