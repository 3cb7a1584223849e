"""Tokens of issuers: what is believed of them, when keys are fetched, and what users become of them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from genericapiserver.apis.apiserver_config_v1_authentication import (
    AuthenticationConfiguration,
    ClaimMappings,
    ClaimOrExpression,
    ClaimValidationRule,
    ExtraMapping,
    Issuer,
    JWTAuthenticator,
    PrefixedClaimOrExpression,
    UserValidationRule,
)
from genericapiserver.authentication import AuthenticationError
from genericapiserver.authentication.jose import ALGORITHMS
from genericapiserver.authentication.oidc.authenticator import IssuerTokenAuthenticator
from genericapiserver.authentication.oidc.issuer import (
    FetchBudget,
    IssuerError,
    RemoteIssuer,
    parse_key_set,
)
from genericapiserver.authentication.oidc.issuers import IssuerSet
from genericapiserver.authentication.oidc.metrics import JWTMetrics
from genericapiserver.authentication.oidc.validation import validate_configuration
from genericapiserver.authentication.user import UserInfo
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.metrics.labels import hash_label
from tests.authentication.test_jose import hmac_token
from tests.support.clock import START, HandClock
from tests.support.issuer import DISCOVERY, EC_KEY, JWKS, RSA_KEYS, DirectFetcher, FakeIssuer, fake_issuer

NOW = START.timestamp()
USERNAME = PrefixedClaimOrExpression(claim="username", prefix="")


def configured(issuer: FakeIssuer, /, **settings: Any) -> JWTAuthenticator:
    mappings = settings.pop("mappings", {})
    issuer_settings = {"audiences": ["me"], **settings.pop("issuer", {})}
    return JWTAuthenticator(
        issuer=Issuer(url=issuer.url, **issuer_settings),
        claim_mappings=ClaimMappings(**({"username": USERNAME} | mappings)),
        **settings,
    )


def made(config: JWTAuthenticator, *issuers: FakeIssuer, **settings: Any) -> IssuerTokenAuthenticator:
    (expressions,), errors = validate_configuration(AuthenticationConfiguration(jwt=[config]))
    assert errors == []
    settings.setdefault("clock", HandClock())
    return IssuerTokenAuthenticator(config, expressions, DirectFetcher(issuers), **settings)


@asynccontextmanager
async def running(authenticator: IssuerTokenAuthenticator) -> AsyncIterator[IssuerTokenAuthenticator]:
    """Until it has found its issuer and keys, and then for the length of the block."""
    task = asyncio.create_task(authenticator.run())
    try:
        while authenticator.problem or not authenticator._issuer.keys(""):
            await asyncio.sleep(0)
        yield authenticator
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
def issuer() -> FakeIssuer:
    return FakeIssuer(url="https://issuer.example.com")


async def outcome(authenticator: IssuerTokenAuthenticator, token: str) -> UserInfo | str | None:
    """The user, or why there is none, which must not tell the token."""
    try:
        response = await authenticator.authenticate_token(token)
    except AuthenticationError as error:
        return str(error).replace(token, "<the token>")
    return None if response is None else response.user


def claims(**more: Any) -> dict[str, Any]:
    return {"aud": "me", "username": "jane", "exp": NOW + 100, **more}


# From claims to a user

PREFIXED = {"groups": PrefixedClaimOrExpression(claim="groups", prefix="")}
EMAIL = {"username": PrefixedClaimOrExpression(claim="email", prefix="")}


def expression(text: str) -> PrefixedClaimOrExpression:
    return PrefixedClaimOrExpression(expression=text)


@pytest.mark.parametrize(
    ("mappings", "given", "user"),
    {
        "a name": ({}, {}, UserInfo(name="jane")),
        "a name with a prefix": (
            {"username": PrefixedClaimOrExpression(claim="username", prefix="oidc:")},
            {},
            UserInfo(name="oidc:jane"),
        ),
        "an empty name": ({}, {"username": ""}, UserInfo(name="")),
        "no name": ({}, {"username": None}, UserInfo(name="")),
        "a verified address": (EMAIL, {"email": "j@x", "email_verified": True}, UserInfo(name="j@x")),
        "an address of which nothing is said": (EMAIL, {"email": "j@x"}, UserInfo(name="j@x")),
        "groups": (PREFIXED, {"groups": ["a", "b"]}, UserInfo(name="jane", groups=["a", "b"])),
        "one group": (PREFIXED, {"groups": "a"}, UserInfo(name="jane", groups=["a"])),
        "no groups": (PREFIXED, {}, UserInfo(name="jane")),
        "null groups": (PREFIXED, {"groups": None}, UserInfo(name="jane")),
        "groups with a prefix": (
            {"groups": PrefixedClaimOrExpression(claim="groups", prefix="g:")},
            {"groups": ["a", "b"]},
            UserInfo(name="jane", groups=["g:a", "g:b"]),
        ),
        "a uid": ({"uid": ClaimOrExpression(claim="sub")}, {"sub": "1234"}, UserInfo(name="jane", uid="1234")),
        "an ID of the token": (
            {},
            {"jti": "abc"},
            UserInfo(name="jane", extra={"authentication.kubernetes.io/credential-id": ["JTI=abc"]}),
        ),
        "an ID of the token that is none": ({}, {"jti": 5}, UserInfo(name="jane")),
        "expressions": (
            {
                "username": expression("claims.username + '!'"),
                "groups": expression("claims.roles.split(',')"),
                "uid": ClaimOrExpression(expression="claims.sub"),
                "extra": [
                    ExtraMapping(key="example.com/foo", value_expression="claims.foo"),
                    ExtraMapping(key="example.com/list", value_expression="claims.list"),
                    ExtraMapping(key="example.com/nothing", value_expression="''"),
                    ExtraMapping(key="example.com/empty", value_expression="[]"),
                    ExtraMapping(key="example.com/null", value_expression="null"),
                ],
            },
            {"roles": "a,b,", "sub": "1", "foo": "bar", "list": ["x", "", "y"]},
            UserInfo(
                name="jane!",
                groups=["a", "b"],
                uid="1",
                extra={"example.com/foo": ["bar"], "example.com/list": ["x", "y"]},
            ),
        ),
        "a group by expression": ({"groups": expression("claims.role")}, {"role": "r"}, UserInfo(name="jane", groups=["r"])),
        "nested claims": ({"username": expression("claims.a.b[0].c")}, {"a": {"b": [{"c": "x"}]}}, UserInfo(name="x")),
        "escaped names": (
            {"username": expression("claims.example__dot__com.in__dash__ner.__in__ + claims.list[0].a__slash__b")},
            {"example.com": {"in-ner": {"in": "x"}}, "list": [{"a/b": "y"}]},
            UserInfo(name="xy"),
        ),
        "names that need no escape": (
            {"username": expression("claims['example.com']")},
            {"example.com": "x"},
            UserInfo(name="x"),
        ),
        "a claim that may be missing": (
            {"username": expression("claims.?nick.orValue(claims.username)")},
            {},
            UserInfo(name="jane"),
        ),
    }.values(),
)  # fmt: skip
async def test_users(issuer: FakeIssuer, mappings: dict[str, Any], given: dict[str, Any], user: UserInfo) -> None:
    async with running(made(configured(issuer, mappings=mappings), issuer)) as authenticator:
        assert await outcome(authenticator, issuer.sign(claims(**given))) == user


@pytest.mark.parametrize(
    ("settings", "given", "message"),
    {
        "no name": (
            {"mappings": {"username": PrefixedClaimOrExpression(claim="sub", prefix="")}},
            {},
            'oidc: parse username claims "sub": claim not present',
        ),
        "a name that is a number": (
            {},
            {"username": 5},
            'oidc: parse username claims "username": json: cannot unmarshal number into Go value of type string',
        ),
        "an address that is not verified": (
            {"mappings": EMAIL},
            {"email": "j@x", "email_verified": False},
            "oidc: email not verified",
        ),
        "an address that is verified in words": (
            {"mappings": EMAIL},
            {"email": "j@x", "email_verified": "true"},
            "oidc: parse 'email_verified' claim: json: cannot unmarshal string into Go value of type bool",
        ),
        "groups that are numbers": (
            {"mappings": PREFIXED},
            {"groups": [1, 2]},
            'oidc: parse groups claim "groups": json: cannot unmarshal array into Go value of type string',
        ),
        "groups that are an object": (
            {"mappings": PREFIXED},
            {"groups": {}},
            'oidc: parse groups claim "groups": json: cannot unmarshal object into Go value of type string',
        ),
        "no uid": (
            {"mappings": {"uid": ClaimOrExpression(claim="sub")}},
            {},
            'oidc: parse uid claim "sub": claim not present',
        ),
        "an empty name by expression": (
            {"mappings": {"username": expression("''")}},
            {},
            "oidc: empty username via CEL expression is not allowed",
        ),
        "a name by expression that is a number": (
            {"mappings": {"username": expression("5")}},
            {},
            "oidc: error evaluating username claim expression: username claim expression must return a string",
        ),
        "a name by expression that is missing": (
            {"mappings": {"username": expression("claims.sub")}},
            {},
            "oidc: error evaluating username claim expression: expression 'claims.sub' resulted in error: no such key: sub",
        ),
        "groups by expression that are numbers": (
            {"mappings": {"groups": expression("[1]")}},
            {},
            "oidc: error evaluating group claim expression: expression must return a string or a list of strings",
        ),
        "a uid by expression that is a list": (
            {"mappings": {"uid": ClaimOrExpression(expression="[]")}},
            {},
            "oidc: error evaluating uid claim expression: uid claim expression must return a string",
        ),
        "an extra value that is a map": (
            {"mappings": {"extra": [ExtraMapping(key="a.io/b", value_expression="{}")]}},
            {},
            "oidc: error evaluating extra claim expression: {}: expression must return a string or a list of strings",
        ),
        "an extra value that is missing": (
            {"mappings": {"extra": [ExtraMapping(key="a.io/b", value_expression="claims.x")]}},
            {},
            "expression 'claims.x' resulted in error: no such key: x",
        ),
        "a required claim that is missing": (
            {"claim_validation_rules": [ClaimValidationRule(claim="hd", required_value="example.com")]},
            {},
            "oidc: required claim hd not present in ID token",
        ),
        "a required claim with another value": (
            {"claim_validation_rules": [ClaimValidationRule(claim="hd", required_value="example.com")]},
            {"hd": "example.org"},
            "oidc: required claim hd value does not match. Got = example.org, want = example.com",
        ),
        "a required claim that is a list": (
            {"claim_validation_rules": [ClaimValidationRule(claim="hd", required_value="x")]},
            {"hd": ["x"]},
            "oidc: parse claim hd: json: cannot unmarshal array into Go value of type string",
        ),
        "a claim rule that is not met": (
            {"claim_validation_rules": [ClaimValidationRule(expression="claims.exp < 5", message="lives too long")]},
            {},
            "oidc: error evaluating claim validation expression: validation expression 'claims.exp < 5' failed: lives too "
            "long",
        ),
        "a claim rule that cannot be evaluated": (
            {"claim_validation_rules": [ClaimValidationRule(expression="claims.x == 'y'")]},
            {},
            "oidc: error evaluating claim validation expression: expression 'claims.x == 'y'' resulted in error: no such "
            "key: x",
        ),
        "a user rule that is not met": (
            {"user_validation_rules": [UserValidationRule(expression="user.username != 'jane'", message="not her")]},
            {},
            "oidc: error evaluating user info validation rule: validation expression 'user.username != 'jane'' failed: not "
            "her",
        ),
    }.values(),
)  # fmt: skip
async def test_tokens_that_make_no_user(
    issuer: FakeIssuer, settings: dict[str, Any], given: dict[str, Any], message: str
) -> None:
    async with running(made(configured(issuer, **settings), issuer)) as authenticator:
        assert await outcome(authenticator, issuer.sign(claims(**given))) == message


async def test_rules_that_are_met(issuer: FakeIssuer) -> None:
    config = configured(
        issuer,
        mappings={**PREFIXED, "extra": [ExtraMapping(key="a.io/b", value_expression="'c'")]},
        claim_validation_rules=[
            ClaimValidationRule(claim="hd", required_value="example.com"),
            ClaimValidationRule(expression="claims.exp - claims.nbf <= 86400"),
        ],
        user_validation_rules=[
            UserValidationRule(expression="user.groups.all(group, !group.startsWith('system:'))"),
            UserValidationRule(expression="user.extra['a.io/b'][0] == 'c' && user.extra.a__dot__io__slash__b == ['c']"),
            UserValidationRule(expression="user.uid == ''"),
        ],
    )
    async with running(made(config, issuer)) as authenticator:
        token = issuer.sign(claims(hd="example.com", nbf=NOW, groups=["a"]))
        assert isinstance(await outcome(authenticator, token), UserInfo)


async def test_numbers_are_doubles_as_in_go(issuer: FakeIssuer) -> None:
    rules = [
        ClaimValidationRule(expression=text)
        for text in ("claims.n == 5", "claims.list[0].n + 0.5 > 5.0", "claims.n < 6")
    ]
    config = configured(issuer, claim_validation_rules=rules)
    async with running(made(config, issuer)) as authenticator:
        assert isinstance(await outcome(authenticator, issuer.sign(claims(n=5, list=[{"n": 5}]))), UserInfo)
        assert (
            await outcome(authenticator, issuer.sign(claims(n=10**400)))
            == "a number among the token's claims is too large"
        )
    config = configured(issuer, claim_validation_rules=[ClaimValidationRule(expression="claims.n + 1 == 6")])
    async with running(made(config, issuer)) as authenticator:
        message = await outcome(authenticator, issuer.sign(claims(n=5)))
        assert isinstance(message, str)
        assert message.startswith("oidc: error evaluating claim validation expression: expression 'claims.n + 1 == 6' ")


# What is believed

PUBLIC_PEM = RSA_KEYS[0].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
BAD_SIGNATURE = "oidc: verify token: failed to verify signature: failed to verify id token signature"
UNSUPPORTED = 'oidc: verify token: oidc: id token signed with unsupported algorithm, expected ["RS256"] got '


async def test_tokens_of_others_are_left_to_them(issuer: FakeIssuer) -> None:
    async with running(made(configured(issuer), issuer)) as authenticator:
        for token in (
            "",
            "a.b.c",
            "." * 1000,
            FakeIssuer(url="https://issuer.example.com/").sign(claims()),
            issuer.sign(claims(iss="accounts.google.com")),
            issuer.sign(claims(iss=["https://issuer.example.com"])),
            f" {issuer.sign(claims())}",
        ):
            assert await outcome(authenticator, token) is None


@pytest.mark.parametrize(
    ("token", "message"),
    {
        "expired": (
            {"exp": NOW - 1},
            "oidc: verify token: oidc: token is expired (Token Expiry: 2025-12-31 23:59:59 +0000 UTC)",
        ),
        "no expiry": (
            {"exp": None},
            "oidc: verify token: oidc: token is expired (Token Expiry: 0001-01-01 00:00:00 +0000 UTC)",
        ),
        "not yet": (
            {"nbf": NOW + 61},
            "oidc: verify token: oidc: current time 2026-01-01 00:00:00 +0000 UTC before the nbf (not before) time: "
            "2026-01-01 00:01:01 +0000 UTC",
        ),
        "another audience": (
            {"aud": "you"},
            'oidc: verify token: oidc: expected audience "me" got ["you"]',
        ),
        "no audience": ({"aud": None}, 'oidc: verify token: oidc: expected audience "me" got []'),
        "an expiry in words": (
            {"exp": "never"},
            "oidc: verify token: oidc: failed to unmarshal claims: exp is not a time in seconds",
        ),
        "an expiry beyond all numbers": (
            {"exp": 10**400},
            "oidc: verify token: oidc: failed to unmarshal claims: exp is not a time in seconds",
        ),
        "an audience that is a number": (
            {"aud": 5},
            "oidc: verify token: oidc: failed to unmarshal claims: aud is neither a string nor a list of strings",
        ),
        "a source of claims that is missing": (
            {"_claim_names": {"groups": "src"}},
            "oidc: verify token: oidc: source does not exist",
        ),
        "a source of claims without a name": (
            {"_claim_names": {"groups": ""}, "_claim_sources": {}},
            "oidc: verify token: oidc: failed to obtain source from claim name",
        ),
    }.values(),
)
async def test_claims_that_are_not_believed(issuer: FakeIssuer, token: dict[str, Any], message: str) -> None:
    async with running(made(configured(issuer), issuer)) as authenticator:
        assert await outcome(authenticator, issuer.sign(claims(**token))) == message
        assert issuer.requests[JWKS] == 1  # none of these is a reason to fetch keys


async def test_signatures_that_are_not_believed(issuer: FakeIssuer) -> None:
    good = issuer.sign(claims())
    head, payload, signature = good.split(".")
    none = issuer.sign(claims()).split(".")
    for token, message in (
        (f"eyJhbGciOiJub25lIn0.{payload}.", UNSUPPORTED + '"none"'),
        (f"eyJhbGciOiJub25lIn0.{payload}.{signature}", UNSUPPORTED + '"none"'),
        (issuer.sign(claims(), alg="RS512"), UNSUPPORTED + '"RS512"'),
        (issuer.sign(claims(), key=EC_KEY), UNSUPPORTED + '"ES256"'),
        (issuer.sign(claims(), key=RSA_KEYS[1]), BAD_SIGNATURE),
        (issuer.sign(claims(), key=RSA_KEYS[1], jwk={"kty": "RSA"}, jku="https://evil.example.com"), BAD_SIGNATURE),
        (issuer.sign(claims(), kid="../../keys/one", key=RSA_KEYS[0]), BAD_SIGNATURE),
        (f"{head}.{payload}.", BAD_SIGNATURE),
        (f"{head}.{none[1]}.{signature[:-4]}AAAA", BAD_SIGNATURE),
    ):
        async with running(made(configured(issuer), issuer)) as authenticator:
            assert await outcome(authenticator, token) == message
            assert isinstance(await outcome(authenticator, good), UserInfo)


async def test_a_public_key_is_no_secret(issuer: FakeIssuer) -> None:
    async with running(made(configured(issuer), issuer, algorithms=ALGORITHMS)) as authenticator:
        for algorithm in ("HS256", "RS256"):
            token = hmac_token(PUBLIC_PEM, {"alg": algorithm, "kid": "one"}, claims(iss=issuer.url))
            message = await outcome(authenticator, token)
            assert isinstance(message, str)
            assert "algorithm" in message if algorithm == "HS256" else message == BAD_SIGNATURE


async def test_one_of_several_audiences(issuer: FakeIssuer) -> None:
    config = configured(issuer, issuer={"audiences": ["b", "a"], "audience_match_policy": "MatchAny"})
    async with running(made(config, issuer)) as authenticator:
        assert isinstance(await outcome(authenticator, issuer.sign(claims(aud=["x", "a"]))), UserInfo)
        assert (
            await outcome(authenticator, issuer.sign(claims(aud=["c"])))
            == 'oidc: verify token: oidc: expected audience in ["a" "b"] got ["c"]'
        )


async def test_google_may_leave_out_the_scheme() -> None:
    google = FakeIssuer(url="https://accounts.google.com")
    async with running(made(configured(google), google)) as authenticator:
        assert isinstance(await outcome(authenticator, google.sign(claims(iss="accounts.google.com"))), UserInfo)


def test_algorithms_without_a_public_key_are_refused(issuer: FakeIssuer) -> None:
    for name in ("HS256", "none", "RS1", ""):
        with pytest.raises(ValueError, match=f'oidc: unsupported signing alg: "{name}"'):
            made(configured(issuer), issuer, algorithms=["RS256", name])


async def test_every_kind_of_key(issuer: FakeIssuer) -> None:
    issuer.keys = {"rsa": RSA_KEYS[0], "ec": EC_KEY}
    async with running(made(configured(issuer), issuer, algorithms=ALGORITHMS)) as authenticator:
        for kid, algorithm in (("rsa", "RS256"), ("rsa", "PS512"), ("ec", "ES256")):
            assert isinstance(await outcome(authenticator, issuer.sign(claims(), kid=kid, alg=algorithm)), UserInfo)
        assert isinstance(await outcome(authenticator, issuer.sign(claims(), kid=None, key=EC_KEY)), UserInfo)


# Discovery and keys


async def test_before_discovery_nobody_is_known(issuer: FakeIssuer) -> None:
    authenticator = made(configured(issuer), issuer)
    assert await outcome(authenticator, issuer.sign(claims())) == "oidc: authenticator not initialized"
    assert authenticator.problem == (
        f'oidc: authenticator for issuer "{issuer.url}" is not healthy: '
        f'oidc: authenticator for issuer "{issuer.url}" is not initialized'
    )


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (500, b"", f'Get "https://issuer.example.com{DISCOVERY}": 500'),
        (200, b"[]", "oidc: failed to decode provider discovery object: not a JSON object"),
        (200, b"<html>", "oidc: failed to decode provider discovery object: not JSON: "),
        (
            200,
            b'{"issuer": "https://evil.example.com", "jwks_uri": "https://evil.example.com/keys"}',
            "oidc: issuer did not match the issuer returned by provider, "
            'expected "https://issuer.example.com" got "https://evil.example.com"',
        ),
        (200, b'{"issuer": "https://issuer.example.com"}', "provider did not return JWKS URL"),
        (200, b'{"issuer": "https://issuer.example.com", "jwks_uri": 5}', "provider did not return JWKS URL"),
    ],
)
async def test_discovery_that_does_not_work(issuer: FakeIssuer, status: int, body: bytes, text: str) -> None:
    issuer.documents[DISCOVERY] = (status, body)
    remote = RemoteIssuer(issuer.url, DirectFetcher((issuer,)))
    with pytest.raises(IssuerError) as raised:
        await remote.discover()
    assert str(raised.value).startswith(text)
    assert not remote.is_initialized


async def test_discovery_is_tried_until_it_works(issuer: FakeIssuer) -> None:
    pauses: list[float] = []
    settled = asyncio.Event()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            del issuer.documents[DISCOVERY]
        if len(pauses) == 3:
            settled.set()
            await asyncio.Event().wait()

    issuer.documents[DISCOVERY] = (503, b"")
    async with running(made(configured(issuer), issuer, sleep=sleep)) as authenticator:
        assert isinstance(await outcome(authenticator, issuer.sign(claims())), UserInfo)
        await settled.wait()
    assert pauses == [10, 10, 300]
    assert issuer.requests[DISCOVERY] == 3


async def test_a_slash_at_the_end_of_the_url_is_not_doubled() -> None:
    issuer = FakeIssuer(url="https://issuer.example.com/")
    front = FakeIssuer(url="https://issuer.example.com")
    front.documents[DISCOVERY] = (200, json.dumps({"issuer": issuer.url, "jwks_uri": front.url + JWKS}).encode())
    async with running(made(configured(issuer), front)) as authenticator:
        assert isinstance(await outcome(authenticator, issuer.sign(claims())), UserInfo)


async def test_discovery_somewhere_else(issuer: FakeIssuer) -> None:
    inside = FakeIssuer(url="https://inside.example.com")
    inside.documents["/d"] = (200, json.dumps({"issuer": issuer.url, "jwks_uri": inside.url + JWKS}).encode())
    config = configured(issuer, issuer={"discovery_url": "https://inside.example.com/d"})
    async with running(made(config, inside)) as authenticator:
        assert isinstance(await outcome(authenticator, issuer.sign(claims())), UserInfo)


async def test_new_keys_are_fetched_when_a_token_needs_them_and_old_ones_end(issuer: FakeIssuer) -> None:
    async with running(made(configured(issuer), issuer)) as authenticator:
        old = issuer.sign(claims())
        assert isinstance(await outcome(authenticator, old), UserInfo)
        assert issuer.requests[JWKS] == 1
        issuer.keys = {"two": RSA_KEYS[1]}
        assert isinstance(await outcome(authenticator, issuer.sign(claims(), kid="two")), UserInfo)
        assert issuer.requests[JWKS] == 2
        assert await outcome(authenticator, old) == BAD_SIGNATURE


async def test_tokens_cause_few_fetches(issuer: FakeIssuer) -> None:
    clock = HandClock()
    async with running(made(configured(issuer), issuer, clock=clock)) as authenticator:
        for number in range(100):
            token = issuer.sign(claims(), kid=f"unknown-{number}", key=RSA_KEYS[1])
            assert await outcome(authenticator, token) == BAD_SIGNATURE
        assert issuer.requests[JWKS] == 1 + 20
        clock.seconds += 1
        for number in range(100):
            await outcome(authenticator, issuer.sign(claims(exp=NOW + 1000), kid=f"u-{number}", key=RSA_KEYS[1]))
        assert issuer.requests[JWKS] == 1 + 20 + 1
        assert isinstance(await outcome(authenticator, issuer.sign(claims())), UserInfo)


async def test_strangers_do_not_keep_a_new_key_from_being_known_for_more_than_a_second(issuer: FakeIssuer) -> None:
    clock = HandClock()
    async with running(made(configured(issuer), issuer, clock=clock)) as authenticator:
        for number in range(50):
            await outcome(authenticator, issuer.sign(claims(), kid=f"unknown-{number}", key=RSA_KEYS[1]))
        issuer.keys = {"two": RSA_KEYS[1]}
        clock.seconds += 1
        await outcome(authenticator, issuer.sign(claims(), kid="stranger", key=RSA_KEYS[0]))
        assert isinstance(await outcome(authenticator, issuer.sign(claims(), kid="two")), UserInfo)


async def test_requests_share_a_fetch(issuer: FakeIssuer) -> None:
    async with running(made(configured(issuer), issuer)) as authenticator:
        issuer.keys = {"two": RSA_KEYS[1]}
        token = issuer.sign(claims(), kid="two")
        found = await asyncio.gather(*(outcome(authenticator, token) for _ in range(50)))
        assert all(isinstance(each, UserInfo) for each in found)
        assert issuer.requests[JWKS] == 2


async def test_keys_at_hand_stay_when_they_cannot_be_fetched(issuer: FakeIssuer) -> None:
    async with running(made(configured(issuer), issuer)) as authenticator:
        issuer.documents[JWKS] = (500, b"")
        message = await outcome(authenticator, issuer.sign(claims(), kid="two", key=RSA_KEYS[1]))
        assert message == (
            "oidc: verify token: failed to verify signature: fetching keys oidc: get keys failed: "
            f'Get "{issuer.url}{JWKS}": 500'
        )
        assert isinstance(await outcome(authenticator, issuer.sign(claims())), UserInfo)


async def test_a_fetch_goes_on_when_who_began_it_goes_away(issuer: FakeIssuer) -> None:
    gate = asyncio.Event()

    class SlowFetcher(DirectFetcher):
        async def get(self, url: str, *, headers: Any = None) -> bytes:
            data = await super().get(url, headers=headers)
            if url.endswith(JWKS):
                await gate.wait()
            return data

    remote = RemoteIssuer(issuer.url, SlowFetcher((issuer,)))
    await remote.discover()
    first, second = asyncio.create_task(remote.keys_anew()), asyncio.create_task(remote.keys_anew())
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert await second is True
    assert issuer.requests[JWKS] == 1
    assert len(remote.keys("one")) == 1


async def test_who_waits_for_keys_of_an_issuer_that_goes_gets_an_error_and_is_not_cancelled(issuer: FakeIssuer) -> None:
    class StuckFetcher(DirectFetcher):
        async def get(self, url: str, *, headers: Any = None) -> bytes:
            if url.endswith(JWKS):
                await asyncio.Event().wait()
            return await super().get(url, headers=headers)

    remote = RemoteIssuer(issuer.url, StuckFetcher((issuer,)))
    await remote.discover()
    waiting = asyncio.create_task(remote.keys_anew())
    await asyncio.sleep(0)
    await remote.aclose()
    with pytest.raises(IssuerError, match="is gone from the configuration"):
        await waiting


def test_a_budget_is_spent_and_earned() -> None:
    clock = HandClock()
    budget = FetchBudget(clock, burst=2, seconds=10)
    assert [budget.take() for _ in range(3)] == [True, True, False]
    clock.seconds = 9
    assert not budget.take()
    clock.seconds = 10
    assert [budget.take() for _ in range(2)] == [True, False]
    clock.seconds = 1000
    assert [budget.take() for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": [' + b'{},' * 300 + b"{}]}", b"[" * 100_000],
    ids=["nothing", "a list", "no keys", "keys that are an object", "too many keys", "brackets"],
)  # fmt: skip
def test_what_is_no_key_set(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse_key_set(data)


def test_keys_that_sign_no_tokens_are_passed_over(issuer: FakeIssuer) -> None:
    (good,) = json.loads(issuer.answer(JWKS)[1])["keys"]
    others = [
        {**good, "use": "enc"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "one"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
        {"kty": "EC", "crv": "secp256k1", "x": "AAAA", "y": "AAAA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA"},
        {},
        "text",
        5,
    ]
    keys = parse_key_set(json.dumps({"keys": [*others, good]}).encode())
    assert [key.key_id for key in keys] == ["one"]


async def test_a_key_for_one_algorithm_is_for_no_other(issuer: FakeIssuer) -> None:
    document = json.loads(issuer.answer(JWKS)[1])
    document["keys"][0]["alg"] = "RS512"
    issuer.documents[JWKS] = (200, json.dumps(document).encode())
    async with running(made(configured(issuer), issuer, algorithms=ALGORITHMS)) as authenticator:
        assert await outcome(authenticator, issuer.sign(claims())) == BAD_SIGNATURE
        assert isinstance(await outcome(authenticator, issuer.sign(claims(), alg="RS512")), UserInfo)


# Groups that a token only points to


@pytest.fixture
def other() -> FakeIssuer:
    return FakeIssuer(url="https://groups.example.com", keys={"other": RSA_KEYS[1]})


def pointing(other: FakeIssuer, **source: Any) -> dict[str, Any]:
    endpoint = {"endpoint": f"{other.url}/groups", "access_token": "groups-token", **source}
    return claims(_claim_names={"groups": "src"}, _claim_sources={"src": endpoint})


async def test_groups_elsewhere(issuer: FakeIssuer, other: FakeIssuer) -> None:
    other.documents["/groups"] = (200, other.sign(claims(groups=["a", "b"]), kid="other").encode())
    async with running(made(configured(issuer, mappings=PREFIXED), issuer, other)) as authenticator:
        user = await outcome(authenticator, issuer.sign(pointing(other)))
    assert user == UserInfo(name="jane", groups=["a", "b"])
    assert "Bearer groups-token" in other.authorizations


async def test_groups_elsewhere_of_the_same_issuer(issuer: FakeIssuer) -> None:
    issuer.documents["/groups"] = (200, issuer.sign(claims(groups="a")).encode())
    async with running(made(configured(issuer, mappings=PREFIXED), issuer)) as authenticator:
        assert await outcome(authenticator, issuer.sign(pointing(issuer, access_token=None))) == UserInfo(
            name="jane", groups=["a"]
        )
    assert issuer.requests[DISCOVERY] == 1
    assert issuer.authorizations == [None] * 3


async def test_groups_at_hand_are_taken(issuer: FakeIssuer, other: FakeIssuer) -> None:
    async with running(made(configured(issuer, mappings=PREFIXED), issuer, other)) as authenticator:
        user = await outcome(authenticator, issuer.sign({**pointing(other), "groups": ["here"]}))
        assert user == UserInfo(name="jane", groups=["here"])
        nothing = claims(_claim_names={"other": "src"}, _claim_sources={"src": {"endpoint": "https://x"}})
        assert await outcome(authenticator, issuer.sign(nothing)) == UserInfo(name="jane")
        aggregated = claims(_claim_names={"groups": "src"}, _claim_sources={"src": {"JWT": "a.b.c"}})
        assert await outcome(authenticator, issuer.sign(aggregated)) == UserInfo(name="jane")
    assert not other.requests


EXPANDED = "oidc: could not expand distributed claims: "


@pytest.mark.parametrize(
    ("answer", "text"),
    {
        "an error": (
            (500, b""),
            'while getting distributed claim "groups": Get "https://groups.example.com/groups": 500',
        ),
        "no ASCII": (
            (200, "é".encode()),
            'while getting distributed claim "groups": could not decode distributed claim',
        ),
        "no token": (
            (200, b"hello"),
            "getting untrusted issuer from endpoint https://groups.example.com/groups failed",
        ),
        "another audience": (
            {"aud": "you"},
            'verify distributed claim token: oidc: expected audience "me" got ["you"]',
        ),
        "expired": ({"exp": 5}, "verify distributed claim token: oidc: token is expired"),
        "no groups": (
            {},
            'jwt returned by distributed claim endpoint "https://groups.example.com/groups" did not contain claim: groups',
        ),
        "an issuer that is not there": (
            {"iss": "https://nowhere.example.com"},
            "verifying untrusted issuer https://nowhere.example.com failed: verifier not initialized for issuer: "
            '"https://nowhere.example.com"',
        ),
    }.values(),
)
async def test_groups_elsewhere_that_cannot_be_had(
    issuer: FakeIssuer, other: FakeIssuer, answer: tuple[int, bytes] | dict[str, Any], text: str
) -> None:
    if isinstance(answer, dict):
        answer = (200, other.sign(claims(**answer), kid="other").encode())
    other.documents["/groups"] = answer
    async with running(made(configured(issuer, mappings=PREFIXED), issuer, other)) as authenticator:
        message = await outcome(authenticator, issuer.sign(pointing(other)))
    assert isinstance(message, str)
    assert message.startswith(EXPANDED + text)
    assert "groups-token" not in message


async def test_groups_elsewhere_signed_by_somebody_else(issuer: FakeIssuer, other: FakeIssuer) -> None:
    other.documents["/groups"] = (200, other.sign(claims(groups=["root"]), kid="other", key=RSA_KEYS[0]).encode())
    async with running(made(configured(issuer, mappings=PREFIXED), issuer, other)) as authenticator:
        message = await outcome(authenticator, issuer.sign(pointing(other)))
    assert message == (
        f"{EXPANDED}verify distributed claim token: failed to verify signature: failed to verify id token signature"
    )


# Over a network


@pytest.fixture(scope="module")
def real() -> Iterator[tuple[FakeIssuer, Any]]:
    with fake_issuer() as found:
        yield found


async def test_over_tls_with_an_authority_of_its_own(real: tuple[FakeIssuer, Any]) -> None:
    issuer, authority = real
    config = AuthenticationConfiguration(
        jwt=[configured(issuer, issuer={"certificate_authority": authority.pem.decode()})]
    )
    expressions, errors = validate_configuration(config)
    assert errors == []
    registry = MetricsRegistry()
    metrics = JWTMetrics(registry, "server", time.time)
    issuers = IssuerSet.from_configuration(config, expressions, algorithms=ALGORITHMS, metrics=metrics)
    task = asyncio.create_task(issuers.run())
    async with asyncio.timeout(10):
        while issuers.problems or not issuer.requests[JWKS]:
            await asyncio.sleep(0.01)
        good = issuer.sign(claims(exp=time.time() + 100))
        response = await issuers.authenticate_token(good)
        assert response is not None
        assert response.user.name == "jane"
        assert await issuers.authenticate_token(FakeIssuer(url="https://elsewhere").sign(claims())) is None
        assert await issuers.authenticate_token("no token") is None
        with pytest.raises(AuthenticationError, match="token is expired"):
            await issuers.authenticate_token(issuer.sign(claims(exp=1)))
    task.cancel()
    await asyncio.wait([task])
    labels = {"jwt_issuer_hash": hash_label(issuer.url)}
    latency = "apiserver_authentication_jwt_authenticator_latency_seconds_count"
    fetched = "apiserver_authentication_jwt_authenticator_jwks_fetch_last_timestamp_seconds"
    key_set = "apiserver_authentication_jwt_authenticator_jwks_fetch_last_key_set_info"
    server = {**labels, "apiserver_id_hash": hash_label("server")}
    sample = registry.collectors.get_sample_value
    assert sample(latency, {**labels, "result": "success"}) == 1
    assert sample(latency, {**labels, "result": "failure"}) == 1
    assert time.time() - (sample(fetched, {**server, "result": "success"}) or 0) < 60
    assert sample(key_set, {**server, "hash": hash_label(issuer.answer(JWKS)[1])}) == 1
    issuers.forget_metrics(issuers.urls)
    assert sample(fetched, {**server, "result": "success"}) is None
    assert sample(key_set, {**server, "hash": hash_label(issuer.answer(JWKS)[1])}) is None


async def test_an_issuer_with_another_authority_is_not_trusted(real: tuple[FakeIssuer, Any]) -> None:
    issuer, _ = real
    config = AuthenticationConfiguration(jwt=[configured(issuer)])
    expressions, _errors = validate_configuration(config)
    issuers = IssuerSet.from_configuration(config, expressions, algorithms=ALGORITHMS)
    task = asyncio.create_task(issuers.run())
    async with asyncio.timeout(10):
        while "certificate verify failed" not in issuers.problems[0]:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
