"""What a watch says: something happened to an object (k8s.io/apimachinery pkg/watch)."""

import enum
from typing import Generic, TypeVar

import attrs

T = TypeVar("T")


class EventType(enum.StrEnum):
    """The word that a watch event starts with on the wire."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"
    ERROR = "ERROR"


@attrs.frozen
class Event(Generic[T]):
    """One event. `object` is the object after a change, before a deletion, only a revision for BOOKMARK, a Status for
    ERROR."""

    type: EventType
    object: T
