"""Keeping the number of Update entries down (managedfields/internal/capmanagers.go)."""

from genericapiserver.apimachinery.managedfields.managers import (
    UPDATE,
    Managed,
    ManagerIdentity,
    seconds_of,
)

MAX_UPDATE_MANAGERS = 10
BUCKET = "ancient-changes"
"""The manager that inherits what the oldest updaters own, one entry per version."""


def cap_update_managers(managed: Managed, limit: int = MAX_UPDATE_MANAGERS) -> None:
    """Merge the oldest Update entries of each version into one, in place, until no more than *limit* are left."""
    sets, times = managed.sets, managed.times
    updaters = [manager for manager, owned in sets.items() if not owned.applied]
    surplus = len(updaters) - limit
    if surplus <= 0:
        return
    updaters.sort(key=lambda manager: (seconds_of(times.get(manager)), manager.order))
    first_of: dict[str, ManagerIdentity] = {}
    for manager in updaters:
        if surplus <= 0:
            return
        owned = sets[manager]
        bucket = ManagerIdentity(BUCKET, UPDATE, owned.api_version)
        first = first_of.setdefault(owned.api_version, manager)
        # The first of a version waits for a second: one entry alone is not worth a bucket. Go loses a bucket that comes
        # second to an entry of the same second; here it just stays.
        if first is manager or manager == bucket:
            continue
        if bucket not in sets:
            sets[bucket] = sets.pop(first)
            times.pop(first, None)
        sets[bucket] = sets[bucket]._replace(paths=owned.paths.union(sets[bucket].paths))
        del sets[manager]
        times.pop(bucket, None)
        if manager in times:
            times[bucket] = times.pop(manager)
        surplus -= 1
