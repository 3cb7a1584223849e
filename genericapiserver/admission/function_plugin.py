"""A plain function as a plugin.

@validating_plugin(Operation.CREATE, resources=["flunders"])
async def no_banned_names(attributes: Attributes) -> None:
    if attributes.name in BANNED:
        raise new_forbidden(attributes, "this name may not be used")
"""

import inspect
from collections.abc import Awaitable, Callable, Collection
from typing import TypeAlias

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.operation import Operation

AdmissionFunction: TypeAlias = Callable[[Attributes], Awaitable[None] | None]
"""Looks at a write, and raises to refuse it. May be async or not."""


class _FunctionPlugin:
    def __init__(
        self, function: AdmissionFunction, operations: Collection[Operation], resources: Collection[str] | None
    ) -> None:
        self.name = getattr(function, "__name__", type(function).__name__)
        self.__doc__ = function.__doc__
        self._function = function
        self._operations = frozenset(operations)
        self._resources = None if resources is None else frozenset(resources)

    def handles(self, operation: Operation) -> bool:
        return operation in self._operations

    async def _call(self, attributes: Attributes) -> None:
        if self._resources is not None and attributes.resource.resource not in self._resources:
            return
        result = self._function(attributes)
        if inspect.isawaitable(result):
            await result


class MutatingFunctionPlugin(_FunctionPlugin):
    """Calls its function to change objects."""

    async def admit(self, attributes: Attributes) -> None:
        await self._call(attributes)


class ValidatingFunctionPlugin(_FunctionPlugin):
    """Calls its function to judge objects."""

    async def validate(self, attributes: Attributes) -> None:
        await self._call(attributes)


def mutating_plugin(
    *operations: Operation, resources: Collection[str] | None = None
) -> Callable[[AdmissionFunction], MutatingFunctionPlugin]:
    """Decorate a function that changes `attributes.object` on *operations* (all if none is given).

    *resources* are plural resource names; None means every resource. The plugin is named after the function.
    """

    def wrap(function: AdmissionFunction) -> MutatingFunctionPlugin:
        return MutatingFunctionPlugin(function, operations or tuple(Operation), resources)

    return wrap


def validating_plugin(
    *operations: Operation, resources: Collection[str] | None = None
) -> Callable[[AdmissionFunction], ValidatingFunctionPlugin]:
    """Decorate a function that raises to refuse a write; the rest as in `mutating_plugin`."""

    def wrap(function: AdmissionFunction) -> ValidatingFunctionPlugin:
        return ValidatingFunctionPlugin(function, operations or tuple(Operation), resources)

    return wrap
