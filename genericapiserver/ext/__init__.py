"""Extension API servers: objects that are kept anywhere, served beside a cluster's own server or inside an application.

Lives here: the server and its options, stores (`Store`, `install_store`) and what helps to write storages, the
authenticators and the authorizer of such servers, mounting. Not here: how requests are served, which is the toolkit's. May
import rooms of rows 0 to 12. Mirrors pkg/ext of rancher/steve, both generations of it.
"""

from genericapiserver.ext.access_set import AccessSet
from genericapiserver.ext.access_set_authorizer import AccessSetAuthorizer
from genericapiserver.ext.access_store import AccessStore
from genericapiserver.ext.authenticators import (
    ClientCertificateAuthenticator,
    DefaultAuthenticator,
    UnionAuthenticator,
)
from genericapiserver.ext.change_log import ChangeLog
from genericapiserver.ext.conversion import (
    check_name,
    convert_error,
    convert_list_options,
    convert_to_table,
    convert_to_table_default,
    selector,
)
from genericapiserver.ext.create_or_update import create_or_update
from genericapiserver.ext.definitions import add_to_scheme, definitions_of
from genericapiserver.ext.event_stream import EventStream, WatchEvent
from genericapiserver.ext.middleware import USER_KEY, ScopeUserAuthenticator, to_middleware
from genericapiserver.ext.options import ExtensionAPIServerOptions
from genericapiserver.ext.registration import with_registration
from genericapiserver.ext.server import ExtensionAPIServer
from genericapiserver.ext.store import Context, Store, install_store

__all__ = [
    "USER_KEY",
    "AccessSet",
    "AccessSetAuthorizer",
    "AccessStore",
    "ChangeLog",
    "ClientCertificateAuthenticator",
    "Context",
    "DefaultAuthenticator",
    "EventStream",
    "ExtensionAPIServer",
    "ExtensionAPIServerOptions",
    "ScopeUserAuthenticator",
    "Store",
    "UnionAuthenticator",
    "WatchEvent",
    "add_to_scheme",
    "check_name",
    "convert_error",
    "convert_list_options",
    "convert_to_table",
    "convert_to_table_default",
    "create_or_update",
    "definitions_of",
    "install_store",
    "selector",
    "to_middleware",
    "with_registration",
]
