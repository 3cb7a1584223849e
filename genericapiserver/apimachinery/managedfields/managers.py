"""The entries of `metadata.managedFields`, and what they stand for (pkg/util/managedfields/internal/managedfields.go).

An entry says that one manager, by one operation, owns a set of paths. Who it is counts as the same manager again:
for an Update its name, apiVersion and subresource, for an Apply its name and subresource.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

import attrs
import msgspec

from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.managedfields.elements import FieldsError, canonical_json
from genericapiserver.apimachinery.managedfields.fields_v1 import decode_fields, encode_fields
from genericapiserver.apimachinery.managedfields.path_set import PathSet
from genericapiserver.apimachinery.meta import ManagedFieldsEntry

APPLY = "Apply"
UPDATE = "Update"
FIELDS_V1 = "FieldsV1"


class ManagedFieldsError(ValueError):
    """An entry that cannot be understood."""


class ManagerIdentity(NamedTuple):
    """Who owns fields. `api_version` is empty for an Apply, which may move from one version to another."""

    manager: str
    operation: str
    api_version: str = ""
    subresource: str = ""

    @classmethod
    def of(cls, manager: str, operation: str, api_version: str, subresource: str) -> "ManagerIdentity":
        """The identity of an entry with these fields."""
        return cls(manager, operation, "" if operation == APPLY else api_version, subresource)

    @property
    def order(self) -> str:
        """The text that the reference keeps identities as, which decides their order where one is needed."""
        named = zip(("manager", "operation", "apiVersion", "subresource"), self, strict=True)
        return "{" + ",".join(f'"{name}":{canonical_json(value)}' for name, value in named if value) + "}"

    def __str__(self) -> str:
        """As messages name a manager: `"kubectl" with subresource "status" using apps/v1`."""
        text = quote(self.manager)
        if self.subresource:
            text += f" with subresource {quote(self.subresource)}"
        return f"{text} using {self.api_version}" if self.operation == UPDATE else text


class VersionedSet(NamedTuple):
    """The paths that a manager owns, named as they are in one version, and whether by Apply."""

    paths: PathSet
    api_version: str
    applied: bool


ManagerSets = dict[ManagerIdentity, VersionedSet]


@attrs.frozen
class Managed:
    """All that is known of an object's managers."""

    sets: ManagerSets = attrs.field(factory=dict)
    times: dict[ManagerIdentity, dt.datetime] = attrs.field(factory=dict)
    """When each entry last changed, where that is known."""


def decode_managed_fields(entries: Sequence[ManagedFieldsEntry] | None) -> Managed:
    """What *entries* say; of two with one identity the later counts. Raises ManagedFieldsError."""
    managed = Managed()
    for index, entry in enumerate(entries or ()):
        if entry.operation not in (APPLY, UPDATE):
            raise ManagedFieldsError("operation must be `Apply` or `Update`")
        if not entry.api_version:
            raise ManagedFieldsError("apiVersion must not be empty")
        if not entry.fields_type:
            raise ManagedFieldsError(f"missing fieldsType in managed fields entry {index}")
        if entry.fields_type != FIELDS_V1:
            raise ManagedFieldsError(f"invalid fieldsType {quote(entry.fields_type)} in managed fields entry {index}")
        identity = ManagerIdentity.of(entry.manager, entry.operation, entry.api_version, entry.subresource)
        try:
            paths = decode_fields(_document(entry.fields_v1))
        except FieldsError as error:
            raise ManagedFieldsError(
                f"error decoding versioned set from entry {index}: error decoding set: {error}"
            ) from error
        managed.sets[identity] = VersionedSet(paths, entry.api_version, entry.operation == APPLY)
        if entry.time is not None:
            managed.times[identity] = entry.time
        else:
            managed.times.pop(identity, None)
    return managed


def _document(fields: Any) -> Any:
    return msgspec.json.decode(fields) if isinstance(fields, msgspec.Raw) else fields


def validate_managed_fields(entries: Sequence[ManagedFieldsEntry] | None) -> None:
    """Raise ManagedFieldsError unless *entries* can be understood: what mutating admission leaves has to."""
    decode_managed_fields(entries)


def encode_managed_fields(managed: Managed) -> list[ManagedFieldsEntry] | None:
    """The entries of *managed* in the order they are kept in: Apply first, then by time, then by name. None for none."""
    entries = [
        ManagedFieldsEntry(
            manager=identity.manager,
            operation=APPLY if owned.applied else identity.operation,
            api_version=owned.api_version,
            time=managed.times.get(identity),
            fields_type=FIELDS_V1,
            fields_v1=encode_fields(owned.paths),
            subresource=identity.subresource,
        )
        for identity, owned in managed.sets.items()
    ]
    if len(entries) > 1:
        entries.sort(key=_entry_order)
    return entries or None


def _entry_order(entry: ManagedFieldsEntry) -> tuple[str, int, str, str, str]:
    return (entry.operation, seconds_of(entry.time), entry.manager, entry.api_version, entry.subresource)


def seconds_of(time: dt.datetime | None) -> int:
    """The time that entries are ordered by: whole seconds, and none comes first."""
    return 0 if time is None else int(time.timestamp() // 1)
