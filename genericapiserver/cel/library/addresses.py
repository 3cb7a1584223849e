"""ip(), isIP(), cidr(), isCIDR() and what can be asked of them (library/ip.go, library/cidr.go)."""

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from genericapiserver.cel.library.declaration import VALUE, Function, function, method, opaque
from genericapiserver.cel.types import Type

IP = Type.opaque("net.IP")
CIDR = Type.opaque("net.CIDR")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
Opaque = dict[str, Any]

_PREFIX = re.compile(r"0|[1-9][0-9]{0,2}")
_LINK_LOCAL_MULTICAST = tuple(map(ipaddress.ip_network, ("224.0.0.0/24", "ff02::/16")))


def _address(text: str) -> Address:
    if "%" in text:
        raise ValueError(f'IP address "{text}" with zone value is not allowed')
    try:
        found = ipaddress.ip_address(text)
    except ValueError as error:
        raise ValueError(f'IP Address "{text}" parse error during conversion from string: {error}') from None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        raise ValueError(f'IPv4-mapped IPv6 address "{text}" is not allowed')
    return found


def _interface(text: str) -> Interface:
    head, slash, prefix = text.partition("/")
    if not slash or not _PREFIX.fullmatch(prefix) or "%" in head:
        raise ValueError(f'network address parse error during conversion from string: "{text}"')
    try:
        found = ipaddress.ip_interface(text)
    except ValueError as error:
        raise ValueError(f"network address parse error during conversion from string: {error}") from None
    if isinstance(found, ipaddress.IPv6Interface) and found.ip.ipv4_mapped:
        raise ValueError(f'IPv4-mapped IPv6 address "{text}" is not allowed')
    return found


def _is(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return check


def _of_address(ask: Callable[[Address], object]) -> Callable[[Opaque], object]:
    return lambda value: ask(_address(value[VALUE]))


def _of_cidr(ask: Callable[[Interface], object]) -> Callable[[Opaque], object]:
    return lambda value: ask(_interface(value[VALUE]))


def _global_unicast(address: Address) -> bool:
    """Go's IsGlobalUnicast: private addresses count as global."""
    broadcast = address == ipaddress.IPv4Address("255.255.255.255")
    special = address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local
    return not (broadcast or special)


def _link_local_multicast(address: Address) -> bool:
    return any(address in network for network in _LINK_LOCAL_MULTICAST)


def is_canonical(text: str) -> bool:
    return str(_address(text)) == text


def contains_ip(cidr: Opaque, address: str | Opaque) -> bool:
    text = address if isinstance(address, str) else address[VALUE]
    return _address(text) in _interface(cidr[VALUE]).network


def contains_cidr(cidr: Opaque, other: str | Opaque) -> bool:
    outer = _interface(cidr[VALUE]).network
    inner = _interface(other if isinstance(other, str) else other[VALUE])
    return inner.ip in outer and inner.network.prefixlen >= outer.prefixlen


ADDRESSES: tuple[Function, ...] = (
    Function(
        "ip",
        (
            *function("ip", ((Type.STRING,), IP, lambda text: opaque(IP, str(_address(text))))).overloads,
            *method("ip", ((CIDR,), IP, _of_cidr(lambda cidr: opaque(IP, str(cidr.ip))))).overloads,
        ),
    ),
    function("ip.isCanonical", ((Type.STRING,), Type.BOOL, is_canonical)),
    function("isIP", ((Type.STRING,), Type.BOOL, _is(_address))),
    method("family", ((IP,), Type.INT, _of_address(lambda address: address.version))),
    method("isUnspecified", ((IP,), Type.BOOL, _of_address(lambda address: address.is_unspecified))),
    method("isLoopback", ((IP,), Type.BOOL, _of_address(lambda address: address.is_loopback))),
    method("isLinkLocalMulticast", ((IP,), Type.BOOL, _of_address(_link_local_multicast))),
    method("isLinkLocalUnicast", ((IP,), Type.BOOL, _of_address(lambda address: address.is_link_local))),
    method("isGlobalUnicast", ((IP,), Type.BOOL, _of_address(_global_unicast))),
    function("cidr", ((Type.STRING,), CIDR, lambda text: opaque(CIDR, str(_interface(text))))),
    function("isCIDR", ((Type.STRING,), Type.BOOL, _is(_interface))),
    method("containsIP", ((CIDR, Type.STRING), Type.BOOL, contains_ip), ((CIDR, IP), Type.BOOL, contains_ip)),
    method("containsCIDR", ((CIDR, Type.STRING), Type.BOOL, contains_cidr), ((CIDR, CIDR), Type.BOOL, contains_cidr)),
    method("prefixLength", ((CIDR,), Type.INT, _of_cidr(lambda cidr: cidr.network.prefixlen))),
    method("masked", ((CIDR,), CIDR, _of_cidr(lambda cidr: opaque(CIDR, str(cidr.network))))),
)
