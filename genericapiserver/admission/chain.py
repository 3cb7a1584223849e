"""The chain: every enabled plugin in order, first those that change, then those that judge.

    admit     before the store: mutating plugins in order; once more from the start when one asked for it, never a
    third time validate  inside the store, on the prepared and validated object: validating plugins in order

The first error ends a walk. Which plugins an operation concerns is settled when the chain is made, so a write that no
plugin handles costs nothing. Go: pkg/admission/chain.go, reinvocation.go, metrics/metrics.go.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.metrics import AdmissionMetrics, Step, StepTimer
from genericapiserver.admission.operation import Operation
from genericapiserver.admission.plugin import AdmissionPlugin, IdlePlugin, MutatingPlugin, ValidatingPlugin

_Call = Callable[[Attributes], Awaitable[None]]
_Idle = tuple[Callable[[], bool], ...]


class AdmissionChain:
    """Plugins as one, and a plugin itself.

    *plugins* is a mapping of names to plugins, in order, or just the plugins, which are then known by their `name`
    attribute or their class. With *metrics* every step and every plugin is timed.
    """

    def __init__(
        self,
        plugins: Mapping[str, AdmissionPlugin] | Iterable[AdmissionPlugin] = (),
        *,
        metrics: AdmissionMetrics | None = None,
    ) -> None:
        named = (
            tuple(plugins.items())
            if isinstance(plugins, Mapping)
            else tuple((str(getattr(plugin, "name", type(plugin).__name__)), plugin) for plugin in plugins)
        )
        self.plugins: Final[tuple[AdmissionPlugin, ...]] = tuple(plugin for _, plugin in named)
        self._mutating: dict[Operation, _Call] = {}
        self._validating: dict[Operation, _Call] = {}
        self._idle_mutating: dict[Operation, _Idle] = {}
        self._idle_validating: dict[Operation, _Idle] = {}
        """How to ask all plugins whether they are idle, for operations that only such plugins handle that can be."""
        self._passing: dict[tuple[Step, Operation], tuple[StepTimer, ...]] = {}
        """What a walk observes that need not be gone: the step, and every plugin that has nothing to do in it."""
        for operation in Operation:
            handling = [(name, plugin) for name, plugin in named if plugin.handles(operation)]
            self._idle_mutating[operation] = _idle(
                plugin for _, plugin in handling if isinstance(plugin, MutatingPlugin)
            )
            self._idle_validating[operation] = _idle(
                plugin for _, plugin in handling if isinstance(plugin, ValidatingPlugin)
            )
            admits: list[_Call] = []
            validates: list[_Call] = []
            timers: dict[Step, list[StepTimer]] = {"admit": [], "validate": []}
            for name, plugin in handling:
                if isinstance(plugin, MutatingPlugin):
                    timer = metrics.controller(name, "admit", operation) if metrics else None
                    admits.append(_timed(plugin.admit, timer))
                    timers["admit"] += [timer] if timer else []
                if isinstance(plugin, ValidatingPlugin):
                    timer = metrics.controller(name, "validate", operation) if metrics else None
                    validates.append(_timed(plugin.validate, timer))
                    timers["validate"] += [timer] if timer else []
            steps: dict[Step, StepTimer] = {}
            if metrics and handling:
                steps = {"admit": metrics.step("admit", operation), "validate": metrics.step("validate", operation)}
                self._passing |= {(step, operation): (timer, *timers[step]) for step, timer in steps.items()}
            if admits:
                self._mutating[operation] = _timed(_reinvoking(_walk(admits)), steps.get("admit"))
            if validates:
                self._validating[operation] = _timed(_walk(validates), steps.get("validate"))

    def handles(self, operation: Operation) -> bool:
        """Whether any plugin does."""
        return self.mutates(operation) or self.validates(operation)

    def mutates(self, operation: Operation) -> bool:
        """Whether `admit` would call anybody."""
        return operation in self._mutating and not _all_idle(self._idle_mutating[operation])

    def validates(self, operation: Operation) -> bool:
        """Whether `validate` would call anybody: if not, the copy for it need not be made."""
        return operation in self._validating and not _all_idle(self._idle_validating[operation])

    async def admit(self, attributes: Attributes) -> None:
        """Run the mutating plugins. Raises what the first that refuses raises."""
        call = self._mutating.get(attributes.operation)
        if call is not None:
            await call(attributes)
        else:
            self.pass_by("admit", attributes.operation)

    async def validate(self, attributes: Attributes) -> None:
        """Run the validating plugins. Raises what the first that refuses raises."""
        call = self._validating.get(attributes.operation)
        if call is not None:
            await call(attributes)
        else:
            self.pass_by("validate", attributes.operation)

    def counts(self, operation: Operation) -> bool:
        """Whether a walk is observed even when nobody would be called: there is a plugin for the operation."""
        return ("validate", operation) in self._passing

    def pass_by(self, step: Step, operation: Operation) -> None:
        """Observe a walk that was spared, because no plugin takes part in it or every one is idle.

        The reference walks it all the same, and whoever looks at the metrics wants to see the step and its plugins.
        """
        for timer in self._passing.get((step, operation), ()):
            timer.observe(0.0, rejected=False)


def _idle(plugins: Iterable[AdmissionPlugin]) -> _Idle:
    """The questions to *plugins*; none when one of them always has something to do."""
    found = tuple(plugins)
    asked = tuple(plugin.is_idle for plugin in found if isinstance(plugin, IdlePlugin))
    return asked if len(asked) == len(found) else ()


def _all_idle(questions: _Idle) -> bool:
    return bool(questions) and all(is_idle() for is_idle in questions)


def _walk(calls: list[_Call]) -> _Call:
    if len(calls) == 1:
        return calls[0]

    async def walk(attributes: Attributes) -> None:
        for call in calls:
            await call(attributes)

    return walk


def _reinvoking(walk: _Call) -> _Call:
    async def reinvoking(attributes: Attributes) -> None:
        await walk(attributes)
        if attributes.reinvocation_requested and not attributes.is_reinvoke:
            attributes.is_reinvoke = True
            await walk(attributes)

    return reinvoking


def _timed(call: _Call, timer: StepTimer | None) -> _Call:
    if timer is None:
        return call

    async def timed(attributes: Attributes) -> None:
        start = time.perf_counter()
        rejected = True
        try:
            await call(attributes)
            rejected = False
        finally:
            timer.observe(time.perf_counter() - start, rejected=rejected)

    return timed
