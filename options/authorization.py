"""DelegatingAuthorizationOptions: privileged groups, paths open to all, and another API server that decides the rest.

Source: pkg/server/options/authorization.go of k8s.io/apiserver.
"""

import attrs

from genericapiserver.authentication.review import RetryBackoff
from genericapiserver.authentication.user import SYSTEM_PRIVILEGED_GROUP
from genericapiserver.authorization.delegating import ALWAYS_ALLOW_PATHS, delegating_authorizer
from genericapiserver.client import RESTClient
from genericapiserver.config import Config, ConfigError
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.options.flags import DURATION, STRING, STRINGS, FlagSet
from genericapiserver.options.remote import delegated_client


@attrs.define(kw_only=True)
class DelegatingAuthorizationOptions:
    """What a user may do, as another API server says."""

    remote_kubeconfig_file: str = ""
    remote_kubeconfig_file_optional: bool = False
    """True: without a kubeconfig nothing is asked, and all but the groups and paths below is refused."""
    allow_cache_ttl: float = 10.0
    deny_cache_ttl: float = 10.0
    always_allow_paths: list[str] = attrs.field(factory=lambda: list(ALWAYS_ALLOW_PATHS))
    always_allow_groups: list[str] = attrs.field(factory=lambda: [SYSTEM_PRIVILEGED_GROUP])
    client_timeout: float = 10.0
    webhook_retry_backoff: RetryBackoff = attrs.field(factory=RetryBackoff)

    def add_flags(self, flags: FlagSet) -> None:
        for name, kind, attribute, text in (
            (
                "authorization-kubeconfig",
                STRING,
                "remote_kubeconfig_file",
                "kubeconfig file pointing at the 'core' API server with enough rights to create "
                "subjectaccessreviews.authorization.k8s.io.",
            ),
            (
                "authorization-webhook-cache-authorized-ttl",
                DURATION,
                "allow_cache_ttl",
                "How long to remember that a request was allowed.",
            ),
            (
                "authorization-webhook-cache-unauthorized-ttl",
                DURATION,
                "deny_cache_ttl",
                "How long to remember that a request was not allowed.",
            ),
            (
                "authorization-always-allow-paths",
                STRINGS,
                "always_allow_paths",
                "A list of HTTP paths to skip during authorization, i.e. these are authorized without contacting the "
                "'core' API server.",
            ),
        ):
            flags.add(name, kind, self, attribute, text)

    def validate(self) -> list[str]:
        if self.webhook_retry_backoff.steps <= 0:
            steps = self.webhook_retry_backoff.steps
            return [f"number of webhook retry attempts must be greater than 1, but is: {steps}"]
        return []

    def apply_to(self, config: Config) -> None:
        """Give *config* its authorizer. Raises ConfigError."""
        client = self._client(config.metrics)
        if client is not None:
            config.add_cleanup(client.aclose)
        try:
            config.authorization.authorizer = delegating_authorizer(
                client=client,
                always_allow_groups=self.always_allow_groups,
                always_allow_paths=self.always_allow_paths,
                allow_cache_ttl=self.allow_cache_ttl,
                deny_cache_ttl=self.deny_cache_ttl,
                timeout=self.client_timeout,
                retry_backoff=self.webhook_retry_backoff,
                metrics=config.metrics,
                clock=config.clock,
            )
        except ValueError as error:
            raise ConfigError(str(error)) from error

    def _client(self, metrics: MetricsRegistry) -> RESTClient | None:
        try:
            return delegated_client(
                self.remote_kubeconfig_file,
                optional=self.remote_kubeconfig_file_optional,
                timeout=self.client_timeout,
                metrics=metrics,
            )
        except ConfigError as error:
            raise ConfigError(f"failed to get delegated authorization kubeconfig: {error}") from error
