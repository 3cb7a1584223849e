"""Request lines as they may be written down: without the bearer tokens that some clients put into the query.

The reference writes the request line as it came. Whoever reads its audit log or its panics can act as such a client for as
long as the token lives, so the values are left out here; that there was one stays visible.
"""

from typing import Final
from urllib.parse import unquote

REDACTED: Final = "REDACTED"

_SECRET_PARAMETERS: Final = frozenset({"access_token"})
"""RFC 6750 section 2.3; what audit calls an attempt to authenticate by query."""


def without_secrets(uri: str) -> str:
    """*uri*, path and query as sent, with REDACTED for the values of parameters that are credentials."""
    path, separator, query = uri.partition("?")
    # The name may be percent-encoded, in whole or in part.
    if not query or ("token" not in query.lower() and "%" not in query):
        return uri
    return path + separator + "&".join(map(_redact, query.split("&")))


def _redact(parameter: str) -> str:
    # Servers have split queries at semicolons as well; a client that believes so must not give its token away.
    if ";" in parameter:
        return ";".join(map(_redact, parameter.split(";")))
    name, separator, _ = parameter.partition("=")
    return f"{name}={REDACTED}" if separator and unquote(name).strip().lower() in _SECRET_PARAMETERS else parameter
