"""What is wrong with a flow schema or a priority level. The texts are the reference's.

Source: k8s.io/kubernetes/pkg/apis/flowcontrol/validation/validation.go.
"""

from collections.abc import Sequence
from typing import Any, Final

from genericapiserver.apimachinery import field as errors
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.serializer.encoder import encoder_for
from genericapiserver.apimachinery.validation.names import name_is_dns_label, name_is_dns_subdomain
from genericapiserver.apimachinery.validation.object_meta import validate_dns_name
from genericapiserver.apis.flowcontrol_v1 import (
    ALL,
    BY_NAMESPACE,
    BY_USER,
    EXEMPT,
    EXEMPT_NAME,
    GROUP_SUBJECT,
    LIMITED,
    MAX_MATCHING_PRECEDENCE,
    QUEUE,
    REJECT,
    SERVICE_ACCOUNT,
    USER,
    ExemptPriorityLevelConfiguration,
    FlowSchema,
    FlowSchemaCondition,
    FlowSchemaSpec,
    LimitedPriorityLevelConfiguration,
    LimitResponse,
    NonResourcePolicyRule,
    PolicyRulesWithSubjects,
    PriorityLevelConfiguration,
    PriorityLevelConfigurationCondition,
    PriorityLevelConfigurationSpec,
    QueuingConfiguration,
    ResourcePolicyRule,
    ServiceAccountSubject,
    Subject,
)
from genericapiserver.flowcontrol.bootstrap import mandatory_levels, mandatory_schemas
from genericapiserver.flowcontrol.shuffle_sharding import MAX_HASH_BITS, required_entropy_bits

MAX_QUEUES: Final = 10_000_000
VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch")

_MANDATORY_SCHEMAS: Final = {schema.metadata.name: schema.spec for schema in mandatory_schemas()}
_MANDATORY_LEVELS: Final = {level.metadata.name: level.spec for level in mandatory_levels()}
_SPEC: Final = Path("spec")
_CONDITIONS: Final = Path("status", "conditions")


def validate_flow_schema(schema: FlowSchema) -> list[FieldError]:
    """All of a schema; the mandatory ones may not differ from what they are."""
    name, spec = schema.metadata.name, schema.spec
    found = [*validate_dns_name(schema.metadata), *_schema_spec(name, spec)]
    mandatory = _MANDATORY_SCHEMAS.get(name)
    if mandatory is not None and spec != mandatory:
        found.append(errors.invalid(_SPEC, plain(spec), f"spec of '{name}' must equal the fixed value"))
    return found + validate_conditions(schema.status.conditions)


def validate_priority_level(level: PriorityLevelConfiguration) -> list[FieldError]:
    """All of a level; of the mandatory ones only the exempt one's part in lending may be changed."""
    name, spec = level.metadata.name, level.spec
    found = [*validate_dns_name(level.metadata), *_level_spec(name, spec)]
    mandatory = _MANDATORY_LEVELS.get(name)
    if mandatory is not None:
        if name == EXEMPT_NAME:
            if (spec.type, spec.limited) != (mandatory.type, mandatory.limited):
                text = f"spec of '{name}' except the 'spec.exempt' field must equal the fixed value"
                found.append(errors.invalid(_SPEC, plain(spec), text))
        elif spec != mandatory:
            found.append(errors.invalid(_SPEC, plain(spec), f"spec of '{name}' must equal the fixed value"))
    return found + validate_conditions(level.status.conditions)


def validate_conditions(
    conditions: Sequence[FlowSchemaCondition | PriorityLevelConfigurationCondition],
) -> list[FieldError]:
    """Each type once, and none without a type."""
    found: list[FieldError] = []
    seen: set[str] = set()
    for at, condition in enumerate(conditions):
        path = _CONDITIONS.index(at).child("type")
        if condition.type in seen:
            found.append(errors.duplicate(path, condition.type))
        seen.add(condition.type)
        if not condition.type:
            found.append(errors.required(path, "must not be empty"))
    return found


# ---- schemas


def _schema_spec(name: str, spec: FlowSchemaSpec) -> list[FieldError]:
    found: list[FieldError] = []
    precedence, path = spec.matching_precedence, _SPEC.child("matchingPrecedence")
    if precedence <= 0:
        found.append(errors.invalid(path, precedence, "must be a positive value"))
    if precedence > MAX_MATCHING_PRECEDENCE:
        found.append(errors.invalid(path, precedence, f"must not be greater than {MAX_MATCHING_PRECEDENCE}"))
    if precedence == 1 and name != EXEMPT_NAME:
        found.append(errors.invalid(path, precedence, "only the schema named 'exempt' may have matchingPrecedence 1"))
    method = spec.distinguisher_method
    if method is not None and method.type not in (BY_NAMESPACE, BY_USER):
        path = _SPEC.child("distinguisherMethod", "type")
        found.append(errors.not_supported(path, plain(method), [BY_NAMESPACE, BY_USER]))
    level, path = spec.priority_level_configuration.name, _SPEC.child("priorityLevelConfiguration", "name")
    if level:
        found += [errors.invalid(path, level, text) for text in name_is_dns_subdomain(level)]
    else:
        found.append(errors.required(path, "must reference a priority level"))
    for at, rule in enumerate(spec.rules):
        found += _rule(rule, _SPEC.child("rules").index(at))
    return found


def _rule(rule: PolicyRulesWithSubjects, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if not rule.subjects:
        found.append(errors.required(path.child("subjects"), "subjects must contain at least one value"))
    for at, subject in enumerate(rule.subjects):
        found += _subject(subject, path.child("subjects").index(at))
    if not rule.resource_rules and not rule.non_resource_rules:
        found.append(errors.required(path, "at least one of resourceRules and nonResourceRules has to be non-empty"))
    for at, resource in enumerate(rule.resource_rules):
        found += _resource_rule(resource, path.child("resourceRules").index(at))
    for at, other in enumerate(rule.non_resource_rules):
        found += _path_rule(other, path.child("nonResourceRules").index(at))
    return found


def _subject(subject: Subject, path: Path) -> list[FieldError]:
    parts: dict[str, tuple[str, Any]] = {
        SERVICE_ACCOUNT: ("serviceAccount", subject.service_account),
        USER: ("user", subject.user),
        GROUP_SUBJECT: ("group", subject.group),
    }
    if subject.kind not in parts:
        return [errors.not_supported(path.child("kind"), subject.kind, sorted(parts))]
    name, part = parts.pop(subject.kind)
    found: list[FieldError] = []
    if part is None:
        found.append(errors.required(path.child(name), f"{name} is required when subject kind is '{subject.kind}'"))
    elif isinstance(part, ServiceAccountSubject):
        found += _service_account(part, path.child(name))
    elif not part.name:
        found.append(errors.required(path.child(name, "name")))
    for kind, (other, value) in parts.items():
        if value is not None:
            text = f"{other} is forbidden when subject kind is not '{kind}'"
            found.append(errors.forbidden(path.child(other), text))
    return found


def _service_account(account: ServiceAccountSubject, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    if not account.name:
        found.append(errors.required(path.child("name")))
    elif account.name != ALL:
        found += [
            errors.invalid(path.child("name"), account.name, text) for text in name_is_dns_subdomain(account.name)
        ]
    if account.namespace:
        texts = name_is_dns_label(account.namespace)
        found += [errors.invalid(path.child("namespace"), account.namespace, text) for text in texts]
    else:
        found.append(errors.required(path.child("namespace"), "must specify namespace for service account"))
    return found


def _verbs(verbs: Sequence[str], path: Path) -> list[FieldError]:
    path = path.child("verbs")
    if not verbs:
        return [errors.required(path, "verbs must contain at least one value")]
    if ALL in verbs:
        if len(verbs) > 1:
            return [errors.invalid(path, list(verbs), "if '*' is present, must not specify other verbs")]
        return []
    if not set(verbs) <= set(VERBS):
        return [errors.not_supported(path, list(verbs), VERBS)]
    return []


def _list(values: Sequence[str], path: Path, missing: str, others: str) -> list[FieldError]:
    if not values:
        return [errors.required(path, f"resource rules must supply at least one {missing}")]
    if len(values) > 1 and ALL in values:
        return [errors.invalid(path, list(values), f"if '*' is present, must not specify other {others}")]
    return []


def _resource_rule(rule: ResourcePolicyRule, path: Path) -> list[FieldError]:
    found = _verbs(rule.verbs, path)
    found += _list(rule.api_groups, path.child("apiGroups"), "api group", "api groups")
    found += _list(rule.resources, path.child("resources"), "resource", "resources")
    namespaces, path = rule.namespaces, path.child("namespaces")
    if not namespaces and not rule.cluster_scope:
        text = "resource rules that are not cluster scoped must supply at least one namespace"
        found.append(errors.required(path, text))
    elif ALL in namespaces:
        if len(namespaces) > 1:
            text = "if '*' is present, must not specify other namespaces"
            found.append(errors.invalid(path, list(namespaces), text))
    else:
        found += [
            errors.invalid(path.index(at), name, f"each member of this list must be '*' or a DNS-1123 label; {text}")
            for at, name in enumerate(namespaces)
            for text in name_is_dns_label(name)
        ]
    return found


def _path_rule(rule: NonResourcePolicyRule, path: Path) -> list[FieldError]:
    found, urls, path = _verbs(rule.verbs, path), rule.non_resource_urls, path.child("nonResourceURLs")
    if not urls:
        found.append(errors.required(path, "nonResourceURLs must contain at least one value"))
    elif ALL in urls:
        if len(urls) > 1:
            text = "if '*' is present, must not specify other non-resource URLs"
            found.append(errors.invalid(path, list(urls), text))
    else:
        for at, url in enumerate(urls):
            if text := _url_problem(url):
                found.append(errors.invalid(path.index(at), url, text))
    return found


def _url_problem(url: str) -> str:
    if not url:
        return "must not be empty"
    if url == "/":
        return ""
    if not url.startswith("/"):
        return "must start with slash"
    if " " in url:
        return "must not contain white-space"
    if "//" in url:
        return "must not contain double slash"
    if url.count(ALL) > 1 or (ALL in url and not url.endswith("/*")):
        return "wildcard can only do suffix matching"
    return ""


# ---- levels


def _level_spec(name: str, spec: PriorityLevelConfigurationSpec) -> list[FieldError]:
    found: list[FieldError] = []
    if (name == EXEMPT_NAME) != (spec.type == EXEMPT):
        path = _SPEC.child("type")
        found.append(errors.invalid(path, spec.type, "type must be 'Exempt' if and only if name is 'exempt'"))
    if spec.type == EXEMPT:
        if spec.limited is not None:
            found.append(errors.forbidden(_SPEC.child("limited"), "must be nil if the type is not Limited"))
        if spec.exempt is not None:
            found += _shares_and_lending(spec.exempt, _SPEC.child("exempt"))
    elif spec.type == LIMITED:
        if spec.exempt is not None:
            found.append(errors.forbidden(_SPEC.child("exempt"), "must be nil if the type is Limited"))
        if spec.limited is None:
            found.append(errors.required(_SPEC.child("limited"), "must not be empty when type is Limited"))
        else:
            found += _limited(spec.limited, _SPEC.child("limited"))
    else:
        found.append(errors.not_supported(_SPEC.child("type"), spec.type, [EXEMPT, LIMITED]))
    return found


def _shares_and_lending(
    part: LimitedPriorityLevelConfiguration | ExemptPriorityLevelConfiguration, path: Path
) -> list[FieldError]:
    found: list[FieldError] = []
    shares, lendable = part.nominal_concurrency_shares, part.lendable_percent
    if shares is not None and shares < 0:
        found.append(errors.invalid(path.child("nominalConcurrencyShares"), shares, "must be a non-negative integer"))
    if lendable is not None and not 0 <= lendable <= 100:
        found.append(errors.invalid(path.child("lendablePercent"), lendable, "must be between 0 and 100, inclusive"))
    return found


def _limited(limited: LimitedPriorityLevelConfiguration, path: Path) -> list[FieldError]:
    found = _shares_and_lending(limited, path) + _limit_response(limited.limit_response, path.child("limitResponse"))
    borrowing = limited.borrowing_limit_percent
    if borrowing is not None and borrowing < 0:
        text = "if specified, must be a non-negative integer"
        found.append(errors.invalid(path.child("borrowingLimitPercent"), borrowing, text))
    return found


def _limit_response(response: LimitResponse, path: Path) -> list[FieldError]:
    queuing = response.queuing
    if response.type == REJECT:
        if queuing is None:
            return []
        text = "must be nil if limited.limitResponse.type is not Limited"
        return [errors.forbidden(path.child("queuing"), text)]
    if response.type == QUEUE:
        if queuing is not None:
            return _queuing(queuing, path.child("queuing"))
        text = "must not be empty if limited.limitResponse.type is Limited"
        return [errors.required(path.child("queuing"), text)]
    return [errors.not_supported(path.child("type"), response.type, [QUEUE, REJECT])]


def _queuing(queuing: QueuingConfiguration, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    length, queues, hand = queuing.queue_length_limit, queuing.queues, queuing.hand_size
    if length <= 0:
        found.append(errors.invalid(path.child("queueLengthLimit"), length, "must be positive"))
    if queues <= 0:
        found.append(errors.invalid(path.child("queues"), queues, "must be positive"))
    elif queues > MAX_QUEUES:
        found.append(errors.invalid(path.child("queues"), queues, f"must not be greater than {MAX_QUEUES}"))
    path = path.child("handSize")
    if hand <= 0:
        found.append(errors.invalid(path, hand, "must be positive"))
    elif hand > queues:
        found.append(errors.invalid(path, hand, f"should not be greater than queues ({queues})"))
    elif required_entropy_bits(queues, hand) > MAX_HASH_BITS:
        text = (
            f"required entropy bits of deckSize {queues} and handSize {hand} should not be greater than {MAX_HASH_BITS}"
        )
        found.append(errors.invalid(path, hand, text))
    return found


def plain(value: Any) -> dict[str, Any]:
    """An API type's *value* as it is written."""
    document: dict[str, Any] = {}
    encoder_for(type(value))(value, document)
    return document
