"""What a source does not know of its objects, and where it comes from.

    uid                  the source's; else made of group, resource, namespace and name: the same for ever and everywhere
    creationTimestamp    the source's; else when the object was first seen here
    generation           the source's; else one more whenever anything but metadata and status differs
    managedFields,       what was there before: only clients of this server know them
    finalizers, owners
    labels, annotations  the source's; on a writable source also those that clients set and that it does not keep

So that a label that the source takes back goes, and one that a client has set stays, the names of those that came from the
source are remembered as fields that it manages.
"""

import copy
import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any, Final

from genericapiserver.apimachinery.meta import ManagedFieldsEntry, ObjectMeta
from genericapiserver.apimachinery.schema import GroupResource

MANAGER: Final = "source"
_FIELDS: Final = (("labels", "f:labels"), ("annotations", "f:annotations"))


class Identity:
    """Completes objects of *resource* at *api_version*. *shared* says that clients write metadata, too."""

    def __init__(self, resource: GroupResource, *, api_version: str, shared: bool) -> None:
        self._resource = resource
        self._api_version = api_version
        self._shared = shared

    def completed(self, obj: Any, known: ObjectMeta | None, now: dt.datetime) -> Any:
        """A copy of *obj* with everything that the source did not say of it; *known* is the metadata it has here."""
        metadata = copy.copy(obj.metadata)
        metadata.self_link, metadata.resource_version = "", "" if known is None else known.resource_version
        metadata.uid = metadata.uid or self.uid(metadata.namespace, metadata.name)
        created = metadata.creation_timestamp or (known.creation_timestamp if known is not None else None) or now
        created = created if created.tzinfo is not None else created.replace(tzinfo=dt.UTC)
        metadata.creation_timestamp = created.astimezone(dt.UTC).replace(microsecond=0)
        metadata.generation = metadata.generation or (known.generation if known is not None else 1)
        if known is not None:
            metadata.deletion_timestamp = known.deletion_timestamp
            metadata.deletion_grace_period_seconds = known.deletion_grace_period_seconds
            metadata.finalizers = metadata.finalizers or known.finalizers
            metadata.owner_references = metadata.owner_references or known.owner_references
            metadata.managed_fields = metadata.managed_fields or known.managed_fields
        if self._shared:
            self._share(metadata, known, now)
        completed = copy.copy(obj)
        completed.metadata = metadata
        return completed

    def uid(self, namespace: str, name: str) -> str:
        place = f"{self._resource.group}/{self._resource.resource}/{namespace}/{name}"
        return str(uuid.uuid5(uuid.NAMESPACE_URL, place))

    def _share(self, metadata: ObjectMeta, known: ObjectMeta | None, now: dt.datetime) -> None:
        """Bring the labels and annotations of clients and of the source together."""
        fields: dict[str, dict[str, Any]] = {}
        owned = {} if known is None else _owned(known)
        for attribute, name in _FIELDS:
            given: Mapping[str, str] = getattr(metadata, attribute) or {}
            if given:
                fields[name] = {f"f:{key}": {} for key in sorted(given)}
            kept = {} if known is None else getattr(known, attribute) or {}
            ours = owned.get(name, {})
            setattr(metadata, attribute, {**{k: v for k, v in kept.items() if f"f:{k}" not in ours}, **given})
        entries = [entry for entry in metadata.managed_fields or () if not _is_ours(entry)]
        if fields:
            entries.append(self._entry({"f:metadata": fields}, known, now))
        metadata.managed_fields = entries or None

    def _entry(self, fields: Mapping[str, Any], known: ObjectMeta | None, now: dt.datetime) -> ManagedFieldsEntry:
        for entry in (known.managed_fields if known is not None else None) or ():
            if _is_ours(entry) and entry.fields_v1 == fields:
                return entry
        return ManagedFieldsEntry(
            manager=MANAGER,
            operation="Update",
            api_version=self._api_version,
            time=now.replace(microsecond=0),
            fields_type="FieldsV1",
            fields_v1=fields,
        )


def _is_ours(entry: ManagedFieldsEntry) -> bool:
    return entry.manager == MANAGER and entry.operation == "Update" and not entry.subresource


def _owned(known: ObjectMeta) -> dict[str, dict[str, Any]]:
    """The names of labels and annotations that came from the source, as they stand in managed fields."""
    owned: dict[str, dict[str, Any]] = {}
    for entry in known.managed_fields or ():
        if _is_ours(entry) and isinstance(entry.fields_v1, Mapping):
            for name, fields in entry.fields_v1.get("f:metadata", {}).items():
                owned[name] = dict(fields)
    return owned


def same_content(one: Any, other: Any) -> bool:
    """Whether two objects want the same: they may differ in metadata and status."""
    return bool(_content(one) == _content(other))


def _content(obj: Any) -> Any:
    bare = copy.copy(obj)
    bare.metadata = ObjectMeta()
    if hasattr(bare, "status"):
        bare.status = None
    return bare


def for_source(obj: Any) -> Any:
    """*obj* without what only this server keeps: what is equal in this form needs no word to the source."""
    metadata = copy.copy(obj.metadata)
    metadata.resource_version, metadata.generation, metadata.managed_fields = "", 0, None
    metadata.finalizers, metadata.owner_references = [], []
    metadata.deletion_timestamp = metadata.deletion_grace_period_seconds = None
    bare = copy.copy(obj)
    bare.metadata = metadata
    return bare
