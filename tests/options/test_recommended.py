"""RecommendedOptions: the order, members that are None, and that a failure leaves nothing open."""

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.admission import (
    AdmissionPlugin,
    Attributes,
    Operation,
    PluginRegistry,
    validating_plugin,
)
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.component import ComponentGlobalsRegistry, EffectiveVersion, Version
from genericapiserver.config import ConfigError
from genericapiserver.features import KUBE_VERSION, default_feature_gate
from genericapiserver.hooks import HookError
from genericapiserver.options.admission import AdmissionOptions
from genericapiserver.options.authentication import DelegatingAuthenticationOptions
from genericapiserver.options.authorization import DelegatingAuthorizationOptions
from genericapiserver.options.features import CoreAPIOptions
from genericapiserver.options.flags import FlagSet
from genericapiserver.options.recommended import RecommendedOptions
from genericapiserver.options.server_run import ServerRunOptions
from tests.options.fakes import kubeconfig, new_config, serving_options

MEMBERS = (
    "storage",
    "secure_serving",
    "authentication",
    "authorization",
    "audit",
    "features",
    "core_api",
    "admission",
    "egress_selector",
    "tracing",
)
"""In the order of AddFlags and Validate in the reference."""

APPLIED = (
    "tracing",
    "secure_serving",
    "authentication",
    "authorization",
    "audit",
    "core_api",
    "features",
    "admission",
    "storage",
)
"""In the order of ApplyTo, but for the storage; the egress selector has nothing to apply here."""


def recommended(folder: Path, port: int, **settings: Any) -> RecommendedOptions:
    """Options of a server that works, with what *settings* say instead of members."""
    options = RecommendedOptions(prefix="/registry", serializer=CodecFactory(Scheme("test")))
    assert options.storage is not None
    assert isinstance(options.authentication, DelegatingAuthenticationOptions)
    assert isinstance(options.authorization, DelegatingAuthorizationOptions)
    options.storage.path = str(folder / "objects.db")
    options.secure_serving = serving_options(folder, port)
    options.authentication.skip_in_cluster_lookup = True
    options.authentication.remote_kubeconfig_file_optional = True
    options.authorization.remote_kubeconfig_file_optional = True
    options.core_api = CoreAPIOptions(core_api_kubeconfig=str(kubeconfig(folder / "core")))
    for name, value in settings.items():
        setattr(options, name, value)
    return options


class Recorder:
    """A member that writes down what is done with it."""

    def __init__(self, name: str, done: list[str]) -> None:
        self.name = name
        self.done = done

    def add_flags(self, flags: FlagSet) -> None:
        self.done.append(f"add_flags {self.name}")

    def validate(self) -> list[str]:
        self.done.append(f"validate {self.name}")
        return [f"{self.name} is wrong"]

    def apply_to(self, *arguments: Any, **options: Any) -> Any:
        self.done.append(f"apply_to {self.name}")
        return self._nothing() if self.name in ("storage", "authentication") else None

    async def _nothing(self) -> None: ...


async def test_members_take_their_turns_in_the_order_of_the_reference() -> None:
    done: list[str] = []
    options = RecommendedOptions(prefix="/registry", serializer=CodecFactory(Scheme("test")))
    for name in ("server_run", *MEMBERS):
        setattr(options, name, Recorder(name, done))
    options.add_flags(FlagSet("server"))
    assert done == [f"add_flags {name}" for name in ("server_run", *MEMBERS)]
    done.clear()
    assert options.validate() == [f"{name} is wrong" for name in ("server_run", *MEMBERS)]
    done.clear()
    await options.apply_to(new_config())
    assert done == [f"apply_to {name}" for name in ("server_run", *APPLIED)]


async def test_every_member_may_be_none() -> None:
    options = RecommendedOptions(prefix="/registry", serializer=CodecFactory(Scheme("test")))
    for name in (*MEMBERS, "workers"):
        setattr(options, name, None)
    flags = FlagSet("server")
    options.add_flags(flags)
    assert flags.names == []
    assert options.validate() == []
    config, untouched = new_config(), new_config()
    await options.apply_to(config)
    assert config.cleanups == []
    for name in ("rest_options_getter", "secure_serving", "admission_control", "shared_informers"):
        assert getattr(config, name) is getattr(untouched, name) is None
    assert config.authentication.authenticator is None
    assert config.authorization.authorizer is None
    assert config.post_start_hooks == {}


@pytest.mark.parametrize("missing", MEMBERS)
async def test_a_single_member_may_be_none(missing: str, tmp_path: Path, free_port: int) -> None:
    options = recommended(tmp_path, free_port, **{missing: None})
    if missing == "core_api" and options.features is not None:
        options.features.enable_priority_and_fairness = False
    assert options.validate() == []
    config = new_config()
    await options.apply_to(config)
    await config.close()


@pytest.mark.parametrize(
    ("core", "limits", "problem"),
    [
        (False, (400, 200), "invalid configuration: priority and fairness requires a core Kubernetes client"),
        (
            True,
            (0, 0),
            "invalid configuration: MaxRequestsInFlight=0 and MaxMutatingRequestsInFlight=0; they must add up to "
            "something positive",
        ),
    ],
)
async def test_what_flow_control_needs(
    core: bool, limits: tuple[int, int], problem: str, tmp_path: Path, free_port: int
) -> None:
    options = recommended(tmp_path, free_port)
    if not core:
        options.core_api = None
    config = new_config()
    config.max_requests_in_flight, config.max_mutating_requests_in_flight = limits
    with pytest.raises(ConfigError) as caught:
        await options.apply_to(config)
    assert str(caught.value) == problem
    assert left_open(free_port) == []


async def test_a_server_that_watches_itself_starts_with_what_every_server_starts_with(
    tmp_path: Path, free_port: int
) -> None:
    options = recommended(tmp_path, free_port)
    options.core_api = None
    options.watch_itself = True
    config = new_config()
    await options.apply_to(config)
    assert config.flow_control is not None
    assert len(config.flow_control.controller.schemas) == 11
    assert config.flow_control.consumer is None
    await config.close()


def left_open(port: int) -> list[str]:
    """What a failed start has left behind."""
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("sqlite")]
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        left.append("the listener")
    return left


async def test_everything_is_given_back_at_the_end(tmp_path: Path, free_port: int) -> None:
    config = new_config()
    await recommended(tmp_path, free_port).apply_to(config)
    assert "the listener" in left_open(free_port)
    assert len(left_open(free_port)) > 1
    await config.close()
    assert left_open(free_port) == []
    await config.close()


def broken_plugins() -> PluginRegistry:
    def fail(configuration: bytes | None) -> AdmissionPlugin:
        raise ValueError("no configuration")

    plugins = PluginRegistry()
    plugins.register("Broken", fail)
    return plugins


@pytest.mark.parametrize(
    ("member", "attribute", "value", "problem"),
    [
        ("storage", "path", "/dev/null/objects.db", "--storage-path: /dev/null/objects.db: it cannot be created"),
        ("secure_serving", "cert_file", "/nope", "open /nope: no such file or directory"),
        ("authentication", "client_ca_file", "/nope", "unable to load client CA provider: open /nope: no such file"),
        ("authentication", "remote_kubeconfig_file", "/nope", "failed to get delegated authentication kubeconfig: "),
        ("authorization", "remote_kubeconfig_file", "/nope", "failed to get delegated authorization kubeconfig: "),
        ("authorization", "always_allow_paths", ["a*b"], "only trailing * allowed in"),
        ("core_api", "core_api_kubeconfig", "/nope", 'failed to load kubeconfig at "/nope": stat /nope: no such file'),
        ("core_api", "core_api_kubeconfig", "", "unable to load in-cluster configuration"),
        ("admission", "plugins", broken_plugins(), 'couldn\'t init admission plugin "Broken": no configuration'),
    ],
)
async def test_a_member_that_fails_leaves_nothing_open(
    member: str, attribute: str, value: Any, problem: str, tmp_path: Path, free_port: int
) -> None:
    options = recommended(tmp_path, free_port)
    setattr(getattr(options, member), attribute, value)
    with pytest.raises(ConfigError) as caught:
        await options.apply_to(new_config())
    assert str(caught.value).startswith(problem)
    assert left_open(free_port) == []


async def test_a_port_that_is_taken_closes_the_storage(tmp_path: Path, taken_port: int) -> None:
    with pytest.raises(ConfigError, match="bind: address already in use"):
        await recommended(tmp_path, taken_port).apply_to(new_config())
    assert [name for name in left_open(taken_port) if name != "the listener"] == []


async def test_a_kubeconfig_with_bad_certificates(tmp_path: Path, free_port: int) -> None:
    options = recommended(tmp_path, free_port)
    options.core_api = CoreAPIOptions(core_api_kubeconfig=str(kubeconfig(tmp_path / "bad", ca=b"nothing")))
    with pytest.raises(ConfigError, match=r"^failed to create Kubernetes clientset: https://127\.0\.0\.1:1: "):
        await options.apply_to(new_config())
    assert left_open(free_port) == []


async def test_what_the_universal_flags_say_reaches_the_configuration() -> None:
    run = ServerRunOptions(
        advertise_address="192.0.2.1",
        cors_allowed_origins=["^http://a$"],
        hsts_directives=["preload"],
        external_host="api.example.com",
        max_requests_in_flight=1,
        max_mutating_requests_in_flight=2,
        request_timeout=3.0,
        goaway_chance=0.01,
        livez_grace_period=4.0,
        min_request_timeout=5,
        storage_initialization_timeout=6.0,
        shutdown_delay_duration=7.0,
        shutdown_send_retry_after=True,
        shutdown_watch_termination_grace_period=8.0,
        json_patch_max_copy_bytes=9,
        max_request_body_bytes=10,
    )
    config = new_config()
    run.apply_to(config)
    assert (config.public_address, config.external_address) == ("192.0.2.1", "api.example.com")
    assert (config.cors_allowed_origins, config.hsts_directives) == (["^http://a$"], ["preload"])
    assert (config.max_requests_in_flight, config.max_mutating_requests_in_flight) == (1, 2)
    assert (config.request_timeout, config.goaway_chance, config.livez_grace_period) == (3.0, 0.01, 4.0)
    assert (config.min_request_timeout, config.storage_initialization_timeout) == (5.0, 6.0)
    assert (config.shutdown_delay_duration, config.shutdown_watch_termination_grace_period) == (7.0, 8.0)
    assert config.shutdown_send_retry_after
    assert (config.json_patch_max_copy_bytes, config.max_request_body_bytes) == (9, 10)


async def test_versions_and_gates_reach_the_configuration() -> None:
    components = ComponentGlobalsRegistry()
    gate = default_feature_gate()
    components.register("kube", EffectiveVersion(KUBE_VERSION, Version(1, 32)), gate)
    run = ServerRunOptions(components=components)
    flags = FlagSet("server")
    run.add_flags(flags)
    flags.parse(["--emulated-version=1.34", "--feature-gates=APIResponseCompression=false"])
    config = new_config()
    run.apply_to(config)
    assert config.effective_version.emulation_version == Version(1, 34)
    assert config.feature_gate is gate
    assert not gate.enabled("APIResponseCompression")


@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        ("--emulated-version=etcd=1.1", "component not registered: etcd"),
        ("--feature-gates=Nope=true", "unrecognized feature gate: Nope"),
    ],
)
def test_versions_and_gates_that_do_not_exist(argument: str, problem: str) -> None:
    components = ComponentGlobalsRegistry()
    components.register("kube", EffectiveVersion(KUBE_VERSION), default_feature_gate())
    run = ServerRunOptions(components=components)
    flags = FlagSet("server")
    run.add_flags(flags)
    flags.parse([argument])
    with pytest.raises(ConfigError) as caught:
        run.apply_to(new_config())
    assert str(caught.value) == problem


@validating_plugin(Operation.CREATE)
def one(attributes: Attributes) -> None:
    """Allow everything."""


@validating_plugin(Operation.CREATE)
def two(attributes: Attributes) -> None:
    """Allow everything, too."""


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, ["One", "Two"]),
        ({"disable_plugins": ["One"]}, ["Two"]),
        ({"enable_plugins": ["Two", "One"]}, ["One", "Two"]),
        ({"disable_plugins": ["Two", "One"], "enable_plugins": ["Two"]}, ["Two"]),
        ({"disable_plugins": ["NamespaceLifecycle"]}, ["One", "Two"]),
    ],
)
async def test_plugins_run_in_the_order_of_the_registry(settings: dict[str, Any], names: list[str]) -> None:
    plugins = PluginRegistry()
    plugins.register("One", lambda configuration: one)
    plugins.register("Two", lambda configuration: two)
    options = AdmissionOptions(plugins=plugins, **settings)
    assert [name for name in plugins.enabled(options.enable_plugins, options.disable_plugins) if name in names] == names
    config = new_config()
    options.apply_to(config)
    assert config.admission_control is not None
    made: dict[AdmissionPlugin, str] = {one: "One", two: "Two"}
    assert [made[plugin] for plugin in config.admission_control.plugins] == names
    assert list(config.post_start_hooks) == ["start-apiserver-admission-initializer"]


def test_admission_can_be_applied_once() -> None:
    config = new_config()
    AdmissionOptions().apply_to(config)
    with pytest.raises(
        HookError, match=r'^unable to add "start-apiserver-admission-initializer" because it was already'
    ):
        AdmissionOptions().apply_to(config)
