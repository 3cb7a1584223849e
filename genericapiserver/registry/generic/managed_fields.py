"""Times in managedFields do not make a change. Go: apimachinery managedfields
IgnoreManagedFieldsTimestampsTransformer."""

from typing import Any


def ignore_managed_fields_timestamps(obj: Any, old: Any) -> None:
    """Put the old times back into *obj* when nothing but times differs, so that storage sees that nothing changed."""
    new_entries = obj.metadata.managed_fields
    old_entries = old.metadata.managed_fields
    if not new_entries or not old_entries or len(new_entries) != len(old_entries):
        return
    changed = False
    for new, before in zip(new_entries, old_entries, strict=True):
        if new == before:
            continue
        if (
            new.manager != before.manager
            or new.operation != before.operation
            or new.api_version != before.api_version
            or new.fields_type != before.fields_type
            or new.subresource != before.subresource
            or new.fields_v1 != before.fields_v1
        ):
            return
        changed = True
    if not changed:
        return
    obj.metadata.managed_fields = old_entries
    if obj != old:
        obj.metadata.managed_fields = new_entries
