"""Both ends of connections from one hand."""

import asyncio
import socket
from pathlib import Path

import pytest

from genericapiserver.builder import ConnProvider, MemoryConnProvider, NetworkConnProvider, ServerBuilder
from genericapiserver.builder.connections import TCPConnProvider
from genericapiserver.client.kubeconfig import load_kubeconfig
from genericapiserver.config import ConfigError
from genericapiserver.connection import MemoryListener
from tests.builder.manifests import Manifest, manifests, serving
from tests.support.server_process import free_port


async def test_a_network_is_a_provider_like_any() -> None:
    port = free_port()
    builder = ServerBuilder().with_resource_memory_storage(Manifest).with_bind_port(port)
    async with serving(builder.with_conn_provider(TCPConnProvider())) as ask:
        assert ask.running.address == ("127.0.0.1", port)
        assert (await ask.create()).status == 201
        with TCPConnProvider().dial("tcp4", f"127.0.0.1:{port}") as connection:
            assert connection.getpeername() == ("127.0.0.1", port)


class Recording(MemoryConnProvider):
    """Notes what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def listen(self, network: str = "tcp", address: str = "") -> MemoryListener:
        self.asked.append(f"listen {network} {address}")
        return super().listen(network, address)

    def dial(self, network: str = "tcp", address: str = "") -> socket.socket:
        self.asked.append(f"dial {network} {address}")
        return super().dial(network, address)

    async def dial_context(
        self, network: str = "tcp", address: str = ""
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.asked.append(f"dial {network} {address}")
        return await super().dial_context(network, address)


async def test_a_network_name_is_forced() -> None:
    inner = Recording()
    provider: ConnProvider = NetworkConnProvider(inner, "memory")
    async with serving(manifests().with_conn_provider(provider)) as ask:
        await ask.create()
        provider.dial("tcp", "x:1").close()
    assert inner.asked == ["listen memory 127.0.0.1:443", "dial memory 127.0.0.1:443", "dial memory x:1"]


async def test_one_server_at_a_time_listens_in_memory() -> None:
    provider = MemoryConnProvider()
    async with serving(manifests().with_conn_provider(provider)) as ask:
        with pytest.raises(ConfigError, match="memory:memory is being served already"):
            async with serving(manifests().with_conn_provider(provider)):
                pass
        await ask.create()
    async with serving(manifests().with_conn_provider(provider)) as ask:
        assert (await ask("GET")).names == []


async def test_clients_may_come_before_the_server() -> None:
    provider = MemoryConnProvider()
    early = provider.dial()
    async with serving(manifests().with_conn_provider(provider)) as ask:
        assert (await ask("GET")).status == 200
    early.close()
    with pytest.raises(ConnectionRefusedError):
        provider.dial()


@pytest.mark.parametrize(
    ("network", "address", "problem"),
    [("udp", "127.0.0.1:1", "unknown network udp"), ("tcp", "127.0.0.1", "an address is host:port")],
)
def test_an_address_that_is_none(network: str, address: str, problem: str) -> None:
    with pytest.raises(OSError, match=problem):
        TCPConnProvider().dial(network, address)


async def test_a_server_has_a_kubeconfig_on_demand(tmp_path: Path) -> None:
    async with serving() as ask:
        ask.running.write_kubeconfig(tmp_path / "config")
        assert load_kubeconfig(tmp_path / "config") == ask.running.client_config
