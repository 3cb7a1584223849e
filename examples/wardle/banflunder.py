"""The BanFlunder admission plugin: a fischer lists names that no flunder may have."""

from examples.wardle import v1alpha1
from genericapiserver.admission import AdmissionPlugin, Attributes, Operation, ReadyHandler, new_forbidden
from genericapiserver.client.informer import Informer

NAME = "BanFlunder"
FISCHERS_PATH = f"/apis/{v1alpha1.GROUP_VERSION}/fischers"


class BanFlunder(ReadyHandler):
    """Refuses a flunder whose name any fischer disallows. Knows the fischers through an informer."""

    def __init__(self) -> None:
        super().__init__(Operation.CREATE)
        self.fischers: Informer[v1alpha1.Fischer] | None = None

    def watch(self, fischers: Informer[v1alpha1.Fischer]) -> None:
        self.fischers = fischers
        self.wait_for(fischers.synced)

    def validate_initialization(self) -> None:
        if self.fischers is None:
            raise ValueError("missing fischer lister")

    async def admit(self, attributes: Attributes) -> None:
        if attributes.kind.kind != "Flunder":
            return
        await self.require_ready(attributes)
        name = attributes.object.metadata.name
        if any(name in fischer.disallowed_flunders for fischer in self.fischers or ()):
            raise new_forbidden(attributes, "this name may not be used, please change the resource name")


class FischerInitializer:
    """Hands the informer to the plugin that wants it."""

    def __init__(self, fischers: Informer[v1alpha1.Fischer]) -> None:
        self._fischers = fischers

    def initialize(self, plugin: AdmissionPlugin) -> None:
        if isinstance(plugin, BanFlunder):
            plugin.watch(self._fischers)
