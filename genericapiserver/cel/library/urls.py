"""url(), isURL() and the parts of a URL (library/urls.go); jsonpatch.escapeKey (library/jsonpatch.go).

Go's url.ParseRequestURI: an absolute URI, or an absolute path.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from genericapiserver.cel.library.declaration import VALUE, Function, function, method, opaque
from genericapiserver.cel.types import Type

URL = Type.opaque("kubernetes.URL")
Opaque = dict[str, Any]

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_BAD = re.compile(r"[\x00-\x20\x7f]|%(?![0-9a-fA-F]{2})")
_HOST = re.compile(r"[^\s\"<>\\^`{|}%/?#]*")
_PORT = re.compile(r"[0-9]*")


def split(text: str) -> SplitResult:
    """The parts of an absolute URL or path. Raises ValueError for anything else."""
    if not text or not (text.startswith("/") or _SCHEME.match(text)):
        raise _error(text, "invalid URI for request" if text else "empty url")
    if _BAD.search(text):
        raise _error(text, "invalid character in URL")
    try:
        found = urlsplit(text)
        _ = found.port
    except ValueError as error:
        raise _error(text, str(error)) from None
    if not _HOST.fullmatch(found.netloc.rpartition("@")[2]):
        raise _error(text, "invalid character in host name")
    return found


def _error(text: str, reason: str) -> ValueError:
    return ValueError(f'URL parse error during conversion from string: parse "{text}": {reason}')


def is_url(text: str) -> bool:
    try:
        split(text)
    except ValueError:
        return False
    return True


def _host(found: SplitResult) -> str:
    return unquote(found.netloc.rpartition("@")[2])


def _hostname(found: SplitResult) -> str:
    host = _host(found)
    if host.startswith("["):
        return host[1 : host.index("]")]
    return host.partition(":")[0]


def _port(found: SplitResult) -> str:
    tail = _host(found).rpartition("]")[2]
    port = tail.partition(":")[2]
    return port if _PORT.fullmatch(port) else ""


def _path(found: SplitResult) -> str:
    return quote(found.path, safe="/%:@!$&'()*+,;=~-._[]")


def _query(found: SplitResult) -> dict[str, list[str]]:
    return parse_qs(found.query, keep_blank_values=True)


def _of(ask: Callable[[SplitResult], object]) -> Callable[[Opaque], object]:
    return lambda value: ask(split(value[VALUE]))


def escape_key(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


URLS: tuple[Function, ...] = (
    function("url", ((Type.STRING,), URL, lambda text: opaque(URL, split(text).geturl() and text))),
    function("isURL", ((Type.STRING,), Type.BOOL, is_url)),
    method("getScheme", ((URL,), Type.STRING, _of(lambda found: found.scheme))),
    method("getHost", ((URL,), Type.STRING, _of(_host))),
    method("getHostname", ((URL,), Type.STRING, _of(_hostname))),
    method("getPort", ((URL,), Type.STRING, _of(_port))),
    method("getEscapedPath", ((URL,), Type.STRING, _of(_path))),
    method("getQuery", ((URL,), Type.map_of(Type.STRING, Type.list_of(Type.STRING)), _of(_query))),
    function("jsonpatch.escapeKey", ((Type.STRING,), Type.STRING, escape_key)),
)
