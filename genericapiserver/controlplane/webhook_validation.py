"""What webhook configurations must fulfil to be stored, in the reference's words.

Source: pkg/apis/admissionregistration/validation of k8s.io/kubernetes, pkg/util/webhook/validation.go of k8s.io/apiserver.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import attrs

from genericapiserver.apimachinery import field as errors
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.validation.labels import validate_label_selector
from genericapiserver.apimachinery.validation.names import (
    dns_1035_label,
    dns_1123_subdomain,
    qualified_name,
)
from genericapiserver.apis.admissionregistration_v1 import (
    MatchCondition,
    MutatingWebhook,
    MutatingWebhookConfiguration,
    NamedRuleWithOperations,
    RuleWithOperations,
    ServiceReference,
    ValidatingWebhook,
    ValidatingWebhookConfiguration,
    WebhookClientConfig,
)

Webhook: TypeAlias = MutatingWebhook | ValidatingWebhook
WebhookConfiguration: TypeAlias = MutatingWebhookConfiguration | ValidatingWebhookConfiguration
CheckExpression: TypeAlias = Callable[[str], str]
"""What is wrong with a match condition's expression, "" when nothing is."""

REVIEW_VERSIONS: Final = ("v1", "v1beta1")
FAILURE_POLICIES: Final = ("Fail", "Ignore")
MATCH_POLICIES: Final = ("Equivalent", "Exact")
REINVOCATION_POLICIES: Final = ("IfNeeded", "Never")
SIDE_EFFECTS: Final = ("None", "NoneOnDryRun", "Some", "Unknown")
NO_SIDE_EFFECTS: Final = ("None", "NoneOnDryRun")
OPERATIONS: Final = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
SCOPES: Final = ("*", "Cluster", "Namespaced")
MAX_MATCH_CONDITIONS: Final = 64
MAX_TIMEOUT: Final = 30
_URL_FORM: Final = "; desired format: https://host[/path]"


@attrs.frozen(kw_only=True)
class Strictness:
    """What is demanded of a configuration. An update may keep what an older server let in."""

    no_side_effects: bool = True
    known_review_version: bool = True
    unique_names: bool = True
    label_values: bool = True
    match_conditions: bool = True

    @classmethod
    def for_update(cls, new: WebhookConfiguration, old: WebhookConfiguration) -> "Strictness":
        """As strict as *old* already is."""
        names = [webhook.name for webhook in old.webhooks]
        return cls(
            no_side_effects=all(webhook.side_effects in NO_SIDE_EFFECTS for webhook in old.webhooks),
            known_review_version=all(
                set(webhook.admission_review_versions) & set(REVIEW_VERSIONS) for webhook in old.webhooks
            ),
            unique_names=len(set(names)) == len(names),
            label_values=not any(_selector_errors(webhook, Path("w"), strict=True) for webhook in old.webhooks),
            match_conditions=_match_conditions(new) != _match_conditions(old),
        )


def validate_configuration(
    configuration: WebhookConfiguration, strictness: Strictness, *, check_expression: CheckExpression
) -> list[FieldError]:
    """Everything that is wrong with the webhooks of *configuration*; its metadata is looked at elsewhere."""
    found: list[FieldError] = []
    seen: set[str] = set()
    webhooks: Sequence[Webhook] = configuration.webhooks
    for index, webhook in enumerate(webhooks):
        path = Path("webhooks").index(index)
        found += _webhook(webhook, path, strictness, check_expression)
        found += _review_versions(webhook.admission_review_versions, path.child("admissionReviewVersions"), strictness)
        if strictness.unique_names and webhook.name:
            if webhook.name in seen:
                found.append(errors.duplicate(path.child("name"), webhook.name))
            seen.add(webhook.name)
    return found


def validate_rule(rule: RuleWithOperations | NamedRuleWithOperations, path: Path) -> list[FieldError]:
    """One rule of a webhook or a policy."""
    found = _list(rule.operations, path.child("operations"), "operations")
    found += [
        errors.not_supported(path.child("operations").index(index), operation, OPERATIONS)
        for index, operation in enumerate(rule.operations)
        if operation not in OPERATIONS
    ]
    found += _list(rule.api_groups, path.child("apiGroups"), "API groups")
    found += _list(rule.api_versions, path.child("apiVersions"), "API versions")
    found += [
        errors.required(path.child("apiVersions").index(index))
        for index, version in enumerate(rule.api_versions)
        if not version
    ]
    found += _resources(rule.resources, path.child("resources"))
    if rule.scope is not None and rule.scope not in SCOPES:
        found.append(errors.not_supported(path.child("scope"), rule.scope, SCOPES))
    return found


def validate_match_conditions(
    conditions: Sequence[MatchCondition], path: Path, check_expression: CheckExpression
) -> list[FieldError]:
    """The match conditions of a webhook or a policy."""
    found: list[FieldError] = []
    if len(conditions) > MAX_MATCH_CONDITIONS:
        found.append(errors.too_many(path, len(conditions), MAX_MATCH_CONDITIONS))
    seen: set[str] = set()
    for index, condition in enumerate(conditions):
        here = path.index(index)
        expression = condition.expression.strip()
        if not expression:
            found.append(errors.required(here.child("expression")))
        elif problem := check_expression(expression):
            found.append(errors.invalid(here.child("expression"), expression, problem))
        if not condition.name:
            found.append(errors.required(here.child("name")))
            continue
        found += [errors.invalid(here.child("name"), condition.name, text) for text in qualified_name(condition.name)]
        if condition.name in seen:
            found.append(errors.duplicate(here.child("name"), condition.name))
        seen.add(condition.name)
    return found


def _webhook(
    webhook: Webhook, path: Path, strictness: Strictness, check_expression: CheckExpression
) -> list[FieldError]:
    found = _full_name(webhook.name, path.child("name"))
    for index, rule in enumerate(webhook.rules):
        found += validate_rule(rule, path.child("rules").index(index))
    found += _one_of(webhook.failure_policy, FAILURE_POLICIES, path.child("failurePolicy"))
    found += _one_of(webhook.match_policy, MATCH_POLICIES, path.child("matchPolicy"))
    side_effects = NO_SIDE_EFFECTS if strictness.no_side_effects else SIDE_EFFECTS
    if webhook.side_effects is None:
        found.append(errors.required(path.child("sideEffects"), f"must specify one of {', '.join(side_effects)}"))
    found += _one_of(webhook.side_effects, side_effects, path.child("sideEffects"))
    seconds = webhook.timeout_seconds
    if seconds is not None and not 1 <= seconds <= MAX_TIMEOUT:
        detail = f"the timeout value must be between 1 and {MAX_TIMEOUT} seconds"
        found.append(errors.invalid(path.child("timeoutSeconds"), seconds, detail))
    found += _selector_errors(webhook, path, strict=strictness.label_values)
    found += _client_config(webhook.client_config, path.child("clientConfig"))
    if isinstance(webhook, MutatingWebhook):
        found += _one_of(webhook.reinvocation_policy, REINVOCATION_POLICIES, path.child("reinvocationPolicy"))
    if strictness.match_conditions:
        found += validate_match_conditions(webhook.match_conditions, path.child("matchConditions"), check_expression)
    return found


def _full_name(name: str, path: Path) -> list[FieldError]:
    if not name:
        return [errors.required(path)]
    if problems := dns_1123_subdomain(name):
        return [errors.invalid(path, name, ",".join(problems))]
    if name.count(".") < 2:
        return [errors.invalid(path, name, "should be a domain with at least three segments separated by dots")]
    return []


def _selector_errors(webhook: Webhook, path: Path, *, strict: bool) -> list[FieldError]:
    return [
        *validate_label_selector(
            webhook.namespace_selector, path.child("namespaceSelector"), allow_invalid_values=not strict
        ),
        *validate_label_selector(
            webhook.object_selector, path.child("objectSelector"), allow_invalid_values=not strict
        ),
    ]


def _match_conditions(configuration: WebhookConfiguration) -> Mapping[str, Sequence[MatchCondition]]:
    return {webhook.name: webhook.match_conditions for webhook in configuration.webhooks}


def _one_of(value: str | None, supported: Iterable[str], path: Path) -> list[FieldError]:
    known = tuple(supported)
    return [] if value is None or value in known else [errors.not_supported(path, value, known)]


def _list(values: Sequence[str], path: Path, what: str) -> list[FieldError]:
    """A list that must not be empty, and holds `*` only alone."""
    if not values:
        return [errors.required(path)]
    if len(values) > 1 and "*" in values:
        return [errors.invalid(path, list(values), f"if '*' is present, must not specify other {what}")]
    return []


def _resources(resources: Sequence[str], path: Path) -> list[FieldError]:
    if not resources:
        return [errors.required(path)]
    found: list[FieldError] = []
    whole: set[str] = set()  # resources that came with all subresources: x/*
    everywhere: set[str] = set()  # subresources that came with all resources: */x
    for index, entry in enumerate(resources):
        if not entry:
            found.append(errors.required(path.index(index)))
            continue
        resource, slash, subresource = entry.partition("/")
        if not slash:
            continue
        if resource in whole:
            detail = f"if '{resource}/*' is present, must not specify {entry}"
            found.append(errors.invalid(path.index(index), entry, detail))
        if subresource in everywhere:
            detail = f"if '*/{subresource}' is present, must not specify {entry}"
            found.append(errors.invalid(path.index(index), entry, detail))
        if subresource == "*":
            whole.add(resource)
        if resource == "*":
            everywhere.add(subresource)
    if len(resources) > 1 and "*/*" in resources:
        found.append(errors.invalid(path, list(resources), "if '*/*' is present, must not specify other resources"))
    if "*" in resources and any(entry and entry != "*" and "/" not in entry for entry in resources):
        detail = "if '*' is present, must not specify other resources without subresources"
        found.append(errors.invalid(path, list(resources), detail))
    return found


def _review_versions(versions: Sequence[str], path: Path, strictness: Strictness) -> list[FieldError]:
    known = ", ".join(REVIEW_VERSIONS)
    if not versions:
        return [errors.required(path, f"must specify one of {known}")]
    found: list[FieldError] = []
    seen: set[str] = set()
    for index, version in enumerate(versions):
        if version in seen:
            found.append(errors.invalid(path.index(index), version, "duplicate version"))
            continue
        seen.add(version)
        found += [errors.invalid(path.index(index), version, text) for text in dns_1035_label(version)]
    if strictness.known_review_version and not seen & set(REVIEW_VERSIONS):
        found.append(errors.invalid(path, list(versions), f"must include at least one of {known}"))
    return found


def _client_config(config: WebhookClientConfig, path: Path) -> list[FieldError]:
    if (config.url is None) == (config.service is None):
        return [errors.required(path, "exactly one of url or service is required")]
    if config.url is not None:
        return _url(config.url, path.child("url"))
    assert config.service is not None
    return _service(config.service, path.child("service"))


def _url(url: str, path: Path) -> list[FieldError]:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return [errors.required(path, f"url must be a valid URL: {error}{_URL_FORM}")]
    user, at, host = parts.netloc.rpartition("@")
    found = []
    if parts.scheme != "https":
        found.append(errors.invalid(path, parts.scheme, f"'https' is the only allowed URL scheme{_URL_FORM}"))
    if not host:
        found.append(errors.invalid(path, host, f"host must be specified{_URL_FORM}"))
    if at:
        found.append(errors.invalid(path, user, "user information is not permitted in the URL"))
    if parts.fragment:
        found.append(errors.invalid(path, parts.fragment, "fragments are not permitted in the URL"))
    if parts.query:
        found.append(errors.invalid(path, parts.query, "query parameters are not permitted in the URL"))
    return found


def _service(service: ServiceReference, path: Path) -> list[FieldError]:
    found = []
    if not service.name:
        found.append(errors.required(path.child("name"), "service name is required"))
    if not service.namespace:
        found.append(errors.required(path.child("namespace"), "service namespace is required"))
    port = service.port or 0
    if not 1 <= port <= 65535:
        found.append(
            errors.invalid(path.child("port"), port, "port is not valid: must be between 1 and 65535, inclusive")
        )
    return found + _service_path(service.path or "", path.child("path"))


def _service_path(text: str, path: Path) -> list[FieldError]:
    if text in ("", "/"):
        return []
    if text == "//":
        return [errors.invalid(path, text, "segment[0] may not be empty")]
    found = [] if text.startswith("/") else [errors.invalid(path, text, "must start with a '/'")]
    for index, segment in enumerate(text[1:].removesuffix("/").split("/")):
        if not segment:
            found.append(errors.invalid(path, text, f"segment[{index}] may not be empty"))
            continue
        found += [errors.invalid(path, text, f"segment[{index}]: {problem}") for problem in dns_1123_subdomain(segment)]
    return found
