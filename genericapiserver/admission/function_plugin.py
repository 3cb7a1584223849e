"""A plain function as a plugin.

@validating_plugin(Operation.CREATE, resources=["flunders"])
async def no_banned_names(attributes: Attributes) -> None:
    if attributes.name in BANNED:
        raise new_forbidden(attributes, "this name may not be used")
"""

import inspect
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import TypeAlias

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.operation import Operation
from genericapiserver.admission.versioned import encode_versioned, scheme_of
from genericapiserver.apimachinery.errors import InternalError
from genericapiserver.apimachinery.serializer.codec import CodecFactory

logger = logging.getLogger(__name__)

AdmissionFunction: TypeAlias = Callable[[Attributes], Awaitable[None] | None]
"""Looks at a write, and raises to refuse it. May be async or not."""


class _FunctionPlugin:
    def __init__(
        self, function: AdmissionFunction, operations: Collection[Operation], resources: Collection[str] | None
    ) -> None:
        self.name = getattr(function, "__name__", type(function).__name__)
        self.__doc__ = function.__doc__
        self._function = function
        if isinstance(resources, str):
            raise TypeError(f"resources of the admission plugin {self.name} has to be a list of names, not a string")
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
        """Raises InternalError when the function leaves an object that could be stored, but never be read again."""
        await self._call(attributes)
        if attributes.scheme is not None and attributes.operation is not Operation.CONNECT:
            self._check_object(attributes)

    def _check_object(self, attributes: Attributes) -> None:
        try:
            data = encode_versioned(attributes, attributes.object, attributes.kind)
            if data is None and attributes.operation in (Operation.CREATE, Operation.UPDATE):
                raise ValueError("there is none")
            if data is not None:
                CodecFactory(scheme_of(attributes)).decode(data, default_gvk=attributes.kind)
        except Exception as error:
            problem = f"admission plugin {self.name} made an object that cannot be stored: {error}"
            logger.exception("%s", problem)
            raise InternalError(problem) from error


class ValidatingFunctionPlugin(_FunctionPlugin):
    """Calls its function to judge objects."""

    async def validate(self, attributes: Attributes) -> None:
        await self._call(attributes)


def mutating_plugin(
    *operations: Operation, resources: Collection[str] | None = None
) -> Callable[[AdmissionFunction], MutatingFunctionPlugin]:
    """Decorate a function that changes `attributes.object` on *operations* (all if none is given).

    *resources* are plural resource names; None means every resource. The plugin is named after the function. Raises
    ValueError for an operation that there is not, TypeError for *resources* that are one string and for a decorator
    without parentheses.
    """

    chosen = _chosen(operations)

    def wrap(function: AdmissionFunction) -> MutatingFunctionPlugin:
        return MutatingFunctionPlugin(function, chosen, resources)

    return wrap


def validating_plugin(
    *operations: Operation, resources: Collection[str] | None = None
) -> Callable[[AdmissionFunction], ValidatingFunctionPlugin]:
    """Decorate a function that raises to refuse a write; the rest as in `mutating_plugin`."""

    chosen = _chosen(operations)

    def wrap(function: AdmissionFunction) -> ValidatingFunctionPlugin:
        return ValidatingFunctionPlugin(function, chosen, resources)

    return wrap


def _chosen(operations: Collection[Operation]) -> Collection[Operation]:
    """All operations if none is given. A plugin for what there is not would let everything pass.

    A function stands here when the decorator was written without parentheses, and would never become a plugin.
    """
    if any(callable(operation) for operation in operations):
        raise TypeError("write the decorator of an admission plugin with parentheses: @validating_plugin()")
    return [Operation(operation) for operation in operations] or tuple(Operation)
