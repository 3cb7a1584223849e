"""What `--listen` takes: further addresses to serve on, beside --bind-address and --secure-port.

Not in the reference, which serves on one TCP port. Sockets that another process opened come by the environment, not by a
flag (see connection.inherited).
"""

import errno
import ipaddress
import socket
from typing import Final

import attrs

from genericapiserver.connection import ListenerError, SocketListener, create_listener, create_unix_listener
from genericapiserver.connection.listener import Network
from genericapiserver.connection.unix_listener import OWNER_ONLY

GRAMMAR: Final = (
    "An address to serve on besides --bind-address and --secure-port: IP:PORT, or unix:PATH with ,mode=OCTAL (0600 when "
    "not given) for who may connect and ,tls=false to serve without TLS there. May be given several times."
)
_HINTS: Final = {
    errno.EADDRINUSE: "another process listens there; stop it, or choose another port with {flag}",
    errno.EACCES: "this user may not bind ports below 1024; choose another with {flag}, or give the process "
    "CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "no interface of this machine has that address; choose another",
}


@attrs.frozen
class TCPAddress:
    host: str
    port: int

    def open(self) -> SocketListener:
        return SocketListener(listen_tcp(self.host, self.port, flag="--listen"))


@attrs.frozen
class UnixAddress:
    path: str
    mode: int = OWNER_ONLY
    tls: bool = True

    def open(self) -> SocketListener:
        return create_unix_listener(self.path, mode=self.mode, secure=self.tls)


def parse_listen(text: str) -> TCPAddress | UnixAddress:
    """What a value of --listen says. Raises ValueError."""
    if text.startswith("unix:"):
        return _unix(text.removeprefix("unix:"))
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("must be IP:PORT with a port between 1 and 65535, or unix:PATH")
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ipaddress.ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        raise ValueError(f'"{host}" is no IP address; give IP:PORT, [IPv6]:PORT or unix:PATH') from None
    if bracketed != (address.version == 6):
        raise ValueError("an IPv6 address stands in brackets, [::1]:6443, and no other does")
    return TCPAddress(str(address), int(port))


def _unix(text: str) -> UnixAddress:
    path, *settings = text.split(",")
    if not path:
        raise ValueError("unix: needs a path, unix:/run/apiserver.sock")
    mode, tls = OWNER_ONLY, True
    for setting in settings:
        name, _, value = setting.partition("=")
        if name == "mode" and value and set(value) <= set("01234567") and int(value, 8) <= 0o777:
            mode = int(value, 8)
        elif name == "tls" and value in ("true", "false"):
            tls = value == "true"
        else:
            raise ValueError(f'"{setting}" is neither mode=OCTAL, such as mode=0660, nor tls=true or tls=false')
    return UnixAddress(path, mode, tls)


def listen_tcp(
    host: str, port: int, *, network: Network = "tcp", reuse_port: bool = False, flag: str = "--secure-port"
) -> socket.socket:
    """Bind *host* and *port*. Raises ListenerError in the reference's words, and says what to do with *flag*."""
    # Go binds with SO_REUSEADDR in any case: without it no server could be restarted while connections of its
    # predecessor are in TIME_WAIT.
    try:
        return create_listener(host, port, network=network, reuse_port=reuse_port, reuse_address=True)
    except OSError as error:
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        hint = _HINTS.get(error.errno or 0, "").format(flag=flag)
        raise ListenerError(
            f"failed to listen on {where}: listen {network} {where}: bind: {(error.strerror or str(error)).lower()}"
            + (f" ({hint})" if hint else "")
        ) from error
