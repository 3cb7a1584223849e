"""What an admission plugin is, and bases that spare it the usual lines. Go: pkg/admission/interfaces.go, handler.go."""

import asyncio
from typing import Final, Protocol, runtime_checkable

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.errors import new_forbidden
from genericapiserver.admission.operation import Operation
from genericapiserver.aio import Signal

READY_TIMEOUT: Final = 10.0
"""Seconds a request waits for a plugin that is not ready. Long enough for informers of a starting server."""


@runtime_checkable
class AdmissionPlugin(Protocol):
    """Anything the chain may hold. Whether it changes objects, judges them or both is told by the two protocols
    below."""

    def handles(self, operation: Operation) -> bool:
        """Whether writes of that kind concern the plugin. Asked once, when the chain is made."""


@runtime_checkable
class MutatingPlugin(AdmissionPlugin, Protocol):
    """A plugin that may change the object. Runs before the kind's own preparation and validation."""

    async def admit(self, attributes: Attributes) -> None:
        """Changes `attributes.object`, or raises a StatusError (see `new_forbidden`) to refuse the write."""


@runtime_checkable
class ValidatingPlugin(AdmissionPlugin, Protocol):
    """A plugin that says no. Sees the object as it will be stored."""

    async def validate(self, attributes: Attributes) -> None:
        """Raises a StatusError to refuse the write; changes nothing."""


@runtime_checkable
class IdlePlugin(Protocol):
    """A plugin that knows when it has nothing to do, so that no copies are made for it."""

    def is_idle(self) -> bool:
        """Whether every write passes at present, whatever it is. Asked for each write."""


class PluginInitializer(Protocol):
    """Hands a plugin what it asked for (a client, informers), usually after a look at its type."""

    def initialize(self, plugin: AdmissionPlugin) -> None: ...


@runtime_checkable
class InitializationValidator(Protocol):
    """A plugin that checks that the initializers gave it what it needs."""

    def validate_initialization(self) -> None:
        """Raises an exception whose text says what is missing, such as `missing fischer lister`."""


class OperationHandler:
    """A base for plugins: handles the operations it was made with."""

    def __init__(self, *operations: Operation) -> None:
        self._operations = frozenset(operations)

    def handles(self, operation: Operation) -> bool:
        return operation in self._operations


class ReadyHandler(OperationHandler):
    """A base for plugins that look things up and have to wait until they can (informers that fill).

    The reference looks every tenth of a second whether a plugin is ready; here the signals wake who waits.
    """

    def __init__(self, *operations: Operation) -> None:
        super().__init__(*operations)
        self._awaited: tuple[Signal, ...] = ()

    def wait_for(self, *signals: Signal) -> None:
        """Be ready when all *signals* have fired. Without any the plugin is always ready."""
        self._awaited = signals

    def is_ready(self) -> bool:
        """Whether requests need not wait."""
        # Signals that have fired stay fired, so the usual case becomes a look at an empty tuple.
        if self._awaited and all(signal.is_set() for signal in self._awaited):
            self._awaited = ()
        return not self._awaited

    async def wait_for_ready(self, timeout: float = READY_TIMEOUT) -> bool:
        """Whether the plugin became ready within *timeout* seconds; returns at once when it is."""
        if self.is_ready():
            return True
        try:
            async with asyncio.timeout(timeout):
                for signal in self._awaited:
                    await signal.wait()
        except TimeoutError:
            pass
        return self.is_ready()

    async def require_ready(self, attributes: Attributes, timeout: float = READY_TIMEOUT) -> None:
        """Raises ForbiddenError when the plugin is not ready in time: a write is refused rather than let through."""
        if not await self.wait_for_ready(timeout):
            raise new_forbidden(attributes, "not yet ready to handle request")
