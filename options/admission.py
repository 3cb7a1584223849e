"""AdmissionOptions: which plugins run, in which order, and their configuration.

Source: pkg/server/options/admission.go of k8s.io/apiserver. Beside a core API server everything is as there. A server that
stands alone is something the reference does not know (it refuses to start): there, plugins are on that can find what they
read among the API groups which the server serves itself, and asking for another one is an error.
"""

import asyncio
from collections.abc import Collection, Sequence

import attrs

from genericapiserver.admission import AdmissionChain, PluginError, PluginInitializer, PluginRegistry
from genericapiserver.admission.configuration import ConfigurationError, PluginConfigurations
from genericapiserver.admission.initializer import Closable, GenericInitializer
from genericapiserver.admission.metrics import AdmissionMetrics
from genericapiserver.admission.namespaces import NamedNamespaces, Namespaces, WatchedNamespaces
from genericapiserver.admission.plugins import CORE, default_plugins
from genericapiserver.apimachinery.go import quote
from genericapiserver.client.informer import InformerFactory
from genericapiserver.client.rest_mapper import RESTMapper
from genericapiserver.config import Config, ConfigError
from genericapiserver.hooks import PostStartHookContext
from genericapiserver.options.flags import STRING, STRINGS, FlagSet

INITIALIZER_HOOK = "start-apiserver-admission-initializer"
REST_MAPPER_PERIOD = 30.0
"""Seconds after which plugins see resources that have come or gone."""


@attrs.define(kw_only=True)
class AdmissionOptions:
    """Plugins run in the registry's order, never in that of the flags."""

    plugins: PluginRegistry = attrs.field(factory=default_plugins)
    enable_plugins: list[str] = attrs.field(factory=list)
    disable_plugins: list[str] = attrs.field(factory=list)
    config_file: str = ""
    served_groups: Collection[str] | None = None
    """The API groups that informers can follow; None means those of a whole cluster."""

    def add_flags(self, flags: FlagSet) -> None:
        names = ", ".join(self.plugins.known)
        flags.add(
            "enable-admission-plugins",
            STRINGS,
            self,
            "enable_plugins",
            "admission plugins that should be enabled in addition to default enabled ones. Comma-delimited list of "
            f"admission plugins: {names}. The order of plugins in this flag does not matter.",
        )
        flags.add(
            "disable-admission-plugins",
            STRINGS,
            self,
            "disable_plugins",
            "admission plugins that should be disabled although they are in the default enabled plugins list. "
            f"Comma-delimited list of admission plugins: {names}. The order of plugins in this flag does not matter.",
        )
        flags.add(
            "admission-control-config-file", STRING, self, "config_file", "File with admission control configuration."
        )

    def validate(self) -> list[str]:
        problems = self.plugins.validate(self.enable_plugins, self.disable_plugins)
        problems += [
            f"enable-admission-plugins plugin {quote(name)} is not part of this program"
            for name in self.enable_plugins
            if name in self.plugins.known and not self.plugins.is_registered(name)
        ]
        missing = [name for name in self.plugins.registered if name not in self.plugins.order]
        if missing:
            problems.append(f"plugins [{' '.join(missing)}] registered are not in RecommendedPluginOrder")
        return problems

    def apply_to(self, config: Config, initializers: Sequence[PluginInitializer] = ()) -> None:
        """Make the plugins and put them on *config* as one chain. Raises ConfigError."""
        informers: InformerFactory | None = getattr(config, "shared_informers", None)
        names = self._names(informers)
        mapper = None if informers is None else RESTMapper(informers.transport)
        generic = GenericInitializer(
            feature_gate=config.feature_gate,
            client=None if informers is None else informers.transport,
            informers=informers,
            namespaces=self._namespaces(names, informers),
            authorizer=config.authorization.authorizer,
            rest_mapper=mapper,
            metrics=config.metrics,
        )
        try:
            configurations = PluginConfigurations.read(self.config_file, self.plugins.known)
        except ConfigurationError as error:
            raise ConfigError(f"failed to read plugin config: {error}") from error
        try:
            built = self.plugins.build(
                names,
                configuration_for=configurations.for_plugin,
                source_of=configurations.source,
                initializers=[generic, *initializers],
            )
        except (PluginError, ConfigurationError) as error:
            raise ConfigError(str(error)) from error
        for plugin in built.values():
            if isinstance(plugin, Closable):
                config.add_cleanup(plugin.aclose)
        config.admission_control = AdmissionChain(built, metrics=AdmissionMetrics(config.metrics))

        async def keep_mapper_fresh(context: PostStartHookContext) -> None:
            if mapper is not None:
                context.spawn(_reset(mapper))

        config.add_post_start_hook(INITIALIZER_HOOK, keep_mapper_fresh)

    def _names(self, informers: InformerFactory | None) -> list[str]:
        """The plugins that run. Raises ConfigError for one that was asked for and finds nothing to read."""
        enabled = self.plugins.enabled(self.enable_plugins, self.disable_plugins)
        names = []
        for name in enabled:
            if not self.plugins.is_registered(name):
                continue
            unserved = self._unserved(name, informers)
            if not unserved:
                names.append(name)
            elif name in self.enable_plugins and informers is None:
                raise ConfigError("admission depends on a Kubernetes core API shared informer, it cannot be nil")
            elif name in self.enable_plugins:
                groups = " and ".join(quote(group) for group in sorted(unserved))
                raise ConfigError(
                    f"enable-admission-plugins plugin {quote(name)} reads the API group {groups}, which this server does "
                    "not serve: have it served, or leave the plugin out"
                )
        return names

    def _unserved(self, name: str, informers: InformerFactory | None) -> frozenset[str]:
        reads = self.plugins.reads(name)
        if informers is None:
            return reads
        return frozenset() if self.served_groups is None else reads - frozenset(self.served_groups)

    def _namespaces(self, names: Sequence[str], informers: InformerFactory | None) -> Namespaces | None:
        """Where plugins look namespaces up; None when none of *names* reads any API, because this begins a watch."""
        if informers is None or not any(self.plugins.reads(name) for name in names):
            return None
        if self.served_groups is not None and CORE not in self.served_groups:
            return NamedNamespaces()
        return WatchedNamespaces.from_factory(informers)


async def _reset(mapper: RESTMapper) -> None:
    while True:
        await asyncio.sleep(REST_MAPPER_PERIOD)
        mapper.reset()
