"""The choice of a certificate; the map's cases are those of Go's TestBuiltNamedCertificates."""

from __future__ import annotations

import pytest

from genericapiserver.certificates import CertificateError, NamedCertificates, NamedTLSCert, get_named_certificate_map
from genericapiserver.connection import ServingCertificate
from tests.support.pki import Issued, issue


def pair(issued: Issued) -> ServingCertificate:
    return ServingCertificate(certificate_pem=issued.pem, private_key_pem=issued.key_pem)


def named_pairs(*named: tuple[ServingCertificate, list[str]]) -> list[NamedTLSCert]:
    return [NamedTLSCert(pair, names) for pair, names in named]


def certificate(common_name: str = "", *dns: str, ips: tuple[str, ...] = ()) -> ServingCertificate:
    return pair(issue(common_name, dns=dns, ips=ips))


DEFAULT = certificate("default", "default.example.com")


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ([], {}),
        ([(certificate("test.com"), [])], {"test.com": 0}),
        ([(certificate("1.2.3.4"), [])], {}),
        ([(certificate("test.com", ips=("1.2.3.4",)), [])], {"test.com": 0}),
        ([(certificate("test.com"), []), (certificate("test.com"), [])], {"test.com": 0}),
        ([(certificate("foo.com"), []), (certificate("bar.com"), [])], {"foo.com": 0, "bar.com": 1}),
        ([(certificate("test.com"), []), (certificate("test.com"), ["test.com"])], {"test.com": 1}),
        (
            [(certificate("a.com", "b.com"), []), (certificate("b.com", "c.com"), [])],
            {"a.com": 0, "b.com": 0, "c.com": 1},
        ),
        (
            [(certificate("test.com"), ["test.com", "*.test.com"]), (certificate("test.com"), ["dev.test.com"])],
            {"test.com": 0, "*.test.com": 0, "dev.test.com": 1},
        ),
        ([(certificate("test.com"), ["*.test.com"])], {"*.test.com": 0}),
        ([(certificate("*.test.com"), [])], {"*.test.com": 0}),
        ([(certificate("Test.com"), [])], {}),
        ([(certificate("no name at all"), [])], {}),
    ],
    ids=[
        "none",
        "one",
        "a CN that is an IP address",
        "an IP SAN beside",
        "two of the same name: the first",
        "two of different names",
        "the second has the name given",
        "partial overlap",
        "given wildcards",
        "given names suppress its own",
        "a wildcard CN",
        "an upper-case CN",
        "a CN that is no DNS name",
    ],
)
def test_name_map(named: list[tuple[ServingCertificate, list[str]]], expected: dict[str, int]) -> None:
    # The default is certificate 0, and in no map.
    assert NamedCertificates(DEFAULT, named_pairs(*named)).by_name == {
        name: index + 1 for name, index in expected.items()
    }


CHOICE = NamedCertificates(
    DEFAULT,
    named_pairs(
        (certificate("loopback"), ["apiserver-loopback-client"]),
        (certificate("", "own.example.com"), ["given.example.com", "*.wild.example.com", "127.0.0.1", "fd00::7"]),
        (certificate("", "extracted.example.com", "*.tree.example.com"), []),
        (certificate("", "default.example.com"), []),
    ),
)


@pytest.mark.parametrize(
    ("server_name", "local_address", "index"),
    [
        ("apiserver-loopback-client", "10.0.0.1", 1),
        ("given.example.com", "10.0.0.1", 2),
        ("GIVEN.example.com", "10.0.0.1", 2),
        ("a.wild.example.com", "10.0.0.1", 2),
        ("a.b.wild.example.com", "10.0.0.1", 0),
        ("wild.example.com", "10.0.0.1", 0),
        ("extracted.example.com", "10.0.0.1", 3),
        ("x.tree.example.com", "10.0.0.1", 3),
        ("own.example.com", "10.0.0.1", 2),
        ("default.example.com", "10.0.0.1", 4),
        ("unknown.example.com", "127.0.0.1", 0),
        (None, "127.0.0.1", 2),
        (None, "10.0.0.1", 0),
        (None, "::1", 0),
        (None, "fd00::7", 2),
        (None, "::ffff:127.0.0.1", 2),
    ],
    ids=[
        "the loopback name",
        "a given name",
        "in upper case",
        "one label under a wildcard",
        "two labels under a wildcard",
        "the bare domain of a wildcard",
        "a name of the certificate's own",
        "its own wildcard",
        "a suppressed own name is found by the last scan",
        "a named certificate wins over the default of the same name",
        "an unknown name, whatever the address",
        "no name, an address that was given",
        "no name, another address",
        "no name, IPv6",
        "no name, an IPv6 address that was given",
        "no name, IPv4 on a listener for both families",
    ],
)
def test_choice(server_name: str | None, local_address: str, index: int) -> None:
    assert CHOICE.select(server_name, local_address) == index


def test_a_single_certificate_is_for_everybody() -> None:
    only = NamedCertificates(None, named_pairs((certificate("a.com"), ["b.com"])))
    assert only.select("c.com", "127.0.0.1") == 0
    assert only.select(None, "127.0.0.1") == 0


def test_without_a_default_the_named_ones_stand_in() -> None:
    named = NamedCertificates(None, named_pairs((certificate("a.com"), []), (certificate("b.com", "b.com"), [])))
    assert named.select("b.com", "127.0.0.1") == 1
    assert named.select("unknown.com", "127.0.0.1") == 0


def test_no_certificate_at_all_is_an_error() -> None:
    with pytest.raises(CertificateError, match="no certificate"):
        NamedCertificates(None)


def test_a_pair_that_does_not_fit_is_named() -> None:
    mixed = ServingCertificate(certificate_pem=issue("a").pem, private_key_pem=issue("b").key_pem)
    with pytest.raises(CertificateError, match="invalid serving cert keypair: tls: private key does not match"):
        NamedCertificates(mixed)
    with pytest.raises(CertificateError) as caught:
        NamedCertificates(DEFAULT, [NamedTLSCert(mixed, [], "sni-serving-cert::a::b")])
    assert str(caught.value) == (
        'unable to build named certificate map: invalid SNI cert keypair [0/"sni-serving-cert::a::b"]: '
        "tls: private key does not match public key"
    )


def test_the_map_of_named_certificates_by_itself() -> None:
    one, two = certificate("one.example.com"), certificate("two.example.com")
    assert get_named_certificate_map([]) == {}
    found = get_named_certificate_map(named_pairs((one, []), (two, ["2.example.com", "one.example.com"])))
    assert found == {"one.example.com": two, "2.example.com": two}
