"""Who may do what: the attributes of a request, the authorizers that decide, and the text of a refusal.

Lives here: the Authorizer protocol, authorizers by group and by path, the SubjectAccessReview webhook, their union.
Not here: the filter that asks, and who the user is. May import rooms of rows 0 to 4.
"""

from genericapiserver.authorization.interfaces import (
    AuthorizationAttributes,
    AuthorizationResult,
    Authorizer,
    Decision,
    FunctionAuthorizer,
    NonResourceRule,
    ResourceRule,
    RuleResolver,
    Rules,
    rules_for,
)

__all__ = [
    "AuthorizationAttributes",
    "AuthorizationResult",
    "Authorizer",
    "Decision",
    "FunctionAuthorizer",
    "NonResourceRule",
    "ResourceRule",
    "RuleResolver",
    "Rules",
    "rules_for",
]
