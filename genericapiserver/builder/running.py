"""A server that runs within a program, and how the program reaches it."""

from pathlib import Path
from typing import Any

import attrs

from genericapiserver.builder.connections import ConnProvider, Dialer
from genericapiserver.builder.kubeconfig import write_kubeconfig
from genericapiserver.client import ClientConfig
from genericapiserver.client.rest import RESTClient, ssl_context
from genericapiserver.connection.listener import joined
from genericapiserver.server import GenericAPIServer


@attrs.frozen(kw_only=True)
class RunningServer:
    """What `serving` hands to its block."""

    server: GenericAPIServer
    address: tuple[str, int]
    """Host and port; of a connection provider, what its address is said to be."""
    client_config: ClientConfig
    """For clients that may do everything: URL, certificate and token."""
    client: RESTClient
    """Such a client, over connections of the provider where there is one; closed with the server."""
    conn_provider: ConnProvider | None = None

    @property
    def url(self) -> str:
        return self.client_config.host

    @property
    def token(self) -> str:
        return self.client_config.bearer_token

    def new_client(self, **changes: Any) -> RESTClient:
        """A client of one's own, its config with *changes* (`bearer_token=""`); to be closed by the caller."""
        return new_client(attrs.evolve(self.client_config, **changes), self.address, self.conn_provider)

    def write_kubeconfig(self, path: str | Path) -> None:
        """Write a kubeconfig for kubectl and other clients, readable by its owner only. Raises OSError."""
        write_client_kubeconfig(Path(path), self.client_config, name=self.server.name)


def new_client(config: ClientConfig, address: tuple[str, int], provider: ConnProvider | None) -> RESTClient:
    """A client for *config*, which dials *address* through *provider* when there is one."""
    transport = None
    if provider is not None:
        from genericapiserver.client.memory import MemoryTransport  # and httpx, which programs can do without

        transport = MemoryTransport(Dialer(provider, *address), ssl_context=ssl_context(config))
    return RESTClient(config, transport=transport)


def write_client_kubeconfig(path: Path, config: ClientConfig, *, name: str) -> None:
    """Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_kubeconfig(
        path,
        server=config.host,
        authority=config.ca_data,
        token=config.bearer_token,
        name=name,
        tls_server_name=config.tls_server_name,
    )


def url_of(address: tuple[str, int]) -> str:
    return f"https://{joined(*address)}"
