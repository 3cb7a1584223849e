"""How values of API types are compared and shown: made for a type when it is first needed.

attrs writes and compiles both methods for each of hundreds of types when they are declared, which is a sixth of the time
that a server takes to start; few types are ever compared, and hardly any is shown.
"""

from typing import Any

import attrs

from genericapiserver.apimachinery.compiled import compile_function


def add_value_methods(cls: type[Any]) -> None:
    """Give *cls* `__eq__` and `__repr__`, as attrs would, unless it has its own."""
    for name, method in (("__eq__", _equal), ("__repr__", _show)):
        if name not in cls.__dict__:
            setattr(cls, name, method)


def _equal(self: Any, other: Any) -> Any:
    """Stands in for the real method, puts that in its place and leaves the answer to it."""
    cls = self.__class__
    compared = " and ".join(f"self.{field.name} == other.{field.name}" for field in attrs.fields(cls)) or "True"
    body = ["if other.__class__ is not self.__class__:", "    return NotImplemented", f"return {compared}"]
    cls.__eq__ = compile_function("__eq__", "self, other", body, {})
    return cls.__eq__(self, other)


def _show(self: Any) -> str:
    cls = self.__class__
    shown = (f"{field.name}={getattr(self, field.name, attrs.NOTHING)!r}" for field in attrs.fields(cls))
    return f"{cls.__qualname__.rsplit('>.', 1)[-1]}({', '.join(shown)})"
