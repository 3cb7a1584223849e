"""What one view has written itself: the newest state of its keys, every older one back to the floor, and the events."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import NamedTuple

from genericapiserver.storage.engine import EngineEvent, KeyValue


class Version(NamedTuple):
    """What a key is from *rev* on. Where *shadows* is false, the view says nothing of the key, and its delegate does."""

    rev: int
    kv: KeyValue | None
    shadows: bool


class Layer:
    """The writes of one view, in revision order."""

    __slots__ = ("_known", "_versions", "current", "events", "keys", "value_bytes")

    def __init__(self) -> None:
        self.current: dict[bytes, KeyValue | None] = {}
        """The keys that the view shadows; None: it hides what is below."""
        self.keys: list[bytes] = []
        """Those of `current`, sorted."""
        self.events: list[EngineEvent] = []
        self.value_bytes = 0
        self._versions: dict[bytes, list[Version]] = {}
        self._known: list[bytes] = []

    def record(self, event: EngineEvent, kv: KeyValue | None, *, shadows: bool) -> None:
        """Take a write in. Its revision is above all before."""
        key = event.key
        if key in self.current:
            self.value_bytes -= _size(self.current[key])
        elif shadows:
            insort(self.keys, key)
        if shadows:
            self.current[key] = kv
            self.value_bytes += _size(kv)
        elif key in self.current:
            del self.current[key]
            del self.keys[bisect_left(self.keys, key)]
        version = Version(event.rev, kv, shadows)
        versions = self._versions.get(key)
        if versions is None:
            self._versions[key] = [version]
            insort(self._known, key)
        else:
            versions.append(version)
        self.events.append(event)

    def without(self, prefix: bytes) -> "Layer":
        """The same without everything under *prefix*."""
        rest = Layer()
        rest.current = {key: kv for key, kv in self.current.items() if not key.startswith(prefix)}
        rest.keys = sorted(rest.current)
        rest.events = [event for event in self.events if not event.key.startswith(prefix)]
        rest.value_bytes = sum(map(_size, rest.current.values()))
        rest._versions = {key: versions for key, versions in self._versions.items() if not key.startswith(prefix)}
        rest._known = sorted(rest._versions)
        return rest

    def at(self, key: bytes, rev: int) -> Version | None:
        """What the view said of *key* at *rev*; None when it had said nothing yet."""
        versions = self._versions.get(key)
        if versions is None:
            return None
        index = bisect_right(versions, rev, key=_revision) - 1
        return versions[index] if index >= 0 else None

    def own_keys(self, start: bytes, end: bytes) -> list[bytes]:
        """The keys from *start* up to before *end* that the view shadows now."""
        low = bisect_left(self.keys, start)
        return self.keys[low : bisect_left(self.keys, end, low)]

    def known_keys(self, start: bytes, end: bytes) -> list[bytes]:
        """Those it has ever written, as far as it remembers."""
        low = bisect_left(self._known, start)
        return self._known[low : bisect_left(self._known, end, low)]

    def events_between(self, after: int, upto: int) -> Iterator[EngineEvent]:
        first = bisect_right(self.events, after, key=_event_revision)
        for index in range(first, len(self.events)):
            event = self.events[index]
            if event.rev > upto:
                return
            yield event

    def compact(self, rev: int) -> None:
        """Forget events up to *rev*, and of every key what it was before."""
        number = bisect_right(self.events, rev, key=_event_revision)
        dropped = {event.key for event in self.events[:number]}
        del self.events[:number]
        for key in dropped:
            versions = self._versions[key]
            keep = bisect_right(versions, rev, key=_revision) - 1
            if not versions[keep].shadows:
                keep += 1
            del versions[:keep]
            if not versions:
                del self._versions[key]
                del self._known[bisect_left(self._known, key)]


def _size(kv: KeyValue | None) -> int:
    return 0 if kv is None else len(kv.value)


def _revision(version: Version) -> int:
    return version.rev


def _event_revision(event: EngineEvent) -> int:
    return event.rev
