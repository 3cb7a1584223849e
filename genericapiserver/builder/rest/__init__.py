"""Storages for handlers of one's own: strategies, the generic store by its pieces, and providers of what is made already.

Go: pkg/builder/rest of apiserver-runtime.
"""

from genericapiserver.builder.resource.object_strategy import DefaultStrategy, StatusSubResourceStrategy
from genericapiserver.builder.rest.providers import (
    ResourceHandlerProvider,
    StaticHandlerProvider,
    get_attrs,
    new,
    new_status,
    selectable_fields,
)

__all__ = [
    "DefaultStrategy",
    "ResourceHandlerProvider",
    "StaticHandlerProvider",
    "StatusSubResourceStrategy",
    "get_attrs",
    "new",
    "new_status",
    "selectable_fields",
]
