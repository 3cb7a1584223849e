"""How many watches a write will wake: part of what the write costs.

Source: pkg/util/flowcontrol/watch_tracker.go.
"""

from collections.abc import Callable
from typing import Final

from genericapiserver.apimachinery import fields
from genericapiserver.request.request_info import RequestInfo

_INDEXED_FIELDS: Final = {"pods": "spec.nodeName"}
"""Watches that select one value of these are so many and so narrow that they are not counted."""

_Identifier = tuple[str, str, str, str]


class WatchTracker:
    """Counts the watches that are open: of a resource, of a namespace, of one object."""

    def __init__(self) -> None:
        self._counts: dict[_Identifier, int] = {}

    def register(self, info: RequestInfo) -> Callable[[], None]:
        """Count one watch; call the result when it has ended."""
        if _narrow(info):
            return lambda: None
        key = (info.api_group, info.resource, info.namespace, info.name)
        self._counts[key] = self._counts.get(key, 0) + 1

        def forget() -> None:
            left = self._counts[key] - 1
            if left:
                self._counts[key] = left
            else:
                del self._counts[key]

        return forget

    def interested(self, info: RequestInfo) -> int:
        """How many watches may see what a write changes."""
        counts = self._counts
        if not counts:
            return 0
        group, resource, namespace, name = info.api_group, info.resource, info.namespace, info.name
        result = counts.get((group, resource, "", ""), 0)
        if namespace:
            result += counts.get((group, resource, namespace, ""), 0)
        if name:
            result += counts.get((group, resource, namespace, name), 0)
        return result


def _narrow(info: RequestInfo) -> bool:
    field = _INDEXED_FIELDS.get(info.resource)
    if field is None or not info.field_selector:
        return False
    try:
        return bool(fields.parse(info.field_selector).requires_exact_match(field))
    except fields.SelectorError:
        return False
