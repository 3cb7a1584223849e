"""metav1.Condition as a field (k8s.io/apimachinery pkg/apis/meta/v1/validation)."""

from collections.abc import Sequence

from genericapiserver.apimachinery import field
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.meta import CONDITION_FALSE, CONDITION_TRUE, CONDITION_UNKNOWN, Condition
from genericapiserver.apimachinery.time import ZERO_TIME
from genericapiserver.apimachinery.validation.labels import validate_label_name
from genericapiserver.apimachinery.validation.names import condition_reason

MAX_REASON_BYTES = 1024
MAX_MESSAGE_BYTES = 32 * 1024

_STATUSES = sorted((CONDITION_TRUE, CONDITION_FALSE, CONDITION_UNKNOWN))


def validate_conditions(conditions: Sequence[Condition], path: Path) -> list[FieldError]:
    """A list of conditions, each type at most once."""
    errors: list[FieldError] = []
    seen = set()
    for index, condition in enumerate(conditions):
        item = path.index(index)
        if condition.type in seen:
            errors.append(field.duplicate(item.child("type"), condition.type))
        seen.add(condition.type)
        errors += validate_condition(condition, item)
    return errors


def validate_condition(condition: Condition, path: Path) -> list[FieldError]:
    """One condition: its type is a label key, its status one of three, its reason a word."""
    errors = validate_label_name(condition.type, path.child("type"))
    if condition.status not in _STATUSES:
        errors.append(field.not_supported(path.child("status"), condition.status, _STATUSES))
    if condition.observed_generation < 0:
        detail = "must be greater than or equal to zero"
        errors.append(field.invalid(path.child("observedGeneration"), condition.observed_generation, detail))
    if condition.last_transition_time in (None, ZERO_TIME):
        errors.append(field.required(path.child("lastTransitionTime")))
    if not condition.reason:
        errors.append(field.required(path.child("reason")))
    else:
        messages = condition_reason(condition.reason)
        errors += [field.invalid(path.child("reason"), condition.reason, message) for message in messages]
        if len(condition.reason.encode()) > MAX_REASON_BYTES:
            errors.append(field.too_long(path.child("reason"), MAX_REASON_BYTES))
    if len(condition.message.encode()) > MAX_MESSAGE_BYTES:
        errors.append(field.too_long(path.child("message"), MAX_MESSAGE_BYTES))
    return errors
