"""A JSON value together with its shape and the version of the API it is in."""

import attrs

from genericapiserver.apimachinery.managedfields.compare import Comparison, compare
from genericapiserver.apimachinery.managedfields.elements import JSON
from genericapiserver.apimachinery.managedfields.field_set import field_set
from genericapiserver.apimachinery.managedfields.merge import merge
from genericapiserver.apimachinery.managedfields.path_set import PathSet
from genericapiserver.apimachinery.managedfields.remove import extract, remove
from genericapiserver.apimachinery.managedfields.schema import Schema
from genericapiserver.apimachinery.managedfields.schema_sets import collapse_atomic, with_named_fields
from genericapiserver.apimachinery.managedfields.validate import validate
from genericapiserver.apimachinery.managedfields.values import values_equal


@attrs.frozen(eq=False)
class TypedValue:
    """An object as JSON, read-only, in one version (structured-merge-diff typed/typed.go)."""

    value: JSON
    schema: Schema
    api_version: str

    def validate(self, *, allow_duplicates: bool = False) -> None:
        """Raise ValidationError unless the value fits its shape."""
        validate(self.schema, self.value, allow_duplicates=allow_duplicates)

    def field_set(self) -> PathSet:
        """The paths that one who applies this owns."""
        return field_set(self.schema, self.value)

    def compare(self, other: "TypedValue") -> Comparison:
        """What leads from this to *other*."""
        return compare(self.schema, self.value, other.value)

    def merge(self, config: "TypedValue") -> "TypedValue":
        """This with what *config* says."""
        return attrs.evolve(self, value=merge(self.schema, self.value, config.value))

    def remove(self, paths: PathSet) -> "TypedValue":
        """This without what is in *paths*."""
        return attrs.evolve(self, value=remove(self.schema, self.value, paths)) if paths else self

    def extract(self, paths: PathSet) -> "TypedValue":
        """Nothing but what is in *paths*."""
        return attrs.evolve(self, value=extract(self.schema, self.value, paths))

    def equals(self, other: "TypedValue") -> bool:
        """Whether both hold the same."""
        return values_equal(self.value, other.value)

    def closure(self, paths: PathSet) -> PathSet:
        """*paths* and the declared struct fields that lead to them."""
        return with_named_fields(paths, self.schema)

    def collapsed(self, paths: PathSet) -> PathSet:
        """*paths*, ending at containers that are atomic by now."""
        return collapse_atomic(paths, self.schema)
