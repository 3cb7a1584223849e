"""What an access review has to be like. Source: pkg/apis/authorization/validation of k8s.io/kubernetes."""

from typing import Any, Final

from genericapiserver.apimachinery import field
from genericapiserver.apimachinery.deepcopy import deep_copy
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apimachinery.serializer.encoder import encoder_for
from genericapiserver.apimachinery.validation.labels import validate_field_requirement, validate_label_requirement
from genericapiserver.apis.authorization_v1 import (
    FieldSelectorAttributes,
    LabelSelectorAttributes,
    LocalSubjectAccessReview,
    NonResourceAttributes,
    ResourceAttributes,
    SelfSubjectAccessReview,
    SelfSubjectAccessReviewSpec,
    SubjectAccessReview,
    SubjectAccessReviewSpec,
)

_encode_metadata: Final = encoder_for(ObjectMeta)
_SPEC: Final = Path("spec")
_METADATA: Final = Path("metadata")
_RESOURCE: Final = _SPEC.child("resourceAttributes")
_NON_RESOURCE: Final = _SPEC.child("nonResourceAttributes")


def validate_subject_access_review(review: SubjectAccessReview) -> list[FieldError]:
    """An access and a subject, and no metadata."""
    return _subject_errors(review.spec) + _metadata_errors(review.metadata, "must be empty")


def validate_self_subject_access_review(review: SelfSubjectAccessReview) -> list[FieldError]:
    """An access, and no metadata."""
    return _access_errors(review.spec) + _metadata_errors(review.metadata, "must be empty")


def validate_local_subject_access_review(review: LocalSubjectAccessReview) -> list[FieldError]:
    """An access to a resource in the namespace of the review, and a subject."""
    spec, metadata = review.spec, deep_copy(review.metadata)
    metadata.namespace = ""
    errors = _subject_errors(spec) + _metadata_errors(metadata, "must be empty except for namespace", review.metadata)
    resource = spec.resource_attributes
    if resource is not None and resource.namespace != review.metadata.namespace:
        errors.append(field.invalid(_RESOURCE.child("namespace"), resource.namespace, "must match metadata.namespace"))
    if (other := spec.non_resource_attributes) is not None:
        errors.append(field.invalid(_NON_RESOURCE, _shown(other), "disallowed on this kind of request"))
    return errors


def _subject_errors(spec: SubjectAccessReviewSpec) -> list[FieldError]:
    errors = _one_access(spec)
    if not spec.user and not spec.groups:
        errors.append(field.invalid(_SPEC.child("user"), spec.user, "at least one of user or group must be specified"))
    return errors + _selector_errors(spec.resource_attributes)


def _access_errors(spec: SelfSubjectAccessReviewSpec) -> list[FieldError]:
    return _one_access(spec) + _selector_errors(spec.resource_attributes)


def _one_access(spec: SubjectAccessReviewSpec | SelfSubjectAccessReviewSpec) -> list[FieldError]:
    resource, other = spec.resource_attributes, spec.non_resource_attributes
    if resource is not None and other is not None:
        detail = "cannot be specified in combination with resourceAttributes"
        return [field.invalid(_NON_RESOURCE, _shown(other), detail)]
    if resource is None and other is None:
        detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        return [field.invalid(_RESOURCE, "null", detail)]
    return []


def _shown(attributes: NonResourceAttributes) -> dict[str, str]:
    """The reference shows its internal type, whose fields have no JSON names."""
    return {"Path": attributes.path, "Verb": attributes.verb}


def _metadata_errors(metadata: ObjectMeta, detail: str, shown: ObjectMeta | None = None) -> list[FieldError]:
    bare = deep_copy(metadata)
    bare.managed_fields = None
    if bare == ObjectMeta():
        return []
    return [field.invalid(_METADATA, _encode_metadata(metadata if shown is None else shown, {}), detail)]


def _selector_errors(attributes: ResourceAttributes | None) -> list[FieldError]:
    if attributes is None:
        return []
    errors: list[FieldError] = []
    if (selector := attributes.field_selector) is not None:
        errors += _requirements_errors(selector, _RESOURCE.child("fieldSelector"), validate_field_requirement)
    if (labels := attributes.label_selector) is not None:
        errors += _requirements_errors(labels, _RESOURCE.child("labelSelector"), validate_label_requirement)
    return errors


def _requirements_errors(
    selector: FieldSelectorAttributes | LabelSelectorAttributes, path: Path, validate: Any
) -> list[FieldError]:
    errors: list[FieldError] = []
    raw, requirements = selector.raw_selector, selector.requirements
    if raw and requirements:
        detail = "may not specified at the same time as requirements"
        errors.append(field.invalid(path.child("rawSelector"), raw, detail))
    if not raw and not requirements:
        detail = f"when {path} is specified, requirements or rawSelector is required"
        errors.append(field.required(path.child("requirements"), detail))
    for index, requirement in enumerate(requirements):
        # A newer client may know operators that we do not: its question is answered without them, more broadly.
        errors += validate(requirement, path.child("requirements").index(index), allow_unknown_operator=True)
    return errors
