"""Flags for the kinds of tokens that a server checks itself.

Source: pkg/kubeapiserver/options/authentication.go of k8s.io/kubernetes, whose flags, defaults and error texts these are.
Deviation: without its flags a kind of token is off, service accounts too, which kube-apiserver cannot do without.
"""

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import attrs

from genericapiserver.apimachinery.go import quote
from genericapiserver.authentication.jose import check_algorithms
from genericapiserver.authentication.review import RetryBackoff
from genericapiserver.authentication.webhook import token_review_path
from genericapiserver.options.flags import BOOL, DURATION, STRING, STRINGS, TEXTS, FlagSet, FlagType

if TYPE_CHECKING:  # loaded when they are needed: a server without these tokens starts sooner
    from genericapiserver.apis.apiserver_config_v1_authentication import JWTAuthenticator
    from genericapiserver.authentication.service_account_objects import ServiceAccountObjects

NO_PREFIX: Final = "-"


def _pair(text: str) -> list[tuple[str, str]]:
    key, separator, value = text.partition("=")
    if not separator:
        raise ValueError("malformed pair, expect string=string")
    return [(key.strip(), value.strip())]


PAIRS: Final = FlagType(
    "mapStringString", _pair, lambda pairs: ",".join(f"{key}={value}" for key, value in pairs), appends=True
)
"""One `key=value` an occurrence; values may have commas."""


@attrs.define(kw_only=True)
class OIDCOptions:
    """One OpenID Connect issuer."""

    issuer_url: str = ""
    client_id: str = ""
    ca_file: str = ""
    username_claim: str = "sub"
    username_prefix: str = ""
    groups_claim: str = ""
    groups_prefix: str = ""
    signing_algs: list[str] = attrs.field(factory=lambda: ["RS256"])
    required_claims: list[tuple[str, str]] = attrs.field(factory=list)
    _flags: FlagSet | None = attrs.field(default=None, init=False, repr=False)

    @property
    def given(self) -> bool:
        """Whether any of the flags was given."""
        return self._flags is not None and any(name.startswith("oidc-") for name in self._flags.given)

    def add_flags(self, flags: FlagSet) -> None:
        self._flags = flags
        for name, kind, attribute, text in (
            (
                "issuer-url",
                STRING,
                "issuer_url",
                "The URL of the OpenID issuer, https only. If set, JSON web tokens (JWT) of this issuer are verified.",
            ),
            (
                "client-id",
                STRING,
                "client_id",
                "The client ID that tokens must be meant for; must be set if oidc-issuer-url is set.",
            ),
            (
                "ca-file",
                STRING,
                "ca_file",
                "If set, the issuer's certificate is verified by the authorities in this file, otherwise by the host's.",
            ),
            (
                "username-claim",
                STRING,
                "username_claim",
                "The claim to take the user name from. Other claims than the default need not be unique and lasting.",
            ),
            (
                "username-prefix",
                STRING,
                "username_prefix",
                "Put before every user name. If empty, names from other claims than 'email' get the issuer's URL and "
                "'#'; the value '-' means no prefix.",
            ),
            (
                "groups-claim",
                STRING,
                "groups_claim",
                "If set, the claim to take groups from, a string or a list of strings.",
            ),
            (
                "groups-prefix",
                STRING,
                "groups_prefix",
                "Put before every group, to keep them from clashing with others.",
            ),
            (
                "signing-algs",
                STRINGS,
                "signing_algs",
                "The algorithms that tokens may be signed with, of RS256, RS384, RS512, ES256, ES384, ES512, PS256, "
                "PS384 and PS512 (RFC 7518, section 3.1).",
            ),
            (
                "required-claim",
                PAIRS,
                "required_claims",
                "A key=value pair: a claim that tokens must have, with that value. May be given again for more.",
            ),
        ):
            flags.add(f"oidc-{name}", kind, self, attribute, text)

    def validate(self, config_file: str) -> list[str]:
        problems: list[str] = []
        if config_file and self.given:
            problems.append("authentication-config file and oidc-* flags are mutually exclusive")
        elif self.given and not (self.issuer_url and self.client_id):
            problems.append(
                "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set"
            )
        try:
            check_algorithms(self.signing_algs)
        except ValueError as error:
            problems.append(str(error))
        return problems

    def authenticator(self, certificate_authority: str) -> "JWTAuthenticator":
        """What the flags say, as the configuration file would say it."""
        from genericapiserver.apis.apiserver_config_v1_authentication import (
            ClaimMappings,
            ClaimValidationRule,
            Issuer,
            JWTAuthenticator,
            PrefixedClaimOrExpression,
        )

        prefix = self.username_prefix
        if not prefix and self.username_claim != "email":
            prefix = f"{self.issuer_url}#"
        groups = PrefixedClaimOrExpression()
        if self.groups_claim:
            groups = PrefixedClaimOrExpression(claim=self.groups_claim, prefix=self.groups_prefix)
        return JWTAuthenticator(
            issuer=Issuer(url=self.issuer_url, audiences=[self.client_id], certificate_authority=certificate_authority),
            claim_mappings=ClaimMappings(
                username=PrefixedClaimOrExpression(
                    claim=self.username_claim, prefix="" if prefix == NO_PREFIX else prefix
                ),
                groups=groups,
            ),
            claim_validation_rules=[
                ClaimValidationRule(claim=claim, required_value=value)
                for claim, value in dict(self.required_claims).items()
            ],
        )


@attrs.define(kw_only=True)
class ServiceAccountOptions:
    """Tokens of service accounts. *objects* is who knows whether the accounts still exist."""

    issuers: list[str] = attrs.field(factory=list)
    key_files: list[str] = attrs.field(factory=list)
    lookup: bool = True
    objects: "ServiceAccountObjects | None" = None

    @property
    def enabled(self) -> bool:
        return bool(self.issuers or self.key_files)

    def add_flags(self, flags: FlagSet) -> None:
        flags.add(
            "service-account-key-file",
            TEXTS,
            self,
            "key_files",
            "File with PEM-encoded RSA or ECDSA public or private keys, or certificates, to verify tokens of service "
            "accounts with. May have several keys, and may be given again for other files.",
        )
        flags.add(
            "service-account-lookup",
            BOOL,
            self,
            "lookup",
            "If true, tokens of service accounts are only good while what they are bound to exists.",
        )
        flags.add(
            "service-account-issuer",
            TEXTS,
            self,
            "issuers",
            "Who issues tokens of service accounts, as their claim iss says. May be given again: all are accepted.",
        )

    def validate(self) -> list[str]:
        if not self.enabled:
            return []
        problems: list[str] = []
        for index, issuer in enumerate(self.issuers):
            if ":" in issuer and (problem := _url_problem(issuer)):
                problems.append(
                    f"service-account-issuer {quote(issuer)} contained a ':' but was not a valid URL: {problem}"
                )
            elif not issuer:
                problems.append("service-account-issuer should not be an empty string")
            elif issuer in self.issuers[:index]:
                problems.append(f"service-account-issuer {quote(issuer)} is already specified")
        if not self.issuers:
            problems.append("service-account-issuer is a required flag")
        if not self.key_files:
            problems.append("`--service-account-key-file` must be set")
        if self.lookup and self.objects is None:
            problems.append(
                "--service-account-lookup: this server cannot look up service accounts; with "
                "--service-account-lookup=false their tokens are good until they expire"
            )
        return problems


@attrs.define(kw_only=True)
class WebhookOptions:
    """A webhook that reviews tokens, at the very address that its kubeconfig names."""

    config_file: str = ""
    version: str = "v1beta1"
    cache_ttl: float = 120.0
    retry_backoff: RetryBackoff = attrs.field(factory=RetryBackoff)

    def add_flags(self, flags: FlagSet) -> None:
        flags.add(
            "authentication-token-webhook-config-file",
            STRING,
            self,
            "config_file",
            "File in kubeconfig format that names a webhook, which is asked whose a bearer token is.",
        )
        flags.add(
            "authentication-token-webhook-version",
            STRING,
            self,
            "version",
            "The version of authentication.k8s.io that the webhook is sent and answers with.",
        )
        flags.add(
            "authentication-token-webhook-cache-ttl",
            DURATION,
            self,
            "cache_ttl",
            "How long to remember what the webhook said.",
        )

    def validate(self) -> list[str]:
        problems: list[str] = []
        if self.retry_backoff.steps <= 0:
            problems.append(
                f"number of webhook retry attempts must be greater than 0, but is: {self.retry_backoff.steps}"
            )
        try:
            token_review_path(self.version)
        except ValueError as error:
            problems.append(str(error))
        return problems


def _url_problem(text: str) -> str:
    try:
        _ = urlsplit(text).port
    except ValueError as error:
        return f"parse {quote(text)}: {error}"
    if any(character <= " " or character == "\x7f" for character in text):
        return f"parse {quote(text)}: net/url: invalid control character in URL"
    return ""
