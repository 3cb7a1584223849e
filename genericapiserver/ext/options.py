"""What an extension server is made from."""

import socket
from collections.abc import Callable, Mapping, Sequence

import attrs

from genericapiserver.authentication import RequestAuthenticator
from genericapiserver.authorization import Authorizer
from genericapiserver.certificates import SNICertKeyContent
from genericapiserver.client.informer import InformerFactory
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import Config, ConfigError
from genericapiserver.connection import Listener
from genericapiserver.ext.definitions import GetOpenAPIDefinitions


@attrs.define(kw_only=True)
class ExtensionAPIServerOptions:
    """Four of them are required; see `check`."""

    authenticator: RequestAuthenticator | None = None
    """Who asks. One that is a CAContentProvider as well has clients asked for certificates of its authority; a `run` that it
    has runs as long as the server serves."""
    authorizer: Authorizer | None = None
    """What users may do. There is no path that it is not asked about, health pages included."""
    listener: socket.socket | Listener | None = None
    """What is listened on, bound already. The server closes it."""
    get_openapi_definitions: GetOpenAPIDefinitions | None = None
    """The types of the server's objects; `definitions_of(scheme)` is all of them."""
    openapi_definition_name_replacements: Mapping[str, str] = attrs.field(factory=dict)
    """Beginnings of the names of definitions, and what takes their place; of several that fit the longest counts."""
    effective_version: EffectiveVersion | None = None
    """The version at /version; that of Kubernetes which the library mirrors, when None."""
    sni_certs: Sequence[SNICertKeyContent] = ()
    """Pairs for clients that ask for their names. Others get a pair that the server makes for itself in memory."""
    shared_informers: InformerFactory | None = None
    """Informers of a cluster, which run while the server serves; it is ready once they have listed. For an AccessStore that
    follows a cluster, and for stores."""
    configure: Callable[[Config], None] | None = None
    """Called with the configuration before the server is made: for audit, limits, hooks, clocks, metrics."""

    def check(self) -> None:
        """Raise ConfigError for the first required option that is missing, or else for one that is something else."""
        for value, name in (
            (self.authenticator, "authenticator"),
            (self.authorizer, "authorizer"),
            (self.listener, "listener"),
            (self.get_openapi_definitions, "GetOpenAPIDefinitions"),
        ):
            if value is None:
                raise ConfigError(f"{name} must be provided")
        for value, name, method, maker in (
            (self.authenticator, "authenticator", "authenticate_request", "FunctionAuthenticator"),
            (self.authorizer, "authorizer", "authorize", "FunctionAuthorizer"),
        ):
            if isinstance(value, type) or not hasattr(value, method):
                what = f"class {value.__name__}" if isinstance(value, type) else type(value).__name__
                raise ConfigError(
                    f"{name} must be an object with {method}, not a {what}: {maker} makes one of a function"
                )
        if not callable(self.get_openapi_definitions):
            what = type(self.get_openapi_definitions).__name__
            raise ConfigError(f"GetOpenAPIDefinitions must be a function that gives types, not a {what}")
