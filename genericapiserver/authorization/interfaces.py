"""The question an authorizer is asked, and its answer. Mirrors pkg/authorization/authorizer/interfaces.go."""

import enum
from collections.abc import Callable
from typing import Final, Protocol, runtime_checkable

import attrs

from genericapiserver.apimachinery.fields import Requirement as FieldRequirement
from genericapiserver.apimachinery.label_requirements import Requirement as LabelRequirement
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
    field_requirements: tuple[FieldRequirement, ...] | None = None
    """Where the question came with requirements instead of a text; they count instead of `field_selector`."""
    label_requirements: tuple[LabelRequirement, ...] | None = None

    @property
    def is_read_only(self) -> bool:
        return self.verb in _READ_VERBS


class Authorizer(Protocol):
    """Decides."""

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        """The decision. Raises nothing: what goes wrong is part of the result."""


@attrs.frozen(kw_only=True)
class ResourceRule:
    """What is allowed on resources; `*` stands for all."""

    verbs: tuple[str, ...]
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class NonResourceRule:
    """What is allowed on paths that belong to no resource."""

    verbs: tuple[str, ...]
    non_resource_urls: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Rules:
    """What somebody may do in a namespace, as far as authorizers can list it; `incomplete` when there may be more."""

    resource_rules: tuple[ResourceRule, ...] = ()
    non_resource_rules: tuple[NonResourceRule, ...] = ()
    incomplete: bool = False
    error: Exception | None = None


@runtime_checkable
class RuleResolver(Protocol):
    """An authorizer that can list what it allows."""

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        """What *user* may do in *namespace*. Raises nothing: what goes wrong is part of the result."""


async def rules_for(authorizer: Authorizer, user: UserInfo, namespace: str) -> Rules:
    """What *authorizer* lists; an incomplete nothing when it cannot."""
    if isinstance(authorizer, RuleResolver):
        return await authorizer.rules_for(user, namespace)
    error = RuntimeError(f"{type(authorizer).__name__} does not support user rule resolution")
    return Rules(incomplete=True, error=error)


@attrs.frozen
class FunctionAuthorizer:
    """An Authorizer from a plain function."""

    function: Callable[[AuthorizationAttributes], AuthorizationResult]

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        return self.function(attributes)
