"""The fields that a kind can be selected by, beside its name and namespace: `?fieldSelector=spec.color=red`.

    FIELDS = fields_at("spec.color", "status.phase")
    add_field_labels(scheme, group_version.with_kind("Widget"), FIELDS)      # what clients may ask for
    store_for(..., attributes=selectable_attributes(FIELDS, namespaced=True)) # what storage compares

Go: the AddFieldLabelConversionFunc of a kind's registration, and the GetAttrs of its registry.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.scheme import FieldLabelError, Scheme
from genericapiserver.registry.field_paths import json_path, reader
from genericapiserver.storage.stored import ObjectAttributes, cluster_scoped_attributes, metadata_attributes

SelectableFields: TypeAlias = Mapping[str, Callable[[Any], str]]
"""Field label -> the value of an object; the empty text stands for none."""


def fields_at(*paths: str) -> SelectableFields:
    """The fields at *paths* of attributes, selected by the same paths in JSON names."""
    return {".".join(json_path(path)): _text_at(path) for path in paths}


def _text_at(path: str) -> Callable[[Any], str]:
    read = reader(path)

    def text(obj: Any) -> str:
        value = read(obj)
        if isinstance(value, bool):
            return "true" if value else "false"
        return "" if value is None else str(value)

    return text


_METADATA = ("metadata.name", "metadata.namespace")


def add_field_labels(scheme: Scheme, kind: GroupVersionKind, fields: SelectableFields) -> None:
    """Let clients of *kind* select by *fields*; another label is refused by name."""
    known = {*_METADATA, *fields}

    def convert(label: str, value: str) -> tuple[str, str]:
        if label not in known:
            raise FieldLabelError(f"field label not supported: {label}")
        return label, value

    scheme.add_field_label_conversion_func(kind, convert)


def selectable_attributes(fields: SelectableFields, *, namespaced: bool) -> Callable[[Any], ObjectAttributes]:
    """What selectors look at in an object: its labels, its name and namespace, and *fields*."""
    of_metadata = metadata_attributes if namespaced else cluster_scoped_attributes

    def attributes(obj: Any) -> ObjectAttributes:
        found = of_metadata(obj)
        return ObjectAttributes(found.labels, {**found.fields, **{label: get(obj) for label, get in fields.items()}})

    return attributes
