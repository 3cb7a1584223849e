"""The authenticator of a server that decides itself: every way to prove who one is, in the reference's order.

    union, first error ends the search
      +-- AuthenticatedGroupAdder
      |     +-- union, a good credential beside a bad one wins
      |           front proxy, client certificate, bearer token, websocket token
      |                                              +-- cache
      |                                                    +-- token file, service accounts, issuers, webhook
      +-- anonymous

Service accounts come before other issuers, which may have to be asked for keys. Mirrors
pkg/kubeapiserver/authenticator/config.go of k8s.io/kubernetes.
"""

from collections.abc import Sequence
from typing import Final

from genericapiserver.aio import Clock
from genericapiserver.authentication.audiences import AudienceAgnosticAuthenticator
from genericapiserver.authentication.bearer_token import BearerTokenAuthenticator, WebSocketTokenAuthenticator
from genericapiserver.authentication.groups import AuthenticatedGroupAdder
from genericapiserver.authentication.interfaces import RequestAuthenticator, TokenAuthenticator
from genericapiserver.authentication.metrics import TokenCacheMetrics
from genericapiserver.authentication.token_cache import CachedTokenAuthenticator
from genericapiserver.authentication.union import UnionAuthenticator, UnionTokenAuthenticator
from genericapiserver.metrics import MetricsRegistry

SUCCESS_TTL: Final = 10.0
FAILURE_TTL: Final = 0.0
"""Seconds. A refused token is looked at each time: it may be one that is not known yet."""


def builtin_authenticator(
    *,
    front_proxy: RequestAuthenticator | None = None,
    certificates: RequestAuthenticator | None = None,
    tokens: Sequence[TokenAuthenticator] = (),
    anonymous: RequestAuthenticator | None = None,
    api_audiences: tuple[str, ...] = (),
    success_ttl: float = SUCCESS_TTL,
    failure_ttl: float = FAILURE_TTL,
    metrics: MetricsRegistry | None = None,
    clock: Clock | None = None,
) -> RequestAuthenticator | None:
    """Compose what is given, in the order of the module's drawing; None when nothing is.

    *tokens* are asked in their order, and wrapped already where they know no audiences.
    """
    authenticators: list[RequestAuthenticator] = []
    if front_proxy is not None:
        authenticators.append(AudienceAgnosticAuthenticator(front_proxy, api_audiences))
    if certificates is not None:
        authenticators.append(certificates)
    if tokens:
        known: TokenAuthenticator = tokens[0] if len(tokens) == 1 else UnionTokenAuthenticator(*tokens)
        if success_ttl > 0 or failure_ttl > 0:
            known = CachedTokenAuthenticator(
                known,
                success_ttl=success_ttl,
                failure_ttl=failure_ttl,
                cache_errors=True,
                clock=clock,
                metrics=TokenCacheMetrics(metrics) if metrics is not None else None,
            )
        authenticators += [BearerTokenAuthenticator(known), WebSocketTokenAuthenticator(known)]
    if not authenticators:
        return anonymous
    proven = AuthenticatedGroupAdder(
        authenticators[0] if len(authenticators) == 1 else UnionAuthenticator(*authenticators)
    )
    return proven if anonymous is None else UnionAuthenticator(proven, anonymous, fail_on_error=True)
