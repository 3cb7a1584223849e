"""NamespaceLifecycle: the cases of plugin/namespace/lifecycle/admission_test.go of the reference."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from genericapiserver.admission import Attributes, Operation
from genericapiserver.admission.lifecycle import LIVE_LOOKUP_TIME, LIVE_LOOKUPS, NamespaceLifecycle
from genericapiserver.admission.namespaces import NamedNamespaces, WatchedNamespaces
from genericapiserver.aio import Signal
from genericapiserver.apimachinery.errors import ForbiddenError, InternalError, NotFoundError, StatusError
from genericapiserver.apimachinery.schema import GroupVersionKind, GroupVersionResource
from genericapiserver.client.informer import InformerFactory
from genericapiserver.client.transport import Response
from tests.support.clock import HandClock
from tests.support.webhooks import KnownNamespaces, namespace, write

NAMESPACE = {
    "kind": GroupVersionKind("", "v1", "Namespace"),
    "resource": GroupVersionResource("", "v1", "namespaces"),
}


def lifecycle(namespaces: Any, clock: HandClock | None = None) -> NamespaceLifecycle:
    plugin = NamespaceLifecycle(clock=clock or HandClock())
    plugin.set_namespaces(namespaces)
    plugin.validate_initialization()
    return plugin


async def outcome(plugin: NamespaceLifecycle, attributes: Attributes) -> StatusError | None:
    try:
        await plugin.admit(attributes)
    except StatusError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("operation", "code"), [(Operation.CREATE, 404), (Operation.UPDATE, 404), (Operation.DELETE, 0)]
)
async def test_a_namespace_that_does_not_exist(operation: Operation, code: int) -> None:
    error = await outcome(lifecycle(KnownNamespaces()), write(operation))
    assert (error.code if error else 0) == code
    if error is not None:
        assert isinstance(error, NotFoundError)
        assert error.message == 'namespaces "ns" not found'


@pytest.mark.parametrize(("operation", "code"), [(Operation.CREATE, 403), (Operation.UPDATE, 0), (Operation.DELETE, 0)])
async def test_a_namespace_on_its_way_out_takes_nothing_new(operation: Operation, code: int) -> None:
    error = await outcome(lifecycle(KnownNamespaces(namespace("ns", "Terminating"))), write(operation))
    assert (error.code if error else 0) == code
    if error is not None:
        assert error.message == (
            'gadgets.demo.example.com "a" is forbidden: unable to create new content in namespace ns because it is '
            "being terminated"
        )
        assert error.has_cause("NamespaceTerminating")
        assert error.details is not None
        (cause,) = error.details.causes
        assert (cause.message, cause.field) == ("namespace ns is being terminated", "metadata.namespace")


@pytest.mark.parametrize(
    ("name", "code"), [("default", 403), ("kube-system", 403), ("kube-public", 403), ("kube-node-lease", 0), ("ns", 0)]
)
async def test_some_namespaces_stay(name: str, code: int) -> None:
    attributes = write(Operation.DELETE, **NAMESPACE, name=name, namespace=name)
    error = await outcome(lifecycle(KnownNamespaces()), attributes)
    assert (error.code if error else 0) == code
    if error is not None:
        assert error.message == f'namespaces "{name}" is forbidden: this namespace may not be deleted'


@pytest.mark.parametrize(
    "more",
    [
        {**NAMESPACE, "namespace": "new", "name": "new"},
        {"namespace": ""},
        {"resource": GroupVersionResource("authorization.k8s.io", "v1", "localsubjectaccessreviews")},
    ],
    ids=["namespaces themselves", "objects of the cluster", "access reviews"],
)
async def test_what_needs_no_namespace_is_let_through(more: Mapping[str, Any]) -> None:
    plugin = NamespaceLifecycle()
    plugin.wait_for(Signal("never"))
    assert await outcome(plugin, write(**more)) is None


async def test_a_namespace_that_only_the_server_knows_exists() -> None:
    namespaces = KnownNamespaces(live={"ns": namespace("ns")})
    assert await outcome(lifecycle(namespaces), write()) is None
    assert namespaces.live_lookups == ["ns"]


async def test_a_look_up_that_fails_refuses_the_write() -> None:
    namespaces = KnownNamespaces(live={"ns": InternalError("no answer")})
    error = await outcome(lifecycle(namespaces), write())
    assert error is not None
    assert (error.code, error.message) == (500, "Internal error occurred: no answer")


async def test_after_a_delete_the_server_is_asked_for_a_while() -> None:
    clock = HandClock()
    namespaces = KnownNamespaces(namespace("ns"), live={"ns": namespace("ns", "Terminating")})
    plugin = lifecycle(namespaces, clock)
    assert await outcome(plugin, write()) is None
    assert await outcome(plugin, write(Operation.DELETE, **NAMESPACE, name="ns", namespace="ns")) is None
    error = await outcome(plugin, write())
    assert isinstance(error, ForbiddenError)
    assert namespaces.live_lookups == ["ns"]
    clock.seconds = LIVE_LOOKUP_TIME
    assert await outcome(plugin, write()) is None
    assert namespaces.live_lookups == ["ns"]


async def test_a_cache_that_says_terminating_is_believed() -> None:
    namespaces = KnownNamespaces(namespace("ns", "Terminating"))
    plugin = lifecycle(namespaces)
    await plugin.admit(write(Operation.DELETE, **NAMESPACE, name="ns", namespace="ns"))
    assert await outcome(plugin, write()) is not None
    assert namespaces.live_lookups == []


async def test_no_more_deletes_are_remembered_than_a_hundred() -> None:
    plugin = lifecycle(KnownNamespaces())
    for number in range(LIVE_LOOKUPS + 10):
        await plugin.admit(write(Operation.DELETE, **NAMESPACE, name=f"n{number}", namespace=f"n{number}"))
    assert len(plugin._deleted) == LIVE_LOOKUPS


def test_without_namespaces_it_does_not_start() -> None:
    with pytest.raises(ValueError, match="missing namespaceLister"):
        NamespaceLifecycle().validate_initialization()


async def test_names_are_namespaces_where_there_are_no_others() -> None:
    namespaces = NamedNamespaces()
    assert await outcome(lifecycle(namespaces), write()) is None
    assert (await namespaces.live("a")).metadata.name == "a"
    assert await namespaces.labels("a") == {"kubernetes.io/metadata.name": "a"}


# Namespaces of an API server


class Server:
    """Answers GET of namespaces as it is told; its informer is fed by hand."""

    def __init__(self, status: int = 404, body: Any = None) -> None:
        self.status, self.body = status, body
        self.asked: list[str] = []

    async def request(self, method: str, path: str, **how: Any) -> Response:
        self.asked.append(f"{method} {path}")
        if self.status == 0:
            raise ConnectionError("no route to host")
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return Response(self.status, {}, body)

    @asynccontextmanager
    async def stream(self, path: str, **how: Any) -> Any:
        yield None


def watched(server: Server) -> WatchedNamespaces:
    return WatchedNamespaces.from_factory(InformerFactory(server))


def status(code: int, reason: str, message: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": message}


@pytest.mark.parametrize(
    ("server", "kind", "message"),
    [
        (Server(404, status(404, "NotFound", 'namespaces "ns" not found')), NotFoundError, 'namespaces "ns" not found'),
        (Server(404, {}), StatusError, "the server could not find the requested resource"),
        (Server(403, status(403, "Forbidden", "no")), InternalError, "Internal error occurred: no"),
        (Server(0), InternalError, "Internal error occurred: no route to host"),
        (Server(200, b"{"), InternalError, "Internal error occurred: the answer about namespace ns is not understood"),
        (Server(200, {"metadata": 1}), InternalError, "Internal error occurred: the answer about namespace ns"),
    ],
    ids=["not found", "not served", "forbidden", "unreachable", "no JSON", "no namespace"],
)
async def test_what_a_look_up_ends_with(server: Server, kind: type[StatusError], message: str) -> None:
    with pytest.raises(kind) as raised:
        await watched(server).live("ns")
    assert raised.value.message.startswith(message)
    assert server.asked == ["GET /api/v1/namespaces/ns"]


async def test_a_namespace_is_read_from_the_server() -> None:
    server = Server(200, {"metadata": {"name": "a/b", "labels": {"x": "y"}}, "status": {"phase": "Active"}})
    namespaces = watched(server)
    assert (await namespaces.live("a/b")).status.phase == "Active"
    assert server.asked == ["GET /api/v1/namespaces/a%2Fb"]
    assert await namespaces.labels("a/b") == {"x": "y"}


async def test_a_create_right_after_its_namespace_waits_for_the_news() -> None:
    namespaces = watched(Server())
    waiting = asyncio.create_task(namespaces.appearing("ns", 5))
    await asyncio.sleep(0)
    assert not waiting.done()
    item = {"metadata": {"name": "ns", "resourceVersion": "1"}, "status": {"phase": "Active"}}
    namespaces._informer._apply("ADDED", item)
    found = await asyncio.wait_for(waiting, 5)
    assert found is not None
    assert found.metadata.name == "ns"
    assert await namespaces.appearing("other", 0.001) is None
