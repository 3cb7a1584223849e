"""Which finalizers a delete leaves, by options, existing finalizers and the kind's policy."""

import itertools

import pytest

from genericapiserver.apimachinery.meta import DeleteOptions
from genericapiserver.registry.generic.garbage_collection import finalizers_for_garbage_collection
from genericapiserver.registry.strategy import GarbageCollectionPolicy as Policy

ORPHAN, FOREGROUND, OTHER = "orphan", "foregroundDeletion", "example.com/other"

# options.orphanDependents x existing finalizers x default policy: 24 combinations, told by what must come out.
ORPHAN_OPTIONS = (None, True, False)
EXISTING: tuple[list[str], ...] = ([], [ORPHAN], [OTHER], [ORPHAN, OTHER])
POLICIES = (Policy.DELETE_DEPENDENTS, Policy.ORPHAN_DEPENDENTS)


def others(existing: list[str]) -> list[str]:
    return [finalizer for finalizer in existing if finalizer == OTHER]


@pytest.mark.parametrize(("orphan", "existing", "policy"), list(itertools.product(ORPHAN_OPTIONS, EXISTING, POLICIES)))
def test_orphan_dependents_then_existing_finalizer_then_policy(
    orphan: bool | None, existing: list[str], policy: Policy
) -> None:
    if orphan is None:
        wanted = ORPHAN in existing or policy is Policy.ORPHAN_DEPENDENTS
    else:
        wanted = orphan
    result = finalizers_for_garbage_collection(existing, DeleteOptions(orphan_dependents=orphan), policy)
    assert set(result) == {*others(existing), *([ORPHAN] if wanted else [])}


# options.propagationPolicy x existing finalizers, with the default policy: 24 combinations.
PROPAGATION_EXISTING: tuple[list[str], ...] = (
    [],
    [ORPHAN],
    [FOREGROUND],
    [OTHER],
    [OTHER, ORPHAN],
    [OTHER, FOREGROUND],
)
WANTED = {"Orphan": ORPHAN, "Foreground": FOREGROUND, "Background": None}


@pytest.mark.parametrize(
    ("propagation", "existing"),
    list(itertools.product((None, "Orphan", "Foreground", "Background"), PROPAGATION_EXISTING)),
)
def test_propagation_policy_then_existing_finalizer(propagation: str | None, existing: list[str]) -> None:
    if propagation is None:
        wanted = next((finalizer for finalizer in existing if finalizer in (ORPHAN, FOREGROUND)), None)
    else:
        wanted = WANTED[propagation]
    result = finalizers_for_garbage_collection(
        existing, DeleteOptions(propagation_policy=propagation), Policy.DELETE_DEPENDENTS
    )
    assert set(result) == {*others(existing), *([wanted] if wanted else [])}


@pytest.mark.parametrize(
    "options", [DeleteOptions(), DeleteOptions(orphan_dependents=True), DeleteOptions(propagation_policy="Foreground")]
)
def test_a_kind_without_garbage_collection_gets_and_keeps_neither(options: DeleteOptions) -> None:
    assert finalizers_for_garbage_collection([OTHER], options, Policy.UNSUPPORTED) == [OTHER]
    assert finalizers_for_garbage_collection([ORPHAN, OTHER], options, Policy.UNSUPPORTED) == [OTHER]


def test_the_same_set_keeps_its_order_and_is_the_same_list() -> None:
    existing = [ORPHAN, OTHER]
    assert finalizers_for_garbage_collection(existing, DeleteOptions(), Policy.DELETE_DEPENDENTS) is existing
