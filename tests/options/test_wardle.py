"""The command line of the sample server, whose results were observed on the reference (systems reference, 5.4)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from examples.wardle.banflunder import NAME
from examples.wardle.server import WardleServerOptions
from genericapiserver.component import FeatureGateError, VersionError
from genericapiserver.config import ConfigError, RecommendedConfig
from genericapiserver.options.flags import FlagSet
from genericapiserver.server import GenericAPIServer
from tests.options.fakes import kubeconfig


def parsed(*arguments: str) -> WardleServerOptions:
    options = WardleServerOptions()
    flags = FlagSet("wardle")
    options.add_flags(flags)
    flags.parse(arguments)
    return options


def outcome(*arguments: str) -> str:
    """What is said about the command line; nothing when all is well."""
    options = parsed(*arguments)
    try:
        options.complete()
    except (FeatureGateError, VersionError) as error:
        return str(error)
    return "; ".join(options.validate())


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], ""),
        (["--emulated-version=wardle=1.1"], ""),
        (["--emulated-version=wardle=1.0"], ""),
        (
            ["--feature-gates=wardle:BanFlunder=false"],
            "cannot set feature gate BanFlunder to false, feature is locked to true",
        ),
        (["--feature-gates=wardle:BanFlunder=true"], ""),
        (["--feature-gates=wardle:BanFlunder=false", "--emulated-version=wardle=1.1"], ""),
        (["--emulated-version=wardle=1.3"], "emulation version 1.3 is not between [0.0, 1.2.0]"),
        (["--emulated-version=kube=1.30"], "EmulationVersion of kube is set by mapping, cannot set it by flag"),
        (["--emulated-version=1.30"], "EmulationVersion of kube is set by mapping, cannot set it by flag"),
        (["--emulated-version=nope=1.0"], "component not registered: nope"),
        (["--emulated-version=wardle=1.2.3"], "patch version not allowed, got: wardle=1.2.3"),
        (["--emulated-version=wardle=abc"], 'could not parse "abc" as version'),
        (
            ["--emulated-version=wardle=1.1,wardle=1.0"],
            "duplicate version flag, wardle=1.1 and wardle=1.0",
        ),
        (["--min-compatibility-version=wardle=1.9"], "minCompatibilityVersion version 1.9 is not between [0.0, 1.2]"),
        (["--feature-gates=wardle:Nope=true"], "unrecognized feature gate: Nope"),
        (["--feature-gates=wardle:BanFlunder"], "missing bool value for BanFlunder"),
        (
            ["--feature-gates=wardle:BanFlunder=maybe"],
            'invalid value of BanFlunder=maybe, err: strconv.ParseBool: parsing "maybe": invalid syntax',
        ),
        (
            ["--feature-gates=kube:APIResponseCompression=true,APIResponseCompression=true"],
            "set kube feature gates with default empty prefix or kube: prefix consistently, do not mix use",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_said_about_a_command_line(arguments: list[str], problem: str) -> None:
    assert outcome(*arguments) == problem


@pytest.mark.parametrize(
    ("arguments", "emulation", "compatibility", "kube", "banned"),
    [
        ([], ("1", "2"), ("1", "1"), "1.35", True),
        (["--emulated-version=wardle=1.1"], ("1", "1"), ("1", ""), "1.34", True),
        (["--emulated-version=wardle=1.0"], ("1", ""), ("1", ""), "1.33", False),
        (
            ["--feature-gates=wardle:BanFlunder=false", "--emulated-version=wardle=1.1"],
            ("1", "1"),
            ("1", ""),
            "1.34",
            False,
        ),
    ],
    ids=["default", "1.1", "1.0", "1.1 without the feature"],
)
def test_versions_and_the_feature(
    arguments: list[str], emulation: tuple[str, str], compatibility: tuple[str, str], kube: str, banned: bool
) -> None:
    options = parsed(*arguments)
    options.complete()
    assert options.validate() == []
    info = options.components.version_of("wardle").info()
    assert info is not None
    assert (info.major, info.minor) == ("1", "2")
    assert (info.emulation_major, info.emulation_minor) == emulation
    assert (info.min_compatibility_major, info.min_compatibility_minor) == compatibility
    assert str(options.components.version_of("kube").emulation_version) == kube
    assert options.recommended.admission is not None
    assert options.recommended.admission.plugins.is_registered(NAME) is banned


def test_defaults_of_its_own() -> None:
    values = FlagSet("wardle")
    WardleServerOptions().add_flags(values)
    assert values.values()["etcd-prefix"] == "/registry/wardle.example.com"
    assert values.values()["secure-port"] == "443"
    assert values.values()["cert-dir"] == "apiserver.local.config/certificates"


@asynccontextmanager
async def wardle(folder: Path, *arguments: str) -> AsyncIterator[GenericAPIServer]:
    options = parsed(
        "--bind-address=127.0.0.1",
        f"--cert-dir={folder}",
        "--storage-backend=memory",
        *arguments,
    )
    options.complete()
    assert options.validate() == []
    server = await options.server()
    try:
        yield server
    finally:
        await server.aclose()


def kubeconfig_flags(path: Path) -> list[str]:
    return [f"--{flag}={path}" for flag in ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")]


async def test_without_a_kubeconfig_it_does_not_start(tmp_path: Path, free_port: int) -> None:
    with pytest.raises(ConfigError) as caught:
        async with wardle(tmp_path, f"--secure-port={free_port}"):
            pass
    assert str(caught.value) == (
        "failed to get delegated authentication kubeconfig: failed to get delegated authentication kubeconfig: unable "
        "to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined"
    )


HOOKS = (
    "generic-apiserver-start-informers",
    "max-in-flight-filter",
    "start-apiserver-admission-initializer",
    "start-sample-server-informers",
    "storage-object-count-tracker-hook",
)
CHECKS = ("etcd", "log", "ping", *(f"poststarthook/{hook}" for hook in HOOKS))
PATHS = [
    "/apis",
    "/apis/wardle.example.com",
    "/apis/wardle.example.com/v1alpha1",
    "/apis/wardle.example.com/v1beta1",
    "/healthz",
    *(f"/healthz/{check}" for check in CHECKS),
    "/livez",
    *(f"/livez/{check}" for check in CHECKS),
    "/metrics",
    "/metrics/slis",
    "/openapi/v2",
    "/openapi/v3",
    "/openapi/v3/",
    "/readyz",
    *(f"/readyz/{check}" for check in sorted((*CHECKS, "etcd-readiness", "informer-sync", "shutdown"))),
    "/version",
]
"""As recorded from the reference."""


async def test_paths_and_readiness_checks_are_those_of_the_reference(tmp_path: Path, free_port: int) -> None:
    flags = [*kubeconfig_flags(kubeconfig(tmp_path / "kubeconfig")), "--authentication-skip-lookup"]
    flags.append("--enable-priority-and-fairness=false")
    async with wardle(tmp_path, f"--secure-port={free_port}", *flags) as server:
        server.prepare_run()
        assert server.listed_paths == PATHS
        assert [check.name for check in server.health_checks.readyz.checks] == [
            "ping",
            "log",
            "etcd",
            "etcd-readiness",
            "poststarthook/start-apiserver-admission-initializer",
            "poststarthook/generic-apiserver-start-informers",
            "informer-sync",
            "poststarthook/max-in-flight-filter",
            "poststarthook/storage-object-count-tracker-hook",
            "poststarthook/start-sample-server-informers",
            "shutdown",
        ]


async def test_flow_control_replaces_the_plain_limits_and_follows_the_core_api_server(
    tmp_path: Path, free_port: int
) -> None:
    flags = [*kubeconfig_flags(kubeconfig(tmp_path / "kubeconfig")), "--authentication-skip-lookup"]
    async with wardle(tmp_path, f"--secure-port={free_port}", *flags) as server:
        checks = [check.name for check in server.health_checks.readyz.checks]
        at = checks.index("informer-sync")
        assert checks[at + 1 : at + 3] == [
            "poststarthook/priority-and-fairness-config-consumer",
            "poststarthook/priority-and-fairness-filter",
        ]
        assert "poststarthook/max-in-flight-filter" not in checks
        flow_control = server.config.flow_control
        assert flow_control is not None
        assert sorted(flow_control.controller.levels) == ["catch-all", "exempt"]
        assert flow_control.controller.server_limit == 600
        assert isinstance(server.config, RecommendedConfig)
        assert server.config.shared_informers is not None
        waiting = server.config.shared_informers.not_synced()
        assert "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas" in waiting
