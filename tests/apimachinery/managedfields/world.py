"""One object at its endpoints, as far as managed fields notice: what handlers, strategies and the store do around them."""

import copy
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from genericapiserver.apimachinery.deepcopy import deep_copy
from genericapiserver.apimachinery.managedfields import FieldManager, PathSet
from genericapiserver.apimachinery.managedfields.fields_v1 import decode_fields
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from tests.apimachinery.managedfields.kinds import DEMO, V1BETA1, Flunder, Widget, wardle_scheme, widget_scheme

Prepare = Callable[[Any, Any | None], None]


class TurnedClock:
    """A clock that stands still until it is turned, by its step."""

    def __init__(self) -> None:
        self.time = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        self.step = dt.timedelta(seconds=1)

    def now(self) -> dt.datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def turn(self) -> None:
        self.time += self.step


class World:
    """A stored object and every way to write it. Each write takes one second, and answers what is stored then."""

    def __init__(
        self,
        scheme: Scheme,
        kind: str,
        hub_type: type[Any],
        version: GroupVersion,
        *,
        reset_fields: Mapping[str, Mapping[str, Any]] | None = None,
        prepare: Mapping[str, Prepare] | None = None,
    ) -> None:
        self.scheme = scheme
        self.codec = CodecFactory(scheme)
        self.kind = kind
        self.hub_type = hub_type
        self.version = version
        self.clock = TurnedClock()
        self.reset_fields = reset_fields or {}
        self.prepare = prepare or {}
        self.stored: Any = None
        self.revision = 0

    def manager(self, version: GroupVersion | None = None, subresource: str = "") -> FieldManager:
        reset = self.reset_fields.get(subresource)
        version = version or self.version
        return FieldManager(
            scheme=self.scheme,
            codec=self.codec,
            gvk=version.with_kind(self.kind),
            hub_type=self.hub_type,
            subresource=subresource,
            reset_fields={str(version): decode_fields(reset)} if reset else {},
            clock=self.clock,
        )

    def hub(self, document: Mapping[str, Any], version: GroupVersion | None = None) -> Any:
        """The object of a body, defaulted and converted."""
        cls = self.scheme.type_for((version or self.version).with_kind(self.kind))
        obj, _ = self.codec.from_unstructured(dict(document), cls, strict=False)
        self.scheme.default(obj)
        return self.scheme.convert(obj, self.hub_type)

    def shown(self, version: GroupVersion | None = None) -> dict[str, Any]:
        """The stored object as a client sees it."""
        return self.codec.to_unstructured(self.stored, (version or self.version).with_kind(self.kind))

    def create(
        self, document: Mapping[str, Any], manager: str, *, version: GroupVersion | None = None
    ) -> dict[str, Any]:
        new = self.hub(document, version)
        new = self.manager(version).update(None, new, manager)
        return self._store(None, new, "", version)

    def put(
        self,
        document: Mapping[str, Any],
        manager: str,
        *,
        version: GroupVersion | None = None,
        subresource: str = "",
    ) -> dict[str, Any]:
        new = self.hub(document, version)
        live = deep_copy(self.stored)
        new.metadata.uid = live.metadata.uid
        new.metadata.creation_timestamp = live.metadata.creation_timestamp
        new.metadata.resource_version = live.metadata.resource_version
        new = self.manager(version, subresource).update(live, new, manager)
        return self._store(live, new, subresource, version)

    def patch(
        self,
        document: Mapping[str, Any],
        manager: str,
        *,
        version: GroupVersion | None = None,
        subresource: str = "",
    ) -> dict[str, Any]:
        """A JSON merge patch."""
        live = deep_copy(self.stored)
        new = self.hub(merge_patch(self.shown(version), document), version)
        new = self.manager(version, subresource).update(live, new, manager)
        return self._store(live, new, subresource, version)

    def apply(
        self,
        document: Mapping[str, Any] | bytes,
        manager: str,
        *,
        force: bool = False,
        version: GroupVersion | None = None,
        subresource: str = "",
    ) -> dict[str, Any]:
        live = deep_copy(self.stored) if self.stored is not None else None
        if not isinstance(document, bytes):
            kind = {"apiVersion": str(version or self.version), "kind": self.kind}
            document = {**kind, **document, "metadata": {"name": "a", **document.get("metadata", {})}}
        managing = self.manager(version, subresource)
        new = managing.apply(live, document, manager, force=force)
        new = managing.keep_times_of_no_change(live, new, applied=True) if live is not None else new
        return self._store(live, new, subresource, version)

    def _store(self, live: Any, new: Any, subresource: str, version: GroupVersion | None) -> dict[str, Any]:
        if live is None:
            new.metadata.uid = "uid"
            new.metadata.creation_timestamp = self.clock.now()
        if prepare := self.prepare.get(subresource):
            prepare(new, live)
        if live is None or new != live:
            self.revision += 1
            new.metadata.resource_version = str(self.revision)
        self.stored = deep_copy(new)
        self.clock.turn()
        return self.shown(version)

    def entries(self) -> list[tuple[Any, ...]]:
        """The stored managed fields: manager, operation, version, subresource, fields."""
        return [
            (entry.manager, entry.operation, entry.api_version.split("/")[-1], entry.subresource, entry.fields_v1)
            for entry in self.stored.metadata.managed_fields or []
        ]

    def owned_by(self, manager: str) -> Any:
        """The fields of the one entry of *manager*."""
        [fields] = [entry[-1] for entry in self.entries() if entry[0] == manager]
        return fields

    def managers(self) -> list[str]:
        return [entry[0] for entry in self.entries()]

    def times(self) -> dict[str, dt.datetime | None]:
        return {entry.manager: entry.time for entry in self.stored.metadata.managed_fields or []}


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def flunders(version: GroupVersion = V1BETA1) -> World:
    return World(wardle_scheme(), "Flunder", Flunder, version)


def _prepare_widget(new: Widget, live: Widget | None) -> None:
    if live is None:
        new.status = type(new.status)(replicas=0)
        new.metadata.generation = 1
    else:
        new.status = deep_copy(live.status)
        new.metadata.generation = live.metadata.generation + (new.spec != live.spec)


def _prepare_widget_status(new: Widget, live: Widget | None) -> None:
    assert live is not None
    new.spec = deep_copy(live.spec)
    new.metadata.generation = live.metadata.generation


def widgets() -> World:
    return World(
        widget_scheme(),
        "Widget",
        Widget,
        DEMO,
        reset_fields={
            "": {"f:status": {}},
            "status": {"f:spec": {}, "f:metadata": {"f:deletionTimestamp": {}, "f:ownerReferences": {}}},
        },
        prepare={"": _prepare_widget, "status": _prepare_widget_status},
    )


__all__ = ["PathSet", "World", "flunders", "merge_patch", "widgets"]
