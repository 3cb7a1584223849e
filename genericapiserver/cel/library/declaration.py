"""How a function of a library is declared.

The library checks types in one environment and runs in another. In the first the types of Kubernetes (kubernetes.Quantity,
net.IP) are opaque; in the second, which cannot carry such values, they are maps with the name of the type at `@type`. So
`quantity("1") + 1` does not compile, and nothing but the functions here ever looks into such a map.
"""

from collections.abc import Callable

import attrs

from genericapiserver.cel.types import Type

TYPE = "@type"
VALUE = "value"


@attrs.frozen
class Overload:
    """One way to call a function. `call` gets plain Python values and raises ValueError for what does not work."""

    parameters: tuple[Type, ...]
    result: Type
    call: Callable[..., object]
    member: bool = True
    """Whether the first parameter stands before the name: `cidr.containsIP(ip)`."""


@attrs.frozen
class Function:
    name: str
    overloads: tuple[Overload, ...]
    extends: bool = False
    """Whether a function of this name exists already, to which overloads on lists or maps are added."""


def opaque(type_: Type, value: object) -> dict[str, object]:
    """A value of an opaque type, as it travels through an expression."""
    return {TYPE: type_.name, VALUE: value}


def method(
    name: str, *overloads: tuple[tuple[Type, ...], Type, Callable[..., object]], extends: bool = False
) -> Function:
    return Function(name, tuple(Overload(*overload) for overload in overloads), extends)


def function(name: str, *overloads: tuple[tuple[Type, ...], Type, Callable[..., object]]) -> Function:
    return Function(name, tuple(Overload(*overload, member=False) for overload in overloads))
