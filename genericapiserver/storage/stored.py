"""One stored object at one revision, and the events made of such objects.

A StoredObject is immutable and shared by everybody that reads it: the watch cache, every list it is in, every watch
that delivers it. So whatever is made from it (the decoded object, its labels and fields, its encodings) is made once,
on first use, and kept on it. Nothing is decoded before somebody asks: what only needs bytes never builds an object.

Of these, decoded objects are many times as large as their bytes, and wanted least often: encodings and attributes answer
lists, watches and selectors. So only the newest ones are kept (`DecodedObjects`); others are decoded again when somebody
changes them.

All of this happens on the event loop; a StoredObject is not for other threads.
"""

from collections import deque
from collections.abc import Callable, Hashable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar, cast

import attrs

from genericapiserver.logs.served import spent
from genericapiserver.storage.attribute_sharing import AttributeSharing
from genericapiserver.storage.errors import CorruptObjectError

if TYPE_CHECKING:
    from genericapiserver.apimachinery.meta import Status
    from genericapiserver.apimachinery.watch import EventType

T = TypeVar("T")

INITIAL_EVENTS_END_ANNOTATION = "k8s.io/initial-events-end"
"""Annotation of the bookmark that ends the initial events of a watch (meta/v1 InitialEventsAnnotationKey)."""

DECODED_BYTES: Final = 1024 * 1024
"""Stored bytes of the objects of a resource that stay decoded; in memory that is six to eight times as much."""


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


class DecodedObjects:
    """The objects of one store that were decoded last, up to *limit* stored bytes; older ones forget what they decoded."""

    __slots__ = ("_bytes", "_limit", "_objects")

    def __init__(self, limit: int = DECODED_BYTES) -> None:
        self._limit = limit
        self._bytes = 0
        self._objects: deque[tuple[StoredObject[Any], int]] = deque()

    def add(self, stored: "StoredObject[Any]") -> None:
        """*stored* was decoded. What is too much for the limit goes, but never this one."""
        objects, size = self._objects, len(stored.value)
        objects.append((stored, size))
        self._bytes += size
        while self._bytes > self._limit and len(objects) > 1:
            oldest, size = objects.popleft()
            self._bytes -= size
            oldest.forget_decoded()


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
    decoded: DecodedObjects = attrs.field(factory=DecodedObjects, eq=False, repr=False)
    """Which of the objects stay decoded."""
    sharing: AttributeSharing = attrs.field(factory=AttributeSharing, eq=False, repr=False)
    """What their attributes have in common."""


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

    __slots__ = (
        "_attributes",
        "_encoded",
        "_encoded_as",
        "_form",
        "_representations",
        "_shared",
        "key",
        "revision",
        "value",
    )

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
        # Most objects are asked for in one representation, which needs no dictionary of its own.
        self._encoded_as: Hashable = None
        self._encoded = b""
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
    def readable(self) -> bool:
        """Whether `value` is what was written; False while a transformer refuses the bytes."""
        return True

    @property
    def shared(self) -> T:
        """The object, decoded unless it was lately. It must not be changed. Raises CorruptObjectError for unreadable
        bytes."""
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
            self._form.decoded.add(self)
            spent("decode-response-object", begun)
        return shared

    def forget_decoded(self) -> None:
        """Give the decoded object up; whoever has it keeps it, and the next one decodes again."""
        self._shared = None

    def object(self) -> T:
        """A fresh copy that the caller may change, with metadata.resource_version set."""
        return self._form.copy(self.shared)

    @property
    def attributes(self) -> ObjectAttributes:
        """Labels and fields for selectors, computed once."""
        attributes = self._attributes
        if attributes is None:
            form = self._form
            found, sharing = form.attributes(self.shared), form.sharing
            attributes = self._attributes = ObjectAttributes(sharing.labels(found.labels), sharing.fields(found.fields))
        return attributes

    def representation(self, name: Hashable, make: Callable[[T], bytes]) -> bytes:
        """The encoding called *name*: made by `make(shared)` the first time, kept with this revision.

        *name* must identify everything the bytes depend on (media type, version, shape).
        """
        if self._encoded_as == name:
            return self._encoded
        encoded = None if self._representations is None else self._representations.get(name)
        if encoded is None:
            encoded = make(self.shared)
            self._keep(name, encoded)
        return encoded

    def representation_of(
        self, event: "WatchEvent[T]", name: Hashable, make: "Callable[[WatchEvent[T]], bytes]"
    ) -> bytes:
        """The encoding called *name* of an *event* of this object, kept in the same way for each type of event."""
        full = (event.type, name)
        encoded = None if self._representations is None else self._representations.get(full)
        if encoded is None:
            if self._representations is None:
                self._representations = {}
            encoded = self._representations[full] = make(event)
        return encoded

    def _keep(self, name: Hashable, encoded: bytes) -> None:
        if self._encoded_as is None:
            self._encoded_as, self._encoded = name, encoded
            return
        if self._representations is None:
            self._representations = {}
        self._representations[name] = encoded

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
        return stored.representation_of(self, name, make)


@attrs.frozen
class StoredList(Generic[T]):
    """A list as it was at *resource_version*.

    `remaining_item_count` is None when there is no further page, or when it is not known (a selector is set).
    """

    items: list[StoredObject[T]]
    resource_version: int
    continue_token: str = ""
    remaining_item_count: int | None = None
