"""The library that parses, checks and runs expressions (cel-expr-python), and what has to be known to use it safely.

It is loaded when the first expression is compiled: a server without expressions neither imports nor needs it.
"""

import ctypes
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

import attrs

from genericapiserver.cel.binding import Caller, dispatch, grouped
from genericapiserver.cel.errors import MissingLibraryError
from genericapiserver.cel.library import FUNCTIONS, Function
from genericapiserver.cel.library.declaration import Overload
from genericapiserver.cel.types import Type

SPARE_NONES = 1 << 40


@attrs.frozen
class Engine:
    """The modules of the library. It has no types that mypy can follow across its extension modules, hence the Any."""

    cel: Any
    extensions: tuple[Any, ...]
    caller: Caller
    _runtime: list[Any] = attrs.Factory(list)

    def checker(self, variables: Mapping[str, Type]) -> Any:
        """An environment that checks expressions on these variables, with opaque types and no implementations."""
        declared = [self._declare(function) for function in FUNCTIONS if not function.extends]
        added = self.cel.CelExtension(
            "kubernetes", [self._declare(function) for function in FUNCTIONS if function.extends]
        )
        types = {name: self.type(type_) for name, type_ in variables.items()}
        return self.cel.NewEnv(variables=types, extensions=[*self.extensions, added], functions=declared)

    def runtime(self) -> Any:
        """The environment that runs checked expressions: one for all, since its variables have no types."""
        if not self._runtime:
            functions = [
                self.cel.FunctionDecl(name, [self._bind(f"{name}{at}", member, kinds, overloads)])
                for at, ((name, member, kinds), overloads) in enumerate(grouped(FUNCTIONS).items())
            ]
            library = self.cel.CelExtension("kubernetes", functions)
            self._runtime.append(self.cel.NewEnv(extensions=[*self.extensions, library]))
        return self._runtime[0]

    def _declare(self, function: Function) -> Any:
        overloads = [
            self.cel.Overload(
                f"{function.name}_{at}",
                self.type(overload.result),
                [self.type(parameter) for parameter in overload.parameters],
                overload.member,
            )
            for at, overload in enumerate(function.overloads)
        ]
        return self.cel.FunctionDecl(function.name, overloads)

    def _bind(self, id_: str, member: bool, kinds: tuple[str, ...], overloads: list[Overload]) -> Any:
        parameters = [self._kind(name) for name in kinds]
        return self.cel.Overload(id_, self.cel.Type.DYN, parameters, member, self.caller.wrap(dispatch(overloads)))

    def _kind(self, name: str) -> Any:
        return getattr(self.cel.Type, _KINDS.get(name) or _CONSTANTS[name])

    def type(self, type_: Type) -> Any:
        """The library's own object for a type. An object type is a map whose fields the environment knows."""
        if type_.fields:
            return self.cel.Type.Map(self.cel.Type.STRING, self.cel.Type.DYN)
        if constant := _CONSTANTS.get(type_.name):
            return getattr(self.cel.Type, constant)
        parameters = [self.type(parameter) for parameter in type_.parameters]
        if type_.name == "list":
            return self.cel.Type.List(*parameters)
        if type_.name == "map":
            return self.cel.Type.Map(*parameters)
        return self.cel.Type.AbstractType(type_.name, parameters)


_KINDS = {"list": "LIST", "map": "MAP"}
_CONSTANTS = {
    "bool": "BOOL",
    "int": "INT",
    "uint": "UINT",
    "double": "DOUBLE",
    "string": "STRING",
    "bytes": "BYTES",
    "null_type": "NULL",
    "timestamp": "TIMESTAMP",
    "duration": "DURATION",
    "dyn": "DYN",
}


def require_cel() -> None:
    """Loads the library. Raises MissingLibraryError, which says what to install, when it is not there."""
    engine()


@cache
def engine() -> Engine:
    try:
        from cel_expr_python import cel
        from cel_expr_python.ext import ext_bindings, ext_optional, ext_strings
    except ImportError as error:
        raise MissingLibraryError(
            "CEL expressions are configured but the library that evaluates them is not installed: "
            "pip install genericapiserver[cel]"
        ) from error
    _keep_none(sys.version_info)
    extensions = (ext_optional.ExtOptional(), ext_strings.ExtStrings(2), ext_bindings.ExtBindings())
    return Engine(cel, extensions, Caller(cel))


def _keep_none(version: tuple[int | str, ...]) -> None:
    """Makes None immortal, as it is from Python 3.12 on.

    The library hands out None without counting the reference (CelValueToPyObject), so that each null it converts takes one
    off, and an interpreter that counts references of None ends with "deallocating None" after some thousand of them.
    """
    if version < (3, 12):
        ctypes.c_ssize_t.from_address(id(None)).value += SPARE_NONES
