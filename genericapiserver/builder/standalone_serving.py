"""Where a server that stands alone is served, and with which certificate: one story of two sets of flags.

`--port` and `--address` are short for `--secure-port` and `--bind-address`. The serving pair is made in the folder unless
--tls-cert-file and --tls-private-key-file name another; the kubeconfig trusts whichever it is.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Collection, Sequence
from typing import Any, Final

import attrs

from genericapiserver.builder.folder import DataFolder
from genericapiserver.builder.kubeconfig import name_to_ask_for, write_kubeconfig
from genericapiserver.builder.pki import ADMIN_GROUP
from genericapiserver.certificates import CertificateError
from genericapiserver.config import ConfigError
from genericapiserver.connection import Listener
from genericapiserver.connection.listener import joined
from genericapiserver.options.flags import INT, IP, FlagSet
from genericapiserver.options.secure_serving import SecureServingOptions, pair_in_files
from genericapiserver.options.texts import reason
from genericapiserver.secure_serving import host_port_of, loopback_host_port

DEFAULT_PORT: Final = 6443
DEFAULT_ADDRESS: Final = "127.0.0.1"

_SAME: Final = (("port", "secure-port", "bind_port"), ("address", "bind-address", "bind_address"))


@attrs.define
class StandaloneServing:
    """The flags, and what is made of them. *options* are those of the program."""

    options: SecureServingOptions
    url: str = attrs.field(default="", init=False)
    """Where clients on this machine reach the server, once it listens; empty when no TCP port leads to it."""
    listeners: Sequence[Listener] = attrs.field(default=(), init=False)
    """Everything it listens on, once it does."""
    _short: dict[str, Any] = attrs.field(factory=dict, init=False)
    _own_pair: bool = attrs.field(default=True, init=False)

    def __attrs_post_init__(self) -> None:
        self.options.bind_port, self.options.bind_address = DEFAULT_PORT, DEFAULT_ADDRESS

    @property
    def port(self) -> int:
        port: int = self._short.get("port", self.options.bind_port)
        return port

    @port.setter
    def port(self, port: int) -> None:
        self._short["port"] = port

    @property
    def address(self) -> str:
        address: str = self._short.get("address", self.options.bind_address)
        return address

    @address.setter
    def address(self, address: str) -> None:
        self._short["address"] = address

    def add_flags(self, flags: FlagSet) -> None:
        flags.add("port", INT, self, "port", "Short for --secure-port.")
        flags.add("address", IP, self, "address", "Short for --bind-address.")

    def complete(self, folder: DataFolder, given: Collection[str]) -> None:
        """Settle the addresses and the pair. *given* are the names of the flags on the command line.

        Raises ConfigError for flags that contradict each other. Makes nothing.
        """
        options = self.options
        for short, long, attribute in _SAME:
            value = self._short.get(short)
            if value is None:
                continue
            if long in given and value != getattr(options, attribute):
                raise ConfigError(
                    f"--{short}={value} and --{long}={getattr(options, attribute)} contradict each other: both say where "
                    "to serve; give one of them"
                )
            setattr(options, attribute, value)
        if not 0 <= options.bind_port < 65536 or not options.serves:
            flag = "secure-port" if "secure-port" in given else "port"
            raise ConfigError(f"--{flag} {options.bind_port} must be between 1 and 65535, inclusive")
        self._own_pair = not (options.cert_file or options.key_file)
        if self._own_pair:
            options.cert_file, options.key_file = str(folder.pki / "server.crt"), str(folder.pki / "server.key")

    def open(self) -> None:
        """Listen, before anything is made or opened. Raises ConfigError, with nothing left open."""
        self.listeners = self.options.open()
        with contextlib.suppress(LookupError):
            self.url = f"https://{joined(*loopback_host_port(joined(*host_port_of(self.listeners))))}"

    def curl(self, folder: DataFolder) -> str:
        """How to ask for a page over the first unix socket."""
        first = self.listeners[0]
        path = first.address.removeprefix("unix:")
        if first.secure:
            return f"curl --unix-socket {path} --cacert {folder.pki}/ca.crt https://localhost/readyz"
        return f"curl --unix-socket {path} http://localhost/readyz"

    def make(self, folder: DataFolder) -> None:
        """Make the pairs that are missing in *folder*. Raises OSError, and ConfigError for a given pair."""
        authority = folder.authority()
        authority.client("admin", ADMIN_GROUP)
        if self._own_pair:
            address = self.options.bind_address
            # Who connects from elsewhere to a server on every address most likely knows it by the name of its machine.
            authority.server(
                "localhost",
                "127.0.0.1",
                "::1",
                socket.gethostname() if ipaddress.ip_address(address).is_unspecified else address,
            )
        else:
            self._given_certificate()

    def write_kubeconfig(self, folder: DataFolder) -> None:
        """Write the kubeconfig of the administrator into *folder*, after `make`; nothing without an address for it.

        Raises OSError, and ConfigError for a given pair.
        """
        if not self.url:
            return
        authority = folder.authority()
        trusted, name = authority.files.certificate.read_bytes(), ""
        if not self._own_pair:
            certificate = self._given_certificate()
            trusted, name = trusted + certificate, self._name_in(certificate)
        write_kubeconfig(
            folder.kubeconfig,
            server=self.url,
            authority=trusted,
            client=authority.client("admin", ADMIN_GROUP),
            name="genericapiserver",
            tls_server_name=name,
        )

    def _given_certificate(self) -> bytes:
        options = self.options
        try:
            content = pair_in_files("serving-cert", options.cert_file, options.key_file)
        except (CertificateError, OSError) as error:
            raise ConfigError(reason(error)) from error
        return content.current_cert_key().certificate_pem

    def _name_in(self, certificate_pem: bytes) -> str:
        """The name that clients have to ask a given certificate for; empty when it is for the address itself."""
        host = loopback_host_port(self.url.removeprefix("https://"))[0] if self.url else ""
        return name_to_ask_for(certificate_pem, host)
