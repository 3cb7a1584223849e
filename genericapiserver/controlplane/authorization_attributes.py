"""From an access review to the question an authorizer is asked. Source: pkg/registry/authorization/util of
k8s.io/kubernetes."""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import attrs

from genericapiserver.apimachinery import fields, label_requirements, labels
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.label_requirements import Operator
from genericapiserver.apimachinery.meta import FieldSelectorRequirement, LabelSelectorRequirement
from genericapiserver.apis.authorization_v1 import (
    FieldSelectorAttributes,
    LabelSelectorAttributes,
    NonResourceAttributes,
    ResourceAttributes,
    SubjectAccessReviewSpec,
)
from genericapiserver.authentication.user import UserInfo
from genericapiserver.authorization import AuthorizationAttributes

_LABEL_OPERATORS: Final = {
    "In": Operator.IN,
    "NotIn": Operator.NOT_IN,
    "Exists": Operator.EXISTS,
    "DoesNotExist": Operator.DOES_NOT_EXIST,
}
_NO_FIELDS: Final = FieldSelectorAttributes()
_NO_LABELS: Final = LabelSelectorAttributes()

S = TypeVar("S")
T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Question:
    """What to ask, and what of the review's selectors had to be left out of it."""

    attributes: AuthorizationAttributes
    ignored: tuple[str, ...] = ()

    def evaluation_error(self, error: Exception | None) -> str:
        """The authorizer's *error* and what was ignored, as the status tells it."""
        return "; ".join([str(error), *self.ignored] if error is not None else self.ignored)


def question_of(spec: SubjectAccessReviewSpec) -> Question:
    """What a review asks about somebody; it has passed validation."""
    user = UserInfo(name=spec.user, groups=spec.groups, uid=spec.uid, extra=spec.extra)
    if spec.resource_attributes is not None:
        return resource_question(user, spec.resource_attributes)
    return non_resource_question(user, spec.non_resource_attributes or NonResourceAttributes())


def non_resource_question(user: UserInfo, access: NonResourceAttributes) -> Question:
    return Question(attributes=AuthorizationAttributes(user=user, verb=access.verb, path=access.path))


def resource_question(user: UserInfo, access: ResourceAttributes) -> Question:
    """Requirements that cannot be understood are left out: what remains asks for more, never for less."""
    field_selector, label_selector = access.field_selector or _NO_FIELDS, access.label_selector or _NO_LABELS
    wanted_fields, ignored_fields = _requirements(
        field_selector.raw_selector, field_selector.requirements, lambda raw: fields.parse(raw).requirements, _field
    )
    wanted_labels, ignored_labels = _requirements(
        label_selector.raw_selector, label_selector.requirements, lambda raw: labels.parse(raw).requirements, _label
    )
    ignored = []
    for name, wanted, is_ignored in (
        ("fieldSelector", bool(wanted_fields), ignored_fields),
        ("labelSelector", bool(wanted_labels), ignored_labels),
    ):
        if is_ignored:
            how = "partially ignored" if wanted else "ignored"
            ignored.append(f"spec.resourceAttributes.{name} {how} due to parse error")
    attributes = AuthorizationAttributes(
        user=user,
        verb=access.verb,
        namespace=access.namespace,
        api_group=access.group,
        api_version=access.version or "*",
        resource=access.resource,
        subresource=access.subresource,
        name=access.name,
        is_resource_request=True,
        field_requirements=wanted_fields,
        label_requirements=wanted_labels,
    )
    return Question(attributes=attributes, ignored=tuple(ignored))


def _requirements(
    raw: str, given: Iterable[S], parse: Callable[[str], Iterable[T]], convert: Callable[[S], T]
) -> tuple[tuple[T, ...], bool]:
    """The requirements that can be understood, and whether some cannot."""
    if raw:
        try:
            return tuple(parse(raw)), False
        except ValueError:
            return (), True
    understood, failed = [], False
    for requirement in given:
        try:
            understood.append(convert(requirement))
        except ValueError:
            failed = True
    return tuple(understood), failed


def _field(requirement: FieldSelectorRequirement) -> fields.Requirement:
    """Raises ValueError for what field selectors cannot say: several values, existence, other operators."""
    if requirement.operator not in ("In", "NotIn"):
        raise ValueError(f"{quote(requirement.operator)} is not a valid field selector operator")
    if len(requirement.values) != 1:
        raise ValueError("field selectors have one value")
    return fields.Requirement(requirement.key, requirement.values[0], requirement.operator == "NotIn")


def _label(requirement: LabelSelectorRequirement) -> label_requirements.Requirement:
    """Raises ValueError for an unknown operator or impossible keys and values."""
    operator = _LABEL_OPERATORS.get(requirement.operator)
    if operator is None:
        raise ValueError(f"{quote(requirement.operator)} is not a valid label selector operator")
    return label_requirements.Requirement.create(requirement.key, operator, requirement.values)
