"""`genericapiserver serve notes.py` and `run notes.py`: serve every Resource of a module, through its admission plugins."""

import importlib.util
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from genericapiserver.admission import AdmissionPlugin, MutatingPlugin, PluginRegistry, ValidatingPlugin
from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.types import is_api_type
from genericapiserver.builder.groups import DeclaredGroups
from genericapiserver.builder.resource import Resource
from genericapiserver.builder.resource.declaration import declared
from genericapiserver.builder.resource.scheme import declared_kinds, scheme_of, stored_versions
from genericapiserver.builder.standalone import run_standalone
from genericapiserver.component import ComponentGlobalsRegistry, EffectiveVersion
from genericapiserver.config import ConfigError, RecommendedConfig
from genericapiserver.features import KUBE_FLOOR, KUBE_VERSION, default_feature_gate
from genericapiserver.openapi import OpenAPIConfig
from genericapiserver.options.command import run_command
from genericapiserver.options.flags import FlagSet
from genericapiserver.options.metrics import MetricsOptions
from genericapiserver.options.recommended import RecommendedOptions
from genericapiserver.options.server_run import ServerRunOptions, add_component_flags
from genericapiserver.server import GenericAPIServer


class ResourceServerOptions:
    """The options of a server for *resources*, called *name* at *version*: Resources, or classes that declare themselves.

    *plugins* run after those of the library, in their order; each has its name on the flags. Raises ConfigError for two
    of one name, and with everything that is wrong with the declarations.
    """

    def __init__(
        self,
        resources: Sequence[type[Any] | Resource],
        *,
        name: str,
        version: str = "1.0",
        plugins: Sequence[AdmissionPlugin] = (),
    ) -> None:
        try:
            self.resources = [declared(resource) for resource in resources]
            kinds, problems = declared_kinds(self.resources)
            self.scheme = scheme_of(kinds)
        except ValueError as error:
            raise ConfigError(str(error)) from error
        self.name = name
        self.version = EffectiveVersion.parse(version)
        if problems:
            raise ConfigError("\n".join(problems))
        self.groups = DeclaredGroups(kinds)
        self.serializer = CodecFactory(self.scheme)
        self.recommended = RecommendedOptions(
            prefix="/registry", serializer=self.serializer, storage_versions=stored_versions(kinds)
        )
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
    *resources: type[Any] | Resource,
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
    return _run(f"genericapiserver serve {path}", load_options(path), arguments)


def run_module(path: str, arguments: Sequence[str]) -> int:
    """Serve the same beside a cluster, which says who asks and what he may do: with the reference's flags.

    Raises ConfigError when there are no resources.
    """
    return run_command(f"genericapiserver run {path}", beside_a_cluster(load_options(path)), arguments)


def print_run_flags(command: str) -> int:
    """Print the flags of `run_module`, but for those that a file's own plugins have."""
    return run_command(command, beside_a_cluster(ResourceServerOptions((), name=command)), ["--help"])


def beside_a_cluster(options: ResourceServerOptions) -> ResourceServerOptions:
    """*options* with the flags that every API server has."""
    options.recommended.server_run = ServerRunOptions()
    options.recommended.metrics = MetricsOptions()
    return options


def load_options(path: str) -> ResourceServerOptions:
    """The options of a server for what the Python file at *path* defines. Raises ConfigError when there are no resources."""
    module = _load(Path(path))
    resources = resources_in(module)
    if not resources:
        raise ConfigError(f"{path} defines no Resource: assign one to a name, RESOURCE = Resource(MyType, ...)")
    plugins = list({id(value): value for value in vars(module).values() if _is_plugin(value)}.values())
    return ResourceServerOptions(resources, name=Path(path).stem, plugins=plugins)


def resources_in(module: ModuleType) -> list[type[Any] | Resource]:
    """What *module* has to serve: its Resources, and its classes that declare themselves, unless one is in a Resource."""
    values = list({id(value): value for value in vars(module).values()}.values())
    resources = [value for value in values if isinstance(value, Resource)]
    of_resources = {resource.object_type for resource in resources}
    classes = [value for value in values if isinstance(value, type) and is_api_type(value)]
    return [*resources, *(cls for cls in classes if hasattr(cls, "group_version_resource") and cls not in of_resources)]


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
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ConfigError(f"{error.filename or path}:{error.lineno}: {error.msg}") from error
    except Exception as error:
        raise ConfigError(f"{_place(path, error)}: {type(error).__name__}: {error}") from error
    return module


def _place(path: Path, error: Exception) -> str:
    """Where in the file at *path* something was done that failed, perhaps far below it."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    return f"{path}:{lines[-1]}" if lines else str(path)
