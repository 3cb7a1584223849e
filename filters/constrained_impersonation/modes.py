"""The modes of impersonation, and the one that allows a request.

Mirrors pkg/endpoints/filters/impersonation/{mode,constrained_impersonation}.go.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import attrs

from genericapiserver.aio import Clock
from genericapiserver.apimachinery.errors import ForbiddenError
from genericapiserver.authentication import UserInfo
from genericapiserver.authentication.service_account import parse_service_account
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Authorizer, Decision
from genericapiserver.authorization.forbidden import forbidden_error
from genericapiserver.filters.constrained_impersonation.caches import (
    LastModes,
    SuccessCache,
    identity_key,
    request_key,
)
from genericapiserver.filters.constrained_impersonation.identity import PLAIN_VERB, Ask, IdentityCheck, node_name
from genericapiserver.filters.impersonation import RequestedIdentity

logger = logging.getLogger(__name__)

NODE_NAME_KEY: Final = "authentication.kubernetes.io/node-name"
"""The extra key under which a service account's token says on which node its pod runs."""
ASSOCIATED_NODE_KEYS: Final = "authentication.kubernetes.io/associated-node-keys"
_ANY_NODE: Final = RequestedIdentity(user="system:node:*")


@attrs.frozen
class Attempt:
    """What one request asks for: *caller* wants to be *wanted* while it does what *attributes* say."""

    caller: UserInfo
    wanted: RequestedIdentity
    attributes: AuthorizationAttributes


class Mode(Protocol):
    """One way of being allowed to impersonate."""

    @property
    def constraint(self) -> str:
        """The verb on the identity, as the audit event has it; empty for the plain mode."""

    async def authorize(self, attempt: Attempt) -> UserInfo | None:
        """The user to go on as; None when this mode is not for such an attempt. Raises ForbiddenError."""


class PlainMode:
    """Impersonation without constraints: remembers nothing, so that it stays what it always was."""

    constraint = ""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._identity = IdentityCheck(PLAIN_VERB)

    async def authorize(self, attempt: Attempt) -> UserInfo | None:
        return await self._identity.authorize(self._ask, attempt.caller, attempt.wanted)


class ConstrainedMode:
    """One grant on what the request does, then those on the identity."""

    def __init__(
        self, name: str, ask: Ask, applies: Callable[[UserInfo, RequestedIdentity], bool], *, clock: Clock
    ) -> None:
        self.constraint = f"impersonate:{name}"
        self._verb_prefix = f"impersonate-on:{name}:"
        self._ask = ask
        self._applies = applies
        self._identity = IdentityCheck(self.constraint)
        self.requests = SuccessCache(clock)
        """Successes of whole attempts; rarely the same twice."""
        self.identities = SuccessCache(clock)
        """Successes of the checks on the identity, which serve every request that asks for it."""

    async def authorize(self, attempt: Attempt) -> UserInfo | None:
        # Before any look into memory: what is remembered holds only for attempts that this mode is for.
        if not self._applies(attempt.caller, attempt.wanted):
            return None
        return await self._authorize(attempt, attempt.wanted)

    async def _authorize(self, attempt: Attempt, remembered_as: RequestedIdentity) -> UserInfo:
        caller, attributes = attempt.caller, attempt.attributes
        whole = request_key(remembered_as, caller, attributes)
        user = self.requests.get(whole)
        if user is not None:
            return user
        await self._ask(attrs.evolve(attributes, verb=self._verb_prefix + attributes.verb))
        identity = identity_key(remembered_as, caller)
        user = self.identities.get(identity)
        if user is None:
            user = await self._identity.authorize(self._ask, caller, attempt.wanted)
            self.identities.set(identity, user)
        self.requests.set(whole, user)
        return user


class AssociatedNodeMode(ConstrainedMode):
    """A service account as the node that its pod runs on.

    Asked and remembered for all nodes at once, so that one answer serves a node agent on all of them: the name is `*`
    and of the caller's extra only the keys are shown. That this node is the caller's own is known before, from the
    caller's credentials.
    """

    def __init__(self, ask: Ask, *, clock: Clock) -> None:
        async def ask_for_any_node(attributes: AuthorizationAttributes) -> None:
            on_identity = attributes.verb == self.constraint
            await ask(attrs.evolve(attributes, name="*") if on_identity else attributes)

        super().__init__("associated-node", ask_for_any_node, is_own_node, clock=clock)

    async def _authorize(self, attempt: Attempt, remembered_as: RequestedIdentity) -> UserInfo:
        caller = attrs.evolve(attempt.caller, extra={ASSOCIATED_NODE_KEYS: sorted(attempt.caller.extra)})
        attributes = attrs.evolve(attempt.attributes, user=caller)
        user = await super()._authorize(Attempt(caller, attempt.wanted, attributes), _ANY_NODE)
        # What was remembered may name another node.
        return attrs.evolve(user, name=attempt.wanted.user)


def is_own_node(caller: UserInfo, wanted: RequestedIdentity) -> bool:
    """Whether *caller* is a service account on the node *wanted*."""
    node = node_name(wanted.user)
    return (
        node is not None
        and _only_username(wanted)
        and parse_service_account(caller.name) is not None
        and tuple(caller.extra.get(NODE_NAME_KEY, ())) == (node,)
    )


def is_node(caller: UserInfo, wanted: RequestedIdentity) -> bool:
    """Whether *wanted* is a node and nothing else."""
    return _only_username(wanted) and node_name(wanted.user) is not None


def is_service_account(caller: UserInfo, wanted: RequestedIdentity) -> bool:
    """Whether *wanted* is a service account and nothing else."""
    return _only_username(wanted) and parse_service_account(wanted.user) is not None


def is_other_user(caller: UserInfo, wanted: RequestedIdentity) -> bool:
    """Whether *wanted* is neither a node nor a service account, with whatever groups, extra and UID."""
    return node_name(wanted.user) is None and parse_service_account(wanted.user) is None


def _only_username(wanted: RequestedIdentity) -> bool:
    return not (wanted.uid or wanted.groups or wanted.extra)


class ImpersonationModes:
    """All modes in their order. A caller's last successful one is tried first: it mostly stays with one."""

    def __init__(self, authorizer: Authorizer, *, clock: Clock) -> None:
        ask = _ask(authorizer)
        self.modes: Sequence[Mode] = (
            AssociatedNodeMode(ask, clock=clock),
            ConstrainedMode("arbitrary-node", ask, is_node, clock=clock),
            ConstrainedMode("serviceaccount", ask, is_service_account, clock=clock),
            ConstrainedMode("user-info", ask, is_other_user, clock=clock),
            PlainMode(ask),
        )
        self.last = LastModes()

    async def authorize(self, attempt: Attempt) -> tuple[UserInfo, str]:
        """The user to go on as, and the constraint. Raises the first ForbiddenError when no mode allows it."""
        last = self.last.get(attempt.caller.name)
        order = range(len(self.modes)) if last is None else (last, *(i for i in range(len(self.modes)) if i != last))
        first: ForbiddenError | None = None
        for index in order:
            mode = self.modes[index]
            try:
                user = await mode.authorize(attempt)
            except ForbiddenError as error:
                first = first or error
                continue
            if user is not None:
                if index != last:
                    self.last.set(attempt.caller.name, index)
                return user, mode.constraint
        # The plain mode is for every attempt, so that there is an error. Without one nobody may pass either.
        raise first or forbidden_error(attempt.attributes, "all impersonation modes failed")


def _ask(authorizer: Authorizer) -> Ask:
    async def ask(attributes: AuthorizationAttributes) -> None:
        try:
            result = await authorizer.authorize(attributes)
        except Exception as error:  # noqa: BLE001 whatever it is, it is no permission
            result = AuthorizationResult(Decision.NO_OPINION, error=error)
        logger.debug("Impersonation authorization check: %s: %s", attributes, result)
        if result.decision is Decision.ALLOW:
            return
        if isinstance(result.error, ForbiddenError):
            raise result.error
        raise forbidden_error(attributes, ": ".join(filter(None, (str(result.error or ""), result.reason))))

    return ask
