"""What a type's shape says about a set of paths (structured-merge-diff fieldpath/set.go, typed/reconcile_schema.go)."""

from genericapiserver.apimachinery.managedfields.elements import PathElement
from genericapiserver.apimachinery.managedfields.path_set import PathSet
from genericapiserver.apimachinery.managedfields.schema import (
    DeducedSchema,
    ListSchema,
    MapSchema,
    ScalarSchema,
    Schema,
)


def with_named_fields(paths: PathSet, schema: Schema | None) -> PathSet:
    """*paths* and the declared struct fields that lead to them. Map keys and list items are not added."""
    if not paths.children:
        return paths
    members = set(paths.members)
    children = {}
    for element, below in paths.children.items():
        if isinstance(schema, MapSchema) and element[2:] in schema.fields and element.startswith("f:"):
            members.add(element)
        children[element] = with_named_fields(below, _child(schema, element))
    return PathSet(members, children)


def collapse_atomic(paths: PathSet, schema: Schema) -> PathSet:
    """*paths* where all that leads into an atomic container is the container's own path.

    This is how sets from before a type became atomic are read; the opposite change needs nothing.
    """
    if not paths.children:
        return paths
    collapsed = {}
    for element, below in paths.children.items():
        child = _child(schema, element)
        if isinstance(child, ListSchema | MapSchema):
            after = None if child.atomic else collapse_atomic(below, child)
            if after is not below:
                collapsed[element] = after
    if not collapsed:
        return paths
    members, children = set(paths.members), dict(paths.children)
    for element, below_or_none in collapsed.items():
        if below_or_none is None:
            members.add(element)
            del children[element]
        else:
            children[element] = below_or_none
    return PathSet(members, children)


def _child(schema: Schema | None, element: PathElement) -> Schema | None:
    """The shape of what *element* leads to; None where the type has nothing to say."""
    if isinstance(schema, DeducedSchema):
        schema = schema.map if element.startswith("f:") else schema.list
    if schema is None or isinstance(schema, ScalarSchema):
        return None
    if element.startswith("f:"):
        return schema.child(element[2:]) if isinstance(schema, MapSchema) else None
    return schema.element if isinstance(schema, ListSchema) else None
