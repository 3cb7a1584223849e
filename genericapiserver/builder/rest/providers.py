"""What makes the storage of a resource or a subresource, once the scheme and the storage engines are there.

builder.with_resource_and_handler(Manifest, rest.new(Manifest, strategy=Careful, return_deleted_object=True))
builder.with_sub_resource_and_handler(Manifest, "status", rest.new_status(Manifest))
"""

from collections.abc import Mapping
from typing import Any, Protocol

from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.builder.resource.declaration import Resource
from genericapiserver.registry.generic.options import RESTOptionsGetter
from genericapiserver.registry.rest import RESTStorage
from genericapiserver.registry.strategy import DefaultStrategy
from genericapiserver.storage.stored import ObjectAttributes, metadata_attributes


class ResourceHandlerProvider(Protocol):
    """Makes a storage; called once, when the server is made."""

    def __call__(self, scheme: Scheme, getter: RESTOptionsGetter, /) -> RESTStorage:
        """*getter* knows where objects are kept, should the storage want to keep some."""


class StaticHandlerProvider:
    """Provides *storage*, which is made already."""

    def __init__(self, storage: RESTStorage) -> None:
        self.storage = storage

    def __call__(self, scheme: Scheme, getter: RESTOptionsGetter, /) -> RESTStorage:
        return self.storage


def new(
    obj: type[Any] | Resource, *, strategy: type[DefaultStrategy] | None = None, **further: Any
) -> ResourceHandlerProvider:
    """A generic store of *obj*, by the rules of *strategy*; *further* are arguments of `registry.generic.store.Store`.

    (New, NewWithStrategy and NewWithFn of the seeds.)
    """
    declared = _declared(obj, strategy)
    return lambda scheme, getter: declared.store(getter, scheme, **further)


def new_status(
    obj: type[Any] | Resource, *, strategy: type[DefaultStrategy] | None = None, **further: Any
) -> ResourceHandlerProvider:
    """The status subresource over such a store, which shares the engine and thereby the objects with the resource's own.

    (NewStatus, NewStatusWithStrategy and NewStatusWithFn of the seeds.) Raises ValueError for a kind without a status.
    """
    declared = _declared(obj, strategy)
    return lambda scheme, getter: declared.status_store(declared.store(getter, scheme, **further), scheme)


def _declared(obj: type[Any] | Resource, strategy: type[DefaultStrategy] | None) -> Resource:
    if isinstance(obj, Resource):
        if strategy is not None:
            raise ValueError(f"{obj.object_type.__name__}: give the Resource the strategy, not beside it")
        return obj
    return Resource(obj, strategy=strategy)


def get_attrs(obj: Any) -> ObjectAttributes:
    """What selectors look at in an object that has nothing to select by but labels, name and namespace."""
    return metadata_attributes(obj)


def selectable_fields(metadata: Any) -> Mapping[str, str]:
    """The fields that every object can be selected by: metadata.name and metadata.namespace."""
    return {"metadata.name": metadata.name, "metadata.namespace": metadata.namespace}
