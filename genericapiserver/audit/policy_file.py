"""Reading a policy file, and what can be wrong with it.

Source: pkg/audit/policy/reader.go and pkg/apis/audit/validation of k8s.io/apiserver, whose texts these are.
"""

import logging
from collections.abc import Sequence
from pathlib import Path as FilePath

from genericapiserver.apimachinery import field
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.schema import INTERNAL_VERSION
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import YAML_MEDIA_TYPE, CodecFactory
from genericapiserver.apimachinery.serializer.errors import DecodeError
from genericapiserver.apimachinery.validation.names import dns_1123_subdomain
from genericapiserver.apis.audit_v1 import (
    INTERNAL_GROUP_VERSION,
    LEVELS,
    STAGES,
    GroupResources,
    Policy,
    PolicyRule,
    add_to_scheme,
)

logger = logging.getLogger(__name__)


class PolicyError(ValueError):
    """The policy cannot be used; the text names the field, or what else is wrong, and the file."""


def load_policy(path: str) -> Policy:
    """The policy in the file *path*, in YAML or JSON. Raises PolicyError.

    Unknown and repeated fields are logged and ignored: a policy that was written for a newer server must not keep this
    one from starting.
    """
    if not path:
        raise PolicyError("file path not specified")
    try:
        data = FilePath(path).read_bytes()
    except OSError as error:
        raise PolicyError(f'failed to read file path "{path}": {_os_text(error, path)}') from error
    try:
        return parse_policy(data)
    except PolicyError as error:
        raise PolicyError(f"{error}: from file {path}") from error


def parse_policy(data: bytes) -> Policy:
    """The policy in a document. Raises PolicyError."""
    scheme = Scheme("audit")
    add_to_scheme(scheme)
    codec, default = CodecFactory(scheme), INTERNAL_GROUP_VERSION.with_kind("Policy")
    try:
        decoded = codec.decode(data, media_type=YAML_MEDIA_TYPE, default_gvk=default, strict=True)
    except DecodeError as error:
        raise PolicyError(f"failed decoding: {error}") from error
    gvk, policy = decoded.gvk, decoded.object
    if gvk.version == INTERNAL_VERSION:
        raise PolicyError(f"unknown group version field {gvk.group}/{gvk.version}, Kind={gvk.kind} in policy")
    if not isinstance(policy, Policy):
        raise PolicyError(f"failed decoding: the document is a {gvk.kind}, not a Policy")
    if decoded.strict_errors:
        problems = ", ".join(decoded.strict_errors)
        logger.warning(
            "Audit policy contains errors, falling back to lenient decoding: strict decoding error: %s", problems
        )
    errors = validate_policy(policy)
    if errors:
        raise PolicyError(field.aggregate(errors))
    if not policy.rules:
        raise PolicyError("loaded illegal policy with 0 rules")
    return policy


def validate_policy(policy: Policy) -> list[FieldError]:
    """What is wrong with *policy*."""
    errors = _validate_stages(policy.omit_stages, Path("omitStages"))
    for index, rule in enumerate(policy.rules):
        errors += _validate_rule(rule, Path("rules").index(index))
    return errors


def _validate_rule(rule: PolicyRule, path: Path) -> list[FieldError]:
    errors = []
    if not rule.level:
        errors.append(field.required(path.child("level")))
    elif rule.level not in LEVELS:
        errors.append(field.not_supported(path.child("level"), rule.level, LEVELS))
    urls = path.child("nonResourceURLs")
    for index, url in enumerate(rule.non_resource_urls):
        errors += _validate_url(url, urls.index(index))
    for entry in rule.resources:
        errors += _validate_resources(entry, path.child("resources"))
    errors += _validate_stages(rule.omit_stages, path.child("omitStages"))
    if rule.non_resource_urls and (rule.resources or rule.namespaces):
        text = "rules cannot apply to both regular resources and non-resource URLs"
        errors.append(field.invalid(urls, rule.non_resource_urls, text))
    return errors


def _validate_url(url: str, path: Path) -> list[FieldError]:
    if url == "*":
        return []
    errors = []
    if not url.startswith("/"):
        errors.append(field.invalid(path, url, "non-resource URL rules must begin with a '/' character"))
    if "*" in url[:-1]:
        text = "non-resource URL wildcards '*' must be the final character of the rule"
        errors.append(field.invalid(path, url, text))
    return errors


def _validate_resources(entry: GroupResources, path: Path) -> list[FieldError]:
    errors = []
    if entry.group and (messages := dns_1123_subdomain(entry.group)):
        errors.append(field.invalid(path.child("group"), entry.group, ",".join(messages)))
    if entry.resource_names and not entry.resources:
        text = "using resourceNames requires at least one resource"
        errors.append(field.invalid(path.child("resourceNames"), entry.resource_names, text))
    return errors


def _validate_stages(stages: Sequence[str], path: Path) -> list[FieldError]:
    text = "allowed stages are " + ",".join(STAGES)
    return [field.invalid(path.index(index), stage, text) for index, stage in enumerate(stages) if stage not in STAGES]


def _os_text(error: OSError, path: str) -> str:
    return f"open {path}: {(error.strerror or str(error)).lower()}"
