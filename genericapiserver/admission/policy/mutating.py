"""MutatingAdmissionPolicy: expressions that change objects. Go: pkg/admission/plugin/policy/mutating.

Policies run one after the other, by name, and each sees what those before it changed. A change asks for a second round, in
which those policies run again that want it (reinvocationPolicy IfNeeded) and before which something changed.
"""

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
from genericapiserver.admission.policy.evaluation import Evaluation
from genericapiserver.admission.policy.expressions import Compiled, ExpressionError, PolicyExpressions
from genericapiserver.admission.policy.literals import rewrite
from genericapiserver.admission.policy.metrics import MutatingPolicyMetrics, error_type
from genericapiserver.admission.policy.params import ConfigurationProblem, UnknownKind
from genericapiserver.admission.policy.patches import configured, json_patched
from genericapiserver.admission.policy.plugin import PolicyPlugin, policy_values
from genericapiserver.admission.policy.source import BoundPolicy, PolicyHook
from genericapiserver.admission.versioned import encode_versioned, scheme_of, to_versioned
from genericapiserver.admission.webhook.current import CurrentObject
from genericapiserver.apimachinery.errors import ServiceUnavailableError, StatusError
from genericapiserver.apimachinery.meta import StatusCause, StatusDetails
from genericapiserver.apimachinery.serializer.json import parse_literals, parse_plain
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.apis.admissionregistration_policies_v1 import (
    BETA,
    JSON_PATCH,
    MutatingAdmissionPolicy,
    MutatingAdmissionPolicyBinding,
    Mutation,
)
from genericapiserver.apis.admissionregistration_v1 import IGNORE, REINVOKE_IF_NEEDED
from genericapiserver.component import FeatureGate
from genericapiserver.metrics import MetricsRegistry

NAME: Final = "MutatingAdmissionPolicy"
GATE: Final = "MutatingAdmissionPolicy"
INVALID: Final = "Invalid"


@attrs.frozen(eq=False)
class CompiledMutations:
    """The expressions of a policy, in the order of its fields."""

    expressions: PolicyExpressions
    conditions: Sequence[Compiled]
    mutations: Sequence[Compiled]


Hook = PolicyHook[MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, CompiledMutations]
Bound = BoundPolicy[MutatingAdmissionPolicyBinding]


@attrs.frozen(eq=False)
class Invocation:
    """One policy by one binding with one parameter object."""

    hook: Hook
    bound: Bound
    match: Match
    param: dict[str, Any] | None

    @property
    def key(self) -> tuple[str, ...]:
        """Tells invocations of one request apart."""
        metadata = {} if self.param is None else self.param["metadata"]
        return self.hook.name, self.bound.name, metadata.get("namespace", ""), metadata.get("name", "")


@attrs.define(eq=False)
class _Rounds:
    """What the second round of one request needs to know of the first."""

    output: Any = None
    invoked: set[tuple[str, ...]] = attrs.Factory(set)
    marked: set[tuple[str, ...]] = attrs.Factory(set)

    def mark(self) -> None:
        """Something changed after all that ran so far."""
        self.marked |= self.invoked
        self.invoked = set()


@attrs.frozen
class Failure:
    """Something that refuses the write."""

    policy: str
    binding: str
    message: str
    reason: str = ""

    def text(self) -> str:
        if self.binding:
            return f"policy '{self.policy}' with binding '{self.binding}' denied request: {self.message}"
        return f'policy "{self.policy}" denied request: {self.message}'


@attrs.define(eq=False)
class _Walk:
    """What one walk over all policies shares."""

    attributes: Attributes
    current: CurrentObject
    authorizer: ExpressionAuthorizer
    rounds: _Rounds
    namespace: dict[str, Any] | None = None
    failures: list[Failure] = attrs.Factory(list)

    def fail(self, hook: Hook, bound: Bound | None, message: str, reason: str = "") -> None:
        """Unless the policy ignores failures."""
        if hook.policy.spec.failure_policy != IGNORE:
            self.failures.append(Failure(hook.name, bound.name if bound else "", message, reason))


def _expression(mutation: Mutation) -> str:
    part = mutation.json_patch if mutation.patch_type == JSON_PATCH else mutation.apply_configuration
    return "" if part is None else part.expression


def compile_mutation(expressions: PolicyExpressions, mutation: Mutation) -> Compiled:
    """One mutation, or what is wrong with it."""
    from genericapiserver.cel import Program

    patch = mutation.patch_type == JSON_PATCH
    part = mutation.json_patch if patch else mutation.apply_configuration
    if part is None:
        return ExpressionError(f"a mutation of the type {mutation.patch_type} has no expression")
    compiled = expressions.compile(rewrite(part.expression), None)
    if isinstance(compiled, Program):
        type_ = compiled.result_type
        of_maps = type_.name == "list" and type_.parameters[0].name in ("map", "dyn")
        if not (of_maps if patch else type_.name == "map"):
            wanted = "list(JSONPatch)" if patch else "Object"
            return ExpressionError(f"must evaluate to {wanted} but got {type_}")
    return compiled


def compile_policy(policy: MutatingAdmissionPolicy) -> CompiledMutations:
    """Raises nothing: an expression that does not compile is kept as its error."""
    from genericapiserver.cel import Type

    spec = policy.spec
    expressions = PolicyExpressions(spec.variables, params=spec.param_kind is not None)
    return CompiledMutations(
        expressions,
        [expressions.compile(one.expression.strip(), Type.BOOL, variables=False) for one in spec.match_conditions],
        [compile_mutation(expressions, mutation) for mutation in spec.mutations],
    )


class MutatingPolicies(PolicyPlugin[MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, CompiledMutations]):
    """Changes objects as the policies that bindings put into effect say. Does nothing while its feature gate is off."""

    group_version = BETA
    policy_type = MutatingAdmissionPolicy
    binding_type = MutatingAdmissionPolicyBinding
    resource = "mutatingadmissionpolicies"

    def __init__(self) -> None:
        super().__init__(Operation.CREATE, Operation.UPDATE, Operation.CONNECT)
        self._policy_metrics: MutatingPolicyMetrics | None = None
        self._enabled = False

    def set_feature_gate(self, gate: FeatureGate) -> None:
        self._enabled = gate.enabled(GATE)

    def set_metrics(self, metrics: MetricsRegistry) -> None:
        if self._enabled:
            super().set_metrics(metrics)
            self._policy_metrics = MutatingPolicyMetrics(metrics)

    def validate_initialization(self) -> None:
        if self._enabled:
            super().validate_initialization()

    def is_idle(self) -> bool:
        return not self._enabled or super().is_idle()

    def compile(self, policy: MutatingAdmissionPolicy) -> CompiledMutations:
        return compile_policy(policy)

    async def admit(self, attributes: Attributes) -> None:
        """Raises ForbiddenError when a policy fails, ServiceUnavailableError for an object of an unknown kind."""
        hooks = await self._hooks(attributes)
        if not hooks or attributes.object is None:
            return
        rounds = attributes.reinvocation.setdefault(NAME, _Rounds())
        assert isinstance(rounds, _Rounds)
        walk = _Walk(attributes, CurrentObject(attributes), self._authorizer_of(attributes), rounds)
        invocations = [invocation for hook in hooks for invocation in await self._invocations(hook, walk)]
        if invocations:
            if attributes.is_reinvoke and rounds.output != attributes.object:
                rounds.mark()
            walk.namespace = await self._namespace(attributes)
            for invocation in invocations:
                await self._invoke(invocation, walk)
            walk.current.finish()
            rounds.output = deep_copy(attributes.object)
        if walk.failures:
            raise refused(attributes, walk.failures)

    async def _invocations(self, hook: Hook, walk: _Walk) -> list[Invocation]:
        """What is to be done by *hook*; what is wrong with its configuration is added to the failures."""
        found: list[Invocation] = []
        try:
            match = await self._match_policy(hook, walk.attributes)
        except ConfigurationProblem as error:
            walk.fail(hook, None, f"failed to configure policy: {error}")
            return found
        if match is None:
            return found
        for bound in hook.bindings:
            try:
                if await self._match_binding(bound, walk.attributes):
                    params = await self._collect(hook, bound, walk.attributes.namespace)
                    found += [Invocation(hook, bound, match, param) for param in params]
            except UnknownKind as error:
                walk.fail(hook, None, f"failed to configure policy: {error}")
                return []
            except ConfigurationProblem as error:
                walk.fail(hook, bound, f"failed to configure binding: {error}")
        return found

    async def _invoke(self, invocation: Invocation, walk: _Walk) -> None:
        hook, bound, attributes = invocation.hook, invocation.bound, walk.attributes
        walk.current.convert_to(invocation.match.kind)
        try:
            if not await conditions_hold(
                hook.compiled.conditions,
                self._evaluation(invocation, walk),
                attributes,
                policy=hook.name,
                step="validate",
                ignore_errors=hook.policy.spec.failure_policy == IGNORE,
                metrics=self._condition_metrics,
            ):
                return
        except ExpressionError as error:
            walk.fail(hook, bound, str(error), INVALID)
            return
        if attributes.is_reinvoke and invocation.key not in walk.rounds.marked:
            return
        changed = False
        for mutation, compiled in zip(hook.policy.spec.mutations, hook.compiled.mutations, strict=True):
            started = time.perf_counter()
            message = ""
            try:
                changed |= await self._mutate(invocation, mutation, compiled, walk)
            except ExpressionError as error:
                message = str(error)
                walk.fail(hook, bound, message, INVALID)
            if self._policy_metrics is not None:
                kind = error_type(message, failed=bool(message))
                self._policy_metrics.observe(hook.name, bound.name, kind, time.perf_counter() - started)
        if changed:
            walk.rounds.mark()
            attributes.request_reinvocation()
        if hook.policy.spec.reinvocation_policy == REINVOKE_IF_NEEDED:
            walk.rounds.invoked.add(invocation.key)

    async def _mutate(self, invocation: Invocation, mutation: Mutation, compiled: Compiled, walk: _Walk) -> bool:
        """Whether *mutation* changed the object. Raises ExpressionError, StatusError."""
        from genericapiserver.cel import RUNTIME_BUDGET, Budget

        kind = invocation.match.kind
        if not scheme_of(walk.attributes).recognizes(kind):
            raise ServiceUnavailableError(
                f"Resource kind {kind} not found. There can be a delay between when CustomResourceDefinitions are created "
                "and when they are available."
            )
        evaluation = self._evaluation(invocation, walk)
        value = await evaluation.run(compiled, Budget(RUNTIME_BUDGET), written=_expression(mutation))
        obj = walk.current.object
        data = encode_versioned(walk.attributes, obj, kind) or b"null"
        if mutation.patch_type == JSON_PATCH:
            patched = json_patched(parse_literals(data), value)
            return False if patched is None else walk.current.replace(patched)
        return walk.current.replace(configured(parse_plain(data), type(obj), value))

    def _evaluation(self, invocation: Invocation, walk: _Walk) -> Evaluation:
        attributes, kind = walk.attributes, invocation.match.kind
        values = policy_values(
            attributes,
            invocation.match,
            obj=to_versioned(attributes, walk.current.object, kind),
            old_object=to_versioned(attributes, attributes.old_object, kind),
            params=invocation.param,
            namespace=walk.namespace,
        )
        return Evaluation(invocation.hook.compiled.expressions, values, walk.authorizer)


def refused(attributes: Attributes, failures: Sequence[Failure]) -> StatusError:
    """The refusal: the text of the first failure, and all of them as causes."""
    error = new_forbidden(attributes, "admission request denied by policy")
    texts = [failure.text() for failure in failures]
    error.message, error.args = texts[0], (texts[0],)
    error.reason = failures[0].reason or error.reason
    error.details = error.details or StatusDetails()
    error.details.causes.extend(StatusCause(message=text) for text in texts)
    return error
