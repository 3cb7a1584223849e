"""FieldsV1: a set of paths as the JSON document in `metadata.managedFields` (structured-merge-diff serialize.go).

Each key is a step, each value the document of what lies below. An empty document is a leaf, a path of the set; `.` says
the same of a node that has steps below it, and is written only there:

    {"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:color":{}}}
"""

from typing import Any

from genericapiserver.apimachinery.managedfields.elements import JSON, FieldsError, parse_element, sorted_elements
from genericapiserver.apimachinery.managedfields.path_set import PathSet

FieldsV1 = dict[str, Any]


def encode_fields(paths: PathSet) -> FieldsV1:
    """The document of a set, its keys in the order they are written in."""
    return _encode(paths, own=False)


def _encode(paths: PathSet, *, own: bool) -> FieldsV1:
    members, children = paths.members, paths.children
    document: FieldsV1 = {".": {}} if own else {}
    if not children:
        for element in sorted_elements(members):
            document[element] = {}
        return document
    for element in sorted_elements(members | children.keys()):
        child = children.get(element)
        document[element] = {} if child is None else _encode(child, own=element in members)
    return document


def decode_fields(document: JSON) -> PathSet:
    """The set of a document. Kinds of steps that are not known are dropped; null is the empty set.

    Raises FieldsError where the document is none.
    """
    return _decode(document)[0]


def _decode(document: JSON) -> tuple[PathSet, bool]:
    """What lies below a node, and whether the node is in the set itself."""
    below = PathSet()
    if document is None:
        return below, True
    if not isinstance(document, dict):
        raise FieldsError("expected an object of fields")
    own = False
    for key, value in document.items():
        if key == ".":
            own = True
            continue
        element = parse_element(key)
        if element is None:
            continue
        if value == {}:  # most of them
            below.members.add(element)
            continue
        child, is_member = _decode(value)
        if is_member:
            below.members.add(element)
        if child:
            below.children[element] = child
    return below, own or not below
