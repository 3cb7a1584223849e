"""The question an authorizer is asked, and its answer. Mirrors pkg/authorization/authorizer/interfaces.go."""

import enum
from collections.abc import Callable
from typing import Final, Protocol

import attrs

from genericapiserver.authentication.user import UserInfo

_READ_VERBS: Final = frozenset({"get", "list", "watch"})


class Decision(enum.StrEnum):
    """What an authorizer thinks. NO_OPINION from the last of them is a refusal."""

    DENY = "Deny"
    ALLOW = "Allow"
    NO_OPINION = "NoOpinion"


@attrs.frozen
class AuthorizationResult:
    """A decision, why, and what went wrong on the way to it; an ALLOW counts whatever went wrong."""

    decision: Decision
    reason: str = ""
    error: Exception | None = None


@attrs.frozen(kw_only=True)
class AuthorizationAttributes:
    """Who wants to do what to which object. Fields that do not apply are empty."""

    user: UserInfo | None = None
    verb: str = ""
    namespace: str = ""
    api_group: str = ""
    api_version: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    is_resource_request: bool = False
    path: str = ""
    field_selector: str = ""
    """As sent; an authorizer that narrows by it parses it, and ignores one that does not parse."""
    label_selector: str = ""

    @property
    def is_read_only(self) -> bool:
        return self.verb in _READ_VERBS


class Authorizer(Protocol):
    """Decides."""

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        """The decision. Raises nothing: what goes wrong is part of the result."""


@attrs.frozen
class FunctionAuthorizer:
    """An Authorizer from a plain function."""

    function: Callable[[AuthorizationAttributes], AuthorizationResult]

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        return self.function(attributes)
