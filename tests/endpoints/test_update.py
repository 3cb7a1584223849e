"""Verb update (endpoints reference, section 9)."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from genericapiserver.admission import Attributes, Operation, mutating_plugin
from genericapiserver.authentication.user import UserInfo
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Decision, FunctionAuthorizer
from tests.endpoints.test_get_and_list import create
from tests.support.asgi_client import ASGIClient, ClientResponse
from tests.support.demo_api import GROUP, DemoServer, context_of, gadget, gadgets

RACK = f"/apis/{GROUP}/v1/racks/r"


async def put(client: ASGIClient, name: str, body: Any, query: str = "", **headers: str) -> ClientResponse:
    return await client.request("PUT", gadgets(name=name) + query, body=body, headers=headers)


async def test_an_update_replaces_the_object(client: ASGIClient) -> None:
    await create(client, "a", color="blue")
    current = (await client.get(gadgets(name="a"))).json()
    current["spec"]["color"] = "green"
    response = await put(client, "a", current)
    assert response.status == 200
    assert response.json()["spec"]["color"] == "green"
    assert response.json()["metadata"]["resourceVersion"] != current["metadata"]["resourceVersion"]


async def test_an_update_that_changes_nothing_keeps_the_version(client: ASGIClient) -> None:
    await create(client, "a", color="blue")
    current = (await client.get(gadgets(name="a"))).json()
    assert (await put(client, "a", current)).json() == current


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (gadget("b"), 400, "the name of the object (b) does not match the name on the URL (a)"),
        ({}, 400, "the name of the object (a based on URL) was undeterminable: name must be provided"),
        (
            {"metadata": {"name": "a", "namespace": "x"}},
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            {"metadata": {"name": "a", "uid": "other"}},
            409,
            'Operation cannot be fulfilled on gadgets.demo.example.com "a": StorageError: invalid object, Code: 4',
        ),
        (
            {"metadata": {"name": "a", "resourceVersion": "1"}},
            409,
            'Operation cannot be fulfilled on gadgets.demo.example.com "a": the object has been modified; please apply',
        ),
        (
            {"metadata": {"name": "a", "resourceVersion": "abc"}},
            500,
            'strconv.ParseUint: parsing "abc": invalid syntax',
        ),
        (gadget("a", size=-1), 422, 'Gadget.demo.example.com "a" is invalid: spec.size: Invalid value: -1: must be'),
    ],
)
async def test_an_update_is_refused(client: ASGIClient, body: Any, code: int, message: str) -> None:
    await create(client, "b", "a")
    response = await put(client, "a", body)
    assert response.status == code
    assert response.json()["message"].startswith(message)


async def test_options_are_looked_at_before_the_media_type(client: ASGIClient) -> None:
    response = await put(client, "a", b"x", "?dryRun=Bar", **{"content-type": "text/plain"})
    assert response.status == 422
    assert (await put(client, "a", b"x", **{"content-type": "text/plain"})).status == 415


async def test_what_is_not_there_is_not_found(client: ASGIClient) -> None:
    assert (await put(client, "a", gadget("a"))).status == 404


async def test_an_update_may_create(client: ASGIClient) -> None:
    response = await client.request("PUT", RACK, body={"metadata": {"name": "r"}, "slots": 3})
    assert response.status == 201
    again = await client.request("PUT", RACK, body={**response.json(), "slots": 4})
    assert (again.status, again.json()["slots"]) == (200, 4)


def signed_in(server: DemoServer) -> ASGIClient:
    """A client whose user is known, as after authentication."""
    app = server.container

    async def with_user(scope: Any, receive: Any, send: Any) -> None:
        context_of(scope).user = UserInfo(name="alice")
        await app(scope, receive, send)

    from genericapiserver.filters.request_info import with_request_info
    from genericapiserver.request import RequestInfoFactory, long_running_check

    return ASGIClient(with_request_info(with_user, resolver=RequestInfoFactory(), long_running=long_running_check()))


async def test_an_update_that_creates_needs_the_right_to_create() -> None:
    asked: list[AuthorizationAttributes] = []

    def deny(attributes: AuthorizationAttributes) -> AuthorizationResult:
        asked.append(attributes)
        return AuthorizationResult(Decision.NO_OPINION, "no rule")

    server = DemoServer(authorizer=FunctionAuthorizer(deny))
    response = await signed_in(server).request("PUT", RACK, body={"metadata": {"name": "r"}})
    assert response.status == 403
    assert response.json()["message"] == (
        'racks.demo.example.com "r" is forbidden: User "alice" cannot create resource "racks" in API group '
        '"demo.example.com" at the cluster scope: no rule'
    )
    assert (asked[0].verb, asked[0].name, asked[0].is_resource_request) == ("create", "r", True)


async def test_an_authorizer_that_fails_is_an_internal_error() -> None:
    def fail(attributes: AuthorizationAttributes) -> AuthorizationResult:
        return AuthorizationResult(Decision.NO_OPINION, error=ConnectionError("no route"))

    server = DemoServer(authorizer=FunctionAuthorizer(fail))
    response = await signed_in(server).request("PUT", RACK, body={"metadata": {"name": "r"}})
    assert (response.status, response.json()["message"]) == (500, "Internal error occurred: no route")


@pytest.mark.parametrize(("exists", "operations"), [(False, ["CREATE"]), (True, ["UPDATE"])])
async def test_admission_is_told_whether_an_update_creates(exists: bool, operations: list[str]) -> None:
    seen: list[Attributes] = []

    async def record(attributes: Attributes) -> None:
        seen.append(attributes)

    server = DemoServer(plugins=[mutating_plugin(Operation.CREATE, Operation.UPDATE)(record)])
    if exists:
        await server.client.request("PUT", RACK, body={"metadata": {"name": "r"}})
        seen.clear()
    await server.client.request("PUT", RACK, body={"metadata": {"name": "r"}})
    assert [str(attributes.operation) for attributes in seen] == operations
    assert type(seen[0].options).__name__ == ("UpdateOptions" if exists else "CreateOptions")


async def test_updates_race_without_losing_any(server: DemoServer) -> None:
    """Two merge patches that read the same version both arrive."""
    await create(server.client, "a")
    backend = server.gadgets.backend
    original: Callable[..., Awaitable[Any]] = backend.guaranteed_update
    raced = False

    async def racing(key: str, update: Any, **how: Any) -> Any:
        async def update_after_another(existing: Any, meta: Any) -> Any:
            nonlocal raced
            if not raced:
                raced = True
                await patch(server.client, {"metadata": {"labels": {"first": "1"}}})
            return await update(existing, meta)

        return await original(key, update_after_another, **how)

    server.gadgets.backend.guaranteed_update = racing  # type: ignore[method-assign]
    response = await patch(server.client, {"metadata": {"labels": {"second": "2"}}})
    assert response.status == 200
    assert response.json()["metadata"]["labels"] == {"first": "1", "second": "2"}


async def patch(client: ASGIClient, body: Any) -> ClientResponse:
    headers = {"content-type": "application/merge-patch+json"}
    return await client.request("PATCH", gadgets(name="a"), body=body, headers=headers)


async def test_a_write_through_a_subresource_is_tracked_as_such(client: ASGIClient) -> None:
    await create(client, "a", color="blue")
    current = (await client.get(gadgets(name="a"))).json()
    current["status"] = {"phase": "Done"}
    response = await client.request("PUT", gadgets(name="a/status"), body=current, headers={"user-agent": "controller"})
    assert response.status == 200
    entries = {entry["manager"]: entry for entry in response.json()["metadata"]["managedFields"]}
    assert entries["controller"]["subresource"] == "status"
    assert entries["controller"]["fieldsV1"] == {"f:status": {"f:phase": {}}}
