"""The shortest way to a server: declare types, list resources, serve.

Here: a resource from one declaration, resources over somebody else's data (sources),
servers that stand alone with certificates and a kubeconfig of their own. Not here:
anything a server with many groups or versions could not do with the root modules. May import everything but the other
products.
"""

from genericapiserver.builder.program import ResourceServerOptions, serve
from genericapiserver.builder.resource import Resource, ResourceStrategy, ResourceWithStatusStrategy
from genericapiserver.builder.sources import Source

__all__ = ["Resource", "ResourceServerOptions", "ResourceStrategy", "ResourceWithStatusStrategy", "Source", "serve"]
