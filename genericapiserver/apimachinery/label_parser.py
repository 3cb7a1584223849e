"""The grammar of label selectors, by recursive descent over tokens (k8s.io/apimachinery pkg/labels/selector.go).

    selector := [ req ("," req)* ]
    req := KEY | "!" KEY | KEY op VALUE | KEY ("in" | "notin") "(" VALUE? ("," VALUE?)* ")"
    op := "=" | "==" | "!=" | ">" | "<"

`in` and `notin` are ordinary words where a key or a value is expected. The error texts are the reference's, oddities
included: a missing comma here, a `<nil>` path there.
"""

import enum

from genericapiserver.apimachinery import field
from genericapiserver.apimachinery.field import Path
from genericapiserver.apimachinery.label_requirements import (
    BINARY_OPERATORS,
    SET_OPERATORS,
    Operator,
    Requirement,
    SelectorError,
)
from genericapiserver.apimachinery.validation.names import qualified_name


def parse_requirements(text: str, *, path: Path | None = None) -> list[Requirement]:
    """The requirements of a selector in the order of the text. Raises SelectorError with Go's text."""
    return _Parser(text, path).parse()


class _Token(enum.Enum):
    END = enum.auto()
    IDENTIFIER = enum.auto()
    COMMA = ","
    OPEN = "("
    CLOSE = ")"
    NOT = "!"
    EQUALS = "="
    DOUBLE_EQUALS = "=="
    NOT_EQUALS = "!="
    GREATER_THAN = ">"
    LESS_THAN = "<"
    IN = "in"
    NOT_IN = "notin"


_SYMBOLS = {token.value: token for token in _Token if isinstance(token.value, str) and not token.value.isalpha()}
_WORDS = {"in": _Token.IN, "notin": _Token.NOT_IN}
_OPERATOR_TOKENS = {
    _Token.IN: Operator.IN,
    _Token.NOT_IN: Operator.NOT_IN,
    _Token.EQUALS: Operator.EQUALS,
    _Token.DOUBLE_EQUALS: Operator.DOUBLE_EQUALS,
    _Token.NOT_EQUALS: Operator.NOT_EQUALS,
    _Token.GREATER_THAN: Operator.GREATER_THAN,
    _Token.LESS_THAN: Operator.LESS_THAN,
}
_BLANKS = " \t\r\n"
_SPECIAL = "=!(),><"


def _tokens(text: str) -> list[tuple[_Token, str]]:
    """The tokens of *text*. A NUL ends a token, and where a token would begin it ends the whole text, as in Go."""
    tokens: list[tuple[_Token, str]] = []
    position, length = 0, len(text)
    while position < length:
        character = text[position]
        if character in _BLANKS:
            position += 1
        elif character == "\0":
            break
        elif character in _SPECIAL:
            symbol = text[position : position + 2]
            if symbol not in _SYMBOLS:
                symbol = character
            tokens.append((_SYMBOLS[symbol], symbol))
            position += len(symbol)
            if text[position : position + 1] == "\0":
                position += 1
        else:
            start = position
            while position < length and text[position] not in _BLANKS + _SPECIAL + "\0":
                position += 1
            word = text[start:position]
            tokens.append((_WORDS.get(word, _Token.IDENTIFIER), word))
            if position < length and text[position] == "\0":
                position += 1
    tokens.append((_Token.END, ""))
    return tokens


class _Parser:
    """Recursive descent over the tokens; every refusal is a SelectorError."""

    def __init__(self, text: str, path: Path | None) -> None:
        self.tokens = _tokens(text)
        self.position = 0
        self.path = path

    def peek(self, *, operators: bool = False) -> tuple[_Token, str]:
        """The next token; `in` and `notin` are words unless *operators* are wanted."""
        token, literal = self.tokens[self.position]
        if not operators and token in (_Token.IN, _Token.NOT_IN):
            token = _Token.IDENTIFIER
        return token, literal

    def take(self, *, operators: bool = False) -> tuple[_Token, str]:
        taken = self.peek(operators=operators)
        if self.position < len(self.tokens) - 1:
            self.position += 1
        return taken

    def parse(self) -> list[Requirement]:
        requirements: list[Requirement] = []
        token, literal = self.peek()
        if token is _Token.END:
            return requirements
        if token not in (_Token.IDENTIFIER, _Token.NOT):
            raise SelectorError(f"found '{literal}', expected: !, identifier, or 'end of string'")
        while True:
            try:
                requirements.append(self.requirement())
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from None
            token, literal = self.take()
            if token is _Token.END:
                return requirements
            if token is not _Token.COMMA:
                raise SelectorError(f"found '{literal}', expected: ',' or 'end of string'")
            token, literal = self.peek()
            if token not in (_Token.IDENTIFIER, _Token.NOT):
                raise SelectorError(f"found '{literal}', expected: identifier after ','")

    def requirement(self) -> Requirement:
        token, literal = self.take()
        negated = token is _Token.NOT
        if negated:
            token, literal = self.take()
        if token is not _Token.IDENTIFIER:
            raise SelectorError(f"found '{literal}', expected: identifier")
        key = literal
        messages = qualified_name(key)
        if messages:
            raise SelectorError(str(field.invalid(self.path, key, "; ".join(messages))))
        if negated:
            # `!a=b` stops here, and the caller finds a `=` where the requirement should end.
            return Requirement.create(key, Operator.DOES_NOT_EXIST, path=self.path)
        if self.peek()[0] in (_Token.END, _Token.COMMA):
            return Requirement.create(key, Operator.EXISTS, path=self.path)
        token, literal = self.take(operators=True)
        operator = _OPERATOR_TOKENS.get(token)
        if operator is None:
            raise SelectorError(f"found '{literal}', expected: {', '.join(BINARY_OPERATORS)}")
        values = self.value_set() if operator in SET_OPERATORS else {self.exact_value()}
        return Requirement.create(key, operator, sorted(values), path=self.path)

    def exact_value(self) -> str:
        if self.peek()[0] in (_Token.END, _Token.COMMA):
            return ""
        token, literal = self.take()
        if token is not _Token.IDENTIFIER:
            raise SelectorError(f"found '{literal}', expected: identifier")
        return literal

    def value_set(self) -> set[str]:
        token, literal = self.take()
        if token is not _Token.OPEN:
            raise SelectorError(f"found '{literal}' expected: '('")
        token, literal = self.peek()
        if token is _Token.CLOSE:
            self.take()
            return {""}
        if token not in (_Token.IDENTIFIER, _Token.COMMA):
            raise SelectorError(f"found '{literal}', expected: ',', ')' or identifier")
        values = self.values()
        self.take()  # the closing parenthesis, which values() has seen
        return values

    def values(self) -> set[str]:
        """Words and commas up to a `)`; an empty place between two of them is the empty value."""
        values: set[str] = set()
        while True:
            token, literal = self.take()
            following, following_literal = self.peek()
            if token is _Token.IDENTIFIER:
                values.add(literal)
                if following is _Token.CLOSE:
                    return values
                if following is not _Token.COMMA:
                    raise SelectorError(f"found '{following_literal}', expected: ',' or ')'")
            elif token is _Token.COMMA:
                if not values or following is _Token.COMMA:
                    values.add("")
                if following is _Token.CLOSE:
                    values.add("")
                    return values
            else:
                raise SelectorError(f"found '{literal}', expected: ',', or identifier")
