import asyncio
import contextlib
import json
from typing import Any

import pytest

from genericapiserver.authentication import AuthenticationError, AuthenticationResponse, UserInfo
from genericapiserver.authentication.metrics import DelegationMetrics, TokenCacheMetrics
from genericapiserver.authentication.review import RetryBackoff, Reviewer
from genericapiserver.authentication.token_cache import CachedTokenAuthenticator
from genericapiserver.authentication.webhook import WebhookTokenAuthenticator, token_review_path
from genericapiserver.metrics import MetricsRegistry
from tests.support.clock import HandClock


class FakeClient:
    """Answers with what it is given, in turn, the last one for ever; an exception is raised."""

    def __init__(self, *answers: tuple[int, Any] | Exception) -> None:
        self.answers = list(answers)
        self.posts: list[tuple[str, bytes]] = []

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        self.posts.append((path, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer[0], json.dumps(answer[1]).encode()


def reset() -> Exception:
    error = ConnectionError("Post: read: connection reset by peer")
    error.__cause__ = ConnectionResetError()
    return error


def authenticator(client: FakeClient, **options: Any) -> WebhookTokenAuthenticator:
    async def no_sleep(seconds: float) -> None:
        pass

    reviewer = Reviewer(client, token_review_path(), sleep=no_sleep)
    return WebhookTokenAuthenticator(reviewer, **options)


def granted(**status: Any) -> tuple[int, Any]:
    return 201, {"kind": "TokenReview", "status": {"authenticated": True, "user": {"username": "alice"}, **status}}


async def test_the_review_on_the_wire() -> None:
    client = FakeClient(granted(user={"username": "a", "uid": "1", "groups": ["g"], "extra": {"k": ["v"]}}))
    response = await authenticator(client).authenticate_token("<secret>")
    assert client.posts == [
        (
            "/apis/authentication.k8s.io/v1/tokenreviews",
            b'{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","metadata":{},'
            b'"spec":{"token":"\\u003csecret\\u003e"},"status":{"user":{}}}\n',
        )
    ]
    assert response == AuthenticationResponse(UserInfo(name="a", uid="1", groups=("g",), extra={"k": ("v",)}))


async def test_audiences_are_sent_when_configured() -> None:
    client = FakeClient(granted(audiences=["b", "c"]))
    response = await authenticator(client).authenticate_token("t", ("a", "b"))
    assert json.loads(client.posts[0][1])["spec"] == {"token": "t", "audiences": ["a", "b"]}
    assert response is not None
    assert response.audiences == ("b",)


@pytest.mark.parametrize(
    ("returned", "implicit", "expected"),
    [([], ("a",), ("a",)), ([], ("x",), None), (["x"], ("a",), None), ([], (), None)],
)
async def test_audiences_must_meet(
    returned: list[str], implicit: tuple[str, ...], expected: tuple[str, ...] | None
) -> None:
    webhook = authenticator(FakeClient(granted(audiences=returned)), implicit_audiences=implicit)
    response = await webhook.authenticate_token("t", ("a",))
    assert (None if response is None else response.audiences) == expected


async def test_a_refused_token_is_no_opinion_or_the_reason() -> None:
    assert await authenticator(FakeClient((201, {"status": {}}))).authenticate_token("t") is None
    with pytest.raises(AuthenticationError, match=r"^expired$"):
        await authenticator(FakeClient((201, {"status": {"error": "expired"}}))).authenticate_token("t")


@pytest.mark.parametrize(
    ("failure", "calls"),
    [
        ((500, {"message": "m"}), 5),
        ((504, {"message": "m"}), 5),
        ((429, {"message": "m"}), 5),
        ((503, {"message": "m", "details": {"retryAfterSeconds": 1}}), 5),
        (reset(), 5),
        ((503, {"message": "m"}), 1),
        ((401, {"message": "m"}), 1),
        ((403, {"message": "m"}), 1),
        ((404, "no status"), 1),
        (ConnectionRefusedError("refused"), 1),
        (TimeoutError(), 1),
        ((200, "no review"), 1),
        ((302, {}), 1),
    ],
)
async def test_what_is_tried_again(failure: tuple[int, Any] | Exception, calls: int) -> None:
    client = FakeClient(failure)
    with pytest.raises(AuthenticationError):
        await authenticator(client).authenticate_token("t")
    assert len(client.posts) == calls


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ({"kind": "TokenReview", "status": {"authenticated": "yes"}}, "cannot unmarshal string"),
        (
            {"status": {"authenticated": True, "user": {"username": "a", "groups": "system:masters"}}},
            "cannot unmarshal",
        ),
        ({"status": {"authenticated": True, "user": {"username": 7}}}, "cannot unmarshal number"),
        ({"status": {"authenticated": True, "user": {"extra": {"k": "v"}}}}, "cannot unmarshal string"),
        (
            {"kind": "Pass", "apiVersion": "example.com/v1", "status": {"authenticated": True}},
            "is of kind Pass of example.com/v1, not of kind TokenReview of authentication.k8s.io/v1",
        ),
        ({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "go away"}, "go away"),
        ([], "no TokenReview"),
        (None, "no TokenReview"),
    ],
)
async def test_what_is_no_review_lets_nobody_in(answer: Any, complaint: str) -> None:
    with pytest.raises(AuthenticationError, match=complaint):
        await authenticator(FakeClient((201, answer))).authenticate_token("t")


@pytest.mark.parametrize("body", [b"", b"garbage", b"\xff", b'{"a":' * 100_000, b"[" * 100_000])
async def test_what_is_no_json_lets_nobody_in(body: bytes) -> None:
    class Garbage(FakeClient):
        async def post(self, path: str, body_sent: bytes) -> tuple[int, bytes]:
            return 201, body

    with pytest.raises(AuthenticationError, match="the review's answer is"):
        await authenticator(Garbage()).authenticate_token("t")


async def test_a_later_try_may_succeed() -> None:
    client = FakeClient((500, {"message": "m"}), reset(), granted())
    response = await authenticator(client).authenticate_token("t")
    assert response is not None
    assert response.user.name == "alice"
    assert len(client.posts) == 3


def test_pauses_grow() -> None:
    assert RetryBackoff().delays(lambda: 0.0) == [0.5, 0.75, 1.125, 1.6875]
    assert RetryBackoff().delays(lambda: 1.0)[0] == 0.6


def test_unknown_versions_are_refused() -> None:
    with pytest.raises(ValueError, match='unsupported authentication webhook version "v2"'):
        token_review_path("v2")


async def test_requests_are_counted_by_code() -> None:
    registry = MetricsRegistry()
    for answer in (granted(), ConnectionRefusedError()):
        reviewer = Reviewer(FakeClient(answer), "/", metrics=DelegationMetrics(registry, "authn"))
        with contextlib.suppress(AuthenticationError):
            await WebhookTokenAuthenticator(reviewer).authenticate_token("t")
    value = registry.collectors.get_sample_value
    for code in ("201", "<error>"):
        assert value("apiserver_delegated_authn_request_total", {"code": code}) == 1
        assert value("apiserver_delegated_authn_request_duration_seconds_count", {"code": code}) == 1


class SlowTokens:
    """Waits for `gate` and counts calls."""

    def __init__(self, response: AuthenticationResponse | None = None, error: Exception | None = None) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.calls = 0
        self.response = response
        self.error = error

    async def authenticate_token(self, token: str, audiences: tuple[str, ...] = ()) -> AuthenticationResponse | None:
        self.calls += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.response


ALICE = AuthenticationResponse(UserInfo(name="alice"))


class TestCache:
    @pytest.mark.parametrize("response", [ALICE, None], ids=["good", "bad"])
    async def test_an_answer_is_kept_for_its_time(self, response: AuthenticationResponse | None) -> None:
        tokens, clock = SlowTokens(response), HandClock()
        cache = CachedTokenAuthenticator(tokens, success_ttl=10, failure_ttl=5, clock=clock)
        ttl = 10 if response else 5
        for clock.seconds in (0.0, ttl - 0.1, ttl):
            assert await cache.authenticate_token("t") is response
        assert tokens.calls == 2

    async def test_a_ttl_of_zero_keeps_nothing(self) -> None:
        tokens = SlowTokens(ALICE)
        cache = CachedTokenAuthenticator(tokens, success_ttl=0, failure_ttl=0)
        for _ in range(2):
            await cache.authenticate_token("t")
        assert tokens.calls == 2

    async def test_tokens_and_ordered_audiences_are_kept_apart(self) -> None:
        tokens = SlowTokens(ALICE)
        cache = CachedTokenAuthenticator(tokens, success_ttl=10, failure_ttl=10)
        for token, audiences in (("t", ()), ("t", ("a", "b")), ("t", ("b", "a")), ("ta", ("b",)), ("t", ("ab",))):
            await cache.authenticate_token(token, audiences)
        assert tokens.calls == 5

    async def test_errors_are_not_kept(self) -> None:
        tokens = SlowTokens(error=AuthenticationError("x"))
        cache = CachedTokenAuthenticator(tokens, success_ttl=10, failure_ttl=10)
        for _ in range(2):
            with pytest.raises(AuthenticationError):
                await cache.authenticate_token("t")
        assert tokens.calls == 2

    async def test_requests_that_miss_together_share_one_lookup(self) -> None:
        tokens, registry = SlowTokens(ALICE), MetricsRegistry()
        tokens.gate.clear()
        cache = CachedTokenAuthenticator(tokens, success_ttl=10, failure_ttl=10, metrics=TokenCacheMetrics(registry))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(cache.authenticate_token("t")) for _ in range(3)]
            while not tokens.calls:
                await asyncio.sleep(0)
            active = {"status": "blocked"}
            assert registry.collectors.get_sample_value("authentication_token_cache_active_fetch_count", active) == 2
            tokens.gate.set()
        assert [task.result() for task in tasks] == [ALICE] * 3
        assert tokens.calls == 1
        await cache.authenticate_token("t")
        for status, count in (("miss", 3), ("hit", 1)):
            name = "authentication_token_cache_request_total"
            assert registry.collectors.get_sample_value(name, {"status": status}) == count

    async def test_a_cancelled_request_does_not_end_the_lookup_of_others(self) -> None:
        tokens = SlowTokens(ALICE)
        tokens.gate.clear()
        cache = CachedTokenAuthenticator(tokens, success_ttl=10, failure_ttl=10)
        first = asyncio.ensure_future(cache.authenticate_token("t"))
        second = asyncio.ensure_future(cache.authenticate_token("t"))
        while not tokens.calls:
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        tokens.gate.set()
        assert await second is ALICE
        assert first.cancelled()
        assert tokens.calls == 1
