"""Constrained impersonation against its rules without any memory: what is remembered lets nobody be more than was granted.

The model asks every mode anew for every request. The filter may answer from memory and tries another mode first, so it may
find another mode than the model's first one, but only one that allows the request.
"""

import asyncio
from collections.abc import Iterator, Sequence

import attrs
from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.authentication import UserInfo
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Decision, FunctionAuthorizer
from genericapiserver.filters.constrained_impersonation import with_constrained_impersonation
from genericapiserver.request import RequestContext
from tests.filters.test_authorization import Annotations
from tests.properties.widgets import QUICK
from tests.support.asgi_client import ASGIClient
from tests.support.filters import in_context, ok, send_error

AGENT = "system:serviceaccount:ns:agent"
NODE_KEY = "authentication.kubernetes.io/node-name"
CALLERS = (
    UserInfo(name=AGENT, extra={NODE_KEY: ("n1",)}),
    UserInfo(name=AGENT, extra={NODE_KEY: ("n2",)}),
    UserInfo(name=AGENT),
    UserInfo(name="jane", extra={NODE_KEY: ("n1",)}),
)


@attrs.frozen
class Wanted:
    user: str
    groups: tuple[str, ...] = ()
    extra: str = ""

    @property
    def only_user(self) -> bool:
        return not self.groups and not self.extra

    def headers(self) -> list[tuple[str, str]]:
        groups = [("Impersonate-Group", group) for group in self.groups]
        extra = [("Impersonate-Extra-A.io%2fk", self.extra)] if self.extra else []
        return [("Impersonate-User", self.user), *groups, *extra]


WANTED = (
    Wanted("system:node:n1"),
    Wanted("system:node:n2"),
    Wanted("system:node:n1", ("g",)),
    Wanted("system:serviceaccount:ns:other"),
    Wanted("bob"),
    Wanted("bob", ("g",)),
    Wanted("bob", ("g", "h", "i", "j")),
    Wanted("bob", ("g", "system:masters")),
    Wanted("bob", extra="v"),
    Wanted("eve"),
)
VERBS = {"GET": "get", "DELETE": "delete"}
MODES = ("associated-node", "arbitrary-node", "serviceaccount", "user-info")

Grant = tuple[str, str, str]
"""The verb, the resource, and the name, which may be `*`."""


def identity_grants() -> Iterator[Grant]:
    yield "impersonate:associated-node", "nodes", "*"
    yield from (("impersonate:arbitrary-node", "nodes", name) for name in ("n1", "n2"))
    yield "impersonate:serviceaccount", "serviceaccounts", "other"
    for verb in ("impersonate:user-info", "impersonate"):
        yield from ((verb, "users", name) for name in ("bob", "eve"))
        yield from ((verb, "groups", name) for name in ("g", "h", "i", "j", "*", "system:masters"))
        yield from ((verb, "userextras/a.io/k", "v"), (verb, "userextras/*", "*"))
    yield from (("impersonate", "users", f"system:node:{name}") for name in ("n1", "n2"))
    yield "impersonate", "serviceaccounts", "other"


GRANTS = (
    *identity_grants(),
    *((f"impersonate-on:{mode}:{verb}", "pods", "p") for mode in MODES for verb in VERBS.values()),
)


def allowed_by(mode: str, caller: UserInfo, wanted: Wanted, verb: str, grants: frozenset[Grant]) -> bool:
    """Whether *mode*, or the plain one when it is empty, allows the request by the rules alone."""
    node = wanted.user.removeprefix("system:node:") if wanted.user.startswith("system:node:") else ""
    account = wanted.user.rpartition(":")[2] if wanted.user.startswith("system:serviceaccount:") else ""
    own = caller.name == AGENT and caller.extra.get(NODE_KEY) == (node,)
    applies = {
        "associated-node": bool(node) and own and wanted.only_user,
        "arbitrary-node": bool(node) and wanted.only_user,
        "serviceaccount": bool(account) and wanted.only_user,
        "user-info": not node and not account and "system:masters" not in wanted.groups,
        "": True,
    }[mode]
    if not applies or (mode and (f"impersonate-on:{mode}:{verb}", "pods", "p") not in grants):
        return False
    on = f"impersonate:{mode}" if mode else "impersonate"
    if node and mode:
        return (on, "nodes", "*" if mode == "associated-node" else node) in grants
    if ((on, "serviceaccounts", account) if account else (on, "users", wanted.user)) not in grants:
        return False
    groups = all((on, "groups", group) in grants for group in wanted.groups)
    at_once = bool(mode) and len(wanted.groups) >= 4 and (on, "groups", "*") in grants
    return (groups or at_once) and (not wanted.extra or (on, "userextras/a.io/k", wanted.extra) in grants)


def asks(granted: frozenset[Grant]) -> FunctionAuthorizer:
    def decide(attributes: AuthorizationAttributes) -> AuthorizationResult:
        resource = attributes.resource + (f"/{attributes.subresource}" if attributes.subresource else "")
        allowed = (attributes.verb, resource, attributes.name) in granted
        return AuthorizationResult(Decision.ALLOW if allowed else Decision.NO_OPINION)

    return FunctionAuthorizer(decide)


requests = st.tuples(st.sampled_from(CALLERS), st.sampled_from(WANTED), st.sampled_from(tuple(VERBS)))
granted = st.tuples(st.sets(st.sampled_from(GRANTS)), st.booleans()).map(
    lambda drawn: frozenset(set(GRANTS) - drawn[0]) if drawn[1] else frozenset(drawn[0])
)


@QUICK
@given(grants=granted, sequence=st.lists(requests, min_size=2, max_size=12))
def test_memory_grants_nothing(grants: frozenset[Grant], sequence: Sequence[tuple[UserInfo, Wanted, str]]) -> None:
    asyncio.run(_check(grants, sequence))


async def _check(grants: frozenset[Grant], sequence: Sequence[tuple[UserInfo, Wanted, str]]) -> None:
    contexts: list[RequestContext] = []

    def prepare(context: RequestContext) -> None:
        context.user, context.audit = sequence[len(contexts)][0], Annotations()
        contexts.append(context)

    filtered = with_constrained_impersonation(ok, asks(grants), send_error=send_error)
    client = ASGIClient(in_context(filtered, prepare=prepare))
    for caller, wanted, method in sequence:
        response = await client.request(method, "/api/v1/namespaces/x/pods/p", headers=wanted.headers())
        modes = [mode for mode in (*MODES, "") if allowed_by(mode, caller, wanted, VERBS[method], grants)]
        context = contexts[-1]
        assert context.user is not None
        if not modes:
            assert (response.status, context.user) == (403, caller)
            continue
        assert response.status == 200, f"{caller} as {wanted} by {modes}"
        assert isinstance(context.audit, Annotations)
        used = context.audit.get("constraint", "").removeprefix("impersonate:")
        assert used in modes
        assert context.user.name == wanted.user
        assert ("system:nodes" in context.user.groups) is used.endswith("-node")
        assert set(wanted.groups) <= set(context.user.groups)
        assert dict(context.user.extra) == ({"a.io/k": (wanted.extra,)} if wanted.extra else {})
