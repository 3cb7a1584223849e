"""Values on their way into an expression and out of it.

The library converts Python values by itself, but not all of them safely: a string is cut at its first NUL, one that is no
UTF-8 ends the conversion with an exception of C++, and subclasses of dict and list are refused. So every value is looked at
once before the library sees it.
"""

from collections.abc import Mapping

from genericapiserver.cel.errors import EvaluationError

MIN_INT, MAX_INT = -(1 << 63), (1 << 63) - 1
PLAIN = (bool, float, type(None))


def clean(value: object, path: str) -> object:
    """`value` itself when the library can carry it as it is, else an equal one that it can.

    Raises EvaluationError, naming the path, for a string with a NUL or a lone surrogate and for what is no JSON value.
    """
    kind = type(value)
    if kind is str:
        _check_text(value, path)  # type: ignore[arg-type]
        return value
    if kind is dict:
        return _clean_dict(value, path)  # type: ignore[arg-type]
    if kind is list:
        return _clean_list(value, path)  # type: ignore[arg-type]
    if kind in PLAIN:
        return value
    if kind is int:
        # JSON numbers outside the range of 64 bits are floats in Go as well.
        return value if MIN_INT <= value <= MAX_INT else float(value)  # type: ignore[operator,arg-type]
    return _clean_other(value, path)


def _check_text(value: str, path: str) -> None:
    if "\0" in value:
        raise EvaluationError(f"{path}: a string with a NUL character cannot be used in an expression")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise EvaluationError(
                f"{path}: a string that is not valid Unicode cannot be used in an expression"
            ) from None


def _clean_dict(value: dict[object, object], path: str) -> dict[object, object]:
    changed: dict[object, object] = {}
    for key, item in value.items():
        if type(key) is str:
            _check_text(key, path)
        elif type(key) is not int and type(key) is not bool:
            raise EvaluationError(f"{path}: a key of a map must be a string, not {type(key).__name__}")
        kind = type(item)
        if kind in PLAIN:
            continue
        found = clean(item, f"{path}.{key}" if kind is not str else path)
        if found is not item:
            changed[key] = found
    return {**value, **changed} if changed else value


def _clean_list(value: list[object], path: str) -> list[object]:
    found = [clean(item, path) for item in value]
    return value if all(map(_same, found, value)) else found


def _same(one: object, other: object) -> bool:
    return one is other


def _clean_other(value: object, path: str) -> object:
    if isinstance(value, str):
        return clean(str(value), path)
    if isinstance(value, Mapping):
        return _clean_dict(dict(value), path)
    if isinstance(value, (list, tuple, set, frozenset)):
        return _clean_list(list(value), path)
    if isinstance(value, (bytes, bytearray)):
        return bytearray(value)  # bytes are cut at their first NUL as well
    if isinstance(value, int):
        return clean(int(value), path)
    raise EvaluationError(f"{path}: a {type(value).__name__} cannot be used in an expression")


def plain(value: object) -> object:
    """A result as plain Python: bytes instead of bytearray, at any depth."""
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value
