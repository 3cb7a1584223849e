"""What RequestInfo needs to know of a list's query: is it a watch, and does it ask for one object by name.

The reference decodes all list options for that. Whether they decode only matters for the name, so the rest is looked
at only when a field selector mentions it.
"""

from typing import Final

from genericapiserver.apimachinery import fields, labels
from genericapiserver.apimachinery.go import parse_int
from genericapiserver.asgi import QueryValues

_INTEGER_OPTIONS: Final = ("limit", "timeoutSeconds")


def is_watch(values: QueryValues) -> bool:
    """The bool rule of query strings for `watch`: absent, `0` and `false` in any case are false, all else is true."""
    watch = values.get("watch")
    return watch is not None and watch[0] != "0" and watch[0].lower() != "false"


def exact_name(values: QueryValues) -> str:
    """The name that the field selector demands by `metadata.name=`, or "".

    Empty too when the name could not stand in a path, or when any of the list options is malformed, since the handler
    will refuse such a list and must not be authorized as if it named an object.
    """
    selectors = values.get("fieldSelector")
    if selectors is None or "metadata.name" not in selectors[0]:
        return ""
    try:
        for option in _INTEGER_OPTIONS:
            if option in values:
                parse_int(values[option][0])
        labels.parse(values.get("labelSelector", [""])[0])
        name = fields.parse(selectors[0]).requires_exact_match("metadata.name")
    except ValueError:
        return ""
    return name if name and _is_path_segment(name) else ""


def _is_path_segment(name: str) -> bool:
    return name not in (".", "..") and "/" not in name and "%" not in name
