"""The post-start hooks that every server brings, where a delegate has not brought them already.

Source: New and the lines behind it in pkg/server/config.go of k8s.io/apiserver.
"""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

import attrs

from genericapiserver.asgi import Scope
from genericapiserver.client.informer import InformerFactory
from genericapiserver.config import CompletedConfig, Config, RecommendedConfig
from genericapiserver.healthz import HealthChecker, named_check
from genericapiserver.hooks import PostStartHook, PostStartHookContext

INFORMERS_HOOK: Final = "generic-apiserver-start-informers"
INFORMERS_CHECK: Final = "informer-sync"
MAX_IN_FLIGHT_HOOK: Final = "max-in-flight-filter"
FLOW_CONTROL_FILTER_HOOK: Final = "priority-and-fairness-filter"
FLOW_CONTROL_HOOK: Final = "priority-and-fairness-config-consumer"
OBJECT_COUNT_HOOK: Final = "storage-object-count-tracker-hook"


@attrs.frozen
class BuiltInHook:
    """A hook, and what /readyz waits for beside it, whether the hook is disabled or not."""

    name: str
    hook: PostStartHook
    readyz_check: HealthChecker | None = None


def built_in_hooks(completed: CompletedConfig) -> Iterator[BuiltInHook]:
    """The hooks of a server made from *completed*, in the order in which health pages show them."""
    config = completed.config
    if isinstance(config, RecommendedConfig) and config.shared_informers is not None:
        informers = config.shared_informers
        yield BuiltInHook(INFORMERS_HOOK, _starting(informers), _synced(informers))
    if config.flow_control is None:
        yield BuiltInHook(MAX_IN_FLIGHT_HOOK, _spawning(completed.in_flight_limits.keep_published))
    else:
        yield BuiltInHook(FLOW_CONTROL_HOOK, _spawning(config.flow_control.run))
        yield BuiltInHook(FLOW_CONTROL_FILTER_HOOK, _spawning(completed.watermarks.keep_published))
    yield BuiltInHook(OBJECT_COUNT_HOOK, _counting_objects(config))


def _synced(informers: InformerFactory) -> HealthChecker:
    def informers_synced(scope: Scope) -> None:
        if waiting := informers.not_synced():
            raise RuntimeError(f"{len(waiting)} informers not started yet: [{' '.join(waiting)}]")

    return named_check(INFORMERS_CHECK, informers_synced)


def _starting(informers: InformerFactory) -> PostStartHook:
    async def start_informers(context: PostStartHookContext) -> None:
        informers.start(context.spawn)

    return start_informers


def _spawning(work: Callable[[], Coroutine[Any, Any, None]]) -> PostStartHook:
    """A hook that is done when *work* has begun; it ends with the server."""

    async def begin(context: PostStartHookContext) -> None:
        context.spawn(work())

    return begin


def _counting_objects(config: Config) -> PostStartHook:
    async def count_objects(context: PostStartHookContext) -> None:
        if config.object_count_period > 0:
            context.spawn(config.object_counts.run(config.object_count_period))

    return count_objects
