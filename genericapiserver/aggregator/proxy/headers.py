"""What crosses the proxy: the user's identity instead of the client's word for it, and nothing that is about a connection.

Source: WithAuthentication of client-go's auth proxy round tripper, httputil.ReverseProxy, and pkg/util/proxy of
k8s.io/apimachinery.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from genericapiserver.asgi import RawHeaders, Scope
from genericapiserver.authentication.user import UserInfo

REMOTE_USER: Final = b"x-remote-user"
REMOTE_GROUP: Final = b"x-remote-group"
REMOTE_UID: Final = b"x-remote-uid"
REMOTE_EXTRA: Final = b"x-remote-extra-"

_HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""RFC 9110 section 7.6.1, and what was meant by it before. Trailers are not passed on: an API server has none."""

_NOT_FORWARDED: Final = _HOP_BY_HOP | {
    b"host",
    b"content-length",  # said anew, as the body is framed
    b"expect",  # answered here: the body is asked for when the server behind takes it
    b"authorization",  # whoever the server behind believes, it is not this
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-forwarded-uri",
}

_NOT_RETURNED: Final = _HOP_BY_HOP | {
    # Which pages may read the answer is decided here: corsRemovingTransport.
    b"access-control-allow-credentials",
    b"access-control-allow-headers",
    b"access-control-allow-methods",
    b"access-control-allow-origin",
}

_TOKEN: Final = frozenset(b"!#$&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
"""What may stand in the name of a header (RFC 9110 section 5.6.2), without the percent sign that escapes everything else."""


_NOT_IN_VALUES: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""RFC 9110 section 5.5. What ends a line could begin another group."""


class IdentityError(ValueError):
    """A user cannot be named in headers."""


def escaped_key(key: str) -> bytes:
    """The key of an extra field as part of a header's name."""
    return b"".join(bytes([byte]) if byte in _TOKEN else b"%%%02X" % byte for byte in key.encode())


def identity_headers(user: UserInfo, *, uid: bool = True) -> RawHeaders:
    """Who *user* is, for a server that believes this one; without *uid* it is not told the UID. Raises IdentityError."""
    headers: RawHeaders = [(REMOTE_USER, _value(REMOTE_USER, user.name))]
    headers += [(REMOTE_GROUP, _value(REMOTE_GROUP, group)) for group in user.groups]
    if uid and user.uid:
        headers.append((REMOTE_UID, _value(REMOTE_UID, user.uid)))
    for key, values in user.extra.items():
        name = REMOTE_EXTRA + escaped_key(key).lower()
        headers += [(name, _value(name, value)) for value in values]
    return headers


def forwarded_headers(scope: Scope) -> RawHeaders:
    """The headers of *scope* that a server behind may see: none of the connection's, and nobody's claim to be somebody."""
    headers = scope["headers"]
    dropped = _NOT_FORWARDED | _named_by_connection(headers)
    return [pair for pair in headers if pair[0] not in dropped and not _claims_identity(pair[0])]


def where_from(scope: Scope) -> RawHeaders:
    """The X-Forwarded headers: the client, and what it asked for."""
    headers: RawHeaders = [(b"x-forwarded-proto", b"https"), (b"x-forwarded-uri", _raw_path(scope))]
    if host := requested_host(scope):
        headers.append((b"x-forwarded-host", host.encode("latin-1")))
    before = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    client = scope.get("client")
    if client and client[0]:
        before.append(client[0].encode("ascii", "replace"))
    if before:
        headers.append((b"x-forwarded-for", b", ".join(before)))
    return headers


def requested_host(scope: Scope) -> str:
    """The host that the client asked for, as it wrote it."""
    host: bytes = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return host.decode("latin-1")


def returned_headers(headers: Iterable[tuple[bytes, bytes]], *, backend: str, front: str) -> RawHeaders:
    """The headers of an answer that the client may see. A Location at *backend* (host:port) becomes one at *front*."""
    headers = list(headers)
    dropped = _named_by_connection(headers)
    return [
        (name, _relocated(value, backend, front) if name == b"location" else value)
        for name, value in headers
        if name not in _NOT_RETURNED and name not in dropped
    ]


def target_of(scope: Scope) -> bytes:
    """Path and query of *scope* as the client sent them."""
    query: bytes = scope["query_string"]
    return _raw_path(scope) + (b"?" + query if query else b"")


def _raw_path(scope: Scope) -> bytes:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0]


def _claims_identity(name: bytes) -> bool:
    """Whether some server could take *name* for one of the identity headers; CGI makes one of dash and underscore."""
    return name.replace(b"_", b"-").startswith(b"x-remote-")


def _named_by_connection(headers: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """The headers that the Connection header says are for the next hop only."""
    return frozenset(_words(value for name, value in headers if name == b"connection"))


def _words(values: Iterable[bytes]) -> Iterator[bytes]:
    for value in values:
        for word in value.split(b","):
            if word := word.strip().lower():
                yield word


def _relocated(value: bytes, backend: str, front: str) -> bytes:
    """A URL at the server behind as one at this server; anything else as it is."""
    try:
        parts = urlsplit(value.decode("ascii"))
    except ValueError:
        return value
    if not front or parts.netloc != backend or not parts.path.startswith("/"):
        return value
    return urlunsplit(parts._replace(scheme="https", netloc=front)).encode("ascii")


def _value(header: bytes, text: str) -> bytes:
    """The value of an identity header. Raises IdentityError for one that would arrive as another."""
    value = text.encode()
    if _NOT_IN_VALUES.search(value) or value != value.strip():
        raise IdentityError(f'net/http: invalid header field value for "{header.decode().title()}"')
    return value
