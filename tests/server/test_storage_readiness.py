"""The hook that waits for storages."""

import asyncio

import pytest

from genericapiserver.aio import Signal
from genericapiserver.apimachinery.schema import GroupVersionResource
from genericapiserver.hooks import PostStartHookContext
from genericapiserver.loopback import LoopbackClientConfig
from genericapiserver.storage_readiness import HOOK_NAME, StorageReadinessHook
from tests.server.servers import new_server

FLUNDERS = GroupVersionResource("wardle.example.com", "v1", "flunders")
PODS = GroupVersionResource("", "v1", "pods")


class Storage:
    def __init__(self, failures: float = 0) -> None:
        self.failures = failures
        self.looks = 0

    def readiness_check(self) -> None:
        self.looks += 1
        if self.looks <= self.failures:
            raise RuntimeError("storage not ready")


def context() -> PostStartHookContext:
    return PostStartHookContext(
        loopback_client_config=LoopbackClientConfig(host=""), stopped=Signal("stopped"), spawn=lambda work: work.close()
    )


async def test_it_returns_when_all_can_serve() -> None:
    hook, slow, fast = StorageReadinessHook(timeout=30), Storage(failures=2), Storage()
    hook.register_storage(FLUNDERS, slow)
    hook.register_storage(PODS, fast)
    assert hook.not_ready() == ["wardle.example.com/v1/flunders"]
    async with asyncio.timeout(20):
        await hook.hook(context())
    assert (slow.looks, fast.looks) == (3, 3)


async def test_it_gives_up_after_a_while_and_the_server_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    hook = StorageReadinessHook(timeout=0.01)
    hook.register_storage(PODS, Storage(failures=float("inf")))
    await hook.hook(context())
    assert "Gave up waiting for storages to be ready" in caplog.text
    assert "v1/pods" in caplog.text


async def test_a_resource_is_registered_once(caplog: pytest.LogCaptureFixture) -> None:
    hook, first, second = StorageReadinessHook(timeout=1), Storage(), Storage()
    hook.register_storage(PODS, first)
    hook.register_storage(PODS, first)
    assert not caplog.records
    hook.register_storage(PODS, second)
    await hook.hook(context())
    assert (first.looks, second.looks) == (1, 0)
    assert "Storage readiness is registered already" in caplog.text


async def test_the_server_offers_it_and_does_not_add_it() -> None:
    server = new_server(storage_initialization_timeout=7.0)
    assert server.storage_readiness_hook.timeout == 7.0
    assert HOOK_NAME not in server.post_start_hooks
    server.add_post_start_hook(HOOK_NAME, server.storage_readiness_hook.hook)
    assert HOOK_NAME in server.post_start_hooks
