"""Client certificates: what verifies, and the text of what does not."""

import datetime as dt
from collections.abc import Callable

import pytest

from genericapiserver.certificates import CertificateVerificationError, verify_client_certificate
from tests.support.pki import CLIENT, SERVER, Issued, issue

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
ROOT = issue("root", ca=True)
OTHER_ROOT = issue("root", ca=True)  # the same name, another key
EXPIRED_ROOT = issue("expired root", ca=True, not_before=NOW - 3 * DAY, not_after=NOW - DAY)
SERVER_ROOT = issue("server root", ca=True, usages=[SERVER])
INTERMEDIATE = issue("intermediate", ROOT, ca=True)
SHORT = issue("short", ROOT, ca=True, path_length=0)
BELOW_SHORT = issue("below short", SHORT, ca=True)
NO_CA = issue("no ca", ROOT)


def verify(leaf: Issued, *others: Issued, bundle: bytes = ROOT.pem, now: dt.datetime = NOW) -> list[str]:
    path = verify_client_certificate([each.der for each in (leaf, *others)], bundle, now)
    return [certificate.subject.rfc4514_string() for certificate in path]


@pytest.mark.parametrize(
    ("leaf", "others", "bundle"),
    [
        (issue("alice", ROOT, usages=[CLIENT]), [], ROOT.pem),
        (issue("alice", ROOT), [], ROOT.pem),
        (issue("", ROOT), [], ROOT.pem),
        (issue("both", ROOT, usages=[SERVER, CLIENT]), [], ROOT.pem),
        (issue("alice", INTERMEDIATE), [INTERMEDIATE], ROOT.pem),
        (issue("alice", INTERMEDIATE), [NO_CA, INTERMEDIATE, ROOT], ROOT.pem),
        (issue("alice", SHORT), [SHORT], ROOT.pem),
        (issue("alice", ROOT), [], OTHER_ROOT.pem + b"words between\n" + ROOT.pem),
        (NO_CA, [], NO_CA.pem),
        (issue("alice", INTERMEDIATE), [], INTERMEDIATE.pem),
    ],
    ids=[
        "for clients",
        "without extended key usage",
        "without any name",
        "for clients and servers",
        "by an intermediate",
        "with needless certificates beside",
        "at the allowed path length",
        "two roots of one name",
        "trusted itself",
        "by an intermediate that is trusted itself",
    ],
)
def test_good_certificates_verify(leaf: Issued, others: list[Issued], bundle: bytes) -> None:
    assert verify(leaf, *others, bundle=bundle)


EXPIRED = issue("old", ROOT, not_before=NOW - 3 * DAY, not_after=NOW - DAY)
FUTURE = issue("new", ROOT, not_before=NOW + DAY, not_after=NOW + 3 * DAY)
UNKNOWN = "x509: certificate signed by unknown authority"
CANNOT_SIGN = "x509: invalid signature: parent certificate cannot sign this kind of certificate"


def hint(reason: str, authority: str) -> str:
    return f'{UNKNOWN} (possibly because of "{reason}" while trying to verify candidate authority certificate "{authority}")'


def stamp(time: dt.datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("leaf", "others", "bundle", "text"),
    [
        (issue("eve"), [], ROOT.pem, UNKNOWN),
        (issue("eve", issue("stranger", ca=True)), [], ROOT.pem, UNKNOWN),
        (issue("alice", INTERMEDIATE), [], ROOT.pem, UNKNOWN),
        (issue("eve", OTHER_ROOT), [], ROOT.pem, hint("x509: ECDSA verification failure", "root")),
        (issue("eve", NO_CA), [NO_CA], ROOT.pem, hint(CANNOT_SIGN, "no ca")),
        (issue("server", ROOT, usages=[SERVER]), [], ROOT.pem, "x509: certificate specifies an incompatible key usage"),
        (issue("a", SERVER_ROOT), [], SERVER_ROOT.pem, "x509: certificate specifies an incompatible key usage"),
        (
            EXPIRED,
            [],
            ROOT.pem,
            "x509: certificate has expired or is not yet valid: current time "
            f"{stamp(NOW)} is after {stamp(EXPIRED.certificate.not_valid_after_utc)}",
        ),
        (
            FUTURE,
            [],
            ROOT.pem,
            "x509: certificate has expired or is not yet valid: current time "
            f"{stamp(NOW)} is before {stamp(FUTURE.certificate.not_valid_before_utc)}",
        ),
        (
            issue("alice", EXPIRED_ROOT),
            [],
            EXPIRED_ROOT.pem,
            "x509: certificate has expired or is not yet valid: current time "
            f"{stamp(NOW)} is after {stamp(EXPIRED_ROOT.certificate.not_valid_after_utc)}",
        ),
        (
            issue("alice", BELOW_SHORT),
            [BELOW_SHORT, SHORT],
            ROOT.pem,
            "x509: too many intermediates for path length constraint",
        ),
    ],
    ids=[
        "self-signed",
        "by a stranger",
        "without its intermediate",
        "by another key of the same name",
        "by one that is no CA",
        "for servers only",
        "by a root for servers only",
        "expired",
        "not yet valid",
        "by an expired root",
        "beyond the path length",
    ],
)
def test_bad_certificates_are_refused_in_gos_words(
    leaf: Issued, others: list[Issued], bundle: bytes, text: str
) -> None:
    with pytest.raises(CertificateVerificationError) as caught:
        verify(leaf, *others, bundle=bundle)
    assert str(caught.value) == text


def test_path_is_returned_leaf_first() -> None:
    assert verify(issue("alice", INTERMEDIATE), INTERMEDIATE) == ["CN=alice", "CN=intermediate", "CN=root"]


def test_many_issuers_of_one_name_do_not_run_away() -> None:
    name = "loop"
    ring = [issue(name, ca=True) for _ in range(40)]
    ring = [issue(name, issuer, ca=True) for issuer in ring]
    with pytest.raises(CertificateVerificationError, match=r"limit reached|unknown authority"):
        verify(issue("eve", ring[0]), *ring * 3)


@pytest.mark.parametrize("bundle", [b"", b"nothing", ROOT.key_pem], ids=["an empty bundle", "words", "a key"])
def test_a_bundle_without_certificates_is_a_value_error(bundle: bytes) -> None:
    with pytest.raises(ValueError, match="does not contain any valid"):
        verify(issue("alice", ROOT), bundle=bundle)


def test_a_leaf_that_cannot_be_read_is_a_value_error() -> None:
    with pytest.raises(ValueError):
        verify_client_certificate([b"nonsense"], ROOT.pem, NOW)


@pytest.mark.parametrize("make", [lambda: b"nonsense", lambda: b""])
def test_unreadable_intermediates_are_passed_over(make: Callable[[], bytes]) -> None:
    leaf = issue("alice", ROOT)
    assert verify_client_certificate([leaf.der, make()], ROOT.pem, NOW)
