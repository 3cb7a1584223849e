"""The functions of the libraries as the engine wants them: declared for its checker, bound for its runtime.

The runtime finds a function by its name, whether it is a member, and the kinds of its arguments, and knows no opaque types:
overloads that differ only in those (or in the elements of a list) become one function here, which looks at the values.
"""

import ctypes
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from genericapiserver.cel.library.declaration import TYPE, Function, Overload
from genericapiserver.cel.types import Type

KINDS = {"bool", "int", "uint", "double", "string", "bytes", "list", "map", "dyn"}
Key = tuple[str, bool, tuple[str, ...]]


def kind(type_: Type) -> str:
    """The kind of a type at run time; opaque values travel as maps."""
    return type_.name if type_.name in KINDS else "map"


def grouped(functions: Iterable[Function]) -> dict[Key, list[Overload]]:
    found: dict[Key, list[Overload]] = {}
    for function in functions:
        for overload in function.overloads:
            key = (function.name, overload.member, tuple(map(kind, overload.parameters)))
            found.setdefault(key, []).append(overload)
    return found


def dispatch(overloads: Sequence[Overload]) -> Callable[..., object]:
    """One function for overloads that the runtime cannot tell apart."""
    calls = {overload.call for overload in overloads}
    opaque = {overload.parameters[0].name: overload.call for overload in overloads if overload.parameters}
    if len(overloads) > 1 and len(calls) > 1:
        return lambda *values: _by_type(opaque, values)
    overload = overloads[0]
    names = [
        None if kind(type_) != "map" or type_.name == "map" else {each.parameters[at].name for each in overloads}
        for at, type_ in enumerate(overload.parameters)
    ]
    return _checked(overload.call, names) if any(names) else overload.call


def _by_type(calls: dict[str, Callable[..., object]], values: tuple[Any, ...]) -> object:
    name = values[0].get(TYPE)
    if name not in calls or any(isinstance(value, dict) and value.get(TYPE) != name for value in values):
        raise ValueError("no such overload")
    return calls[name](*values)


def _checked(call: Callable[..., object], names: list[set[str] | None]) -> Callable[..., object]:
    """Refuses maps of the user, which a `dyn` can bring to where an opaque value belongs."""

    def checked(*values: Any) -> object:
        for value, allowed in zip(values, names, strict=True):
            if allowed is not None and value.get(TYPE) not in allowed:
                raise ValueError("no such overload")
        return call(*values)

    return checked


class MethodDefinition(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("method", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    )


METH_VARARGS = 1


class Failure:
    """What a function that failed hands to the engine, where no exception can.

    The engine takes it for a number, because its first `__index__` succeeds, and then gets the error of the second.
    """

    __slots__ = ("_asked", "_text")

    def __init__(self, error: Exception) -> None:
        self._asked = False
        self._text = str(error) or type(error).__name__

    def __index__(self) -> int:
        if self._asked:
            raise ValueError(self._text)
        self._asked = True
        return 0


class _Kept(threading.local):
    """The objects that the evaluation of this thread is to give back."""

    def __init__(self) -> None:
        self.values: list[object] = []


class Caller:
    """Makes functions that the engine can call without losing memory.

    The engine (cel-expr-python 0.1.3, PyCelFunctionAdapter::Invoke) never gives back the tuple of arguments that it builds
    for a call, nor the result: some hundred bytes a call, for as long as the server runs. A function written in C is handed
    that very tuple, so one is made here (through ctypes) that remembers tuple and result, and `release` gives both back when
    the evaluation is over. A probe decides whether the engine at hand needs that; with one that does not, functions are
    bound as they are.
    """

    def __init__(self, cel: Any) -> None:
        self.needed = leaks(cel)
        self._functions: list[object] = []
        self._kept = _Kept()
        self._prototype = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.py_object)
        self._make = ctypes.pythonapi.PyCMethod_New
        self._make.restype = ctypes.py_object
        self._make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p]

    def wrap(self, call: Callable[..., object]) -> Any:
        """`call` as the engine shall have it. It lives as long as this Caller."""
        if not self.needed:
            return call
        kept = self._kept

        def invoke(_: object, arguments: tuple[object, ...]) -> object:
            kept.values.append(arguments)
            try:
                result = call(*arguments)
            except Exception as error:  # noqa: BLE001  None can cross ctypes; every one becomes an error value.
                result = Failure(error)
            kept.values.append(result)
            return result

        function = self._prototype(invoke)
        definition = MethodDefinition(b"function", ctypes.cast(function, ctypes.c_void_p), METH_VARARGS, None)
        self._functions.append((function, definition))
        return self._make(ctypes.addressof(definition), self._functions, None, None)

    def release(self) -> None:
        """Gives back what the engine kept during the evaluation that has ended in this thread."""
        values = self._kept.values
        while values:
            ctypes.pythonapi.Py_DecRef(ctypes.py_object(values.pop()))


HELD_BY_THE_PROBE = 2
"""References to the argument of the probe when the engine keeps none: the list's, and getrefcount's own."""


def leaks(cel: Any) -> bool:
    """Whether the engine keeps the arguments of a call forever."""
    seen: list[object] = []

    def look(value: object) -> bool:
        seen.append(value)
        return True

    dyn = cel.Type.DYN
    probe = cel.CelExtension("probe", [cel.FunctionDecl("probe", [cel.Overload("probe", dyn, [dyn], False, look)])])
    cel.NewEnv(extensions=[probe]).compile("probe([1])").eval()
    del look
    return sys.getrefcount(seen[0]) > HELD_BY_THE_PROBE
