import datetime as dt
import hashlib
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from genericapiserver.authentication import (
    AuthenticationError,
    AuthenticationRequest,
    AuthenticationResponse,
    FunctionAuthenticator,
    UserInfo,
)
from genericapiserver.authentication.anonymous import AnonymousAuthenticator
from genericapiserver.authentication.delegating import (
    RequestHeaderSource,
    delegating_authenticator,
    with_loopback_token,
)
from genericapiserver.authentication.metrics import CertificateMetrics
from genericapiserver.authentication.x509 import UID_OID, X509Authenticator, X509Verifier
from genericapiserver.metrics import MetricsRegistry
from tests.authentication.test_webhook import FakeClient, granted
from tests.support.pki import CLIENT, SERVER, Issued, issue

CA = issue("ca", ca=True)
OTHER_CA = issue("other", ca=True)
PROXY_CA = issue("proxy-ca", ca=True)
NOW = dt.datetime.now(dt.UTC)


class MovingClock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> dt.datetime:
        return NOW + dt.timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


def request(*chain: bytes, headers: list[tuple[str, str]] | None = None) -> AuthenticationRequest:
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers or []]
    scope = {
        "type": "http",
        "path": "/",
        "headers": pairs,
        "extensions": {"tls": {"peer_certificate_chain_der": chain}},
    }
    return AuthenticationRequest(scope)


def authenticator(*authorities: Issued, **options: Any) -> X509Authenticator:
    bundle = b"".join(authority.pem for authority in authorities or (CA,))
    return X509Authenticator(lambda: bundle, **options)


async def test_the_common_name_is_the_user_and_organizations_are_groups() -> None:
    alice = issue("alice", CA, organizations=["dev", "ops"], usages=[CLIENT])
    response = await authenticator().authenticate_request(request(alice.der))
    digest = hashlib.sha256(alice.der).hexdigest()
    assert response == AuthenticationResponse(
        UserInfo(
            name="alice",
            groups=("dev", "ops"),
            extra={"authentication.kubernetes.io/credential-id": (f"X509SHA256={digest}",)},
        )
    )


@pytest.mark.parametrize(
    "scope",
    [
        {"extensions": {}},
        {},
        {"extensions": {"tls": {}}},
        {"extensions": {"tls": {"peer_certificate_chain_der": []}}},
    ],
)
async def test_without_a_certificate_there_is_no_opinion(scope: dict[str, Any]) -> None:
    asked = AuthenticationRequest({"type": "http", "headers": [], **scope})
    assert await authenticator().authenticate_request(asked) is None


async def test_without_a_bundle_there_is_no_opinion() -> None:
    asked = request(issue("alice", CA).der)
    assert await X509Authenticator(lambda: None).authenticate_request(asked) is None


async def test_an_empty_common_name_is_no_opinion() -> None:
    assert await authenticator().authenticate_request(request(issue("", CA, organizations=["o"]).der)) is None


async def test_a_certificate_without_usages_passes() -> None:
    assert await authenticator().authenticate_request(request(issue("alice", CA).der)) is not None


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        (issue("a", CA, not_before=NOW - dt.timedelta(hours=2), not_after=NOW - dt.timedelta(hours=1)), "has expired"),
        (issue("a", CA, not_before=NOW + dt.timedelta(hours=1)), "not yet valid"),
        (issue("a", OTHER_CA), "x509: certificate signed by unknown authority"),
        (issue("a"), "x509: certificate signed by unknown authority"),
        (issue("a", CA, usages=[SERVER]), "x509: certificate specifies an incompatible key usage"),
    ],
    ids=["expired", "too early", "another authority", "self-signed", "server only"],
)
async def test_bad_certificates_are_errors_that_name_them(certificate: Issued, reason: str) -> None:
    with pytest.raises(AuthenticationError) as caught:
        await authenticator().authenticate_request(request(certificate.der))
    text = str(caught.value)
    ski = certificate.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert text.startswith(
        f"verifying certificate SN={certificate.certificate.serial_number}, SKID={ski.hex(':').upper()}"
    )
    assert ", AKID=" in text
    assert " failed: " in text
    assert reason in text


async def test_garbage_is_an_error() -> None:
    with pytest.raises(AuthenticationError, match="malformed certificate"):
        await authenticator().authenticate_request(request(b"garbage"))


async def test_the_client_may_bring_intermediates_and_there_may_be_two_roots() -> None:
    intermediate = issue("intermediate", CA, ca=True)
    bob = issue("bob", intermediate)
    both = authenticator(OTHER_CA, CA)
    with pytest.raises(AuthenticationError):
        await both.authenticate_request(request(bob.der))
    assert await both.authenticate_request(request(bob.der, intermediate.der)) is not None
    assert await both.authenticate_request(request(issue("carol", OTHER_CA).der)) is not None


def with_uids(*uids: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, "alice"), *(x509.NameAttribute(UID_OID, uid) for uid in uids)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(attributes))
        .issuer_name(CA.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - dt.timedelta(hours=1))
        .not_valid_after(NOW + dt.timedelta(hours=1))
    )
    certificate = builder.sign(CA.key, hashes.SHA256())
    return Issued(certificate, key).der


async def test_a_uid_in_the_subject() -> None:
    response = await authenticator().authenticate_request(request(with_uids("1234")))
    assert response is not None
    assert response.user.uid == "1234"
    with pytest.raises(AuthenticationError, match=r"expected 1 UID, but found multiple: \[a b\]"):
        await authenticator().authenticate_request(request(with_uids("a", "b")))


class TestVerdicts:
    """A verdict is kept for seconds, but never beyond a change of the bundle or the end of the certificate."""

    async def test_a_change_of_the_bundle_hits_open_connections(self) -> None:
        bundle = CA.pem
        x = X509Authenticator(lambda: bundle)
        asked = request(issue("alice", CA).der)
        assert await x.authenticate_request(asked) is not None
        bundle = OTHER_CA.pem
        with pytest.raises(AuthenticationError):
            await x.authenticate_request(asked)
        bundle = OTHER_CA.pem + CA.pem
        assert await x.authenticate_request(asked) is not None

    async def test_a_certificate_that_ends_is_judged_again_at_once(self) -> None:
        clock = MovingClock()
        x = authenticator(clock=clock)
        asked = request(issue("alice", CA, not_after=NOW + dt.timedelta(seconds=5)).der)
        assert await x.authenticate_request(asked) is not None
        clock.seconds = 6.0
        with pytest.raises(AuthenticationError, match="has expired"):
            await x.authenticate_request(asked)

    async def test_the_same_answer_comes_without_another_check(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = MovingClock()
        calls = 0

        def verify(*arguments: object) -> None:
            nonlocal calls
            calls += 1

        monkeypatch.setattr("genericapiserver.authentication.x509.verify_client_certificate", verify)
        x = authenticator(clock=clock)
        asked = request(issue("alice", CA).der)
        answers = []
        for clock.seconds in (0.0, 1.0, 9.9, 10.0):
            answers.append(await x.authenticate_request(asked))
        assert calls == 2
        assert answers[0] is answers[2]
        assert answers[0] == answers[3]

    async def test_a_refusal_is_kept_too_and_is_a_new_error_each_time(self) -> None:
        x = authenticator()
        asked = request(issue("alice", OTHER_CA).der)
        errors = []
        for _ in range(2):
            with pytest.raises(AuthenticationError) as caught:
                await x.authenticate_request(asked)
            errors.append(caught.value)
        assert str(errors[0]) == str(errors[1])
        assert errors[0] is not errors[1]

    async def test_the_remaining_lifetime_is_observed_at_every_request(self) -> None:
        registry = MetricsRegistry()
        x = authenticator(metrics=CertificateMetrics(registry))
        for certificate in (issue("alice", CA), issue("a", CA, not_after=NOW - dt.timedelta(minutes=1))):
            for _ in range(2):
                try:
                    await x.authenticate_request(request(certificate.der))
                except AuthenticationError:
                    continue
        name = "apiserver_client_certificate_expiration_seconds"
        assert registry.collectors.get_sample_value(f"{name}_count") == 4
        assert registry.collectors.get_sample_value(f"{name}_bucket", {"le": "0.0"}) == 2


class TestVerifier:
    @pytest.mark.parametrize(
        ("allowed", "name", "error"),
        [
            ([], "proxy", None),
            (["proxy", "x"], "proxy", None),
            (["x"], "proxy", "x509: subject with cn=proxy is not in the allowed list"),
            ([], "", None),
        ],
    )
    async def test_names(self, allowed: list[str], name: str, error: str | None) -> None:
        inner = FunctionAuthenticator(lambda request: AuthenticationResponse(UserInfo(name="front")))
        verifier = X509Verifier(lambda: PROXY_CA.pem, inner, allowed_names=lambda: allowed)
        asked = request(issue(name, PROXY_CA).der)
        if error is None:
            assert await verifier.authenticate_request(asked) is not None
        else:
            with pytest.raises(AuthenticationError) as caught:
                await verifier.authenticate_request(asked)
            assert str(caught.value) == error

    async def test_its_error_is_the_bare_text(self) -> None:
        verifier = X509Verifier(lambda: PROXY_CA.pem, FunctionAuthenticator(lambda request: None))
        with pytest.raises(AuthenticationError, match=r"^x509: certificate signed by unknown authority"):
            await verifier.authenticate_request(request(issue("a", CA).der))
        assert await verifier.authenticate_request(request()) is None


PROXY = issue("front-proxy", PROXY_CA)
PROXY_BAD_NAME = issue("somebody", PROXY_CA)
PROXY_EXPIRED = issue(
    "front-proxy", PROXY_CA, not_before=NOW - dt.timedelta(hours=2), not_after=NOW - dt.timedelta(hours=1)
)
ALICE = issue("alice", CA, organizations=["dev"])
BAD = issue("alice", OTHER_CA)
NAMELESS = issue("", CA)
FORGED = [("X-Remote-User", "boss"), ("X-Remote-Group", "system:masters")]
GOOD_TOKEN = [("Authorization", "Bearer good")]
BAD_TOKEN = [("Authorization", "Bearer bad")]


class TestDelegating:
    """Bad credentials are an error, no credentials are anonymous, and only the front proxy may name somebody else."""

    async def who(self, certificate: Issued | None, headers: list[tuple[str, str]], *, anonymous: bool = True) -> str:
        client = FakeClient(granted() if headers == GOOD_TOKEN else (201, {"status": {}}))
        composed = delegating_authenticator(
            request_header=RequestHeaderSource(ca_bundle=lambda: PROXY_CA.pem, allowed_names=lambda: ["front-proxy"]),
            client_ca=lambda: CA.pem,
            token_review_client=client,
            anonymous=AnonymousAuthenticator() if anonymous else None,
        )
        chain = [certificate.der] if certificate else []
        try:
            response = await composed.authenticate_request(request(*chain, headers=headers))
        except AuthenticationError:
            return "error"
        return "nobody" if response is None else f"{response.user.name} {','.join(response.user.groups)}"

    @pytest.mark.parametrize(
        ("certificate", "headers", "expected"),
        [
            (None, [], "system:anonymous system:unauthenticated"),
            (None, FORGED, "system:anonymous system:unauthenticated"),
            (ALICE, [], "alice dev,system:authenticated"),
            (ALICE, FORGED, "alice dev,system:authenticated"),
            (PROXY, FORGED, "boss system:masters,system:authenticated"),
            (PROXY, [], "error"),
            (PROXY, [("X-Remote-User", "system:anonymous")], "system:anonymous "),
            (PROXY_BAD_NAME, FORGED, "error"),
            (PROXY_EXPIRED, FORGED, "error"),
            (BAD, FORGED, "error"),
            (BAD, [], "error"),
            (NAMELESS, [], "error"),
            (None, GOOD_TOKEN, "alice system:authenticated"),
            (None, BAD_TOKEN, "error"),
            (BAD, GOOD_TOKEN, "alice system:authenticated"),
            (ALICE, BAD_TOKEN, "alice dev,system:authenticated"),
            (None, [("Authorization", "Basic YTpi")], "system:anonymous system:unauthenticated"),
        ],
    )
    async def test_matrix(self, certificate: Issued | None, headers: list[tuple[str, str]], expected: str) -> None:
        assert await self.who(certificate, headers) == expected

    async def test_without_anonymous_nobody_is_nobody(self) -> None:
        assert await self.who(None, [], anonymous=False) == "nobody"

    async def test_something_must_be_configured(self) -> None:
        with pytest.raises(ValueError, match="no authentication method configured"):
            delegating_authenticator()
        only_anonymous = delegating_authenticator(anonymous=AnonymousAuthenticator())
        assert await only_anonymous.authenticate_request(request()) is not None

    async def test_answers_to_tokens_are_remembered(self) -> None:
        client = FakeClient(granted())
        composed = delegating_authenticator(token_review_client=client)
        for _ in range(2):
            assert await composed.authenticate_request(request(headers=GOOD_TOKEN)) is not None
        assert len(client.posts) == 1

    async def test_reviews_may_go_to_a_webhooks_own_url(self) -> None:
        client = FakeClient(granted())
        composed = delegating_authenticator(token_review_client=client, review_path="")
        await composed.authenticate_request(request(headers=GOOD_TOKEN))
        assert client.posts[0][0] == ""

    async def test_the_servers_own_token_comes_first(self) -> None:
        inner = delegating_authenticator(client_ca=lambda: CA.pem, anonymous=AnonymousAuthenticator())
        composed = with_loopback_token(inner, "secret", "some-uid")
        response = await composed.authenticate_request(request(headers=[("Authorization", "Bearer secret")]))
        assert response is not None
        assert response.user.name == "system:apiserver"
        assert response.user.groups == ("system:authenticated", "system:masters")
        response = await composed.authenticate_request(request(ALICE.der))
        assert response is not None
        assert response.user.name == "alice"
