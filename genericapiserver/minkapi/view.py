"""A view: a repository of objects of every kind, to be read, written, watched, forked and compared.

Its own writes stay in it; what it does not shadow shows from the view below it (see `storage.views`). Objects are handed
out as copies. Source: View in minkapi's api/minkapi/types.go.
"""

import enum
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genericapiserver.apimachinery import labels
from genericapiserver.apimachinery.errors import BadRequestError, StatusError
from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apis import core_v1, events_v1
from genericapiserver.apis.core_v1 import Binding, Node, Pod
from genericapiserver.client.kubeconfig import load_kubeconfig
from genericapiserver.client.rest import RESTClient
from genericapiserver.client.transport import InProcessTransport
from genericapiserver.minkapi.binding import bind
from genericapiserver.minkapi.criteria import MATCH_ALL_CRITERIA, MatchCriteria
from genericapiserver.minkapi.diff import ObjectDiff, ViewDiff, field_changes
from genericapiserver.minkapi.errors import (
    ClientFacadesFailedError,
    CreateObjectError,
    CreateWatcherError,
    DeleteObjectError,
    ListObjectsError,
    MinkAPIError,
    UpdateObjectError,
)
from genericapiserver.minkapi.event_sink import EventSink
from genericapiserver.minkapi.facades import STRATEGIC_MERGE_PATCH, ClientAccessMode, ClientFacades, ResourceClient
from genericapiserver.minkapi.objects import ObjectName, call_context
from genericapiserver.minkapi.resource_store import ResourceStore
from genericapiserver.minkapi.storage import key_prefix
from genericapiserver.minkapi.watcher import Watcher, WatchEventCallback
from genericapiserver.storage.engine import KeyValue
from genericapiserver.storage.views import ViewEngine

if TYPE_CHECKING:
    from genericapiserver.minkapi.access import ViewAccess

NODES = core_v1.GROUP_VERSION.with_kind("Node")
PODS = core_v1.GROUP_VERSION.with_kind("Pod")
EVENTS = events_v1.GROUP_VERSION.with_kind("Event")


class ViewType(enum.StrEnum):
    BASE = "base"
    SANDBOX = "sandbox"


class View:
    """Made by a `ViewAccess`: the base, and sandboxes over it or over each other."""

    def __init__(self, name: str, engine: ViewEngine, delegate: "View | None", access: "ViewAccess") -> None:
        self.name = name
        self.engine = engine
        self.delegate = delegate
        self.kube_config_path: Path | None = None
        """The kubeconfig that network clients go by; None until there is one."""
        self._access = access
        self._event_sink: EventSink | None = None

    def __repr__(self) -> str:
        return f"<View {self.name}>"

    @property
    def type(self) -> ViewType:
        return ViewType.BASE if self.delegate is None else ViewType.SANDBOX

    @property
    def event_sink(self) -> EventSink:
        if self._event_sink is None:
            self._event_sink = EventSink(self._access.codecs)
        return self._event_sink

    @property
    def object_change_count(self) -> int:
        """How many objects were created, changed and deleted through this view since it was made or reset."""
        return self.engine.changes

    def get_resource_store(self, gvk: GroupVersionKind) -> ResourceStore:
        """Raises StoreNotFoundError for a kind that is not served."""
        access = self._access
        return ResourceStore(access.kind_store(gvk), self.engine, access.current, access.codecs, access.watch_config)

    # ---- writing

    async def create_object(self, gvk: GroupVersionKind, obj: Any) -> Any:
        """Store a new object, which may be a dictionary, and return it. Raises CreateObjectError."""
        with _raising(CreateObjectError):
            return await self.get_resource_store(gvk).add(obj)

    async def update_object(self, gvk: GroupVersionKind, obj: Any) -> Any:
        """Store the whole of *obj*, its status included, and return it. Raises UpdateObjectError."""
        with _raising(UpdateObjectError):
            return await self.get_resource_store(gvk).update(obj)

    async def patch_object(
        self,
        gvk: GroupVersionKind,
        name: str,
        patch: Any,
        *,
        namespace: str = "",
        patch_type: str = STRATEGIC_MERGE_PATCH,
    ) -> Any:
        """Patch an object as a request would, and return it. *patch* is JSON, as values or bytes of it.

        Raises a StatusError: NotFoundError, InvalidError, UnsupportedMediaTypeError, ...
        """
        return await self._patch(gvk, ObjectName(name, namespace), patch, patch_type, "")

    async def patch_object_status(self, gvk: GroupVersionKind, name: str, patch: Any, *, namespace: str = "") -> Any:
        """The same for the status alone, by strategic merge. Raises BadRequestError for a patch without a status."""
        document = _document(patch)
        if "status" not in document:
            raise BadRequestError(
                f"the patch of {ObjectName(name, namespace)} has no status, which is all that it may change"
            )
        return await self._patch(gvk, ObjectName(name, namespace), document, STRATEGIC_MERGE_PATCH, "status")

    async def update_pod_node_binding(self, name: str, binding: Binding, *, namespace: str = "") -> Pod:
        """Put a pod on the node that *binding* names, in this view, and return it.

        Raises UpdateObjectError from NotFoundError, InvalidError or ConflictError.
        """
        kind_store = self._access.kind_store(PODS)
        context = call_context(kind_store.kind, "create", ObjectName(name, namespace or "default"))
        with _raising(UpdateObjectError), self._access.current.use(self.engine):
            bound = await bind(kind_store.store, context, name, binding)
            pod: Pod = bound.object()
            return pod

    async def delete_object(self, gvk: GroupVersionKind, name: str, *, namespace: str = "") -> None:
        """Raises DeleteObjectError."""
        with _raising(DeleteObjectError):
            await self.get_resource_store(gvk).delete(name, namespace)

    async def delete_objects(self, gvk: GroupVersionKind, criteria: MatchCriteria = MATCH_ALL_CRITERIA) -> int:
        """Delete what *criteria* match and count it. Raises DeleteObjectError."""
        with _raising(DeleteObjectError):
            return await self.get_resource_store(gvk).delete_objects(criteria)

    # ---- reading

    async def get_object(self, gvk: GroupVersionKind, name: str, *, namespace: str = "") -> Any:
        """Raises NotFoundError, StoreNotFoundError."""
        return await self.get_resource_store(gvk).get(name, namespace)

    async def list_objects(self, gvk: GroupVersionKind, criteria: MatchCriteria = MATCH_ALL_CRITERIA) -> Any:
        """The list object of the kind. Raises ListObjectsError."""
        with _raising(ListObjectsError):
            return await self.get_resource_store(gvk).list(criteria)

    async def list_meta_objects(
        self, gvk: GroupVersionKind, criteria: MatchCriteria = MATCH_ALL_CRITERIA
    ) -> tuple[list[ObjectMeta], int]:
        """The metadata, and the highest resource version among it. Raises ListObjectsError."""
        with _raising(ListObjectsError):
            return await self.get_resource_store(gvk).list_meta_objects(criteria)

    async def list_nodes(self, *names: str) -> list[Node]:
        """The nodes of these names, or all. Raises ListObjectsError."""
        found: list[Node] = (await self.list_objects(NODES, MatchCriteria(names=names))).items
        return found

    async def list_pods(self, criteria: MatchCriteria = MATCH_ALL_CRITERIA) -> list[Pod]:
        """Raises ListObjectsError."""
        found: list[Pod] = (await self.list_objects(PODS, criteria)).items
        return found

    async def list_events(self, namespace: str) -> list[events_v1.Event]:
        """The events of one namespace. Raises BadRequestError without one, ListObjectsError."""
        if not namespace:
            raise BadRequestError("cannot list events without namespace")
        found: list[events_v1.Event] = (await self.list_objects(EVENTS, MatchCriteria(namespace=namespace))).items
        return found

    # ---- watching

    async def watch_objects(
        self,
        gvk: GroupVersionKind,
        callback: WatchEventCallback,
        *,
        start_version: int = 0,
        namespace: str = "",
        label_selector: labels.Selector | str | None = None,
    ) -> None:
        """Call *callback* with each event; what it raises ends the watch and is passed on. Raises CreateWatcherError."""
        watcher = await self.get_watcher(
            gvk, start_version=start_version, namespace=namespace, label_selector=label_selector
        )
        await watcher.call(callback)

    async def get_watcher(
        self,
        gvk: GroupVersionKind,
        *,
        start_version: int | str = 0,
        namespace: str = "",
        label_selector: labels.Selector | str | None = None,
    ) -> Watcher:
        """The events after *start_version*; from 0 on it begins with what there is. Raises CreateWatcherError."""
        with _raising(CreateWatcherError):
            return await self.get_resource_store(gvk).get_watcher(
                start_version=start_version, namespace=namespace, label_selector=label_selector
            )

    # ---- clients

    def get_client_facades(self, mode: ClientAccessMode | str = ClientAccessMode.IN_MEMORY) -> ClientFacades:
        """Clients of this view. Raises ClientFacadesFailedError."""
        try:
            mode = ClientAccessMode(mode)
        except ValueError:
            raise ClientFacadesFailedError(f'invalid access mode "{mode}"') from None
        access = self._access
        if mode is ClientAccessMode.IN_MEMORY:
            return ClientFacades(mode, self.transport(), access.served_kind, access.codecs, prefix=f"/{self.name}")
        if self.kube_config_path is None:
            raise ClientFacadesFailedError("kubeconfig path not specified for network client")
        try:
            client = RESTClient(load_kubeconfig(self.kube_config_path))
        except (OSError, ValueError) as error:
            raise ClientFacadesFailedError(error) from error
        return ClientFacades(mode, client, access.served_kind, access.codecs, prefix="")

    def transport(self) -> InProcessTransport:
        """Requests to the server without a network, whose paths begin with the name of a view."""
        return InProcessTransport(lambda: self._access.handler)

    # ---- forks

    def fork(self, name: str) -> "View":
        """A sandbox called *name* over this view, served like any. Costs the same whatever this view holds.

        Raises CreateViewError for a name that cannot be one or is taken.
        """
        return self._access.fork(self, name)

    async def diff(self, other: "View") -> ViewDiff:
        """What makes *other* out of this view, by kind and name."""
        found: list[ObjectDiff] = []
        for kind_store in self._access.kind_stores():
            kind, prefix = kind_store.kind, key_prefix(kind_store.kind)
            before, after = await _under(self, prefix), await _under(other, prefix)
            for key in sorted({*before, *after}):
                old, new = before.get(key), after.get(key)
                if old is not None and new is not None and old.mod_rev == new.mod_rev:
                    continue
                name = ObjectName.parse(key[len(prefix) :].decode())
                if old is None or new is None:
                    found.append(ObjectDiff("added" if old is None else "removed", kind, name))
                elif fields := field_changes(_plain(old.value), _plain(new.value)):
                    found.append(ObjectDiff("changed", kind, name, fields))
        return ViewDiff(tuple(found))

    # ---- the end

    async def reset(self) -> None:
        """Give up what was written here: a sandbox shows what its delegate has, the base begins anew.

        Watches of this view and of those over it end with "expired", and begin anew.
        """
        self.engine.reset()
        if self._event_sink is not None:
            self._event_sink.reset()
        if self.delegate is None:
            await self._access.furnish(self)

    async def close(self) -> None:
        """End it and the views over it: their watches end, and everything they hold is given back. Idempotent."""
        self._access.closed(self)
        self.engine.close()

    # ---- parts

    async def _patch(
        self, gvk: GroupVersionKind, name: ObjectName, patch: Any, patch_type: str, subresource: str
    ) -> Any:
        kind = self._access.served_kind(gvk)
        client = ResourceClient(self.transport(), kind, self._access.codecs, prefix=f"/{self.name}")
        namespace = (name.namespace or "default") if kind.namespaced else ""
        patched = await client.patch(
            name.name, _document(patch), namespace=namespace, content_type=patch_type, subresource=subresource
        )
        return self._access.codecs.from_unstructured(patched, kind.object_type)[0]


@contextmanager
def _raising(error: type[MinkAPIError]) -> Iterator[None]:
    """Put *error* around what the API, or an argument, is told to be wrong; a kind that is not served stays as it is."""
    try:
        yield
    except (StatusError, TypeError, ValueError) as cause:
        raise error(cause) from cause


def _document(patch: Any) -> Any:
    """*patch*, which may be bytes or text, as JSON values. Raises BadRequestError."""
    if not isinstance(patch, bytes | str):
        return patch
    try:
        return json.loads(patch)
    except ValueError as error:
        raise BadRequestError(f"the patch is no JSON: {error}") from error


async def _under(view: View, prefix: bytes) -> dict[bytes, KeyValue]:
    found = await view.engine.range(prefix, prefix[:-1] + b"0")
    return {kv.key: kv for kv in found.kvs}


def _plain(value: bytes) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(value)
    return plain
