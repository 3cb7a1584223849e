"""Plugins by name: which there are, in which order they run, which are on. Go: pkg/admission/plugins.go,
server/options.

The order is one list, and never that of a flag. A name of the list without a factory is known, but cannot be built: the
generic names of the reference are there from the start, for whoever brings the plugins.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, TypeAlias

from genericapiserver.admission.plugin import AdmissionPlugin, InitializationValidator, PluginInitializer
from genericapiserver.apimachinery.go import quote

PluginFactory: TypeAlias = Callable[[bytes | None], AdmissionPlugin]
"""Makes a plugin from its part of the admission configuration file, None when it has none there."""

RECOMMENDED_PLUGIN_ORDER: Final = (
    "NamespaceLifecycle",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionWebhook",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionWebhook",
)


class PluginError(Exception):
    """A plugin is not known, or could not be made; the text says which and why."""


class PluginRegistry:
    """The plugins a server can have. `order` and `default_off` may be changed until the plugins are built."""

    def __init__(self, *, order: Iterable[str] = RECOMMENDED_PLUGIN_ORDER, default_off: Iterable[str] = ()) -> None:
        self.order: list[str] = list(order)
        self.default_off: set[str] = set(default_off)
        self._factories: dict[str, PluginFactory] = {}
        self._reads: dict[str, frozenset[str]] = {}

    @property
    def registered(self) -> list[str]:
        """Names that can be built, sorted."""
        return sorted(self._factories)

    @property
    def known(self) -> list[str]:
        """Names that may be given on flags: those of the order and those registered, in order."""
        return [*self.order, *(name for name in self.registered if name not in self.order)]

    def is_registered(self, name: str) -> bool:
        return name in self._factories

    def reads(self, name: str) -> frozenset[str]:
        """The API groups that the plugin called *name* follows and cannot do without."""
        return self._reads.get(name, frozenset())

    def register(
        self, name: str, factory: PluginFactory, *, before: str | None = None, reads: Iterable[str] = ()
    ) -> None:
        """Make *name* buildable. A name the order does not have goes to its end, or in front of *before*.

        *reads* are the API groups whose objects the plugin follows ("" is the core group): where nobody serves them, it is
        off unless it is asked for.

        Raises ValueError for a name that is registered already and for a *before* that is not in the order.
        """
        if name in self._factories:
            raise ValueError(f"admission plugin {quote(name)} was registered twice")
        if name not in self.order:
            self.order.insert(len(self.order) if before is None else self.order.index(before), name)
        self._factories[name] = factory
        self._reads[name] = frozenset(reads)

    def enabled(self, enable: Collection[str] = (), disable: Collection[str] = ()) -> list[str]:
        """The names that are on, in order: all but those off by default or disabled, and those enabled anyway."""
        off = (self.default_off | set(disable)) - set(enable)
        return [name for name in self.order if name not in off]

    def validate(self, enable: Collection[str] = (), disable: Collection[str] = ()) -> list[str]:
        """What is wrong with the two lists as given on flags: one text each, empty when they are fine."""
        known = set(self.known)
        problems = [f"enable-admission-plugins plugin {quote(name)} is unknown" for name in enable if name not in known]
        problems += [
            f"disable-admission-plugins plugin {quote(name)} is unknown" for name in disable if name not in known
        ]
        both = sorted(set(enable) & set(disable))
        if both:
            problems.append(f"[{' '.join(both)}] in enable-admission-plugins and disable-admission-plugins overlapped")
        return problems

    def build(
        self,
        names: Iterable[str],
        *,
        configuration_for: Callable[[str], bytes | None] = lambda name: None,
        source_of: Callable[[str], str] = lambda name: "",
        initializers: Sequence[PluginInitializer] = (),
    ) -> dict[str, AdmissionPlugin]:
        """Make the plugins of *names*, in that order, ready for an AdmissionChain.

        *source_of* says in which file the configuration of a plugin stands, for the error when that is not understood.
        Raises PluginError.
        """
        return {name: self._build(name, configuration_for, source_of, initializers) for name in names}

    def _build(
        self,
        name: str,
        configuration_for: Callable[[str], bytes | None],
        source_of: Callable[[str], str],
        initializers: Sequence[PluginInitializer],
    ) -> AdmissionPlugin:
        factory = self._factories.get(name)
        if factory is None:
            raise PluginError(f"unknown admission plugin: {name}")
        configuration = configuration_for(name)
        try:
            plugin = factory(configuration)
        except Exception as error:
            source = source_of(name)
            where = f": from file {source}" if source else ""
            raise PluginError(f"couldn't init admission plugin {quote(name)}: {error}{where}") from error
        for initializer in initializers:
            initializer.initialize(plugin)
        if isinstance(plugin, InitializationValidator):
            try:
                plugin.validate_initialization()
            except Exception as error:
                raise PluginError(f"failed to initialize admission plugin {quote(name)}: {error}") from error
        return plugin
