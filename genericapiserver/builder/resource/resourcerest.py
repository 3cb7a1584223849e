"""What a storage of one's own may be asked: one protocol per verb. Those a storage has are the verbs that are served.

The protocols are the registry's (`registry.rest`), under the names of the seed. Go: pkg/builder/resource/resourcerest of
apiserver-runtime. Its Redirector has had no caller for years and is left out; so is LabelsIndexer: labels are selected by
in memory and need no index.
"""

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

from genericapiserver.registry.rest import (
    CategoriesProvider,
    CollectionDeleter,
    Connector,
    Creator,
    CreatorUpdater,
    Getter,
    GracefulDeleter,
    Lister,
    Patcher,
    Responder,
    RESTStorage,
    ShortNamesProvider,
    SingularNameProvider,
    StandardStorage,
    TableConvertor,
    Updater,
    Watcher,
)

__all__ = [
    "CategoriesProvider",
    "CollectionDeleter",
    "Connecter",
    "Connector",
    "CreaterUpdater",
    "Creator",
    "CreatorUpdater",
    "FieldsIndexer",
    "Getter",
    "GracefulDeleter",
    "Lister",
    "Patcher",
    "RESTStorage",
    "Responder",
    "ShortNamesProvider",
    "SingularNameProvider",
    "StandardStorage",
    "TableConvertor",
    "Updater",
    "Watcher",
]

Connecter = Connector
CreaterUpdater = CreatorUpdater


@runtime_checkable
class FieldsIndexer(Protocol):
    """An API type that clients may select by more fields than name and namespace.

    The seeds declare it and never ask; here `?fieldSelector=spec.color=red` works.
    """

    indexing_fields: ClassVar[Sequence[str]]
    """Paths of attributes, `spec.color`."""
