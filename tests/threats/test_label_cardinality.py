"""Ten thousand of anything a client may choose: metrics must not grow by it (CVE-2020-8552)."""

import random
from collections.abc import Iterable, Iterator

import pytest

from genericapiserver.authentication import AuthenticationError, AuthenticationRequest, AuthenticationResponse, UserInfo
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Decision
from genericapiserver.metrics import MetricsRegistry
from tests.server.servers import new_config
from tests.support.asgi_client import ASGIClient
from tests.support.demo_api import GROUP, DemoServer, gadget, gadgets

MANY = 10_000
OPTIONS = ("dryRun", "timeout", "limit", "resourceVersion", "fieldManager")
DOES = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "get", "\u00e4", "GET2"]


def series(registry: MetricsRegistry) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """Name and labels of everything on the page of metrics, but for the numbers of buckets and the process."""
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in registry.collectors.collect()
        for sample in family.samples
    }


def words(registry: MetricsRegistry) -> set[tuple[str, str]]:
    """Every value of every label: series are mixes of them, of which some are rare."""
    return {label for _, labels in series(registry) for label in labels}


class Anybody:
    """Believes every name, and refuses some."""

    async def authenticate_request(self, request: AuthenticationRequest) -> AuthenticationResponse | None:
        name = request.first_header(b"name") or ""
        if name.startswith("bad"):
            raise AuthenticationError(name)
        return AuthenticationResponse(UserInfo(name=name, groups=(name,))) if name else None


class SometimesAllowed:
    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        name = attributes.user.name if attributes.user is not None else ""
        decision = (Decision.ALLOW, Decision.NO_OPINION, Decision.DENY)[len(name) % 3]
        error = OSError(name) if len(name) % 5 == 0 and decision is not Decision.ALLOW else None
        return AuthorizationResult(decision, name, error)


def made_up(seed: int, count: int) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Method, target and headers that differ in everything that a client may say."""
    dice = random.Random(seed)
    for number in range(count):
        word = f"x{dice.randrange(1 << 60):x}"
        method = dice.choice([*DOES, word.upper()])
        target = dice.choice(
            [
                f"/{word}",
                f"/apis/{word}/v1/{word}s/{word}",
                f"/apis/{GROUP}/v1/namespaces/{word}/gadgets",
                f"/apis/{GROUP}/v1/namespaces/{word}/gadgets/{word}",
                f"/apis/{GROUP}/v1/namespaces/{word}/gadgets/{word}/{dice.choice(['status', 'log', word])}",
                f"/apis/{GROUP}/v1/{word}/{word}",
                f"/apis/{GROUP}/{word}/gadgets",
                f"/api/v1/namespaces/{word}/pods/{word}/{word}",
                f"/healthz/{word}",
                "/version",
            ]
        ) + dice.choice(
            [
                "",
                f"?{word}={word}",
                f"?watch={word}&timeoutSeconds=-1",
                f"?dryRun={word}",
                f"?timeout={word}",
                "?timeout=1ns",
                f"?fieldValidation={word}",
                f"?limit={word}",
            ]
        )
        headers = {
            "name": dice.choice(["", "bad", "u"]) + word[: dice.randrange(1, 12)] + dice.choice(["", "@x.com"]),
            "user-agent": f"{word}/{number}",
            "accept": dice.choice(["*/*", f"application/{word}", f"application/json;as={word};g={word};v=v1"]),
            "content-type": dice.choice(["application/json", f"application/{word}", "application/merge-patch+json"]),
            "audit-id": word,
            "origin": f"https://{word}",
            "impersonate-group" if number % 7 == 0 else "x-other": word,
        }
        yield method, target, headers


async def ask_all(client: ASGIClient, requests: Iterable[tuple[str, str, dict[str, str]]]) -> set[int]:
    statuses = set()
    for method, target, headers in requests:
        body = b"{" if method in ("POST", "PUT", "PATCH") else None
        statuses.add((await client.request(method, target, headers=headers, body=body)).status)
    return statuses


async def test_the_filters_count_no_word_of_a_clients(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    config = new_config()
    config.authentication.authenticator, config.authorization.authorizer = Anybody(), SometimesAllowed()
    server = config.complete().new("test")
    client = ASGIClient(server)
    assert {400, 401, 403, 404, 500} <= await ask_all(client, made_up(1, 1500))
    known, before = words(config.metrics), len(series(config.metrics))
    await ask_all(client, made_up(2, MANY))
    assert words(config.metrics) == known
    assert len(series(config.metrics)) - before < 200  # rare mixes of the same few words


async def test_endpoints_count_resources_and_nothing_that_a_client_makes_up(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    server = DemoServer()
    await server.client.request("POST", gadgets("a"), body=gadget("one"))
    await ask_all(server.client, made_up(1, 3000))
    before = words(server.registry)
    await ask_all(server.client, made_up(2, MANY))
    assert words(server.registry) == before
