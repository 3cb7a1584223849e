"""What is remembered of requests that went wrong or took long, and what is not."""

from typing import Any

import pytest

from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.apimachinery.meta import StatusCause, StatusDetails
from genericapiserver.asgi import Handler, Receive, Scope, Send, send_text
from genericapiserver.authentication.user import UserInfo
from genericapiserver.config import default_serializer
from genericapiserver.endpoints.responses import send_error
from genericapiserver.filters.request_info import with_request_info
from genericapiserver.inspector import NotableRequests
from genericapiserver.request import RequestInfoFactory, long_running_check, request_context
from tests.support.asgi_client import ASGIClient
from tests.support.clock import HandClock

PODS = "/api/v1/namespaces/default/pods"
SECRET = "hunter2"


def served(handler: Handler, notable: NotableRequests, clock: HandClock | None = None) -> ASGIClient:
    factory = RequestInfoFactory(api_prefixes=frozenset({"api", "apis"}), groupless_api_prefixes=frozenset({"api"}))
    return ASGIClient(
        with_request_info(
            handler, resolver=factory, long_running=long_running_check(), clock=clock or HandClock(), observer=notable
        )
    )


def failing(error: Exception) -> Handler:
    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        request_context(scope).user = UserInfo(name="alice")
        await send_error(scope, send, error, default_serializer())

    return handler


def taking(seconds: float, clock: HandClock) -> Handler:
    async def handler(scope: Scope, receive: Receive, send: Send) -> None:
        clock.seconds += seconds
        request_context(scope).add_latency("etcd", seconds / 2)
        await send_text(send, 200, "ok")

    return handler


def invalid() -> StatusError:
    cause = StatusCause(reason="FieldValueInvalid", message=f'Invalid value: "{SECRET}"', field="spec.password")
    details = StatusDetails(kind="Pod", name="a", causes=[cause])
    message = f'Pod "a" is invalid: spec.password: Invalid value: "{SECRET}"'
    return StatusError(message, code=422, reason="Invalid", details=details)


def forbidden(message: str) -> StatusError:
    return StatusError(message, code=403, reason="Forbidden")


async def test_ordinary_requests_leave_no_trace() -> None:
    notable, clock = NotableRequests(), HandClock()
    await served(taking(0.499, clock), notable, clock).get(PODS)
    assert notable.errors() == notable.slowest() == []


async def test_a_refusal_is_remembered_with_who_and_why() -> None:
    notable = NotableRequests()
    error = forbidden('pods is forbidden: User "alice" cannot list resource "pods"')
    await served(failing(error), notable).request(
        "GET", f"{PODS}?access_token={SECRET}", headers={"user-agent": "<script>", "audit-id": "an-id"}
    )
    (found,) = notable.errors()
    assert (found.status, found.reason, found.verb, found.path) == (403, "Forbidden", "LIST", PODS)
    assert (found.user, found.user_agent, found.audit_id) == ("alice", "<script>", "an-id")
    assert found.message == 'pods is forbidden: User "alice" cannot list resource "pods"'
    assert SECRET not in str(found.document())


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_messages_that_may_quote_a_body_are_left_out(method: str) -> None:
    notable = NotableRequests()
    await served(failing(invalid()), notable).request(method, f"{PODS}/a", body={"password": SECRET})
    (found,) = notable.errors()
    assert found.message == "Pod a: spec.password (FieldValueInvalid)"
    assert SECRET not in str(found.document())


async def test_a_refusal_before_the_body_was_read_may_be_told() -> None:
    notable = NotableRequests()

    async def refused(scope: Scope, receive: Receive, send: Send) -> None:
        request_context(scope).refused_unread = True
        await send_error(scope, send, forbidden("you may not"), default_serializer())

    await served(refused, notable).request("POST", PODS, body={})
    assert notable.errors()[0].message == "you may not"


async def test_an_answer_that_is_no_status_has_the_phrase_of_its_code() -> None:
    notable = NotableRequests()

    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        await send_text(send, 429, SECRET)

    await served(plain, notable).get(PODS)
    assert (notable.errors()[0].reason, notable.errors()[0].message) == ("Too Many Requests", "")


async def test_slow_requests_are_remembered_with_their_parts_slowest_first() -> None:
    notable, clock = NotableRequests(), HandClock()
    for seconds in (0.6, 2.0, 0.5):
        await served(taking(seconds, clock), notable, clock).get(PODS)
    assert [found.seconds for found in notable.slowest()] == pytest.approx([2.0, 0.6, 0.5])
    assert notable.slowest()[0].parts == {"etcd": 1.0}
    assert notable.errors() == []


async def test_watches_are_not_slow() -> None:
    notable, clock = NotableRequests(), HandClock()
    await served(taking(1000, clock), notable, clock).get(f"{PODS}?watch=1")
    assert notable.slowest() == []


async def test_a_request_that_ends_without_an_answer_counts_when_it_took_long() -> None:
    notable, clock = NotableRequests(), HandClock()

    async def cancelled(scope: Scope, receive: Receive, send: Send) -> None:
        clock.seconds += 1
        raise ConnectionResetError

    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": PODS,
        "query_string": b"",
        "headers": [],
        "http_version": "2",
    }
    with pytest.raises(ConnectionResetError):
        await served(cancelled, notable, clock).app(scope, None, None)  # type: ignore[arg-type]
    (found,) = notable.slowest()
    assert (found.status, found.reason) == (0, "no answer")


async def test_a_flood_of_refusals_does_not_push_server_errors_out_and_memory_is_bounded() -> None:
    notable = NotableRequests(kept=5)
    await served(failing(StatusError("it broke", code=500)), notable).get(PODS)
    client = served(failing(forbidden("no")), notable)
    for _ in range(50):
        await client.get(f"{PODS}/{'x' * 5000}", user_agent="y" * 5000)
    assert sorted(found.status for found in notable.errors()) == [403] * 5 + [500]
    assert max(len(found.path) for found in notable.errors()) == 300
    assert max(len(found.user_agent) for found in notable.errors()) == 300
