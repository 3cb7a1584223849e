"""Asking another API server what a user may do. Mirrors plugin/pkg/authorizer/webhook/webhook.go."""

import json
from collections import OrderedDict
from time import perf_counter
from typing import Any, Final

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.apimachinery.go import format_duration
from genericapiserver.apis.authorization_v1 import SubjectAccessReview, SubjectAccessReviewStatus
from genericapiserver.authentication.review import Reviewer, ReviewError, extra_document
from genericapiserver.authentication.user import UserInfo
from genericapiserver.authorization.builtin import NO_OPINION
from genericapiserver.authorization.interfaces import AuthorizationAttributes, AuthorizationResult, Decision, Rules
from genericapiserver.authorization.match_conditions import MatchConditions
from genericapiserver.authorization.metrics import WebhookMetrics
from genericapiserver.authorization.selectors import field_requirements, label_requirements
from genericapiserver.authorization.union import AggregateAuthorizationError

VERSIONS: Final = ("v1", "v1beta1")
TIMEOUT_CODE: Final = 504
MAX_CACHED: Final = 8192
MAX_CACHED_ATTRIBUTES_LENGTH: Final = 10000
"""Longer questions are not remembered: somebody may be filling the memory on purpose."""

_NO_RULES: Final = Rules(
    incomplete=True, error=RuntimeError("webhook authorizer does not support user rule resolution")
)


def subject_access_review_path(version: str = "v1", *, timeout: float = 0.0) -> str:
    """Where SubjectAccessReviews are posted. Raises ValueError for a version that is not served."""
    if version not in VERSIONS:
        raise ValueError(f'unsupported webhook authorizer version "{version}", supported versions are "v1", "v1beta1"')
    query = f"?timeout={format_duration(timeout)}" if timeout > 0 else ""
    return f"/apis/authorization.k8s.io/{version}/subjectaccessreviews{query}"


class WebhookAuthorizer:
    """Posts a SubjectAccessReview for each question it does not remember the answer to.

    A failed review is *decision_on_error* together with the error, and is not remembered. Nothing is asked, and there is
    no opinion, unless the *match_conditions* are true; when they fail, that is *decision_on_error*, too. *name* is that of
    the metrics.
    """

    def __init__(
        self,
        reviewer: Reviewer,
        *,
        authorized_ttl: float,
        unauthorized_ttl: float,
        version: str = "v1",
        decision_on_error: Decision = Decision.NO_OPINION,
        name: str = "",
        match_conditions: MatchConditions | None = None,
        metrics: WebhookMetrics | None = None,
        clock: Clock | None = None,
    ) -> None:
        subject_access_review_path(version)
        self._reviewer = reviewer
        self._ttl = {True: authorized_ttl, False: unauthorized_ttl}
        self._api_version = f"authorization.k8s.io/{version}"
        self._groups_key = "groups" if version == "v1" else "group"
        self._decision_on_error = decision_on_error
        self._name = name
        self._match_conditions = match_conditions
        self._metrics = metrics
        self._clock = clock or SystemClock()
        self._cache: OrderedDict[str, tuple[float, AuthorizationResult]] = OrderedDict()

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        spec = self._spec(attributes)
        if self._match_conditions is not None:
            try:
                if not self._match_conditions.match(spec):
                    return NO_OPINION
            except AggregateAuthorizationError as error:
                return AuthorizationResult(self._decision_on_error, error=error)
        key = json.dumps(spec, separators=(",", ":"))
        cached = self._cache.get(key)
        if cached is not None and self._clock.monotonic() < cached[0]:
            self._cache.move_to_end(key)
            return cached[1]
        try:
            status = await self._ask(spec)
        except ReviewError as error:
            return AuthorizationResult(self._decision_on_error, error=error)
        result = _result(status)
        if _attributes_length(attributes) < MAX_CACHED_ATTRIBUTES_LENGTH:
            self._remember(key, result, self._ttl[status.allowed])
        return result

    async def _ask(self, spec: dict[str, Any]) -> SubjectAccessReviewStatus:
        """The status of the review. Raises ReviewError."""
        if "groups" in spec and self._groups_key != "groups":
            spec = {self._groups_key if key == "groups" else key: value for key, value in spec.items()}
        start, result = perf_counter(), "canceled"
        try:
            review = await self._reviewer.review(
                {
                    "kind": "SubjectAccessReview",
                    "apiVersion": self._api_version,
                    "metadata": {},
                    "spec": spec,
                    "status": {"allowed": False},
                },
                SubjectAccessReview,
            )
            result = "success"
        except ReviewError as error:
            result = "timeout" if _timed_out(error) else "error"
            raise
        finally:
            if self._metrics is not None:
                fails_open = self._decision_on_error is Decision.NO_OPINION
                self._metrics.asked(self._name, result, perf_counter() - start, fails_open=fails_open)
        return review.status

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        return _NO_RULES

    def _remember(self, key: str, result: AuthorizationResult, ttl: float) -> None:
        if ttl <= 0:
            return
        self._cache[key] = (self._clock.monotonic() + ttl, result)
        self._cache.move_to_end(key)
        if len(self._cache) > MAX_CACHED:
            self._cache.popitem(last=False)

    def _spec(self, attributes: AuthorizationAttributes) -> dict[str, Any]:
        spec: dict[str, Any] = {}
        if attributes.is_resource_request:
            spec["resourceAttributes"] = _resource_attributes(attributes)
        else:
            spec["nonResourceAttributes"] = _present(path=attributes.path, verb=attributes.verb)
        user = attributes.user
        if user is not None:
            spec |= _present(user=user.name, groups=user.groups)
            if user.extra:
                spec["extra"] = extra_document(user.extra)
            spec |= _present(uid=user.uid)
        return spec


def _resource_attributes(attributes: AuthorizationAttributes) -> dict[str, Any]:
    document = _present(
        namespace=attributes.namespace,
        verb=attributes.verb,
        group=attributes.api_group,
        version=attributes.api_version,
        resource=attributes.resource,
        subresource=attributes.subresource,
        name=attributes.name,
    )
    if fields := field_requirements(attributes):
        document["fieldSelector"] = {"requirements": fields}
    if labels := label_requirements(attributes):
        document["labelSelector"] = {"requirements": labels}
    return document


def _present(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}


def _timed_out(error: BaseException | None) -> bool:
    """Whether time ran out: the server's own answer 504, or ours waiting for it."""
    while error is not None:
        if isinstance(error, TimeoutError) or "timeout" in type(error).__name__.lower():
            return True
        if isinstance(error, ReviewError) and error.code == TIMEOUT_CODE:
            return True
        error = error.__cause__ or error.__context__
    return False


def _result(status: SubjectAccessReviewStatus) -> AuthorizationResult:
    if status.denied and status.allowed:
        error = ReviewError("webhook subject access review returned both allow and deny response")
        return AuthorizationResult(Decision.DENY, status.reason, error)
    if status.denied:
        return AuthorizationResult(Decision.DENY, status.reason)
    return AuthorizationResult(Decision.ALLOW if status.allowed else Decision.NO_OPINION, status.reason)


def _attributes_length(attributes: AuthorizationAttributes) -> int:
    return sum(
        map(
            len,
            (
                attributes.namespace,
                attributes.verb,
                attributes.api_group,
                attributes.api_version,
                attributes.resource,
                attributes.subresource,
                attributes.name,
                attributes.path,
            ),
        )
    )
