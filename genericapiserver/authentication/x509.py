"""Client certificates: who signed them, and whom they name.

The TLS layer only asks for a certificate; it is judged here, so that a bad one is a 401 and not a broken handshake, and
so that a changed CA bundle counts for open connections too. Judging costs a signature check or two, far more than the
rest of a small request, so a verdict is kept for some seconds, per presented chain and per CA bundle.

Mirrors pkg/authentication/request/x509/{x509,verify_options}.go.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Final

import attrs
from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.authentication.interfaces import (
    AuthenticationError,
    AuthenticationRequest,
    AuthenticationResponse,
    RequestAuthenticator,
)
from genericapiserver.authentication.metrics import CertificateMetrics
from genericapiserver.authentication.user import CREDENTIAL_ID_KEY, UserInfo
from genericapiserver.certificates import CertificateVerificationError, verify_client_certificate

UID_OID: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57683.2")
"""The subject attribute that carries a user's uid."""

VERDICT_TTL: Final = 10.0
"""Seconds that a verdict is kept; a certificate that ends earlier is judged again at once."""

_MAX_VERDICTS: Final = 4096

CABundleSource = Callable[[], bytes | None]
"""The current PEM bundle of trusted roots; None while there is none, which means no opinion about any certificate."""


def peer_chain(request: AuthenticationRequest) -> Sequence[bytes]:
    """The certificates that the client presented, leaf first, DER; empty without TLS or without a certificate."""
    extensions = request.scope.get("extensions")
    tls = extensions.get("tls") if extensions else None
    chain: Sequence[bytes] = tls.get("peer_certificate_chain_der") or () if tls else ()
    return chain


@attrs.frozen
class _Verdict:
    bundle: bytes
    expires: float
    not_after: datetime | None
    error: str | None
    response: AuthenticationResponse | None = None


class ClientCertificateVerifier:
    """Judges client certificates against the current bundle of *ca_bundle* and remembers the verdicts.

    *convert* makes the answer of a good certificate, once per verdict. Certificates must allow client authentication
    if they restrict their use at all.
    """

    def __init__(
        self,
        ca_bundle: CABundleSource,
        convert: Callable[[bytes, x509.Certificate], AuthenticationResponse | None],
        *,
        describe_failure: Callable[[x509.Certificate, str], str] = lambda _, reason: reason,
        clock: Clock | None = None,
        metrics: CertificateMetrics | None = None,
    ) -> None:
        self._ca_bundle = ca_bundle
        self._convert = convert
        self._describe_failure = describe_failure
        self._clock = clock or SystemClock()
        self._metrics = metrics
        self._verdicts: dict[tuple[bytes, ...], _Verdict] = {}

    def verify(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        """The converted answer for the presented certificate; None without one, or without a bundle.

        Raises AuthenticationError when the certificate is not to be trusted or names nobody properly.
        """
        chain = peer_chain(request)
        if not chain:
            return None
        bundle = self._ca_bundle()
        if not bundle:
            return None
        key = tuple(chain)
        verdict = self._verdicts.get(key)
        if verdict is None or not self._is_current(verdict, bundle):
            verdict = self._judge(key, bundle)
        elif self._metrics is not None and verdict.not_after is not None:
            self._metrics.remaining_lifetime((verdict.not_after - self._clock.now()).total_seconds())
        if verdict.error is not None:
            raise AuthenticationError(verdict.error)
        return verdict.response

    def _is_current(self, verdict: _Verdict, bundle: bytes) -> bool:
        return (verdict.bundle is bundle or verdict.bundle == bundle) and self._clock.monotonic() < verdict.expires

    def _judge(self, chain: tuple[bytes, ...], bundle: bytes) -> _Verdict:
        now = self._clock.now()
        not_after: datetime | None = None
        lifetime = VERDICT_TTL
        response: AuthenticationResponse | None = None
        failure: str | None = None
        try:
            certificate = x509.load_der_x509_certificate(chain[0])
            not_after = certificate.not_valid_after_utc
            remaining = (not_after - now).total_seconds()
            if self._metrics is not None:
                self._metrics.remaining_lifetime(remaining)
            if remaining > 0:
                lifetime = min(lifetime, remaining)
            try:
                verify_client_certificate(chain, bundle, now)
            except CertificateVerificationError as error:
                failure = self._describe_failure(certificate, str(error))
            else:
                response = self._convert(chain[0], certificate)
        except AuthenticationError as error:
            failure = str(error)
        except ValueError as error:
            failure = f"x509: malformed certificate: {error}"
        verdict = _Verdict(bundle, self._clock.monotonic() + lifetime, not_after, failure, response)
        if len(self._verdicts) >= _MAX_VERDICTS:
            self._verdicts.clear()
        self._verdicts[chain] = verdict
        return verdict


class X509Authenticator:
    """Takes the user from a trusted client certificate: CN is the name, every O a group."""

    def __init__(
        self,
        ca_bundle: CABundleSource,
        *,
        clock: Clock | None = None,
        metrics: CertificateMetrics | None = None,
    ) -> None:
        self._verifier = ClientCertificateVerifier(
            ca_bundle, common_name_user, describe_failure=_describe_failure, clock=clock, metrics=metrics
        )

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        return self._verifier.verify(request)


class X509Verifier:
    """Lets *authenticator* answer only for requests whose client certificate is trusted and has an allowed name.

    *allowed_names* gives the common names of the moment; an empty collection allows every one.
    """

    def __init__(
        self,
        ca_bundle: CABundleSource,
        authenticator: RequestAuthenticator,
        *,
        allowed_names: Callable[[], Collection[str]] = tuple,
        clock: Clock | None = None,
    ) -> None:
        self._authenticator = authenticator
        self._allowed_names = allowed_names
        self._verifier = ClientCertificateVerifier(ca_bundle, lambda _, certificate: _named(certificate), clock=clock)

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        verified = self._verifier.verify(request)
        if verified is None:
            return None
        allowed = self._allowed_names()
        if allowed and verified.user.name not in allowed:
            raise AuthenticationError(f"x509: subject with cn={verified.user.name} is not in the allowed list")
        return await self._authenticator.authenticate_request(request)


def common_name_user(der: bytes, certificate: x509.Certificate) -> AuthenticationResponse | None:
    """The user that a certificate names; None when it has no common name. Raises AuthenticationError for a bad uid."""
    name = _common_name(certificate)
    if not name:
        return None
    groups = tuple(
        _text(attribute) for attribute in certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    )
    extra = {CREDENTIAL_ID_KEY: ("X509SHA256=" + hashlib.sha256(der).hexdigest(),)}
    return AuthenticationResponse(UserInfo(name=name, uid=_uid(certificate), groups=groups, extra=extra))


def _named(certificate: x509.Certificate) -> AuthenticationResponse:
    return AuthenticationResponse(UserInfo(name=_common_name(certificate)))


def _common_name(certificate: x509.Certificate) -> str:
    # Of several, the last counts (Go's pkix.Name.FillFromRDNSequence).
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return _text(names[-1]) if names else ""


def _uid(certificate: x509.Certificate) -> str:
    attributes = certificate.subject.get_attributes_for_oid(UID_OID)
    uids = [attribute.value for attribute in attributes]
    if not uids:
        return ""
    if len(uids) > 1:
        raise AuthenticationError(f"expected 1 UID, but found multiple: [{' '.join(map(str, uids))}]")
    (uid,) = uids
    if not isinstance(uid, str):
        raise AuthenticationError("unable to parse UID into a string")
    if not uid:
        raise AuthenticationError("UID cannot be an empty string")
    return uid


def _text(attribute: x509.NameAttribute[str | bytes]) -> str:
    value = attribute.value
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def _describe_failure(certificate: x509.Certificate, reason: str) -> str:
    return (
        f"verifying certificate SN={certificate.serial_number}, "
        f"SKID={_key_id(certificate, ExtensionOID.SUBJECT_KEY_IDENTIFIER)}, "
        f"AKID={_key_id(certificate, ExtensionOID.AUTHORITY_KEY_IDENTIFIER)} failed: {reason}"
    )


def _key_id(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    try:
        value = certificate.extensions.get_extension_for_oid(oid).value
    except (x509.ExtensionNotFound, ValueError):
        return ""
    digest = value.digest if isinstance(value, x509.SubjectKeyIdentifier) else getattr(value, "key_identifier", None)
    return (digest or b"").hex(":").upper()
