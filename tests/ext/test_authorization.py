"""TestAuthorization: roles and bindings, as access sets, in front of a store."""

from __future__ import annotations

import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.apimachinery.errors import ForbiddenError, NotFoundError
from genericapiserver.apimachinery.meta import ListOptions, ObjectMeta
from genericapiserver.authentication import UserInfo
from genericapiserver.authorization import AuthorizationAttributes, Decision
from genericapiserver.authorization.rbac_sources import RBACFiles
from genericapiserver.ext import AccessSetAuthorizer, AccessStore, Context, ScopeUserAuthenticator
from genericapiserver.ext.middleware import USER_KEY
from tests.ext.support import GROUP, PATH, V1, MemoryStore, TestType, World, body, serving_store
from tests.support.asgi_client import ASGIClient


def role(name: str, rules: str, *users: str) -> str:
    """A cluster role, and a binding of it to each of *users*."""
    bindings = "".join(
        f"""\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: {name}-{user}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {name}}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {user}}}]
"""
        for user in users
    )
    return (
        f"---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {name}}}\nrules:\n"
        + textwrap.indent(rules, "- ")
        + "\n"
        + bindings
    )


def resources(*verbs: str, group: str = GROUP) -> str:
    return f"{{apiGroups: [{group}], resources: ['*'], verbs: [{', '.join(verbs)}]}}"


def urls(*paths: str) -> str:
    return f"{{nonResourceURLs: [{', '.join(repr(path) for path in paths)}], verbs: [get]}}"


READ, WRITE = ("list", "get", "watch"), ("create", "update", "patch", "delete")
ROLES = (
    role("read-only", resources(*READ), "read-only", "read-only-error")
    + role("read-write", resources(*READ, *WRITE), "read-write")
    + role("update-not-create", resources(*READ, "update"), "update-not-create")
    + role("all", resources("'*'"), "all")
    + role("other", resources("'*'", group="management.cattle.io"), "other")
    + role("openapi-v2", urls("/openapi/v2"), "read-only")
    + role("openapi", urls("/openapi/v2", "/openapi/v3", "/openapi/v3/*"), "read-write")
)


class CheckingStore(MemoryStore):
    """Asks the authorizer itself, for one user."""

    async def list(self, context: Context, options: ListOptions) -> Any:
        if context.user.name == "read-only-error":
            attributes = AuthorizationAttributes(
                user=context.user, verb="customverb", api_group=GROUP, resource="testtypes", is_resource_request=True
            )
            if (await context.authorizer.authorize(attributes)).decision is not Decision.ALLOW:
                raise ForbiddenError(context.group_version_resource.group_resource, "Forbidden", "not allowed")
        return await super().list(context, options)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    file = tmp_path / "rbac.yaml"
    file.write_text(ROLES)
    store = CheckingStore()
    store.objects["foo"] = TestType(metadata=ObjectMeta(name="foo"))
    authorizer = AccessSetAuthorizer(AccessStore(RBACFiles([file])))
    async with serving_store(store, authorizer=authorizer, authenticator=ScopeUserAuthenticator()) as world:
        yield world


def client(world: World, user: str) -> ASGIClient:
    """A client whose application has put *user* into the scope."""

    def prepare(scope: Any) -> None:
        scope[USER_KEY] = UserInfo(name=user)

    return ASGIClient(world.server, prepare=prepare)


CASES = [
    ("read-only", "GET", f"{PATH}/not-found", 404),
    ("read-only", "GET", f"{PATH}/foo", 200),
    ("read-only", "GET", PATH, 200),
    ("read-only", "POST", PATH, 403),
    ("read-only", "PUT", f"{PATH}/foo", 403),
    ("read-only", "DELETE", f"{PATH}/foo", 403),
    ("update-not-create", "PUT", f"{PATH}/not-found", 403),
    ("update-not-create", "PUT", f"{PATH}/foo", 200),
    ("update-not-create", "POST", PATH, 403),
    ("read-only-error", "GET", PATH, 403),
    ("read-only-error", "GET", f"{PATH}/foo", 200),
    ("read-write", "GET", f"{PATH}/not-found", 404),
    ("read-write", "GET", f"{PATH}/foo", 200),
    ("read-write", "GET", PATH, 200),
    ("read-write", "POST", PATH, 201),
    ("read-write", "PUT", f"{PATH}/foo", 200),
    ("read-write", "PUT", f"{PATH}/not-found", 201),
    ("all", "DELETE", f"{PATH}/foo", 200),
    ("other", "GET", PATH, 403),
    ("unknown-user", "GET", PATH, 403),
    ("read-only", "GET", "/openapi/v2", 200),
    ("read-only", "POST", "/openapi/v2", 403),
    ("read-only", "GET", "/openapi/v3", 403),
    ("read-only", "GET", "/healthz", 403),
    ("read-write", "GET", "/openapi/v2", 200),
    ("read-write", "GET", "/openapi/v3", 200),
    ("read-write", "GET", f"/openapi/v3/apis/{V1}", 200),
]


@pytest.mark.parametrize(("user", "method", "path", "code"), CASES)
async def test_who_may_do_what(world: World, user: str, method: str, path: str, code: int) -> None:
    name = path.rpartition("/")[2] if path != PATH else "new"
    content = body(name) if method in ("POST", "PUT") else None
    assert (await client(world, user).request(method, path, body=content)).status == code


async def test_acceptance_create_on_update_authz(world: World) -> None:
    """Who may update and not create is refused an update of what is not there."""
    asking = client(world, "update-not-create")
    refused = await asking.request("PUT", f"{PATH}/missing", body=body("missing"))
    assert refused.status == 403
    assert refused.json()["message"] == (
        'testtypes.ext.cattle.io "missing" is forbidden: User "update-not-create" cannot create resource "testtypes" in '
        'API group "ext.cattle.io" at the cluster scope'
    )
    assert (await asking.request("PUT", f"{PATH}/foo", body=body())).status == 200


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        (
            "GET",
            PATH,
            'testtypes.ext.cattle.io is forbidden: User "u" cannot list resource "testtypes" in API group '
            '"ext.cattle.io" at the cluster scope',
        ),
        ("POST", "/openapi/v3", 'forbidden: User "u" cannot post path "/openapi/v3"'),
    ],
)
async def test_refusals_tell_what_is_refused(world: World, method: str, path: str, message: str) -> None:
    response = await client(world, "u").request(method, path)
    assert (response.status, response.json()["message"]) == (403, message)


async def test_the_authorizer_of_the_options_is_what_stores_get(world: World) -> None:
    assert isinstance(world.server.authorizer, AccessSetAuthorizer)


async def test_an_object_that_is_not_there_is_looked_for_before_it_may_be_made(world: World) -> None:
    class Failing(CheckingStore):
        async def get(self, context: Context, name: str, options: Any) -> TestType:
            raise NotFoundError(context.group_version_resource.group_resource, name)

    store = Failing()
    async with serving_store(store) as other:
        response = await other.client.request("PUT", f"{PATH}/foo", headers={"x-user": "u"}, body=body())
    assert response.status == 201
