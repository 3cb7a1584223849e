"""The server that decides who may do what is gone, slow, confused or lying: nobody gets in by that.

Real sockets on both sides. Whatever goes wrong is a 403 or a 500, and what needs no decision goes on: the health pages, and
the group system:masters.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.authentication.review import RetryBackoff
from genericapiserver.authorization import Authorizer
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import RecommendedConfig
from genericapiserver.options.authorization import DelegatingAuthorizationOptions
from tests.support.fake_cluster import Answer, FakeCluster, fake_cluster
from tests.support.identity_server import IdentityServer, certificate, identity_server, options
from tests.support.pki import CLIENT, issue

QUICK = RetryBackoff(initial=0.001, factor=1.0, steps=2)


def answered(code: int, **document: Any) -> Callable[[str], Answer]:
    return lambda path: (code, document, [])


LIES: dict[str, Callable[[str], Answer]] = {
    "no status": answered(201, kind="SubjectAccessReview"),
    "an empty status": answered(201, status={}),
    "a status that is none": answered(201, status="allowed"),
    "no boolean": answered(201, status={"allowed": "true"}),
    "a number": answered(201, status={"allowed": 1}),
    "a reason only": answered(201, status={"reason": "allowed"}),
    "denied": answered(201, status={"allowed": False, "denied": True}),
    "both allowed and denied": answered(201, status={"allowed": True, "denied": True}),
    "allowed at the wrong place": answered(201, allowed=True),
    "a spec in place of a status": answered(201, spec={"allowed": True}),
}
FAILURES: dict[str, Callable[[str], Answer]] = {
    f"{status}": answered(status, status={"allowed": True}, message="no")
    for status in (302, 307, 400, 401, 403, 404, 409, 429, 500, 503, 504)
}


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    async with fake_cluster(allows=lambda spec: True) as running:
        yield running


@contextlib.asynccontextmanager
async def delegating(cluster: FakeCluster, folder: Path, **settings: Any) -> AsyncIterator[IdentityServer]:
    """A server that asks *cluster* what may be done."""
    kubeconfig = cluster.kubeconfig(folder / "authorization-kubeconfig")
    config = RecommendedConfig(effective_version=EffectiveVersion.parse("1.35"))
    DelegatingAuthorizationOptions(
        remote_kubeconfig_file=str(kubeconfig), **{"webhook_retry_backoff": QUICK, **settings}
    ).apply_to(config)
    authorizer: Authorizer | None = config.authorization.authorizer
    try:
        async with identity_server(folder, authorizer=authorizer) as server:
            yield server
    finally:
        await config.close()


async def asked_by_alice(server: IdentityServer, path: str = "/whoami") -> tuple[int, str]:
    response = await server.ask(certificate("client"), path=path)
    return response.status_code, response.text


@pytest.mark.parametrize("answer", LIES.values(), ids=LIES)
async def test_what_does_not_plainly_allow_does_not_allow(
    answer: Callable[[str], Answer], cluster: FakeCluster, tmp_path: Path
) -> None:
    cluster.fails = answer
    async with delegating(cluster, tmp_path) as server:
        status, _ = await asked_by_alice(server)
    assert status in (403, 500)
    assert server.seen == []


@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES)
async def test_a_review_that_fails_is_no_permission(
    answer: Callable[[str], Answer], cluster: FakeCluster, tmp_path: Path
) -> None:
    cluster.fails = answer
    async with delegating(cluster, tmp_path) as server:
        status, text = await asked_by_alice(server)
    assert status == 500
    assert text.startswith('Internal Server Error: "/whoami": ')
    assert server.seen == []


async def test_a_server_that_is_gone_is_no_permission(tmp_path: Path) -> None:
    async with fake_cluster() as gone:
        url = gone.url
    async with delegating(gone, tmp_path) as server:
        status, text = await asked_by_alice(server)
        assert status == 500
        post = f'Post "{url}/apis/authorization.k8s.io/v1/subjectaccessreviews?timeout=10s": '
        dial = f"dial tcp {url.removeprefix('https://')}: connect: connection refused"
        assert text == f'Internal Server Error: "/whoami": {post}{dial}\n'


async def test_a_server_that_does_not_answer_in_time_is_no_permission(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.hangs = asyncio.Event()
    async with delegating(cluster, tmp_path, client_timeout=0.1) as server:
        status, text = await asked_by_alice(server)
        assert status == 500
        assert text.endswith(
            'subjectaccessreviews?timeout=100ms": context deadline exceeded '
            "(Client.Timeout exceeded while awaiting headers)\n"
        )
    cluster.hangs.set()
    assert server.seen == []


async def test_what_needs_no_decision_goes_on(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.fails = answered(503)
    async with delegating(cluster, tmp_path) as server:
        for path in ("/healthz", "/livez", "/readyz"):
            assert (await server.ask(path=path)).status_code == 200
        assert (await server.ask(path="/healthz/ping")).status_code == 500
        proxy = certificate("proxy")
        masters = [("X-Remote-User", "root"), ("X-Remote-Group", "system:masters")]
        assert (await server.ask(proxy, headers=masters)).status_code == 200
    assert [seen["name"] for seen in server.seen] == ["root"]


async def test_a_permission_is_remembered_for_its_time_and_an_error_never(cluster: FakeCluster, tmp_path: Path) -> None:
    async with delegating(cluster, tmp_path, allow_cache_ttl=3600.0) as server:
        assert (await asked_by_alice(server))[0] == 200
        cluster.fails = answered(503)
        assert (await asked_by_alice(server))[0] == 200
        bob = [("X-Remote-User", "bob")]
        assert (await server.ask(certificate("proxy"), headers=bob)).status_code == 500
        cluster.fails = lambda path: None
        assert (await server.ask(certificate("proxy"), headers=bob)).status_code == 200


async def test_a_permission_is_not_somebody_elses(cluster: FakeCluster, tmp_path: Path) -> None:
    """Every fact of a user is part of what is remembered."""
    of_proxy = certificate("proxy")
    users = [
        [("X-Remote-User", "bob")],
        [("X-Remote-User", "bob"), ("X-Remote-Group", "a")],
        [("X-Remote-User", "bob"), ("X-Remote-Group", "a"), ("X-Remote-Group", "b")],
        [("X-Remote-User", "bob"), ("X-Remote-Group", "a,b")],
        [("X-Remote-User", "bob"), ("X-Remote-Uid", "1")],
        [("X-Remote-User", "bob"), ("X-Remote-Extra-a", "b")],
        [("X-Remote-User", "bob"), ("X-Remote-Extra-a", "b"), ("X-Remote-Extra-a", "c")],
        [("X-Remote-User", "bob"), ("X-Remote-Extra-b", "a")],
    ]
    async with delegating(cluster, tmp_path, allow_cache_ttl=3600.0, deny_cache_ttl=3600.0) as server:
        for allowed in (True, False):
            cluster.allows = lambda spec, verdict=allowed: verdict  # type: ignore[misc]
            for headers in users[::2] if allowed else users[1::2]:
                status = (await server.ask(of_proxy, headers=headers)).status_code
                assert status == (200 if allowed else 403)
    assert len(cluster.reviews) == len(users)


async def test_token_reviews_that_fail_let_nobody_in(cluster: FakeCluster, tmp_path: Path) -> None:
    """The same for who somebody is: an error is a 401 and never anonymous."""
    token = [("Authorization", "Bearer secret")]
    settings = options(
        tmp_path,
        remote_kubeconfig_file=str(cluster.kubeconfig(tmp_path / "kubeconfig")),
        webhook_retry_backoff=QUICK,
        token_request_timeout=0.2,
    )
    user = {"username": "root", "groups": ["system:masters"]}
    async with identity_server(tmp_path, settings) as server:
        for answer in (
            answered(500),
            answered(302, status={"authenticated": True, "user": user}),
            answered(403, status={"authenticated": True, "user": user}),
            answered(201, status={"authenticated": "true", "user": user}),
            answered(201, status={"user": user}),
            answered(201, status={"authenticated": False, "user": user}),
            answered(201, status={"authenticated": True, "user": "root"}),
            answered(201, status={"authenticated": True, "user": {"groups": "system:masters", "extra": [1]}}),
            answered(201, authenticated=True, user=user),
        ):
            cluster.fails = answer
            response = await server.ask(headers=token)
            assert response.status_code == 401, answer("")
        cluster.fails = lambda path: None
        cluster.hangs = asyncio.Event()
        assert (await server.ask(headers=token)).status_code == 401
        assert (
            await server.ask(certificate("client"), headers=token)
        ).status_code == 200  # a certificate needs no review
        cluster.hangs.set()
    assert {seen["name"] for seen in server.seen} == {"alice"}


async def test_the_kubeconfig_is_believed_only_about_its_own_authority(cluster: FakeCluster, tmp_path: Path) -> None:
    """A server that cannot prove who it is decides nothing."""
    cluster.ca_pem = issue("another-ca", ca=True, usages=[CLIENT]).pem
    async with delegating(cluster, tmp_path) as server:
        status, text = await asked_by_alice(server)
        assert status == 500
        assert '": tls: failed to verify certificate: ' in text
    assert cluster.reviews == []
