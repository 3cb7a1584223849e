"""What is wrong with the certificate of a server that was dialled, in the words of Go's crypto/x509, which people look for.

OpenSSL takes what Go refuses: a certificate that is for a name by its common name only. Who dials looks for that by
`check_names` once TLS has begun, before anything is sent.
"""

import ipaddress
import ssl
from collections.abc import Mapping
from typing import Any, Final

_VERIFICATION: Final = "tls: failed to verify certificate: x509: "
_UNKNOWN_AUTHORITY: Final = frozenset({18, 19, 20, 21})
_EXPIRED, _NOT_YET_VALID = 10, 9
_WEAK_SIGNATURE: Final = 68
"""Signed with a hash that is not secure any more: SHA-1, or MD5."""


class CertificateError(ConnectionError):
    """The certificate is not taken."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{_VERIFICATION}{reason}")


class MissingNamesError(CertificateError):
    """The certificate has no subject alternative names at all."""

    def __init__(self) -> None:
        super().__init__("certificate relies on legacy Common Name field, use SANs instead")


def check_names(certificate: Mapping[str, Any], name: str) -> None:
    """Refuse a certificate, as ssl.SSLSocket.getpeercert shows it, that is for *name* by its common name only.

    Raises MissingNamesError, or CertificateError for one whose names are of another kind.
    """
    names = certificate.get("subjectAltName", ())
    if any(kind == "DNS" for kind, _ in names) or _is_address(name):
        return
    if names:
        raise CertificateError(f"certificate is not valid for any names, but wanted to match {name}")
    raise MissingNamesError


def failure_text(error: BaseException) -> str:
    """Why no answer came, as Go says it where that is known."""
    refusal = _verification_error(error)
    return (str(error) or type(error).__name__) if refusal is None else _verification_text(refusal)


def is_weak_signature(error: BaseException) -> bool:
    """Whether *error* comes from a certificate that is signed in a way that is not secure any more."""
    refusal = _verification_error(error)
    return refusal is not None and refusal.verify_code == _WEAK_SIGNATURE


def _verification_error(error: BaseException) -> ssl.SSLCertVerificationError | None:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    return cause


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _verification_text(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _UNKNOWN_AUTHORITY:
        return f"{_VERIFICATION}certificate signed by unknown authority"
    if error.verify_code in (_EXPIRED, _NOT_YET_VALID):
        return f"{_VERIFICATION}certificate has expired or is not yet valid"
    return f"{_VERIFICATION}{error.verify_message}"
