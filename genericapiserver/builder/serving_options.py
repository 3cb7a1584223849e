"""Where a builder's server is served, with which certificate, and who may use it: the flags and what follows from them.

Whoever brings the token is `system:apiserver`, a member of `system:masters`, and may do everything; everybody else is
`system:anonymous` and may do nothing, which is told as 403. Without a token the seeds start a server that nobody can use;
here one is made at the start, and a kubeconfig that holds it.
Source: pkg/server/options/serving.go of tilt-apiserver.
"""

import secrets
import socket
import uuid
from typing import Final

import attrs

from genericapiserver.authentication.anonymous import AnonymousAuthenticator
from genericapiserver.authentication.delegating import token_authenticator
from genericapiserver.authentication.static_token import StaticTokenAuthenticator
from genericapiserver.authentication.union import UnionAuthenticator
from genericapiserver.authentication.user import API_SERVER_USER, SYSTEM_PRIVILEGED_GROUP, UserInfo
from genericapiserver.authorization.builtin import (
    AlwaysAllowAuthorizer,
    AlwaysDenyAuthorizer,
    PrivilegedGroupsAuthorizer,
)
from genericapiserver.authorization.union import UnionAuthorizer
from genericapiserver.builder.cert_key import GeneratableKeyCert
from genericapiserver.builder.connections import ConnProvider
from genericapiserver.config import AuthenticationInfo, AuthorizationInfo, Config, ConfigError
from genericapiserver.connection import Listener, ListenerError
from genericapiserver.connection.listener import as_listener, joined
from genericapiserver.options.flags import BOOL, STRING, FlagSet
from genericapiserver.options.secure_serving import SecureServingOptions

DEFAULT_ADDRESS: Final = "127.0.0.1"
NOMINAL_PORT: Final = 443
"""What a server of a connection provider is said to listen on when no port is given."""
NO_PORT: Final = "No serve port set"
DEBUG_FLAG: Final = "standalone-debug-mode"

SERVING_FLAGS: Final = frozenset(
    [
        "bind-address",
        "secure-port",
        "cert-dir",
        "tls-cert-file",
        "tls-private-key-file",
        "tls-cipher-suites",
        "tls-min-version",
        "tls-sni-cert-key",
        "http2-max-streams-per-connection",
        "permit-port-sharing",
    ]
)
_NO_SPACE_OR_CONTROL: Final = range(0x21, 0x7F)


def _new_secure() -> SecureServingOptions:
    secure = SecureServingOptions(bind_address=DEFAULT_ADDRESS, bind_port=0)
    GeneratableKeyCert().apply_to(secure)
    return secure


@attrs.define(kw_only=True)
class ServingOptions:
    """The flags of serving. *token* may be empty: then one is made, once."""

    secure: SecureServingOptions = attrs.field(factory=_new_secure)
    token: str = attrs.field(default="", repr=False)
    kubeconfig: str = ""
    """Where to write a kubeconfig for the server; empty writes one only when the token is made here."""
    local_debug: bool = False
    """Whether there is a flag to serve everybody on this machine."""
    standalone_debug_mode: bool = False
    conn_provider: ConnProvider | None = None
    token_is_made: bool = attrs.field(default=False, init=False)

    def add_flags(self, flags: FlagSet) -> None:
        self.secure.add_flags(flags, only=SERVING_FLAGS)
        flags.add(
            "token",
            STRING,
            self,
            "token",
            "The bearer token that clients have to bring. Without it one is made at each start, and written to a "
            "kubeconfig.",
            classified=True,
        )
        flags.add(
            "write-kubeconfig",
            STRING,
            self,
            "kubeconfig",
            "A file to write a kubeconfig for this server to, with its token; readable by its owner only.",
        )
        if self.local_debug:
            flags.add(
                DEBUG_FLAG,
                BOOL,
                self,
                "standalone_debug_mode",
                "Let everybody who reaches the port do everything. Only with --bind-address=127.0.0.1.",
            )

    def complete(self) -> None:
        """Settle the token."""
        if not self.token:
            self.token, self.token_is_made = secrets.token_urlsafe(32), True

    def validate(self) -> list[str]:
        problems = self.secure.validate()
        if not problems and not self._listens:
            problems.append(f"{NO_PORT}: give --secure-port, with_bind_port or with_conn_provider")
        if any(ord(character) not in _NO_SPACE_OR_CONTROL for character in self.token):
            problems.append(
                "--token has characters that no Authorization header carries: use letters, digits and -._~+/="
            )
        if self.standalone_debug_mode and self.secure.bind_address != DEFAULT_ADDRESS:
            problems.append(f"--{DEBUG_FLAG} needs --bind-address={DEFAULT_ADDRESS}, not {self.secure.bind_address}")
        return problems

    @property
    def _listens(self) -> bool:
        return self.conn_provider is not None or self.secure.serves

    @property
    def host_port(self) -> tuple[str, int]:
        """What the server is said to listen on, before it does."""
        return self.secure.bind_address, self.secure.bind_port or NOMINAL_PORT

    def apply_to(self, config: Config) -> None:
        """Listen, load or make the certificate, and say who may do what. Raises ConfigError, with nothing left open."""
        if not self._listens:
            raise ConfigError(f"{NO_PORT}: give --secure-port, with_bind_port or with_conn_provider")
        secure = self.secure
        if self.conn_provider is not None:
            # Nothing is bound beside what the provider gives.
            secure = attrs.evolve(
                secure, bind_port=0, listener=None, more_listeners=[*self._provided(self.conn_provider)]
            )
        secure.maybe_default_with_self_signed_certs("localhost", alternate_ips=["127.0.0.1"])
        self.secure.cert_file, self.secure.key_file = secure.cert_file, secure.key_file
        self.secure.generated_cert = secure.generated_cert
        secure.apply_to(config)
        if config.loopback_client_config is not None:
            config.loopback_client_config = attrs.evolve(config.loopback_client_config, bearer_token=self.token)
        config.authentication = AuthenticationInfo(authenticator=self._authenticator())
        config.authorization = AuthorizationInfo(authorizer=self._authorizer())

    def _provided(self, provider: ConnProvider) -> list[Listener]:
        host, port = self.host_port
        try:
            return [as_listener(provider.listen("tcp", joined(host, port)))]
        except (ListenerError, OSError) as error:
            raise ConfigError(f"failed to create listener: {error}") from error

    def _authenticator(self) -> UnionAuthenticator:
        user = UserInfo(name=API_SERVER_USER, uid=str(uuid.uuid4()), groups=(SYSTEM_PRIVILEGED_GROUP,))
        tokens = token_authenticator(StaticTokenAuthenticator({self.token: user}))
        return UnionAuthenticator(tokens, AnonymousAuthenticator())

    def _authorizer(self) -> AlwaysAllowAuthorizer | UnionAuthorizer:
        if self.standalone_debug_mode:
            return AlwaysAllowAuthorizer()
        return UnionAuthorizer(PrivilegedGroupsAuthorizer([SYSTEM_PRIVILEGED_GROUP]), AlwaysDenyAuthorizer())

    def listen_somewhere(self) -> None:
        """Bind a free port of the bind address, for a program that does not care which. Raises OSError."""
        family = socket.AF_INET6 if ":" in self.secure.bind_address else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.bind((self.secure.bind_address, 0))
            listening.listen()
        except BaseException:
            listening.close()
            raise
        self.secure.listener = listening
