"""How the engine is loaded and used: lazily, without losing memory, by several threads."""

import builtins
import gc
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from genericapiserver.cel import Environment, EvaluationError, MissingLibraryError, Type, require_cel
from genericapiserver.cel import engine as engine_module


def test_importing_the_room_does_not_load_the_library() -> None:
    code = "import sys, genericapiserver.cel; sys.exit('cel_expr_python' in sys.modules or 're2' in sys.modules)"
    paths = ":".join(entry for entry in sys.path if entry)
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": paths}, check=False).returncode == 0


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("cel_expr_python"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    engine_module.engine.cache_clear()
    try:
        with pytest.raises(MissingLibraryError, match=r"pip install genericapiserver\[cel\]"):
            require_cel()
    finally:
        engine_module.engine.cache_clear()


def test_calling_functions_loses_no_memory() -> None:
    program = Environment({"object": Type.DYN}).compile("[object].indexOf(object) + url(object).getQuery().size()")

    def tuples() -> int:
        gc.collect()
        return sum(type(item) is tuple for item in gc.get_objects())

    program.evaluate({"object": "http://example.com/?a=b"})
    before = tuples()
    for _ in range(200):
        program.evaluate({"object": "http://example.com/?a=b"})
    assert tuples() - before < 100


def test_failing_functions_lose_no_memory_and_keep_their_texts() -> None:
    program = Environment({"object": Type.DYN}).compile("quantity(object).sign()")
    for text in ("a", "b%s{}\u00e9"):
        with pytest.raises(EvaluationError, match="quantities must match"):
            program.evaluate({"object": text})


def test_threads_share_a_program() -> None:
    program = Environment({"object": Type.DYN}).compile(
        "object.all(x, quantity(x).isGreaterThan(quantity('0'))) && object.map(x, x).indexOf('3') == 2"
    )
    values = {"object": [str(number) for number in range(1, 50)]}
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: program.evaluate(values), range(400)))
