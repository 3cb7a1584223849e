"""The page about auditing: its policy is one, and its flags are there."""

import re
from pathlib import Path

import yaml

from genericapiserver.audit import PolicyRuleEvaluator
from genericapiserver.audit.policy_file import parse_policy
from genericapiserver.options.audit import AuditOptions
from genericapiserver.options.flags import FlagSet
from genericapiserver.request import AuditLevel, RequestInfoFactory

PAGE = Path(__file__).resolve().parents[2].joinpath("docs", "audit.md").read_text("utf-8")


def test_the_policy_records_what_its_comments_say() -> None:
    found = re.search(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None
    policy = parse_policy(found[1].encode())
    assert len(policy.rules) == len(yaml.safe_load(found[1])["rules"])
    evaluate, resolve = PolicyRuleEvaluator(policy).evaluate, RequestInfoFactory().resolve
    flunders = "/apis/wardle.example.com/v1beta1/namespaces/default/flunders"
    assert evaluate(resolve("GET", "/readyz"), None).level is AuditLevel.NONE
    assert evaluate(resolve("POST", flunders), None).level is AuditLevel.REQUEST_RESPONSE
    assert evaluate(resolve("GET", flunders), None).level is AuditLevel.METADATA


def test_every_flag_is_one() -> None:
    flags = FlagSet("test")
    AuditOptions().add_flags(flags)
    usage = flags.usage()
    named = set(re.findall(r"--audit-[a-z-]+[a-z]", PAGE))
    assert len(named) > 4
    for flag in named:
        assert f"{flag} " in usage or f"{flag}\n" in usage
