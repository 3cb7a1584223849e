"""The audit ID of a request. Mirrors pkg/endpoints/filters/audit_init.go and pkg/audit/context.go."""

import os
import random
from typing import Final

from genericapiserver.asgi import Scope

AUDIT_ID_HEADER: Final = b"audit-id"

_MAX_LOGGED_LENGTH: Final = 64

# The ID has to be unique, not secret, and asking the kernel for each one costs more than all other work on it.
_random = random.Random(os.urandom(32))  # noqa: S311
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _random.seed(os.urandom(32)))


def new_audit_id() -> str:
    """A random UUID of version 4 (RFC 9562 section 5.4)."""
    number = _random.getrandbits(128) & ~(0xF << 76 | 0x3 << 62) | (0x4 << 76 | 0x2 << 62)
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def request_audit_id(scope: Scope) -> bytes:
    """The ID that the client sent, as it is and however long; a new one if it sent none."""
    for name, value in scope["headers"]:
        if name == AUDIT_ID_HEADER:
            if value:
                given: bytes = value
                return given
            break
    return new_audit_id().encode("ascii")


def shortened_audit_id(audit_id: str) -> str:
    """The ID as log lines show it: clients choose it, and must not fill the log."""
    return audit_id[:_MAX_LOGGED_LENGTH]
