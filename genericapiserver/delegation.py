"""The delegation chain: a server that does not know a path asks the next one.

Hooks, health checks and signals of a delegate are taken over once, when the outer server is made; listed paths are read
live. Only the outermost server runs: its filter chain, its audit backend, its lifecycle.
Source: DelegationTarget in pkg/server/genericapiserver.go of k8s.io/apiserver.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from genericapiserver.aio import Signal
from genericapiserver.asgi import Handler
from genericapiserver.healthz import HealthChecker
from genericapiserver.hooks import PostStartHookEntry, PreShutdownHookEntry


class DelegationTarget(Protocol):
    """What an outer server needs of the next one. GenericAPIServer and EmptyDelegate are the two there are."""

    @property
    def unprotected_handler(self) -> Handler | None:
        """The director without the filter chain; None when there is nothing behind."""

    @property
    def post_start_hooks(self) -> Mapping[str, PostStartHookEntry]: ...

    @property
    def pre_shutdown_hooks(self) -> Mapping[str, PreShutdownHookEntry]: ...

    @property
    def healthz_checks(self) -> Sequence[HealthChecker]:
        """The checks of /healthz; those only on /readyz or /livez stay with their server."""

    @property
    def listed_paths(self) -> list[str]: ...

    @property
    def next_delegate(self) -> "DelegationTarget | None": ...

    @property
    def mux_and_discovery_complete_signals(self) -> Mapping[str, Signal]: ...

    def prepare_delegate(self) -> None:
        """Do what prepare_run does, for the whole chain, innermost first."""

    async def aclose(self) -> None:
        """Release what the server and its delegates hold. May be called twice."""


class EmptyDelegate:
    """The end of a chain. With a *handler*, that one answers what no server knows."""

    def __init__(self, handler: Handler | None = None) -> None:
        self._handler = handler

    @property
    def unprotected_handler(self) -> Handler | None:
        return self._handler

    @property
    def post_start_hooks(self) -> Mapping[str, PostStartHookEntry]:
        return {}

    @property
    def pre_shutdown_hooks(self) -> Mapping[str, PreShutdownHookEntry]:
        return {}

    @property
    def healthz_checks(self) -> Sequence[HealthChecker]:
        return ()

    @property
    def listed_paths(self) -> list[str]:
        return []

    @property
    def next_delegate(self) -> DelegationTarget | None:
        return None

    @property
    def mux_and_discovery_complete_signals(self) -> Mapping[str, Signal]:
        return {}

    def prepare_delegate(self) -> None:
        """There is nothing to prepare."""

    async def aclose(self) -> None:
        """There is nothing to release."""
