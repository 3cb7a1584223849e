"""Who manages the replicas of an object, told through its scale (pkg/util/managedfields/scalehandler.go).

A Scale stores nothing, so neither does it keep managedFields. Before an update of a scale, whoever owns the replicas of
the object is presented as owner of `spec.replicas` of the Scale; what the update makes of that is brought back after it:
owners who lost the field lose it in the object, and who set it owns it there, with the subresource `scale`.
"""

from collections.abc import Mapping, Sequence

import attrs

from genericapiserver.apimachinery.managedfields.elements import Path, make_path
from genericapiserver.apimachinery.managedfields.managers import (
    Managed,
    ManagedFieldsError,
    ManagerIdentity,
    ManagerSets,
    VersionedSet,
    decode_managed_fields,
    encode_managed_fields,
)
from genericapiserver.apimachinery.managedfields.path_set import PathSet
from genericapiserver.apimachinery.meta import ManagedFieldsEntry

_REPLICAS_OF_SCALE = make_path("spec", "replicas")


@attrs.frozen(kw_only=True)
class ScaleManagers:
    """Translates entries between objects and their scales. Entries that cannot be read count for nothing.

    *replicas* is where the object has its replicas, by the apiVersion that an entry may have; new entries have
    *version*, one of them. *scale_version* is that of the Scale.
    """

    replicas: Mapping[str, Path]
    version: str
    scale_version: str

    def of_scale(self, entries: Sequence[ManagedFieldsEntry] | None) -> list[ManagedFieldsEntry] | None:
        """The owners of the replicas among *entries* of an object, as entries of its scale."""
        managed = _decode_or_nothing(entries)
        presented = Managed()
        for identity, owned in managed.sets.items():
            if self._has_replicas(owned):
                twin = self._presented(identity)
                presented.sets[twin] = VersionedSet(PathSet.of(_REPLICAS_OF_SCALE), self.scale_version, owned.applied)
                _keep_time(managed, identity, presented, twin)
        return encode_managed_fields(presented)

    def of_object(
        self, entries: Sequence[ManagedFieldsEntry] | None, scale_entries: Sequence[ManagedFieldsEntry] | None
    ) -> list[ManagedFieldsEntry] | None:
        """*entries* of an object after its scale went over to *scale_entries*."""
        managed, scale = _decode_or_nothing(entries), _decode_or_nothing(scale_entries)
        owners: ManagerSets = {who: owned for who, owned in scale.sets.items() if owned.paths.has(_REPLICAS_OF_SCALE)}
        after = Managed()
        for identity, owned in managed.sets.items():
            times, timed = managed, identity
            if self._has_replicas(owned):
                twin = self._presented(identity)
                if owners.pop(twin, None) is not None:
                    times, timed = scale, twin
                else:
                    lost = PathSet.of(self.replicas[owned.api_version])
                    owned = owned._replace(paths=owned.paths.difference(lost))
            if owned.paths:
                after.sets[identity] = owned
                _keep_time(times, timed, after, identity)
        for identity, owned in owners.items():
            mine = ManagerIdentity.of(identity.manager, identity.operation, self.version, identity.subresource)
            paths = PathSet.of(self.replicas[self.version])
            if (known := after.sets.get(mine)) is not None:
                paths = paths.union(known.paths)
            after.sets[mine] = VersionedSet(paths, self.version, owned.applied)
            _keep_time(scale, identity, after, mine)
        return encode_managed_fields(after)

    def _has_replicas(self, owned: VersionedSet) -> bool:
        path = self.replicas.get(owned.api_version)
        return path is not None and owned.paths.has(path)

    def _presented(self, identity: ManagerIdentity) -> ManagerIdentity:
        return ManagerIdentity.of(identity.manager, identity.operation, self.scale_version, identity.subresource)


def _decode_or_nothing(entries: Sequence[ManagedFieldsEntry] | None) -> Managed:
    try:
        return decode_managed_fields(entries)
    except ManagedFieldsError:
        return Managed()


def _keep_time(source: Managed, identity: ManagerIdentity, target: Managed, twin: ManagerIdentity) -> None:
    time = source.times.get(identity)
    if time is not None:
        target.times[twin] = time
