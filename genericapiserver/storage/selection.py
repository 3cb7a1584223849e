"""Which objects of a list or a watch are wanted (k8s.io/apiserver pkg/storage/selection_predicate.go)."""

from typing import Any

import attrs

from genericapiserver.apimachinery import fields, labels
from genericapiserver.storage.errors import CorruptObjectError
from genericapiserver.storage.stored import ObjectAttributes, StoredObject


@attrs.frozen(kw_only=True)
class SelectionPredicate:
    """Selectors and paging of one list or watch. None as a selector means everything."""

    label: labels.Selector | None = None
    field: fields.Selector | None = None
    limit: int = 0
    """At most so many items per page; 0 means no limit."""
    continue_token: str = ""
    allow_watch_bookmarks: bool = False
    index_labels: tuple[str, ...] = ()
    index_fields: tuple[str, ...] = ()
    _empty: bool = attrs.field(init=False, default=True)

    def __attrs_post_init__(self) -> None:
        label_empty = self.label is None or self.label.empty
        field_empty = self.field is None or self.field.empty
        object.__setattr__(self, "_empty", label_empty and field_empty)

    @property
    def empty(self) -> bool:
        """Both selectors match everything, so that no object needs to be looked at."""
        return self._empty

    def matches(self, stored: StoredObject[Any]) -> bool:
        """Whether *stored* is selected. An object whose attributes cannot be found out is not; one that cannot be decoded
        raises CorruptObjectError, as nobody knows whether it should have been there."""
        if self._empty:
            return True
        try:
            attributes = stored.attributes
        except CorruptObjectError:
            raise
        except Exception:  # noqa: BLE001 - Go drops an object whose attribute function fails, whatever the failure
            return False
        return self.matches_attributes(attributes)

    def matches_attributes(self, attributes: ObjectAttributes) -> bool:
        if self.label is not None and not self.label.matches(attributes.labels):
            return False
        return self.field is None or self.field.matches(attributes.fields)

    def matches_single(self) -> str | None:
        """The name that the field selector pins, unless a page is being continued."""
        if self.continue_token or self.field is None:
            return None
        return self.field.requires_exact_match("metadata.name")

    def matches_single_namespace(self) -> str | None:
        """The namespace that the field selector pins, unless a page is being continued."""
        if self.continue_token or self.field is None:
            return None
        return self.field.requires_exact_match("metadata.namespace")

    def matcher_index(self, namespace: str = "") -> list[tuple[str, str]]:
        """Exact requirements on indexed fields (`f:`) and labels (`l:`); *namespace* is that of the request."""
        found: list[tuple[str, str]] = []
        for name in self.index_fields:
            value = self.field.requires_exact_match(name) if self.field is not None else None
            if value is None and name == "metadata.namespace" and namespace:
                value = namespace
            if value is not None:
                found.append((f"f:{name}", value))
        for name in self.index_labels:
            value = self.label.requires_exact_match(name) if self.label is not None else None
            if value is not None:
                found.append((f"l:{name}", value))
        return found


EVERYTHING = SelectionPredicate()
"""No selector, no limit."""
