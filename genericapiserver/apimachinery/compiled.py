"""Functions made from text, one per API type: the way that attrs makes `__init__`.

A function that names each field costs a fraction of a loop over descriptions. The text is made from the declarations of
types in this process only, never from data.
"""

import linecache
from collections.abc import Callable, Sequence
from typing import Any


def compile_function(name: str, signature: str, body: Sequence[str], namespace: dict[str, Any]) -> Callable[..., Any]:
    """Define `def <name>(<signature>):` with the lines of *body* (indented by hand) in *namespace*, and return it."""
    source = "\n".join([f"def {name}({signature}):", *(f"    {line}" for line in body), ""])
    filename = f"<compiled {name} #{len(linecache.cache)}>"
    exec(compile(source, filename, "exec"), namespace)  # noqa: S102 (see the head of this module)
    # So that tracebacks and debuggers can show the lines.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    function: Callable[..., Any] = namespace[name]
    return function
