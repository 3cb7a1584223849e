"""A value that is a number or a text, such as a port or a percentage (k8s.io/apimachinery pkg/util/intstr)."""

import math

import attrs

from genericapiserver.apimachinery.go import NumError, parse_int, quote

_MIN, _MAX = -(1 << 31), (1 << 31) - 1


def _in_range(_instance: "IntOrString", _attribute: object, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(f"an IntOrString holds an int or a str, not {type(value).__name__}")
    if isinstance(value, int) and not _MIN <= value <= _MAX:
        raise ValueError(f"{value} does not fit into 32 bits")


@attrs.frozen
class IntOrString:
    """An int32 or a string; it is written as it was read. Raises TypeError or ValueError for anything else."""

    value: int | str = attrs.field(default=0, validator=_in_range)

    @classmethod
    def parse(cls, text: str) -> "IntOrString":
        """A number if *text* is an int32 in base 10, else the text."""
        try:
            return cls(parse_int(text, bits=32))
        except NumError:
            return cls(text)

    @property
    def is_string(self) -> bool:
        return isinstance(self.value, str)

    @property
    def int_value(self) -> int:
        """The number; of a text the number it spells, or 0."""
        if isinstance(self.value, int):
            return self.value
        try:
            return parse_int(self.value)
        except NumError:
            return 0

    def scaled_value(self, total: int, *, round_up: bool) -> int:
        """The number itself, or the percentage of *total* that the text spells. Raises ValueError for other texts."""
        if isinstance(self.value, int):
            return self.value
        if not self.value.endswith("%"):
            raise ValueError("invalid value for IntOrString: invalid type: string is not a percentage")
        try:
            percent = parse_int(self.value.removesuffix("%"), function="Atoi")
        except NumError as error:
            raise ValueError(f"invalid value for IntOrString: invalid value {quote(self.value)}: {error}") from None
        share = percent * total / 100
        return math.ceil(share) if round_up else math.floor(share)

    def __str__(self) -> str:
        return str(self.value)
