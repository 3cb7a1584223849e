"""Events that a scheduler or a controller reports through client-go's events.EventSink: kept apart from the resource.

Source: minkapi/view/eventsink of gardener's scaling-advisor.
"""

import json
from typing import Any

from genericapiserver.apimachinery.errors import NotFoundError
from genericapiserver.apimachinery.patch import StrategicMergePatch, patch_schema_for
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.apis.events_v1 import GROUP_VERSION, Event

EVENTS = GroupResource(GROUP_VERSION.group, "events")


class EventSink:
    """Events by namespace and name, in the order in which they came first."""

    def __init__(self, codecs: CodecFactory) -> None:
        self._codecs = codecs
        self._events: dict[tuple[str, str], Event] = {}

    def create(self, event: Event) -> Event:
        """Keep a copy of *event*; one of the same name is replaced."""
        self._events[_key(event)] = deep_copy(event)
        return deep_copy(event)

    def update(self, event: Event) -> Event:
        """Raises NotFoundError for one that was not created."""
        self._known(_key(event))
        return self.create(event)

    def patch(self, event: Event, patch: bytes | dict[str, Any]) -> Event:
        """Apply a strategic merge patch to the event called as *event* is. Raises NotFoundError, BadRequestError."""
        known = self._known(_key(event))
        parsed = StrategicMergePatch.parse(patch if isinstance(patch, bytes) else json.dumps(patch).encode())
        document = self._codecs.to_unstructured(known, GROUP_VERSION.with_kind("Event"))
        merged = parsed.apply(document, patch_schema_for(Event))
        made, _ = self._codecs.from_unstructured(merged, Event)
        made.metadata.name, made.metadata.namespace = known.metadata.name, known.metadata.namespace
        return self.create(made)

    def list(self) -> "list[Event]":  # within the class `list` is the method
        return [deep_copy(event) for event in self._events.values()]

    def reset(self) -> None:
        self._events.clear()

    def _known(self, key: tuple[str, str]) -> Event:
        if key not in self._events:
            raise NotFoundError(EVENTS, "/".join(key))
        return self._events[key]


def _key(event: Event) -> tuple[str, str]:
    return event.metadata.namespace, event.metadata.name
