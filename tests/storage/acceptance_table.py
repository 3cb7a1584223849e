"""The table of the acceptance suite in docs/storage-acceptance.md: made by running the suite, and held against it.

A column is an engine, plain or behind a watch cache; a row is a name of the reference's checklist. What a row says in a
column comes from the reports of pytest, so that nothing is in the table that was not run.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs

PAGE = Path(__file__).parents[2] / "docs" / "storage-acceptance.md"
COMMAND = "make acceptance"
COLUMNS = {
    "memory": "memory",
    "memory-cacher": "cached",
    "sqlite": "SQLite",
    "sqlite-cacher": "cached",
    "two-cacher": "shared, cached",
    "file": "files",
    "file-cacher": "cached",
    "etcd": "etcd",
    "etcd-cacher": "cached",
    "view": "view",
    "fork": "fork",
    "fork-cacher": "cached",
    "furnished": "furnished",
}
"""The names of engines in the suite, and how their columns are headed."""
PASSED, FAILED = "yes", "FAILED"
BARE = "the reference runs it on a store without a cache only"
CACHE = "there is nothing like it without a cache"
_ROW = re.compile(r"(?:^|-)((?:[A-Z]+-\d+(?:\.\.\d+)?|L\d+|RP|SI(?= ))(?: (?:cancelled|idle|future|compacted))?)")
_CELL = re.compile(r"yes|FAILED|[a-z]")

_HEAD = """# The acceptance suite of storage

Made by the tests (`{command}`): what they have shown of each engine, by the names that the suite of the reference
is known by here (k8s.io/apiserver `pkg/storage/testing`). `shared` are two engines on one SQLite file, with the writes
through one and the reads through the other; a `fork` is a view over a view, `furnished` one over a store that has other
objects (docs/minkapi.md).

{passed} of {cells} hold, {failed} do not. A letter says why a row does not apply:

{reasons}

"""


@attrs.frozen
class Result:
    """What became of one test: *engine* is a name of `COLUMNS`, *outcome* PASSED, FAILED or why it does not apply."""

    row: str
    title: str
    engine: str
    outcome: str


def row_of(test_id: str, engine: str) -> str:
    """The name in the checklist that a parametrized test is about."""
    found = _ROW.search(test_id.removeprefix(f"{engine}-"))
    if found is None:
        raise ValueError(f"{test_id}: no row of the checklist is named")
    return found[1]


def title_of(function: str) -> str:
    return function.removeprefix("test_").replace("_", " ")


def render(results: Iterable[Result]) -> str:
    """The page. Of several tests of one row each has to pass."""
    titles: dict[str, str] = {}
    cells: dict[tuple[str, str], str] = {}
    for result in results:
        titles.setdefault(result.row, result.title)
        place = result.row, result.engine
        if cells.get(place, PASSED) == PASSED or result.outcome == FAILED:
            cells[place] = result.outcome
    for row in titles:
        bare = not any(engine.endswith("-cacher") for row_, engine in cells if row_ == row)
        for engine in COLUMNS:
            cells.setdefault((row, engine), BARE if bare else CACHE)
    reasons = sorted({outcome for outcome in cells.values() if outcome not in (PASSED, FAILED)})
    letters = {reason: chr(ord("a") + number) for number, reason in enumerate(reasons)}
    outcomes = list(cells.values())
    head = _HEAD.format(
        command=COMMAND,
        passed=outcomes.count(PASSED),
        failed=outcomes.count(FAILED),
        cells=outcomes.count(PASSED) + outcomes.count(FAILED),
        reasons="\n".join(f"- {letter}: {reason}" for reason, letter in letters.items()),
    )
    lines = [f"| name | what | {' | '.join(COLUMNS.values())} |", f"| --- | --- |{' --- |' * len(COLUMNS)}"]
    for row, title in sorted(titles.items(), key=lambda item: _order(item[0])):
        shown = [letters.get(outcome, outcome) for outcome in (cells[row, engine] for engine in COLUMNS)]
        lines.append(f"| {row} | {title} | {' | '.join(shown)} |")
    return head + "\n".join(lines) + "\n"


def read(page: str) -> dict[tuple[str, str], str]:
    """What a page says in each row and column; a letter is given as its reason."""
    reasons = dict(re.findall(r"^- ([a-z]): (.*)$", page, re.MULTILINE))
    found: dict[tuple[str, str], str] = {}
    for line in page.splitlines():
        texts = [text.strip() for text in line.strip("|").split("|")]
        if line.startswith("| ") and texts[0] != "name" and len(texts) == len(COLUMNS) + 2 and "---" not in texts:
            for engine, text in zip(COLUMNS, texts[2:], strict=True):
                if not _CELL.fullmatch(text):
                    raise ValueError(f"{texts[0]}: {text!r} says nothing")
                found[texts[0], engine] = reasons.get(text, text)
    return found


def disagreements(page: str, collected: Mapping[tuple[str, str], str]) -> list[str]:
    """Where *page* is not what running *collected*, titles by row and engine, can have made of it."""
    said = read(page)
    absent = {place for place, outcome in said.items() if outcome in (BARE, CACHE)}
    titles = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|", page, re.MULTILINE))
    problems = [_at(place, "the page has it, the suite does not") for place in said.keys() - collected.keys() - absent]
    problems += [
        _at(place, "the suite has it, the page does not") for place in collected if place not in said or place in absent
    ]
    problems += [_at(place, "failed") for place, outcome in said.items() if outcome == FAILED]
    problems += {
        f"{row}: its test is called {title!r} now"
        for (row, _), title in collected.items()
        if titles.get(row, title) != title
    }
    return sorted(problems)


def _at(place: tuple[str, str], problem: str) -> str:
    return f"{place[0]} on {place[1]}: {problem}"


def _order(row: str) -> tuple[str, int, str]:
    number = re.search(r"\d+", row)
    return re.match(r"[A-Z]+", row)[0], int(number[0]) if number else 0, row  # type: ignore[index]
