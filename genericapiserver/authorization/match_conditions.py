"""Match conditions of an authorization webhook: expressions over the question that say whether to ask it.

Source: pkg/authorization/cel of k8s.io/apiserver.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

import attrs

from genericapiserver.authorization.metrics import WebhookMetrics
from genericapiserver.authorization.union import AggregateAuthorizationError

if TYPE_CHECKING:
    from genericapiserver.cel import Environment, Program

MAX_MATCH_CONDITIONS = 64
_ATTRIBUTES = ("namespace", "verb", "group", "version", "resource", "subresource", "name")
_SELECTORS = ("fieldSelector", "labelSelector")


class MatchConditionError(ValueError):
    """An expression that cannot be used; the text says why."""


def new_environment() -> "Environment":
    """What conditions may speak of: `request`, the spec of a SubjectAccessReview v1.

    Raises MatchConditionError when the library is missing.
    """
    from genericapiserver.cel import Environment, MissingLibraryError, Type  # here: without conditions it is not needed

    texts = Type.list_of(Type.STRING)
    requirement = Type.object(
        "authorization.k8s.io.SelectorRequirement", {"key": Type.STRING, "operator": Type.STRING, "values": texts}
    )
    selector = Type.object("authorization.k8s.io.Selector", {"requirements": Type.list_of(requirement)})
    resource = Type.object(
        "authorization.k8s.io.ResourceAttributes",
        {**dict.fromkeys(_ATTRIBUTES, Type.STRING), **dict.fromkeys(_SELECTORS, selector)},
    )
    other = Type.object("authorization.k8s.io.NonResourceAttributes", {"path": Type.STRING, "verb": Type.STRING})
    request = Type.object(
        "authorization.k8s.io.SubjectAccessReviewSpec",
        {
            "resourceAttributes": resource,
            "nonResourceAttributes": other,
            "user": Type.STRING,
            "groups": texts,
            "extra": Type.map_of(Type.STRING, texts),
            "uid": Type.STRING,
        },
    )
    try:
        return Environment({"request": request})
    except MissingLibraryError as error:
        raise MatchConditionError(str(error)) from error


def compile_condition(environment: "Environment", expression: str) -> "Program":
    """Raises MatchConditionError for what is no expression, or is none to a bool."""
    from genericapiserver.cel import CompileError, ResultTypeError, Type

    try:
        return environment.compile(expression, result=Type.BOOL)
    except ResultTypeError as error:
        raise MatchConditionError(error.requirement) from error
    except CompileError as error:
        raise MatchConditionError(str(error)) from error


@attrs.frozen(eq=False)
class MatchConditions:
    """The compiled conditions of the webhook called *name*."""

    programs: "Sequence[Program]"
    name: str = ""
    metrics: WebhookMetrics | None = None

    def match(self, spec: dict[str, Any]) -> bool:
        """Whether all are true of the review *spec*, version v1, as it is sent.

        Raises AggregateAuthorizationError when some fail and none is false.
        """
        from genericapiserver.cel import MATCH_CONDITIONS_BUDGET, Budget, EvaluationError

        start = perf_counter()
        errors: list[Exception] = []
        matched = True
        budget = Budget(MATCH_CONDITIONS_BUDGET)
        activation = self.programs[0].environment.activation({"request": request_of(spec)})
        for program in self.programs:
            try:
                if program.evaluate(activation, budget) is not True:
                    matched = False
                    break
            except EvaluationError as error:
                text = f"cel evaluation error: expression '{program.expression}' resulted in error: {error}"
                errors.append(RuntimeError(text))
        if self.metrics is not None:
            self.metrics.match_conditions(
                self.name, perf_counter() - start, excluded=not matched, failed=matched and bool(errors)
            )
        if matched and errors:
            raise AggregateAuthorizationError(errors)
        return matched


def request_of(spec: dict[str, Any]) -> dict[str, Any]:
    """*spec* with every text that is empty and so is not sent; of the two kinds of attributes only one is there."""
    request = {
        "user": spec.get("user", ""),
        "groups": list(spec.get("groups", ())),
        "extra": {key: list(values) for key, values in spec.get("extra", {}).items()},
        "uid": spec.get("uid", ""),
    }
    if (resource := spec.get("resourceAttributes")) is not None:
        attributes: dict[str, Any] = {name: resource.get(name, "") for name in _ATTRIBUTES}
        for name in _SELECTORS:
            if (selector := resource.get(name)) is not None:
                attributes[name] = {
                    "requirements": [{"values": [], **one} for one in selector["requirements"]],
                }
        request["resourceAttributes"] = attributes
    else:
        other = spec.get("nonResourceAttributes", {})
        request["nonResourceAttributes"] = {"path": other.get("path", ""), "verb": other.get("verb", "")}
    return request
