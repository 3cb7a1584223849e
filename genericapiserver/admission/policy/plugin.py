"""What both policy plugins share: where policies come from, how they are matched, what their expressions see."""

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.expressions import (
    OBJECT,
    OLD_OBJECT,
    REQUEST,
    ExpressionAuthorizer,
    authorizer_values,
    request_values,
)
from genericapiserver.admission.matching import Match, Matcher, is_exempt
from genericapiserver.admission.namespaces import Namespaces
from genericapiserver.admission.operation import Operation
from genericapiserver.admission.plugin import ReadyHandler
from genericapiserver.admission.policy.expressions import NAMESPACE, PARAMS
from genericapiserver.admission.policy.params import ConfigurationProblem, ParamStore
from genericapiserver.admission.policy.source import BoundPolicy, PolicyHook, PolicySource
from genericapiserver.admission.webhook.metrics import MatchConditionMetrics
from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.apimachinery.schema import GroupKind, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis.admissionregistration_policies_v1 import (
    Binding,
    Policy,
    set_binding_defaults,
    set_policy_defaults,
)
from genericapiserver.apis.core_v1 import GROUP_VERSION as CORE_V1
from genericapiserver.authorization import Authorizer
from genericapiserver.client.informer import InformerFactory
from genericapiserver.client.rest_mapper import RESTMapper
from genericapiserver.metrics import MetricsRegistry

P = TypeVar("P", bound=Policy)
B = TypeVar("B", bound=Binding)
C = TypeVar("C")

NAMESPACE_KIND: Final = GroupKind("", "Namespace")
NAMESPACE_METADATA: Final = frozenset(
    {
        *("name", "generateName", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp"),
        *("deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "finalizers"),
    }
)
"""What expressions see of a namespace's metadata."""
_CODEC: Final = CodecFactory(Scheme("policies"))


class PolicyPlugin(ReadyHandler, abc.ABC, Generic[P, B, C]):
    """A base. Initializers give it informers, namespaces, an authorizer and metrics."""

    group_version: GroupVersion
    policy_type: type[P]
    binding_type: type[B]
    resource: str
    """Of the policies; bindings have it with `bindings` behind the singular."""

    def __init__(self, *operations: Operation) -> None:
        super().__init__(*operations)
        self._informers: InformerFactory | None = None
        self._namespaces: Namespaces | None = None
        self._mapper: RESTMapper | None = None
        self._authorizer: Authorizer | None = None
        self._source: PolicySource[P, B, C] | None = None
        self._params: ParamStore | None = None
        self._matcher: Matcher | None = None
        self._condition_metrics: MatchConditionMetrics | None = None
        self._seen: Sequence[PolicyHook[P, B, C]] = ()

    def set_metrics(self, metrics: MetricsRegistry) -> None:
        self._condition_metrics = MatchConditionMetrics(metrics)

    def set_informers(self, informers: InformerFactory) -> None:
        self._informers = informers

    def set_namespaces(self, namespaces: Namespaces) -> None:
        self._namespaces = namespaces

    def set_rest_mapper(self, mapper: RESTMapper) -> None:
        self._mapper = mapper

    def set_authorizer(self, authorizer: Authorizer | None) -> None:
        self._authorizer = authorizer

    def validate_initialization(self) -> None:
        """Raises ValueError for a plugin that was never told where policies are kept."""
        if self._informers is None or self._namespaces is None or self._mapper is None:
            raise ValueError(f"{type(self).__name__}: kubernetes client is not properly setup")
        root = f"/apis/{self.group_version}"
        policies = self._informers.informer(f"{root}/{self.resource}", _decoder(self.policy_type, set_policy_defaults))
        singular = self.policy_type.__name__.lower()
        bindings = self._informers.informer(
            f"{root}/{singular}bindings", _decoder(self.binding_type, set_binding_defaults)
        )
        self.use(
            source=PolicySource(policies, bindings, self.compile),
            namespaces=self._namespaces,
            params=ParamStore(self._informers.transport, self._mapper),
        )

    def use(self, *, source: PolicySource[P, B, C], namespaces: Namespaces, params: ParamStore) -> None:
        """Take policies from *source* and parameters from *params*, and look namespaces up in *namespaces*."""
        self._source, self._params, self._namespaces = source, params, namespaces
        self._matcher = Matcher(namespaces)
        self.wait_for(*source.synced, namespaces.synced)

    @abc.abstractmethod
    def compile(self, policy: P) -> C:
        """The expressions of *policy*. Raises nothing: what does not compile fails when it is asked."""

    async def aclose(self) -> None:
        """Stop following parameters."""
        if self._params is not None:
            await self._params.aclose()

    def is_idle(self) -> bool:
        """Whether every write passes at present, because no policy is in effect."""
        return self._source is not None and self.is_ready() and not self._source.hooks()

    async def _hooks(self, attributes: Attributes) -> Sequence[PolicyHook[P, B, C]]:
        """The policies to match against. Raises ForbiddenError when nobody knows them yet."""
        if is_exempt(attributes):
            return ()
        if not self.is_ready():
            await self.require_ready(attributes)
        if self._source is None:
            return ()
        hooks = self._source.hooks()
        if hooks is not self._seen and self._params is not None:
            self._params.keep(self._source.param_kinds())
            self._seen = hooks
        return hooks

    async def _match_policy(
        self, hook: PolicyHook[P, B, C], attributes: Attributes, current: Any = None
    ) -> Match | None:
        """By what the policy is about the write. Raises ConfigurationProblem."""
        assert self._matcher is not None
        if hook.criteria is None:
            raise ConfigurationProblem("policy contained no match constraints, a required field")
        try:
            return await self._matcher.match(hook.criteria, attributes, current=current)
        except StatusError as error:
            raise ConfigurationProblem(str(error)) from error

    async def _match_binding(self, bound: BoundPolicy[B], attributes: Attributes, current: Any = None) -> bool:
        """Whether the binding is about the write. Raises ConfigurationProblem."""
        assert self._matcher is not None
        if bound.criteria is None:
            return True
        try:
            return await self._matcher.match(bound.criteria, attributes, current=current) is not None
        except StatusError as error:
            raise ConfigurationProblem(str(error)) from error

    async def _collect(
        self, hook: PolicyHook[P, B, C], bound: BoundPolicy[B], namespace: str
    ) -> list[dict[str, Any] | None]:
        """The parameters to evaluate with, one after the other. Raises ConfigurationProblem."""
        assert self._params is not None
        return await self._params.collect(hook.policy.spec.param_kind, bound.binding.spec.param_ref, namespace)

    async def _namespace(self, attributes: Attributes) -> dict[str, Any] | None:
        """`namespaceObject`; None for objects of the cluster and for namespaces. Raises StatusError."""
        if not attributes.namespace or attributes.kind.group_kind == NAMESPACE_KIND:
            return None
        assert self._namespaces is not None
        namespace = self._namespaces.cached(attributes.namespace) or await self._namespaces.live(attributes.namespace)
        document: dict[str, Any] = _CODEC.to_unstructured(namespace, CORE_V1.with_kind("Namespace"))
        metadata = {key: value for key, value in document["metadata"].items() if key in NAMESPACE_METADATA}
        return {**document, "metadata": metadata}

    def _authorizer_of(self, attributes: Attributes) -> ExpressionAuthorizer:
        return ExpressionAuthorizer(self._authorizer, attributes.user)


def policy_values(
    attributes: Attributes,
    match: Match,
    *,
    obj: dict[str, Any] | None,
    old_object: dict[str, Any] | None,
    params: dict[str, Any] | None,
    namespace: dict[str, Any] | None,
) -> dict[str, Any]:
    """What the expressions of a policy see of a write."""
    return {
        OBJECT: obj,
        OLD_OBJECT: old_object,
        REQUEST: request_values(attributes, match.kind, match.resource),
        PARAMS: params,
        NAMESPACE: namespace,
        **authorizer_values(attributes),
    }


def _decoder(kind: type[Any], default: Callable[[Any], None]) -> Callable[[Mapping[str, Any]], Any]:
    def decode(document: Mapping[str, Any]) -> Any:
        decoded = _CODEC.from_unstructured(document, kind)[0]
        default(decoded)
        return decoded

    return decode
