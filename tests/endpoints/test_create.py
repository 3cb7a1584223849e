"""Verb create (endpoints reference, sections 3, 9 and 16)."""

import json
from typing import Any

import pytest

from genericapiserver.admission import Attributes, Operation, mutating_plugin, validating_plugin
from genericapiserver.apimachinery.errors import ForbiddenError
from genericapiserver.apimachinery.meta import ManagedFieldsEntry
from tests.support.asgi_client import ASGIClient, ClientResponse
from tests.support.demo_api import GROUP, DemoServer, gadget, gadgets

OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u1"}
KIND = 'Gadget in version "v1" cannot be handled as a Gadget: '
NO_KIND = "the object provided is unrecognized (must be of type Gadget): couldn't get version/kind; json parse error: "


async def post(client: ASGIClient, body: Any, query: str = "", **headers: str) -> ClientResponse:
    names = {key.replace("_", "-"): value for key, value in headers.items()}
    return await client.request("POST", gadgets() + query, body=body, headers=names)


async def test_a_created_object_has_what_the_system_gives(client: ASGIClient) -> None:
    response = await post(client, gadget("a", color="blue"), user_agent="tester/1.0")
    metadata = response.json()["metadata"]
    assert response.status == 201
    assert metadata["namespace"] == "ns"
    assert all(metadata[name] for name in ("uid", "resourceVersion", "creationTimestamp"))
    (entry,) = metadata["managedFields"]
    assert (entry["manager"], entry["operation"], entry["apiVersion"]) == ("tester", "Update", f"{GROUP}/v1")
    assert entry["fieldsV1"] == {"f:spec": {"f:color": {}, "f:size": {}}}
    assert response.json()["spec"] == {"color": "blue", "size": 1}


async def test_system_metadata_of_the_client_is_wiped(client: ASGIClient) -> None:
    body = gadget("a")
    body["metadata"] |= {"uid": "mine", "creationTimestamp": "2001-01-01T00:00:00Z", "deletionTimestamp": None}
    metadata = (await post(client, body)).json()["metadata"]
    assert metadata["uid"] != "mine"
    assert not metadata["creationTimestamp"].startswith("2001")


@pytest.mark.parametrize(
    ("body", "media_type", "message"),
    [
        (b"", "application/json", f"{NO_KIND}unexpected end of JSON input (<empty>)"),
        (b"zzzz", "application/json", f"{NO_KIND}invalid character 'z' looking for beginning of value (7a7a7a7a)"),
        (b'{"kind":"Gadget",', "application/json", f'{NO_KIND}unexpected end of JSON input ({{"kind":"Gadget",)'),
        (
            b'{"kind":"Gadget","spec":{"color":"blue"',
            "application/json",
            f'{NO_KIND}unexpected end of JSON input ({{"kind":"Gadget","spec":{{"colo ...)',
        ),
        (b"[" + b"1," * 40 + b"1]", "application/json", f"{NO_KIND}json: cannot unmarshal array into Go value of type"),
        (
            b'{"kind":"Pod","apiVersion":"v1"}',
            "application/json",
            'Pod in version "v1" cannot be handled as a Gadget: no kind "Pod" is registered for version "v1" in scheme',
        ),
        (
            b'{"kind":"Rack"}',
            "application/json",
            'Rack in version "v1" cannot be handled as a Gadget: converting (demo_api.Rack) to',
        ),
        (
            b'{"metadata":{"name":5}}',
            "application/json",
            f"{KIND}json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string",
        ),
        (
            b'{"apiVersion":"demo.example.com/v1beta1","kind":"Gadget","metadata":{"name":"a"}}',
            "application/json",
            f"the API version in the data ({GROUP}/v1beta1) does not match the expected API version ({GROUP}/v1)",
        ),
    ],
)
async def test_a_body_that_is_no_gadget(client: ASGIClient, body: bytes, media_type: str, message: str) -> None:
    response = await post(client, body, content_type=media_type)
    assert response.status == 400
    found = response.json()["message"]
    if message.endswith(")"):
        assert found == message
    else:
        assert found.startswith(message)


@pytest.mark.parametrize(
    ("query", "body", "code", "message"),
    [
        ("?dryRun=Bar", {}, 422, 'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Bar"]: '),
        ("?fieldValidation=Foo", {}, 422, 'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported val'),
        (
            "",
            {},
            422,
            'Gadget.demo.example.com "" is invalid: metadata.name: Required value: name or generateName is r',
        ),
        (
            "",
            gadget("a", size=-1),
            422,
            'Gadget.demo.example.com "a" is invalid: spec.size: Invalid value: -1: must be',
        ),
        (
            "",
            {"metadata": {"name": "a", "namespace": "other"}},
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            "",
            {"metadata": {"name": "a", "resourceVersion": "5"}},
            500,
            "resourceVersion should not be set on objects to be created",
        ),
    ],
)
async def test_a_create_is_refused(client: ASGIClient, query: str, body: Any, code: int, message: str) -> None:
    response = await post(client, body, query)
    assert response.status == code
    assert response.json()["message"].startswith(message)


async def test_a_name_is_given_once(client: ASGIClient) -> None:
    assert (await post(client, gadget("a"))).status == 201
    response = await post(client, gadget("a"))
    assert (response.status, response.json()["reason"]) == (409, "AlreadyExists")


async def test_other_media_types_are_refused_before_the_body(client: ASGIClient) -> None:
    response = await post(client, b"a=b", content_type="application/x-www-form-urlencoded")
    assert response.status == 415
    assert "details" not in response.json()


@pytest.mark.parametrize("size", [0, 1])
async def test_a_body_may_be_as_long_as_the_limit(size: int) -> None:
    body = json.dumps(gadget("a", color="x" * 100)).encode()
    server = DemoServer(max_request_body_bytes=len(body) - size)
    response = await post(server.client, body)
    assert response.status == (413 if size else 201)
    if size:
        assert response.json() == {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": f"Request entity too large: limit is {len(body) - 1}",
            "reason": "RequestEntityTooLarge",
            "code": 413,
        }


PROBLEMS = b'{"metadata":{"name":"a","foo":1},"spec":{"color":"r","color":"s","bar":{}},"zed":[1]}'
TEXTS = [
    'unknown field "metadata.foo"',
    'duplicate field "spec.color"',
    'unknown field "spec.bar"',
    'unknown field "zed"',
]


async def test_problems_of_a_body_are_refused_when_strict(client: ASGIClient) -> None:
    response = await post(client, PROBLEMS, "?fieldValidation=Strict")
    assert response.status == 400
    assert response.json()["message"] == f"{KIND}strict decoding error: {', '.join(TEXTS)}"


@pytest.mark.parametrize("query", ["", "?fieldValidation=", "?fieldValidation=Warn"])
async def test_problems_of_a_body_are_warned_of(client: ASGIClient, query: str) -> None:
    response = await post(client, PROBLEMS, query)
    assert response.status == 201
    warnings = [value.decode() for name, value in response.raw_headers if name == b"warning"]
    assert warnings == ['299 - "{}"'.format(text.replace('"', '\\"')) for text in TEXTS]
    assert response.json()["spec"]["color"] == "s"


async def test_problems_of_a_body_are_ignored_on_demand(client: ASGIClient) -> None:
    response = await post(client, PROBLEMS, "?fieldValidation=Ignore")
    assert response.status == 201
    assert "warning" not in response.headers


async def test_yaml_bodies_are_read(client: ASGIClient) -> None:
    body = b"metadata:\n  name: a\nspec:\n  color: r\n  color: s\n"
    response = await post(client, body, content_type="application/yaml")
    assert response.status == 201
    assert response.headers["warning"] == '299 - "line 5: key \\"color\\" already set in map"'
    strict = await post(client, body, "?fieldValidation=Strict", content_type="application/yaml")
    assert strict.json()["message"] == (
        f'{KIND}strict decoding error: yaml: unmarshal errors:\n  line 5: key "color" already set in map'
    )


async def test_repeated_owners_are_stored_once(client: ASGIClient) -> None:
    body = gadget("a")
    body["metadata"]["ownerReferences"] = [OWNER, OWNER, {**OWNER, "name": "q"}, OWNER]
    response = await post(client, body)
    assert response.status == 201
    assert len(response.json()["metadata"]["ownerReferences"]) == 2
    assert response.headers["warning"] == (
        '299 - ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and '
        'may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: u1, u1"'
    )


async def test_a_dry_run_stores_nothing(client: ASGIClient) -> None:
    response = await post(client, gadget("a"), "?dryRun=All")
    assert response.status == 201
    assert response.json()["metadata"]["uid"]
    assert "resourceVersion" not in response.json()["metadata"]
    assert (await client.get(gadgets(name="a"))).status == 404


async def test_warnings_of_the_strategy_come_last(client: ASGIClient) -> None:
    response = await post(client, {**gadget("a", color="red"), "zed": 1})
    assert response.headers["warning"] == '299 - "unknown field \\"zed\\"", 299 - "spec.color: red is loud"'


async def test_a_deprecated_version_warns_on_every_answer(client: ASGIClient) -> None:
    text = (
        '299 - "demo.example.com/v1beta1 Gadget is deprecated in v1.2+, unavailable in v1.9+; '
        'use demo.example.com/v1 Gadget"'
    )
    path = gadgets(version="v1beta1")
    for method, target, body in (
        ("POST", path, {"metadata": {"name": "a"}}),
        ("POST", path, {}),
        ("GET", path, None),
        ("GET", f"{path}/nope", None),
        ("DELETE", f"{path}/a", None),
    ):
        response = await client.request(method, target, body=body)
        assert response.headers["warning"] == text, (method, target)
    for target in (f"{path}/a/b/c", f"/apis/{GROUP}/v1beta1", gadgets()):
        assert "warning" not in (await client.get(target)).headers


async def test_a_current_release_before_the_deprecation_does_not_warn() -> None:
    server = DemoServer(current_release=(1, 1))
    assert "warning" not in (await server.client.get(gadgets(version="v1beta1"))).headers


async def test_admission_sees_the_object_before_and_after(server: DemoServer) -> None:
    seen: list[tuple[str, str, Any]] = []

    async def mutate(attributes: Attributes) -> None:
        seen.append(("admit", attributes.name, attributes.object.spec.size))
        attributes.object.spec.color = "mutated"

    async def validate(attributes: Attributes) -> None:
        seen.append(("validate", attributes.name, attributes.object.spec.color))
        attributes.object.spec.color = "never stored"

    server = DemoServer(
        plugins=[mutating_plugin(Operation.CREATE)(mutate), validating_plugin(Operation.CREATE)(validate)]
    )
    response = await post(server.client, {"metadata": {"generateName": "g-"}})
    name = response.json()["metadata"]["name"]
    assert seen == [("admit", "", 1), ("validate", name, "mutated")]
    assert response.json()["spec"]["color"] == "mutated"


async def test_admission_refuses(server: DemoServer) -> None:
    async def refuse(attributes: Attributes) -> None:
        raise ForbiddenError(attributes.resource.group_resource, attributes.name, "not today")

    for make in (mutating_plugin, validating_plugin):
        server = DemoServer(plugins=[make(Operation.CREATE)(refuse)])
        response = await post(server.client, gadget("a"))
        assert response.status == 403
        assert response.json()["message"] == 'gadgets.demo.example.com "a" is forbidden: not today'


async def test_admission_that_spoils_managed_fields_is_put_right(server: DemoServer) -> None:
    async def spoil(attributes: Attributes) -> None:
        attributes.object.metadata.managed_fields = [ManagedFieldsEntry(manager="x", operation="Nonsense")]

    server = DemoServer(plugins=[mutating_plugin(Operation.CREATE)(spoil)])
    response = await post(server.client, gadget("a", color="b"))
    assert response.status == 201
    assert response.json()["metadata"]["managedFields"][0]["operation"] == "Update"
    assert response.headers["warning"].startswith(
        '299 - ".metadata.managedFields was in an invalid state after admission; this could be caused by an outdated '
    )


async def test_owners_that_admission_repeats_are_dropped_with_another_warning() -> None:
    async def repeat(attributes: Attributes) -> None:
        attributes.object.metadata.owner_references *= 2

    server = DemoServer(plugins=[mutating_plugin(Operation.CREATE)(repeat)])
    body = gadget("a")
    body["metadata"]["ownerReferences"] = [OWNER]
    response = await post(server.client, body)
    assert len(response.json()["metadata"]["ownerReferences"]) == 1
    assert "contains duplicate entries after mutating admission happens; API" in response.headers["warning"]


async def test_a_namespace_is_cleared_from_what_lies_in_none(client: ASGIClient) -> None:
    body = {"metadata": {"name": "r", "namespace": "x"}}
    response = await client.request("POST", f"/apis/{GROUP}/v1/racks", body=body)
    assert response.status == 201
    assert "namespace" not in response.json()["metadata"]
