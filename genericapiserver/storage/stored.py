"""One stored object at one revision, and the events made of such objects.

A StoredObject is immutable and shared by everybody that reads it: the watch cache, every list it is in, every watch
that delivers it. So whatever is made from it (the decoded object, its labels and fields, its encodings) is made once,
on first use, and kept on it. Nothing is decoded before somebody asks: what only needs bytes never builds an object.

All of this happens on the event loop; a StoredObject is not for other threads.
"""

from collections.abc import Callable, Hashable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

import attrs

from genericapiserver.logs.served import spent
from genericapiserver.storage.errors import CorruptObjectError

if TYPE_CHECKING:
    from genericapiserver.apimachinery.meta import Status
    from genericapiserver.apimachinery.watch import EventType

T = TypeVar("T")

INITIAL_EVENTS_END_ANNOTATION = "k8s.io/initial-events-end"
"""Annotation of the bookmark that ends the initial events of a watch (meta/v1 InitialEventsAnnotationKey)."""


class StorageCodec(Protocol[T]):
    """Objects to bytes and back. `encode` is deterministic and leaves out resourceVersion and selfLink."""

    def encode(self, obj: T) -> bytes:
        """The bytes to store."""

    def decode(self, value: bytes) -> T:
        """A fresh object; raises when *value* is no such object."""


@attrs.frozen
class ObjectAttributes:
    """What selectors look at."""

    labels: Mapping[str, str]
    fields: Mapping[str, str]


@attrs.frozen(kw_only=True)
class ObjectForm(Generic[T]):
    """What a store knows about its objects: how they are written, copied and selected. One per store."""

    codec: StorageCodec[T]
    new: Callable[[], T]
    """An empty instance (for bookmarks, and for the zero object of a missing key)."""
    attributes: Callable[[T], ObjectAttributes]
    copy: Callable[[T], T]
    decode_failed: Callable[[], None] | None = None
    """Told of each try to read bytes that cannot be read."""


def metadata_attributes(obj: Any) -> ObjectAttributes:
    """Labels, `metadata.name` and `metadata.namespace`: what every namespaced object has."""
    metadata = obj.metadata
    return ObjectAttributes(
        metadata.labels or {}, {"metadata.name": metadata.name, "metadata.namespace": metadata.namespace}
    )


def cluster_scoped_attributes(obj: Any) -> ObjectAttributes:
    """Labels and `metadata.name`."""
    metadata = obj.metadata
    return ObjectAttributes(metadata.labels or {}, {"metadata.name": metadata.name})


class StoredObject(Generic[T]):
    """An object under *key* as it was written at *revision*, immutable and shared.

    `value` are the bytes of the codec (after decryption). A deleted object is its last content at the revision of the
    deletion.
    """

    __slots__ = ("_attributes", "_form", "_representations", "_shared", "key", "revision", "value")

    key: str
    revision: int
    value: bytes

    def __init__(self, key: str, revision: int, value: bytes, form: ObjectForm[T]) -> None:
        self.key = key
        self.revision = revision
        self.value = value
        self._form = form
        self._shared: T | None = None
        self._attributes: ObjectAttributes | None = None
        self._representations: dict[Hashable, bytes] | None = None

    @classmethod
    def of(cls, key: str, revision: int, obj: T, form: ObjectForm[T]) -> "StoredObject[T]":
        """Wrap *obj*, which is not stored (a bookmark, the result of a dry run). Takes *obj* over."""
        stored = cls(key, revision, form.codec.encode(obj), form)
        cast("Any", obj).metadata.resource_version = str(revision) if revision else ""
        stored._shared = obj
        return stored

    def __repr__(self) -> str:
        return f"<StoredObject {self.key} at {self.revision}>"

    @property
    def shared(self) -> T:
        """The object, decoded once. It must not be changed. Raises CorruptObjectError for unreadable bytes."""
        shared = self._shared
        if shared is None:
            begun = perf_counter()
            try:
                shared = self._form.codec.decode(self.value)
                cast("Any", shared).metadata.resource_version = str(self.revision)
            except Exception as error:
                if self._form.decode_failed is not None:
                    self._form.decode_failed()
                raise CorruptObjectError(
                    self.key, self.revision, f"object not decodable revision={self.revision}: {error}"
                ) from error
            self._shared = shared
            spent("decode-response-object", begun)
        return shared

    def object(self) -> T:
        """A fresh copy that the caller may change, with metadata.resource_version set."""
        return self._form.copy(self.shared)

    @property
    def attributes(self) -> ObjectAttributes:
        """Labels and fields for selectors, computed once."""
        attributes = self._attributes
        if attributes is None:
            attributes = self._attributes = self._form.attributes(self.shared)
        return attributes

    def representation(self, name: Hashable, make: Callable[[T], bytes]) -> bytes:
        """The encoding called *name*: made by `make(shared)` the first time, kept with this revision.

        *name* must identify everything the bytes depend on (media type, version, shape).
        """
        representations = self._representations
        if representations is None:
            representations = self._representations = {}
        encoded = representations.get(name)
        if encoded is None:
            encoded = representations[name] = make(self.shared)
        return encoded

    def at_revision(self, revision: int) -> "StoredObject[T]":
        """The same content at another revision: what a deletion shows."""
        return StoredObject(self.key, revision, self.value, self._form)

    def with_object(self, obj: T) -> "StoredObject[T]":
        """*obj* in place of this object at the same revision (a decorated copy). Takes *obj* over."""
        return StoredObject.of(self.key, self.revision, obj, self._form)


class WatchEvent(Generic[T]):
    """One event of a watch. `object` is a StoredObject, or a Status for ERROR. Shared by watches: never change it.

    A storage that keeps no StoredObjects sends plain objects of the hub type, as it returns them from its other verbs.
    """

    __slots__ = ("object", "type")

    def __init__(self, type: "EventType", object: "StoredObject[T] | T | Status") -> None:
        self.type = type
        self.object = object

    def __repr__(self) -> str:
        return f"<WatchEvent {self.type} {self.object!r}>"

    @property
    def stored(self) -> StoredObject[T]:
        """The object of an event of stored objects. Raises TypeError for a Status, and for a plain object."""
        if not isinstance(self.object, StoredObject):
            raise TypeError(f"the object of this {self.type} event is no stored one")
        return self.object

    @property
    def ends_initial_events(self) -> bool:
        """Whether this is the bookmark after what the watch begins with."""
        if self.type != "BOOKMARK":
            return False
        obj: Any = self.object.shared if isinstance(self.object, StoredObject) else self.object
        return INITIAL_EVENTS_END_ANNOTATION in (obj.metadata.annotations or {})

    def representation(self, name: Hashable, make: Callable[["WatchEvent[T]"], bytes]) -> bytes:
        """The encoding of the whole event called *name*, made once per stored object and event type.

        All watches that deliver this object as this type share the bytes, initial events included.
        """
        stored = self.object
        if not isinstance(stored, StoredObject):
            return make(self)
        representations = stored._representations
        if representations is None:
            representations = stored._representations = {}
        key = (self.type, name)
        encoded = representations.get(key)
        if encoded is None:
            encoded = representations[key] = make(self)
        return encoded


@attrs.frozen
class StoredList(Generic[T]):
    """A list as it was at *resource_version*.

    `remaining_item_count` is None when there is no further page, or when it is not known (a selector is set).
    """

    items: list[StoredObject[T]]
    resource_version: int
    continue_token: str = ""
    remaining_item_count: int | None = None
