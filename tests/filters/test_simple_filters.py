import logging
import re
from collections.abc import Sequence

import pytest

from genericapiserver.aio import EndingRate, InFlightRequests, InFlightWatches, Signal
from genericapiserver.asgi import Handler, Receive, Scope, Send, send_response, send_text
from genericapiserver.filters.cache_control import with_cache_control
from genericapiserver.filters.cors import with_cors
from genericapiserver.filters.goaway import with_probabilistic_goaway
from genericapiserver.filters.hsts import with_hsts
from genericapiserver.filters.http_logging import with_http_logging
from genericapiserver.filters.in_flight_tracking import with_in_flight_tracking
from genericapiserver.filters.latency import with_latency_tracking
from genericapiserver.filters.mux_and_discovery_complete import with_mux_and_discovery_complete
from genericapiserver.filters.request_deadline import with_request_deadline
from genericapiserver.filters.retry_after import with_retry_after
from genericapiserver.filters.warning import with_warning_recorder
from genericapiserver.filters.watch_termination import with_watch_termination
from genericapiserver.logs import V3, kv
from genericapiserver.request import MissingRequestContextError, RequestContext, request_context
from tests.support.asgi_client import ASGIClient, ClientResponse
from tests.support.clock import HandClock
from tests.support.filters import in_context, ok, send_error

WATCH = "/api/v1/pods?watch=1"
LIST = "/api/v1/namespaces"


def signal(*, closed: bool) -> Signal:
    result = Signal("test")
    if closed:
        result.set()
    return result


def drained() -> InFlightRequests:
    group = InFlightRequests()
    group._draining = True
    return group


def with_headers(*headers: tuple[bytes, bytes]) -> Handler:
    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 200, b"ok", None, headers)

    return handler


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("closed", "path", "agent", "status"),
        [
            (False, LIST, "foo", 200),
            (True, LIST, "foo", 429),
            (True, "/metrics?foo=bar", "foo", 200),
            (True, "/livez?verbose", "foo", 200),
            (True, "/readyz?verbose", "foo", 200),
            (True, "/healthz?verbose", "foo", 200),
            (True, "/healthzfoo", "foo", 200),
            (True, LIST, "kube-apiserver/", 200),
            (True, LIST, "kube-apiserver", 429),
            (None, LIST, "foo", 200),
        ],
    )
    async def test_table(self, closed: bool | None, path: str, agent: str, status: int) -> None:
        not_accepting = None if closed is None else signal(closed=closed)
        handler = with_retry_after(with_cache_control(ok), not_accepting=not_accepting)
        response = await ASGIClient(in_context(handler)).get(path, user_agent=agent)
        assert response.status == status
        if status == 429:
            assert response.text == "The apiserver is shutting down, please try again later.\n"
            assert response.headers["retry-after"] == "5"
            assert response.headers["x-content-type-options"] == "nosniff"
            assert "cache-control" not in response.headers

    async def test_the_connection_ends(self) -> None:
        closed: list[str] = []

        def http1(scope: Scope) -> None:
            scope["http_version"] = "1.1"

        def http2(scope: Scope) -> None:
            scope["extensions"]["genericapiserver.close_connection"] = lambda: closed.append("http2")

        handler = in_context(with_retry_after(ok, not_accepting=signal(closed=True)))
        assert (await ASGIClient(handler, prepare=http1).get("/")).headers["connection"] == "close"
        response = await ASGIClient(handler, prepare=http2).get("/")
        assert "connection" not in response.headers
        assert closed == ["http2"]

    async def test_a_probe_passes_a_group_that_waits_too(self) -> None:
        handler = with_in_flight_tracking(ok, in_flight=drained())
        handler = with_retry_after(handler, not_accepting=signal(closed=True))
        assert (await ASGIClient(in_context(handler)).get("/readyz?verbose")).status == 200


class TestInFlight:
    async def test_a_normal_request_is_counted_while_it_runs(self) -> None:
        group = InFlightRequests()
        counts: list[int] = []

        async def handler(scope: Scope, receive: Receive, send: Send) -> None:
            counts.append(group.count)
            await ok(scope, receive, send)

        client = ASGIClient(in_context(with_in_flight_tracking(handler, in_flight=group)))
        await client.get(LIST)
        await client.get(WATCH)
        assert counts == [1, 0]
        assert group.count == 0

    async def test_a_group_that_waits_takes_no_more(self) -> None:
        client = ASGIClient(in_context(with_in_flight_tracking(with_cache_control(ok), in_flight=drained())))
        assert_shutting_down(await client.get(LIST))
        assert (await client.get(WATCH)).status == 200


def assert_shutting_down(response: ClientResponse) -> None:
    assert response.status == 503
    assert response.text == (
        '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"apiserver is shutting down",'
        '"reason":"ServiceUnavailable","code":503}\n\n'
    )
    assert response.headers["retry-after"] == "1"
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"


class TestWatchTermination:
    async def test_a_watch_is_counted_and_sees_the_signal(self) -> None:
        watches = InFlightWatches()
        seen: list[tuple[int, Signal | None]] = []

        async def handler(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append((watches.count, request_context(scope).shutdown))
            await ok(scope, receive, send)

        client = ASGIClient(in_context(with_watch_termination(handler, watches=watches)))
        await client.get(LIST)
        await client.get(WATCH)
        await client.get(WATCH)
        assert [count for count, _ in seen] == [0, 1, 1]
        assert watches.count == 0
        assert len({id(ending) for _, ending in seen}) == 3, "a signal of its own for each watch"

    async def test_a_watch_that_fails_is_counted_out(self) -> None:
        watches = InFlightWatches()

        async def handler(scope: Scope, receive: Receive, send: Send) -> None:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await ASGIClient(in_context(with_watch_termination(handler, watches=watches))).get(WATCH)
        assert watches.count == 0

    async def test_a_group_that_waits_takes_no_more(self) -> None:
        watches = InFlightWatches()
        assert (await watches.end_all(lambda count: EndingRate(200, 1.0))).in_time
        client = ASGIClient(in_context(with_watch_termination(ok, watches=watches)))
        assert_shutting_down(await client.get(WATCH))
        assert (await client.get(LIST)).status == 200

    async def test_without_a_context_the_chain_is_wrong(self) -> None:
        handler = with_watch_termination(ok, watches=InFlightWatches())
        with pytest.raises(MissingRequestContextError):
            await ASGIClient(handler).get(WATCH)


class TestDeadline:
    @pytest.mark.parametrize(
        ("query", "seconds"),
        [("", 60.0), ("?timeout=", 60.0), ("?timeout=0s", 60.0), ("?timeout=61s", 60.0), ("?timeout=15s", 15.0)],
    )
    async def test_it_counts_from_the_arrival(self, query: str, seconds: float) -> None:
        contexts: list[RequestContext] = []
        clock = HandClock()
        clock.seconds = 100.0

        async def handler(scope: Scope, receive: Receive, send: Send) -> None:
            contexts.append(request_context(scope))
            await ok(scope, receive, send)

        def later(context: RequestContext) -> None:
            clock.seconds += 60.0

        filtered = with_request_deadline(handler, maximum=60.0, send_error=send_error)
        await ASGIClient(in_context(filtered, clock=clock, prepare=later)).get(f"/api/v1/pods{query}")
        assert contexts[0].deadline == 100.0 + seconds

    async def test_long_running_requests_have_none(self) -> None:
        contexts: list[RequestContext] = []
        handler = with_request_deadline(ok, maximum=60.0, send_error=send_error)
        response = await ASGIClient(in_context(handler, prepare=contexts.append)).get(f"{WATCH}&timeout=foo")
        assert response.status == 200
        assert contexts[0].deadline is None

    async def test_a_bad_timeout_is_a_400_that_passes_the_failure_filter(self) -> None:
        audited: list[str] = []

        def audit(handler: Handler) -> Handler:
            async def audited_handler(scope: Scope, receive: Receive, send: Send) -> None:
                audited.append(scope["path"])
                await handler(scope, receive, send)

            return audited_handler

        handler = with_request_deadline(ok, maximum=60.0, send_error=send_error, failure_filter=audit)
        response = await ASGIClient(in_context(handler)).get("/api/v1/pods?timeout=foo")
        assert (response.status, response.text) == (
            400,
            'BadRequest: invalid timeout specified in the request URL - time: invalid duration "foo"',
        )
        assert audited == ["/api/v1/pods"]
        assert "x-content-type-options" not in response.headers


class TestGoaway:
    @pytest.mark.parametrize(
        ("version", "chance", "draw", "ends"),
        [("2", 1.0, 0.99, True), ("2", 0.5, 0.5, False), ("2", 0.5, 0.49, True), ("1.1", 1.0, 0.0, False)],
    )
    async def test_who_is_sent_away(self, version: str, chance: float, draw: float, ends: bool) -> None:
        closed: list[bool] = []

        def prepare(scope: Scope) -> None:
            scope["http_version"] = version
            scope["extensions"]["genericapiserver.close_connection"] = lambda: closed.append(True)

        handler = in_context(with_probabilistic_goaway(ok, chance=chance, random=lambda: draw))
        response = await ASGIClient(handler, prepare=prepare).get("/")
        assert response.status == 200
        assert bool(closed) is ends
        assert "connection" not in response.headers

    def test_a_chance_of_zero_is_no_filter(self) -> None:
        assert with_probabilistic_goaway(ok, chance=0.0) is ok


class TestHeaders:
    async def test_hsts_joins_its_directives(self) -> None:
        handler = with_hsts(ok, directives=["max-age=31536000", "includeSubDomains"])
        response = await ASGIClient(in_context(handler)).get("/")
        assert response.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"

    def test_without_directives_there_is_no_filter(self) -> None:
        assert with_hsts(ok, directives=[]) is ok

    async def test_what_the_handler_says_stays(self) -> None:
        own = with_headers((b"strict-transport-security", b"max-age=1"), (b"cache-control", b"public"))
        handler = with_cache_control(with_hsts(own, directives=["max-age=2"]))
        response = await ASGIClient(in_context(handler)).get("/")
        assert response.headers["strict-transport-security"] == "max-age=1"
        assert response.headers["cache-control"] == "public"

    async def test_nothing_is_cached(self) -> None:
        response = await ASGIClient(in_context(with_cache_control(ok))).get("/")
        assert response.headers["cache-control"] == "no-cache, private"

    async def test_warnings_go_out_with_the_response(self) -> None:
        async def warning(scope: Scope, receive: Receive, send: Send) -> None:
            request_context(scope).add_warning("careful")
            await ok(scope, receive, send)
            request_context(scope).add_warning("too late")

        response = await ASGIClient(in_context(with_warning_recorder(warning))).get("/")
        assert response.headers["warning"] == '299 - "careful"'


CORS_HEADERS = {
    "access-control-allow-methods": "POST, GET, OPTIONS, PUT, DELETE, PATCH",
    "access-control-allow-headers": "Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, "
    "X-Requested-With, If-Modified-Since",
    "access-control-expose-headers": "Date",
    "access-control-allow-credentials": "true",
}


class TestCORS:
    @pytest.mark.parametrize(
        ("patterns", "origin", "allowed"),
        [
            ([], "http://example.com", False),
            (["example.com"], "", False),
            (["example.com"], "http://example.com", True),
            (["example.com"], "http://example.com.hacker.org", True),
            (["//example.com(:|$)"], "http://example.com", True),
            (["//example.com(:|$)"], "http://example.com:8080", True),
            (["//example.com(:|$)"], "http://example.com.hacker.org", False),
            (["//example.com(:|$)"], "http://hacker-example.com", False),
            ([".*"], "http://anything", True),
            (["one", "//two"], "http://two", True),
            (["one", "//two"], "http://three", False),
        ],
    )
    async def test_patterns(self, patterns: Sequence[str], origin: str, allowed: bool) -> None:
        client = ASGIClient(in_context(with_cors(ok, allowed_origins=patterns)))
        headers = {"origin": origin} if origin else {}
        response = await client.request("GET", "/", headers=headers)
        expected = {"access-control-allow-origin": origin, **CORS_HEADERS} if allowed else {}
        found = {name: value for name, value in response.headers.items() if name.startswith("access-control")}
        assert (response.status, found) == (200, expected)
        preflight = await client.request("OPTIONS", "/", headers=headers)
        assert preflight.status == (204 if allowed else 200)
        assert preflight.body == (b"" if allowed else b"ok")

    async def test_an_allowed_preflight_carries_only_these_headers(self) -> None:
        handler = with_cache_control(with_cors(ok, allowed_origins=[".*"]))
        response = await ASGIClient(in_context(handler)).request("OPTIONS", "/", headers={"origin": "http://a"})
        assert set(response.headers) == {*CORS_HEADERS, "access-control-allow-origin", "audit-id", "cache-control"}

    async def test_only_the_first_origin_counts(self) -> None:
        client = ASGIClient(in_context(with_cors(ok, allowed_origins=["//good"])))
        response = await client.request("GET", "/", headers=[("origin", "http://bad"), ("origin", "http://good")])
        assert "access-control-allow-origin" not in response.headers

    def test_a_bad_pattern_is_an_error(self) -> None:
        with pytest.raises(re.error):
            with_cors(ok, allowed_origins=["("])


class TestMuxCompleteness:
    async def test_early_requests_are_marked(self) -> None:
        complete = signal(closed=False)
        marks: list[bool] = []

        async def handler(scope: Scope, receive: Receive, send: Send) -> None:
            marks.append(request_context(scope).paths_incomplete)
            await ok(scope, receive, send)

        client = ASGIClient(in_context(with_mux_and_discovery_complete(handler, complete=complete)))
        await client.get("/")
        complete.set()
        await client.get("/")
        assert marks == [True, False]

    def test_without_a_signal_there_is_no_filter(self) -> None:
        assert with_mux_and_discovery_complete(ok, complete=None) is ok


class TestLogging:
    async def test_one_line_a_request(self, caplog: pytest.LogCaptureFixture) -> None:
        clock = HandClock()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            clock.seconds += 0.25
            await ok(scope, receive, send)

        handler = in_context(with_http_logging(slow, enabled=lambda: True, clock=clock), clock=clock)
        with caplog.at_level(logging.DEBUG):
            await ASGIClient(handler).get('/api/v1/pods?x="\n', audit_id="a" * 70, user_agent="kubectl")
        assert caplog.messages == [
            '"HTTP" verb="LIST" URI="/api/v1/pods?x=\\"\\n" latency="250ms" userAgent="kubectl" '
            f'audit-ID="{"a" * 64}" srcIP="192.0.2.1:40000" resp=200'
        ]

    @pytest.mark.parametrize(
        ("status", "stack"), [(200, False), (404, False), (429, False), (500, True), (503, True), (504, False)]
    )
    async def test_failures_of_the_server_say_where_they_come_from(
        self, status: int, stack: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def answering(scope: Scope, receive: Receive, send: Send) -> None:
            request_context(scope).add_log_pair("fl_audit", "1.5s")
            await send_text(send, status, "x")

        with caplog.at_level(V3):
            await ASGIClient(in_context(with_http_logging(answering))).get("/")
        (message,) = [record.msg for record in caplog.records]
        assert isinstance(message, kv)
        assert (message.pairs["resp"], message.pairs["fl_audit"]) == (status, "1.5s")
        assert ("statusStack" in message.pairs) is stack
        if stack:
            assert "in answering" in message.pairs["statusStack"]

    async def test_a_quiet_log_stays_quiet(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG):
            await ASGIClient(in_context(with_http_logging(ok, enabled=lambda: False))).get("/")
        assert caplog.messages == []


async def test_a_filters_own_time_is_observed_when_it_hands_on() -> None:
    observed: list[float] = []

    def wrap(handler: Handler) -> Handler:
        async def filtered(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] == "/refused":
                await ok(scope, receive, send)
            else:
                await handler(scope, receive, send)

        return filtered

    handler = with_latency_tracking(ok, wrap, observe=observed.append)
    client = ASGIClient(in_context(handler))
    await client.get("/")
    await client.get("/refused")
    assert len(observed) == 1
    assert 0 <= observed[0] < 1
