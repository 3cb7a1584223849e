"""A front proxy that has authenticated the user and names it in headers.

Worth nothing without proof that the proxy is who sent the request: wrap it in an X509Verifier for the proxy's own CA.
Mirrors pkg/authentication/request/headerrequest/requestheader.go.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import unquote_to_bytes

import attrs

from genericapiserver.authentication.interfaces import AuthenticationRequest, AuthenticationResponse
from genericapiserver.authentication.user import UserInfo

_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def _header_names(names: Iterable[str]) -> tuple[bytes, ...]:
    trimmed = [(name, name.strip()) for name in names]
    for name, text in trimmed:
        if not text:
            raise ValueError(f'empty header "{name}"')
    return tuple(text.lower().encode("latin-1") for _, text in trimmed)


@attrs.frozen(kw_only=True)
class RequestHeaderConfig:
    """Which headers carry what; names in any case, kept in lower case. Raises ValueError for a blank name."""

    username_headers: tuple[bytes, ...] = attrs.field(default=("x-remote-user",), converter=_header_names)
    uid_headers: tuple[bytes, ...] = attrs.field(default=(), converter=_header_names)
    group_headers: tuple[bytes, ...] = attrs.field(default=("x-remote-group",), converter=_header_names)
    extra_header_prefixes: tuple[bytes, ...] = attrs.field(default=("x-remote-extra-",), converter=_header_names)

    @property
    def names(self) -> frozenset[bytes]:
        """Every header but those that only have a prefix."""
        return frozenset((*self.username_headers, *self.uid_headers, *self.group_headers))


class RequestHeaderAuthenticator:
    """Believes the headers of the current *config*, and removes them from the request on success."""

    def __init__(self, config: Callable[[], RequestHeaderConfig]) -> None:
        self._config = config

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        config = self._config()
        name = _first_value(request, config.username_headers)
        if not name:
            return None
        user = UserInfo(
            name=name,
            uid=_first_value(request, config.uid_headers),
            groups=[value for header in config.group_headers for value in request.headers(header) if value],
            extra=_extra(request, config.extra_header_prefixes),
        )
        request.remove_headers(config.names, config.extra_header_prefixes)
        return AuthenticationResponse(user)


def unescape_extra_key(text: str) -> str:
    """Percent-decode the key of an extra header; a malformed escape leaves the whole key as it is."""
    if _BAD_ESCAPE.search(text):
        return text
    return unquote_to_bytes(text).decode("utf-8", "replace")


def _first_value(request: AuthenticationRequest, headers: tuple[bytes, ...]) -> str:
    """The first header whose first value is not empty."""
    for header in headers:
        if value := request.first_header(header):
            return value
    return ""


def _extra(request: AuthenticationRequest, prefixes: tuple[bytes, ...]) -> dict[str, list[str]]:
    extra: dict[str, list[str]] = {}
    for prefix in prefixes:
        for name, value in request.scope["headers"]:
            if name.startswith(prefix):
                key = unescape_extra_key(name[len(prefix) :].decode("latin-1"))
                extra.setdefault(key, []).append(value.decode("utf-8", "surrogateescape"))
    return extra
