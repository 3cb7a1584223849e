"""Tokens of service accounts, row by row of pkg/serviceaccount's tests and some more."""

import re
from typing import Any

import attrs
import pytest

from genericapiserver.authentication import AuthenticationError, AuthenticationResponse
from genericapiserver.authentication.metrics import ServiceAccountTokenMetrics
from genericapiserver.authentication.public_keys import StaticPublicKeys
from genericapiserver.authentication.service_account_objects import LiveObject, LiveSecret, ObjectReference
from genericapiserver.authentication.service_account_signer import ServiceAccountTokenGenerator
from genericapiserver.authentication.service_account_token import LEGACY_ISSUER, ServiceAccountTokenAuthenticator
from genericapiserver.metrics import MetricsRegistry
from tests.support.clock import START, HandClock
from tests.support.issuer import EC_KEY, RSA_KEYS, FakeIssuer

ISSUER = "https://kubernetes.default.svc"
NOW = START.timestamp()
LEGACY_CLAIMS = {
    "sub": "system:serviceaccount:ns:name",
    "kubernetes.io/serviceaccount/namespace": "ns",
    "kubernetes.io/serviceaccount/secret.name": "token",
    "kubernetes.io/serviceaccount/service-account.name": "name",
    "kubernetes.io/serviceaccount/service-account.uid": "uid",
}


@attrs.define
class FakeObjects:
    """Objects by kind and name; what is not there is missing."""

    objects: dict[tuple[str, ...], LiveObject]

    async def service_account(self, namespace: str, name: str) -> LiveObject | None:
        return self.objects.get(("serviceaccount", namespace, name))

    async def pod(self, namespace: str, name: str) -> LiveObject | None:
        return self.objects.get(("pod", namespace, name))

    async def secret(self, namespace: str, name: str) -> LiveSecret | None:
        found = self.objects.get(("secret", namespace, name))
        assert found is None or isinstance(found, LiveSecret)
        return found

    async def node(self, name: str) -> LiveObject | None:
        return self.objects.get(("node", name))


def everything(token: str = "") -> FakeObjects:
    return FakeObjects(
        {
            ("serviceaccount", "ns", "name"): LiveObject(uid="uid"),
            ("pod", "ns", "pod"): LiveObject(uid="pod-uid"),
            ("secret", "ns", "token"): LiveSecret(uid="secret-uid", token=token.encode()),
            ("node", "node"): LiveObject(uid="node-uid"),
        }
    )


GENERATOR = ServiceAccountTokenGenerator(ISSUER, RSA_KEYS[0], clock=HandClock())
LEGACY = ServiceAccountTokenGenerator(LEGACY_ISSUER, RSA_KEYS[0], clock=HandClock())


def authenticator(**settings: Any) -> ServiceAccountTokenAuthenticator:
    defaults: dict[str, Any] = {"implicit_audiences": ("api", "backup"), "clock": HandClock(), "lookup": True}
    return ServiceAccountTokenAuthenticator(
        [ISSUER, "other", LEGACY_ISSUER], StaticPublicKeys([GENERATOR.public_key]), **(defaults | settings)
    )


def token(**settings: Any) -> str:
    return GENERATOR.generate("ns", "name", **({"uid": "uid", "audiences": ["api"]} | settings))


async def accepted(text: str, *audiences: str, **settings: Any) -> AuthenticationResponse:
    response = await authenticator(**settings).authenticate_token(text, audiences)
    assert response is not None
    return response


async def refused(text: str, *audiences: str, **settings: Any) -> str:
    with pytest.raises(AuthenticationError) as raised:
        await authenticator(**settings).authenticate_token(text, audiences)
    assert text not in str(raised.value)
    return str(raised.value)


async def test_the_user_of_a_token() -> None:
    response = await accepted(token())
    user = response.user
    assert (user.name, user.uid) == ("system:serviceaccount:ns:name", "uid")
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:ns")
    assert list(user.extra) == ["authentication.kubernetes.io/credential-id"]
    assert re.fullmatch(r"JTI=[0-9a-f-]{36}", user.extra["authentication.kubernetes.io/credential-id"][0])
    assert response.audiences == ("api",)
    assert response.audit_annotations == ()


async def test_what_a_token_is_bound_to_is_in_extra() -> None:
    bound = token(pod=ObjectReference("pod", "pod-uid"), node=ObjectReference("node", "node-uid"))
    extra = dict((await accepted(bound, objects=everything())).user.extra)
    del extra["authentication.kubernetes.io/credential-id"]
    assert extra == {
        "authentication.kubernetes.io/pod-name": ("pod",),
        "authentication.kubernetes.io/pod-uid": ("pod-uid",),
        "authentication.kubernetes.io/node-name": ("node",),
        "authentication.kubernetes.io/node-uid": ("node-uid",),
    }


async def test_elliptic_keys_sign_too() -> None:
    generator = ServiceAccountTokenGenerator(ISSUER, EC_KEY, clock=HandClock())
    keys = StaticPublicKeys([RSA_KEYS[1].public_key(), generator.public_key])
    known = ServiceAccountTokenAuthenticator([ISSUER], keys, clock=HandClock())
    assert await known.authenticate_token(generator.generate("ns", "name")) is not None


OTHERS = FakeIssuer(url=ISSUER)


@pytest.mark.parametrize(
    "text",
    {
        "nothing": "",
        "no token": "abc",
        "another issuer": FakeIssuer(url="https://elsewhere").sign({}),
        "no issuer": FakeIssuer().sign({"iss": None}),
        "an algorithm that signers do not use": OTHERS.sign({}, alg="PS256"),
        "a JSON serialization": ' {"payload": "e30"}',
        "ten megabytes": token() + "A" * 10_000_000,
    }.values(),
)
async def test_what_is_left_to_others(text: str) -> None:
    assert await authenticator().authenticate_token(text) is None


async def test_a_name_of_a_key_that_is_not_ours() -> None:
    for name in ("nobody", "../../key", "/dev/null", "https://evil.example.com/jwks"):
        assert await refused(OTHERS.sign({}, kid=name, key=RSA_KEYS[0])) == "invalid signature, no keys found"


async def test_a_signature_of_somebody_else() -> None:
    text = OTHERS.sign({}, kid=None, key=RSA_KEYS[1])
    assert await refused(text) == "go-jose/go-jose: error in cryptographic primitive"


async def test_a_token_without_a_key_name_is_tried_with_every_key() -> None:
    keys = StaticPublicKeys([RSA_KEYS[1].public_key(), RSA_KEYS[0].public_key()])
    known = ServiceAccountTokenAuthenticator([ISSUER], keys, clock=HandClock())
    assert await known.authenticate_token(OTHERS.sign({}, kid=None, key=RSA_KEYS[0])) is not None


@pytest.mark.parametrize(
    ("meant", "asked", "granted"),
    [
        (["api"], [], ("api",)),
        (["api", "x"], [], ("api",)),
        (["x", "api"], ["x"], ("x",)),
        (["a", "b", "c"], ["c", "a"], ("c", "a")),
        ("api", ["api"], ("api",)),
        ([], [], ("api", "backup")),
        ([], ["backup", "x"], ("backup",)),
    ],
)
async def test_audiences(meant: Any, asked: list[str], granted: tuple[str, ...]) -> None:
    text = GENERATOR.sign({"sub": "s", "aud": meant})
    assert (await accepted(text, *asked)).audiences == granted


@pytest.mark.parametrize(
    ("meant", "asked", "message"),
    [
        (["x"], [], 'token audiences ["x"] is invalid for the target audiences ["api" "backup"]'),
        (["api"], ["x", "y"], 'token audiences ["api"] is invalid for the target audiences ["x" "y"]'),
        ([], ["x"], 'token audiences ["api" "backup"] is invalid for the target audiences ["x"]'),
    ],
)
async def test_audiences_that_do_not_meet(meant: list[str], asked: list[str], message: str) -> None:
    assert await refused(GENERATOR.sign({"sub": "s", "aud": meant}), *asked) == message


async def test_a_token_for_nobody_in_particular_is_annotated_and_counted() -> None:
    registry = MetricsRegistry()
    response = await accepted(GENERATOR.sign({"sub": "somebody"}), metrics=ServiceAccountTokenMetrics(registry))
    assert response.audit_annotations == (("authentication.k8s.io/legacy-token", "somebody"),)
    assert registry.collectors.get_sample_value("serviceaccount_legacy_tokens_total") == 1


EXPIRED = "service account token has expired"
NOT_YET = "service account token is not valid yet"


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({}, ""),
        ({"exp": NOW + 1, "nbf": NOW, "iat": NOW}, ""),
        ({"exp": NOW - 60}, ""),
        ({"exp": NOW - 61}, EXPIRED),
        ({"exp": 0}, EXPIRED),
        ({"nbf": NOW + 60}, ""),
        ({"nbf": NOW + 61}, NOT_YET),
        ({"exp": NOW - 61, "nbf": NOW + 61}, NOT_YET),
        ({"iat": NOW + 61}, "service account token claims could not be validated due to unexpected validation error"),
        ({"exp": "tomorrow"}, "the token's claim exp is not a time in seconds"),
        ({"exp": True}, "the token's claim exp is not a time in seconds"),
        ({"exp": 10**400}, "the token's claim exp is not a time in seconds"),
    ],
)
async def test_times(claims: dict[str, Any], message: str) -> None:
    text = GENERATOR.sign({"sub": "s", "aud": "api", **claims})
    if message:
        assert await refused(text) == message
    else:
        await accepted(text)


@pytest.mark.parametrize(
    "claims",
    [{"aud": 5}, {"aud": [5]}, {"kubernetes.io": []}, {"kubernetes.io": {"pod": "x"}}, {"jti": 5}],
    ids=str,
)
async def test_claims_of_the_wrong_type(claims: dict[str, Any]) -> None:
    assert (await refused(GENERATOR.sign({"aud": "api", **claims}))).startswith("the token's claim ")


POD, NODE, SECRET = (ObjectReference(name, f"{name}-uid") for name in ("pod", "node", "secret"))
TOKEN_SECRET = ObjectReference("token", "secret-uid")
INVALIDATED = "service account token has been invalidated"


@pytest.mark.parametrize(
    ("bound", "change", "message"),
    {
        "everything is there": ({"pod": POD, "node": NODE, "secret": TOKEN_SECRET}, {}, ""),
        "no account": ({}, {("serviceaccount", "ns", "name"): None}, 'serviceaccount "name" not found'),
        "an account that was made anew": (
            {},
            {("serviceaccount", "ns", "name"): LiveObject(uid="new")},
            "service account UID (new) does not match claim (uid)",
        ),
        "an account that is being deleted": (
            {},
            {("serviceaccount", "ns", "name"): LiveObject(uid="uid", deleted_at=NOW - 61)},
            "service account ns/name has been deleted",
        ),
        "an account that was deleted just now": (
            {},
            {("serviceaccount", "ns", "name"): LiveObject(uid="uid", deleted_at=NOW - 59)},
            "",
        ),
        "no pod": ({"pod": POD}, {("pod", "ns", "pod"): None}, INVALIDATED),
        "a pod that is gone": (
            {"pod": POD},
            {("pod", "ns", "pod"): LiveObject(uid="pod-uid", deleted_at=1)},
            INVALIDATED,
        ),
        "a pod that was made anew": (
            {"pod": POD},
            {("pod", "ns", "pod"): LiveObject(uid="new")},
            "pod UID (new) does not match service account pod ref claim (pod-uid)",
        ),
        "no secret": ({"secret": TOKEN_SECRET}, {("secret", "ns", "token"): None}, INVALIDATED),
        "a secret that was made anew": (
            {"secret": TOKEN_SECRET},
            {("secret", "ns", "token"): LiveSecret(uid="new")},
            "secret UID (new) does not match service account secret ref claim (secret-uid)",
        ),
        "no node": ({"node": NODE}, {("node", "node"): None}, INVALIDATED),
        "a node that was made anew": (
            {"node": NODE},
            {("node", "node"): LiveObject(uid="new")},
            "node UID (new) does not match service account node ref claim (node-uid)",
        ),
        "no node of a pod": ({"pod": POD, "node": NODE}, {("node", "node"): None}, ""),
    }.values(),
)
async def test_what_a_token_is_bound_to_must_exist(
    bound: dict[str, Any], change: dict[tuple[str, ...], LiveObject | None], message: str
) -> None:
    objects = everything()
    for key, live in change.items():
        if live is None:
            del objects.objects[key]
        else:
            objects.objects[key] = live
    text = token(**bound)
    if message:
        assert await refused(text, objects=objects) == message
    else:
        await accepted(text, objects=objects)
    await accepted(text, objects=objects, lookup=False)


async def test_a_prolonged_token_is_noticed_when_it_is_stale() -> None:
    registry = MetricsRegistry()
    metrics = ServiceAccountTokenMetrics(registry)
    text = token(seconds=10_000, warn_after=100)
    assert (await accepted(text, metrics=metrics)).audit_annotations == ()
    clock = HandClock()
    clock.seconds = 107
    response = await accepted(text, clock=clock, metrics=metrics)
    assert response.audit_annotations == (
        (
            "authentication.k8s.io/stale-token",
            "subject: system:serviceaccount:ns:name, seconds after warning threshold: 7",
        ),
    )
    assert registry.collectors.get_sample_value("serviceaccount_valid_tokens_total") == 1
    assert registry.collectors.get_sample_value("serviceaccount_stale_tokens_total") == 1


# Legacy tokens


async def test_a_legacy_token_that_its_secret_still_has() -> None:
    text = LEGACY.sign(LEGACY_CLAIMS)
    response = await accepted(text, objects=everything(text))
    assert (response.user.name, response.user.uid) == ("system:serviceaccount:ns:name", "uid")
    assert dict(response.user.extra) == {}
    assert response.audit_annotations == (("authentication.k8s.io/legacy-token", "system:serviceaccount:ns:name"),)


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ("sub", "sub claim is missing"),
        ("kubernetes.io/serviceaccount/namespace", "namespace claim is missing"),
        ("kubernetes.io/serviceaccount/secret.name", "secretName claim is missing"),
        ("kubernetes.io/serviceaccount/service-account.name", "serviceAccountName claim is missing"),
        ("kubernetes.io/serviceaccount/service-account.uid", "serviceAccountUID claim is missing"),
    ],
)
async def test_a_legacy_token_without_a_claim(claim: str, message: str) -> None:
    assert await refused(LEGACY.sign({**LEGACY_CLAIMS, claim: ""}), lookup=False) == message


@pytest.mark.parametrize("subject", ["system:serviceaccount:ns:other", "system:serviceaccount:x:name", "name", "a:b:c"])
async def test_a_legacy_token_of_another_subject(subject: str) -> None:
    assert await refused(LEGACY.sign({**LEGACY_CLAIMS, "sub": subject}), lookup=False) == "sub claim is invalid"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({("secret", "ns", "token"): None}, INVALIDATED),
        ({("secret", "ns", "token"): LiveSecret(uid="x", deleted_at=NOW)}, INVALIDATED),
        (
            {("secret", "ns", "token"): LiveSecret(uid="x", token=b"other")},
            "service account token does not match server's copy",
        ),
        ({("serviceaccount", "ns", "name"): None}, 'serviceaccount "name" not found'),
        (
            {("serviceaccount", "ns", "name"): LiveObject(uid="uid", deleted_at=NOW)},
            "service account ns/name has been deleted",
        ),
        (
            {("serviceaccount", "ns", "name"): LiveObject(uid="new")},
            "service account UID (new) does not match claim (uid)",
        ),
    ],
)
async def test_a_legacy_token_that_is_looked_up(change: dict[tuple[str, ...], LiveObject | None], message: str) -> None:
    text = LEGACY.sign(LEGACY_CLAIMS)
    objects = everything(text)
    for key, live in change.items():
        if live is None:
            del objects.objects[key]
        else:
            objects.objects[key] = live
    assert await refused(text, objects=objects) == message


async def test_a_legacy_token_is_refused_when_nobody_can_look_it_up() -> None:
    """It never ends: whether its secret is still there is all that can end it."""
    text = LEGACY.sign(LEGACY_CLAIMS)
    assert await refused(text, objects=None) == INVALIDATED
    await accepted(text, lookup=False)
