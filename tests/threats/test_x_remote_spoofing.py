"""Who one is by certificate and headers: every cell over real TLS, on HTTP/2 and on HTTP/1.1.

A server is asked directly, past the proxy that it trusts, with every certificate that somebody may have and every header
that somebody may send. What counts is the certificate; headers count only from the front proxy, and no handler sees them.
"""

import datetime as dt
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Decision
from genericapiserver.options.authentication import RequestHeaderOptions
from tests.support.fake_cluster import FakeCluster, fake_cluster
from tests.support.identity_server import (
    PROXY_NAME,
    IdentityServer,
    authorities,
    bundle,
    certificate,
    identity_server,
    options,
)
from tests.support.pki import CLIENT, Issued, issue

BOB = ("X-Remote-User", "bob")
MASTERS = ("X-Remote-Group", "system:masters")
GOOD, BAD = ("Authorization", "Bearer tinas-token"), ("Authorization", "Bearer nobodys-token")

HEADERS: dict[str, list[tuple[str, str]]] = {
    "nothing": [],
    "user": [BOB],
    "user and groups": [BOB, ("X-Remote-Group", "ops"), ("X-Remote-Group", "eve,root"), ("X-Remote-Group", "")],
    "user and uid": [BOB, ("X-Remote-Uid", "u1")],
    "user and extra": [BOB, ("X-Remote-Extra-Scopes", "a"), ("X-Remote-Extra-Acme.com%2FTeam", "b")],
    "forged masters": [("X-Remote-User", "mallory"), MASTERS],
    "groups without user": [MASTERS, ("X-Remote-Uid", "u1"), ("X-Remote-Extra-Scopes", "a")],
    "impersonation": [("Impersonate-User", "carol")],
    "user and impersonation": [BOB, ("Impersonate-User", "carol")],
    "user and impersonation of masters": [BOB, ("Impersonate-User", "carol"), ("Impersonate-Group", "system:masters")],
    "good token": [GOOD],
    "bad token": [BAD],
    "user and good token": [BOB, GOOD],
    "user and bad token": [BOB, BAD],
}

ANONYMOUS, AUTHENTICATED = "system:anonymous in system:unauthenticated", ",system:authenticated"
ALICE, TINA, CAROL = f"alice in dev{AUTHENTICATED}", f"tina in testers{AUTHENTICATED}", "carol in system:authenticated"

# Nobody's certificate counts beside a token that is good: the token does. Without one it is bad credentials.
UNTRUSTED = {name: TINA if GOOD in headers else "401" for name, headers in HEADERS.items()}

EXPECTED: dict[str, dict[str, str]] = {
    "none": {
        **dict.fromkeys(HEADERS, ANONYMOUS),
        "impersonation": "403",
        "user and impersonation": "403",
        "user and impersonation of masters": "403",
        "good token": TINA,
        "user and good token": TINA,
        "bad token": "401",
        "user and bad token": "401",
    },
    "client": {
        **dict.fromkeys(HEADERS, ALICE),
        "impersonation": CAROL,
        "user and impersonation": CAROL,
        "user and impersonation of masters": "403",
    },
    "proxy": {
        **dict.fromkeys(HEADERS, "bob in system:authenticated"),
        "nothing": "401",
        "user and groups": f"bob in ops,eve,root{AUTHENTICATED}",
        "forged masters": f"mallory in system:masters{AUTHENTICATED}",  # the proxy may say so, and nobody else
        "groups without user": "401",
        "impersonation": "401",
        "user and impersonation": CAROL,
        "user and impersonation of masters": "403",
        "good token": TINA,
        "bad token": "401",
    },
    "proxy, other name": UNTRUSTED,
    "proxy, expired": UNTRUSTED,
    "self-signed": UNTRUSTED,
    "proxy, not yet valid": UNTRUSTED,
    "proxy, for servers only": UNTRUSTED,
    "proxy, without name": UNTRUSTED,
    "client, expired": UNTRUSTED,
    "client, without name": UNTRUSTED,
    "unknown authority": UNTRUSTED,
}


class MayImpersonate:
    """Alice and bob may be any user, but of no group; whatever else is asked is allowed."""

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        if attributes.verb != "impersonate":
            return AuthorizationResult(Decision.ALLOW)
        caller = attributes.user.name if attributes.user is not None else ""
        may = caller in ("alice", "bob") and attributes.resource == "users"
        return AuthorizationResult(Decision.ALLOW if may else Decision.NO_OPINION)


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    async with fake_cluster(tokens={"tinas-token": {"username": "tina", "groups": ["testers"]}}) as running:
        yield running


@pytest.fixture
async def server(cluster: FakeCluster, tmp_path: Path) -> AsyncIterator[IdentityServer]:
    settings = options(tmp_path, remote_kubeconfig_file=str(cluster.kubeconfig(tmp_path / "kubeconfig")))
    async with identity_server(tmp_path, settings, authorizer=MayImpersonate()) as running:
        yield running


async def outcome(
    server: IdentityServer, client: Issued | None, *others: Issued, headers: list[tuple[str, str]], http2: bool = True
) -> str:
    """`name in groups` as the handler saw the user, or the status of a refusal."""
    before = len(server.seen)
    response = await server.ask(client, *others, headers=headers, http2=http2)
    assert response.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    if response.status_code != 200:
        assert len(server.seen) == before  # the handler was not reached
        return str(response.status_code)
    told = response.json()
    credentials = ("authorization", "x-remote-", "impersonate-")
    assert not [name for name in told["headers"] if name.startswith(credentials)]
    return f"{told['name']} in {','.join(told['groups'])}"


@pytest.mark.parametrize("http2", [True, False], ids=["h2", "h1"])
@pytest.mark.parametrize("kind", EXPECTED)
async def test_the_matrix(kind: str, http2: bool, server: IdentityServer) -> None:
    got = {
        name: await outcome(server, certificate(kind), headers=headers, http2=http2)
        for name, headers in HEADERS.items()
    }
    assert got == EXPECTED[kind]


@pytest.mark.parametrize("http2", [True, False], ids=["h2", "h1"])
async def test_what_the_proxy_says_is_taken_whole(http2: bool, server: IdentityServer) -> None:
    headers = [
        BOB,
        ("X-Remote-User", "second"),  # only the first counts
        ("X-Remote-Uid", "u1"),
        ("X-Remote-Group", "ops"),
        ("X-Remote-Group", "ops"),
        ("X-Remote-Extra-Scopes", "a"),
        ("x-remote-extra-scopes", "b, c"),
        ("X-Remote-Extra-Acme.com%2FTeam", "d"),
        ("X-Remote-Extra-Bad%zz", "e"),
        ("X-Other", "kept"),
    ]
    told = (await server.ask(certificate("proxy"), headers=headers, http2=http2)).json()
    assert (told["name"], told["uid"]) == ("bob", "u1")
    assert told["groups"] == ["ops", "ops", "system:authenticated"]
    assert told["extra"] == {"scopes": ["a", "b, c"], "acme.com/team": ["d"], "bad%zz": ["e"]}
    assert "x-other" in told["headers"]


async def test_an_empty_user_is_no_user(server: IdentityServer) -> None:
    headers = [("X-Remote-User", ""), BOB, MASTERS]
    assert await outcome(server, certificate("proxy"), headers=headers) == "401"
    assert await outcome(server, None, headers=headers) == ANONYMOUS


async def test_a_proxy_may_say_that_nobody_is_known(server: IdentityServer) -> None:
    headers = [("X-Remote-User", "system:anonymous")]
    assert await outcome(server, certificate("proxy"), headers=headers) == "system:anonymous in "


async def test_a_certificate_without_usages_proves_its_name(server: IdentityServer) -> None:
    expected = "bob in system:authenticated"
    assert await outcome(server, certificate("proxy, without usages"), headers=[BOB]) == expected


async def test_the_proxys_name_signed_by_the_client_authority_is_a_users_name(server: IdentityServer) -> None:
    named = certificate("client, named as the proxy")
    expected = f"{PROXY_NAME} in system:authenticated"
    assert await outcome(server, named, headers=[("X-Remote-User", "mallory"), MASTERS]) == expected


async def test_the_key_of_the_proxy_in_a_certificate_of_another_authority_proves_nothing(
    server: IdentityServer,
) -> None:
    proxy, other = certificate("proxy"), authorities().nobody
    assert proxy is not None
    builder = (
        x509.CertificateBuilder()
        .subject_name(proxy.certificate.subject)
        .issuer_name(authorities().proxies.certificate.subject)  # it names the authority that did not sign it
        .public_key(proxy.key.public_key())
        .serial_number(proxy.certificate.serial_number)
        .not_valid_before(dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))
        .not_valid_after(dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    )
    forged = Issued(builder.sign(other.key, hashes.SHA256()), proxy.key, other)
    assert await outcome(server, forged, headers=[BOB]) == "401"


@pytest.mark.parametrize("http2", [True, False], ids=["h2", "h1"])
async def test_intermediates_come_with_the_certificate(http2: bool, server: IdentityServer) -> None:
    of = authorities()
    intermediate = issue("proxies-2026", of.proxies, ca=True)
    proxy = issue(PROXY_NAME, intermediate, usages=[CLIENT])
    expected = "bob in system:authenticated"
    assert await outcome(server, proxy, intermediate, headers=[BOB], http2=http2) == expected
    assert await outcome(server, proxy, headers=[BOB], http2=http2) == "401"  # nobody knows who signed it
    assert await outcome(server, proxy, of.nobody, headers=[BOB], http2=http2) == "401"
    no_authority = issue("not-a-ca", of.proxies, usages=[CLIENT])
    below = issue(PROXY_NAME, no_authority, usages=[CLIENT])
    assert await outcome(server, below, no_authority, headers=[BOB], http2=http2) == "401"


async def test_two_roots_in_a_bundle_are_both_trusted(tmp_path: Path) -> None:
    of, second = authorities(), issue("second-front-proxy-ca", ca=True)
    settings = options(tmp_path)
    bundle(tmp_path / "front-proxy-ca.crt", second, of.proxies)
    async with identity_server(tmp_path, settings) as server:
        for root in (of.proxies, second):
            proxy = issue(PROXY_NAME, root, usages=[CLIENT])
            assert await outcome(server, proxy, headers=[BOB]) == "bob in system:authenticated"


async def test_without_allowed_names_any_certificate_of_the_authority_is_a_proxy_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = options(tmp_path)
    settings.request_header.allowed_names = []
    async with identity_server(tmp_path, settings) as server:
        for kind in ("proxy", "proxy, other name", "proxy, without name"):
            assert await outcome(server, certificate(kind), headers=[BOB]) == "bob in system:authenticated"
        for kind in ("client", "self-signed", "proxy, expired", "unknown authority"):
            assert "bob" not in await outcome(server, certificate(kind), headers=[BOB])
    (warning,) = [record for record in caplog.records if "--requestheader-allowed-names is empty" in record.message]
    assert warning.levelno == logging.WARNING


async def test_headers_of_other_names_are_taken_and_removed_with_the_usual_ones(tmp_path: Path) -> None:
    settings = options(tmp_path)
    settings.request_header = RequestHeaderOptions(
        client_ca_file=settings.request_header.client_ca_file,
        username_headers=["X-First", "X-User"],
        group_headers=["X-Groups", "X-More-Groups"],
        extra_header_prefixes=["X-Facts-"],
        allowed_names=[PROXY_NAME],
    )
    headers = [
        ("X-First", ""),
        ("X-User", "bob"),
        ("X-More-Groups", "b"),
        ("X-Groups", "a"),
        ("X-Facts-Team", "red"),
        ("X-Remote-User", "mallory"),
        MASTERS,
        ("X-Remote-Extra-Scopes", "all"),
        ("X-Remote-Uid", "0"),
    ]
    async with identity_server(tmp_path, settings) as server:
        for kind, user in (("proxy", "bob"), ("client", "alice"), ("none", "system:anonymous")):
            told = (await server.ask(certificate(kind), headers=headers)).json()
            assert told["name"] == user
            assert not [
                name for name in told["headers"] if name.startswith(("x-remote", "x-user", "x-first", "x-facts"))
            ]
            if kind == "proxy":
                assert told["groups"] == ["a", "b", "system:authenticated"]
                assert told["extra"] == {"team": ["red"]}


async def test_without_a_front_proxy_its_headers_are_nothing_and_vanish(tmp_path: Path) -> None:
    settings = options(tmp_path, request_header=RequestHeaderOptions())
    async with identity_server(tmp_path, settings) as server:
        for kind, user in (("none", ANONYMOUS), ("client", ALICE), ("proxy", "401")):
            assert await outcome(server, certificate(kind), headers=[BOB, MASTERS]) == user
