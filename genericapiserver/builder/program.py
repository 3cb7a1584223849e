"""`genericapiserver serve notes.py`: serve every Resource that a module defines, through its admission plugins."""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from genericapiserver.admission import AdmissionPlugin, MutatingPlugin, PluginRegistry, ValidatingPlugin
from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.builder.groups import DeclaredGroups
from genericapiserver.builder.resource import Resource
from genericapiserver.builder.resource.scheme import declared_kinds, scheme_of
from genericapiserver.builder.standalone import run_standalone
from genericapiserver.component import ComponentGlobalsRegistry, EffectiveVersion
from genericapiserver.config import ConfigError, RecommendedConfig
from genericapiserver.features import KUBE_FLOOR, KUBE_VERSION, default_feature_gate
from genericapiserver.openapi import OpenAPIConfig
from genericapiserver.options.flags import FlagSet
from genericapiserver.options.recommended import RecommendedOptions
from genericapiserver.options.server_run import add_component_flags
from genericapiserver.server import GenericAPIServer


class ResourceServerOptions:
    """The options of a server for *resources*, called *name* at *version*.

    *plugins* run after those of the library, in their order; each has its name on the flags. Raises ConfigError for two
    of one name.
    """

    def __init__(
        self,
        resources: Sequence[Resource],
        *,
        name: str,
        version: str = "1.0",
        plugins: Sequence[AdmissionPlugin] = (),
    ) -> None:
        self.resources = resources
        self.name = name
        self.version = EffectiveVersion.parse(version)
        kinds, problems = declared_kinds(resources)
        if problems:
            raise ConfigError("\n".join(problems))
        self.groups = DeclaredGroups(kinds)
        self.scheme = scheme_of(kinds)
        self.serializer = CodecFactory(self.scheme)
        self.recommended = RecommendedOptions(prefix="/registry", serializer=self.serializer)
        if self.recommended.admission is not None:
            add_plugins(self.recommended.admission.plugins, plugins)
        self.feature_gate = default_feature_gate()
        self.components = ComponentGlobalsRegistry()
        self.components.register("kube", EffectiveVersion(KUBE_VERSION, KUBE_FLOOR), self.feature_gate)

    def add_flags(self, flags: FlagSet) -> None:
        self.recommended.add_flags(flags)
        add_component_flags(flags, self.components)

    def complete(self) -> None:
        """Settle the feature gates. Raises VersionError or FeatureGateError."""
        self.components.set()

    def validate(self) -> list[str]:
        return [*self.recommended.validate(), *self.components.validate()]

    async def server(self) -> GenericAPIServer:
        """Open the storage and install every resource. Raises ConfigError."""
        config = RecommendedConfig(
            effective_version=self.version,
            feature_gate=self.feature_gate,
            openapi=OpenAPIConfig(title=self.name),
        )
        await self.recommended.apply_to(config)
        async with config.closed_on_error():
            server = config.complete().new(self.name)
            server.install_api_groups(*self.api_groups(config))
        return server

    def api_groups(self, config: RecommendedConfig) -> list[APIGroupInfo]:
        if config.rest_options_getter is None:
            raise ConfigError("there is no storage to keep the resources in")
        return self.groups.api_groups(config.rest_options_getter, self.scheme, self.serializer)


def add_plugins(registry: PluginRegistry, plugins: Sequence[AdmissionPlugin]) -> None:
    """Have *plugins* run after all others, under their names. Raises ConfigError for a name that is taken."""
    for plugin in plugins:
        name = str(getattr(plugin, "name", type(plugin).__name__))

        def made(configuration: bytes | None, plugin: AdmissionPlugin = plugin) -> AdmissionPlugin:
            return plugin

        try:
            registry.register(name, made)
        except ValueError as error:
            raise ConfigError(f"{error}: give one of them another name") from error


def serve(
    *resources: Resource,
    plugins: Sequence[AdmissionPlugin] = (),
    name: str = "genericapiserver",
    arguments: Sequence[str] | None = None,
) -> int:
    """Serve *resources* alone until a signal, with admission *plugins*; the exit status.

    *arguments* default to those of the command line.
    """
    options = ResourceServerOptions(resources, name=name, plugins=plugins)
    return _run(name, options, sys.argv[1:] if arguments is None else arguments)


def _run(command: str, options: ResourceServerOptions, arguments: Sequence[str]) -> int:
    kinds = options.resources[0].plural if options.resources else "all"
    return run_standalone(command, options, arguments, hint=f"get {kinds} --all-namespaces")


def print_flags(command: str) -> int:
    """Print the flags of every server that *command* may serve: all but those that a file's own plugins have."""
    return _run(command, ResourceServerOptions((), name=command), ["--help"])


def serve_module(path: str, arguments: Sequence[str]) -> int:
    """Serve the resources that the Python file at *path* defines, through the admission plugins that it defines.

    Raises ConfigError when there are no resources.
    """
    module = _load(Path(path))
    resources = [value for value in vars(module).values() if isinstance(value, Resource)]
    if not resources:
        raise ConfigError(f"{path} defines no Resource: assign one to a name, RESOURCE = Resource(MyType, ...)")
    plugins = list({id(value): value for value in vars(module).values() if _is_plugin(value)}.values())
    options = ResourceServerOptions(resources, name=Path(path).stem, plugins=plugins)
    return _run(f"genericapiserver serve {path}", options, arguments)


def _is_plugin(value: object) -> bool:
    # A class has the methods of its objects, and so looks like a plugin.
    return not isinstance(value, type) and isinstance(value, MutatingPlugin | ValidatingPlugin)


def _load(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
