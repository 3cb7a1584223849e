"""AdmissionOptions: which plugins run where, and the configuration file (texts of server reference 13.7)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.admission import Operation, OperationHandler, PluginRegistry
from genericapiserver.admission.configuration import PluginConfigurations
from genericapiserver.admission.webhook import ValidatingWebhooks
from genericapiserver.client.informer import InformerFactory
from genericapiserver.client.transport import InProcessTransport
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import ConfigError, RecommendedConfig
from genericapiserver.options.admission import INITIALIZER_HOOK, AdmissionOptions

LIBRARY = ["NamespaceLifecycle", "MutatingAdmissionWebhook", "ValidatingAdmissionWebhook"]


def new_config(*, informers: bool = True) -> RecommendedConfig:
    config = RecommendedConfig(effective_version=EffectiveVersion.parse("1.0"))
    if informers:

        def nobody() -> Any:
            raise ConnectionError("there is no server")

        config.shared_informers = InformerFactory(InProcessTransport(nobody))
    return config


def plugins_of(config: RecommendedConfig) -> list[str]:
    assert config.admission_control is not None
    names = {
        "NamespaceLifecycle": "NamespaceLifecycle",
        "MutatingWebhooks": "MutatingAdmissionWebhook",
        "ValidatingWebhooks": "ValidatingAdmissionWebhook",
    }
    found = [type(plugin).__name__ for plugin in config.admission_control.plugins]
    return [names[name] for name in found if name in names]


@pytest.mark.parametrize(
    ("settings", "informers", "expected"),
    [
        ({}, True, LIBRARY),
        ({"disable_plugins": ["NamespaceLifecycle"]}, True, LIBRARY[1:]),
        ({"enable_plugins": ["ValidatingAdmissionWebhook", "NamespaceLifecycle"]}, True, LIBRARY),
        ({"served_groups": [""]}, True, LIBRARY[:1]),
        ({"served_groups": ["admissionregistration.k8s.io"]}, True, LIBRARY[1:]),
        ({"served_groups": []}, True, []),
        ({}, False, []),
    ],
)
async def test_which_plugins_run(settings: Mapping[str, Any], informers: bool, expected: list[str]) -> None:
    config = new_config(informers=informers)
    AdmissionOptions(**settings).apply_to(config)
    assert plugins_of(config) == expected
    assert INITIALIZER_HOOK in config.post_start_hooks
    await config.close()


async def test_informers_follow_what_the_plugins_read() -> None:
    config = new_config()
    AdmissionOptions().apply_to(config)
    assert config.shared_informers is not None
    assert {path for path in config.shared_informers.not_synced() if "polic" not in path} == {
        "/api/v1/namespaces",
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    }


def test_without_plugins_nothing_is_followed() -> None:
    config = new_config()
    AdmissionOptions(disable_plugins=PluginRegistry().order).apply_to(config)
    assert config.shared_informers is not None
    assert config.shared_informers.not_synced() == []


@pytest.mark.parametrize(
    ("served", "problem"),
    [
        (None, "admission depends on a Kubernetes core API shared informer, it cannot be nil"),
        (
            ["admissionregistration.k8s.io"],
            'enable-admission-plugins plugin "NamespaceLifecycle" reads the API group "", which this server does not '
            "serve: have it served, or leave the plugin out",
        ),
    ],
)
def test_a_plugin_that_finds_nothing_to_read(served: list[str] | None, problem: str) -> None:
    options = AdmissionOptions(enable_plugins=["NamespaceLifecycle"], served_groups=served)
    with pytest.raises(ConfigError) as raised:
        options.apply_to(new_config(informers=served is not None))
    assert str(raised.value) == problem


# The file


class Configured(OperationHandler):
    """Remembers its configuration."""

    def __init__(self, configuration: bytes | None) -> None:
        super().__init__(Operation.CREATE)
        self.configuration = configuration

    async def validate(self, attributes: Any) -> None: ...


def configured(file: Path) -> bytes | None:
    """What a plugin called Mine is given by *file*."""
    plugins = PluginRegistry()
    plugins.register("Mine", Configured)
    config = new_config()
    AdmissionOptions(plugins=plugins, config_file=str(file)).apply_to(config)
    assert config.admission_control is not None
    (plugin,) = config.admission_control.plugins
    assert isinstance(plugin, Configured)
    return plugin.configuration


V1 = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\n"
ALPHA = "apiVersion: apiserver.k8s.io/v1alpha1\nkind: AdmissionConfiguration\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (V1, None),
        (f"{V1}plugins:\n- name: NamespaceLifecycle\n  path: other.yaml\n", None),
        (f"{V1}plugins:\n- name: Mine\n", None),
        (f"{V1}plugins:\n- name: Mine\n  path: mine.yaml\n", b"from: file\n"),
        (f"{ALPHA}plugins:\n- name: Mine\n  path: mine.yaml\n", b"from: file\n"),
        (f"{V1}plugins:\n- name: Mine\n  path: mine.yaml\n  configuration:\n    from: here\n", b'{"from":"here"}'),
        ('{"apiVersion":"apiserver.config.k8s.io/v1","kind":"AdmissionConfiguration","plugins":[]}', None),
    ],
    ids=["empty", "of others", "nothing said", "relative path", "v1alpha1", "inline wins", "JSON"],
)
def test_what_a_plugin_is_configured_with(tmp_path: Path, text: str, expected: bytes | None) -> None:
    (tmp_path / "mine.yaml").write_text("from: file\n")
    file = tmp_path / "admission.yaml"
    file.write_text(text)
    assert configured(file) == expected


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    mine = tmp_path / "elsewhere.yaml"
    mine.write_text("x")
    (tmp_path / "folder").mkdir()
    file = tmp_path / "folder" / "admission.yaml"
    file.write_text(f"{V1}plugins:\n- name: Mine\n  path: {mine}\n")
    assert configured(file) == b"x"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            f"{V1}plugins:\n- name: Mine\n  bogus: 1\n",
            'failed to read plugin config: strict decoding error: unknown field "plugins[0].bogus"',
        ),
        (
            f"{V1}plugins:\n- name: Mine\n  name: Mine\n",
            'failed to read plugin config: strict decoding error: yaml: unmarshal errors:\n  line 5: key "name" already '
            "set in map",
        ),
        ("plugins: []\n", "failed to read plugin config: Object 'Kind' is missing in"),
        (
            "apiVersion: apiserver.config.k8s.io/v1\nkind: WebhookAdmissionConfiguration\nkubeConfigFile: /x\n",
            "failed to read plugin config: unexpected type: *v1.WebhookAdmissionConfiguration",
        ),
        (f"{V1}plugins: 7\n", "failed to read plugin config: json: cannot unmarshal number"),
        (
            f"{V1}plugins: [{{name: Mien}}]\n",
            'failed to read plugin config: plugins[0].name: Unsupported value: "Mien": supported values: '
            '"NamespaceLifecycle", ',
        ),
        (f"{V1}plugins: [{{path: x}}]\n", "failed to read plugin config: plugins[0].name: Required value: from file "),
        (
            f"{V1}plugins: [{{name: Mine}}, {{name: Mine}}]\n",
            'failed to read plugin config: plugins[1].name: Duplicate value: "Mine"',
        ),
    ],
    ids=[
        "unknown field",
        "twice",
        "no kind",
        "another kind",
        "no list",
        "unknown plugin",
        "no name",
        "plugin named twice",
    ],
)
def test_a_file_that_is_not_understood(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "admission.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        configured(file)
    assert str(raised.value).startswith(problem)
    assert str(raised.value).endswith(f": from file {file}")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        configured(tmp_path / "nope")
    assert str(raised.value) == (
        f'failed to read plugin config: unable to read admission control configuration from "{tmp_path}/nope" '
        f"[open {tmp_path}/nope: no such file or directory]"
    )
    file = tmp_path / "admission.yaml"
    file.write_text(f"{V1}plugins:\n- name: Mine\n  path: nope.yaml\n")
    with pytest.raises(ConfigError) as raised:
        configured(file)
    assert str(raised.value) == (
        f"Couldn't open admission plugin configuration {tmp_path}/nope.yaml: "
        f"open {tmp_path}/nope.yaml: no such file or directory"
    )


def test_webhooks_take_their_kubeconfig_from_the_file(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "hooks"
    kubeconfig.write_text('users: [{name: "*.example.com", user: {token: secret}}]')
    file = tmp_path / "admission.yaml"
    lines = [
        "plugins:",
        "- name: ValidatingAdmissionWebhook",
        "  configuration:",
        "    apiVersion: apiserver.config.k8s.io/v1",
        "    kind: WebhookAdmissionConfiguration",
        f"    kubeConfigFile: {kubeconfig}",
    ]
    file.write_text(V1 + "\n".join(lines))
    configuration = PluginConfigurations.read(str(file)).for_plugin("ValidatingAdmissionWebhook")
    plugin = ValidatingWebhooks.from_configuration(configuration)
    assert plugin._clients._credentials.for_host("a.example.com:443").bearer_token == "secret"
    kubeconfig.unlink()
    options = AdmissionOptions(config_file=str(file))
    with pytest.raises(ConfigError) as raised:
        options.apply_to(new_config())
    assert str(raised.value) == (
        f'couldn\'t init admission plugin "ValidatingAdmissionWebhook": stat {kubeconfig}: no such file or directory: '
        f"from file {file}"
    )
