"""Admission: plugins that may change or refuse a write after it was authorized and before it is stored.

Lives here: what a plugin is and what it is told (`plugin`, `attributes`, `operation`), the chain that runs them, the
registry that names and orders them, and the closures through which a registry store calls validation. Not here: HTTP,
and what a kind itself demands of its objects, which is its strategy. May import everything up to registry.
"""

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.chain import AdmissionChain
from genericapiserver.admission.errors import new_forbidden, new_not_found
from genericapiserver.admission.function_plugin import mutating_plugin, validating_plugin
from genericapiserver.admission.operation import Operation
from genericapiserver.admission.plugin import (
    AdmissionPlugin,
    InitializationValidator,
    MutatingPlugin,
    OperationHandler,
    PluginInitializer,
    ReadyHandler,
    ValidatingPlugin,
)
from genericapiserver.admission.registry import RECOMMENDED_PLUGIN_ORDER, PluginError, PluginRegistry

__all__ = [
    "RECOMMENDED_PLUGIN_ORDER",
    "AdmissionChain",
    "AdmissionPlugin",
    "Attributes",
    "InitializationValidator",
    "MutatingPlugin",
    "Operation",
    "OperationHandler",
    "PluginError",
    "PluginInitializer",
    "PluginRegistry",
    "ReadyHandler",
    "ValidatingPlugin",
    "mutating_plugin",
    "new_forbidden",
    "new_not_found",
    "validating_plugin",
]
