"""What pods are given: ConfigMap, Secret and ServiceAccount.

Source: k8s.io/api/core/v1/types.go.
"""

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.types import api_type, field
from genericapiserver.apis.core_v1.references import LocalObjectReference, ObjectReference

MODEL_PACKAGE = "io.k8s.api.core.v1"


@api_type
class ConfigMap(Object):
    """ConfigMap is configuration, as keys and texts."""

    immutable: bool | None = field(default=None, number=4, doc="Whether the data can no longer be changed.")
    data: dict[str, str] = field(factory=dict, number=2, doc="The texts.")
    binary_data: dict[str, bytes] = field(factory=dict, number=3, doc="What is no UTF-8 text.")


@api_type
class Secret(Object):
    """Secret is what few may know, as keys and bytes."""

    immutable: bool | None = field(default=None, number=5, doc="Whether the data can no longer be changed.")
    data: dict[str, bytes] = field(factory=dict, number=2, doc="The bytes, in base64.")
    string_data: dict[str, str] = field(
        factory=dict, doc="Texts that a cluster turns into data when the object is written."
    )
    type: str = field(
        default="", number=3, doc="What the secret is for, such as kubernetes.io/tls; Opaque unless given."
    )


@api_type
class ServiceAccount(Object):
    """ServiceAccount is whom processes in pods act as."""

    secrets: list[ObjectReference] = field(
        factory=list,
        list_type="map",
        list_map_keys=["name"],
        patch_strategy="merge",
        patch_merge_key="name",
        doc="Secrets that pods of the account may use.",
    )
    image_pull_secrets: list[LocalObjectReference] = field(
        factory=list, list_type="atomic", doc="Secrets with which images of its pods are pulled."
    )
    automount_service_account_token: bool | None = field(default=None, doc="Whether its pods find a token of it.")
