"""Acting as somebody without the permission for every part of that identity.

Permissions are those of a fake cluster, asked by SubjectAccessReview over a real socket; the caller is alice.
"""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.authentication.review import RetryBackoff
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import RecommendedConfig
from genericapiserver.options.authorization import DelegatingAuthorizationOptions
from tests.support.fake_cluster import FakeCluster, fake_cluster
from tests.support.identity_server import IdentityServer, certificate, identity_server

PARTS: dict[str, tuple[tuple[str, str], str]] = {
    "user": (("Impersonate-User", "root"), "users/root"),
    "group": (("Impersonate-Group", "system:masters"), "groups/system:masters"),
    "extra": (("Impersonate-Extra-Scopes", "all"), "userextras/scopes/all"),
    "uid": (("Impersonate-Uid", "0"), "uids/0"),
}
"""A header, and what the caller needs: resource[/subresource]/name."""


class Permissions:
    """What alice may impersonate; everything else is allowed to everybody."""

    def __init__(self) -> None:
        self.granted: set[str] = set()

    def allows(self, spec: dict[str, Any]) -> bool:
        asked = spec.get("resourceAttributes") or {}
        if asked.get("verb") != "impersonate":
            return True
        if spec["user"] != "alice":
            return False
        parts = [asked["resource"], asked.get("subresource"), asked.get("name", "")]
        assert asked.get("group", "") == ("authentication.k8s.io" if parts[0] in ("userextras", "uids") else "")
        return "/".join(part for part in parts if part is not None) in self.granted


@pytest.fixture
def permissions() -> Permissions:
    return Permissions()


@pytest.fixture
async def cluster(permissions: Permissions) -> AsyncIterator[FakeCluster]:
    async with fake_cluster(allows=permissions.allows) as running:
        yield running


@pytest.fixture
async def server(cluster: FakeCluster, tmp_path: Path) -> AsyncIterator[IdentityServer]:
    config = RecommendedConfig(effective_version=EffectiveVersion.parse("1.35"))
    DelegatingAuthorizationOptions(
        remote_kubeconfig_file=str(cluster.kubeconfig(tmp_path / "authorization-kubeconfig")),
        allow_cache_ttl=0.0,
        deny_cache_ttl=0.0,
        webhook_retry_backoff=RetryBackoff(initial=0.001, steps=1),
    ).apply_to(config)
    try:
        async with identity_server(tmp_path, authorizer=config.authorization.authorizer) as running:
            yield running
    finally:
        await config.close()


def subsets(of: list[str]) -> list[tuple[str, ...]]:
    return [each for size in range(len(of) + 1) for each in itertools.combinations(of, size)]


@pytest.mark.parametrize("http2", [True, False], ids=["h2", "h1"])
async def test_every_part_needs_its_permission(http2: bool, server: IdentityServer, permissions: Permissions) -> None:
    async with server.connected(certificate("client"), http2=http2) as alice:
        for wanted in subsets(list(PARTS)):
            for granted in subsets(list(PARTS)):
                permissions.granted = {PARTS[part][1] for part in granted}
                response = await alice.get("/whoami", headers=[PARTS[part][0] for part in wanted])
                if not wanted:
                    expected = 200
                elif "user" not in wanted:
                    expected = 400  # whatever may be impersonated: nobody is some group
                else:
                    expected = 200 if set(wanted) <= set(granted) else 403
                assert response.status_code == expected, (wanted, granted)
                if expected != 200:
                    continue
                told = response.json()
                assert told["name"] == ("root" if wanted else "alice")
                assert ("system:masters" in told["groups"]) is ("group" in wanted)
                assert ("dev" in told["groups"]) is (not wanted)  # nothing of the caller goes along
                assert (told["uid"] == "0") is ("uid" in wanted)
                if wanted:
                    assert told["extra"] == ({"scopes": ["all"]} if "extra" in wanted else {})
                assert not [name for name in told["headers"] if name.startswith("impersonate-")]


ROOT = PARTS["user"][0]

TRICKS: list[tuple[str, list[tuple[str, str]], set[str], str]] = [
    # what, headers, permissions, outcome: a status or the user that comes out
    ("a key with a slash", [ROOT, ("Impersonate-Extra-a%2Fb", "v")], {"users/root", "userextras/a/b/v"}, "root"),
    ("a key that is a slash", [ROOT, ("Impersonate-Extra-%2F", "v")], {"users/root", "userextras///v"}, "root"),
    ("a slash is not nothing", [ROOT, ("Impersonate-Extra-%2F", "v")], {"users/root", "userextras//v"}, "403"),
    ("a key escaped twice", [ROOT, ("Impersonate-Extra-a%252Fb", "v")], {"users/root", "userextras/a/b/v"}, "403"),
    ("a slash in a value", [ROOT, ("Impersonate-Extra-a", "b/v")], {"users/root", "userextras/a/b"}, "403"),
    (
        "another case of the key",
        [ROOT, ("Impersonate-Extra-SCOPES", "v")],
        {"users/root", "userextras/SCOPES/v"},
        "403",
    ),
    ("a second value", [ROOT, *[("Impersonate-Extra-a", v) for v in "xy"]], {"users/root", "userextras/a/x"}, "403"),
    ("a second group", [ROOT, *[("Impersonate-Group", g) for g in "xy"]], {"users/root", "groups/x"}, "403"),
    ("a list of groups", [ROOT, ("Impersonate-Group", "x,y")], {"users/root", "groups/x", "groups/y"}, "403"),
    ("a second user", [("Impersonate-User", "bob"), ROOT], {"users/bob"}, "bob"),
    ("a second user, the first forbidden", [ROOT, ("Impersonate-User", "bob")], {"users/bob"}, "403"),
    ("an empty user first", [("Impersonate-User", ""), ROOT], {"users/root"}, "alice"),
    ("an empty user and a group", [("Impersonate-User", ""), PARTS["group"][0]], {"groups/system:masters"}, "400"),
    ("an empty group", [ROOT, ("Impersonate-Group", "")], {"users/root"}, "403"),
    ("underscores", [("Impersonate_User", "root")], {"users/root"}, "alice"),
    ("upper case", [("IMPERSONATE-USER", "root")], set(), "403"),
    (
        "a service account is no user",
        [("Impersonate-User", "system:serviceaccount:ns:sa")],
        {"users/system:serviceaccount:ns:sa"},
        "403",
    ),
    (
        "a user is no service account",
        [("Impersonate-User", "system:serviceaccount:ns:Sa")],
        {"serviceaccounts/Sa", "serviceaccounts/sa"},
        "403",
    ),
    (
        "a user of masters by name only",
        [("Impersonate-User", "system:masters")],
        {"users/system:masters"},
        "system:masters",
    ),
    ("a header of the proxy beside", [ROOT, ("X-Remote-User", "bob")], {"users/bob"}, "403"),
]


@pytest.mark.parametrize("http2", [True, False], ids=["h2", "h1"])
@pytest.mark.parametrize(("headers", "granted", "outcome"), [row[1:] for row in TRICKS], ids=[row[0] for row in TRICKS])
async def test_tricks(
    headers: list[tuple[str, str]],
    granted: set[str],
    outcome: str,
    http2: bool,
    server: IdentityServer,
    permissions: Permissions,
) -> None:
    permissions.granted = granted
    response = await server.ask(certificate("client"), headers=headers, http2=http2)
    if outcome.isdigit():
        assert response.status_code == int(outcome)
        assert server.seen == []
        return
    assert response.json()["name"] == outcome
    assert "system:masters" not in response.json()["groups"]


async def test_who_is_impersonated_may_not_impersonate_in_turn(
    server: IdentityServer, permissions: Permissions
) -> None:
    """The permission asked for is the caller's, also where the front proxy speaks for him."""
    permissions.granted = {"users/root"}
    for kind, headers, status in (
        ("proxy", [("X-Remote-User", "alice"), ROOT], 200),
        ("proxy", [("X-Remote-User", "bob"), ROOT], 403),
        ("none", [("X-Remote-User", "alice"), ROOT], 403),
    ):
        assert (await server.ask(certificate(kind), headers=headers)).status_code == status


async def test_a_permission_that_cannot_be_asked_for_is_none(server: IdentityServer, cluster: FakeCluster) -> None:
    cluster.fails = lambda path: (500, {"status": {"allowed": True}, "message": "secret"}, [])
    response = await server.ask(certificate("client"), headers=[ROOT])
    assert response.status_code == 403
    assert "secret" not in response.text
