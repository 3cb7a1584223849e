"""Which event a change is for somebody who only sees what a selector selects.

Source: k8s.io/apiserver pkg/storage/etcd3/watcher.go (transform), pkg/storage/cacher/cache_watcher.go.
"""

from typing import TypeVar

from genericapiserver.apimachinery.watch import EventType
from genericapiserver.storage.selection import SelectionPredicate
from genericapiserver.storage.stored import StoredObject, WatchEvent

T = TypeVar("T")


def transition(
    predicate: SelectionPredicate, current: StoredObject[T] | None, previous: StoredObject[T] | None, revision: int
) -> WatchEvent[T] | None:
    """The event for a change from *previous* to *current* (None: absent), None when it does not show.

    What leaves the selection is DELETED with its old content at the revision of the change.
    """
    shown = current is not None and predicate.matches(current)
    was_shown = previous is not None and predicate.matches(previous)
    if shown:
        assert current is not None
        return WatchEvent(EventType.MODIFIED if was_shown else EventType.ADDED, current)
    if was_shown:
        assert previous is not None
        return WatchEvent(EventType.DELETED, previous.at_revision(revision))
    return None
