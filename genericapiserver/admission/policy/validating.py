"""ValidatingAdmissionPolicy: expressions that say yes or no. Go: pkg/admission/plugin/policy/validating."""

import logging
import time
from collections.abc import Sequence
from typing import Any, Final

import attrs

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.errors import new_forbidden
from genericapiserver.admission.expressions import ExpressionAuthorizer
from genericapiserver.admission.matching import Match
from genericapiserver.admission.operation import Operation
from genericapiserver.admission.policy.conditions import conditions_hold
from genericapiserver.admission.policy.evaluation import BudgetExhaustedError, Evaluation
from genericapiserver.admission.policy.expressions import Compiled, ExpressionError, PolicyExpressions
from genericapiserver.admission.policy.metrics import Action, ValidatingPolicyMetrics, error_type
from genericapiserver.admission.policy.params import ConfigurationProblem, UnknownKind
from genericapiserver.admission.policy.plugin import PolicyPlugin, policy_values
from genericapiserver.admission.policy.source import BoundPolicy, PolicyHook
from genericapiserver.admission.versioned import VersionedAttributes
from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.apimachinery.meta import StatusCause, StatusDetails
from genericapiserver.apimachinery.serializer.json import encode_json
from genericapiserver.apis.admissionregistration_policies_v1 import (
    AUDIT,
    DENY,
    WARN,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    Validation,
)
from genericapiserver.apis.admissionregistration_v1 import GROUP_VERSION, IGNORE
from genericapiserver.metrics import MetricsRegistry

logger = logging.getLogger(__name__)

NAME: Final = "ValidatingAdmissionPolicy"
FAILURE_ANNOTATION: Final = "validation.policy.admission.k8s.io/validation_failure"
MAX_MESSAGE_BYTES: Final = 5 * 1024
MAX_ANNOTATION_BYTES: Final = 10 * 1024
INVALID: Final = "Invalid"
CODES: Final = {"Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413}
OTHER_CODE: Final = 422


@attrs.frozen(eq=False)
class CompiledPolicy:
    """The expressions of a policy, in the order of its fields."""

    expressions: PolicyExpressions
    conditions: Sequence[Compiled]
    validations: Sequence[Compiled]
    messages: "Sequence[Compiled | None]"
    annotations: Sequence[Compiled]


@attrs.frozen
class Decision:
    """What came of one validation. `failed` says that it could not be decided, and not that it was false."""

    allowed: bool
    message: str = ""
    reason: str = ""
    failed: bool = False
    seconds: float = 0.0


@attrs.frozen
class Denial:
    """A reason to refuse the write."""

    policy: str
    binding: str
    message: str
    reason: str = INVALID

    def text(self) -> str:
        binding = f" with binding '{self.binding}'" if self.binding else ""
        return f"ValidatingAdmissionPolicy '{self.policy}'{binding} denied request: {self.message}"


@attrs.define(eq=False)
class _Walk:
    """What one walk over all policies gathers."""

    attributes: Attributes
    versioned: VersionedAttributes
    authorizer: ExpressionAuthorizer
    denials: list[Denial] = attrs.Factory(list)

    def misconfigured(self, hook: Any, bound: Any, error: ConfigurationProblem) -> None:
        """A configuration that cannot be used refuses the write, unless the policy ignores failures."""
        if hook.policy.spec.failure_policy == IGNORE:
            return
        policy_level = bound is None or isinstance(error, UnknownKind)
        what = "policy" if policy_level else "binding"
        self.denials.append(
            Denial(hook.name, "" if policy_level else bound.name, f"failed to configure {what}: {error}")
        )


Hook = PolicyHook[ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, CompiledPolicy]
Bound = BoundPolicy[ValidatingAdmissionPolicyBinding]


def compile_policy(policy: ValidatingAdmissionPolicy) -> CompiledPolicy:
    """Raises nothing: an expression that does not compile is kept as its error."""
    from genericapiserver.cel import Type

    spec = policy.spec
    expressions = PolicyExpressions(spec.variables, params=spec.param_kind is not None)
    text = (Type.STRING, Type.NULL)
    return CompiledPolicy(
        expressions,
        [expressions.compile(one.expression.strip(), Type.BOOL, variables=False) for one in spec.match_conditions],
        [expressions.compile(one.expression, Type.BOOL) for one in spec.validations],
        [
            expressions.compile(one.message_expression, Type.STRING, authorizer=False)
            if one.message_expression
            else None
            for one in spec.validations
        ],
        [expressions.compile(one.value_expression.strip(), text) for one in spec.audit_annotations],
    )


class ValidatingPolicies(PolicyPlugin[ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, CompiledPolicy]):
    """Evaluates the policies that bindings put into effect."""

    group_version = GROUP_VERSION
    policy_type = ValidatingAdmissionPolicy
    binding_type = ValidatingAdmissionPolicyBinding
    resource = "validatingadmissionpolicies"

    def __init__(self) -> None:
        super().__init__(*Operation)
        self._policy_metrics: ValidatingPolicyMetrics | None = None

    def set_metrics(self, metrics: MetricsRegistry) -> None:
        super().set_metrics(metrics)
        self._policy_metrics = ValidatingPolicyMetrics(metrics)

    def compile(self, policy: ValidatingAdmissionPolicy) -> CompiledPolicy:
        return compile_policy(policy)

    async def validate(self, attributes: Attributes) -> None:
        """Raises what the first denial stands for; all policies are evaluated before that."""
        hooks = await self._hooks(attributes)
        if not hooks:
            return
        walk = _Walk(attributes, VersionedAttributes(attributes), self._authorizer_of(attributes))
        for hook in hooks:
            await self._visit(hook, walk)
        if walk.denials:
            raise denied(attributes, walk.denials[0])

    async def _visit(self, hook: Hook, walk: _Walk) -> None:
        try:
            match = await self._match_policy(hook, walk.attributes)
        except ConfigurationProblem as error:
            walk.misconfigured(hook, None, error)
            return
        if match is None:
            return
        annotations: dict[str, list[str]] = {}
        for bound in hook.bindings:
            try:
                if not await self._match_binding(bound, walk.attributes):
                    continue
                params = await self._collect(hook, bound, walk.attributes.namespace)
                if params:
                    walk.versioned.at(match.kind)
            except UnknownKind as error:
                walk.misconfigured(hook, bound, error)
                return
            except ConfigurationProblem as error:
                walk.misconfigured(hook, bound, error)
                continue
            except StatusError as error:
                problem = ConfigurationProblem(f"failed to convert object version: {error}")
                walk.misconfigured(hook, bound, problem)
                continue
            namespace = await self._namespace(walk.attributes)
            for param in params:
                await self._evaluate(hook, bound, match, param, namespace, walk, annotations)
        publish(walk.attributes, hook.name, annotations)

    async def _evaluate(
        self,
        hook: Hook,
        bound: Bound,
        match: Match,
        param: dict[str, Any] | None,
        namespace: dict[str, Any] | None,
        walk: _Walk,
        annotations: dict[str, list[str]],
    ) -> None:
        """One policy, one binding, one parameter object."""
        objects = walk.versioned.at(match.kind)
        values = policy_values(
            walk.attributes,
            match,
            obj=objects.object,
            old_object=objects.old_object,
            params=param,
            namespace=namespace,
        )
        ignore = hook.policy.spec.failure_policy == IGNORE
        try:
            evaluation = Evaluation(hook.compiled.expressions, values, walk.authorizer)
            if not await conditions_hold(
                hook.compiled.conditions,
                evaluation,
                walk.attributes,
                policy=hook.name,
                step="validate",
                ignore_errors=ignore,
                metrics=self._condition_metrics,
            ):
                return
        except ExpressionError as error:
            self._act(hook, bound, 0, Decision(ignore, str(error), failed=True), walk)
            return
        for index, decision in enumerate(await decide(hook, evaluation, ignore=ignore)):
            self._act(hook, bound, index, decision, walk)
        await self._annotate(hook, bound, evaluation, walk, annotations, ignore=ignore)

    def _act(self, hook: Hook, bound: Bound, index: int, decision: Decision, walk: _Walk) -> None:
        """What follows from a decision by the actions of the binding."""
        if decision.allowed:
            if decision.failed:
                self._observe(hook, bound, decision, "allow")
            return
        for action in bound.binding.spec.validation_actions:
            if action == DENY:
                walk.denials.append(Denial(hook.name, bound.name, decision.message, decision.reason or INVALID))
                self._observe(hook, bound, decision, "deny")
            elif action == AUDIT:
                record_failure(walk.attributes, bound.binding, index, decision)
                self._observe(hook, bound, decision, "audit")
            elif action == WARN:
                walk.attributes.context.add_warning(
                    f"Validation failed for ValidatingAdmissionPolicy '{hook.name}' with binding '{bound.name}': "
                    f"{decision.message}"
                )
                self._observe(hook, bound, decision, "warn")

    async def _annotate(
        self,
        hook: Hook,
        bound: Bound,
        evaluation: Evaluation,
        walk: _Walk,
        annotations: dict[str, list[str]],
        *,
        ignore: bool,
    ) -> None:
        """Evaluates the audit annotations, with a budget of their own. One that fails refuses the write."""
        from genericapiserver.cel import RUNTIME_BUDGET, Budget

        budget = Budget(RUNTIME_BUDGET)
        for declared, compiled in zip(hook.policy.spec.audit_annotations, hook.compiled.annotations, strict=True):
            started = time.perf_counter()
            try:
                found = await evaluation.run(compiled, budget)
            except ExpressionError as error:
                if ignore:
                    if isinstance(error, BudgetExhaustedError):
                        return
                    continue
                seconds = time.perf_counter() - started
                decision = Decision(False, str(error), failed=True, seconds=seconds)
                walk.denials.append(Denial(hook.name, bound.name, decision.message))
                self._observe(hook, bound, decision, "deny")
                if isinstance(error, BudgetExhaustedError):
                    return
                continue
            value = found.strip() if isinstance(found, str) else ""
            if value:
                values = annotations.setdefault(declared.key, [])
                value = value.encode()[:MAX_ANNOTATION_BYTES].decode(errors="ignore")
                if value not in values:
                    values.append(value)

    def _observe(self, hook: Hook, bound: Bound, decision: Decision, action: Action) -> None:
        if self._policy_metrics is not None:
            kind = error_type(decision.message, failed=decision.failed)
            self._policy_metrics.observe(hook.name, bound.name, kind, action, decision.seconds)


async def decide(hook: Hook, evaluation: Evaluation, *, ignore: bool) -> list[Decision]:
    """The decisions on all validations; a single one when the budget does not suffice for all."""
    from genericapiserver.cel import RUNTIME_BUDGET, Budget

    budget = Budget(RUNTIME_BUDGET)
    decisions = []
    false: list[int] = []
    try:
        for index, compiled in enumerate(hook.compiled.validations):
            started = time.perf_counter()
            try:
                true = await evaluation.run(compiled, budget) is True
                decision = Decision(true, seconds=time.perf_counter() - started)
                if not true:
                    false.append(index)
            except BudgetExhaustedError:
                raise
            except ExpressionError as error:
                decision = Decision(ignore, str(error), failed=True, seconds=time.perf_counter() - started)
            decisions.append(decision)
    except BudgetExhaustedError as error:
        return [Decision(ignore, str(error), failed=True)]
    for index in false:
        validation = hook.policy.spec.validations[index]
        try:
            message = await message_of(validation, hook.compiled.messages[index], evaluation, budget)
            decided = attrs.evolve(decisions[index], message=message, reason=validation.reason or INVALID)
        except BudgetExhaustedError as error:
            text = f"failed messageExpression: {error}"
            decided = attrs.evolve(decisions[index], allowed=ignore, message=text, failed=True)
        decisions[index] = decided
    return decisions


async def message_of(validation: Validation, compiled: "Compiled | None", evaluation: Evaluation, budget: Any) -> str:
    """What is said when *validation* is false. Raises BudgetExhaustedError."""
    if compiled is not None:
        try:
            found = await evaluation.run(compiled, budget)
        except BudgetExhaustedError:
            raise
        except ExpressionError as error:
            logger.info("messageExpression failed: %s", error)
        else:
            text = found.strip() if isinstance(found, str) else ""
            if text and "\n" not in text and len(text.encode()) <= MAX_MESSAGE_BYTES:
                return text
            logger.info("messageExpression yielded nothing that can be shown")
    return validation.message.strip() or f"failed expression: {validation.expression.strip()}"


def denied(attributes: Attributes, denial: Denial) -> StatusError:
    """The refusal: code and reason are those that the validation names."""
    message = denial.text()
    error = new_forbidden(attributes, message)
    error.reason = denial.reason
    error.code = CODES.get(denial.reason, OTHER_CODE)
    error.details = error.details or StatusDetails()
    error.details.causes.append(StatusCause(message=message))
    return error


def record_failure(
    attributes: Attributes, binding: ValidatingAdmissionPolicyBinding, index: int, decision: Decision
) -> None:
    """The action Audit. The first failure of a request is recorded, others are logged."""
    failure = {
        "message": decision.message,
        "policy": binding.spec.policy_name,
        "binding": binding.metadata.name,
        "expressionIndex": index,
        "validationActions": list(binding.spec.validation_actions),
    }
    add_annotation(attributes, FAILURE_ANNOTATION, encode_json([failure]).decode())


def publish(attributes: Attributes, policy: str, annotations: dict[str, list[str]]) -> None:
    """The audit annotations of a policy; values that differ between bindings are joined."""
    for key, values in annotations.items():
        add_annotation(attributes, f"{policy}/{key}", ", ".join(values))


def add_annotation(attributes: Attributes, key: str, value: str) -> None:
    try:
        attributes.add_annotation(key, value)
    except ValueError as error:
        logger.warning("Failed to set admission audit annotation %s of a policy: %s", key, error)
