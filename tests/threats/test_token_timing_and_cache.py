"""Bearer tokens: compared and remembered as hashes, only for their audiences and their time, and never logged."""

import asyncio
import gc
import hmac
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from genericapiserver.authentication import AuthenticationError, AuthenticationResponse, UserInfo
from genericapiserver.authentication.static_token import StaticTokenAuthenticator
from genericapiserver.authentication.token_cache import CachedTokenAuthenticator
from genericapiserver.authentication.token_file import TokenFileError, load_token_file
from tests.support.clock import HandClock
from tests.support.fake_cluster import FakeCluster, fake_cluster
from tests.support.identity_server import certificate, identity_server, options

TOKEN = "a-token-that-must-not-be-kept"
TINA = {"username": "tina", "groups": ["testers"]}


def reachable_texts(root: object) -> set[str]:
    """Every text and byte string that hangs on *root*, without the program itself."""
    seen: set[int] = set()
    texts: set[str] = set()
    pending: list[Any] = [root]
    while pending:
        found = pending.pop()
        if id(found) in seen or isinstance(found, type | ModuleType | FunctionType):
            continue
        seen.add(id(found))
        if isinstance(found, bytes):
            texts.add(found.decode("latin-1"))
        elif isinstance(found, str):
            texts.add(found)
        else:
            pending += gc.get_referents(found)
    return texts


class Known:
    """Knows every token that starts with `good`, and counts."""

    def __init__(self) -> None:
        self.asked = 0

    async def authenticate_token(self, token: str, audiences: tuple[str, ...] = ()) -> AuthenticationResponse | None:
        self.asked += 1
        if token.startswith("broken"):
            raise AuthenticationError("no answer")
        return AuthenticationResponse(UserInfo(name="tina"), audiences) if token.startswith("good") else None


def cached(known: Known, clock: HandClock) -> CachedTokenAuthenticator:
    return CachedTokenAuthenticator(known, success_ttl=10.0, failure_ttl=10.0, clock=clock)


async def test_a_table_of_tokens_keeps_none_and_compares_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def spy(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    table = StaticTokenAuthenticator({TOKEN: UserInfo(name="tina")})
    assert await table.authenticate_token(TOKEN)
    assert not await table.authenticate_token(TOKEN[:-1])
    assert not await table.authenticate_token(TOKEN + "x")
    assert not await table.authenticate_token("")
    ((one, other),) = compared
    assert one == other
    assert TOKEN not in (one.decode("latin-1"), other.decode("latin-1"))
    assert not [text for text in reachable_texts(table) if TOKEN in text]


async def test_two_tables_hash_the_same_token_differently() -> None:
    """What one process shows in a dump is of no use for another."""
    one, other = (StaticTokenAuthenticator({TOKEN: UserInfo(name="tina")}) for _ in range(2))
    assert not {text for text in reachable_texts(one) if len(text) == 32} & reachable_texts(other)


async def test_the_cache_keeps_no_token(tmp_path: Path) -> None:
    cache = cached(Known(), HandClock())
    for token in (f"good-{TOKEN}", f"bad-{TOKEN}"):
        await cache.authenticate_token(token, ("audience",))
    assert not [text for text in reachable_texts(cache) if TOKEN in text]


@pytest.mark.parametrize("token", ["good", "bad"])
async def test_an_answer_is_for_its_token_its_audiences_and_its_time(token: str) -> None:
    known, clock = Known(), HandClock()
    cache = cached(known, clock)
    questions = [
        (token, ()),
        (token, ("a",)),
        (token, ("a", "b")),
        (token, ("b", "a")),
        (token, ("ab",)),
        (token, ("", "ab")),
        (f"{token}a", ()),
        (f"{token}a", ("b",)),
        (token, ("ab", "")),
    ]
    for _ in range(2):
        for text, audiences in questions:
            response = await cache.authenticate_token(text, audiences)
            assert (response is not None) == token.startswith("good")
            assert response is None or response.audiences == audiences
        assert known.asked == len(questions)
    clock.seconds += 10.0
    await cache.authenticate_token(token)
    assert known.asked == len(questions) + 1


async def test_an_error_is_asked_again() -> None:
    known = Known()
    cache = cached(known, HandClock())
    for _ in range(3):
        with pytest.raises(AuthenticationError):
            await cache.authenticate_token("broken")
    assert known.asked == 3


async def test_made_up_tokens_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genericapiserver.authentication.token_cache.MAX_ENTRIES", 100)
    known = Known()
    cache = cached(known, HandClock())
    for number in range(1000):
        await cache.authenticate_token(f"bad-{number}")
    assert len(vars(cache)["_answers"]) <= 100
    assert vars(cache)["_lookups"] == {}


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    async with fake_cluster(tokens={TOKEN: TINA}) as running:
        yield running


async def test_a_token_for_others_is_not_for_this_server(cluster: FakeCluster, tmp_path: Path) -> None:
    """What is intersected is what was asked for; an answer without audiences is one that knows none."""
    settings = options(tmp_path, remote_kubeconfig_file=str(cluster.kubeconfig(tmp_path / "kubeconfig")))
    header = [("Authorization", f"Bearer {TOKEN}")]
    async with identity_server(tmp_path, settings, api_audiences=("us", "also-us")) as server:
        for granted, status in ((["them"], 401), (["us"], 200), (["them", "also-us"], 200), ([], 200)):
            answer = {"status": {"authenticated": True, "user": TINA, "audiences": granted}}
            cluster.fails = lambda path, answer=answer: (201, answer, [])  # type: ignore[misc]
            # Another token each time: the answer for one is remembered.
            response = await server.ask(
                headers=[("Authorization", f"Bearer {TOKEN}-{len(granted)}-{status}-{granted}")]
            )
            assert response.status_code == status, granted
        cluster.fails = lambda path: None
        assert (await server.ask(headers=header)).status_code == 200
    assert cluster.reviews[-1]["spec"] == {"token": TOKEN, "audiences": ["us", "also-us"]}


async def test_a_token_is_reviewed_once_however_many_requests_bring_it(cluster: FakeCluster, tmp_path: Path) -> None:
    settings = options(tmp_path, remote_kubeconfig_file=str(cluster.kubeconfig(tmp_path / "kubeconfig")))
    async with identity_server(tmp_path, settings) as server, server.connected() as client:
        for token, status in ((TOKEN, 200), ("made-up", 401)):
            cluster.reviews.clear()
            headers = [("Authorization", f"Bearer {token}")]
            if status == 200:
                answers = await asyncio.gather(*(client.get("/whoami", headers=headers) for _ in range(20)))
                assert {answer.status_code for answer in answers} == {status}
            for _ in range(3):
                assert (await server.ask(headers=headers)).status_code == status
            assert len(cluster.reviews) == 1


async def test_no_token_is_logged_whatever_becomes_of_it(
    cluster: FakeCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="genericapiserver")
    settings = options(tmp_path, remote_kubeconfig_file=str(cluster.kubeconfig(tmp_path / "kubeconfig")))
    async with identity_server(tmp_path, settings) as server:
        for token in (TOKEN, f"wrong-{TOKEN}", f"broken-{TOKEN}"):
            if token.startswith("broken"):
                cluster.fails = lambda path: (400, {"message": "no"}, [])
            for headers in ([("Authorization", f"Bearer {token}")], [("Authorization", f"Bearer  {token}")]):
                await server.ask(headers=headers)
                await server.ask(certificate("client"), headers=headers)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("genericapiserver")]
    assert ours
    assert not [message for message in ours if TOKEN in message]


def test_a_broken_token_file_is_told_without_its_tokens(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "tokens.csv"
    file.write_text(f"{TOKEN},tina,1\n{TOKEN},tim,2\n")
    load_token_file(file)
    assert "duplicate token" in caplog.text
    file.write_text(f"{TOKEN},tina\n")
    with pytest.raises(TokenFileError) as caught:
        load_token_file(file)
    assert TOKEN not in str(caught.value) + caplog.text
