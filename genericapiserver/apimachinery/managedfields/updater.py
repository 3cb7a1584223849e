"""Keeping the books of managers over several versions (structured-merge-diff merge/update.go).

An *update* gives its manager what it added or changed, and takes that from everybody else. An *apply* merges what its
manager wants, gives it exactly that, removes what it wanted before and nobody else owns, and conflicts with others
whose fields would change. Every manager's paths are compared at the version that they are named in.
"""

from collections.abc import Mapping

from genericapiserver.apimachinery.managedfields.compare import Comparison
from genericapiserver.apimachinery.managedfields.conflicts import MergeConflict
from genericapiserver.apimachinery.managedfields.converter import VersionConverter, VersionGoneError
from genericapiserver.apimachinery.managedfields.managers import ManagerIdentity, ManagerSets, VersionedSet
from genericapiserver.apimachinery.managedfields.path_set import PathSet
from genericapiserver.apimachinery.managedfields.prune import prune
from genericapiserver.apimachinery.managedfields.typed import TypedValue

_NOTHING = PathSet()


class Updater:
    """The rules for one kind at one endpoint. *reset_fields* are paths per apiVersion that count for nobody there."""

    def __init__(self, converter: VersionConverter, reset_fields: Mapping[str, PathSet]) -> None:
        self.converter = converter
        self.reset_fields = dict(reset_fields)

    def update(self, live: TypedValue, new: TypedValue, managers: ManagerSets, manager: ManagerIdentity) -> ManagerSets:
        """Who owns what once *manager* has replaced *live* by *new*. Those who own nothing are not in it."""
        managers = self._reconciled(managers)
        changes = self._compare(live, new)
        self._settle(live, new, changes, managers, manager, force=True)
        before = managers.pop(manager, None)
        owned = before.paths.difference(changes.removed) if before else _NOTHING
        # What an endpoint resets is in none of the changes, but it may be among what was owned before.
        owned = self._without_reset(owned.union(changes.modified).union(changes.added), new.api_version)
        if owned:
            managers[manager] = VersionedSet(owned, new.api_version, applied=False)
        return managers

    def apply(
        self,
        live: TypedValue,
        config: TypedValue,
        managers: ManagerSets,
        manager: ManagerIdentity,
        *,
        force: bool,
    ) -> tuple[TypedValue | None, ManagerSets]:
        """*live* with *config* merged in and pruned, or None if nothing changes; and who owns what then.

        Raises MergeConflict, unless *force* takes the fields from the others.
        """
        managers = self._reconciled(managers)
        merged = live.merge(config)
        last = managers.get(manager)
        owned = self._without_reset(config.field_set(), config.api_version)
        managers[manager] = VersionedSet(owned, config.api_version, applied=True)
        if last is not None and last.paths:
            merged = prune(self.converter, merged, managers.values(), last, config.api_version)
        self._settle(live, merged, self._compare(live, merged), managers, manager, force=force)
        return (None if live.equals(merged) else merged), managers

    def _reconciled(self, managers: ManagerSets) -> ManagerSets:
        """*managers* without those of versions that are gone, their paths as the types are today."""
        reconciled = {}
        for manager, owned in managers.items():
            try:
                schema = self.converter.schema(owned.api_version)
            except VersionGoneError:
                continue
            paths = TypedValue(None, schema, owned.api_version).collapsed(owned.paths)
            reconciled[manager] = owned if paths is owned.paths else owned._replace(paths=paths)
        return reconciled

    def _settle(
        self,
        live: TypedValue,
        new: TypedValue,
        changes: Comparison,
        managers: ManagerSets,
        winner: ManagerIdentity,
        *,
        force: bool,
    ) -> None:
        """Take what changed from everybody but *winner*, in place. Raises MergeConflict where that needs *force*."""
        at_version = {new.api_version: changes}
        contested: dict[ManagerIdentity, PathSet] = {}
        for manager, owned in managers.items():
            if manager == winner:
                continue
            found = at_version.get(owned.api_version)
            if found is None:
                found = at_version[owned.api_version] = self._compare(
                    self.converter.convert(live, owned.api_version), self.converter.convert(new, owned.api_version)
                )
            changed = found.modified.union(found.added)
            if changed and (conflict := owned.paths.intersection(changed)):
                contested[manager] = conflict
        if contested and not force:
            raise MergeConflict.between(contested)
        for manager, owned in list(managers.items()):
            paths = owned.paths
            if manager != winner:
                paths = paths.difference(contested.get(manager, _NOTHING))
                paths = paths.difference(at_version[owned.api_version].removed)
            if not paths:
                del managers[manager]
            elif paths is not owned.paths:
                managers[manager] = owned._replace(paths=paths)

    def _compare(self, live: TypedValue, new: TypedValue) -> Comparison:
        return live.compare(new).without(self.reset_fields.get(new.api_version, _NOTHING))

    def _without_reset(self, paths: PathSet, api_version: str) -> PathSet:
        return paths.recursive_difference(self.reset_fields.get(api_version, _NOTHING))
