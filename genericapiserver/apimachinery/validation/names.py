"""The formats of names: DNS labels and subdomains, label keys and values, path segments.

Go's checks return texts, and so do these: an empty list means the value is fine. The texts follow k8s.io/apimachinery
pkg/util/validation, pkg/api/validate/content and pkg/api/validation, down to the two blanks before `or` and to
`characters` in one family of length errors and `bytes` in the other.
"""

import re
from collections.abc import Callable
from typing import TypeAlias

NameValidator: TypeAlias = Callable[[str, bool], list[str]]
"""`(name, prefix) -> messages`; prefix says that something will still be appended to the name."""

LABEL_MAX_LENGTH = 63
SUBDOMAIN_MAX_LENGTH = 253

_DNS_1123_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_1123_SUBDOMAIN = rf"{_DNS_1123_LABEL}(\.{_DNS_1123_LABEL})*"
_DNS_1035_LABEL = "[a-z]([-a-z0-9]*[a-z0-9])?"
_LABEL_KEY_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_LABEL_KEY_NAME})?"
_CONDITION_REASON = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"


def regex_error(message: str, regex: str, *examples: str) -> str:
    """`<message> (e.g. 'x', regex used for validation is '<regex>')`; several examples are joined by `,  or `."""
    if not examples:
        return f"{message} (regex used for validation is '{regex}')"
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{message} (e.g. {shown}regex used for validation is '{regex}')"


_SUBDOMAIN_TEXT = regex_error(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character",
    _DNS_1123_SUBDOMAIN,
    "example.com",
)
_LABEL_TEXT = regex_error(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character",
    _DNS_1123_LABEL,
    "my-name",
    "123-abc",
)
_DNS_1035_TEXT = regex_error(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
    "start with an alphabetic character, and end with an alphanumeric character",
    _DNS_1035_LABEL,
    "my-name",
    "abc-123",
)
_LABEL_KEY_TEXT = regex_error(
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    _LABEL_KEY_NAME,
    "MyName",
    "my.name",
    "123-abc",
)
_LABEL_VALUE_TEXT = regex_error(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character",
    _LABEL_VALUE,
    "MyValue",
    "my_value",
    "12345",
)
_CONDITION_REASON_TEXT = regex_error(
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric "
    "characters or '_,:', and must end with an alphanumeric character or '_'",
    _CONDITION_REASON,
    "my_name",
    "MY_NAME",
    "MyName",
    "ReasonA,ReasonB",
    "ReasonA:ReasonB",
)

# Without the groups of the printed forms, which make Python's engine remember what nobody asks for.
_is_subdomain = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*").fullmatch
_is_label = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?").fullmatch
_is_dns_1035_label = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?").fullmatch
_is_label_key_name = re.compile(r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]").fullmatch
_is_label_value = re.compile(r"(?:(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?").fullmatch
_is_condition_reason = re.compile(_CONDITION_REASON).fullmatch


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _problems(value: str, most: int, unit: str, wrong: str) -> list[str]:
    """That *value* is too long, and what is *wrong* with it apart from that."""
    messages = [f"must be no more than {most} {unit}"] if _length(value) > most else []
    return [*messages, wrong] if wrong else messages


def dns_1123_subdomain(value: str) -> list[str]:
    """What keeps *value* from being a lower-case DNS subdomain of at most 253 characters."""
    return _problems(value, SUBDOMAIN_MAX_LENGTH, "characters", "" if _is_subdomain(value) else _SUBDOMAIN_TEXT)


def dns_1123_label(value: str) -> list[str]:
    """What keeps *value* from being a lower-case DNS label of at most 63 characters, such as a namespace's name."""
    wrong = ""
    if not _is_label(value):
        wrong = "must not contain dots" if _is_subdomain(value) else _LABEL_TEXT
    return _problems(value, LABEL_MAX_LENGTH, "characters", wrong)


def dns_1035_label(value: str) -> list[str]:
    """What keeps *value* from being a DNS label that starts with a letter, such as a service's name."""
    return _problems(value, LABEL_MAX_LENGTH, "characters", "" if _is_dns_1035_label(value) else _DNS_1035_TEXT)


def qualified_name(value: str) -> list[str]:
    """What keeps *value* from being a label key: `[subdomain/]name`."""
    parts = value.split("/")
    if len(parts) > 2:
        return [
            f"a valid label key {_LABEL_KEY_TEXT} with an optional DNS subdomain prefix and '/' "
            "(e.g. 'example.com/MyName')"
        ]
    messages = []
    name = parts[-1]
    if len(parts) == 2:
        prefix = parts[0]
        if not prefix:
            messages.append("prefix part must be non-empty")
        else:
            # Within label keys every length is in bytes.
            if _length(prefix) > SUBDOMAIN_MAX_LENGTH:
                messages.append(f"prefix part must be no more than {SUBDOMAIN_MAX_LENGTH} bytes")
            if not _is_subdomain(prefix):
                messages.append(f"prefix part {_SUBDOMAIN_TEXT}")
    if not name:
        messages.append("name part must be non-empty")
    elif _length(name) > LABEL_MAX_LENGTH:
        messages.append(f"name part must be no more than {LABEL_MAX_LENGTH} bytes")
    if not _is_label_key_name(name):
        messages.append(f"name part {_LABEL_KEY_TEXT}")
    return messages


def label_value(value: str) -> list[str]:
    """What keeps *value* from being the value of a label."""
    return _problems(value, LABEL_MAX_LENGTH, "bytes", "" if _is_label_value(value) else _LABEL_VALUE_TEXT)


def condition_reason(value: str) -> list[str]:
    """What keeps *value* from being the reason of a condition, apart from its length."""
    return [] if _is_condition_reason(value) else [_CONDITION_REASON_TEXT]


def path_segment_name(name: str, prefix: bool = False) -> list[str]:
    """What keeps *name* from standing in a URL path and in a storage key: `.`, `..`, `/` and `%`."""
    if not prefix and name in (".", ".."):
        return [f"may not be '{name}'"]
    return [f"may not contain '{character}'" for character in "/%" if character in name]


def name_is_dns_subdomain(name: str, prefix: bool = False) -> list[str]:
    """A NameValidator for names that are DNS subdomains."""
    return dns_1123_subdomain(_mask_trailing_dash(name) if prefix else name)


def name_is_dns_label(name: str, prefix: bool = False) -> list[str]:
    """A NameValidator for names that are DNS labels, namespaces among them."""
    return dns_1123_label(_mask_trailing_dash(name) if prefix else name)


def name_is_dns_1035_label(name: str, prefix: bool = False) -> list[str]:
    """A NameValidator for names that are DNS labels starting with a letter."""
    return dns_1035_label(_mask_trailing_dash(name) if prefix else name)


def _mask_trailing_dash(name: str) -> str:
    # A prefix may end in `-` because characters follow. Go cuts two characters and puts one back; so do we.
    return f"{name[:-2]}a" if len(name) > 1 and name.endswith("-") else name
