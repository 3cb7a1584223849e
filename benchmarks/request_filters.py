"""`python -m benchmarks.request_filters`: what it costs to know who asks, to decide, to record it and to count it.

The default chain around a handler that does nothing, in process, without a socket: once as it is, with a client certificate,
audit at level Metadata into a file, and all metrics; once without those four. The table adds them one by one. Requests are
GETs of one object, and of many different ones in turn, so that nothing that is remembered for one path flatters the figure.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from benchmarks.filters import certificate, microseconds
from genericapiserver.apis.audit_v1 import Policy, PolicyRule
from genericapiserver.asgi import Handler, Receive, Scope, Send
from genericapiserver.audit import PolicyRuleEvaluator
from genericapiserver.audit.backend import IgnoreErrors
from genericapiserver.audit.log import LogBackend
from genericapiserver.audit.log_file import LogFile
from genericapiserver.audit.metrics import AuditMetrics
from genericapiserver.authentication.anonymous import AnonymousAuthenticator
from genericapiserver.authentication.delegating import RequestHeaderSource, delegating_authenticator
from genericapiserver.authorization.delegating import delegating_authorizer
from genericapiserver.chain import default_filters
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import AuthenticationInfo, AuthorizationInfo, CompletedConfig, Config
from genericapiserver.endpoints.api_request import APIRequest
from genericapiserver.endpoints.metrics import EndpointMetrics, RouteMetrics
from genericapiserver.metrics import MetricsRegistry

TARGET_MICROSECONDS = 80.0
MEASURED = ("authentication", "authorization", "audit", "metrics")
OBJECTS = (1, 100_000)
ROUNDS = 5


def answering(metrics: MetricsRegistry | None) -> Handler:
    """A handler that does nothing but answer, and count that if there is something to count with."""
    route = None
    if metrics is not None:
        route = RouteMetrics(
            EndpointMetrics(metrics),
            method="GET",
            registered_as="GET",
            group="wardle.example.com",
            version="v1beta1",
            resource="flunders",
            scope="resource",
        )

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = APIRequest(scope, receive, send)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b"{}"})
        if route is not None:
            route.observe(request, 200, 2)

    return answer


def new_config(bundles: tuple[bytes, bytes], backend: LogBackend, metrics: MetricsRegistry) -> CompletedConfig:
    """A server with all of it: certificates of two authorities, an authorizer, a policy with one rule."""
    bundle, proxy_bundle = bundles
    authenticator = delegating_authenticator(
        request_header=RequestHeaderSource(ca_bundle=lambda: proxy_bundle),
        client_ca=lambda: bundle,
        anonymous=AnonymousAuthenticator(),
        metrics=metrics,
    )
    return Config(
        effective_version=EffectiveVersion.parse("1.0"),
        metrics=metrics,
        external_address="127.0.0.1:6443",
        authentication=AuthenticationInfo(authenticator),
        authorization=AuthorizationInfo(delegating_authorizer(metrics=metrics)),
        audit_backend=IgnoreErrors(backend),
        audit_policy=PolicyRuleEvaluator(Policy(rules=[PolicyRule(level="Metadata")])),
    ).complete()


def chain(completed: CompletedConfig, present: Collection[str]) -> Handler:
    """The default chain with only those of MEASURED that are *present*."""
    completed.config.lifecycle_signals.mux_and_discovery_complete.set()
    handler = answering(completed.config.metrics if "metrics" in present else None)
    for name, wrap in reversed(default_filters(completed)):
        if name in present or name not in MEASURED:
            handler = wrap(handler)
    return handler


def print_row(name: str, cells: Sequence[str]) -> None:
    print(f"{name:32}" + "".join(f"{cell:>18}" for cell in cells))


async def main(requests: int) -> int:
    authority, proxy_authority = certificate("ca"), certificate("proxy-ca")
    bundle, proxy_bundle = (each[0].public_bytes(serialization.Encoding.PEM) for each in (authority, proxy_authority))
    leaf = certificate("admin", authority)[0].public_bytes(serialization.Encoding.DER)
    tls = {"peer_certificate_chain_der": [leaf], "version": "TLSv1.3"}
    metrics = MetricsRegistry()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "audit.log")
        backend = LogBackend(LogFile(str(log), max_backups=1), metrics=AuditMetrics(metrics))
        await backend.start()
        completed = new_config((bundle, proxy_bundle), backend, metrics)
        steps = [MEASURED[:count] for count in range(len(MEASURED) + 1)]
        handlers = [chain(completed, present) for present in steps]
        costs = [[float("inf")] * len(OBJECTS) for _ in steps]
        for _ in range(ROUNDS):  # in turn, because a machine's speed drifts
            for handler, best in zip(handlers, costs, strict=True):
                for column, objects in enumerate(OBJECTS):
                    best[column] = min(best[column], await microseconds(handler, requests, tls, objects))
        await backend.aclose()
    print_row("CPU per request, us", [f"{objects} object(s)" for objects in OBJECTS])
    print_row("the chain without them", [f"{cost:.1f}" for cost in costs[0]])
    for name, before, now in zip(MEASURED, costs, costs[1:], strict=False):
        print_row(f"+ {name}", [f"{after - cost:.1f}" for after, cost in zip(now, before, strict=True)])
    together = [now - then for now, then in zip(costs[-1], costs[0], strict=True)]
    print_row("together", [f"{cost:.1f}" for cost in together])
    within = max(together) <= TARGET_MICROSECONDS
    print(f"{'within' if within else 'ABOVE'} the target of {TARGET_MICROSECONDS:.0f} us")
    return 0 if within else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=4_000)
    raise SystemExit(asyncio.run(main(parser.parse_args().requests)))
