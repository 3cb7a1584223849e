"""AuditOptions: from flags to a policy and a backend (server reference, section 13.6)."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.audit import AuditBackend
from genericapiserver.config import Config, ConfigError
from genericapiserver.options.audit import AuditOptions
from genericapiserver.options.flags import FlagSet
from tests.options.fakes import new_config
from tests.support.audit import new_event

POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c}}]
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1/audit"}}]
"""


def applied(folder: Path, *flags: str, policy: str | None = POLICY) -> Config:
    """The configuration that *flags* make; `{f}` in them is the folder, with a policy and a kubeconfig file."""
    (folder / "kubeconfig").write_text(KUBECONFIG)
    options, set_ = AuditOptions(), FlagSet("test")
    options.add_flags(set_)
    arguments = [flag.format(f=folder) for flag in flags]
    if policy is not None:
        (folder / "policy.yaml").write_text(policy)
        arguments.append(f"--audit-policy-file={folder}/policy.yaml")
    set_.parse(arguments)
    assert options.validate() == []
    config = new_config()
    options.apply_to(config)
    return config


LOG, WEBHOOK = "--audit-log-path={f}/logs/audit.log", "--audit-webhook-config-file={f}/kubeconfig"


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ([LOG], "ignoreErrors<log>"),
        (["--audit-log-path=-"], "ignoreErrors<log>"),
        ([LOG, "--audit-log-mode=blocking-strict"], "log"),
        ([LOG, "--audit-log-mode=batch"], "buffered<log>"),
        ([LOG, "--audit-log-truncate-enabled"], "truncate<ignoreErrors<log>>"),
        ([WEBHOOK], "buffered<webhook>"),
        ([WEBHOOK, "--audit-webhook-mode=blocking"], "ignoreErrors<webhook>"),
        ([WEBHOOK, "--audit-webhook-mode=blocking-strict"], "webhook"),
        ([WEBHOOK, "--audit-webhook-truncate-enabled"], "truncate<buffered<webhook>>"),
        ([LOG, WEBHOOK], "union[ignoreErrors<log>,buffered<webhook>]"),
        (
            [LOG, WEBHOOK, "--audit-log-truncate-enabled", "--audit-webhook-truncate-enabled"],
            "union[truncate<ignoreErrors<log>>,truncate<buffered<webhook>>]",
        ),
    ],
)
async def test_the_backend_is_what_the_flags_say(flags: list[str], name: str, tmp_path: Path) -> None:
    config = applied(tmp_path, *flags)
    assert config.audit_backend is not None
    assert config.audit_backend.name == name
    assert config.audit_policy is not None


def test_the_log_file_is_made_at_once(tmp_path: Path) -> None:
    applied(tmp_path, LOG)
    path = tmp_path / "logs" / "audit.log"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("flags", [[], [LOG], [WEBHOOK], [LOG, WEBHOOK]])
def test_a_backend_without_a_policy_is_dropped(
    flags: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = applied(tmp_path, *flags, policy=None)
    assert caplog.text.count("No audit policy file provided, no events will be recorded for") == len(flags)
    assert config.audit_backend is None
    assert config.audit_policy is None


def test_a_policy_without_a_backend_records_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = applied(tmp_path)
    assert "No audit backend: --audit-policy-file needs --audit-log-path" in caplog.text
    assert config.audit_backend is None
    assert config.audit_policy is not None


@pytest.mark.parametrize(
    ("flags", "policy", "problem"),
    [
        (
            ["--audit-policy-file={f}/none"],
            None,
            'loading audit policy file: failed to read file path "{f}/none": open {f}/none: no such file or directory',
        ),
        (
            [],
            "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{verbs: [get]}]",
            "loading audit policy file: rules[0].level: Required value: from file {f}/policy.yaml",
        ),
        (["--audit-log-path=/proc/x/y"], POLICY, "ensureLogFile: mkdir /proc/x: no such file or directory"),
        (["--audit-log-path={f}"], POLICY, "ensureLogFile: open {f}: is a directory"),
        (
            ["--audit-webhook-config-file={f}/none"],
            POLICY,
            "initializing audit webhook: stat {f}/none: no such file or directory",
        ),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_served(
    flags: list[str], policy: str | None, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as raised:
        applied(tmp_path, *flags, policy=policy)
    assert str(raised.value) == problem.format(f=tmp_path)


async def written(backend: AuditBackend, path: Path, *events: Any) -> str:
    await backend.start()
    for event in events:
        accepted = backend.process_events([event])
        if not isinstance(accepted, bool):  # on a disk that has much to do it is written later
            accepted = await accepted
        assert accepted
    await backend.aclose()
    return path.read_text()  # noqa: ASYNC240  the backend is done with it


@pytest.mark.parametrize("mode", ["blocking", "blocking-strict", "batch"])
async def test_events_end_up_in_the_file(mode: str, tmp_path: Path) -> None:
    backend = applied(tmp_path, LOG, f"--audit-log-mode={mode}").audit_backend
    assert backend is not None
    text = await written(backend, tmp_path / "logs" / "audit.log", new_event("1"), new_event("2"))
    assert [json.loads(line)["auditID"] for line in text.splitlines()] == ["1", "2"]


async def test_the_log_s_other_flags(tmp_path: Path) -> None:
    flags = ["--audit-log-format=legacy", "--audit-log-maxsize=1", "--audit-log-maxbackup=1", "--audit-log-compress"]
    backend = applied(tmp_path, LOG, *flags).audit_backend
    assert backend is not None
    large = [new_event(str(number), user_agent="x" * 600_000) for number in range(6)]
    text = await written(backend, tmp_path / "logs" / "audit.log", *large)
    assert text.startswith("2026-11-20T10:58:48.046841Z AUDIT: id=")
    names = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert len(names) == 2
    assert names[0].endswith(".log.gz")
