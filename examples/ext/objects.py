"""Objects in memory, with their changes."""

import datetime as dt
from collections.abc import Callable
from typing import Generic, TypeVar

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.names import generate_name
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.ext import ChangeLog
from genericapiserver.registry.metadata import fill_object_meta_system_fields

T = TypeVar("T", bound=Object)


class Objects(Generic[T]):
    """Objects by namespace and name. What is put in belongs to it; what comes out must not be changed."""

    def __init__(self, object_type: type[T]) -> None:
        self.log: ChangeLog[T] = ChangeLog(object_type)
        self._objects: dict[tuple[str, str], T] = {}

    def get(self, name: str, namespace: str = "") -> T | None:
        return self._objects.get((namespace, name))

    def select(self, selects: Callable[[T], bool] = lambda obj: True) -> list[T]:
        return [obj for _, obj in sorted(self._objects.items(), key=lambda item: item[0]) if selects(obj)]

    def add(self, obj: T) -> T:
        """Take in a new object, which gets a name if it has none, a uid and a time."""
        metadata = obj.metadata
        metadata.name = metadata.name or generate_name(metadata.generate_name)
        fill_object_meta_system_fields(metadata, dt.datetime.now(dt.UTC))
        self._objects[metadata.namespace, metadata.name] = obj
        return self.log.record(EventType.ADDED, obj)

    def replace(self, obj: T) -> T:
        key = (obj.metadata.namespace, obj.metadata.name)
        before, self._objects[key] = self._objects[key], obj
        return self.log.record(EventType.MODIFIED, obj, before=before)

    def remove(self, obj: T) -> None:
        gone = deep_copy(obj)
        del self._objects[gone.metadata.namespace, gone.metadata.name]
        self.log.record(EventType.DELETED, gone)
