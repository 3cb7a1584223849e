"""Whether an AuthenticationConfiguration makes sense: every rule of the reference, with its text and field.

Source: ValidateAuthenticationConfiguration in pkg/apis/apiserver/validation/validation.go of k8s.io/apiserver.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final
from urllib.parse import urlsplit

import attrs

from genericapiserver.apimachinery import field as errors
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.validation.paths import domain_prefixed_path
from genericapiserver.apis.apiserver_config_v1_authentication import (
    MATCH_ANY,
    AuthenticationConfiguration,
    ClaimMappings,
    ClaimValidationRule,
    ExtraMapping,
    Issuer,
    JWTAuthenticator,
    PrefixedClaimOrExpression,
    UserValidationRule,
)
from genericapiserver.authentication.oidc.expressions import (
    ClaimExpressions,
    Compiler,
    Expression,
    ExpressionError,
    Rule,
    Variable,
    uses_claim,
)
from genericapiserver.certificates.pem import parse_certificates

MAX_AUTHENTICATORS: Final = 64

_BOTH: Final = "claim and expression can't both be set"
_NEITHER: Final = "claim or expression is required"
_UNVERIFIED_EMAIL: Final = (
    "claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression "
    "or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression"
)
_RESERVED_DOMAINS: Final = ("kubernetes.io", "k8s.io")
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f]")


def validate_configuration(
    config: AuthenticationConfiguration, *, disallowed_issuers: Collection[str] = (), compiler: Compiler | None = None
) -> tuple[list[ClaimExpressions], list[FieldError]]:
    """The compiled expressions of each authenticator, and everything that is wrong; the former only count without the
    latter. Service account issuers are *disallowed_issuers*."""
    root = Path("jwt")
    if len(config.jwt) > MAX_AUTHENTICATORS:
        return [], [errors.too_many(root, len(config.jwt), MAX_AUTHENTICATORS)]
    found: list[FieldError] = []
    expressions: list[ClaimExpressions] = []
    compiler = compiler or Compiler()
    issuers, discovery_urls = set(), set()
    for index, authenticator in enumerate(config.jwt):
        path = root.index(index)
        validation = _AuthenticatorValidation(compiler, frozenset(disallowed_issuers))
        expressions.append(validation.run(authenticator, path))
        found += validation.errors
        url, discovery_url = authenticator.issuer.url, authenticator.issuer.discovery_url
        if url in issuers:
            found.append(errors.duplicate(path.child("issuer", "url"), url))
        issuers.add(url)
        if discovery_url:
            if discovery_url in discovery_urls:
                found.append(errors.duplicate(path.child("issuer", "discoveryURL"), discovery_url))
            discovery_urls.add(discovery_url)
    if config.anonymous is not None and not config.anonymous.enabled and config.anonymous.conditions:
        conditions = [{"Path": condition.path} for condition in config.anonymous.conditions]
        found.append(
            errors.invalid(
                Path("anonymous", "conditions"), conditions, "enabled should be set to true when conditions are defined"
            )
        )
    return expressions, found


class _AuthenticatorValidation:
    """Validates one authenticator and compiles its expressions."""

    def __init__(self, compiler: Compiler, disallowed_issuers: frozenset[str]) -> None:
        self.errors: list[FieldError] = []
        self._compiler = compiler
        self._disallowed = disallowed_issuers

    def run(self, config: JWTAuthenticator, path: Path) -> ClaimExpressions:
        self._issuer(config.issuer, path.child("issuer"))
        claim_rules = self._claim_rules(config.claim_validation_rules, path.child("claimValidationRules"))
        expressions = self._mappings(config.claim_mappings, claim_rules, path.child("claimMappings"))
        user_rules = self._user_rules(config.user_validation_rules, path.child("userValidationRules"))
        return attrs.evolve(expressions, claim_rules=claim_rules, user_rules=user_rules)

    # The issuer

    def _issuer(self, issuer: Issuer, path: Path) -> None:
        if issuer.url:
            self._url(issuer.url, path.child("url"), self._disallowed)
        else:
            self._add(errors.required(path.child("url")))
        if issuer.discovery_url:
            where = path.child("discoveryURL")
            if issuer.url and issuer.url.rstrip("/") == issuer.discovery_url.rstrip("/"):
                self._add(errors.invalid(where, issuer.discovery_url, "discoveryURL must be different from URL"))
            self._url(issuer.discovery_url, where, frozenset())
        self._audiences(issuer, path)
        if issuer.certificate_authority:
            try:
                parse_certificates(issuer.certificate_authority.encode("utf-8", "replace"))
            except ValueError as error:
                self._add(errors.invalid(path.child("certificateAuthority"), "<omitted>", str(error)))
        if issuer.egress_selector_type:
            self._add(
                errors.invalid(
                    path.child("egressSelectorType"),
                    issuer.egress_selector_type,
                    # The gate's text in the reference; there is no such gate here, and no egress selector.
                    "egress selector is not supported when StructuredAuthenticationConfigurationEgressSelector feature "
                    "gate is disabled",
                )
            )

    def _url(self, text: str, path: Path, disallowed: frozenset[str]) -> None:
        if text in disallowed:
            shown = " ".join(sorted(disallowed))
            self._add(errors.invalid(path, text, f"URL must not overlap with disallowed issuers: [{shown}]"))
        try:
            if _CONTROL.search(text):
                raise ValueError("net/url: invalid control character in URL")
            url = urlsplit(text)
            _ = url.port
        except ValueError as error:
            self._add(errors.invalid(path, text, f"parse {quote(text)}: {error}"))
            return
        for is_wrong, problem in (
            (url.scheme != "https", "URL scheme must be https"),
            (url.username is not None or url.password is not None, "URL must not contain a username or password"),
            (url.query, "URL must not contain a query"),
            (url.fragment, "URL must not contain a fragment"),
        ):
            if is_wrong:
                self._add(errors.invalid(path, text, problem))

    def _audiences(self, issuer: Issuer, path: Path) -> None:
        audiences, where = issuer.audiences, path.child("audiences")
        if not audiences:
            self._add(errors.required(where, f"at least one {where} is required"))
            return
        for index, audience in enumerate(audiences):
            if not audience:
                self._add(errors.required(where.index(index)))
            if audience in audiences[:index]:
                self._add(errors.duplicate(where.index(index), audience))
        policy, where = issuer.audience_match_policy, path.child("audienceMatchPolicy")
        if len(audiences) > 1 and policy != MATCH_ANY:
            self._add(errors.invalid(where, policy, "audienceMatchPolicy must be MatchAny for multiple audiences"))
        if len(audiences) == 1 and policy not in ("", MATCH_ANY):
            self._add(
                errors.invalid(where, policy, "audienceMatchPolicy must be empty or MatchAny for single audience")
            )

    # Rules and mappings

    def _claim_rules(self, rules: Sequence[ClaimValidationRule], path: Path) -> list[Rule]:
        claims: set[str] = set()
        expressions: set[str] = set()
        compiled: list[Rule] = []
        for index, rule in enumerate(rules):
            where = path.index(index)
            if rule.claim and rule.expression:
                self._add(errors.invalid(where, rule.claim, _BOTH))
            elif rule.claim:
                if rule.message:
                    self._add(
                        errors.invalid(where.child("message"), rule.message, "may not be specified when claim is set")
                    )
                if rule.claim in claims:
                    self._add(errors.duplicate(where.child("claim"), rule.claim))
                claims.add(rule.claim)
            elif rule.expression:
                if rule.required_value:
                    text = "may not be specified when expression is set"
                    self._add(errors.invalid(where.child("requiredValue"), rule.required_value, text))
                if self._is_new(rule.expression, expressions, where):
                    expression = self._compile(rule.expression, where.child("expression"), rule=True)
                    if expression is not None:
                        compiled.append(Rule(expression, rule.message))
            else:
                self._add(errors.required(where, _NEITHER))
        return compiled

    def _user_rules(self, rules: Sequence[UserValidationRule], path: Path) -> list[Rule]:
        expressions: set[str] = set()
        compiled: list[Rule] = []
        for index, rule in enumerate(rules):
            where = path.index(index)
            if not rule.expression:
                self._add(errors.required(where.child("expression")))
            elif self._is_new(rule.expression, expressions, where):
                expression = self._compile(rule.expression, where.child("expression"), rule=True, variable="user")
                if expression is not None:
                    compiled.append(Rule(expression, rule.message))
        return compiled

    def _is_new(self, expression: str, known: set[str], path: Path) -> bool:
        if expression in known:
            self._add(errors.duplicate(path.child("expression"), expression))
            return False
        known.add(expression)
        return True

    def _mappings(self, mappings: ClaimMappings, claim_rules: Sequence[Rule], path: Path) -> ClaimExpressions:
        username = self._prefixed(mappings.username, path.child("username"), required=True)
        groups = self._prefixed(mappings.groups, path.child("groups"), required=False)
        uid: Expression | None = None
        if mappings.uid.claim and mappings.uid.expression:
            self._add(errors.invalid(path.child("uid"), "", _BOTH))
        elif mappings.uid.expression:
            uid = self._compile(mappings.uid.expression, path.child("uid", "expression"))
        extra = self._extra(mappings.extra, path.child("extra"))
        if username is not None and uses_claim(username, "email"):
            looked_at = [username, *(expression for _, expression in extra), *(rule.expression for rule in claim_rules)]
            if not any(uses_claim(expression, "email_verified") for expression in looked_at):
                self._add(errors.invalid(path.child("username", "expression"), username.source, _UNVERIFIED_EMAIL))
        return ClaimExpressions(username=username, groups=groups, uid=uid, extra=extra)

    def _prefixed(self, mapping: PrefixedClaimOrExpression, path: Path, *, required: bool) -> Expression | None:
        if mapping.expression and mapping.claim:
            self._add(errors.invalid(path, "", _BOTH))
        elif mapping.expression:
            if mapping.prefix is not None:
                text = "may not be specified when expression is set"
                self._add(errors.invalid(path.child("prefix"), mapping.prefix, text))
            return self._compile(mapping.expression, path.child("expression"))
        elif mapping.claim:
            if mapping.prefix is None:
                self._add(
                    errors.required(
                        path.child("prefix"),
                        "prefix is required when claim is set. It can be set to an empty string to disable prefixing",
                    )
                )
        elif required:
            self._add(errors.required(path, _NEITHER))
        return None

    def _extra(self, mappings: Sequence[ExtraMapping], path: Path) -> list[tuple[str, Expression]]:
        keys: set[str] = set()
        compiled: list[tuple[str, Expression]] = []
        for index, mapping in enumerate(mappings):
            where = path.index(index)
            self._extra_key(mapping.key, where.child("key"))
            if mapping.key in keys:
                self._add(errors.duplicate(where.child("key"), mapping.key))
                continue
            keys.add(mapping.key)
            if not mapping.value_expression:
                self._add(errors.required(where.child("valueExpression")))
                continue
            expression = self._compile(mapping.value_expression, where.child("valueExpression"))
            if expression is not None:
                compiled.append((mapping.key, expression))
        return compiled

    def _extra_key(self, key: str, path: Path) -> None:
        self.errors += domain_prefixed_path(path, key)
        if key != key.lower():
            self._add(errors.invalid(path, key, "must be lowercase"))
        domain, slash, _ = key.partition("/")
        if slash and any(domain == name or domain.endswith(f".{name}") for name in _RESERVED_DOMAINS):
            text = "k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use"
            self._add(errors.invalid(path, key, text))

    def _compile(
        self, source: str, path: Path, *, rule: bool = False, variable: Variable = "claims"
    ) -> Expression | None:
        try:
            return self._compiler.compile(source, variable=variable, rule=rule)
        except ExpressionError as error:
            self._add(errors.invalid(path, source, str(error)))
            return None

    def _add(self, error: FieldError) -> None:
        self.errors.append(error)
