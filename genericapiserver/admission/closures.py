"""Admission in the form a registry store takes it: a callable to run on the object in its final form.

Each gives None, or what only counts, when no plugin wants to look, so that nothing is copied. Plugins get copies; what a
store passes in may be shared. Go: pkg/registry/rest/{create,update,delete}.go (AdmissionToValidateObject...Func).
"""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.chain import AdmissionChain
from genericapiserver.admission.metrics import Step
from genericapiserver.admission.operation import Operation
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.registry.rest import ValidateObject, ValidateObjectUpdate
from genericapiserver.storage.stored import StoredObject


def create_validation(chain: AdmissionChain | None, attributes: Attributes) -> ValidateObject | None:
    """Validate a create described by *attributes*; the name that was generated meanwhile is filled in."""
    if chain is None or not chain.validates(attributes.operation):
        return _passing_by(chain, attributes.operation, "validate")

    async def validate(obj: Any) -> None:
        copy = _copy(obj)
        name = attributes.name or getattr(getattr(copy, "metadata", None), "name", "")
        await chain.validate(_final(attributes, object=copy, name=name))

    return validate


def update_validation(chain: AdmissionChain | None, attributes: Attributes) -> ValidateObjectUpdate | None:
    """Validate an update described by *attributes*."""
    if chain is None or not chain.validates(attributes.operation):
        return _passing_by(chain, attributes.operation, "validate")

    async def validate(obj: Any, old: Any) -> None:
        await chain.validate(_final(attributes, object=_copy(obj), old_object=_copy(old)))

    return validate


def delete_validation(chain: AdmissionChain | None, attributes: Attributes) -> ValidateObject | None:
    """Mutating and then validating plugins for a delete: both run late, because only the store has the object."""
    if chain is None or not chain.handles(Operation.DELETE):
        return _passing_by(chain, Operation.DELETE, "admit", "validate")

    async def validate(old: Any) -> None:
        final = _final(attributes, object=None, old_object=_copy(old))
        await chain.admit(final)
        # What a mutating plugin did to the old object is not what is stored, and only that is to be judged.
        final.old_object = _copy(old)
        await chain.validate(final)

    return validate


def _passing_by(
    chain: AdmissionChain | None, operation: Operation, *steps: Step
) -> Callable[..., Awaitable[None]] | None:
    """What observes *steps* nobody need take; None when they are not observed."""
    if chain is None or not chain.counts(operation):
        return None

    async def pass_by(*_: Any) -> None:
        for step in steps:
            chain.pass_by(step, operation)

    return pass_by


def _final(attributes: Attributes, **changes: Any) -> Attributes:
    """A record for one walk: annotations and reinvocation start from nothing."""
    return attrs.evolve(attributes, is_reinvoke=False, reinvocation_requested=False, **changes)


def _copy(obj: Any) -> Any:
    return obj.object() if isinstance(obj, StoredObject) else deep_copy(obj)
