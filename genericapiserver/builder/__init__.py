"""The shortest way to a server: declare types, list resources, serve.

Here: a resource from one declaration (`Resource`, or a class that declares itself), a resource over somebody else's data
(`Source`), a server from declarations
(`build_server`, `ServerBuilder`), servers that stand alone with certificates and a kubeconfig of their own (`serve`).
Not here: anything a server could not do with the root modules. May import everything but the other products.
"""

from genericapiserver.builder.build import BuildError
from genericapiserver.builder.cert_key import GeneratableKeyCert
from genericapiserver.builder.command import Command
from genericapiserver.builder.connections import ConnProvider, MemoryConnProvider, NetworkConnProvider
from genericapiserver.builder.program import ResourceServerOptions, serve
from genericapiserver.builder.resource import Resource, ResourceStrategy, ResourceWithStatusStrategy
from genericapiserver.builder.rest import DefaultStrategy, ResourceHandlerProvider, StatusSubResourceStrategy
from genericapiserver.builder.running import RunningServer
from genericapiserver.builder.server_builder import ServerBuilder, build_server
from genericapiserver.builder.sources import Source
from genericapiserver.builder.start import ServerStartOptions
from genericapiserver.builder.storage import Storage, engine, etcd, file, memory, sqlite
from genericapiserver.server import GenericAPIServer

__all__ = [
    "BuildError",
    "Command",
    "ConnProvider",
    "DefaultStrategy",
    "GeneratableKeyCert",
    "GenericAPIServer",
    "MemoryConnProvider",
    "NetworkConnProvider",
    "Resource",
    "ResourceHandlerProvider",
    "ResourceServerOptions",
    "ResourceStrategy",
    "ResourceWithStatusStrategy",
    "RunningServer",
    "ServerBuilder",
    "ServerStartOptions",
    "Source",
    "StatusSubResourceStrategy",
    "Storage",
    "build_server",
    "engine",
    "etcd",
    "file",
    "memory",
    "serve",
    "sqlite",
]
