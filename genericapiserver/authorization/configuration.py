"""What an AuthorizationConfiguration has to be like, and its webhooks with their texts read.

Source: pkg/apis/apiserver/validation of k8s.io/apiserver. Deviation: errors in a webhook name `webhook` in their path, which
the reference leaves out.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Final

import attrs

from genericapiserver.apimachinery import field
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.go import DurationError, format_duration, parse_duration
from genericapiserver.apimachinery.validation.names import dns_1123_subdomain
from genericapiserver.apis.apiserver_config_v1_authorization import (
    DENY,
    IN_CLUSTER_CONFIG,
    KUBECONFIG_FILE,
    NO_OPINION,
    WEBHOOK,
    AuthorizationConfiguration,
    WebhookConfiguration,
    WebhookMatchCondition,
)
from genericapiserver.authorization.interfaces import Decision
from genericapiserver.authorization.match_conditions import (
    MAX_MATCH_CONDITIONS,
    MatchConditionError,
    compile_condition,
    new_environment,
)

if TYPE_CHECKING:
    from genericapiserver.cel import Program

MAX_TIMEOUT: Final = 30.0
SUBJECT_ACCESS_REVIEW_VERSIONS: Final = ("v1", "v1beta1")
MATCH_CONDITION_VERSIONS: Final = ("v1",)


@attrs.frozen(kw_only=True)
class Webhook:
    """A webhook whose configuration is good. Times are in seconds; a decision is not remembered for 0 seconds."""

    name: str
    authorized_ttl: float
    unauthorized_ttl: float
    timeout: float
    version: str
    decision_on_error: Decision
    kubeconfig: str
    """A file; "" for the cluster that this pod is in."""
    programs: "tuple[Program, ...]" = ()


@attrs.frozen(kw_only=True)
class ConfiguredAuthorizer:
    """One authorizer of the chain, *webhook* being what it needs if it is one."""

    type: str
    name: str
    webhook: Webhook | None = None


def read_configuration(
    configuration: AuthorizationConfiguration, known_types: Collection[str]
) -> tuple[list[ConfiguredAuthorizer], list[FieldError]]:
    """The authorizers of *configuration*, defaulted, and what is wrong with it; with errors the first are not complete."""
    errors: list[FieldError] = []
    made: list[ConfiguredAuthorizer] = []
    root = Path("authorizers")
    if not configuration.authorizers:
        errors.append(field.required(root, "at least one authorization mode must be defined"))
    types: set[str] = set()
    names: set[str] = set()
    for index, authorizer in enumerate(configuration.authorizers):
        path = root.index(index)
        if problem := _type_error(authorizer.type, path.child("type"), known_types, types):
            errors.append(problem)
            continue
        types.add(authorizer.type)
        errors += _name_errors(authorizer.name, path.child("name"), names)
        names.add(authorizer.name)
        webhook: Webhook | None = None
        if authorizer.type != WEBHOOK:
            if authorizer.webhook is not None:
                detail = "may only be specified when type=Webhook"
                errors.append(field.invalid(path.child("webhook"), "non-null", detail))
        elif authorizer.webhook is None:
            errors.append(field.required(path.child("webhook"), "required when type=Webhook"))
        else:
            reader = _WebhookReader(authorizer.webhook, path.child("webhook"))
            webhook = reader.read(authorizer.name)
            errors += reader.errors
        made.append(ConfiguredAuthorizer(type=authorizer.type, name=authorizer.name, webhook=webhook))
    return made, errors


def _type_error(type_: str, path: Path, known: Collection[str], seen: Collection[str]) -> FieldError | None:
    if not type_:
        return field.required(path)
    if type_ not in known:
        return field.not_supported(path, type_, sorted(known))
    if type_ in seen and type_ != WEBHOOK:
        return field.duplicate(path, type_)
    return None


def _name_errors(name: str, path: Path, seen: Collection[str]) -> list[FieldError]:
    if not name:
        return [field.required(path)]
    if name in seen:
        return [field.duplicate(path, name)]
    if problems := dns_1123_subdomain(name):
        return [field.invalid(path, name, f"authorizer name is invalid: {', '.join(problems)}")]
    return []


class _WebhookReader:
    def __init__(self, configuration: WebhookConfiguration, path: Path) -> None:
        self._configuration = configuration
        self._path = path
        self.errors: list[FieldError] = []

    def read(self, name: str) -> Webhook:
        given = self._configuration
        timeout = self._seconds(
            "timeout", given.timeout, lambda seconds: 0 < seconds <= MAX_TIMEOUT, "must be > 0s and <= 30s"
        )
        authorized = self._seconds("authorizedTTL", given.authorized_ttl, lambda seconds: seconds > 0, "must be > 0s")
        unauthorized = self._seconds(
            "unauthorizedTTL", given.unauthorized_ttl, lambda seconds: seconds > 0, "must be > 0s"
        )
        version = given.subject_access_review_version
        self._one_of("subjectAccessReviewVersion", version, SUBJECT_ACCESS_REVIEW_VERSIONS)
        condition_version = given.match_condition_subject_access_review_version
        if condition_version or given.match_conditions:
            self._one_of(
                "matchConditionSubjectAccessReviewVersion",
                condition_version,
                MATCH_CONDITION_VERSIONS,
                "required if match conditions are specified",
            )
        self._one_of("failurePolicy", given.failure_policy, (NO_OPINION, DENY))
        kubeconfig = self._connection()
        return Webhook(
            name=name,
            authorized_ttl=authorized if given.cache_authorized_requests is not False else 0.0,
            unauthorized_ttl=unauthorized if given.cache_unauthorized_requests is not False else 0.0,
            timeout=timeout,
            version=version,
            decision_on_error=Decision.DENY if given.failure_policy == DENY else Decision.NO_OPINION,
            kubeconfig=kubeconfig,
            programs=self._programs(given.match_conditions),
        )

    def _seconds(self, name: str, text: str, good: Callable[[float], bool], detail: str) -> float:
        path = self._path.child(name)
        try:
            seconds = parse_duration(text) if text else 0.0
        except DurationError as error:
            self.errors.append(field.invalid(path, text, str(error)))
            return 0.0
        if not seconds:
            self.errors.append(field.required(path))
        elif not good(seconds):
            self.errors.append(field.invalid(path, format_duration(seconds), detail))
        return seconds

    def _one_of(self, name: str, value: str, allowed: Iterable[str], required: str = "") -> None:
        path = self._path.child(name)
        if not value:
            self.errors.append(field.required(path, required))
        elif value not in allowed:
            self.errors.append(field.not_supported(path, value, allowed))

    def _connection(self) -> str:
        info = self._configuration.connection_info
        path = self._path.child("connectionInfo")
        file, file_path = info.kube_config_file, path.child("kubeConfigFile")
        if not info.type:
            self.errors.append(field.required(path.child("type")))
        elif info.type == IN_CLUSTER_CONFIG:
            if file is not None:
                self.errors.append(field.invalid(file_path, file, "can only be set when type=KubeConfigFile"))
        elif info.type == KUBECONFIG_FILE:
            if not file:
                self.errors.append(field.required(file_path))
            elif problem := _file_problem(file):
                self.errors.append(field.invalid(file_path, file, problem))
        else:
            self.errors.append(field.not_supported(path.child("type"), info.type, (IN_CLUSTER_CONFIG, KUBECONFIG_FILE)))
        return file or ""

    def _programs(self, conditions: Sequence[WebhookMatchCondition]) -> "tuple[Program, ...]":
        path = self._path.child("matchConditions")
        if len(conditions) > MAX_MATCH_CONDITIONS:
            self.errors.append(field.too_many(path, len(conditions), MAX_MATCH_CONDITIONS))
            return ()
        if not conditions:
            return ()
        try:
            environment = new_environment()
        except MatchConditionError as error:
            self.errors.append(field.internal(path, error))
            return ()
        seen: set[str] = set()
        programs: list[Program] = []
        for index, condition in enumerate(conditions):
            expression, place = condition.expression, path.index(index).child("expression")
            if not expression.strip():
                self.errors.append(field.required(place))
                continue
            if expression in seen:
                self.errors.append(field.duplicate(place, expression))
                continue
            seen.add(expression)
            try:
                programs.append(compile_condition(environment, expression))
            except MatchConditionError as error:
                self.errors.append(field.invalid(place, expression, str(error)))
        return tuple(programs)


def _file_problem(file: str) -> str:
    if not os.path.isabs(file):
        return "must be an absolute path"
    try:
        found = os.stat(file)
    except OSError as error:
        return f"error loading file: stat {file}: {(error.strerror or str(error)).lower()}"
    return "" if stat.S_ISREG(found.st_mode) else "must be a regular file"
