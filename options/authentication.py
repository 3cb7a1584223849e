"""DelegatingAuthenticationOptions: client certificates, the front proxy, and tokens that another API server reviews.

What no flag gives of the client CA and of the front proxy is looked up in the cluster, in the ConfigMap kube-system/
extension-apiserver-authentication. Source: pkg/server/options/authentication.go of k8s.io/apiserver.
"""

import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

import attrs

from genericapiserver.authentication.anonymous import AnonymousAuthenticator
from genericapiserver.authentication.cluster import NAME, NAMESPACE, ClusterAuthentication, ClusterLookupError
from genericapiserver.authentication.delegating import RequestHeaderSource, delegating_authenticator
from genericapiserver.authentication.request_header import RequestHeaderConfig
from genericapiserver.authentication.review import RetryBackoff
from genericapiserver.certificates import CAContentProvider, CertificateError, DynamicCAContent
from genericapiserver.client import RESTClient
from genericapiserver.config import AuthenticationInfo, Config, ConfigError
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.options.flags import BOOL, DURATION, STRING, STRINGS, FlagSet
from genericapiserver.options.remote import delegated_client
from genericapiserver.options.texts import reason
from genericapiserver.secure_serving import SecureServingInfo

logger = logging.getLogger(__name__)

TOKEN_REQUEST_TIMEOUT: Final = 10.0

_STANDARD_HEADERS: Final = (
    ("username-headers", "username_headers", "X-Remote-User"),
    ("group-headers", "group_headers", "X-Remote-Group"),
    ("extra-headers-prefix", "extra_header_prefixes", "X-Remote-Extra-"),
)
"""Flag, attribute, and the name that aggregation relies on."""


@attrs.define(kw_only=True)
class RequestHeaderOptions:
    """Which headers of which proxy are believed."""

    client_ca_file: str = ""
    username_headers: list[str] = attrs.field(factory=lambda: ["x-remote-user"])
    uid_headers: list[str] = attrs.field(factory=list)
    group_headers: list[str] = attrs.field(factory=lambda: ["x-remote-group"])
    extra_header_prefixes: list[str] = attrs.field(factory=lambda: ["x-remote-extra-"])
    allowed_names: list[str] = attrs.field(factory=list)

    def add_flags(self, flags: FlagSet) -> None:
        for name, kind, attribute, text in (
            ("username-headers", STRINGS, "username_headers", "List of request headers to inspect for usernames."),
            ("uid-headers", STRINGS, "uid_headers", "List of request headers to inspect for UIDs."),
            ("group-headers", STRINGS, "group_headers", "List of request headers to inspect for groups."),
            (
                "extra-headers-prefix",
                STRINGS,
                "extra_header_prefixes",
                "List of request header prefixes to inspect. X-Remote-Extra- is suggested.",
            ),
            (
                "client-ca-file",
                STRING,
                "client_ca_file",
                "Root certificate bundle to use to verify client certificates on incoming requests before trusting "
                "usernames in headers. WARNING: generally do not depend on authorization being already done for them.",
            ),
            (
                "allowed-names",
                STRINGS,
                "allowed_names",
                "List of client certificate common names to allow to provide usernames in headers. If empty, any "
                "client certificate validated by --requestheader-client-ca-file is allowed.",
            ),
        ):
            flags.add(f"requestheader-{name}", kind, self, attribute, text)

    def validate(self) -> list[str]:
        problems = [
            f'empty value in "requestheader-{flag}"'
            for flag, values in (
                ("username-headers", self.username_headers),
                ("uid-headers", self.uid_headers),
                ("group-headers", self.group_headers),
                ("extra-headers-prefix", self.extra_header_prefixes),
            )
            if any(not value.strip() for value in values)
        ]
        without = "--requestheader-{} is set without specifying the standard {} header - API aggregation will not work"
        if self.uid_headers and not _names(self.uid_headers, "X-Remote-Uid"):
            problems.append(without.format("uid-headers", "X-Remote-Uid"))
        for flag, attribute, standard in _STANDARD_HEADERS:
            values = getattr(self, attribute)
            if values and not _names(values, standard):
                logger.warning("%s", without.format(flag, standard))
        return problems

    def config(self) -> RequestHeaderConfig:
        return RequestHeaderConfig(
            username_headers=self.username_headers,
            uid_headers=self.uid_headers,
            group_headers=self.group_headers,
            extra_header_prefixes=self.extra_header_prefixes,
        )


@attrs.define(kw_only=True)
class DelegatingAuthenticationOptions:
    """Who a request comes from, as another API server or a certificate authority says."""

    remote_kubeconfig_file: str = ""
    remote_kubeconfig_file_optional: bool = False
    """True: without a kubeconfig there is no token review, and tokens are refused."""
    cache_ttl: float = 10.0
    client_ca_file: str = ""
    request_header: RequestHeaderOptions = attrs.field(factory=RequestHeaderOptions)
    skip_in_cluster_lookup: bool = False
    tolerate_in_cluster_lookup_failure: bool = False
    token_request_timeout: float = TOKEN_REQUEST_TIMEOUT
    webhook_retry_backoff: RetryBackoff = attrs.field(factory=RetryBackoff)

    def add_flags(self, flags: FlagSet) -> None:
        for name, kind, attribute, text in (
            (
                "authentication-kubeconfig",
                STRING,
                "remote_kubeconfig_file",
                "kubeconfig file pointing at the 'core' API server with enough rights to create "
                "tokenreviews.authentication.k8s.io.",
            ),
            (
                "authentication-token-webhook-cache-ttl",
                DURATION,
                "cache_ttl",
                "How long to remember what the token review said, good or bad.",
            ),
            (
                "client-ca-file",
                STRING,
                "client_ca_file",
                "If set, any request presenting a client certificate signed by one of the authorities in the file is "
                "authenticated with an identity corresponding to the CommonName of the client certificate.",
            ),
            (
                "authentication-skip-lookup",
                BOOL,
                "skip_in_cluster_lookup",
                "If false, the authentication-kubeconfig will be used to lookup missing authentication configuration "
                "from the cluster.",
            ),
            (
                "authentication-tolerate-lookup-failure",
                BOOL,
                "tolerate_in_cluster_lookup_failure",
                "If true, failures to look up missing authentication configuration from the cluster are not "
                "considered fatal. Note that this can result in authentication that treats all requests as anonymous.",
            ),
        ):
            flags.add(name, kind, self, attribute, text)
        self.request_header.add_flags(flags)

    def validate(self) -> list[str]:
        problems = self.request_header.validate()
        if self.webhook_retry_backoff.steps <= 0:
            steps = self.webhook_retry_backoff.steps
            problems.append(f"number of webhook retry attempts must be greater than 1, but is: {steps}")
        return problems

    async def apply_to(self, config: Config, serving: SecureServingInfo | None) -> None:
        """Give *config* its authenticator and *serving* the authorities to ask clients for. Raises ConfigError.

        What is looked up in the cluster is followed for as long as *serving* serves; without it nobody follows it.
        """
        client = self._client(config.metrics)
        if client is not None:
            config.add_cleanup(client.aclose)
        client_ca = _ca_content("client-ca-bundle", self.client_ca_file, "unable to load client CA provider")
        proxy = self._proxy_from_file()
        lookup = self._lookup(client)
        if lookup is not None:
            if client_ca is None:
                client_ca = lookup.client_ca
            if proxy is None:
                proxy = await self._proxy_from_cluster(lookup)
        if serving is not None:
            for provider in (client_ca, proxy.ca if proxy is not None else None):
                if provider is not None:
                    serving.add_client_ca(provider)
            if lookup is not None:
                serving.content_controllers.append(lookup.run)
        info: AuthenticationInfo = config.authentication
        info.request_header_config = proxy.config if proxy is not None else None
        info.authenticator = delegating_authenticator(
            request_header=proxy.source() if proxy is not None else None,
            client_ca=client_ca.current_ca_bundle if client_ca is not None else None,
            token_review_client=client,
            anonymous=AnonymousAuthenticator(),  # always on, as in the reference, whatever the options say
            api_audiences=info.api_audiences,
            cache_ttl=self.cache_ttl,
            retry_backoff=self.webhook_retry_backoff,
            metrics=config.metrics,
            clock=config.clock,
        )

    def _proxy_from_file(self) -> "_FrontProxy | None":
        problem = "unable to create request header authentication config"
        ca = _ca_content("request-header", self.request_header.client_ca_file, problem)
        if ca is None:
            return None
        try:
            headers = self.request_header.config()
        except ValueError as error:
            raise ConfigError(f"{problem}: {error}") from error
        allowed_names = tuple(self.request_header.allowed_names)
        if not allowed_names:
            logger.warning(
                "--requestheader-allowed-names is empty: every client certificate that is signed by an authority in %s "
                "may name users in headers",
                self.request_header.client_ca_file,
            )
        return _FrontProxy(ca=ca, allowed_names=lambda: allowed_names, config=lambda: headers)

    def _lookup(self, client: RESTClient | None) -> ClusterAuthentication | None:
        """What the cluster publishes, where a flag leaves something open; nothing is read yet."""
        missing = [
            (flag, what)
            for flag, file, what in (
                ("client-ca-file", self.client_ca_file, "client certificate"),
                (
                    "requestheader-client-ca-file",
                    self.request_header.client_ca_file,
                    "request-header client certificate",
                ),
            )
            if not file
        ]
        if self.skip_in_cluster_lookup or not missing:
            return None
        if client is not None:
            return ClusterAuthentication(client)
        for flag, what in missing:
            logger.warning(
                "No authentication-kubeconfig provided in order to lookup %s in configmap/%s in %s, so %s "
                "authentication won't work.",
                flag,
                NAME,
                NAMESPACE,
                what,
            )
        return None

    async def _proxy_from_cluster(self, lookup: ClusterAuthentication) -> "_FrontProxy | None":
        try:
            await lookup.load()
        except ClusterLookupError as error:
            if not self.tolerate_in_cluster_lookup_failure:
                raise ConfigError(f"unable to load configmap based request-header-client-ca-file: {error}") from error
            logger.warning("Error looking up in-cluster authentication configuration: %s", error)
            logger.warning("Continuing without authentication configuration. This may treat all requests as anonymous.")
            logger.warning(
                "To require authentication configuration lookup to succeed, set "
                "--authentication-tolerate-lookup-failure=false"
            )
            return None
        return _FrontProxy(
            ca=lookup.request_header_ca, allowed_names=lookup.allowed_names, config=lookup.request_header_config
        )

    def _client(self, metrics: MetricsRegistry) -> RESTClient | None:
        problem = "failed to get delegated authentication kubeconfig"
        try:
            return delegated_client(
                self.remote_kubeconfig_file,
                optional=self.remote_kubeconfig_file_optional,
                timeout=self.token_request_timeout,
                metrics=metrics,
            )
        except ConfigError as error:
            # Twice, as in the reference, where both the maker of the client and its caller say so.
            raise ConfigError(f"{problem}: {problem}: {error}") from error


@attrs.frozen(kw_only=True)
class _FrontProxy:
    """Whose headers are believed, and which."""

    ca: CAContentProvider
    allowed_names: Callable[[], Collection[str]]
    config: Callable[[], RequestHeaderConfig]

    def source(self) -> RequestHeaderSource:
        return RequestHeaderSource(
            ca_bundle=self.ca.current_ca_bundle, allowed_names=self.allowed_names, config=self.config
        )


def _names(values: Collection[str], standard: str) -> bool:
    return standard.lower() in (value.strip().lower() for value in values)


def _ca_content(purpose: str, file: str, problem: str) -> CAContentProvider | None:
    if not file:
        return None
    try:
        return DynamicCAContent.from_file(purpose, Path(file))
    except (CertificateError, OSError) as error:
        raise ConfigError(f"{problem}: {reason(error)}") from error
