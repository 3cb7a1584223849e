"""quantity(), isQuantity() and arithmetic on quantities (library/quantity.go)."""

from collections.abc import Callable
from typing import Any

from genericapiserver.apimachinery.quantity import Quantity, QuantityError
from genericapiserver.cel.library.declaration import VALUE, Function, Overload, function, method, opaque
from genericapiserver.cel.types import Type

QUANTITY = Type.opaque("kubernetes.Quantity")
NANO = 10**9
LARGEST = (1 << 63) - 1

Opaque = dict[str, Any]


def parse(text: str) -> Opaque:
    """A quantity travels as its amount in billionths, so that equal amounts are equal however they were written."""
    try:
        found = Quantity.parse(text)
    except QuantityError as error:
        raise ValueError(str(error)) from None
    return opaque(QUANTITY, str(found.scaled_value(-9)))


def is_quantity(text: str) -> bool:
    try:
        Quantity.parse(text)
    except QuantityError:
        return False
    return True


def amount(value: Opaque) -> int:
    return int(value[VALUE])


def _compare(one: Opaque, other: Opaque) -> int:
    first, second = amount(one), amount(other)
    return (first > second) - (first < second)


def _sign(value: Opaque) -> int:
    return (amount(value) > 0) - (amount(value) < 0)


def is_integer(value: Opaque) -> bool:
    whole, rest = divmod(amount(value), NANO)
    return not rest and abs(whole) <= LARGEST


def as_integer(value: Opaque) -> int:
    if not is_integer(value):
        raise ValueError("cannot convert value to integer")
    return amount(value) // NANO


def _added(sign: int) -> Callable[[Opaque, Opaque | int], Opaque]:
    def call(one: Opaque, other: Opaque | int) -> Opaque:
        second = other * NANO if isinstance(other, int) else amount(other)
        return opaque(QUANTITY, str(amount(one) + sign * second))

    return call


def _arithmetic(name: str, sign: int) -> Function:
    call = _added(sign)
    return method(name, ((QUANTITY, QUANTITY), QUANTITY, call), ((QUANTITY, Type.INT), QUANTITY, call))


QUANTITIES: tuple[Function, ...] = (
    function("quantity", ((Type.STRING,), QUANTITY, parse)),
    function("isQuantity", ((Type.STRING,), Type.BOOL, is_quantity)),
    method("sign", ((QUANTITY,), Type.INT, _sign)),
    method("asApproximateFloat", ((QUANTITY,), Type.DOUBLE, lambda value: amount(value) / NANO)),
    method("asInteger", ((QUANTITY,), Type.INT, as_integer)),
    method("isInteger", ((QUANTITY,), Type.BOOL, is_integer)),
    _arithmetic("add", 1),
    _arithmetic("sub", -1),
)
QUANTITY_ORDER = (
    ("isGreaterThan", Overload((QUANTITY, QUANTITY), Type.BOOL, lambda one, other: _compare(one, other) > 0)),
    ("isLessThan", Overload((QUANTITY, QUANTITY), Type.BOOL, lambda one, other: _compare(one, other) < 0)),
    ("compareTo", Overload((QUANTITY, QUANTITY), Type.INT, _compare)),
)
"""Names that versions share."""
