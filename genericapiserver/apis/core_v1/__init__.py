"""v1, the group without a name.

Namespace and Event, which operators look for in every cluster, are here at once. The other kinds are imported when they
are first asked for, so that servers that know nothing of pods need not pay for them; `core_v1.pods`, `core_v1.containers`
and so on hold what they are made of.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version
from genericapiserver.apis.core_v1.events import Event, EventSeries, EventSource, validate_event
from genericapiserver.apis.core_v1.namespaces import (
    NAMESPACE_ACTIVE,
    NAMESPACE_DEFAULT,
    NAMESPACE_NAME_LABEL,
    NAMESPACE_TERMINATING,
    Namespace,
    NamespaceCondition,
    NamespaceSpec,
    NamespaceStatus,
    set_namespace_defaults,
    validate_namespace,
)
from genericapiserver.apis.core_v1.references import ObjectReference

if TYPE_CHECKING:
    from genericapiserver.apis.core_v1.configuration import ConfigMap, Secret, ServiceAccount
    from genericapiserver.apis.core_v1.nodes import Node
    from genericapiserver.apis.core_v1.persistent_volumes import PersistentVolume, PersistentVolumeClaim
    from genericapiserver.apis.core_v1.pods import Binding, Pod, PodTemplate
    from genericapiserver.apis.core_v1.replication_controllers import ReplicationController
    from genericapiserver.apis.core_v1.services import Endpoints, Service

__all__ = [
    "GROUP_VERSION",
    "MODEL_PACKAGE",
    "NAMESPACE_ACTIVE",
    "NAMESPACE_DEFAULT",
    "NAMESPACE_NAME_LABEL",
    "NAMESPACE_TERMINATING",
    "Binding",
    "ConfigMap",
    "Endpoints",
    "Event",
    "EventSeries",
    "EventSource",
    "Namespace",
    "NamespaceCondition",
    "NamespaceSpec",
    "NamespaceStatus",
    "Node",
    "ObjectReference",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Pod",
    "PodTemplate",
    "ReplicationController",
    "Secret",
    "Service",
    "ServiceAccount",
    "add_to_scheme",
    "set_namespace_defaults",
    "validate_event",
    "validate_namespace",
]

GROUP_VERSION = GroupVersion("", "v1")
MODEL_PACKAGE = "io.k8s.api.core.v1"

_MODULES: Final = {
    "Binding": "pods",
    "ConfigMap": "configuration",
    "Endpoints": "services",
    "Node": "nodes",
    "PersistentVolume": "persistent_volumes",
    "PersistentVolumeClaim": "persistent_volumes",
    "Pod": "pods",
    "PodTemplate": "pods",
    "ReplicationController": "replication_controllers",
    "Secret": "configuration",
    "Service": "services",
    "ServiceAccount": "configuration",
}


def __getattr__(name: str) -> Any:
    """The kinds that are not imported before they are asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def add_to_scheme(scheme: Scheme) -> None:
    """Register Namespace and Event, each its own hub, and what a version carries beside its kinds."""
    for version in (GROUP_VERSION, GroupVersion(GROUP_VERSION.group, INTERNAL_VERSION)):
        scheme.add_known_types(version, Namespace, Event)
    scheme.add_defaulting_func(Namespace, set_namespace_defaults)
    add_to_group_version(scheme, GROUP_VERSION)
    scheme.set_version_priority(GROUP_VERSION)
