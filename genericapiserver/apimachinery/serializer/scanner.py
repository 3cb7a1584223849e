"""Go's words for what is wrong with a JSON text (encoding/json scanner.go).

Only run over documents that a real parser has refused, so it is written to be read: a walk over the bytes that raises
where the grammar breaks. A document without fault is the parser's limit, not the text's: then there is nothing to raise.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from genericapiserver.apimachinery.serializer.errors import JSONSyntaxError

MAX_DEPTH = 10000

# A walk over so many bytes takes some tens of milliseconds.
_LONG = 1 << 18

_PLAIN_STRING = re.compile(rb'"[^"\\\x00-\x1f]*"')

# What comes next; None at the end of the text.
_Step: TypeAlias = Callable[[], Any]

_SPACE = frozenset(b" \t\r\n")
_DIGITS = frozenset(b"0123456789")
_HEX = frozenset(b"0123456789abcdefABCDEF")
_ESCAPES = frozenset(b'bfnrt\\/"')
_NAMED = {
    0x27: "\\'",
    0x22: '"',
    0x5C: "\\\\",
    7: "\\a",
    8: "\\b",
    9: "\\t",
    10: "\\n",
    11: "\\v",
    12: "\\f",
    13: "\\r",
}
_LITERALS = {0x74: b"true", 0x66: b"false", 0x6E: b"null"}


def find_syntax_error(data: bytes) -> str | None:
    """The first fault of *data* as Go words it, or None if it is JSON.

    In a long text the fault is the one that the standard library finds, whose place and kind differ from Go's inside
    numbers and literals only: a walk over megabytes would hold up everybody else.
    """
    if len(data) > _LONG:
        return _find_quickly(data)
    try:
        _Scanner(data).scan()
    except JSONSyntaxError as error:
        return str(error)
    return None


def _find_quickly(data: bytes) -> str | None:
    try:
        # A character a byte, so that positions are those of the bytes.
        json.loads(data.decode("latin-1"), parse_int=str, parse_float=str)
    except RecursionError:
        return "exceeded max depth"
    except json.JSONDecodeError as error:
        if error.pos >= len(data) or error.msg.startswith("Unterminated string"):
            return "unexpected end of JSON input"
        for start, context, offset in _CONTEXTS:
            if error.msg.startswith(start):
                return f"invalid character {quote_byte(data[error.pos + offset])} {context}"
        return f"json: {error.msg}"
    return None


# The start of the standard library's message, Go's words, and how far behind the position Go's character stands.
_CONTEXTS = (
    ("Expecting value", "looking for beginning of value", 0),
    ("Illegal trailing comma before end of array", "looking for beginning of value", 1),
    ("Illegal trailing comma", "looking for beginning of object key string", 1),
    ("Expecting property name", "looking for beginning of object key string", 0),
    ("Expecting ':'", "after object key", 0),
    ("Expecting ','", "after object key:value pair", 0),
    ("Extra data", "after top-level value", 0),
    ("Invalid control character", "in string literal", 0),
    ("Invalid \\u", "in \\u hexadecimal character escape", 0),
    ("Invalid \\escape", "in string escape code", 1),
)


def quote_byte(byte: int) -> str:
    """A byte as a Latin-1 character in single quotes, escaped as Go does: `'z'`, `'\\x00'`, `'\\u0081'`."""
    if byte in _NAMED:
        return f"'{_NAMED[byte]}'"
    character = chr(byte)
    if character.isprintable():
        return f"'{character}'"
    return f"'\\x{byte:02x}'" if byte < 0x80 else f"'\\u{byte:04x}'"


class _Scanner:
    """Walks the text in steps that name each other, not by recursion; `closers` are the brackets still to come."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.closers: list[int] = []

    def scan(self) -> None:
        step: _Step | None = self.value
        while step is not None:
            step = step()

    def value(self) -> "_Step":
        byte = self.peek()
        if byte == 0x22:
            self.string()
        elif byte == 0x7B:
            self.open(0x7D)
            return self.first_key
        elif byte == 0x5B:
            self.open(0x5D)
            return self.first_item
        elif byte == 0x2D or byte in _DIGITS:
            self.number()
        elif byte in _LITERALS:
            self.literal(_LITERALS[byte])
        else:
            self.fail("looking for beginning of value")
        return self.after_value

    def first_item(self) -> "_Step":
        return self.close() if self.peek() == 0x5D else self.value

    def first_key(self) -> "_Step":
        return self.close() if self.peek() == 0x7D else self.key

    def key(self) -> "_Step":
        if self.peek() != 0x22:
            self.fail("looking for beginning of object key string")
        self.string()
        if self.peek() != 0x3A:
            self.fail("after object key")
        self.position += 1
        return self.value

    def after_value(self) -> "_Step | None":
        if not self.closers:
            self.skip_space()
            if self.position < len(self.data):
                self.fail("after top-level value")
            return None
        closer, byte = self.closers[-1], self.peek()
        if byte == closer:
            return self.close()
        if byte != 0x2C:
            self.fail("after array element" if closer == 0x5D else "after object key:value pair")
        self.position += 1
        return self.value if closer == 0x5D else self.key

    def close(self) -> "_Step":
        self.position += 1
        self.closers.pop()
        return self.after_value

    def open(self, closer: int) -> None:
        self.closers.append(closer)
        if len(self.closers) > MAX_DEPTH:
            self.fail("exceeded max depth")
        self.position += 1

    def string(self) -> None:
        plain = _PLAIN_STRING.match(self.data, self.position)
        if plain is not None:
            self.position = plain.end()
            return
        self.position += 1
        while (byte := self.take()) != 0x22:
            if byte == 0x5C:
                escape = self.take(or_space=True)
                if escape == 0x75:
                    for _ in range(4):
                        self.expect(_HEX.__contains__, "in \\u hexadecimal character escape")
                elif escape not in _ESCAPES:
                    self.fail("in string escape code", back=1)
            elif byte < 0x20:
                self.fail("in string literal", back=1)

    def number(self) -> None:
        if self.data[self.position] == 0x2D:
            self.position += 1
            self.expect(_DIGITS.__contains__, "in numeric literal")
        else:
            self.position += 1
        if self.data[self.position - 1] != 0x30:
            self.skip_digits()
        if self.at(b"."):
            self.position += 1
            self.expect(_DIGITS.__contains__, "after decimal point in numeric literal")
            self.skip_digits()
        if self.at(b"eE"):
            self.position += 1
            if self.at(b"+-"):
                self.position += 1
            self.expect(_DIGITS.__contains__, "in exponent of numeric literal")
            self.skip_digits()

    def literal(self, word: bytes) -> None:
        self.position += 1
        for expected in word[1:]:
            self.expect(expected.__eq__, f"in literal {word.decode()} (expecting '{chr(expected)}')")

    def expect(self, allowed: Callable[[int], bool], context: str) -> None:
        if not allowed(self.take(or_space=True)):
            self.fail(context, back=1)

    def take(self, *, or_space: bool = False) -> int:
        """The next byte. *or_space*: at the end Go tries a space, which is then what does not fit into the token."""
        self.position += 1
        if self.position > len(self.data):
            if or_space:
                return 0x20
            raise JSONSyntaxError("unexpected end of JSON input")
        return self.data[self.position - 1]

    def peek(self) -> int:
        self.skip_space()
        byte = self.take()
        self.position -= 1
        return byte

    def at(self, bytes_: bytes) -> bool:
        return self.position < len(self.data) and self.data[self.position] in bytes_

    def skip_space(self) -> None:
        while self.position < len(self.data) and self.data[self.position] in _SPACE:
            self.position += 1

    def skip_digits(self) -> None:
        while self.position < len(self.data) and self.data[self.position] in _DIGITS:
            self.position += 1

    def fail(self, context: str, *, back: int = 0) -> NoReturn:
        """Blame the byte at the position, or *back* bytes before it; behind the end there is a space."""
        place = self.position - back
        byte = self.data[place] if place < len(self.data) else 0x20
        raise JSONSyntaxError(f"invalid character {quote_byte(byte)} {context}")
