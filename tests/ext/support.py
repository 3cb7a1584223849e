"""What tests of extension servers share: a kind, a store and a storage of it in memory, and a server that runs."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from typing import Any

import attrs
import httpx

from genericapiserver.apimachinery.errors import AlreadyExistsError, NotFoundError
from genericapiserver.apimachinery.meta import (
    CreateOptions,
    DeleteOptions,
    GetOptions,
    ListMeta,
    ListOptions,
    Object,
    Table,
    TableColumnDefinition,
    TableOptions,
    UpdateOptions,
)
from genericapiserver.apimachinery.meta import internal as internalversion
from genericapiserver.apimachinery.schema import GroupResource, GroupVersion, GroupVersionKind
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.types import api_type, deep_copy, field, list_of
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.authentication import (
    AuthenticationRequest,
    AuthenticationResponse,
    FunctionAuthenticator,
    UserInfo,
)
from genericapiserver.authentication.groups import with_authenticated_group
from genericapiserver.authorization.builtin import AlwaysAllowAuthorizer
from genericapiserver.connection import create_listener
from genericapiserver.ext import (
    Context,
    EventStream,
    ExtensionAPIServer,
    ExtensionAPIServerOptions,
    WatchEvent,
    convert_list_options,
    convert_to_table,
    create_or_update,
    definitions_of,
    install_store,
    selector,
)
from genericapiserver.registry.rest import DeleteResult, UpdateResult
from genericapiserver.request import RequestContext
from tests.support.asgi_client import ASGIClient

MODEL_PACKAGE = "com.github.rancher.steve.pkg.ext"
GROUP = "ext.cattle.io"
V1 = GroupVersion(GROUP, "v1")
GVK = V1.with_kind("TestType")
RESOURCE = GroupResource(GROUP, "testtypes")
PATH = f"/apis/{V1}/testtypes"

NINE_PATHS = (
    "/healthz",
    "/version",
    "/apis",
    f"/apis/{GROUP}",
    f"/apis/{V1}",
    PATH,
    "/openapi/v2",
    "/openapi/v3",
    f"/openapi/v3/apis/{V1}",
)


@api_type
class Detail:
    """Detail is a part of a TestType."""

    note: str = ""


@api_type
class TestType(Object):
    """TestType is a kind for tests."""

    __test__ = False

    data: str = field(default="", doc="Anything.")
    detail: Detail = field(factory=Detail, doc="A part.")


ListOfTestType = list_of(TestType)


def body(name: str = "foo", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": str(V1), "kind": "TestType", "metadata": {"name": name}, **fields}


def new_scheme(*versions: GroupVersion) -> Scheme:
    scheme = Scheme("test")
    for version in versions or (V1,):
        scheme.add_known_types(version, TestType)
    return scheme


class Broadcast:
    """Tells every open watch of what happens."""

    def __init__(self) -> None:
        self.watches: set[asyncio.Queue[WatchEvent[TestType]]] = set()

    def tell(self, event: EventType, obj: TestType) -> None:
        for watch in self.watches:
            watch.put_nowait(WatchEvent(event, deep_copy(obj)))

    async def events(self) -> AsyncIterator[WatchEvent[TestType]]:
        queue: asyncio.Queue[WatchEvent[TestType]] = asyncio.Queue()
        self.watches.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self.watches.discard(queue)


class MemoryStore:
    """A store of the first generation, which gives its objects no uid, like that of the reference's tests."""

    def __init__(self) -> None:
        self.objects: dict[str, TestType] = {}
        self.broadcast = Broadcast()
        self.contexts: list[Context] = []
        self.version = 0
        self.errors: dict[str, Exception] = {}
        """What each method raises."""

    def _enter(self, context: Context, method: str) -> None:
        self.contexts.append(context)
        if (error := self.errors.get(method)) is not None:
            raise error

    def _keep(self, event: EventType, obj: TestType) -> TestType:
        self.version += 1
        obj.metadata.resource_version = str(self.version)
        self.objects[obj.metadata.name] = obj
        self.broadcast.tell(event, obj)
        return obj

    async def create(self, context: Context, obj: TestType, options: CreateOptions) -> TestType:
        self._enter(context, "create")
        if obj.metadata.name in self.objects:
            raise AlreadyExistsError(context.group_version_resource.group_resource, obj.metadata.name)
        if options.dry_run:
            return obj
        return self._keep(EventType.ADDED, obj)

    async def update(self, context: Context, obj: TestType, options: UpdateOptions) -> TestType:
        self._enter(context, "update")
        return obj if options.dry_run else self._keep(EventType.MODIFIED, obj)

    async def get(self, context: Context, name: str, options: GetOptions) -> TestType:
        self._enter(context, "get")
        if name not in self.objects:
            raise NotFoundError(context.group_version_resource.group_resource, name)
        return self.objects[name]

    async def list(self, context: Context, options: ListOptions) -> Any:
        self._enter(context, "list")
        selects = selector(options)
        return ListOfTestType(
            metadata=ListMeta(resource_version=str(self.version)),
            items=[obj for obj in self.objects.values() if selects(obj)],
        )

    async def watch(self, context: Context, options: ListOptions) -> AsyncIterator[WatchEvent[TestType]]:
        self._enter(context, "watch")
        return self.broadcast.events()

    async def delete(self, context: Context, name: str, options: DeleteOptions) -> None:
        self._enter(context, "delete")
        self.broadcast.tell(EventType.DELETED, self.objects.pop(name))


class CreateOnly:
    """A storage of the second generation that can make objects and nothing else."""

    object_type = TestType
    namespace_scoped = False
    singular_name = "testtype"

    def __init__(self, gvk: GroupVersionKind = GVK) -> None:
        self.gvk = gvk

    async def aclose(self) -> None: ...

    def group_version_kind(self, containing: GroupVersion) -> GroupVersionKind:
        return self.gvk

    async def create(self, context: RequestContext, obj: TestType, *, validate: Any, options: CreateOptions) -> Any:
        if validate is not None:
            await validate(obj)
        return obj


class MemoryStorage(CreateOnly):
    """A storage of the second generation with every verb, made with the helpers."""

    list_type = ListOfTestType

    def __init__(self, gvk: GroupVersionKind = GVK) -> None:
        super().__init__(gvk)
        self.objects: dict[str, TestType] = {}
        self.broadcast = Broadcast()
        self.columns: Sequence[TableColumnDefinition] | None = None
        self.cells: Any = None
        self.error: Exception | None = None

    async def create(self, context: RequestContext, obj: TestType, *, validate: Any, options: CreateOptions) -> Any:
        if validate is not None:
            await validate(obj)
        return await self._create(context, obj, options)

    async def _create(self, context: RequestContext, obj: TestType, options: CreateOptions) -> TestType:
        if obj.metadata.name in self.objects:
            raise AlreadyExistsError(RESOURCE, obj.metadata.name)
        self.objects[obj.metadata.name] = obj
        self.broadcast.tell(EventType.ADDED, obj)
        return obj

    async def _update(self, context: RequestContext, obj: TestType, options: UpdateOptions) -> TestType:
        self.objects[obj.metadata.name] = obj
        self.broadcast.tell(EventType.MODIFIED, obj)
        return obj

    async def get(self, context: RequestContext, name: str, options: GetOptions) -> TestType:
        if self.error is not None:
            raise self.error
        if name not in self.objects:
            raise NotFoundError(RESOURCE, name)
        return self.objects[name]

    async def list(self, context: RequestContext, options: internalversion.ListOptions) -> Any:
        selects = selector(convert_list_options(options))
        return ListOfTestType(items=[obj for obj in self.objects.values() if selects(obj)])

    async def watch(self, context: RequestContext, options: internalversion.ListOptions) -> EventStream:
        return EventStream(self.broadcast.events(), TestType)

    async def update(self, context: RequestContext, name: str, info: Any, **how: Any) -> UpdateResult:
        return await create_or_update(
            context, name, info, object_type=TestType, get=self.get, create=self._create, update=self._update, **how
        )

    async def delete(
        self, context: RequestContext, name: str, *, validate: Any, options: DeleteOptions | None
    ) -> DeleteResult:
        obj = await self.get(context, name, GetOptions())
        if validate is not None:
            await validate(obj)
        del self.objects[name]
        self.broadcast.tell(EventType.DELETED, obj)
        return DeleteResult(object=obj, immediate=True)

    def convert_to_table(self, context: RequestContext, obj: Any, options: TableOptions | None) -> Table:
        return convert_to_table(
            context, obj, options, resource=RESOURCE, object_type=TestType, columns=self.columns, cells=self.cells
        )


# ---- servers


def by_header(request: AuthenticationRequest) -> AuthenticationResponse | None:
    """Who the header X-User says; nobody without one. For tests of other things than authentication."""
    name = request.first_header(b"x-user")
    if not name:
        return None
    return AuthenticationResponse(with_authenticated_group(UserInfo(name=name, groups=request.headers(b"x-group"))))


def options(**given: Any) -> ExtensionAPIServerOptions:
    """Options for a free port; whatever is not given is there."""
    listener = given.pop("listener", None) or create_listener("127.0.0.1", 0)
    return ExtensionAPIServerOptions(
        **{
            "listener": listener,
            "authenticator": FunctionAuthenticator(by_header),
            "authorizer": AlwaysAllowAuthorizer(),
            "get_openapi_definitions": tuple,
            **given,
        }
    )


@attrs.define(eq=False)
class World:
    """A server, and clients of it: in this process, and over TLS."""

    server: ExtensionAPIServer
    address: tuple[str, int] = ("", 0)

    @property
    def client(self) -> ASGIClient:
        return ASGIClient(self.server)

    def as_user(self, name: str, *groups: str) -> dict[str, str]:
        return {"x-user": name, **({"x-group": groups[0]} if groups else {})}

    @contextlib.asynccontextmanager
    async def https(self, context: ssl.SSLContext | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """A client over TLS that trusts what the server serves; *context* may have a certificate to show."""
        context = context or ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        url = f"https://{self.address[0]}:{self.address[1]}"
        async with httpx.AsyncClient(base_url=url, verify=context, trust_env=False, timeout=60) as client:
            yield client


def new_server(scheme: Scheme | None = None, **given: Any) -> ExtensionAPIServer:
    scheme = scheme or new_scheme()
    given.setdefault("get_openapi_definitions", definitions_of(scheme))
    return ExtensionAPIServer(scheme, CodecFactory(scheme), options(**given))


@contextlib.asynccontextmanager
async def running(server: ExtensionAPIServer) -> AsyncIterator[World]:
    async with server.serving() as address:
        yield World(server, address)


@contextlib.asynccontextmanager
async def serving_store(store: MemoryStore | None = None, **given: Any) -> AsyncIterator[World]:
    """A server of the first generation's store."""
    server = new_server(**given)
    install_store(server, TestType, ListOfTestType, "testtypes", "testtype", GVK, store or MemoryStore())
    async with running(server) as world:
        yield world


@contextlib.asynccontextmanager
async def serving_storage(storage: Any = None, **given: Any) -> AsyncIterator[World]:
    """A server of the second generation's storage."""
    server = new_server(**given)
    server.install("testtypes", GVK, storage or MemoryStorage())
    async with running(server) as world:
        yield world


GENERATIONS = {"install_store": serving_store, "install": serving_storage}
