"""The format of domain-prefixed paths. Mirrors IsDomainPrefixedPath in k8s.io/apimachinery pkg/util/validation."""

import re

from genericapiserver.apimachinery.field import FieldError, Path, invalid, required
from genericapiserver.apimachinery.validation.names import dns_1123_subdomain, regex_error

_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_is_http_path = re.compile(_HTTP_PATH).fullmatch


def domain_prefixed_path(path: Path | None, value: str) -> list[FieldError]:
    """What keeps *value* from being a subdomain, `/` and a path (RFC 3986), such as `acme.io/foo`."""
    if not value:
        return [required(path)]
    host, _, rest = value.partition("/")
    if not host or not rest:
        return [invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
    errors = [invalid(path, host, message) for message in dns_1123_subdomain(host)]
    if not _is_http_path(rest):
        errors.append(invalid(path, rest, regex_error("Invalid path", _HTTP_PATH)))
    return errors
