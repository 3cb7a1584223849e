"""The authorizer of a server that lets another one decide. Mirrors authorizerfactory/delegating.go and
pkg/server/options/authorization.go."""

from collections.abc import Iterable
from typing import Final

from genericapiserver.aio import Clock
from genericapiserver.authentication.metrics import DelegationMetrics
from genericapiserver.authentication.review import RetryBackoff, ReviewClient, Reviewer
from genericapiserver.authentication.user import SYSTEM_PRIVILEGED_GROUP
from genericapiserver.authorization.builtin import PrivilegedGroupsAuthorizer
from genericapiserver.authorization.interfaces import Authorizer
from genericapiserver.authorization.path import PathAuthorizer
from genericapiserver.authorization.union import UnionAuthorizer
from genericapiserver.authorization.webhook import WebhookAuthorizer, subject_access_review_path
from genericapiserver.metrics import MetricsRegistry

ALWAYS_ALLOW_PATHS: Final = ("/healthz", "/readyz", "/livez")
"""Exact: /healthz/etcd needs permission."""

CACHE_TTL: Final = 10.0
"""Seconds that a decision is remembered."""


def delegating_authorizer(
    *,
    client: ReviewClient | None = None,
    always_allow_groups: Iterable[str] = (SYSTEM_PRIVILEGED_GROUP,),
    always_allow_paths: Iterable[str] = ALWAYS_ALLOW_PATHS,
    allow_cache_ttl: float = CACHE_TTL,
    deny_cache_ttl: float = CACHE_TTL,
    timeout: float = 10.0,
    retry_backoff: RetryBackoff | None = None,
    metrics: MetricsRegistry | None = None,
    clock: Clock | None = None,
) -> Authorizer:
    """Privileged groups, then paths open to all, then the other server's SubjectAccessReview.

    Without a *client* everything not allowed by the first two is refused. Raises ValueError for a bad path.
    """
    authorizers: list[Authorizer] = []
    groups = tuple(always_allow_groups)
    if groups:
        authorizers.append(PrivilegedGroupsAuthorizer(groups))
    paths = tuple(always_allow_paths)
    if paths:
        authorizers.append(PathAuthorizer(paths))
    if client is not None:
        reviewer = Reviewer(
            client,
            subject_access_review_path("v1", timeout=timeout),
            retry_backoff=retry_backoff,
            metrics=DelegationMetrics(metrics, "authz") if metrics is not None else None,
            clock=clock,
        )
        authorizers.append(
            WebhookAuthorizer(reviewer, authorized_ttl=allow_cache_ttl, unauthorized_ttl=deny_cache_ttl, clock=clock)
        )
    return UnionAuthorizer(*authorizers)
