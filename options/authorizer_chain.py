"""Authorizers made from what is configured, kept current with the files they come from.

Source: pkg/kubeapiserver/authorizer/{config,reload}.go of k8s.io/kubernetes.
"""

import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import attrs

from genericapiserver.aio.file_watch import file_changes
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.authentication.metrics import DelegationMetrics
from genericapiserver.authentication.review import RetryBackoff, Reviewer
from genericapiserver.authorization import Authorizer
from genericapiserver.authorization.builtin import (
    AlwaysAllowAuthorizer,
    AlwaysDenyAuthorizer,
    PrivilegedGroupsAuthorizer,
)
from genericapiserver.authorization.configuration import ConfiguredAuthorizer, Webhook
from genericapiserver.authorization.match_conditions import MatchConditions
from genericapiserver.authorization.metrics import WebhookMetrics
from genericapiserver.authorization.path import PathAuthorizer
from genericapiserver.authorization.rbac import RBACAuthorizer, RBACSource
from genericapiserver.authorization.rbac_sources import RBACFileError, RBACFiles, RBACInformers
from genericapiserver.authorization.reload import ReloadableAuthorizer
from genericapiserver.authorization.union import UnionAuthorizer
from genericapiserver.authorization.webhook import WebhookAuthorizer, subject_access_review_path
from genericapiserver.client import RESTClient
from genericapiserver.config import ConfigError, RecommendedConfig
from genericapiserver.options.config_metrics import ConfigReloadMetrics
from genericapiserver.options.remote import client_config, rest_client

logger = logging.getLogger(__name__)

Load: TypeAlias = Callable[[Path], tuple[bytes, list[ConfiguredAuthorizer]]]


@attrs.define
class ConfiguredFile:
    """A file that authorizers come from: what it held when it was read, and how it is read. *load* raises ConfigError."""

    path: Path
    data: bytes
    load: Load


class AuthorizerChain:
    """Makes the authorizer of *config*: privileged groups, paths open to all, then what is configured."""

    def __init__(
        self,
        config: RecommendedConfig,
        *,
        rbac_files: Sequence[str],
        watch_rbac: bool,
        always_allow_groups: Iterable[str],
        always_allow_paths: Iterable[str],
        retry_backoff: RetryBackoff,
    ) -> None:
        self._config = config
        self._watch_rbac = watch_rbac
        self._retry_backoff = retry_backoff
        self._always = (PrivilegedGroupsAuthorizer(always_allow_groups), PathAuthorizer(always_allow_paths))
        self._webhook_metrics = WebhookMetrics(config.metrics)
        self._delegation_metrics = DelegationMetrics(config.metrics, "authz")
        self._rbac_files = self._read_rbac_files(rbac_files)
        self._rbac: RBACAuthorizer | None = None
        self._clients: list[RESTClient] = []
        self._in_use = 0
        self._reloadable: ReloadableAuthorizer | None = None
        self._file: ConfiguredFile | None = None
        self._file_metrics: ConfigReloadMetrics | None = None

    @staticmethod
    def _read_rbac_files(paths: Sequence[str]) -> RBACFiles | None:
        try:
            return RBACFiles(paths) if paths else None
        except RBACFileError as error:
            raise ConfigError(f"--authorization-rbac-files {error}") from error

    def build(self, authorizers: Sequence[ConfiguredAuthorizer], file: ConfiguredFile | None) -> Authorizer:
        """The whole chain; with a *file* it can be exchanged later. Raises ConfigError."""
        made = self._build(authorizers)
        self._in_use = len(self._clients)
        if file is None:
            return made
        self._file = file
        self._file_metrics = ConfigReloadMetrics(
            self._config.metrics, "authorization", self._config.api_server_id, self._config.clock
        )
        self._file_metrics.applied(file.data)
        self._reloadable = ReloadableAuthorizer(made)
        return self._reloadable

    def watches(self) -> list[Coroutine[Any, Any, None]]:
        """What has to run for files to be read again."""
        found: list[Coroutine[Any, Any, None]] = []
        if self._rbac_files is not None:
            found.append(self._rbac_files.watch())
        if self._file is not None:
            found.append(self._watch_file(self._file))
        return found

    async def aclose(self) -> None:
        """Close the connections to webhooks."""
        await self._close_clients(0)

    def _build(self, authorizers: Iterable[ConfiguredAuthorizer]) -> Authorizer:
        """Raises ConfigError; no client is left over then."""
        before = len(self._clients)
        try:
            return UnionAuthorizer(*self._always, *map(self._authorizer, authorizers))
        except ConfigError:
            # Clients connect at their first request: those made in vain hold nothing yet.
            del self._clients[before:]
            raise

    def _authorizer(self, configured: ConfiguredAuthorizer) -> Authorizer:
        if configured.webhook is not None:
            return self._webhook(configured.webhook)
        makers: dict[str, Callable[[], Authorizer]] = {
            "AlwaysAllow": AlwaysAllowAuthorizer,
            "AlwaysDeny": AlwaysDenyAuthorizer,
            "RBAC": self._rbac_authorizer,
        }
        return makers[configured.type]()

    def _rbac_authorizer(self) -> RBACAuthorizer:
        """One for all times: its sources go on being watched whatever the configuration becomes."""
        if self._rbac is None:
            sources: list[RBACSource] = [] if self._rbac_files is None else [self._rbac_files]
            if self._watch_rbac:
                informers = self._config.shared_informers
                if informers is None:
                    raise ConfigError("RBAC needs informers of the server that serves roles and bindings")
                sources.append(RBACInformers(informers, CodecFactory(Scheme("rbac"))))
            self._rbac = RBACAuthorizer(*sources)
        return self._rbac

    def _webhook(self, webhook: Webhook) -> WebhookAuthorizer:
        try:
            reached = client_config(webhook.kubeconfig)
            client = rest_client(reached, timeout=webhook.timeout, metrics=self._config.metrics)
        except ConfigError as error:
            raise ConfigError(f"authorization webhook {webhook.name}: {error}") from error
        self._clients.append(client)
        # A kubeconfig names the webhook itself; inside a cluster it is the API server.
        path = reached.host if webhook.kubeconfig else subject_access_review_path(webhook.version)
        conditions = None
        if webhook.programs:
            conditions = MatchConditions(webhook.programs, webhook.name, self._webhook_metrics)
        return WebhookAuthorizer(
            Reviewer(
                client,
                path,
                retry_backoff=self._retry_backoff,
                metrics=self._delegation_metrics,
                clock=self._config.clock,
            ),
            authorized_ttl=webhook.authorized_ttl,
            unauthorized_ttl=webhook.unauthorized_ttl,
            version=webhook.version,
            decision_on_error=webhook.decision_on_error,
            name=webhook.name,
            match_conditions=conditions,
            metrics=self._webhook_metrics,
            clock=self._config.clock,
        )

    async def _watch_file(self, file: ConfiguredFile) -> None:
        async with contextlib.aclosing(file_changes(file.path)) as changes:
            async for _ in changes:
                await self._read_again(file)

    async def _read_again(self, file: ConfiguredFile) -> None:
        """Use what the file says now; when it cannot be used everything stays as it was."""
        assert self._reloadable is not None and self._file_metrics is not None, "there is a file"  # noqa: PT018
        before = len(self._clients)
        try:
            data, authorizers = file.load(file.path)
            if data == file.data:
                return
            self._reloadable.current = self._build(authorizers)
        except ConfigError as error:
            self._file_metrics.failed()
            logger.error("the authorization configuration stays as it was: %s", error)
            return
        file.data = data
        self._file_metrics.reloaded(data)
        logger.info("the authorization configuration was read again: %s", file.path)
        # Questions may be under way through the clients of the configuration before this one: those of the one before
        # that are closed now.
        in_use, self._in_use = self._in_use, len(self._clients) - before
        await self._close_clients(in_use + self._in_use)

    async def _close_clients(self, keep: int) -> None:
        """Close all clients but the last *keep*."""
        old = self._clients[: len(self._clients) - keep]
        del self._clients[: len(old)]
        for client in old:
            await client.aclose()
