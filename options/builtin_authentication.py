"""BuiltInAuthenticationOptions: every way to prove who one is that a server checks itself.

Source: pkg/kubeapiserver/options/authentication.go of k8s.io/kubernetes. Deviations: ways without flags are off, service
accounts too; bootstrap tokens, for nodes that join a cluster, are not here; a server where nobody could be anybody does
not start; and authentication by another API server (--authentication-kubeconfig), which aggregated servers have, may be
added, since servers that stand alone offer it.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from genericapiserver.apimachinery import field as errors
from genericapiserver.apimachinery.field import Path as FieldPath
from genericapiserver.apimachinery.go import format_duration
from genericapiserver.authentication import RequestAuthenticator, TokenAuthenticator
from genericapiserver.authentication.anonymous import AnonymousAuthenticator
from genericapiserver.authentication.audiences import AudienceAgnosticTokenAuthenticator
from genericapiserver.authentication.builtin import FAILURE_TTL, SUCCESS_TTL, builtin_authenticator
from genericapiserver.authentication.delegating import CACHE_TTL
from genericapiserver.authentication.metrics import (
    CertificateMetrics,
    DelegationMetrics,
    ServiceAccountTokenMetrics,
    TokenCacheMetrics,
)
from genericapiserver.authentication.request_header import RequestHeaderAuthenticator
from genericapiserver.authentication.review import RetryBackoff, ReviewClient, Reviewer
from genericapiserver.authentication.token_cache import CachedTokenAuthenticator
from genericapiserver.authentication.token_file import TokenFileError, load_token_file
from genericapiserver.authentication.webhook import WebhookTokenAuthenticator, token_review_path
from genericapiserver.authentication.x509 import X509Authenticator, X509Verifier
from genericapiserver.certificates import CAContentProvider, CertificateError, DynamicCAContent, UnionCAContent
from genericapiserver.certificates.pem import parse_certificates
from genericapiserver.client import RESTClient
from genericapiserver.config import Config, ConfigError
from genericapiserver.options.authentication import TOKEN_REQUEST_TIMEOUT, RequestHeaderOptions
from genericapiserver.options.flags import BOOL, STRING, STRINGS, FlagSet
from genericapiserver.options.remote import client_config, rest_client
from genericapiserver.options.texts import reason
from genericapiserver.options.token_options import OIDCOptions, ServiceAccountOptions, WebhookOptions
from genericapiserver.secure_serving import SecureServingInfo

if TYPE_CHECKING:
    from genericapiserver.apis.apiserver_config_v1_authentication import AnonymousAuthConfig
    from genericapiserver.options.authentication_config import IssuerController

logger = logging.getLogger(__name__)

WEBHOOK_TIMEOUT: Final = 30.0
"""Seconds."""


@attrs.define(kw_only=True)
class BuiltInAuthenticationOptions:
    """Who a request comes from, as this server itself finds out."""

    anonymous_auth: bool = True
    api_audiences: list[str] = attrs.field(factory=list)
    authentication_config_file: str = ""
    token_file: str = ""
    client_ca_file: str = ""
    own_client_ca_file: str = ""
    """No flag: the authority of a server that signs certificates for its users itself; counts beside *client_ca_file*."""
    request_header: RequestHeaderOptions = attrs.field(factory=RequestHeaderOptions)
    service_accounts: ServiceAccountOptions = attrs.field(factory=ServiceAccountOptions)
    oidc: OIDCOptions = attrs.field(factory=OIDCOptions)
    webhook: WebhookOptions = attrs.field(factory=WebhookOptions)
    token_success_cache_ttl: float = SUCCESS_TTL
    token_failure_cache_ttl: float = FAILURE_TTL
    remote_kubeconfig_file: str | None = None
    """Another API server that may review tokens, asked last; None has no flag for one."""
    _flags: FlagSet | None = attrs.field(default=None, init=False, repr=False)

    def add_flags(self, flags: FlagSet) -> None:
        self._flags = flags
        for name, kind, attribute, text in (
            (
                "authentication-config",
                STRING,
                "authentication_config_file",
                "File with an AuthenticationConfiguration: issuers of JSON web tokens, and whether requests without "
                "credentials are let in. Read again when it changes. Excludes the --oidc-* flags, and --anonymous-auth "
                "if the file says something of that.",
            ),
            (
                "api-audiences",
                STRINGS,
                "api_audiences",
                "What this API calls itself. Tokens of service accounts must be meant for one of these; the issuers of "
                "--service-account-issuer if empty.",
            ),
            (
                "anonymous-auth",
                BOOL,
                "anonymous_auth",
                "Let requests without credentials in, as system:anonymous of the group system:unauthenticated.",
            ),
            (
                "client-ca-file",
                STRING,
                "client_ca_file",
                "If set, any request presenting a client certificate signed by one of the authorities in the file is "
                "authenticated with an identity corresponding to the CommonName of the client certificate.",
            ),
            (
                "token-auth-file",
                STRING,
                "token_file",
                "A file of tokens, in lines of token,user,uid and optionally a quoted list of groups.",
            ),
        ):
            flags.add(name, kind, self, attribute, text)
        if self.remote_kubeconfig_file is not None:
            flags.add(
                "authentication-kubeconfig",
                STRING,
                self,
                "remote_kubeconfig_file",
                "kubeconfig file pointing at another API server with enough rights to create "
                "tokenreviews.authentication.k8s.io.",
            )
        self.request_header.add_flags(flags)
        self.service_accounts.add_flags(flags)
        self.oidc.add_flags(flags)
        self.webhook.add_flags(flags)

    def validate(self) -> list[str]:
        return [
            *self.oidc.validate(self.authentication_config_file),
            *self.service_accounts.validate(),
            *self.webhook.validate(),
            *self.request_header.validate(),
            *self._overlapping_authorities(),
        ]

    async def apply_to(self, config: Config, serving: SecureServingInfo | None) -> None:
        """Give *config* its authenticator and *serving* the authorities to ask clients for. Raises ConfigError.

        Issuers of tokens are looked for, and files followed, while *serving* serves; without it no token of an issuer is
        accepted.
        """
        info = config.authentication
        info.api_audiences = tuple(self.api_audiences or self.service_accounts.issuers)
        controller = self._issuers(config)
        tokens = self._local_tokens(config)
        if controller is not None:
            tokens.append(AudienceAgnosticTokenAuthenticator(controller, info.api_audiences))
            if serving is not None:
                serving.content_controllers.append(controller.run)
        tokens += self._reviewers(config)
        info.authenticator = builtin_authenticator(
            front_proxy=self._front_proxy(config, serving),
            certificates=self._certificates(config, serving),
            tokens=tokens,
            anonymous=self._anonymous(controller.anonymous if controller is not None else None),
            api_audiences=info.api_audiences,
            success_ttl=self.token_success_cache_ttl,
            failure_ttl=self.token_failure_cache_ttl,
            metrics=config.metrics,
            clock=config.clock,
        )
        if info.authenticator is None:
            raise ConfigError("no authentication method configured")

    # Certificates

    def _front_proxy(self, config: Config, serving: SecureServingInfo | None) -> RequestAuthenticator | None:
        problem = "unable to create request header authentication config"
        ca = _authorities("request-header", self.request_header.client_ca_file, problem, serving)
        if ca is None:
            return None
        try:
            headers = self.request_header.config()
        except ValueError as error:
            raise ConfigError(f"{problem}: {error}") from error
        config.authentication.request_header_config = lambda: headers
        allowed_names = tuple(self.request_header.allowed_names)
        if not allowed_names:
            logger.warning(
                "--requestheader-allowed-names is empty: every client certificate that is signed by an authority in %s "
                "may name users in headers",
                self.request_header.client_ca_file,
            )
        return X509Verifier(
            ca.current_ca_bundle,
            RequestHeaderAuthenticator(lambda: headers),
            allowed_names=lambda: allowed_names,
            clock=config.clock,
        )

    def _certificates(self, config: Config, serving: SecureServingInfo | None) -> RequestAuthenticator | None:
        problem = "unable to load client CA file"
        files = {"client-ca-bundle": self.client_ca_file, "own-client-ca-bundle": self.own_client_ca_file}
        found = [ca for name, file in files.items() if (ca := _authorities(name, file, problem, serving)) is not None]
        if not found:
            return None
        ca = found[0] if len(found) == 1 else UnionCAContent(*found)
        return X509Authenticator(ca.current_ca_bundle, clock=config.clock, metrics=CertificateMetrics(config.metrics))

    def _overlapping_authorities(self) -> list[str]:
        """Whose certificates name users must not also be who may speak for any user."""
        clients_of = [file for file in (self.client_ca_file, self.own_client_ca_file) if file]
        proxies_of = self.request_header.client_ca_file
        if not clients_of or not proxies_of or self.request_header.allowed_names:
            return []
        try:
            proxies = set(parse_certificates(Path(proxies_of).read_bytes()))
            clients = {one for file in clients_of for one in parse_certificates(Path(file).read_bytes())}
        except (OSError, ValueError):
            return []  # `apply_to` says what is wrong with the files
        if clients.isdisjoint(proxies):
            return []
        return [
            "--requestheader-client-ca-file and --client-ca-file contain overlapping certificates; "
            "--requestheader-allowed-names must be specified to ensure regular client certificates cannot set "
            "authenticating proxy headers for arbitrary users"
        ]

    # Tokens

    def _local_tokens(self, config: Config) -> list[TokenAuthenticator]:
        """Those that need nobody else: the file's, and service accounts'."""
        tokens: list[TokenAuthenticator] = []
        audiences = config.authentication.api_audiences
        if self.token_file:
            try:
                tokens.append(AudienceAgnosticTokenAuthenticator(load_token_file(Path(self.token_file)), audiences))
            except (OSError, TokenFileError, UnicodeDecodeError) as error:
                raise ConfigError(f"--token-auth-file {self.token_file}: {reason(error)}") from error
        if self.service_accounts.enabled:
            tokens.append(self._service_accounts(config))
        return tokens

    def _service_accounts(self, config: Config) -> TokenAuthenticator:
        # Here, and below: a server without these tokens starts sooner.
        from genericapiserver.authentication.public_keys import KeyFileError, StaticPublicKeys, read_public_keys
        from genericapiserver.authentication.service_account_token import (
            LEGACY_ISSUER,
            ServiceAccountTokenAuthenticator,
        )

        try:
            keys = [key for file in self.service_accounts.key_files for key in read_public_keys(file)]
        except (OSError, KeyFileError) as error:
            raise ConfigError(f"--service-account-key-file: {reason(error)}") from error
        return ServiceAccountTokenAuthenticator(
            (*self.service_accounts.issuers, LEGACY_ISSUER),
            StaticPublicKeys(keys),
            implicit_audiences=config.authentication.api_audiences,
            objects=self.service_accounts.objects,
            lookup=self.service_accounts.lookup,
            clock=config.clock,
            metrics=ServiceAccountTokenMetrics(config.metrics),
        )

    def _issuers(self, config: Config) -> "IssuerController | None":
        """The issuers of the file or of the flags."""
        if not self.authentication_config_file and not self.oidc.issuer_url:
            return None
        from genericapiserver.options.authentication_config import IssuerController

        disallowed = self.service_accounts.issuers
        if self.authentication_config_file:
            return IssuerController.from_file(Path(self.authentication_config_file), config, disallowed)
        return IssuerController.from_flags(self.oidc, config, disallowed)

    def _anonymous(self, configured: "AnonymousAuthConfig | None") -> RequestAuthenticator | None:
        """*configured* is what the file says of anonymous requests."""
        if configured is None:
            return AnonymousAuthenticator() if self.anonymous_auth else None
        if self._flags is not None and "anonymous-auth" in self._flags.given:
            text = "--anonymous-auth flag cannot be set when anonymous field is configured in authentication "
            raise ConfigError(str(errors.forbidden(FieldPath("anonymous"), text + "configuration file")))
        if not configured.enabled:
            return None
        return AnonymousAuthenticator([condition.path for condition in configured.conditions] or None)

    # Tokens that others are asked about

    def _reviewers(self, config: Config) -> list[TokenAuthenticator]:
        tokens: list[TokenAuthenticator] = []
        if self.webhook.config_file:
            tokens.append(self._webhook(config))
        if self.remote_kubeconfig_file:
            try:
                reached = client_config(self.remote_kubeconfig_file)
                client = rest_client(reached, timeout=TOKEN_REQUEST_TIMEOUT, metrics=config.metrics)
            except ConfigError as error:
                raise ConfigError(f"failed to get delegated authentication kubeconfig: {error}") from error
            config.add_cleanup(client.aclose)
            tokens.append(_reviewed(config, client, token_review_path(), "v1", CACHE_TTL, RetryBackoff()))
        return tokens

    def _webhook(self, config: Config) -> TokenAuthenticator:
        self._warn_of_short_ttl()
        try:
            client = rest_client(
                client_config(self.webhook.config_file), timeout=WEBHOOK_TIMEOUT, metrics=config.metrics
            )
        except ConfigError as error:
            raise ConfigError(f"--authentication-token-webhook-config-file: {error}") from error
        config.add_cleanup(client.aclose)
        ttl = self.webhook.cache_ttl
        return _reviewed(config, _ExactAddress(client), "", self.webhook.version, ttl, self.webhook.retry_backoff)

    def _warn_of_short_ttl(self) -> None:
        ttl = self.webhook.cache_ttl
        for overall, kind in ((self.token_success_cache_ttl, "successful"), (self.token_failure_cache_ttl, "failed")):
            if 0 < ttl < overall:
                logger.warning(
                    "the webhook cache ttl of %s is shorter than the overall cache ttl of %s for %s token authentication "
                    "attempts.",
                    format_duration(ttl),
                    format_duration(overall),
                    kind,
                )


@attrs.frozen
class _ExactAddress:
    """Posts to the very address of a kubeconfig, telling how long it waits, as Go's clients do."""

    client: RESTClient

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        return await self.client.post(path, body, query={"timeout": format_duration(WEBHOOK_TIMEOUT)})


def _reviewed(
    config: Config, client: ReviewClient, path: str, version: str, ttl: float, backoff: RetryBackoff
) -> TokenAuthenticator:
    """Tokens that another server is asked about through *client*; what it says is remembered for *ttl* seconds."""
    reviewer = Reviewer(
        client, path, retry_backoff=backoff, metrics=DelegationMetrics(config.metrics, "authn"), clock=config.clock
    )
    return CachedTokenAuthenticator(
        WebhookTokenAuthenticator(reviewer, version=version, implicit_audiences=config.authentication.api_audiences),
        success_ttl=ttl,
        failure_ttl=ttl,
        clock=config.clock,
        metrics=TokenCacheMetrics(config.metrics),
    )


def _authorities(purpose: str, file: str, problem: str, serving: SecureServingInfo | None) -> CAContentProvider | None:
    """The authorities in *file*, which clients are then asked for; None without a file."""
    if not file:
        return None
    try:
        content = DynamicCAContent.from_file(purpose, Path(file))
    except (CertificateError, OSError) as error:
        raise ConfigError(f"{problem}: {reason(error)}") from error
    if serving is not None:
        serving.add_client_ca(content)
    return content
