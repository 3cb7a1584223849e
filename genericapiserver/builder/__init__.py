"""The shortest way to a server: declare types, list resources, serve.

Here: a resource from one declaration, servers that stand alone with certificates and a kubeconfig of their own. Not here:
anything a server with many groups or versions could not do with the root modules. May import everything but the other
products.
"""

from genericapiserver.builder.program import ResourceServerOptions, serve
from genericapiserver.builder.resource import Resource, ResourceStrategy, ResourceWithStatusStrategy

__all__ = ["Resource", "ResourceServerOptions", "ResourceStrategy", "ResourceWithStatusStrategy", "serve"]
