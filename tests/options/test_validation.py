"""What options say about values they cannot take, before anything is opened (server reference, section 13)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from genericapiserver.admission import Attributes, PluginRegistry, validating_plugin
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.authentication.review import RetryBackoff
from genericapiserver.component import ComponentGlobalsRegistry, EffectiveVersion, Version
from genericapiserver.connection import ServingCertificate
from genericapiserver.options.admission import AdmissionOptions
from genericapiserver.options.audit import AuditOptions
from genericapiserver.options.authentication import DelegatingAuthenticationOptions, RequestHeaderOptions
from genericapiserver.options.authorization import DelegatingAuthorizationOptions
from genericapiserver.options.features import EgressSelectorOptions, FeatureOptions
from genericapiserver.options.flags import aggregate
from genericapiserver.options.secure_serving import SecureServingOptions
from genericapiserver.options.server_run import CORS_HELP, ServerRunOptions
from genericapiserver.options.storage import StorageOptions
from genericapiserver.options.tracing import TracingOptions


@validating_plugin()
def nothing(attributes: Attributes) -> None:
    """Allow everything."""


NOT_YET = "is not available in this version: leave it out"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"max_requests_in_flight": -1}, "--max-requests-inflight can not be negative value"),
        ({"max_mutating_requests_in_flight": -1}, "--max-mutating-requests-inflight can not be negative value"),
        ({"request_timeout": -1.0}, "--request-timeout can not be negative value"),
        ({"min_request_timeout": -1}, "--min-request-timeout can not be negative value"),
        ({"storage_initialization_timeout": -1.0}, "--storage-initialization-timeout can not be negative value"),
        ({"shutdown_delay_duration": -0.001}, "--shutdown-delay-duration can not be negative value"),
        ({"livez_grace_period": -1.0}, "--livez-grace-period can not be a negative value"),
        (
            {"shutdown_watch_termination_grace_period": -1.0},
            "shutdown-watch-termination-grace-period, if provided, can not be a negative value",
        ),
        ({"goaway_chance": -0.01}, "--goaway-chance can not be less than 0 or greater than 0.02"),
        ({"goaway_chance": 0.021}, "--goaway-chance can not be less than 0 or greater than 0.02"),
        ({"json_patch_max_copy_bytes": -1}, "ServerRunOptions.JSONPatchMaxCopyBytes can not be negative value"),
        ({"max_request_body_bytes": -1}, "ServerRunOptions.MaxRequestBodyBytes can not be negative value"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_server_run_limits(settings: dict[str, Any], problem: str) -> None:
    assert ServerRunOptions(**settings).validate() == [problem]


HSTS = (
    "--strict-transport-security-directives invalid, allowed values: max-age=expireTime, includeSubDomains, preload. "
    "see https://tools.ietf.org/html/rfc6797#section-6.1 for more information"
)


@pytest.mark.parametrize(
    ("directives", "problems"),
    [
        ([], []),
        (["max-age=31536000", "includeSubDomains", "preload"], []),
        (["max-age=whatever"], []),
        ([""], ["empty value in strict-transport-security-directives"]),
        ([" "], ["empty value in strict-transport-security-directives"]),
        (["max-age"], [HSTS]),
        (["max-age=1=2"], [HSTS]),
        (["includesubdomains"], [HSTS]),
        (["", "nope"], ["empty value in strict-transport-security-directives", HSTS]),
    ],
)
def test_hsts_directives(directives: list[str], problems: list[str]) -> None:
    assert ServerRunOptions(hsts_directives=directives).validate() == problems


@pytest.mark.parametrize(
    "origins",
    [
        [],
        ["^http://foo.com$"],
        ["^http://foo.com"],
        ["://foo.com$"],
        ["//foo.com$"],
        ["//foo.com(:|$)"],
        ["(^foo.com$)"],
    ],
)
def test_cors_origins_that_pin_the_host(origins: list[str]) -> None:
    assert ServerRunOptions(cors_allowed_origins=origins).validate() == []


NOT_PINNED = (
    "--cors-allowed-origins has an invalid regular expression: regular expression does not pin to start/end of host in "
    f"the origin header, help: {CORS_HELP}"
)


@pytest.mark.parametrize(
    ("origin", "problem"),
    [
        ("^foo.com", NOT_PINNED),
        ("//foo.com", NOT_PINNED),
        ("foo.com$", NOT_PINNED),
        ("foo.com(:|$)", NOT_PINNED),
        ("", f"empty value in --cors-allowed-origins, help: {CORS_HELP}"),
    ],
)
def test_cors_origins_that_others_could_match(origin: str, problem: str) -> None:
    assert ServerRunOptions(cors_allowed_origins=["^http://good.com$", origin]).validate() == [problem]


def test_cors_origins_are_regular_expressions() -> None:
    (problem,) = ServerRunOptions(cors_allowed_origins=["^http://(foo.com$"]).validate()
    assert problem.startswith("--cors-allowed-origins has an invalid regular expression: error parsing regexp: ")
    assert problem.endswith(f", help: {CORS_HELP}")


@pytest.mark.parametrize(
    ("attribute", "field", "flag"),
    [
        ("emulation_forward_compatible", "EmulationForwardCompatible", "emulation-forward-compatible"),
        (
            "runtime_config_emulation_forward_compatible",
            "RuntimeConfigEmulationForwardCompatible",
            "runtime-config-emulation-forward-compatible",
        ),
    ],
)
def test_forward_compatibility_needs_an_emulated_version(attribute: str, field: str, flag: str) -> None:
    version = EffectiveVersion.parse("1.35")
    components = ComponentGlobalsRegistry()
    components.register("kube", version)
    options = ServerRunOptions(components=components, **{attribute: True})  # type: ignore[arg-type]
    same = f"ServerRunOptions.{field} cannot be set to true if the emulation version is the same as the binary version"
    assert options.validate() == [same]
    assert attrs.evolve(options, components=None).validate() == [same]
    version.set_emulation_version(Version(1, 34))
    assert options.validate() == [f"--{flag} {NOT_YET}"]


def test_versions_are_validated_with_the_other_flags() -> None:
    components = ComponentGlobalsRegistry()
    components.register("kube", EffectiveVersion.parse("1.35", floor="1.32"))
    components.emulated_versions = ["1.30"]
    components.set()
    (emulation, compatibility) = ServerRunOptions(components=components).validate()
    assert emulation.startswith("emulation version 1.30 is not between [1.32, 1.35")
    assert compatibility.startswith("minCompatibilityVersion version ")


REQUIRED = "--secure-port {} must be between 1 and 65535, inclusive. It cannot be turned off with 0"
OPTIONAL = "--secure-port {} must be between 0 and 65535, inclusive. 0 for turning off secure port"


@pytest.mark.parametrize(
    ("port", "required", "problems"),
    [
        (0, False, []),
        (65535, True, []),
        (0, True, [REQUIRED.format(0)]),
        (-1, True, [REQUIRED.format(-1)]),
        (65536, False, [REQUIRED.format(65536)]),
        (-1, False, [OPTIONAL.format(-1)]),
    ],
)
def test_secure_port(port: int, required: bool, problems: list[str]) -> None:
    assert SecureServingOptions(bind_port=port, required=required).validate() == problems


def test_a_certificate_comes_from_files_or_from_memory() -> None:
    pair = ServingCertificate(certificate_pem=b"", private_key_pem=b"")
    assert SecureServingOptions(cert_file="x", generated_cert=pair).validate() == [
        "cert/key file and in-memory certificate cannot both be set"
    ]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"username_headers": ["X-User", " "]}, 'empty value in "requestheader-username-headers"'),
        ({"uid_headers": ["X-Remote-Uid", ""]}, 'empty value in "requestheader-uid-headers"'),
        ({"group_headers": [""]}, 'empty value in "requestheader-group-headers"'),
        ({"extra_header_prefixes": [""]}, 'empty value in "requestheader-extra-headers-prefix"'),
        (
            {"uid_headers": ["X-Own-Uid"]},
            "--requestheader-uid-headers is set without specifying the standard X-Remote-Uid header - "
            "API aggregation will not work",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_request_headers(settings: dict[str, Any], problem: str) -> None:
    options = DelegatingAuthenticationOptions(request_header=RequestHeaderOptions(**settings))
    assert options.validate() == [problem]


@pytest.mark.parametrize("make", [DelegatingAuthenticationOptions, DelegatingAuthorizationOptions])
def test_delegation_tries_at_least_once(make: Callable[..., Any]) -> None:
    assert make(webhook_retry_backoff=RetryBackoff(steps=0)).validate() == [
        "number of webhook retry attempts must be greater than 1, but is: 0"
    ]


def audit(log: dict[str, Any], **settings: Any) -> AuditOptions:
    options = AuditOptions(log_path="-", **settings)
    return attrs.evolve(options, log=attrs.evolve(options.log, **log))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (audit({"mode": "x"}), 'invalid audit log mode x, allowed modes are "batch,blocking,blocking-strict"'),
        (
            audit({"mode": "batch", "buffer_size": 0}),
            "invalid audit batch log buffer size 0, must be a positive number",
        ),
        (
            audit({"mode": "batch", "max_size": -1}),
            "invalid audit batch log max batch size -1, must be a positive number",
        ),
        (
            audit({"mode": "batch", "throttle_enable": True, "throttle_burst": 1}),
            "invalid audit batch log throttle QPS 0, must be a positive number",
        ),
        (
            audit({"mode": "batch", "throttle_enable": True, "throttle_qps": 1.0}),
            "invalid audit batch log throttle burst 0, must be a positive number",
        ),
        (
            audit({"truncate_max_event_size": 0}),
            "invalid audit truncate log max event size 0, must be a positive number",
        ),
        (
            audit({"truncate_max_batch_size": 2, "truncate_max_event_size": 3}),
            "invalid audit truncate log max batch size 2, must be greater than max event size (3)",
        ),
        (
            audit({"version": "audit.k8s.io/v1beta1"}),
            'invalid group version, allowed versions are ["audit.k8s.io/v1"]',
        ),
        (audit({}, log_format="xml"), 'invalid audit log format xml, allowed formats are "legacy,json"'),
        (audit({}, log_max_age=-1), "--audit-log-maxage -1 can't be a negative number"),
        (audit({}, log_max_backup=-1), "--audit-log-maxbackup -1 can't be a negative number"),
        (audit({}, log_max_size=-1), "--audit-log-maxsize -1 can't be a negative number"),
    ],
)
def test_audit(options: AuditOptions, problem: str) -> None:
    assert options.validate() == [problem]


def test_audit_of_a_backend_that_is_off_is_not_looked_at() -> None:
    options = audit({"mode": "x"})
    assert attrs.evolve(options, log_path="").validate() == []
    webhook = attrs.evolve(options.webhook, mode="x")
    assert attrs.evolve(options, log_path="", webhook=webhook, webhook_config_file="f").validate() == [
        'invalid audit webhook mode x, allowed modes are "batch,blocking,blocking-strict"'
    ]


@pytest.mark.parametrize(
    ("options", "flag", "problems"),
    [
        (EgressSelectorOptions, "egress-selector-config-file", [f"--egress-selector-config-file {NOT_YET}"]),
        (TracingOptions, "tracing-config-file", []),
    ],
)
def test_configuration_files_must_exist(
    options: Callable[..., Any], flag: str, problems: list[str], tmp_path: Path
) -> None:
    assert options(config_file="/nope").validate() == [f"{flag} /nope does not exist"]
    there = tmp_path / "config.yaml"
    there.touch()
    assert options(config_file=str(there)).validate() == problems


def test_a_debug_socket_must_have_a_path_that_sockets_can_have() -> None:
    assert FeatureOptions(debug_socket_path="/run/debug").validate() == []
    long = "/run/" + "x" * 103
    (problem,) = FeatureOptions(debug_socket_path=long).validate()
    assert problem == f"--debug-socket-path {long} is longer than 107 bytes, which no unix socket can have"


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        ({"enable_plugins": ["Nope"]}, ['enable-admission-plugins plugin "Nope" is unknown']),
        (
            {"disable_plugins": ["Nope", "Foo"]},
            [
                'disable-admission-plugins plugin "Nope" is unknown',
                'disable-admission-plugins plugin "Foo" is unknown',
            ],
        ),
        (
            {"enable_plugins": ["B", "A"], "disable_plugins": ["A", "B"]},
            ["[A B] in enable-admission-plugins and disable-admission-plugins overlapped"],
        ),
        (
            {"enable_plugins": ["NamespaceLifecycle"]},
            ['enable-admission-plugins plugin "NamespaceLifecycle" is not part of this program'],
        ),
        ({"disable_plugins": ["NamespaceLifecycle", "A"]}, []),
    ],
)
def test_admission(settings: dict[str, Any], problems: list[str]) -> None:
    plugins = PluginRegistry()
    plugins.register("A", lambda configuration: nothing)
    plugins.register("B", lambda configuration: nothing)
    assert AdmissionOptions(plugins=plugins, **settings).validate() == problems


def test_admission_plugins_must_have_a_place() -> None:
    plugins = PluginRegistry()
    plugins.register("A", lambda configuration: nothing)
    plugins.order.remove("A")
    assert AdmissionOptions(plugins=plugins).validate() == ["plugins [A] registered are not in RecommendedPluginOrder"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"backend": "etcd2"},
            "--storage-backend invalid, allowed values: sqlite, memory, file, etcd3. If not specified, it will default "
            "to 'sqlite'",
        ),
        ({"path": ""}, "--storage-path must be specified for --storage-backend=sqlite"),
        ({"file_format": "yaml"}, "--storage-file-format needs --storage-backend=file"),
        (
            {"backend": "file", "path": "x", "file_format": "toml"},
            '--storage-file-format "toml" invalid, allowed values: json, yaml',
        ),
        ({"file_edits": True}, "--storage-file-edits needs --storage-backend=file"),
        ({"backend": "file", "path": ""}, "--storage-path must be specified for --storage-backend=file"),
        (
            {"media_type": "text/plain"},
            '--storage-media-type "text/plain" invalid, allowed values: application/json, '
            "application/vnd.kubernetes.protobuf, application/yaml",
        ),
        (
            {"media_type": "application/yaml"},
            "--storage-media-type application/yaml is not available in this version: objects are written as JSON, which "
            "every API server reads. What others wrote in YAML or protobuf is read all the same",
        ),
        ({"history_retention": -1.0}, "--storage-history-retention can not be negative value"),
        ({"history_max_changes": -1}, "--storage-history-max-changes can not be negative value"),
        (
            {"backend": "etcd3", "etcd_servers": ["http://127.0.0.1:2379"], "history_retention": 3600.0},
            "--storage-history-retention and --storage-history-max-changes are not for --storage-backend=etcd3, whose "
            "history others may compact: use --etcd-compaction-interval",
        ),
        ({"compaction_interval": -1.0}, "--etcd-compaction-interval can not be negative value"),
        (
            {"encryption_provider_config_automatic_reload": True},
            "--encryption-provider-config-automatic-reload must be set with --encryption-provider-config",
        ),
        ({"etcd_servers": ["http://127.0.0.1:2379"]}, "--etcd-servers needs --storage-backend=etcd3"),
        ({"backend": "etcd3"}, "--etcd-servers must be specified"),
        ({"lease_reuse_duration": -1}, "--lease-reuse-duration-seconds can not be negative value"),
        (
            {"etcd_servers_overrides": ["apps/deployments#http://x"]},
            "--etcd-servers-overrides needs --storage-backend=etcd3",
        ),
        ({"etcd_key_file": "f"}, "--etcd-keyfile needs --storage-backend=etcd3"),
        ({"etcd_cert_file": "f"}, "--etcd-certfile needs --storage-backend=etcd3"),
        ({"etcd_ca_file": "f"}, "--etcd-cafile needs --storage-backend=etcd3"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_storage(settings: dict[str, Any], problem: str) -> None:
    options = StorageOptions(prefix="/registry", serializer=CodecFactory(Scheme("test")), **settings)
    assert options.validate() == [problem]


@pytest.mark.parametrize(
    "text",
    ["", "x", "/pods", "/pods#", "/pods#;", "/pods#http://x;", "pods#http://x", "a/b/c#http://x", "/pods#http://x#y"],
)
def test_overrides_of_servers_that_say_no_resource_or_no_server(text: str) -> None:
    settings: dict[str, Any] = {"backend": "etcd3", "etcd_servers": ["http://x"], "etcd_servers_overrides": [text]}
    options = StorageOptions(prefix="/registry", serializer=CodecFactory(Scheme("test")), **settings)
    assert options.validate() == [
        "--etcd-servers-overrides invalid, must be of format: group/resource#servers, where servers are URLs, semicolon "
        "separated"
    ]


@pytest.mark.parametrize("settings", [{"media_type": ""}, {"backend": ""}, {"backend": "memory", "path": ""}])
def test_storage_defaults_may_be_left_empty(settings: dict[str, Any]) -> None:
    assert StorageOptions(prefix="/registry", serializer=CodecFactory(Scheme("test")), **settings).validate() == []


@pytest.mark.parametrize(
    ("problems", "text"),
    [(["a"], "a"), (["a", "b"], "[a, b]"), (["a", "b", "a"], "[a, b]"), (["a", "a"], "a")],
)
def test_several_problems_are_one_text(problems: list[str], text: str) -> None:
    assert aggregate(problems) == text
