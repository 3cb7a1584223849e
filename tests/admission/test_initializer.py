"""Plugins get what they have methods for."""

from typing import Any

from genericapiserver.admission import Operation, OperationHandler
from genericapiserver.admission.initializer import GenericInitializer
from genericapiserver.admission.namespaces import NamedNamespaces
from genericapiserver.client.informer import InformerFactory
from genericapiserver.client.rest_mapper import RESTMapper
from genericapiserver.client.transport import InProcessTransport
from genericapiserver.features import default_feature_gate
from genericapiserver.metrics import MetricsRegistry


class Greedy(OperationHandler):
    """Wants everything, and notes what it gets."""

    def __init__(self) -> None:
        super().__init__(Operation.CREATE)
        self.got: dict[str, Any] = {}

    def set_feature_gate(self, gate: Any) -> None:
        self.got["gate"] = gate

    def set_client(self, client: Any) -> None:
        self.got["client"] = client

    def set_informers(self, informers: Any) -> None:
        self.got["informers"] = informers

    def set_namespaces(self, namespaces: Any) -> None:
        self.got["namespaces"] = namespaces

    def set_authorizer(self, authorizer: Any) -> None:
        self.got["authorizer"] = authorizer

    def set_rest_mapper(self, mapper: Any) -> None:
        self.got["mapper"] = mapper

    def set_metrics(self, metrics: Any) -> None:
        self.got["metrics"] = metrics


def test_a_plugin_gets_what_it_wants() -> None:
    def nobody() -> Any:
        raise ConnectionError("there is no server")

    client = InProcessTransport(nobody)
    has: dict[str, Any] = {
        "gate": default_feature_gate(),
        "client": client,
        "informers": InformerFactory(client),
        "namespaces": NamedNamespaces(),
        "mapper": RESTMapper(client),
        "metrics": MetricsRegistry(),
    }
    plugin = Greedy()
    GenericInitializer(
        feature_gate=has["gate"],
        client=has["client"],
        informers=has["informers"],
        namespaces=has["namespaces"],
        rest_mapper=has["mapper"],
        metrics=has["metrics"],
    ).initialize(plugin)
    assert plugin.got == {**has, "authorizer": None}


def test_what_a_server_has_not_is_not_given() -> None:
    plugin = Greedy()
    GenericInitializer().initialize(plugin)
    assert plugin.got == {"authorizer": None}
    GenericInitializer().initialize(OperationHandler(Operation.CREATE))
