"""Where a resource's objects are kept, decided by flags and asked for by resource. Go: pkg/registry/generic/options.go.

Who writes a resource knows its type and its strategy; who runs the server knows the engine, the cache and the
encryption. `RESTOptionsGetter` is where the two meet, and `store_for` joins what both know.
"""

from collections.abc import Callable
from typing import Any, Protocol

import attrs

from genericapiserver.apimachinery.schema import GroupResource, GroupVersion
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.registry.generic.keys import ClusterScopedKeys, KeyScheme, NamespacedKeys
from genericapiserver.registry.generic.metrics import ObserveComparison
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.strategy import RESTStrategy
from genericapiserver.storage.interface import StorageBackend
from genericapiserver.storage.stored import ObjectAttributes, cluster_scoped_attributes, metadata_attributes

AttributesFunc = Callable[[Any], ObjectAttributes]


class OpenBackend(Protocol):
    """Opens the storage of one resource."""

    def __call__(
        self, *, object_type: type[Any], resource_prefix: str, attributes: AttributesFunc
    ) -> StorageBackend[Any]:
        """*object_type* is the hub type; *attributes* gives what selectors look at."""


@attrs.frozen(kw_only=True)
class RESTOptions:
    """How one resource is stored."""

    open_backend: OpenBackend
    resource_prefix: str
    """`/<group>/<resource>` unless somebody overrides it."""
    enable_garbage_collection: bool = True
    delete_collection_workers: int = 1
    storage_version: GroupVersion | None = None
    observe_comparison: ObserveComparison | None = None
    shared: bool = False
    """Other processes have the storage open, too."""
    metrics: MetricsRegistry | None = None
    """Where storages that do more than an engine count what they do; None: nowhere."""


class RESTOptionsGetter(Protocol):
    """Knows how every resource is stored."""

    def get_rest_options(self, resource: GroupResource) -> RESTOptions:
        """Raises an exception with a clear text for a resource that cannot be stored."""


def store_for(
    getter: RESTOptionsGetter,
    *,
    object_type: type[Any],
    qualified_resource: GroupResource,
    singular_name: str,
    strategy: RESTStrategy,
    attributes: AttributesFunc | None = None,
    store_type: type[Store] = Store,
    **further: Any,
) -> Store:
    """A `Store` of *qualified_resource* kept as *getter* says; *further* are arguments of `Store`.

    *attributes* adds field selectors to name and namespace. *store_type* is a subclass for a kind that leaves out a verb,
    which it does by setting the method to None. Raises ValueError for an impossible prefix, and what the getter raises.
    """
    options = getter.get_rest_options(qualified_resource)
    prefix = "/" + options.resource_prefix.strip("/")
    if prefix == "/":
        raise ValueError(f"store for {qualified_resource} has an invalid prefix {options.resource_prefix!r}")
    namespaced = strategy.namespace_scoped
    keys: KeyScheme = NamespacedKeys(prefix) if namespaced else ClusterScopedKeys(prefix)
    backend = options.open_backend(
        object_type=object_type,
        resource_prefix=prefix,
        attributes=attributes or (metadata_attributes if namespaced else cluster_scoped_attributes),
    )
    arguments: dict[str, Any] = {
        "keys": keys,
        "enable_garbage_collection": options.enable_garbage_collection,
        "delete_collection_workers": options.delete_collection_workers,
        "storage_version": options.storage_version,
        "observe_comparison": options.observe_comparison,
        **further,
    }
    return store_type(
        object_type=object_type,
        qualified_resource=qualified_resource,
        singular_name=singular_name,
        strategy=strategy,
        backend=backend,
        **arguments,
    )
