"""What plugins are given when they are made: each by a method that says so. Go: pkg/admission/initializer.

A plugin has the methods of what it wants:

    class Quota(OperationHandler):
        def set_informers(self, informers: InformerFactory) -> None: ...
        def set_metrics(self, metrics: MetricsRegistry) -> None: ...

and says in `validate_initialization` what it cannot do without.
"""

from collections.abc import Awaitable
from typing import Protocol, runtime_checkable

import attrs

from genericapiserver.admission.namespaces import Namespaces
from genericapiserver.admission.plugin import AdmissionPlugin
from genericapiserver.authorization import Authorizer
from genericapiserver.client.informer import InformerFactory
from genericapiserver.client.rest_mapper import RESTMapper
from genericapiserver.client.transport import Transport
from genericapiserver.component import FeatureGate
from genericapiserver.metrics import MetricsRegistry


@runtime_checkable
class WantsFeatureGate(Protocol):
    """Wants to know which features are on."""

    def set_feature_gate(self, gate: FeatureGate) -> None: ...


@runtime_checkable
class WantsClient(Protocol):
    """Wants to ask the core API server."""

    def set_client(self, client: Transport) -> None: ...


@runtime_checkable
class WantsInformers(Protocol):
    """Wants to follow objects of the core API server."""

    def set_informers(self, informers: InformerFactory) -> None: ...


@runtime_checkable
class WantsNamespaces(Protocol):
    """Wants to look namespaces up."""

    def set_namespaces(self, namespaces: Namespaces) -> None: ...


@runtime_checkable
class WantsAuthorizer(Protocol):
    """Wants to ask what users may do."""

    def set_authorizer(self, authorizer: Authorizer | None) -> None: ...


@runtime_checkable
class WantsRESTMapper(Protocol):
    """Wants to know which resource serves a kind."""

    def set_rest_mapper(self, mapper: RESTMapper) -> None: ...


@runtime_checkable
class WantsMetrics(Protocol):
    """Has metrics of its own."""

    def set_metrics(self, metrics: MetricsRegistry) -> None: ...


@runtime_checkable
class Closable(Protocol):
    """Holds something that has to be let go at the end of the server."""

    def aclose(self) -> Awaitable[None]: ...


@attrs.frozen(kw_only=True)
class GenericInitializer:
    """Gives plugins what a server has; None is not given to anybody."""

    feature_gate: FeatureGate | None = None
    client: Transport | None = None
    informers: InformerFactory | None = None
    namespaces: Namespaces | None = None
    authorizer: Authorizer | None = None
    rest_mapper: RESTMapper | None = None
    metrics: MetricsRegistry | None = None

    def initialize(self, plugin: AdmissionPlugin) -> None:
        if self.feature_gate is not None and isinstance(plugin, WantsFeatureGate):
            plugin.set_feature_gate(self.feature_gate)
        if self.client is not None and isinstance(plugin, WantsClient):
            plugin.set_client(self.client)
        if self.informers is not None and isinstance(plugin, WantsInformers):
            plugin.set_informers(self.informers)
        if self.namespaces is not None and isinstance(plugin, WantsNamespaces):
            plugin.set_namespaces(self.namespaces)
        if isinstance(plugin, WantsAuthorizer):
            plugin.set_authorizer(self.authorizer)
        if self.rest_mapper is not None and isinstance(plugin, WantsRESTMapper):
            plugin.set_rest_mapper(self.rest_mapper)
        if self.metrics is not None and isinstance(plugin, WantsMetrics):
            plugin.set_metrics(self.metrics)
