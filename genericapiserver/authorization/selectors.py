"""The requirements of a request's selectors as a SubjectAccessReview carries them.

Mirrors pkg/authorization/authorizer and plugin/pkg/authorizer/webhook: a selector that does not parse is left out, and so
is an operator the review has no word for. Both make the question broader, never narrower.
"""

from typing import Any, Final

from genericapiserver.apimachinery import fields, labels
from genericapiserver.authorization.interfaces import AuthorizationAttributes

_LABEL_OPERATORS: Final = {
    "in": "In",
    "=": "In",
    "==": "In",
    "notin": "NotIn",
    "!=": "NotIn",
    "exists": "Exists",
    "!": "DoesNotExist",
}


def field_requirements(attributes: AuthorizationAttributes) -> list[dict[str, Any]]:
    """`{"key", "operator", "values"}` for each requirement of the field selector."""
    requirements = attributes.field_requirements
    if requirements is None:
        if not attributes.field_selector:
            return []
        try:
            requirements = fields.parse(attributes.field_selector).requirements
        except ValueError:
            return []
    return [
        {
            "key": requirement.field,
            "operator": "NotIn" if requirement.negated else "In",
            "values": [requirement.value],
        }
        for requirement in requirements
    ]


def label_requirements(attributes: AuthorizationAttributes) -> list[dict[str, Any]]:
    """`{"key", "operator", "values"}` for each requirement of the label selector; values only where there are some."""
    requirements = attributes.label_requirements
    if requirements is None:
        if not attributes.label_selector:
            return []
        try:
            requirements = labels.parse(attributes.label_selector).requirements
        except ValueError:
            return []
    documents: list[dict[str, Any]] = []
    for requirement in requirements:
        operator = _LABEL_OPERATORS.get(requirement.operator)
        if operator is None:
            continue
        document: dict[str, Any] = {"key": requirement.key, "operator": operator}
        if requirement.values:
            document["values"] = sorted(requirement.values)
        documents.append(document)
    return documents
