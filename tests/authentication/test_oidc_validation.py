"""Every rule of ValidateAuthenticationConfiguration, as its texts."""

from typing import Any

import pytest

from genericapiserver.apimachinery.field import aggregate
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis.apiserver_config_v1_authentication import AuthenticationConfiguration
from genericapiserver.authentication.oidc.expressions import Compiler, ExpressionError, escaped_names, uses_claim
from genericapiserver.authentication.oidc.validation import validate_configuration
from genericapiserver.options.authentication_config import config_scheme
from tests.support.pki import issue

BOTH = "claim and expression can't both be set"
VERIFIED = (
    "claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or "
    "claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression"
)
UNDECLARED = "compilation failed: ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo\n | ^"


def authenticator(**changes: Any) -> dict[str, Any]:
    issuer = {"url": "https://issuer-url", "audiences": ["audience"], **changes.pop("issuer", {})}
    mappings = {"username": {"claim": "sub", "prefix": "p"}, **changes.pop("mappings", {})}
    return {"issuer": issuer, "claimMappings": mappings, **changes}


def validated(*authenticators: dict[str, Any], anonymous: Any = None, disallowed: tuple[str, ...] = ()) -> str:
    document = {"jwt": list(authenticators), "anonymous": anonymous}
    codec = CodecFactory(config_scheme())
    config, strict = codec.from_unstructured(document, AuthenticationConfiguration, strict=True)
    assert strict == []
    _, errors = validate_configuration(config, disallowed_issuers=disallowed)
    return aggregate(errors)


def of(text: str, **changes: Any) -> tuple[dict[str, Any], str]:
    return authenticator(**changes), text


def extra(*entries: tuple[str, str]) -> dict[str, Any]:
    return {"extra": [{"key": key, "valueExpression": expression} for key, expression in entries]}


def username(expression: str, **more: Any) -> dict[str, Any]:
    return {"username": {"expression": expression}, **more}


URL = "jwt[0].issuer.url: Invalid value: "
DISCOVERY = "jwt[0].issuer.discoveryURL: Invalid value: "
KEY = "jwt[0].claimMappings.extra[0].key: "

CASES = {
    "all is well": of(""),
    "all of it is well": of(
        "",
        issuer={
            "audiences": ["a", "b"],
            "audienceMatchPolicy": "MatchAny",
            "discoveryURL": "https://elsewhere/.well-known/openid-configuration",
            "certificateAuthority": issue("ca", ca=True).pem.decode(),
        },
        mappings={
            "username": {"expression": "claims.username"},
            "groups": {"claim": "groups", "prefix": ""},
            "uid": {"claim": "sub"},
            **extra(("acme.io/foo", "'x'"), ("acme.io/bar", "claims.?x.orValue('')")),
        },
        claimValidationRules=[{"claim": "hd", "requiredValue": "x"}, {"expression": "claims.exp > 5", "message": "m"}],
        userValidationRules=[{"expression": "user.username != ''", "message": "m"}],
    ),
    # The issuer
    "no url": of("jwt[0].issuer.url: Required value", issuer={"url": ""}),
    "a url that is none": of(
        URL + '"https://a:b:c": parse "https://a:b:c": Port could not be cast to integer value as \'b:c\'',
        issuer={"url": "https://a:b:c"},
    ),
    "a url with a newline": of(
        URL + '"https://a\\n": parse "https://a\\n": net/url: invalid control character in URL', issuer={"url": "https://a\n"}
    ),
    "a url without TLS": of(URL + '"http://issuer-url": URL scheme must be https', issuer={"url": "http://issuer-url"}),
    "a url with a user": of(
        URL + '"https://u:p@issuer-url": URL must not contain a username or password', issuer={"url": "https://u:p@issuer-url"}
    ),
    "a url with a query": of(URL + '"https://i?q=1": URL must not contain a query', issuer={"url": "https://i?q=1"}),
    "a url with a fragment": of(URL + '"https://i#f": URL must not contain a fragment', issuer={"url": "https://i#f"}),
    "a url with everything": of(
        f'[{URL}"http://u@i?q#f": URL scheme must be https, '
        f'{URL}"http://u@i?q#f": URL must not contain a username or password, '
        f'{URL}"http://u@i?q#f": URL must not contain a query, {URL}"http://u@i?q#f": URL must not contain a fragment]',
        issuer={"url": "http://u@i?q#f"},
    ),
    "the same discovery": of(
        DISCOVERY + '"https://issuer-url": discoveryURL must be different from URL',
        issuer={"discoveryURL": "https://issuer-url"},
    ),
    "the same discovery but for a slash": of(
        DISCOVERY + '"https://issuer-url/": discoveryURL must be different from URL',
        issuer={"discoveryURL": "https://issuer-url/"},
    ),
    "discovery without TLS": of(DISCOVERY + '"http://x": URL scheme must be https', issuer={"discoveryURL": "http://x"}),
    "no audiences": of(
        "jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required",
        issuer={"audiences": []},
    ),
    "an empty audience": of("jwt[0].issuer.audiences[0]: Required value", issuer={"audiences": [""]}),
    "an audience twice": of(
        'jwt[0].issuer.audiences[1]: Duplicate value: "a"',
        issuer={"audiences": ["a", "a"], "audienceMatchPolicy": "MatchAny"},
    ),
    "several audiences without a policy": of(
        'jwt[0].issuer.audienceMatchPolicy: Invalid value: "": audienceMatchPolicy must be MatchAny for multiple audiences',
        issuer={"audiences": ["a", "b"]},
    ),
    "another policy": of(
        'jwt[0].issuer.audienceMatchPolicy: Invalid value: "All": '
        "audienceMatchPolicy must be empty or MatchAny for single audience",
        issuer={"audienceMatchPolicy": "All"},
    ),
    "authorities that are none": of(
        'jwt[0].issuer.certificateAuthority: Invalid value: "<omitted>": '
        "data does not contain any valid RSA or ECDSA certificates",
        issuer={"certificateAuthority": "x"},
    ),
    "an egress selector": of(
        'jwt[0].issuer.egressSelectorType: Invalid value: "cluster": egress selector is not supported when '
        "StructuredAuthenticationConfigurationEgressSelector feature gate is disabled",
        issuer={"egressSelectorType": "cluster"},
    ),
    # Rules for claims
    "a rule of nothing": of(
        "jwt[0].claimValidationRules[0]: Required value: claim or expression is required", claimValidationRules=[{}]
    ),
    "a rule of both": of(
        f'jwt[0].claimValidationRules[0]: Invalid value: "c": {BOTH}',
        claimValidationRules=[{"claim": "c", "expression": "true"}],
    ),
    "a rule of a claim with a message": of(
        'jwt[0].claimValidationRules[0].message: Invalid value: "m": may not be specified when claim is set',
        claimValidationRules=[{"claim": "c", "message": "m"}],
    ),
    "a rule of an expression with a value": of(
        'jwt[0].claimValidationRules[0].requiredValue: Invalid value: "v": may not be specified when expression is set',
        claimValidationRules=[{"expression": "true", "requiredValue": "v"}],
    ),
    "a claim twice": of(
        'jwt[0].claimValidationRules[1].claim: Duplicate value: "c"', claimValidationRules=[{"claim": "c"}, {"claim": "c"}]
    ),
    "an expression twice": of(
        'jwt[0].claimValidationRules[1].expression: Duplicate value: "true"',
        claimValidationRules=[{"expression": "true"}, {"expression": "true"}],
    ),
    "a rule that is no boolean": of(
        "jwt[0].claimValidationRules[0].expression: Invalid value: \"claims.foo\": must evaluate to bool",
        claimValidationRules=[{"expression": "claims.foo"}],
    ),
    "a rule that does not compile": of(
        f'jwt[0].claimValidationRules[0].expression: Invalid value: "foo": {UNDECLARED}',
        claimValidationRules=[{"expression": "foo"}],
    ),
    # Mappings
    "no username": of(
        "jwt[0].claimMappings.username: Required value: claim or expression is required", mappings={"username": {}}
    ),
    "a username of both": of(
        f'jwt[0].claimMappings.username: Invalid value: "": {BOTH}',
        mappings={"username": {"claim": "c", "expression": "'x'"}},
    ),
    "a username without a prefix": of(
        "jwt[0].claimMappings.username.prefix: Required value: "
        "prefix is required when claim is set. It can be set to an empty string to disable prefixing",
        mappings={"username": {"claim": "c"}},
    ),
    "an expression with a prefix": of(
        'jwt[0].claimMappings.username.prefix: Invalid value: "p": may not be specified when expression is set',
        mappings={"username": {"expression": "claims.x", "prefix": "p"}},
    ),
    "a username that does not compile": of(
        f'jwt[0].claimMappings.username.expression: Invalid value: "foo": {UNDECLARED}', mappings=username("foo")
    ),
    "groups of both": of(
        f'jwt[0].claimMappings.groups: Invalid value: "": {BOTH}',
        mappings={"groups": {"claim": "c", "expression": "'x'"}},
    ),
    "groups without a prefix": of(
        "jwt[0].claimMappings.groups.prefix: Required value: "
        "prefix is required when claim is set. It can be set to an empty string to disable prefixing",
        mappings={"groups": {"claim": "c"}},
    ),
    "groups that do not compile": of(
        f'jwt[0].claimMappings.groups.expression: Invalid value: "foo": {UNDECLARED}',
        mappings={"groups": {"expression": "foo"}},
    ),
    "a uid of both": of(
        f'jwt[0].claimMappings.uid: Invalid value: "": {BOTH}', mappings={"uid": {"claim": "c", "expression": "'x'"}}
    ),
    "a uid that does not compile": of(
        f'jwt[0].claimMappings.uid.expression: Invalid value: "foo": {UNDECLARED}',
        mappings={"uid": {"expression": "foo"}},
    ),
    "extra without a key": of(f"{KEY}Required value", mappings=extra(("", "'x'"))),
    "extra with a key of no domain": of(
        f'{KEY}Invalid value: "foo": must be a domain-prefixed path (such as "acme.io/foo")', mappings=extra(("foo", "'x'"))
    ),
    "extra with a key in capitals": of(
        f'{KEY}Invalid value: "acme.io/Foo": must be lowercase', mappings=extra(("acme.io/Foo", "'x'"))
    ),
    "extra with a key of Kubernetes": of(
        f'{KEY}Invalid value: "a.k8s.io/x": k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use',
        mappings=extra(("a.k8s.io/x", "'x'")),
    ),
    "extra with another key of Kubernetes": of(
        f'{KEY}Invalid value: "kubernetes.io/x": k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use',
        mappings=extra(("kubernetes.io/x", "'x'")),
    ),
    "extra with a key that only ends like one of Kubernetes": of("", mappings=extra(("notk8s.io/x", "'x'"))),
    "an extra key twice": of(
        'jwt[0].claimMappings.extra[1].key: Duplicate value: "a.io/b"', mappings=extra(("a.io/b", "'x'"), ("a.io/b", "'y'"))
    ),
    "extra without a value": of(
        "jwt[0].claimMappings.extra[0].valueExpression: Required value", mappings=extra(("a.io/b", ""))
    ),
    "extra that does not compile": of(
        f'jwt[0].claimMappings.extra[0].valueExpression: Invalid value: "foo": {UNDECLARED}',
        mappings=extra(("a.io/b", "foo")),
    ),
    # Addresses that somebody else may have
    "an unverified address": of(
        f'jwt[0].claimMappings.username.expression: Invalid value: "claims.email": {VERIFIED}',
        mappings=username("claims.email"),
    ),
    "an unverified address, optionally": of(
        "jwt[0].claimMappings.username.expression: Invalid value: "
        f'"claims.?email.orValue(\\"\\")": {VERIFIED}',
        mappings=username('claims.?email.orValue("")'),
    ),
    "an unverified address in a list": of(
        f'jwt[0].claimMappings.username.expression: Invalid value: "[claims.email][0]": {VERIFIED}',
        mappings=username("[claims.email][0]"),
    ),
    "an address that a rule verifies": of(
        "",
        mappings=username("claims.email"),
        claimValidationRules=[{"expression": "claims.?email_verified.orValue(true) == true"}],
    ),
    "an address that an extra value verifies": of(
        "", mappings=username("claims.email", **extra(("a.io/b", "string(claims.email_verified)")))
    ),
    "an address that its own expression verifies": of(
        "", mappings=username("claims.email_verified ? claims.email : 'nobody'")
    ),
    "an address of another variable's": of("", mappings=username("claims.user.email")),
    # Rules for users
    "a user rule of nothing": of("jwt[0].userValidationRules[0].expression: Required value", userValidationRules=[{}]),
    "a user rule twice": of(
        'jwt[0].userValidationRules[1].expression: Duplicate value: "true"',
        userValidationRules=[{"expression": "true"}, {"expression": "true"}],
    ),
    "a user rule that is no boolean": of(
        'jwt[0].userValidationRules[0].expression: Invalid value: "user.username": must evaluate to bool',
        userValidationRules=[{"expression": "user.username"}],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("config", "text"), CASES.values(), ids=CASES)
def test_an_authenticator(config: dict[str, Any], text: str) -> None:
    assert validated(config) == text


@pytest.mark.parametrize(
    "expression", ["user.nosuchfield == ''", "claims.x == ''", "user.username ==", "user.groups == 5"]
)
def test_a_user_rule_that_does_not_compile(expression: str) -> None:
    text = validated(authenticator(userValidationRules=[{"expression": expression}]))
    assert text.startswith("jwt[0].userValidationRules[0].expression: Invalid value: ")
    assert "compilation failed: ERROR: <input>:" in text


def test_no_authenticator_is_none_too_few() -> None:
    assert validated() == ""


def test_too_many_authenticators() -> None:
    assert validated(*[authenticator() for _ in range(65)]) == "jwt: Too many: 65: must have at most 64 items"


def test_an_issuer_twice() -> None:
    discovery = {"discoveryURL": "https://d"}
    assert validated(authenticator(issuer=discovery), authenticator(issuer=discovery)) == (
        '[jwt[1].issuer.url: Duplicate value: "https://issuer-url", '
        'jwt[1].issuer.discoveryURL: Duplicate value: "https://d"]'
    )


def test_the_issuer_of_service_accounts_is_no_other() -> None:
    assert validated(authenticator(), disallowed=("c", "https://issuer-url", "a")) == (
        URL + '"https://issuer-url": URL must not overlap with disallowed issuers: [a c https://issuer-url]'
    )


@pytest.mark.parametrize(
    ("anonymous", "text"),
    [
        ({"enabled": True}, ""),
        ({"enabled": False}, ""),
        ({"enabled": True, "conditions": [{"path": "/livez"}]}, ""),
        (
            {"enabled": False, "conditions": [{"path": "/livez"}]},
            'anonymous.conditions: Invalid value: [{"Path":"/livez"}]: '
            "enabled should be set to true when conditions are defined",
        ),
    ],
)
def test_anonymous_requests(anonymous: dict[str, Any], text: str) -> None:
    assert validated(anonymous=anonymous) == text


@pytest.mark.parametrize(
    ("expression", "uses"),
    [
        ("claims.email", True),
        ("has(claims.email)", True),
        ("claims . email", True),
        ("claims.?email.orValue('')", True),
        ("[{'a': claims.email}].map(x, x.a)[0]", True),
        ("claims.email_verified", False),
        ("claims['email']", False),
        ("'claims.email'", False),
        ("claims.x.email", False),
    ],
)
def test_whether_a_claim_is_used(expression: str, uses: bool) -> None:
    assert uses_claim(Compiler().compile(expression), "email") is uses


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("claims.foo", []),
        ("claims.foo__bar", []),
        ("claims.foo__dot__bar", [("foo__dot__bar", "foo.bar")]),
        ("claims.a__dash__b__slash__c + claims.__in__", [("a__dash__b__slash__c", "a-b/c"), ("__in__", "in")]),
        ("claims.a__underscores__b", [("a__underscores__b", "a__b")]),
    ],
)
def test_escaped_names(expression: str, names: list[tuple[str, str]]) -> None:
    assert escaped_names(expression) == names


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import genericapiserver.authentication.oidc.expressions as expressions
    from genericapiserver.cel import MissingLibraryError

    def missing() -> None:
        raise MissingLibraryError("expressions need the extra cel")

    monkeypatch.setattr(expressions, "require_cel", missing)
    with pytest.raises(ExpressionError, match="expressions need the extra cel"):
        Compiler().compile("true")
    assert validated(authenticator()) == ""
