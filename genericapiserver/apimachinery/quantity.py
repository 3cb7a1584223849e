"""Exact amounts with a suffix: `500m`, `1Gi`, `12e6` (k8s.io/apimachinery pkg/api/resource).

    [+-]?(digits[.digits?]|.digits)suffix       suffix: Ki Mi Gi Ti Pi Ei | n u m "" k M G T P E | [eE][+-]?digits

A quantity remembers which family of suffixes it was written in. Text that already looks canonical is written as it was
read; everything else is written in its canonical form: the largest suffix of the family with a whole number before it.
Amounts are mantissa * 10**exponent with unbounded integers, so nothing is rounded but what is finer than 1n.
"""

import decimal
import enum
import functools
import re

_SPLIT = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_PARTS = re.compile(r"([+-]?)(0*)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)")
_EXPONENT = re.compile(r"[eE][+-]?[0-9]+")

_BINARY_SUFFIXES = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIXES = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_BY_EXPONENT = {exponent: suffix for suffix, exponent in _DECIMAL_SUFFIXES.items()}
_BINARY_BY_POWER = dict(enumerate(["", *_BINARY_SUFFIXES]))

_NANO = -9
_MAX_INT64 = (1 << 63) - 1
# int() of a longer text takes quadratic time; Go has no such limit, and no use for such numbers either.
_MAX_DIGITS = 4000


class QuantityError(ValueError):
    """A text that is no quantity."""


class QuantityFormat(enum.StrEnum):
    """The family of suffixes that a quantity is written in."""

    DECIMAL_EXPONENT = "DecimalExponent"
    BINARY_SI = "BinarySI"
    DECIMAL_SI = "DecimalSI"


@functools.total_ordering
class Quantity:
    """An amount. Immutable, hashable, ordered; equal when the amounts are equal, however they are written."""

    __slots__ = ("_exponent", "_mantissa", "_text", "format")

    _mantissa: int
    _exponent: int
    _text: str | None
    format: QuantityFormat

    def __init__(
        self, amount: int | decimal.Decimal = 0, *, format: QuantityFormat = QuantityFormat.DECIMAL_SI
    ) -> None:
        """The quantity of *amount*; what is finer than 1n is rounded away from zero. `Quantity.parse` reads texts."""
        mantissa, exponent = (amount, 0) if isinstance(amount, int) else _from_decimal(amount)
        self._set(*_round_up_to_nano(mantissa, exponent), format, None)

    def _set(self, mantissa: int, exponent: int, format: QuantityFormat, text: str | None) -> None:
        self._mantissa = mantissa
        self._exponent = exponent
        self.format = format
        self._text = text

    @classmethod
    def _make(cls, mantissa: int, exponent: int, format: QuantityFormat, text: str | None = None) -> "Quantity":
        quantity = object.__new__(cls)
        quantity._set(mantissa, exponent, format, text)
        return quantity

    @classmethod
    def parse(cls, text: str) -> "Quantity":
        """Read *text* as resource.ParseQuantity does. Raises QuantityError with Go's text."""
        match = _PARTS.fullmatch(text)
        if not text or match is None:
            raise QuantityError(f"quantities must match the regular expression '{_SPLIT}'")
        sign, zeros, whole, fraction, suffix = match.groups()
        base, exponent, format = _interpret_suffix(suffix)
        fraction = fraction or ""
        digits = (whole or "0") + fraction
        if len(digits) > _MAX_DIGITS:
            raise QuantityError("unable to parse numeric part of quantity")
        value = int(digits)
        negative = sign == "-"
        if base == 10:
            mantissa = -value if negative else value
            exponent -= len(fraction)
            if len(digits) <= 18 and exponent >= _NANO:
                keep = exponent % 3 == 0 and not digits.endswith("000") and digits[0] != "0"
                return cls._make(mantissa, exponent, format, text if keep else None)
        else:
            # Go's own estimate (in float32) of how many digits fit beside the binary suffix.
            room = 14 - len(whole or "0") - exponent * 3 // 10
            scaled = value << exponent
            if not fraction and room >= 0 and scaled <= _MAX_INT64:
                mantissa = -scaled if negative else scaled
                return cls._make(mantissa, 0, format, text if value % 8 else None)
            mantissa, exponent = -scaled if negative else scaled, -len(fraction)
        if not (zeros or whole or fraction):
            raise QuantityError("unable to parse numeric part of quantity")
        mantissa, exponent = _round_up_to_nano(mantissa, exponent)
        if format is QuantityFormat.BINARY_SI:
            size = abs(mantissa)
            if size > _MAX_INT64 * 10**-exponent:
                mantissa, exponent = (-_MAX_INT64 if negative else _MAX_INT64), 0
            elif 0 < size < 10**-exponent:
                format = QuantityFormat.DECIMAL_SI
        return cls._make(mantissa, exponent, format)

    @property
    def is_zero(self) -> bool:
        return self._mantissa == 0

    @property
    def value(self) -> int:
        """The whole units, rounded away from zero."""
        return self.scaled_value(0)

    @property
    def milli_value(self) -> int:
        """The thousandths, rounded away from zero."""
        return self.scaled_value(-3)

    def scaled_value(self, exponent: int) -> int:
        """How many times 10**exponent this is, rounded away from zero."""
        shift = self._exponent - exponent
        if shift >= 0:
            return self._mantissa * int(10**shift)
        return _divide_away_from_zero(self._mantissa, -shift)

    def as_decimal(self) -> decimal.Decimal:
        """The exact amount."""
        sign = 1 if self._mantissa < 0 else 0
        return decimal.Decimal((sign, tuple(map(int, str(abs(self._mantissa)))), self._exponent))

    def __str__(self) -> str:
        if self._text is None:
            self._text = self._canonical_text()
        return self._text

    def __repr__(self) -> str:
        return f"Quantity.parse({str(self)!r})"

    def _canonical_text(self) -> str:
        mantissa, exponent = _normalize(self._mantissa, self._exponent)
        if not mantissa:
            return "0"
        # Binary amounts below 1024, and broken ones, are shown as decimals rather than rounded.
        if self.format is QuantityFormat.BINARY_SI and exponent >= 0 and abs(mantissa) * 10**exponent >= 1024:
            mantissa *= 10**exponent
            power = 0
            while mantissa % 1024 == 0:
                mantissa //= 1024
                power += 1
            # Beyond Ei there is no suffix, and Go writes none; such values cannot be read, only computed.
            return f"{mantissa}{_BINARY_BY_POWER.get(power, '')}"
        surplus = exponent % 3
        mantissa *= 10**surplus
        exponent -= surplus
        if self.format is QuantityFormat.DECIMAL_EXPONENT:
            return f"{mantissa}e{exponent}" if exponent else str(mantissa)
        # A decimal that needs more than E loses its suffix, in Go as here: 46000E is written 46.
        return f"{mantissa}{_DECIMAL_BY_EXPONENT.get(exponent, '')}"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Quantity):
            return self._compare(other) == 0
        return NotImplemented

    def __lt__(self, other: "Quantity") -> bool:
        if isinstance(other, Quantity):
            return self._compare(other) < 0
        return NotImplemented

    def __hash__(self) -> int:
        return hash(_normalize(self._mantissa, self._exponent))

    def _compare(self, other: "Quantity") -> int:
        left, left_exponent = self._mantissa, self._exponent
        right, right_exponent = other._mantissa, other._exponent
        if left_exponent != right_exponent and left and right:
            if (left < 0) != (right < 0):
                return -1 if left < 0 else 1
            # Compare magnitudes first, so that 1e999999999 is never written out.
            left_size, right_size = len(str(abs(left))) + left_exponent, len(str(abs(right))) + right_exponent
            if left_size != right_size:
                return 1 if (left_size > right_size) == (left > 0) else -1
            lowest = min(left_exponent, right_exponent)
            left *= 10 ** (left_exponent - lowest)
            right *= 10 ** (right_exponent - lowest)
        return (left > right) - (left < right)

    def __add__(self, other: "Quantity") -> "Quantity":
        """The sum, in the format of the left side (of the right one when the left is zero)."""
        if not isinstance(other, Quantity):
            return NotImplemented
        lowest = min(self._exponent, other._exponent)
        total = self._mantissa * 10 ** (self._exponent - lowest) + other._mantissa * 10 ** (other._exponent - lowest)
        return Quantity._make(total, lowest, other.format if self.is_zero else self.format)

    def __neg__(self) -> "Quantity":
        return Quantity._make(-self._mantissa, self._exponent, self.format)

    def __sub__(self, other: "Quantity") -> "Quantity":
        return self + -other if isinstance(other, Quantity) else NotImplemented

    def __mul__(self, factor: int) -> "Quantity":
        return Quantity._make(self._mantissa * factor, self._exponent, self.format)


def _interpret_suffix(suffix: str) -> tuple[int, int, QuantityFormat]:
    """Base, exponent and family. Raises QuantityError."""
    if suffix in _DECIMAL_SUFFIXES:
        return 10, _DECIMAL_SUFFIXES[suffix], QuantityFormat.DECIMAL_SI
    if suffix in _BINARY_SUFFIXES:
        return 2, _BINARY_SUFFIXES[suffix], QuantityFormat.BINARY_SI
    if len(suffix) <= 21 and _EXPONENT.fullmatch(suffix):
        exponent = int(suffix[1:])
        if -(1 << 63) <= exponent < 1 << 63:
            # Go cuts the exponent to 32 bits.
            return 10, (exponent + (1 << 31)) % (1 << 32) - (1 << 31), QuantityFormat.DECIMAL_EXPONENT
    raise QuantityError("unable to parse quantity's suffix")


def _from_decimal(amount: decimal.Decimal) -> tuple[int, int]:
    sign, digits, exponent = amount.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{amount} is no amount")
    mantissa = int("".join(map(str, digits)))
    return -mantissa if sign else mantissa, exponent


def _normalize(mantissa: int, exponent: int) -> tuple[int, int]:
    """The same amount with no zero at the end of the mantissa."""
    if not mantissa:
        return 0, 0
    while mantissa % 10 == 0:
        mantissa //= 10
        exponent += 1
    return mantissa, exponent


def _divide_away_from_zero(mantissa: int, places: int) -> int:
    """mantissa / 10**places, without writing out a power that cannot matter."""
    if not mantissa:
        return 0
    if places > len(str(abs(mantissa))):
        return -1 if mantissa < 0 else 1
    quotient = -(-abs(mantissa) // 10**places)
    return int(-quotient if mantissa < 0 else quotient)


def _round_up_to_nano(mantissa: int, exponent: int) -> tuple[int, int]:
    """A little of something is never nothing: what is finer than 1n is rounded away from zero."""
    if exponent >= _NANO:
        return mantissa, exponent
    return _divide_away_from_zero(mantissa, _NANO - exponent), _NANO
