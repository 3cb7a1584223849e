"""Which address of this server a client should use, by where the client is (pkg/endpoints/discovery/addresses.go)."""

import ipaddress
from collections.abc import Hashable, Iterable, Sequence
from typing import Protocol

import attrs

from genericapiserver.apimachinery.meta import ServerAddressByClientCIDR
from genericapiserver.asgi import Scope, header_value

EVERYWHERE = "0.0.0.0/0"


class Addresses(Protocol):
    """Tells the entries of `serverAddressByClientCIDRs`."""

    @property
    def depend_on_client(self) -> bool:
        """Whether not all clients are told the same."""

    def for_client(self, client: str) -> tuple[ServerAddressByClientCIDR, ...]:
        """The addresses for the client at IP address *client*; "" when it is not known."""


@attrs.frozen
class CIDRRule:
    """Clients inside *network* reach the server at *address*."""

    network: str
    address: str

    def covers(self, client: str) -> bool:
        try:
            return ipaddress.ip_address(client) in ipaddress.ip_network(self.network, strict=False)
        except ValueError:
            return False


class DefaultAddresses:
    """One address for everybody, and others for clients inside certain networks."""

    def __init__(self, default_address: str, rules: Sequence[CIDRRule] = ()) -> None:
        self.default_address = default_address
        self.rules = tuple(rules)

    @property
    def depend_on_client(self) -> bool:
        return bool(self.rules)

    def for_client(self, client: str) -> tuple[ServerAddressByClientCIDR, ...]:
        default = ServerAddressByClientCIDR(client_cidr=EVERYWHERE, server_address=self.default_address)
        if not self.rules:
            return (default,)
        return (
            default,
            *(
                ServerAddressByClientCIDR(client_cidr=rule.network, server_address=rule.address)
                for rule in self.rules
                if rule.covers(client)
            ),
        )


def told(addresses: Iterable[ServerAddressByClientCIDR]) -> Hashable:
    """Equal for equal addresses: documents that tell these are the same."""
    return tuple((each.client_cidr, each.server_address) for each in addresses)


def client_address(scope: Scope) -> str:
    """The client's IP address: the first usable one of X-Forwarded-For, then X-Real-Ip, then the peer's."""
    for name in (b"x-forwarded-for", b"x-real-ip"):
        for candidate in (header_value(scope, name) or "").split(","):
            address = candidate.strip()
            if _is_address(address):
                return address
    client = scope.get("client")
    return client[0] if client and _is_address(client[0]) else ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
