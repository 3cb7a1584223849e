"""AdmissionOptions: which plugins run, in which order, and their configuration.

Source: pkg/server/options/admission.go of k8s.io/apiserver. Deviation: plugins of the reference that this version does
not have are off, and switching one on is refused, instead of failing every start until the user has named all of them.
"""

from collections.abc import Sequence

import attrs

from genericapiserver.admission import AdmissionChain, PluginError, PluginInitializer, PluginRegistry
from genericapiserver.admission.metrics import AdmissionMetrics
from genericapiserver.apimachinery.go import quote
from genericapiserver.config import Config, ConfigError
from genericapiserver.hooks import PostStartHookContext
from genericapiserver.options.flags import STRING, STRINGS, FlagSet

INITIALIZER_HOOK = "start-apiserver-admission-initializer"


@attrs.define(kw_only=True)
class AdmissionOptions:
    """Plugins run in the registry's order, never in that of the flags."""

    plugins: PluginRegistry = attrs.field(factory=PluginRegistry)
    enable_plugins: list[str] = attrs.field(factory=list)
    disable_plugins: list[str] = attrs.field(factory=list)
    config_file: str = ""

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
            f"enable-admission-plugins plugin {quote(name)} is not available in this version"
            for name in self.enable_plugins
            if name in self.plugins.known and not self.plugins.is_registered(name)
        ]
        missing = [name for name in self.plugins.registered if name not in self.plugins.order]
        if missing:
            problems.append(f"plugins [{' '.join(missing)}] registered are not in RecommendedPluginOrder")
        if self.config_file:
            problems.append("--admission-control-config-file is not available in this version: leave it out")
        return problems

    def apply_to(self, config: Config, initializers: Sequence[PluginInitializer] = ()) -> None:
        """Make the plugins and put them on *config* as one chain. Raises ConfigError."""
        enabled = self.plugins.enabled(self.enable_plugins, self.disable_plugins)
        available = [name for name in enabled if self.plugins.is_registered(name)]
        try:
            built = self.plugins.build(available, initializers=initializers)
        except PluginError as error:
            raise ConfigError(str(error)) from error
        config.admission_control = AdmissionChain(built, metrics=AdmissionMetrics(config.metrics))
        config.add_post_start_hook(INITIALIZER_HOOK, _initializers_have_run)


async def _initializers_have_run(context: PostStartHookContext) -> None:
    """Plugins got what they need when they were made; the hook tells those who look at /readyz that this is over."""
