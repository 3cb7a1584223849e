"""Policy files: what is read, and what is wrong with the others (filters reference, section 7.4)."""

import logging
from pathlib import Path

import pytest

from genericapiserver.audit import PolicyError, load_policy
from genericapiserver.audit.policy_file import parse_policy

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
STAGES = "allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic"


def rule(text: str) -> str:
    return f"{HEAD}rules:\n- {text}\n"


def test_a_policy_is_read(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        HEAD
        + """
metadata: {name: mine}
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: None
  nonResourceURLs: ["/healthz*", "/version", "*"]
- level: RequestResponse
  users: [a]
  userGroups: [b]
  verbs: [get]
  namespaces: [""]
  resources:
  - group: ""
    resources: [pods, pods/log]
    resourceNames: [x]
  omitStages: [Panic]
  omitManagedFields: false
"""
    )
    policy = load_policy(str(path))
    assert policy.omit_managed_fields
    first, second = policy.rules
    assert (first.level, first.non_resource_urls) == ("None", ["/healthz*", "/version", "*"])
    assert second.resources[0].resource_names == ["x"]
    assert second.omit_managed_fields is False


def test_json_is_yaml_as_well() -> None:
    text = b'{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}'
    assert parse_policy(text).rules[0].level == "Metadata"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (rule("verbs: [get]"), "rules[0].level: Required value"),
        (
            rule("level: Nope"),
            'rules[0].level: Unsupported value: "Nope": supported values: "None", "Metadata", "Request", '
            '"RequestResponse"',
        ),
        (
            rule("{level: None, nonResourceURLs: [x]}"),
            "rules[0].nonResourceURLs[0]: Invalid value: \"x\": non-resource URL rules must begin with a '/' character",
        ),
        (
            rule('{level: None, nonResourceURLs: ["/x*y"]}'),
            "rules[0].nonResourceURLs[0]: Invalid value: \"/x*y\": non-resource URL wildcards '*' must be the final "
            "character of the rule",
        ),
        (
            rule('{level: None, nonResourceURLs: ["/x"], namespaces: [a]}'),
            'rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and '
            "non-resource URLs",
        ),
        (
            rule('{level: None, nonResourceURLs: ["/x"], resources: [{group: ""}]}'),
            'rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and '
            "non-resource URLs",
        ),
        (
            rule("{level: None, resources: [{group: apps/v1}]}"),
            f'rules[0].resources.group: Invalid value: "apps/v1": {SUBDOMAIN}',
        ),
        (
            rule("{level: None, resources: [{resourceNames: [a]}]}"),
            'rules[0].resources.resourceNames: Invalid value: ["a"]: using resourceNames requires at least one '
            "resource",
        ),
        (rule("{level: None, omitStages: [Foo]}"), f'rules[0].omitStages[0]: Invalid value: "Foo": {STAGES}'),
        (f"{HEAD}omitStages: [Foo]\nrules: []", f'omitStages[0]: Invalid value: "Foo": {STAGES}'),
        (
            f"{HEAD}omitStages: [Foo]\nrules: [{{verbs: [a]}}]",
            f'[omitStages[0]: Invalid value: "Foo": {STAGES}, rules[0].level: Required value]',
        ),
        (HEAD, "loaded illegal policy with 0 rules"),
        ("", "unknown group version field audit.k8s.io/__internal, Kind=Policy in policy"),
        ("rules: []", "unknown group version field audit.k8s.io/__internal, Kind=Policy in policy"),
        ("apiVersion: audit.k8s.io/v1\nkind: Event", "failed decoding: the document is a Event, not a Policy"),
        (f"{HEAD}rules: 1", "failed decoding: "),
        (f"{HEAD}rules: [", "failed decoding: "),
        (
            "apiVersion: audit.k8s.io/v1beta1\nkind: Policy",
            'failed decoding: no kind "Policy" is registered for version "audit.k8s.io/v1beta1" in scheme ',
        ),
    ],
)
def test_a_policy_that_cannot_be_used(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(PolicyError) as raised:
        load_policy(str(path))
    assert str(raised.value).startswith(problem)
    assert str(raised.value).endswith(f": from file {path}")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"^file path not specified$"):
        load_policy("")
    path = tmp_path / "none"
    with pytest.raises(PolicyError) as raised:
        load_policy(str(path))
    assert str(raised.value) == f'failed to read file path "{path}": open {path}: no such file or directory'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (rule("{level: Metadata, bogus: 1}"), 'unknown field "rules[0].bogus"'),
        (f"{HEAD}bogus: 1\nrules: [{{level: Metadata}}]", 'unknown field "bogus"'),
    ],
)
def test_unknown_fields_are_a_warning(text: str, problem: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert parse_policy(text.encode()).rules[0].level == "Metadata"
    assert caplog.messages == [
        "Audit policy contains errors, falling back to lenient decoding: strict decoding error: " + problem
    ]
