"""`python -m benchmarks.filters`: what the filters cost around a handler that does nothing, in process, without a socket.

The request is a GET of one object by a user with a client certificate; all metrics are on. The table adds the filters one
by one from the inside, so that each line says what that filter alone costs.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import time
from collections.abc import Callable, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from genericapiserver.aio import InFlightRequests, InFlightWatches, Signal
from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.asgi import Handler, Message, Receive, Scope, Send
from genericapiserver.authentication.anonymous import AnonymousAuthenticator
from genericapiserver.authentication.delegating import (
    RequestHeaderSource,
    delegating_authenticator,
    with_loopback_token,
)
from genericapiserver.authentication.metrics import AuthenticationMetrics
from genericapiserver.authorization.delegating import delegating_authorizer
from genericapiserver.authorization.metrics import AuthorizationMetrics
from genericapiserver.filters.authentication import unauthorized, with_authentication
from genericapiserver.filters.authorization import with_authorization
from genericapiserver.filters.cache_control import with_cache_control
from genericapiserver.filters.cors import with_cors
from genericapiserver.filters.exception_recovery import with_exception_recovery
from genericapiserver.filters.goaway import with_probabilistic_goaway
from genericapiserver.filters.hsts import with_hsts
from genericapiserver.filters.http_logging import with_http_logging
from genericapiserver.filters.impersonation import with_impersonation
from genericapiserver.filters.in_flight_tracking import with_in_flight_tracking
from genericapiserver.filters.max_in_flight import InFlightLimits, with_max_in_flight_limit
from genericapiserver.filters.metrics import FilterMetrics, RequestMetrics
from genericapiserver.filters.mux_and_discovery_complete import with_mux_and_discovery_complete
from genericapiserver.filters.request_deadline import with_request_deadline
from genericapiserver.filters.request_info import with_request_info
from genericapiserver.filters.retry_after import with_retry_after
from genericapiserver.filters.timeout import with_timeout
from genericapiserver.filters.warning import with_warning_recorder
from genericapiserver.filters.watch_termination import with_watch_termination
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.request import RequestInfoFactory, long_running_check

TARGET_MICROSECONDS = 60.0
PATH = "/apis/wardle.example.com/v1beta1/namespaces/default/flunders/flunder-{number}"

Filter = Callable[[Handler], Handler]


def certificate(name: str, authority: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None) -> Any:
    """A certificate and its key; without an *authority* a self-signed one that may sign others."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority[0].subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
    )
    return builder.sign(authority[1] if authority else key, hashes.SHA256()), key


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b"{}"})


async def no_error(scope: Scope, send: Send, error: StatusError) -> None:
    raise error


def filters(bundle: bytes, proxy_bundle: bytes) -> Sequence[tuple[str, Filter]]:
    """The default chain, outermost first."""
    metrics = MetricsRegistry()
    requests, latency = RequestMetrics(metrics), FilterMetrics(metrics)
    complete = Signal("complete")
    complete.set()
    authenticator = with_loopback_token(
        delegating_authenticator(
            request_header=RequestHeaderSource(ca_bundle=lambda: proxy_bundle),
            client_ca=lambda: bundle,
            anonymous=AnonymousAuthenticator(),
            metrics=metrics,
        ),
        "token",
        "uid",
    )
    authorizer = delegating_authorizer(metrics=metrics)
    resolver, long_running = RequestInfoFactory(), long_running_check()
    return [
        ("request_info", lambda h: with_request_info(h, resolver=resolver, long_running=long_running)),
        ("exception_recovery", lambda h: with_exception_recovery(h, metrics=requests)),
        ("mux_and_discovery_complete", lambda h: with_mux_and_discovery_complete(h, complete=complete)),
        ("http_logging", with_http_logging),
        ("retry_after", lambda h: with_retry_after(h, not_accepting=Signal("not accepting"))),
        ("hsts", lambda h: with_hsts(h, directives=["max-age=31536000"])),
        ("cache_control", with_cache_control),
        ("goaway", lambda h: with_probabilistic_goaway(h, chance=0.001)),
        ("watch_termination", lambda h: with_watch_termination(h, watches=InFlightWatches())),
        ("in_flight_tracking", lambda h: with_in_flight_tracking(h, in_flight=InFlightRequests())),
        ("request_deadline", lambda h: with_request_deadline(h, maximum=60.0, send_error=no_error)),
        ("timeout", lambda h: with_timeout(h, metrics=requests)),
        ("warning_recorder", with_warning_recorder),
        ("cors", lambda h: with_cors(h, allowed_origins=["//example.com(:|$)"])),
        (
            "authentication",
            lambda h: with_authentication(
                h,
                authenticator,
                failed=unauthorized(send_error=no_error),
                metrics=AuthenticationMetrics(metrics),
                observe_latency=latency.observe("authentication"),
            ),
        ),
        (
            "impersonation",
            lambda h: with_impersonation(
                h, authorizer, send_error=no_error, observe_latency=latency.observe("impersonation")
            ),
        ),
        ("max_in_flight", lambda h: with_max_in_flight_limit(h, limits=InFlightLimits(400, 200), metrics=requests)),
        (
            "authorization",
            lambda h: with_authorization(
                h,
                authorizer,
                send_error=no_error,
                metrics=AuthorizationMetrics(metrics),
                observe_latency=latency.observe("authorization"),
            ),
        ),
    ]


async def microseconds(handler: Handler, requests: int, tls: dict[str, Any], objects: int) -> float:
    """What one of *requests* costs, for *objects* different paths in turn, the best of three rounds."""
    headers = [
        (b"host", b"127.0.0.1:6443"),
        (b"accept", b"application/json"),
        (b"user-agent", b"kubectl/v1.32.0 (linux/amd64) kubernetes/70d3cc9"),
        (b"accept-encoding", b"gzip"),
        (b"x-custom", b"value"),
    ]
    paths = [PATH.format(number=number) for number in range(objects)]
    sent = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal sent
        sent += 1

    best = float("inf")
    for _ in range(3):
        scopes: list[Scope] = [
            {
                "type": "http",
                "http_version": "2",
                "method": "GET",
                "scheme": "https",
                "path": path,
                "raw_path": path.encode(),
                "query_string": b"",
                "headers": headers.copy(),
                "client": ("127.0.0.1", 1),
                "extensions": {"tls": tls},
            }
            for number in range(requests)
            for path in (paths[number % objects],)
        ]
        start = time.process_time()
        for scope in scopes:
            await handler(scope, receive, send)
        best = min(best, (time.process_time() - start) / requests * 1e6)
    assert sent == 6 * requests
    return best


async def main(requests: int) -> None:
    authority, proxy_authority = certificate("ca"), certificate("proxy-ca")
    bundle, proxy_bundle = (each[0].public_bytes(serialization.Encoding.PEM) for each in (authority, proxy_authority))
    leaf = certificate("admin", authority)[0].public_bytes(serialization.Encoding.DER)
    tls = {"peer_certificate_chain_der": [leaf], "version": "TLSv1.3"}
    chain = filters(bundle, proxy_bundle)
    outermost = chain[0][1]
    before = await microseconds(nothing, requests, tls, 1)
    print(f"{'the handler alone':30}{before:8.1f} us")
    # The outermost filter makes the context that all others need, so it is there from the first line on.
    handler: Handler = nothing
    start = before
    for name, wrap in [chain[0], *reversed(chain[1:])]:
        if wrap is not outermost:
            handler = wrap(handler)
        cost = await microseconds(outermost(handler), requests, tls, 1)
        print(f"{name:30}{cost - before:8.1f} us")
        before = cost
    whole = outermost(handler)
    for objects in (1, 100_000):
        cost = await microseconds(whole, requests, tls, objects) - start
        verdict = "within" if cost <= TARGET_MICROSECONDS else "ABOVE"
        print(f"all filters, {objects} object(s): {cost:.1f} us a request, {verdict} {TARGET_MICROSECONDS:.0f} us")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    asyncio.run(main(parser.parse_args().requests))
