"""How objects of core/v1 and other groups name each other.

Source: k8s.io/api/core/v1/types.go.
"""

from genericapiserver.apimachinery.types import api_type, field

MODEL_PACKAGE = "io.k8s.api.core.v1"


@api_type(map_type="atomic")
class ObjectReference:
    """ObjectReference says which object is meant, or which part of it."""

    kind: str = field(default="", doc="The kind of the object.")
    namespace: str = field(default="", doc="The namespace of the object.")
    name: str = field(default="", doc="The name of the object.")
    uid: str = field(default="", doc="The UID of the object.")
    api_version: str = field(default="", doc="The group and version of the object.")
    resource_version: str = field(default="", doc="The version of the object that was seen.")
    field_path: str = field(default="", doc="The part of the object that is meant, such as spec.containers[2].")


@api_type(map_type="atomic")
class LocalObjectReference:
    """LocalObjectReference names an object in the same namespace."""

    name: str = field(default="", doc="The name of the object.")


@api_type(map_type="atomic")
class SecretReference:
    """SecretReference names a Secret in any namespace."""

    name: str = field(default="", doc="The name of the object.")
    namespace: str = field(default="", doc="The namespace of the object.")


@api_type(map_type="atomic")
class TypedLocalObjectReference:
    """TypedLocalObjectReference names an object of any kind in the same namespace."""

    api_group: str | None = field(default=None, omit_empty=False, required=False, doc="The API group of the object.")
    kind: str = field(doc="The kind of the object.")
    name: str = field(doc="The name of the object.")


@api_type
class TypedObjectReference:
    """TypedObjectReference names an object of any kind in any namespace."""

    api_group: str | None = field(default=None, omit_empty=False, required=False, doc="The API group of the object.")
    kind: str = field(doc="The kind of the object.")
    name: str = field(doc="The name of the object.")
    namespace: str | None = field(default=None, doc="The namespace of the object.")
