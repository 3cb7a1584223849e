"""The scale of a kind that makes it itself, with `get_scale` and `set_scale`."""

from typing import Any

from genericapiserver.apis.autoscaling_v1 import Scale
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.scale_store import ScaleFields, ScaleStore
from genericapiserver.storage.stored import StoredObject


class ObjectScaleStore(ScaleStore):
    """Verbs get, update and patch of `<resource>/scale`. Metadata comes from the object, whatever `get_scale` says.

    Who sets replicas here does not become the manager of a field: which one it is nobody knows.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store, ScaleFields())

    def scale_of(self, obj: Any) -> Scale:
        if isinstance(obj, StoredObject):
            obj = obj.object()
        scale: Scale = obj.get_scale()
        metadata = scale.metadata = type(obj.metadata)()
        for name in ("name", "namespace", "uid", "resource_version", "creation_timestamp"):
            setattr(metadata, name, getattr(obj.metadata, name))
        return scale

    def rescale(self, obj: Any, scale: Scale) -> None:
        obj.set_scale(scale)
        obj.metadata.resource_version = scale.metadata.resource_version
