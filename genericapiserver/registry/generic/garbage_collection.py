"""Which finalizers a delete leaves for the garbage collector. Go: pkg/registry/generic/registry/store.go.

What decides, in this order: a policy that supports nothing, `orphanDependents`, `propagationPolicy`, a finalizer that
is already there, the kind's default.
"""

from genericapiserver.apimachinery.meta import (
    DELETE_BACKGROUND,
    DELETE_FOREGROUND,
    DELETE_ORPHAN,
    FINALIZER_DELETE_DEPENDENTS,
    FINALIZER_ORPHAN_DEPENDENTS,
    DeleteOptions,
)
from genericapiserver.registry.strategy import GarbageCollectionPolicy

_OURS = (FINALIZER_ORPHAN_DEPENDENTS, FINALIZER_DELETE_DEPENDENTS)
_BY_PROPAGATION = {
    DELETE_ORPHAN: FINALIZER_ORPHAN_DEPENDENTS,
    DELETE_FOREGROUND: FINALIZER_DELETE_DEPENDENTS,
    DELETE_BACKGROUND: None,
}


def finalizers_for_garbage_collection(
    finalizers: list[str], options: DeleteOptions, policy: GarbageCollectionPolicy
) -> list[str]:
    """The finalizers an object is to have when it is deleted with *options*; the same list if they stay as they are."""
    wanted = _wanted(finalizers, options, policy)
    result = [finalizer for finalizer in finalizers if finalizer not in _OURS]
    if wanted is not None:
        result.append(wanted)
    return finalizers if set(result) == set(finalizers) else result


def _wanted(finalizers: list[str], options: DeleteOptions, policy: GarbageCollectionPolicy) -> str | None:
    """The one finalizer of ours that applies: nothing asks for both."""
    if policy is GarbageCollectionPolicy.UNSUPPORTED:
        return None
    if options.orphan_dependents is not None:
        return FINALIZER_ORPHAN_DEPENDENTS if options.orphan_dependents else None
    if options.propagation_policy is not None and options.propagation_policy in _BY_PROPAGATION:
        return _BY_PROPAGATION[options.propagation_policy]
    for finalizer in finalizers:
        if finalizer in _OURS:
            return finalizer
    return FINALIZER_ORPHAN_DEPENDENTS if policy is GarbageCollectionPolicy.ORPHAN_DEPENDENTS else None
