"""A server from declarations: `build_server(resources=[Note], storage=sqlite("notes.db"))`, or step by step.

The fluent names are those of the seeds (pkg/server/builder/builder.go of tilt-apiserver, pkg/builder of
apiserver-runtime). Nothing is opened, bound or made before the server starts. What is wrong with what was said is collected,
and told all at once by whatever makes something of it: `to_server_options`, `to_server_command`, `serving`,
`execute_command`.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TextIO

from genericapiserver.admission import AdmissionPlugin
from genericapiserver.builder.build import (
    DEFAULT,
    Build,
    BuildError,
    SchemeInstaller,
    Told,
    hook_problems,
    name_of,
    port_problems,
    provider_problem,
    resource_of,
    token_problems,
)
from genericapiserver.builder.cert_key import GeneratableKeyCert
from genericapiserver.builder.command import Command, report_build_error
from genericapiserver.builder.connections import ConnProvider
from genericapiserver.builder.resource.checks import NAME
from genericapiserver.builder.resource.declaration import Resource
from genericapiserver.builder.rest import ResourceHandlerProvider
from genericapiserver.builder.running import RunningServer
from genericapiserver.builder.serving_options import ServingOptions
from genericapiserver.builder.start import ConfigFunc, FlagFunc, OptionsFunc, ServerFunc, ServerStartOptions
from genericapiserver.builder.storage import Storage, StorageLike, as_storage, file, memory
from genericapiserver.component import EffectiveVersion, VersionError
from genericapiserver.hooks import PostStartHook


class ServerBuilder:
    """Collects what a server is made from; every `with_*` gives the builder itself. *name* is what the server is called.

    Without more it listens on no port of 127.0.0.1, keeps objects in memory, shows a certificate that it makes for
    localhost, and makes a token.
    """

    def __init__(self, *, name: str = "apiserver") -> None:
        self.name = name
        self._version = "1.0"
        self._title = name
        self._openapi_version = ""
        self._declared: list[Told] = []
        self._below: list[tuple[Any, str, Any]] = []
        self._memory = memory()
        self._by_place: dict[tuple[str, str], Storage] = {}
        self._default: Storage | None = self._memory
        self._errors: list[str] = []
        self._bind_port: int | None = None
        self._token = ""
        self._kubeconfig = ""
        self._cert_key = GeneratableKeyCert()
        self._conn_provider: ConnProvider | None = None
        self._output: TextIO | None = None
        self._local_debug = False
        self._plugins: list[AdmissionPlugin] = []
        self._hooks: dict[str, PostStartHook] = {}
        self._installers: list[SchemeInstaller] = []
        self._options_fns: list[OptionsFunc] = []
        self._config_fns: list[ConfigFunc] = []
        self._server_fns: list[ServerFunc] = []
        self._flag_fns: list[FlagFunc] = []

    # ---- resources

    def with_resource(self, obj: type[Any] | Resource, *, storage: StorageLike | None = None) -> Self:
        """Serve *obj*, a class that is a `resource.Object` or a Resource, from *storage*, or else from the builder's own.

        A version that is not the storage version is served from the storage of the one that is. Status, scale and further
        subresources are served as the declaration says.
        """
        return self._add(obj, storage=DEFAULT if storage is None else storage)

    def with_resource_memory_storage(self, obj: type[Any] | Resource, path: str = "") -> Self:
        """Serve *obj* from memory. All such resources of a builder share one counter of versions.

        *path* is where its keys begin, which nobody sees.
        """
        return self._add(obj, storage=self._memory, prefix=path)

    def with_resource_file_storage(self, obj: type[Any] | Resource, path: str | Path) -> Self:
        """Serve *obj* from the folder *path*, one JSON file an object. Each folder has a counter of its own."""
        try:
            storage = file(path)
        except (TypeError, ValueError) as error:
            self._errors.append(f"{name_of(obj)}: {error}")
            return self
        return self._add(obj, storage=storage)

    def with_resource_and_handler(self, obj: type[Any] | Resource, provider: ResourceHandlerProvider) -> Self:
        """Serve *obj* by the storage that *provider* makes. No subresource comes with it."""
        if (problem := provider_problem(provider)) is not None:
            self._errors.append(f"{name_of(obj)}: {problem}")
            return self
        return self._add(obj, provider=provider)

    def with_sub_resource_and_handler(
        self, parent: type[Any] | Resource, path: str, provider: ResourceHandlerProvider
    ) -> Self:
        """Serve `<plural>/<path>` of *parent*, at its version, by the storage that *provider* makes.

        Types that only the subresource has come by `with_type` or `with_additional_scheme_installers`.
        """
        if (problem := provider_problem(provider)) is not None:
            self._errors.append(f"{name_of(parent)}/{path}: {problem}")
        elif not NAME.fullmatch(path):
            self._errors.append(
                f"{name_of(parent)}: a subresource is named in lower-case letters and digits, not {path!r}"
            )
        else:
            self._below.append((parent, path, provider))
        return self

    def with_type(self, obj: type[Any] | Resource) -> Self:
        """Register *obj* as a type, and serve nothing (tilt's WithResource)."""
        return self._add(obj)

    def with_storage(self, storage: StorageLike) -> Self:
        """Keep resources without a storage of their own in *storage*, instead of in memory."""
        try:
            self._default = self._told_before(as_storage(storage))
        except (TypeError, ValueError) as error:
            self._errors.append(str(error))
        return self

    def without_storage(self) -> Self:
        """There is no storage but those that resources are given (WithoutEtcd of apiserver-runtime)."""
        self._default = None
        return self

    def with_additional_scheme_installers(self, *installers: SchemeInstaller) -> Self:
        """Call each with the scheme, when it has the types of all resources."""
        self._installers += installers
        return self

    # ---- serving

    def with_openapi_definitions(self, name: str, version: str) -> Self:
        """Title and version of the OpenAPI documents. The definitions come from the types themselves."""
        self._title, self._openapi_version = name, version
        return self

    def with_version(self, version: str) -> Self:
        """What /version says, `1.0` if nothing else."""
        self._version = version
        return self

    def with_bind_port(self, port: int) -> Self:
        """The default of --secure-port."""
        self._bind_port = port
        self._errors += port_problems(port)
        return self

    def with_bearer_token(self, token: str) -> Self:
        """The token that clients have to bring, the default of --token. Without one, one is made at each start."""
        self._token = token
        self._errors += token_problems(token)
        return self

    def with_kubeconfig(self, path: str | Path) -> Self:
        """Where to write a kubeconfig, the default of --write-kubeconfig."""
        self._kubeconfig = str(path)
        return self

    def with_cert_key(self, cert_key: GeneratableKeyCert) -> Self:
        """Which certificate to show, instead of one that is made at the start. Flags still count."""
        self._cert_key = cert_key
        return self

    def with_conn_provider(self, provider: ConnProvider) -> Self:
        """Listen and dial through *provider* instead of a port."""
        if missing := [name for name in ("listen", "dial", "dial_context") if not hasattr(provider, name)]:
            self._errors.append(f"with_conn_provider: {provider!r} has no {', no '.join(missing)}")
            return self
        self._conn_provider = provider
        return self

    def with_output_writer(self, out: TextIO) -> Self:
        """Write to *out* what the command would write to standard output and standard error, its log included."""
        self._output = out
        return self

    def with_local_debug_extension(self) -> Self:
        """Add --standalone-debug-mode, which lets everybody on this machine in; refused with any address but 127.0.0.1."""
        self._local_debug = True
        return self

    # ---- hooks

    def with_plugins(self, *plugins: AdmissionPlugin) -> Self:
        """Have admission plugins look at every write, in their order."""
        self._plugins += plugins
        return self

    def with_post_start_hook(self, name: str, hook: PostStartHook) -> Self:
        """Run *hook* once the server listens; it is ready when the hook has returned."""
        problems = hook_problems(name, hook, self._hooks)
        self._errors += problems
        if not problems:
            self._hooks[name] = hook
        return self

    def with_options_fns(self, *functions: OptionsFunc) -> Self:
        """Call each with the ServerStartOptions, when the flags have been read."""
        self._options_fns += functions
        return self

    def with_config_fns(self, *functions: ConfigFunc) -> Self:
        """Call each with the Config, before it is completed."""
        self._config_fns += functions
        return self

    def with_server_fns(self, *functions: ServerFunc) -> Self:
        """Call each with the GenericAPIServer, before it is prepared."""
        self._server_fns += functions
        return self

    def with_flag_fns(self, *functions: FlagFunc) -> Self:
        """Call each with the FlagSet of the command, to add flags of its own."""
        self._flag_fns += functions
        return self

    # ---- what it makes

    def to_server_options(self) -> ServerStartOptions:
        """The options that the server starts from. Raises BuildError with everything that is wrong."""
        built = Build(self._errors, self._declared, self._below, self._default)
        scheme = built.scheme(self._installers)
        try:
            EffectiveVersion.parse(self._version)
        except VersionError as error:
            built.errors.append(f"with_version: {error}")
        if built.errors:
            raise BuildError(built.errors)
        return ServerStartOptions(
            name=self.name,
            version=self._version,
            title=self._title,
            openapi_version=self._openapi_version,
            serving_options=self._serving_options(),
            scheme=scheme,
            groups=built.groups(),
            places=built.places(),
            default_storage=self._default,
            plugins=tuple(self._plugins),
            post_start_hooks=dict(self._hooks),
            options_fns=tuple(self._options_fns),
            config_fns=tuple(self._config_fns),
            server_fns=tuple(self._server_fns),
            flag_fns=tuple(self._flag_fns),
        )

    def _serving_options(self) -> ServingOptions:
        options = ServingOptions(
            token=self._token,
            kubeconfig=self._kubeconfig,
            local_debug=self._local_debug,
            conn_provider=self._conn_provider,
        )
        self._cert_key.apply_to(options.secure)
        options.secure.bind_port = self._bind_port or 0
        return options

    def to_server_command(self) -> Command:
        """The command line of the server. Raises BuildError."""
        options = self.to_server_options()
        plurals = [declared.resource.plural for declared in self._declared]
        return Command(
            self.name, options, hint=f"get {plurals[0]}" if plurals else "api-resources", output=self._output
        )

    def execute_command(self, arguments: Sequence[str] | None = None) -> int:
        """Build the command and run it until a signal; the exit status. *arguments* default to the command line's.

        What is wrong with the declarations is told on standard error, and the status is 1.
        """
        try:
            command = self.to_server_command()
        except BuildError as error:
            return report_build_error(error, self._output)
        return command.execute(arguments)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[RunningServer]:
        """Serve within a program, for the length of the block, which begins when the server is ready.

        Without a port and without a connection provider it takes a free port. Raises BuildError and ConfigError.
        """
        options = self.to_server_options()
        if self._bind_port is None and self._conn_provider is None:
            options.serving_options.listen_somewhere()
        async with options.serving() as running:
            yield running

    def _add(
        self,
        obj: type[Any] | Resource,
        *,
        storage: Any = None,
        prefix: str = "",
        provider: ResourceHandlerProvider | None = None,
    ) -> Self:
        resource, problems = resource_of(obj)
        if storage is not None and storage is not DEFAULT:
            try:
                storage = self._told_before(as_storage(storage))
            except (TypeError, ValueError) as error:
                problems.append(f"{name_of(obj)}: {error}")
        self._errors += problems
        if resource is not None and not problems:
            self._declared.append(Told(resource, storage, prefix, provider))
        return self

    def _told_before(self, storage: Storage) -> Storage:
        """The first storage of the same place on disk, which cannot be opened twice."""
        return storage if storage.place is None else self._by_place.setdefault(storage.place, storage)


def build_server(
    *,
    resources: type[Any] | Resource | Sequence[type[Any] | Resource] = (),
    storage: StorageLike | None = None,
    bind_port: int | None = None,
    bearer_token: str = "",
    cert_key: GeneratableKeyCert | None = None,
    conn_provider: ConnProvider | None = None,
    kubeconfig: str | Path = "",
    plugins: Sequence[AdmissionPlugin] = (),
    post_start_hooks: Mapping[str, PostStartHook] | None = None,
    output: TextIO | None = None,
    name: str = "apiserver",
    version: str = "1.0",
) -> ServerBuilder:
    """A builder that was told all of this; it can be told more (`with_*`), run, or made a command.

    *resources* are classes that declare themselves (`resource.Object`), or `Resource(...)` declarations; one may stand
    alone. *storage* is `memory()` unless given. Raises BuildError with everything that is wrong with the declarations.
    """
    builder = ServerBuilder(name=name).with_version(version).with_plugins(*plugins)
    if storage is not None:
        builder.with_storage(storage)
    for obj in [resources] if isinstance(resources, type | Resource) else resources:
        builder.with_resource(obj)
    if bind_port is not None:
        builder.with_bind_port(bind_port)
    if bearer_token:
        builder.with_bearer_token(bearer_token)
    if cert_key is not None:
        builder.with_cert_key(cert_key)
    if conn_provider is not None:
        builder.with_conn_provider(conn_provider)
    if kubeconfig:
        builder.with_kubeconfig(kubeconfig)
    for hook_name, hook in (post_start_hooks or {}).items():
        builder.with_post_start_hook(hook_name, hook)
    if output is not None:
        builder.with_output_writer(output)
    builder.to_server_options()  # so that mistakes are told where they were made
    return builder
