"""Whether a client's certificate leads to a root we trust.

By hand, on the signature check of `cryptography`, because its own client verifier follows the web's rules: it demands
an extended key usage and a subject alternative name, which certificates of Kubernetes users often have not. The rules
here are those of Go's crypto/x509 `Certificate.Verify` with the usage "client authentication", and so are the texts:

- the leaf and every issuer are valid now; issuers are CAs, may sign, and keep to their path length;
- no SHA-1 or MD5 signatures; no critical extension that nobody here understands;
- a certificate that restricts its use must allow client authentication, and so must its issuers; one without an
  extended key usage allows everything.

Name constraints of an issuer are only understood as far as they do not concern the leaf: a leaf with alternative names
under such an issuer is refused. (A Kubernetes user is named in the subject, which they do not constrain.)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from genericapiserver.certificates.errors import CertificateVerificationError
from genericapiserver.certificates.pem import parse_certificates, quote

E = TypeVar("E", bound=x509.ExtensionType)

_MAX_SIGNATURE_CHECKS = 100
"""Go's maxChainSignatureChecks: a client may present certificates that all seem to sign each other."""

_UNKNOWN_AUTHORITY = "x509: certificate signed by unknown authority"
_INCOMPATIBLE_USAGE = "x509: certificate specifies an incompatible key usage"
_NOT_A_CA = "x509: certificate is not authorized to sign other certificates"
_TOO_MANY_INTERMEDIATES = "x509: too many intermediates for path length constraint"

_ANY_USAGE = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
_CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
_UNDERSTOOD = frozenset(
    [
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.INHIBIT_ANY_POLICY,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ]
)


def verify_client_certificate(chain_der: Sequence[bytes], ca_bundle: bytes, now: dt.datetime) -> list[x509.Certificate]:
    """Verify *chain_der* (leaf first, then whatever the client sent along) against the roots in *ca_bundle* (PEM).

    Returns the path that was found, leaf first, root last. Raises CertificateVerificationError with Go's text, and
    ValueError when the leaf or the bundle cannot be parsed. *now* has a time zone.
    """
    leaf = x509.load_der_x509_certificate(chain_der[0])
    intermediates = []
    for der in chain_der[1:]:
        try:
            intermediates.append(x509.load_der_x509_certificate(der))
        except ValueError:  # Go passes over what it cannot read, it proves nothing
            continue
    return _Verification(_roots(ca_bundle), intermediates, now).verify(leaf)


@lru_cache(maxsize=32)
def _roots(ca_bundle: bytes) -> tuple[x509.Certificate, ...]:
    return tuple(parse_certificates(ca_bundle))


class _Verification:
    def __init__(
        self, roots: Sequence[x509.Certificate], intermediates: Sequence[x509.Certificate], now: dt.datetime
    ) -> None:
        self._roots = roots
        self._intermediates = intermediates
        self._now = now
        self._checks = 0
        self._hint = ""
        self._failure: str | None = None

    def verify(self, leaf: x509.Certificate) -> list[x509.Certificate]:
        self._check_certificate(leaf)
        paths: list[list[x509.Certificate]] = []
        if leaf in self._roots:
            paths.append([leaf])
        else:
            self._extend([leaf], paths)
        if not paths:
            raise CertificateVerificationError(self._failure or _UNKNOWN_AUTHORITY + self._hint)
        for path in paths:
            if all(_allows_client_auth(certificate) for certificate in path):
                return path
        raise CertificateVerificationError(_INCOMPATIBLE_USAGE)

    def _extend(self, path: list[x509.Certificate], paths: list[list[x509.Certificate]]) -> None:
        """Add to *paths* every way from the end of *path* to a root."""
        child = path[-1]
        for candidates, is_root in ((self._roots, True), (self._intermediates, False)):
            for candidate in candidates:
                if candidate.subject != child.issuer or candidate in path or not self._signed(child, candidate):
                    continue
                try:
                    self._check_certificate(candidate)
                    self._check_issuer(candidate, path)
                except CertificateVerificationError as error:
                    self._failure = str(error)
                    continue
                if is_root:
                    paths.append([*path, candidate])
                else:
                    self._extend([*path, candidate], paths)

    def _signed(self, child: x509.Certificate, issuer: x509.Certificate) -> bool:
        self._checks += 1
        if self._checks > _MAX_SIGNATURE_CHECKS:
            raise CertificateVerificationError(
                "x509: signature check attempts limit reached while verifying certificate chain"
            )
        problem = _signature_problem(child, issuer)
        if problem is not None and not self._hint:
            self._hint = (
                f" (possibly because of {quote(problem)} while trying to verify candidate authority certificate "
                f"{quote(_describe(issuer))})"
            )
        return problem is None

    def _check_certificate(self, certificate: x509.Certificate) -> None:
        try:
            extensions = certificate.extensions
        except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
            raise CertificateVerificationError(f"x509: malformed certificate: {error}") from error
        for extension in extensions:
            if extension.critical and extension.oid not in _UNDERSTOOD:
                raise CertificateVerificationError("x509: unhandled critical extension")
        not_before, not_after = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        expired = "x509: certificate has expired or is not yet valid: current time"
        if self._now < not_before:
            raise CertificateVerificationError(f"{expired} {_rfc3339(self._now)} is before {_rfc3339(not_before)}")
        if self._now > not_after:
            raise CertificateVerificationError(f"{expired} {_rfc3339(self._now)} is after {_rfc3339(not_after)}")

    def _check_issuer(self, issuer: x509.Certificate, path: Sequence[x509.Certificate]) -> None:
        constraints = _extension(issuer, x509.BasicConstraints)
        if constraints is None:  # a root of version 1 has no extension to say that it may sign
            if issuer not in self._roots:
                raise CertificateVerificationError(_NOT_A_CA)
        elif constraints.path_length is not None and len(path) - 1 > constraints.path_length:
            raise CertificateVerificationError(_TOO_MANY_INTERMEDIATES)
        constrained = _extension(issuer, x509.NameConstraints) is not None
        if constrained and _extension(path[0], x509.SubjectAlternativeName) is not None:
            raise CertificateVerificationError(
                "x509: a root or intermediate certificate is not authorized to sign for this name: "
                "name constraints are not supported"
            )


def _signature_problem(child: x509.Certificate, issuer: x509.Certificate) -> str | None:
    """Why *issuer* did not sign *child*, or None (Go CheckSignatureFrom)."""
    constraints, usage = _extension(issuer, x509.BasicConstraints), _extension(issuer, x509.KeyUsage)
    may_sign = issuer.version is x509.Version.v1 if constraints is None else constraints.ca
    if not may_sign or (usage is not None and not usage.key_cert_sign):
        return "x509: invalid signature: parent certificate cannot sign this kind of certificate"
    algorithm = child.signature_hash_algorithm
    if isinstance(algorithm, hashes.SHA1 | hashes.MD5):
        return f"x509: cannot verify signature: insecure algorithm {algorithm.name.upper()}"
    try:
        child.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        kind = type(issuer.public_key()).__name__.upper()
        if "RSA" in kind:
            return "crypto/rsa: verification error"
        return f"x509: {'Ed25519' if 'ED25519' in kind else 'ECDSA'} verification failure"
    return None


def _allows_client_auth(certificate: x509.Certificate) -> bool:
    usages = _extension(certificate, x509.ExtendedKeyUsage)
    return usages is None or _CLIENT_AUTH in usages or _ANY_USAGE in usages


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _describe(certificate: x509.Certificate) -> str:
    """How Go names an authority in a hint: common name, else organization, else serial number."""
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for attribute in certificate.subject.get_attributes_for_oid(oid):
            return str(attribute.value)
    return f"serial:{certificate.serial_number}"


def _rfc3339(time: dt.datetime) -> str:
    return time.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
