"""Labels and metav1.LabelSelector as fields (k8s.io/apimachinery pkg/apis/meta/v1/validation)."""

from collections.abc import Mapping

from genericapiserver.apimachinery import field
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.meta import FieldSelectorRequirement, LabelSelector, LabelSelectorRequirement
from genericapiserver.apimachinery.validation.names import label_value, qualified_name


def validate_label_name(name: str, path: Path) -> list[FieldError]:
    """A label key: `[subdomain/]name`."""
    return [field.invalid(path, name, message) for message in qualified_name(name)]


def validate_labels(labels: Mapping[str, str], path: Path) -> list[FieldError]:
    """Keys and values of labels. All errors carry *path* itself, with the bad key or value."""
    errors: list[FieldError] = []
    for key, value in labels.items():
        errors += validate_label_name(key, path)
        errors += [field.invalid(path, value, message) for message in label_value(value)]
    return errors


def validate_label_selector(
    selector: LabelSelector | None, path: Path, *, allow_invalid_values: bool = False
) -> list[FieldError]:
    """The labels and expressions of a selector; no selector is fine.

    `allow_invalid_values` is for updates of objects that were stored with values of no label.
    """
    if selector is None:
        return []
    errors = validate_labels(selector.match_labels, path.child("matchLabels"))
    for index, requirement in enumerate(selector.match_expressions):
        requirement_path = path.child("matchExpressions").index(index)
        errors += validate_label_requirement(requirement, requirement_path, allow_invalid_values=allow_invalid_values)
    return errors


def validate_label_requirement(
    requirement: LabelSelectorRequirement,
    path: Path,
    *,
    allow_invalid_values: bool = False,
    allow_unknown_operator: bool = False,
) -> list[FieldError]:
    """One expression. `allow_unknown_operator` is for questions of clients that may know more operators than we."""
    errors = _validate_values(requirement, path, allow_unknown_operator)
    errors += validate_label_name(requirement.key, path.child("key"))
    if not allow_invalid_values:
        for index, value in enumerate(requirement.values):
            value_path = path.child("values").index(index)
            errors += [field.invalid(value_path, value, message) for message in label_value(value)]
    return errors


def validate_field_requirement(
    requirement: FieldSelectorRequirement, path: Path, *, allow_unknown_operator: bool = False
) -> list[FieldError]:
    """One requirement on a field, whose key is a path and so only has to be there."""
    errors = [] if requirement.key else [field.required(path.child("key"), "must be specified")]
    return errors + _validate_values(requirement, path, allow_unknown_operator)


def _validate_values(
    requirement: LabelSelectorRequirement | FieldSelectorRequirement, path: Path, allow_unknown_operator: bool
) -> list[FieldError]:
    """Whether there are values where the operator wants some, and none where it does not."""
    match requirement.operator:
        case "In" | "NotIn":
            if not requirement.values:
                detail = "must be specified when `operator` is 'In' or 'NotIn'"
                return [field.required(path.child("values"), detail)]
        case "Exists" | "DoesNotExist":
            if requirement.values:
                detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                return [field.forbidden(path.child("values"), detail)]
        case _ if not allow_unknown_operator:
            return [field.invalid(path.child("operator"), requirement.operator, "not a valid selector operator")]
    return []
