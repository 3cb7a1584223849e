"""What the documentation shows is so: its programs and commands run, its imports exist, its YAML is what it says it is.

How blocks are marked is said in docs/testing.md. Every page below docs/ is found, and the README.
"""

from __future__ import annotations

import ast
import importlib
import re
import textwrap
from pathlib import Path

import pytest

from tests.docs.kinds import decode, documents
from tests.docs.pages import Block, blocks_of, page_names
from tests.docs.session import Session, missing_commands, steps_of

PAGES = {page: blocks_of(page) for page in page_names()}
OURS = ("genericapiserver", "examples")
PROGRAM = re.compile(r"^if __name__ == |^(?:asyncio|sys\.exit|raise SystemExit).*\(", re.MULTILINE)


def blocks(*languages: str) -> list[object]:
    """Parameters: the blocks in *languages* that are to be looked at."""
    found = [block for page in PAGES.values() for block in page if block.language in languages]
    return [pytest.param(block, id=block.place) for block in found if "no-check" not in block.marks]


@pytest.mark.parametrize("block", blocks("python"))
def test_python_compiles_and_what_it_imports_of_the_library_exists(block: Block) -> None:
    tree = compile(textwrap.dedent(block.text), block.place, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS:
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in OURS:
                    importlib.import_module(alias.name)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_yaml_decodes_as_the_kind_that_it_names(block: Block) -> None:
    page = PAGES[block.page]
    programs = [(one.file, one.text) for one in page if one.language == "python" and one.file]
    for document in documents(block.text):
        decode(document, programs)


@pytest.mark.parametrize("block", blocks("python", "console", "sh"))
def test_whether_it_is_run_is_said(block: Block) -> None:
    if block.is_shell:
        words = {step.words[0] for step in steps_of(block) if step.words}
        complete = bool(words & {"kubectl", "genericapiserver"})
    else:
        complete = PROGRAM.search(block.text) is not None and not block.file
    assert not complete or block.marks & {"run", "no-run"}, (
        f"{block.place} could be run: mark it ```{block.language} run, or no-run when it needs what a test has not"
    )


@pytest.mark.e2e
@pytest.mark.parametrize("page", [page for page, found in PAGES.items() if any(block.is_run for block in found)])
def test_what_is_marked_runs(page: str, tmp_path: Path) -> None:
    if missing := missing_commands(PAGES[page]):
        pytest.skip(f"not on PATH: {', '.join(missing)}")
    session = Session(tmp_path, PAGES[page])
    try:
        for block in PAGES[page]:
            session.perform(block)
    finally:
        session.close()
