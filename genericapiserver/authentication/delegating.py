"""The authenticator of a server that lets another one decide: front proxy, certificates, reviewed tokens, anonymous.

    union, first error ends the search
      +-- AuthenticatedGroupAdder
      |     +-- union, a good credential beside a bad one wins
      |           front proxy, client certificate, bearer token, websocket token
      +-- anonymous

So bad credentials are a 401 and never anonymous, and no credentials are anonymous.
Mirrors pkg/authentication/authenticatorfactory/delegating.go.
"""

from collections.abc import Callable, Collection
from typing import Final

import attrs

from genericapiserver.aio import Clock
from genericapiserver.authentication.audiences import AudienceAgnosticTokenAuthenticator
from genericapiserver.authentication.bearer_token import BearerTokenAuthenticator, WebSocketTokenAuthenticator
from genericapiserver.authentication.groups import AuthenticatedGroupAdder
from genericapiserver.authentication.interfaces import RequestAuthenticator, TokenAuthenticator
from genericapiserver.authentication.metrics import CertificateMetrics, DelegationMetrics, TokenCacheMetrics
from genericapiserver.authentication.request_header import RequestHeaderAuthenticator, RequestHeaderConfig
from genericapiserver.authentication.review import RetryBackoff, ReviewClient, Reviewer
from genericapiserver.authentication.static_token import StaticTokenAuthenticator, loopback_user
from genericapiserver.authentication.token_cache import CachedTokenAuthenticator
from genericapiserver.authentication.union import UnionAuthenticator
from genericapiserver.authentication.webhook import WebhookTokenAuthenticator, token_review_path
from genericapiserver.authentication.x509 import CABundleSource, X509Authenticator, X509Verifier
from genericapiserver.metrics import MetricsRegistry

CACHE_TTL: Final = 10.0
"""Seconds that the answer to a TokenReview is remembered, good or bad."""


@attrs.frozen(kw_only=True)
class RequestHeaderSource:
    """Where the front proxy's CA, allowed names and headers come from; each is asked at every request."""

    ca_bundle: CABundleSource
    allowed_names: Callable[[], Collection[str]] = tuple
    config: Callable[[], RequestHeaderConfig] = RequestHeaderConfig


def delegating_authenticator(
    *,
    request_header: RequestHeaderSource | None = None,
    client_ca: CABundleSource | None = None,
    token_review_client: ReviewClient | None = None,
    anonymous: RequestAuthenticator | None = None,
    api_audiences: tuple[str, ...] = (),
    review_version: str = "v1",
    review_path: str | None = None,
    cache_ttl: float = CACHE_TTL,
    retry_backoff: RetryBackoff | None = None,
    metrics: MetricsRegistry | None = None,
    clock: Clock | None = None,
) -> RequestAuthenticator:
    """Compose what is given, in the order of the module's drawing.

    *review_path* is where reviews are posted if not at an API server's own path: a webhook takes them at the very URL
    of its kubeconfig, which is `""`. Raises ValueError when nothing is configured, or for an unknown version.
    """
    certificate_metrics = CertificateMetrics(metrics) if metrics is not None else None
    authenticators: list[RequestAuthenticator] = []
    if request_header is not None:
        authenticators.append(
            X509Verifier(
                request_header.ca_bundle,
                RequestHeaderAuthenticator(request_header.config),
                allowed_names=request_header.allowed_names,
                clock=clock,
            )
        )
    if client_ca is not None:
        authenticators.append(X509Authenticator(client_ca, clock=clock, metrics=certificate_metrics))
    if token_review_client is not None:
        reviewer = Reviewer(
            token_review_client,
            token_review_path(review_version) if review_path is None else review_path,
            retry_backoff=retry_backoff,
            metrics=DelegationMetrics(metrics, "authn") if metrics is not None else None,
            clock=clock,
        )
        tokens = CachedTokenAuthenticator(
            WebhookTokenAuthenticator(reviewer, version=review_version, implicit_audiences=api_audiences),
            success_ttl=cache_ttl,
            failure_ttl=cache_ttl,
            clock=clock,
            metrics=TokenCacheMetrics(metrics) if metrics is not None else None,
        )
        authenticators += [BearerTokenAuthenticator(tokens), WebSocketTokenAuthenticator(tokens)]
    if not authenticators:
        if anonymous is None:
            raise ValueError("no authentication method configured")
        return anonymous
    proven = AuthenticatedGroupAdder(
        authenticators[0] if len(authenticators) == 1 else UnionAuthenticator(*authenticators)
    )
    return proven if anonymous is None else UnionAuthenticator(proven, anonymous, fail_on_error=True)


def token_authenticator(tokens: TokenAuthenticator) -> RequestAuthenticator:
    """A request authenticator for one kind of token, adding system:authenticated."""
    return AuthenticatedGroupAdder(
        UnionAuthenticator(BearerTokenAuthenticator(tokens), WebSocketTokenAuthenticator(tokens))
    )


def with_loopback_token(
    authenticator: RequestAuthenticator, token: str, uid: str, api_audiences: tuple[str, ...] = ()
) -> RequestAuthenticator:
    """Let the server's own *token* in before *authenticator* is asked; any other credential is left to that.

    Mirrors AuthorizeClientBearerToken in pkg/server/config.go.
    """
    tokens: TokenAuthenticator = StaticTokenAuthenticator({token: loopback_user(uid)})
    if api_audiences:
        tokens = AudienceAgnosticTokenAuthenticator(tokens, api_audiences)
    return UnionAuthenticator(BearerTokenAuthenticator(tokens), authenticator)
