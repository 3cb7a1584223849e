"""StorageReadinessHook: a post-start hook that waits until every storage can serve.

The server collects the storages; a program that wants to be ready no sooner than they are adds the hook, as kube-apiserver
does: `server.add_post_start_hook("storage-readiness", server.storage_readiness_hook.hook)`.
Source: pkg/server/storage_readiness_hook.go of k8s.io/apiserver.
"""

import asyncio
import logging
from typing import Final

from genericapiserver.apimachinery.schema import GroupVersionResource
from genericapiserver.hooks import PostStartHookContext
from genericapiserver.logs import kv
from genericapiserver.registry.rest import ReadinessChecker

logger = logging.getLogger(__name__)

HOOK_NAME: Final = "storage-readiness"
POLL: Final = 0.1
"""Seconds between two looks."""


class StorageReadinessHook:
    """The storages of one server, and for how many seconds the hook waits for them at most."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._checks: dict[str, ReadinessChecker] = {}

    def register_storage(self, resource: GroupVersionResource, storage: ReadinessChecker) -> None:
        """Wait for *storage*, too. A resource that is registered already keeps its storage."""
        name = f"{resource.group}/{resource.version}/{resource.resource}".lstrip("/")
        if self._checks.setdefault(name, storage) is not storage:
            logger.error(kv("Storage readiness is registered already, the first registration stays", resource=name))

    def not_ready(self) -> list[str]:
        """The resources whose storage cannot serve now, in the order they were registered."""
        return [name for name, storage in self._checks.items() if not _ready(storage)]

    async def hook(self, context: PostStartHookContext) -> None:
        """Return once all can serve, or when the time is over: a server with one broken storage serves the others."""
        try:
            async with asyncio.timeout(self.timeout):
                while self.not_ready():  # noqa: ASYNC110  storages do not tell when they are
                    await asyncio.sleep(POLL)
        except TimeoutError:
            logger.error(kv("Gave up waiting for storages to be ready", after=self.timeout, notReady=self.not_ready()))


def _ready(storage: ReadinessChecker) -> bool:
    try:
        storage.readiness_check()
    except Exception:  # noqa: BLE001  whatever a check raises means: not yet
        return False
    return True
