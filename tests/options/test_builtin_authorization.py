"""The options of a server that decides by itself: flags, the configuration file, and what becomes of them."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.authentication.user import UserInfo
from genericapiserver.authorization import AuthorizationAttributes, Authorizer, Decision, rules_for
from genericapiserver.builder.kubeconfig import write_kubeconfig
from genericapiserver.builder.pki import Authority
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import ConfigError, RecommendedConfig
from genericapiserver.hooks import PostStartHookContext
from genericapiserver.options.builtin_authorization import (
    FILES_HOOK,
    BuiltInAuthorizationOptions,
    load_authorization_configuration,
)
from genericapiserver.options.flags import FlagSet
from tests.support.delegation import delegation

REFERENCE = {
    "authorization-mode": "[]",
    "authorization-config": "",
    "authorization-policy-file": "",
    "authorization-webhook-config-file": "",
    "authorization-webhook-version": "v1beta1",
    "authorization-webhook-cache-authorized-ttl": "5m0s",
    "authorization-webhook-cache-unauthorized-ttl": "30s",
}


def parsed(*arguments: str, **settings: Any) -> BuiltInAuthorizationOptions:
    options, flags = BuiltInAuthorizationOptions(**settings), FlagSet("test")
    options.add_flags(flags)
    flags.parse(arguments)
    return options


def config() -> RecommendedConfig:
    return RecommendedConfig(effective_version=EffectiveVersion.parse("1.0"))


def test_the_flags_have_the_reference_s_names_and_defaults() -> None:
    flags = FlagSet("test")
    BuiltInAuthorizationOptions().add_flags(flags)
    values = flags.values()
    assert {name: values[name] for name in REFERENCE} == REFERENCE


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--authorization-mode=Magic"], 'authorization-mode "Magic" is not a valid mode'),
        (["--authorization-mode=RBAC,RBAC"], 'authorization-mode ["RBAC" "RBAC"] has mode specified more than once'),
        (["--authorization-mode=Webhook"], "authorization-mode Webhook's authorization config file not passed"),
        (
            ["--authorization-webhook-config-file=/x"],
            "cannot specify --authorization-webhook-config-file without mode Webhook",
        ),
        (["--authorization-policy-file=/x"], "cannot specify --authorization-policy-file without mode ABAC"),
        (["--authorization-rbac-files=/x"], "cannot specify --authorization-rbac-files without mode RBAC"),
        (
            ["--authorization-mode=ABAC"],
            'authorization-mode "ABAC" is not available in this version: policies of this kind are not read: write them '
            "as roles and use RBAC",
        ),
        (
            ["--authorization-mode=Node"],
            'authorization-mode "Node" is not available in this version: this server has no nodes to decide about',
        ),
        (
            [
                "--authorization-mode=Webhook",
                "--authorization-webhook-config-file=/x",
                "--authorization-webhook-version=v3",
            ],
            'unsupported webhook authorizer version "v3", supported versions are "v1", "v1beta1"',
        ),
        (
            ["--authorization-always-allow-paths=/a*b"],
            '--authorization-always-allow-paths: only trailing * allowed in "a*b"',
        ),
        (
            ["--authorization-config=/x", "--authorization-mode=RBAC"],
            "--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags "
            "are defined",
        ),
        (
            ["--authorization-config=/x", "--authorization-webhook-cache-authorized-ttl=1s"],
            "--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags "
            "are defined",
        ),
        (["--authorization-config=/no/file"], "--authorization-config: open /no/file: no such file or directory"),
    ],
)
def test_flags_that_do_not_fit_are_refused(arguments: list[str], problem: str) -> None:
    assert parsed(*arguments).validate() == [problem]


@pytest.mark.parametrize("mode", ["AlwaysAllow", "AlwaysDeny", "RBAC", "AlwaysDeny,RBAC"])
def test_modes_that_are_built_are_fine(mode: str) -> None:
    assert parsed(f"--authorization-mode={mode}").validate() == []


# ---- the configuration file

HEAD = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\n"
WEBHOOK = """\
- type: Webhook
  name: {name}
  webhook:
    timeout: 3s
    subjectAccessReviewVersion: v1
    failurePolicy: {policy}
    connectionInfo: {{type: KubeConfigFile, kubeConfigFile: "{kubeconfig}"}}
"""


def file(folder: Path, text: str, head: str = HEAD) -> Path:
    path = folder / "authorization.yaml"
    path.write_text(head + text, encoding="utf-8")
    return path


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    path.write_text("clusters: []\n", encoding="utf-8")
    return path


def webhook(kubeconfig: Path, more: str = "", **changes: str) -> str:
    text = "authorizers:\n" + WEBHOOK.format(name="a", policy="Deny", kubeconfig=kubeconfig)
    for old, new in changes.items():
        lines = [f"    {new}" if f" {old}:" in line and new else line for line in text.splitlines()]
        text = "\n".join(line for line in lines if new or f" {old}:" not in line) + "\n"
    return text + more


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("authorizers: []\n", "authorizers: Required value: at least one authorization mode must be defined (line 3)"),
        ("authorizers: [{name: a}]\n", "authorizers[0].type: Required value (line 3)"),
        (
            "authorizers:\n- {type: Magic, name: a}\n",
            'authorizers[0].type: Unsupported value: "Magic": supported values: "AlwaysAllow", "AlwaysDeny", "RBAC", '
            '"Webhook" (line 4)',
        ),
        (
            "authorizers:\n- {type: RBAC, name: a}\n- {type: RBAC, name: b}\n",
            'authorizers[1].type: Duplicate value: "RBAC" (line 5)',
        ),
        ("authorizers:\n- type: RBAC\n", "authorizers[0].name: Required value (line 4)"),
        (
            "authorizers:\n- {type: RBAC, name: a}\n- {type: AlwaysDeny, name: a}\n",
            'authorizers[1].name: Duplicate value: "a" (line 5)',
        ),
        (
            "authorizers:\n- {type: RBAC, name: a, webhook: {}}\n",
            'authorizers[0].webhook: Invalid value: "non-null": may only be specified when type=Webhook (line 4)',
        ),
        (
            "authorizers:\n- type: Webhook\n  name: a\n",
            "authorizers[0].webhook: Required value: required when type=Webhook (line 4)",
        ),
        ("authorizers: [{type: RBAC, name: a, extra: b}]\n", 'unknown field "authorizers[0].extra" (line 3)'),
        ("authorizers: 5\n", "cannot unmarshal number"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_field_and_line(tmp_path: Path, text: str, problem: str) -> None:
    path = file(tmp_path, text)
    (found,) = parsed(f"--authorization-config={path}").validate()
    assert found.startswith(f"--authorization-config {path}: ")
    assert problem in found


def test_a_name_is_a_domain_name(tmp_path: Path) -> None:
    (found,) = parsed(f"--authorization-config={file(tmp_path, 'authorizers: [{type: RBAC, name: A_b}]')}").validate()
    assert (
        'authorizers[0].name: Invalid value: "A_b": authorizer name is invalid: a lowercase RFC 1123 subdomain' in found
    )


@pytest.mark.parametrize(
    ("changes", "more", "problem"),
    [
        ({"timeout": ""}, "", "timeout: Required value"),
        ({"timeout": "timeout: 31s"}, "", 'timeout: Invalid value: "31s": must be > 0s and <= 30s'),
        ({"timeout": "timeout: -1s"}, "", 'timeout: Invalid value: "-1s": must be > 0s and <= 30s'),
        ({"timeout": "timeout: soon"}, "", 'timeout: Invalid value: "soon": time: invalid duration "soon"'),
        ({}, "    authorizedTTL: -1s\n", 'authorizedTTL: Invalid value: "-1s": must be > 0s'),
        ({}, "    unauthorizedTTL: 0s\n", "unauthorizedTTL: Required value"),
        ({"subjectAccessReviewVersion": ""}, "", "subjectAccessReviewVersion: Required value"),
        (
            {"subjectAccessReviewVersion": "subjectAccessReviewVersion: v2"},
            "",
            'subjectAccessReviewVersion: Unsupported value: "v2": supported values: "v1", "v1beta1"',
        ),
        ({"failurePolicy": ""}, "", "failurePolicy: Required value"),
        (
            {"failurePolicy": "failurePolicy: Fail"},
            "",
            'failurePolicy: Unsupported value: "Fail": supported values: "NoOpinion", "Deny"',
        ),
        ({"connectionInfo": ""}, "", "connectionInfo.type: Required value"),
        (
            {"connectionInfo": "connectionInfo: {type: Wire}"},
            "",
            'connectionInfo.type: Unsupported value: "Wire": supported values: "InClusterConfig", "KubeConfigFile"',
        ),
        (
            {"connectionInfo": "connectionInfo: {type: InClusterConfig, kubeConfigFile: /x}"},
            "",
            'connectionInfo.kubeConfigFile: Invalid value: "/x": can only be set when type=KubeConfigFile',
        ),
        (
            {"connectionInfo": "connectionInfo: {type: KubeConfigFile}"},
            "",
            "connectionInfo.kubeConfigFile: Required value",
        ),
        (
            {"connectionInfo": "connectionInfo: {type: KubeConfigFile, kubeConfigFile: x}"},
            "",
            'connectionInfo.kubeConfigFile: Invalid value: "x": must be an absolute path',
        ),
        (
            {"connectionInfo": "connectionInfo: {type: KubeConfigFile, kubeConfigFile: /}"},
            "",
            'connectionInfo.kubeConfigFile: Invalid value: "/": must be a regular file',
        ),
        (
            {"connectionInfo": "connectionInfo: {type: KubeConfigFile, kubeConfigFile: /no/file}"},
            "",
            'connectionInfo.kubeConfigFile: Invalid value: "/no/file": error loading file: stat /no/file: no such file '
            "or directory",
        ),
        (
            {},
            "    matchConditions: [{expression: 'true'}]\n",
            "matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified",
        ),
        (
            {},
            "    matchConditionSubjectAccessReviewVersion: v1beta1\n",
            'matchConditionSubjectAccessReviewVersion: Unsupported value: "v1beta1": supported values: "v1"',
        ),
    ],
)
def test_a_webhook_that_makes_no_sense_is_refused(
    tmp_path: Path, kubeconfig: Path, changes: dict[str, str], more: str, problem: str
) -> None:
    path = file(tmp_path, webhook(kubeconfig, more, **changes))
    (found,) = parsed(f"--authorization-config={path}").validate()
    assert f"authorizers[0].webhook.{problem}" in found


CONDITIONS = "    matchConditionSubjectAccessReviewVersion: v1\n    matchConditions:\n"


@pytest.mark.parametrize(
    ("conditions", "problem"),
    [
        ([" "], "matchConditions[0].expression: Required value"),
        (["true", "true"], 'matchConditions[1].expression: Duplicate value: "true"'),
        (["1"], 'matchConditions[0].expression: Invalid value: "1": must evaluate to bool'),
        (
            ["request.nothing == 1"],
            'matchConditions[0].expression: Invalid value: "request.nothing == 1": compilation failed',
        ),
        (["has("], 'matchConditions[0].expression: Invalid value: "has(": compilation failed: ERROR: <input>:1:5: '),
        ([f"{n} == 1" for n in range(65)], "matchConditions: Too many: 65: must have at most 64 items"),
    ],
)
def test_conditions_that_are_no_expressions_are_refused(
    tmp_path: Path, kubeconfig: Path, conditions: list[str], problem: str
) -> None:
    pytest.importorskip("cel_expr_python")
    lines = "".join(f"    - expression: '{condition}'\n" for condition in conditions)
    path = file(tmp_path, webhook(kubeconfig, CONDITIONS + lines))
    (found,) = parsed(f"--authorization-config={path}").validate()
    assert f"authorizers[0].webhook.{problem}" in found


def test_what_is_left_out_of_a_webhook_has_a_default(tmp_path: Path, kubeconfig: Path) -> None:
    more = "    cacheUnauthorizedRequests: false\n"
    _, (authorizer,) = load_authorization_configuration(file(tmp_path, webhook(kubeconfig, more)))
    assert authorizer.webhook is not None
    assert (authorizer.webhook.authorized_ttl, authorizer.webhook.unauthorized_ttl) == (300.0, 0.0)
    assert authorizer.webhook.decision_on_error is Decision.DENY


def test_the_older_version_is_read_too(tmp_path: Path) -> None:
    path = file(tmp_path, "authorizers: [{type: RBAC, name: a}]", head=HEAD.replace("/v1", "/v1beta1"))
    assert parsed(f"--authorization-config={path}").validate() == []


# ---- what becomes of them

ROLES = """\
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: reader}
rules: [{verbs: [get], apiGroups: [g], resources: [pods]}]
---
kind: ClusterRoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: alice}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: alice}]
"""


async def decision(
    authorizer: Authorizer | None, name: str, *groups: str, verb: str = "get", path: str = ""
) -> Decision:
    assert authorizer is not None
    asked = AuthorizationAttributes(
        user=UserInfo(name=name, groups=groups),
        verb=verb,
        api_group="g",
        resource="pods",
        namespace="dev",
        is_resource_request=not path,
        path=path,
    )
    return (await authorizer.authorize(asked)).decision


async def test_privileged_groups_and_open_paths_come_before_every_mode() -> None:
    made = config()
    parsed("--authorization-mode=AlwaysDeny").apply_to(made)
    authorizer = made.authorization.authorizer
    assert await decision(authorizer, "root", "system:masters") is Decision.ALLOW
    assert await decision(authorizer, "bob", path="/healthz") is Decision.ALLOW
    assert await decision(authorizer, "bob", path="/metrics") is Decision.NO_OPINION
    assert await decision(authorizer, "bob") is Decision.NO_OPINION


async def test_without_flags_the_default_modes_hold() -> None:
    made = config()
    parsed().apply_to(made)
    assert await decision(made.authorization.authorizer, "bob") is Decision.ALLOW
    made = config()
    parsed(default_modes=["RBAC"]).apply_to(made)
    assert await decision(made.authorization.authorizer, "bob") is Decision.NO_OPINION
    assert FILES_HOOK not in made.post_start_hooks


async def test_roles_from_files_count_and_are_watched(tmp_path: Path) -> None:
    path = tmp_path / "roles.yaml"
    path.write_text(ROLES, encoding="utf-8")
    made = config()
    parsed("--authorization-mode=RBAC", f"--authorization-rbac-files={path}").apply_to(made)
    authorizer = made.authorization.authorizer
    assert await decision(authorizer, "alice") is Decision.ALLOW
    assert await decision(authorizer, "bob") is Decision.NO_OPINION
    assert FILES_HOOK in made.post_start_hooks


def test_roles_that_cannot_be_read_keep_the_server_from_starting(tmp_path: Path) -> None:
    path = tmp_path / "roles.yaml"
    path.write_text(ROLES.replace("[get]", "[]"), encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        parsed("--authorization-mode=RBAC", f"--authorization-rbac-files={path}").apply_to(config())
    assert str(raised.value) == (
        f"--authorization-rbac-files {path}: line 1: rules[0].verbs: Required value: "
        "verbs must contain at least one value (line 4)"
    )


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_webhook_is_asked_at_the_address_of_its_kubeconfig(tmp_path: Path, version: str) -> None:
    authority = Authority(tmp_path)
    pair = authority.server("localhost", "127.0.0.1")
    kubeconfig = tmp_path / "webhook"
    with delegation(pair.certificate, pair.key) as address:
        write_kubeconfig(
            kubeconfig,
            server=f"{address}/some/where",
            authority=authority.files.certificate,
            client=authority.client("server"),
            name="webhook",
        )
        made = config()
        parsed(
            "--authorization-mode=Webhook",
            f"--authorization-webhook-config-file={kubeconfig}",
            f"--authorization-webhook-version={version}",
        ).apply_to(made)
        authorizer = made.authorization.authorizer
        assert await decision(authorizer, "alice") is Decision.ALLOW
        assert await decision(authorizer, "bob") is Decision.NO_OPINION
        assert authorizer is not None
        rules = await rules_for(authorizer, UserInfo(name="alice"), "dev")
        assert rules.incomplete
        assert str(rules.error) == "webhook authorizer does not support user rule resolution"
        await made.close()


def test_a_kubeconfig_that_cannot_be_read_keeps_the_server_from_starting(tmp_path: Path, kubeconfig: Path) -> None:
    options = parsed("--authorization-mode=Webhook", f"--authorization-webhook-config-file={kubeconfig}")
    with pytest.raises(ConfigError, match="authorization webhook default: "):
        options.apply_to(config())


async def test_the_file_is_read_again_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    path = file(tmp_path, "authorizers: [{type: AlwaysAllow, name: a}]\n")
    made = config()
    options = parsed(f"--authorization-config={path}")
    assert options.validate() == []
    options.apply_to(made)
    authorizer = made.authorization.authorizer
    tasks: list[asyncio.Task[None]] = []
    await made.post_start_hooks[FILES_HOOK].hook(
        PostStartHookContext(
            loopback_client_config=None,  # type: ignore[arg-type]
            stopped=None,  # type: ignore[arg-type]
            spawn=lambda coroutine: tasks.append(asyncio.ensure_future(coroutine)),
        )
    )

    def counted(status: str) -> float:
        name = "apiserver_authorization_config_controller_automatic_reloads_total"
        samples = [sample for family in made.metrics.collectors.collect() for sample in family.samples]
        return sum(sample.value for sample in samples if sample.name == name and sample.labels["status"] == status)

    async def until(status: str, count: float) -> None:
        async with asyncio.timeout(30):
            while counted(status) < count:
                await asyncio.sleep(0.01)

    try:
        assert await decision(authorizer, "bob") is Decision.ALLOW
        file(tmp_path, "authorizers: [{type: AlwaysDeny, name: a}]\n")
        await until("success", 1)
        assert await decision(authorizer, "bob") is Decision.NO_OPINION
        file(tmp_path, "authorizers: [{type: Magic, name: a}]\n")
        await until("failure", 1)
        assert await decision(authorizer, "bob") is Decision.NO_OPINION
        file(tmp_path, "authorizers: [{type: AlwaysAllow, name: b}]\n")
        await until("success", 2)
        assert await decision(authorizer, "bob") is Decision.ALLOW
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await made.close()
