"""Numbers and labels as the page of metrics has them: the way Go's client library writes them."""

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache


def number(value: float) -> str:
    """A float as strconv.FormatFloat(value, 'g', -1, 64) writes it."""
    if -1e6 < value < 1e6:
        whole = int(value)
        if value == whole:
            return str(whole)
        if not -1e-4 < value < 1e-4:
            return repr(value)  # both languages write the shortest digits that come to the same number
    return _rare_number(value)


@lru_cache(maxsize=4096)
def _rare_number(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    decimal = Decimal(repr(value)).normalize()
    sign, digits, _ = decimal.as_tuple()
    mantissa = str(digits[0]) + ("." + "".join(map(str, digits[1:])) if len(digits) > 1 else "")
    power = decimal.adjusted()
    return f"{'-' if sign else ''}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


def escape(value: str) -> str:
    """*value* as it stands between the quotes of a label."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def label_text(pairs: Iterable[tuple[str, str]]) -> str:
    """What stands between the braces of a series, without them: the labels by name."""
    return ",".join([f'{key}="{escape(value)}"' for key, value in sorted(pairs)])
