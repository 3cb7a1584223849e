"""Tables that name everything of a kind do name everything."""

import re
from pathlib import Path

import pytest

from tests.test_layering import ROOT, ROWS

CHECKOUT = Path(__file__).parents[2]


def text(page: str) -> str:
    return (CHECKOUT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted(page.name for page in (CHECKOUT / "docs").glob("*.md")))
def test_the_readme_lists_the_page(page: str) -> None:
    assert f"`docs/{page}`" in text("README.md")


@pytest.mark.parametrize(
    "module",
    sorted(path.stem for path in (CHECKOUT / "benchmarks").glob("*.py") if "__main__" in path.read_text("utf-8")),
)
def test_the_page_on_testing_lists_the_benchmark(module: str) -> None:
    command = "benchmarks" if module == "__main__" else f"benchmarks.{module}"
    assert f"| `{command}` " in text("docs/testing.md")


def test_the_architecture_lists_the_rooms_row_by_row() -> None:
    table = re.findall(r"^\| ([\d, ]+) \| ([^|]+) \|", text("docs/architecture.md"), re.MULTILINE)
    listed: dict[str, int] = {}
    for rows, rooms in table:
        for row, names in zip(rows.split(","), rooms.split(";"), strict=True):
            listed |= {name.strip(): int(row) for name in names.split(",")}
    there = {room: row for room, row in ROWS.items() if room and (ROOT / room).is_dir()}
    assert listed == {**there, "root modules": ROWS[""]}
