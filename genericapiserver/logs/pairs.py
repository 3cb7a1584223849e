"""Messages with keys and values, and the one way of writing them down.

    logger.info(kv("Loaded new content", file=path))        "Loaded new content" file="/etc/tls.crt"

The message is a plain object that renders itself, so it goes through any logging set-up; ours writes its pairs as JSON
fields where the log is JSON. Whatever is not a plain printable character is escaped: nobody can begin a line of his own,
move the cursor of a terminal, or close a quotation.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, Final

MAX_VALUE: Final = 16 * 1024
"""Characters of one value or message; what is longer is cut, because clients choose some of it."""

_CUT: Final = "...(cut)"
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class kv:  # noqa: N801  it reads as a verb where it is used
    """A message and its pairs: `kv("text", key=value)`; keys that are no identifiers come in a mapping before them."""

    __slots__ = ("pairs", "text")

    def __init__(self, text: str, pairs: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        self.text = text
        self.pairs: dict[str, Any] = {**pairs, **more} if pairs else more

    def __str__(self) -> str:
        return quoted(self.text) + text_of(self.pairs)


class Stack(str):
    """A value of several lines that people have to read, such as a traceback."""

    __slots__ = ()


def quoted(text: str) -> str:
    """*text* in double quotes, in one line, of printable characters only."""
    if len(text) > MAX_VALUE:
        text = text[:MAX_VALUE] + _CUT
    if text.isprintable():
        return '"' + (text.replace("\\", "\\\\").replace('"', '\\"') if '"' in text or "\\" in text else text) + '"'
    return '"' + "".join(map(_escaped, text)) + '"'


def text_of(pairs: Mapping[str, Any]) -> str:
    """` key=value` for each pair, in the form of klog."""
    return "".join(f" {_key(key)}={_value(value)}" for key, value in pairs.items())


def plain(value: Any) -> Any:
    """*value* as JSON can hold it."""
    if isinstance(value, str):
        return value if len(value) <= MAX_VALUE else value[:MAX_VALUE] + _CUT
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return plain(value.decode("utf-8", "backslashreplace"))
    if isinstance(value, Mapping):
        return {shown(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, BaseException):
        return plain(shown(value) or type(value).__name__)
    return plain(shown(value))


def shown(value: Any) -> str:
    """*value* as text, whatever its class does when it is asked: a line of the log must not end who writes it."""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001  the class may be anybody's
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"


def lines_of(text: str) -> str:
    """*text*, each of its lines behind a tab and of printable characters only: nothing that begins like a log line."""
    cut = text if len(text) <= 4 * MAX_VALUE else text[: 4 * MAX_VALUE] + _CUT
    return "".join(f"\n\t{_printable(line)}" for line in cut.rstrip("\n").split("\n"))


def _value(value: Any) -> str:
    if isinstance(value, Stack):
        return f"<{lines_of(value)}\n >"
    value = plain(value)
    if isinstance(value, str):
        return quoted(value)
    if value is None:
        return "<nil>"
    return json.dumps(value)


def _key(key: str) -> str:
    return key if key.isprintable() and " " not in key and "=" not in key and '"' not in key else quoted(key)


def _printable(line: str) -> str:
    return line if line.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in line)


def _escaped(character: str) -> str:
    known = _ESCAPES.get(character)
    if known is not None:
        return known
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
