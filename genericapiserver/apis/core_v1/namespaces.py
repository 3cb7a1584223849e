"""Namespace, with its defaults and its validation.

Source: k8s.io/api/core/v1/types.go, the defaults of k8s.io/kubernetes/pkg/apis/core/v1 and the validation of
k8s.io/kubernetes/pkg/apis/core.
"""

from typing import Final

from genericapiserver.apimachinery import field as errors
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.types import Time, api_type, field
from genericapiserver.apimachinery.validation.names import dns_1123_label

MODEL_PACKAGE = "io.k8s.api.core.v1"
NAMESPACE_DEFAULT: Final = "default"
NAMESPACE_NAME_LABEL: Final = "kubernetes.io/metadata.name"
NAMESPACE_ACTIVE: Final = "Active"
NAMESPACE_TERMINATING: Final = "Terminating"


@api_type
class NamespaceSpec:
    """NamespaceSpec is what is wanted of a namespace."""

    finalizers: list[str] = field(
        factory=list, list_type="atomic", doc="Who has to clean up in the namespace before it is gone."
    )


@api_type
class NamespaceCondition:
    """NamespaceCondition is one thing that was observed of a namespace."""

    type: str = field(doc="What is observed.")
    status: str = field(doc="True, False or Unknown.")
    last_transition_time: Time | None = field(
        default=None, omit_empty=False, required=False, number=4, doc="When the status changed."
    )
    reason: str = field(default="", number=5, doc="Why it changed, in a word for programs.")
    message: str = field(default="", number=6, doc="Why it changed, for people.")


@api_type
class NamespaceStatus:
    """NamespaceStatus is where a namespace is in its life."""

    phase: str = field(default="", enum=["Active", "Terminating"], doc="Whether the namespace is on its way out.")
    conditions: list[NamespaceCondition] = field(
        factory=list,
        list_type="map",
        list_map_keys=["type"],
        patch_strategy="merge",
        patch_merge_key="type",
        doc="What was last observed of the namespace.",
    )


@api_type
class Namespace(Object):
    """Namespace is a scope for names."""

    spec: NamespaceSpec = field(factory=NamespaceSpec, doc="What is wanted.")
    status: NamespaceStatus = field(factory=NamespaceStatus, doc="Where it is in its life. Read-only.")


def set_namespace_defaults(namespace: Namespace) -> None:
    """Label it with its name, so that namespaces can be selected by name; a name still to be generated is none yet."""
    if namespace.metadata.name:
        namespace.metadata.labels[NAMESPACE_NAME_LABEL] = namespace.metadata.name


def validate_namespace(namespace: Namespace) -> list[FieldError]:
    """The name is a part of domain names."""
    metadata, path = namespace.metadata, Path("metadata", "name")
    return [errors.invalid(path, metadata.name, text) for text in dns_1123_label(metadata.name)]
