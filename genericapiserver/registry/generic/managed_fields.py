"""Times in managedFields do not make a change. Go: apimachinery managedfields
IgnoreManagedFieldsTimestampsTransformer."""

from typing import Any, Final

UNEQUAL_FAST: Final = "unequal_objects_fast"
UNEQUAL_SLOW: Final = "unequal_objects_slow"
EQUAL: Final = "equal_objects"


def ignore_managed_fields_timestamps(obj: Any, old: Any) -> str:
    """Put the old times back into *obj* when nothing but times differs, so that storage sees that nothing changed.

    Returns how that was found out, for the metrics: by the entries alone, or by comparing the whole objects.
    """
    new_entries = obj.metadata.managed_fields
    old_entries = old.metadata.managed_fields
    if not new_entries or not old_entries or len(new_entries) != len(old_entries):
        return UNEQUAL_FAST
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
            return UNEQUAL_FAST
        changed = True
    if not changed:
        return UNEQUAL_FAST
    obj.metadata.managed_fields = old_entries
    if obj != old:
        obj.metadata.managed_fields = new_entries
        return UNEQUAL_SLOW
    return EQUAL
