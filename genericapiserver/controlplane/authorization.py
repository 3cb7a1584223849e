"""authorization.k8s.io: what somebody may do, as the server's own authorizer decides.

Source: pkg/registry/authorization of k8s.io/kubernetes.
"""

import abc
from typing import Any, Protocol

from genericapiserver.apimachinery.errors import BadRequestError, InvalidError
from genericapiserver.apimachinery.field import FieldError
from genericapiserver.apimachinery.meta import CreateOptions
from genericapiserver.apimachinery.schema import GroupKind
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis import authorization_v1
from genericapiserver.apis.authorization_v1 import (
    GROUP,
    GROUP_VERSION,
    LocalSubjectAccessReview,
    NonResourceAttributes,
    NonResourceRule,
    ResourceRule,
    SelfSubjectAccessReview,
    SelfSubjectRulesReview,
    SubjectAccessReview,
    SubjectAccessReviewStatus,
    SubjectRulesReviewStatus,
)
from genericapiserver.authorization import Authorizer, Decision, Rules, rules_for
from genericapiserver.authorization.builtin import AlwaysAllowAuthorizer
from genericapiserver.controlplane.authorization_attributes import (
    Question,
    non_resource_question,
    question_of,
    resource_question,
)
from genericapiserver.controlplane.authorization_validation import (
    validate_local_subject_access_review,
    validate_self_subject_access_review,
    validate_subject_access_review,
)
from genericapiserver.controlplane.review import ReviewStorage, install_reviews, requesting_user
from genericapiserver.registry.rest import ValidateObject
from genericapiserver.request import RequestContext
from genericapiserver.server import GenericAPIServer


class Validate(Protocol):
    def __call__(self, review: Any, /) -> list[FieldError]: ...


class AccessReviewStorage(ReviewStorage):
    """A review whose status is the decision of *authorizer*."""

    validate_review: Validate

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def create(
        self, context: RequestContext, obj: Any, *, validate: ValidateObject | None, options: CreateOptions
    ) -> Any:
        if errors := type(self).validate_review(obj):
            # Without a kind, as in the reference, whose internal objects have lost theirs.
            raise InvalidError(GroupKind(GROUP, ""), "", errors)
        question = self.question(context, obj)
        if validate is not None:
            await validate(obj)
        result = await self._authorizer.authorize(question.attributes)
        obj.status = SubjectAccessReviewStatus(
            allowed=result.decision is Decision.ALLOW,
            denied=result.decision is Decision.DENY,
            reason=result.reason,
            evaluation_error=question.evaluation_error(result.error),
        )
        return obj

    @abc.abstractmethod
    def question(self, context: RequestContext, review: Any) -> Question:
        """What *review* asks. Raises StatusError for one that asks nothing."""


class SubjectAccessReviewStorage(AccessReviewStorage):
    object_type = SubjectAccessReview
    validate_review = staticmethod(validate_subject_access_review)

    def question(self, context: RequestContext, review: SubjectAccessReview) -> Question:
        return question_of(review.spec)


class SelfSubjectAccessReviewStorage(AccessReviewStorage):
    object_type = SelfSubjectAccessReview
    validate_review = staticmethod(validate_self_subject_access_review)

    def question(self, context: RequestContext, review: SelfSubjectAccessReview) -> Question:
        user, spec = requesting_user(context), review.spec
        if spec.resource_attributes is not None:
            return resource_question(user, spec.resource_attributes)
        return non_resource_question(user, spec.non_resource_attributes or NonResourceAttributes())


class LocalSubjectAccessReviewStorage(AccessReviewStorage):
    object_type = LocalSubjectAccessReview
    namespace_scoped = True
    validate_review = staticmethod(validate_local_subject_access_review)

    def question(self, context: RequestContext, review: LocalSubjectAccessReview) -> Question:
        namespace = context.namespace
        if not namespace:
            raise BadRequestError(f"namespace is required on this type: {namespace}")
        if namespace != review.metadata.namespace:
            raise BadRequestError(f"spec.resourceAttributes.namespace must match namespace: {namespace}")
        return question_of(review.spec)


class SelfSubjectRulesReviewStorage(ReviewStorage):
    """What the user of the request may do in a namespace, as far as *authorizer* can list it."""

    object_type = SelfSubjectRulesReview

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def create(
        self,
        context: RequestContext,
        obj: SelfSubjectRulesReview,
        *,
        validate: ValidateObject | None,
        options: CreateOptions,
    ) -> SelfSubjectRulesReview:
        user = requesting_user(context)
        if not obj.spec.namespace:
            raise BadRequestError("no namespace on request")
        if validate is not None:
            await validate(obj)
        return SelfSubjectRulesReview(status=_status(await rules_for(self._authorizer, user, obj.spec.namespace)))


def _status(rules: Rules) -> SubjectRulesReviewStatus:
    return SubjectRulesReviewStatus(
        resource_rules=[
            ResourceRule(
                verbs=list(rule.verbs),
                api_groups=list(rule.api_groups),
                resources=list(rule.resources),
                resource_names=list(rule.resource_names),
            )
            for rule in rules.resource_rules
        ],
        non_resource_rules=[
            NonResourceRule(verbs=list(rule.verbs), non_resource_urls=list(rule.non_resource_urls))
            for rule in rules.non_resource_rules
        ],
        incomplete=rules.incomplete,
        evaluation_error=str(rules.error or ""),
    )


def register(scheme: Scheme) -> None:
    """Add the kinds of reviews to *scheme*."""
    authorization_v1.add_to_scheme(scheme)


def install(server: GenericAPIServer, serializer: CodecFactory) -> None:
    """Serve the group at *server*; without an authorizer everything is allowed there. Raises APIGroupError."""
    authorizer = server.config.authorization.authorizer or AlwaysAllowAuthorizer()
    install_reviews(
        server,
        serializer,
        GROUP_VERSION,
        {
            "localsubjectaccessreviews": LocalSubjectAccessReviewStorage(authorizer),
            "selfsubjectaccessreviews": SelfSubjectAccessReviewStorage(authorizer),
            "selfsubjectrulesreviews": SelfSubjectRulesReviewStorage(authorizer),
            "subjectaccessreviews": SubjectAccessReviewStorage(authorizer),
        },
    )
