"""Several authorizers as one. Mirrors pkg/authorization/union/union.go."""

from genericapiserver.authentication.user import UserInfo
from genericapiserver.authorization.builtin import NO_OPINION
from genericapiserver.authorization.interfaces import (
    AuthorizationAttributes,
    AuthorizationResult,
    Authorizer,
    Decision,
    Rules,
    rules_for,
)


class AggregateAuthorizationError(Exception):
    """What went wrong in several authorizers; `errors` holds each."""

    def __init__(self, errors: list[Exception]) -> None:
        self.errors = tuple(errors)
        texts = list(dict.fromkeys(map(str, errors)))
        super().__init__(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")


class UnionAuthorizer:
    """Asks each in turn; the first ALLOW or DENY counts, with its own reason and error.

    When none decides, the reasons are joined line by line and the errors are kept.
    """

    def __init__(self, *authorizers: Authorizer) -> None:
        self._authorizers = authorizers

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        undecided: list[AuthorizationResult] = []
        for authorizer in self._authorizers:
            result = await authorizer.authorize(attributes)
            if result.decision is not Decision.NO_OPINION:
                return result
            if result is not NO_OPINION:
                undecided.append(result)
        if not undecided:
            return NO_OPINION
        errors = [result.error for result in undecided if result.error is not None]
        return AuthorizationResult(
            Decision.NO_OPINION,
            "\n".join(result.reason for result in undecided if result.reason),
            AggregateAuthorizationError(errors) if errors else None,
        )

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        """What all of them list, one after the other."""
        found = [await rules_for(authorizer, user, namespace) for authorizer in self._authorizers]
        errors = [rules.error for rules in found if rules.error is not None]
        return Rules(
            resource_rules=tuple(rule for rules in found for rule in rules.resource_rules),
            non_resource_rules=tuple(rule for rules in found for rule in rules.non_resource_rules),
            incomplete=any(rules.incomplete for rules in found),
            error=AggregateAuthorizationError(errors) if errors else None,
        )
