"""Views in this process, and servers on sockets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from genericapiserver.minkapi import Config, Server, View, ViewAccess


@pytest.fixture
async def access() -> AsyncIterator[ViewAccess]:
    async with ViewAccess() as made:
        yield made


@pytest.fixture
def base(access: ViewAccess) -> View:
    return access.base_view


@pytest.fixture
def sandbox(access: ViewAccess) -> View:
    return access.get_or_create_sandbox_view("sandbox")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A server on a free port, its kubeconfigs in a folder of its own."""
    async with Server(Config(bind_address="127.0.0.1:0", kube_config_path=tmp_path / "minkapi.yaml")) as running:
        yield running
