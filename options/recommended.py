"""RecommendedOptions: the groups of options that make an API server of the usual kind, together.

Source: pkg/server/options/recommended.go of k8s.io/apiserver, whose orders of validating and applying these are.
Any member may be None, which switches its subject off: without authentication nobody is asked who he is, without
authorization everything is allowed. `server_run` and `metrics` are None at first, as in the reference: programs add the
universal flags and those of metrics themselves.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from genericapiserver.admission import PluginInitializer
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.client.informer import InformerFactory
from genericapiserver.config import RecommendedConfig
from genericapiserver.options.admission import AdmissionOptions
from genericapiserver.options.api_enablement import APIEnablementOptions
from genericapiserver.options.audit import AuditOptions
from genericapiserver.options.authentication import DelegatingAuthenticationOptions
from genericapiserver.options.authorization import DelegatingAuthorizationOptions
from genericapiserver.options.features import CoreAPIOptions, EgressSelectorOptions, FeatureOptions
from genericapiserver.options.flags import FlagSet
from genericapiserver.options.metrics import MetricsOptions
from genericapiserver.options.secure_serving import SecureServingOptions
from genericapiserver.options.server_run import ServerRunOptions
from genericapiserver.options.storage import StorageOptions
from genericapiserver.options.tracing import TracingOptions
from genericapiserver.options.workers import WorkerOptions

if TYPE_CHECKING:
    from genericapiserver.options.builtin_authentication import BuiltInAuthenticationOptions
    from genericapiserver.options.builtin_authorization import BuiltInAuthorizationOptions

HTTP2_MAX_STREAMS = 1000
"""One HTTP/2 connection of an aggregator carries the watches of every user."""


class RecommendedOptions:
    """The usual groups of options. *prefix* is where the storage keeps objects, *storage_versions* what it writes."""

    def __init__(self, *, prefix: str, serializer: CodecFactory, storage_versions: Sequence[GroupVersion] = ()) -> None:
        self.serializer = serializer
        self.watch_itself = False
        """Informers watch the server that is made here: it has no core API server beside it."""
        self.server_run: ServerRunOptions | None = None
        self.workers: WorkerOptions | None = WorkerOptions()
        self.storage: StorageOptions | None = StorageOptions(
            prefix=prefix, serializer=serializer, storage_versions=storage_versions
        )
        self.secure_serving: SecureServingOptions | None = SecureServingOptions(
            http2_max_streams_per_connection=HTTP2_MAX_STREAMS
        )
        self.authentication: DelegatingAuthenticationOptions | BuiltInAuthenticationOptions | None = (
            DelegatingAuthenticationOptions()
        )
        """Another server decides who somebody is, or this one."""
        self.authorization: DelegatingAuthorizationOptions | BuiltInAuthorizationOptions | None = (
            DelegatingAuthorizationOptions()
        )
        self.audit: AuditOptions | None = AuditOptions()
        self.features: FeatureOptions | None = FeatureOptions()
        self.core_api: CoreAPIOptions | None = CoreAPIOptions()
        self.admission: AdmissionOptions | None = AdmissionOptions()
        self.egress_selector: EgressSelectorOptions | None = EgressSelectorOptions()
        self.tracing: TracingOptions | None = TracingOptions()
        self.api_enablement: APIEnablementOptions | None = None
        """For programs with APIs to choose among. Its checks want the groups there are: call its `validate` yourself."""
        self.metrics: MetricsOptions | None = None

    def _members(self) -> list[Any]:
        members = (
            self.server_run,
            self.storage,
            self.secure_serving,
            self.authentication,
            self.authorization,
            self.audit,
            self.features,
            self.core_api,
            self.admission,
            self.egress_selector,
            self.tracing,
            self.metrics,
        )
        return [member for member in members if member is not None]

    def add_flags(self, flags: FlagSet) -> None:
        for member in self._members():
            member.add_flags(flags)
        if self.workers is not None:
            self.workers.add_flags(flags)

    def validate(self) -> list[str]:
        problems = [problem for member in self._members() for problem in member.validate()]
        return problems + (self.workers.validate(self.storage) if self.workers is not None else [])

    async def apply_to(self, config: RecommendedConfig, *, initializers: Sequence[PluginInitializer] = ()) -> None:
        """Fill *config*. The first error stops, closes what was opened, and is raised: ConfigError."""
        async with config.closed_on_error():
            await self._apply(config, initializers)

    async def _apply(self, config: RecommendedConfig, initializers: Sequence[PluginInitializer]) -> None:
        if self.watch_itself:
            config.shared_informers = InformerFactory(config.new_loopback_transport())
        if self.server_run is not None:
            self.server_run.apply_to(config)
        if self.metrics is not None:
            self.metrics.apply_to(config)
        if self.api_enablement is not None:
            self.api_enablement.apply_to(config, self.serializer.scheme)
        if self.tracing is not None:
            self.tracing.apply_to(config)
        if self.workers is not None:
            self.workers.apply_to(config, self.storage)
        if self.secure_serving is not None:
            self.secure_serving.apply_to(config)
        if self.authentication is not None:
            await self.authentication.apply_to(config, config.secure_serving)
        if self.authorization is not None:
            self.authorization.apply_to(config)
        if self.audit is not None:
            self.audit.apply_to(config)
        if self.core_api is not None:
            self.core_api.apply_to(config)
        if self.features is not None:
            self.features.apply_to(config, follow=not self.watch_itself)
        if self.admission is not None:
            self.admission.apply_to(config, initializers)
        if (
            self.storage is not None
        ):  # the first in the reference; here a start that is refused for its flags makes no file
            await self.storage.apply_to(config)
