"""Two servers in a chain: what the outer one takes over, once, and who answers what."""

import asyncio
from typing import Any

import attrs
import pytest

from genericapiserver.aio import Signal
from genericapiserver.asgi import Receive, Scope, Send, send_text
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Decision, FunctionAuthorizer
from genericapiserver.client import ClientConfig, RESTClient
from genericapiserver.client.informer import InformerFactory
from genericapiserver.config import AuthorizationInfo, RecommendedConfig
from genericapiserver.delegation import DelegationTarget, EmptyDelegate
from genericapiserver.healthz import HealthChecker, named_check
from genericapiserver.hooks import PostStartHookContext
from genericapiserver.server import GenericAPIServer
from tests.server.servers import new_config, new_server
from tests.support.asgi_client import ASGIClient


def failing_check(name: str, reason: str) -> HealthChecker:
    def fail(scope: Scope) -> None:
        raise ValueError(reason)

    return named_check(name, fail)


def answers(status: int) -> Any:
    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        await send_text(send, status, f"answered {status}")

    return handler


async def hang(context: PostStartHookContext) -> None:
    await asyncio.Event().wait()


def config_with_informers() -> RecommendedConfig:
    plain = new_config()
    return RecommendedConfig(
        effective_version=plain.effective_version,
        external_address=plain.external_address,
        loopback_client_config=plain.loopback_client_config,
        shared_informers=InformerFactory(RESTClient(ClientConfig(host="http://127.0.0.1:1"))),
    )


@attrs.frozen
class Pair:
    delegate: GenericAPIServer
    outer: GenericAPIServer

    @property
    def client(self) -> ASGIClient:
        return ASGIClient(self.outer)


def pair() -> Pair:
    """Two servers, each with a failing check, a hook that never ends, and a path."""
    config = config_with_informers()
    config.add_health_checks(failing_check("delegate-health", "delegate failed healthcheck"))
    delegate = config.complete().new("delegate")
    delegate.handler.non_api_mux.handle("/foo", answers(403))
    delegate.add_post_start_hook("delegate-post-start-hook", hang)

    config = config_with_informers()
    config.healthz_checks.append(failing_check("wrapping-health", "wrapping failed healthcheck"))
    outer = config.complete().new("outer", delegate)
    outer.handler.non_api_mux.handle("/bar", answers(401))
    outer.add_post_start_hook("wrapping-post-start-hook", hang)
    outer.prepare_run()
    return Pair(delegate, outer)


HOOKS = (
    "delegate-post-start-hook",
    "generic-apiserver-start-informers",
    "max-in-flight-filter",
    "storage-object-count-tracker-hook",
    "wrapping-post-start-hook",
)
CHECKS = ("delegate-health", "log", "ping", *(f"poststarthook/{hook}" for hook in HOOKS))


async def test_the_index_lists_the_paths_of_both() -> None:
    response = await pair().client.get("/")
    assert response.json()["paths"] == [
        "/apis",
        "/bar",
        "/foo",
        "/healthz",
        *(f"/healthz/{check}" for check in sorted((*CHECKS, "wrapping-health"))),
        "/livez",
        *(f"/livez/{check}" for check in CHECKS),
        "/metrics",
        "/metrics/slis",
        "/openapi/v2",
        "/openapi/v3",
        "/openapi/v3/",
        "/readyz",
        *(f"/readyz/{check}" for check in sorted((*CHECKS, "informer-sync", "shutdown"))),
        "/version",
    ]


async def test_checks_come_in_the_order_of_their_registration() -> None:
    response = await pair().client.get("/healthz")
    assert response.status == 500
    assert response.text == (
        "[+]ping ok\n"
        "[+]log ok\n"
        "[-]wrapping-health failed: reason withheld\n"
        "[-]delegate-health failed: reason withheld\n"
        "[-]poststarthook/generic-apiserver-start-informers failed: reason withheld\n"
        "[-]poststarthook/max-in-flight-filter failed: reason withheld\n"
        "[-]poststarthook/storage-object-count-tracker-hook failed: reason withheld\n"
        "[-]poststarthook/delegate-post-start-hook failed: reason withheld\n"
        "[-]poststarthook/wrapping-post-start-hook failed: reason withheld\n"
        "healthz check failed\n"
    )


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/foo", 403, "answered 403"),
        ("/bar", 401, "answered 401"),
        ("/healthz/delegate-health", 500, "internal server error: delegate failed healthcheck\n"),
        ("/healthz/wrapping-health", 500, "internal server error: wrapping failed healthcheck\n"),
        ("/healthz/ping", 200, "ok"),
    ],
)
async def test_paths_of_both_are_reached(path: str, status: int, text: str) -> None:
    response = await pair().client.get(path)
    assert (response.status, response.text) == (status, text)


async def test_what_nobody_knows_is_told_by_the_last_server() -> None:
    servers = pair()
    response = await servers.client.get("/nope")
    assert response.status == 404
    assert response.json()["paths"] == servers.delegate.listed_paths
    assert "/foo" in response.json()["paths"]
    assert "/bar" not in response.json()["paths"]


async def test_without_an_index_a_path_is_plainly_not_found() -> None:
    response = await ASGIClient(new_server(enable_index=False)).get("/nope")
    assert (response.status, response.text) == (404, "404 page not found\n")


async def test_a_handler_of_ones_own_ends_the_chain() -> None:
    server = new_config().complete().new("test", EmptyDelegate(answers(418)))
    client = ASGIClient(server)
    assert (await client.get("/nope")).status == 418
    assert (await client.get("/version")).status == 200


def test_the_end_of_a_chain_is_empty() -> None:
    end: DelegationTarget = EmptyDelegate()
    assert end.unprotected_handler is None
    assert end.next_delegate is None
    assert (dict(end.post_start_hooks), dict(end.pre_shutdown_hooks)) == ({}, {})
    assert (list(end.healthz_checks), end.listed_paths) == ([], [])
    assert dict(end.mux_and_discovery_complete_signals) == {}
    assert new_server().next_delegate is not None


def test_servers_know_who_stands_behind_them() -> None:
    servers = pair()
    assert servers.outer.next_delegate is servers.delegate


async def test_hooks_of_the_delegate_run_once_and_with_the_outer_server() -> None:
    started: list[str] = []
    stopped: list[str] = []
    delegate = new_server("delegate")

    async def hook(context: PostStartHookContext) -> None:
        started.append(context.loopback_client_config.host)

    async def before() -> None:
        stopped.append("delegate")

    delegate.add_post_start_hook("hook", hook)
    delegate.add_pre_shutdown_hook("before", before)
    config = new_config()
    assert config.loopback_client_config is not None
    config.loopback_client_config = attrs.evolve(config.loopback_client_config, host="https://outer")
    outer = config.complete().new("outer", delegate)
    assert list(outer.post_start_hooks) == [
        "max-in-flight-filter",
        "storage-object-count-tracker-hook",
        "hook",
    ]
    async with asyncio.timeout(10), outer.prepare_run().serving():
        await outer.wait_until_ready()
    assert started == ["https://outer"]
    assert stopped == ["delegate"]
    assert delegate.post_start_hooks["hook"].done.is_set(), "the entry is shared"


def test_what_comes_later_is_not_taken_over_but_paths_are_seen() -> None:
    delegate = new_server("delegate")
    outer = new_config().complete().new("outer", delegate)
    delegate.add_post_start_hook("late", hang)
    delegate.add_health_checks(named_check("late", lambda scope: None))
    delegate.register_mux_and_discovery_complete_signal("late", Signal("late"))
    delegate.handler.non_api_mux.handle("/late", answers(200))
    assert "late" not in outer.post_start_hooks
    assert not any("late" in check.name for check in outer.healthz_checks)
    assert dict(outer.mux_and_discovery_complete_signals) == {}
    assert "/late" in outer.listed_paths


def test_checks_of_readiness_and_liveness_stay_with_the_delegate() -> None:
    delegate = new_server("delegate")
    delegate.add_readyz_checks(named_check("ready", lambda scope: None))
    delegate.add_livez_checks(named_check("alive", lambda scope: None))
    outer = new_config().complete().new("outer", delegate)
    checks = outer.health_checks
    names = {check.name for registry in (checks.healthz, checks.livez, checks.readyz) for check in registry.checks}
    assert names.isdisjoint({"ready", "alive"})


async def test_an_inherited_hook_has_no_grace_period() -> None:
    delegate = new_server("delegate", livez_grace_period=60.0)
    delegate.add_post_start_hook("slow", hang)
    assert (await _livez(delegate)) == 200
    delegate = new_server("delegate", livez_grace_period=60.0)
    delegate.add_post_start_hook("slow", hang)
    outer = new_config(livez_grace_period=60.0).complete().new("outer", delegate)
    assert (await _livez(outer)) == 500


async def _livez(server: GenericAPIServer) -> int:
    server.prepare_run()
    return (await ASGIClient(server).get("/livez")).status


async def test_only_the_filters_of_the_outer_server_count() -> None:
    def forbid(attributes: AuthorizationAttributes) -> AuthorizationResult:
        return AuthorizationResult(Decision.DENY)

    delegate = new_server("delegate", authorization=AuthorizationInfo(FunctionAuthorizer(forbid)))
    delegate.handler.non_api_mux.handle("/foo", answers(200))
    outer = new_config().complete().new("outer", delegate)
    assert (await ASGIClient(delegate).get("/foo")).status == 403
    assert (await ASGIClient(outer).get("/foo")).status == 200


def test_preparing_prepares_the_delegate_once() -> None:
    delegate = new_server("delegate")
    delegate.prepare_run()
    outer = new_config().complete().new("outer", delegate)
    outer.prepare_run()
    outer.prepare_run()
    with pytest.raises(RuntimeError, match="the /healthz endpoint has already been created"):
        delegate.add_health_checks(named_check("late", lambda scope: None))


async def test_closing_goes_from_the_outer_server_to_the_delegate() -> None:
    closed: list[str] = []

    def closer(name: str) -> Any:
        async def close() -> None:
            closed.append(name)

        return close

    delegate = new_server("delegate")
    delegate.config.add_cleanup(closer("delegate"))
    outer = new_config().complete().new("outer", delegate)
    outer.config.add_cleanup(closer("outer"))
    await outer.aclose()
    await outer.aclose()
    assert closed == ["outer", "delegate"]


# ---- when all paths are installed


def test_signals_of_the_delegate_come_along() -> None:
    delegate = new_server("delegate")
    delegate.register_mux_and_discovery_complete_signal("one", Signal("one"))
    outer = new_config().complete().new("outer", delegate)
    with pytest.raises(ValueError, match=r"^one already registered$"):
        outer.register_mux_and_discovery_complete_signal("one", Signal("other"))
    outer.register_mux_and_discovery_complete_signal("two", Signal("two"))
    assert list(delegate.mux_and_discovery_complete_signals) == ["one"]
    assert list(outer.mux_and_discovery_complete_signals) == ["one", "two"]


@pytest.mark.parametrize("order", ["one two", "two one"])
async def test_paths_are_complete_after_the_last_signal(order: str) -> None:
    server = new_server()
    signals = {name: Signal(name) for name in ("one", "two")}
    for name, signal in signals.items():
        server.register_mux_and_discovery_complete_signal(name, signal)
    complete = server.lifecycle_signals.mux_and_discovery_complete
    first, last = order.split()
    async with asyncio.timeout(10), server.prepare_run().serving():
        signals[first].set()
        await server.wait_until_ready()
        assert not complete.is_set()
        signals[last].set()
        await complete.wait()


async def test_without_signals_paths_are_complete_at_once() -> None:
    server = new_server()
    async with asyncio.timeout(10), server.prepare_run().serving():
        await server.lifecycle_signals.mux_and_discovery_complete.wait()


async def test_paths_are_never_complete_when_the_server_was_stopped_before() -> None:
    server = new_server()
    signal = Signal("never in time")
    server.register_mux_and_discovery_complete_signal("late", signal)

    async def too_late() -> None:
        signal.set()
        await asyncio.sleep(0)

    server.add_pre_shutdown_hook("too late", too_late)
    async with asyncio.timeout(10), server.prepare_run().serving():
        pass
    assert signal.is_set()
    assert not server.lifecycle_signals.mux_and_discovery_complete.is_set()
