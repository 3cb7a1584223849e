"""Who manages which fields of an object: `metadata.managedFields` and server-side apply.

Lives here: sets of paths and their FieldsV1 documents, the shapes of API types, comparing and merging values by shape, and
the `FieldManager` that endpoints call on every write. The lower half (`elements` to `typed`) knows plain JSON values only;
`updater` keeps the books of managers over several versions; `field_manager` puts Kubernetes' rules around it.
Not here: storing, admission, HTTP; the endpoints choose when to call. Imports the rest of apimachinery and `aio`.

Mirrors sigs.k8s.io/structured-merge-diff and k8s.io/apimachinery pkg/util/managedfields.
"""

from genericapiserver.apimachinery.managedfields.field_manager import FieldManager, manager_from
from genericapiserver.apimachinery.managedfields.managers import ManagedFieldsError, validate_managed_fields
from genericapiserver.apimachinery.managedfields.path_set import PathSet

__all__ = ["FieldManager", "ManagedFieldsError", "PathSet", "manager_from", "validate_managed_fields"]
