"""Removing what an applier no longer wants (structured-merge-diff merge/update.go, prune).

A field goes only if its applier had it in the last configuration, has it not in this one, and nobody else owns it. Owners
may name it in other versions, and what follows from it there (a default, a converted field) has to come back with it:
so everything is removed first, and then whatever is owned is added back, version by version.
"""

from collections.abc import Iterable

from genericapiserver.apimachinery.managedfields.converter import VersionConverter, VersionGoneError
from genericapiserver.apimachinery.managedfields.managers import VersionedSet
from genericapiserver.apimachinery.managedfields.path_set import PathSet
from genericapiserver.apimachinery.managedfields.typed import TypedValue


def prune(
    converter: VersionConverter,
    merged: TypedValue,
    owners: Iterable[VersionedSet],
    last: VersionedSet,
    api_version: str,
) -> TypedValue:
    """*merged*, at *api_version*, without what only *last* speaks for, the applier's set before this.

    *owners* are the sets of all managers, the applier's new one among them.
    """
    try:
        merged = converter.convert(merged, last.api_version)
    except VersionGoneError:
        return merged
    pruned = merged.remove(merged.closure(last.paths))
    pruned = _add_back_owned(converter, merged, pruned, owners)
    pruned = _add_back_foreign(converter, merged, pruned, last)
    return converter.convert(pruned, api_version)


def _add_back_owned(
    converter: VersionConverter, merged: TypedValue, pruned: TypedValue, owners: Iterable[VersionedSet]
) -> TypedValue:
    """*pruned* with everything that somebody owns, at the version of the last of them."""
    owned: dict[str, PathSet] = {}
    for owner in owners:
        owned[owner.api_version] = owned.get(owner.api_version, PathSet()).union(owner.paths)
    # The version that was pruned comes first: fields may be missing there that conversion cannot do without.
    for version in sorted(owned, key=lambda version: version != merged.api_version):
        merged = converter.convert(merged, version)
        pruned = converter.convert(pruned, version)
        kept = pruned.closure(pruned.field_set()).union(merged.closure(owned[version]))
        pruned = merged.remove(merged.closure(merged.field_set()).difference(kept))
    return pruned


def _add_back_foreign(
    converter: VersionConverter, merged: TypedValue, pruned: TypedValue, last: VersionedSet
) -> TypedValue:
    """*merged* without what is missing from *pruned* and was the applier's own: nothing else may go."""
    pruned = converter.convert(pruned, last.api_version)
    gone = merged.closure(merged.field_set()).difference(pruned.closure(pruned.field_set()))
    return merged.remove(gone.intersection(merged.closure(last.paths)))
