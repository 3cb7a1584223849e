"""What is remembered of impersonations that were allowed.

Mirrors pkg/endpoints/filters/impersonation/cache.go. Refusals are never remembered, and nothing of the plain mode is.
"""

import hashlib
import json
from collections import OrderedDict
from typing import Final, TypeAlias

from genericapiserver.aio import Clock
from genericapiserver.authentication import UserInfo
from genericapiserver.authorization import AuthorizationAttributes
from genericapiserver.filters.impersonation import RequestedIdentity

TTL: Final = 10.0
"""Seconds. As long as a token's success is remembered, so that a withdrawn grant ends as soon as a withdrawn token."""
MAX_ENTRIES: Final = 10_000

CacheKey: TypeAlias = tuple[str, bytes]
"""The caller's name, which no caller chooses, and a digest of everything else, which keeps a key small."""


class SuccessCache:
    """Whom an impersonation made the caller into, for TTL seconds.

    At most MAX_ENTRIES; the oldest go first. (The reference has no bound: there only the time limits the memory that
    one caller can fill.)
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # In the order of expiry, since everything lives equally long.
        self._entries: OrderedDict[CacheKey, tuple[float, UserInfo]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: CacheKey) -> UserInfo | None:
        entry = self._entries.get(key)
        return entry[1] if entry is not None and self._clock.monotonic() < entry[0] else None

    def set(self, key: CacheKey, user: UserInfo) -> None:
        now = self._clock.monotonic()
        entries = self._entries
        entries.pop(key, None)
        while entries and (len(entries) >= MAX_ENTRIES or next(iter(entries.values()))[0] <= now):
            entries.popitem(last=False)
        entries[key] = (now + TTL, user)


class LastModes:
    """Which mode allowed a caller's last impersonation, for the MAX_ENTRIES callers seen last."""

    def __init__(self) -> None:
        self._modes: OrderedDict[bytes, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._modes)

    def get(self, caller: str) -> int | None:
        key = _digest(caller)
        mode = self._modes.get(key)
        if mode is not None:
            self._modes.move_to_end(key)
        return mode

    def set(self, caller: str, mode: int) -> None:
        key = _digest(caller)
        self._modes[key] = mode
        self._modes.move_to_end(key)
        if len(self._modes) > MAX_ENTRIES:
            self._modes.popitem(last=False)


def request_key(wanted: RequestedIdentity, caller: UserInfo, attributes: AuthorizationAttributes) -> CacheKey:
    """The key for *caller* being *wanted* in the request of *attributes*, and in no other.

    Selectors count as they were sent. (The reference remembers nothing of a request whose selectors it cannot parse;
    by its text such a request is as well told from every other.)
    """
    request = (
        attributes.verb,
        attributes.namespace,
        attributes.resource,
        attributes.subresource,
        attributes.name,
        attributes.api_group,
        attributes.api_version,
        attributes.is_resource_request,
        attributes.path,
        attributes.field_selector,
        attributes.label_selector,
    )
    return _key(caller, wanted, request)


def identity_key(wanted: RequestedIdentity, caller: UserInfo) -> CacheKey:
    """The key for *caller* being *wanted*, whatever it then asks for."""
    return _key(caller, wanted, None)


def _key(caller: UserInfo, wanted: RequestedIdentity, request: tuple[object, ...] | None) -> CacheKey:
    # JSON keeps every boundary between texts: no two different questions are encoded alike.
    text = json.dumps(
        (
            (wanted.user, wanted.uid, wanted.groups, sorted(wanted.extra.items())),
            (caller.name, caller.uid, caller.groups, sorted(caller.extra.items())),
            request,
        )
    )
    return caller.name, hashlib.sha256(text.encode("ascii")).digest()


def _digest(caller: str) -> bytes:
    return hashlib.blake2b(caller.encode("utf-8", "surrogatepass"), digest_size=16).digest()
