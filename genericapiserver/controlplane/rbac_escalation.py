"""Nobody gives more than they hold: what is checked before a role or a binding is written.

A role may be written by who holds all its rules, or may `escalate` roles. A binding may be written by who holds all rules
of its role, or may `bind` that role. Members of system:masters may do either.

Source: pkg/registry/rbac/{escalation_check.go,validation/rule.go,*/policybased} of k8s.io/kubernetes. Deviation: what
somebody holds is what the server's own authorizers list, so that rules from files count; the reference looks at its RBAC
objects alone.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from genericapiserver.apimachinery.errors import ForbiddenError, NotFoundError
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.meta import CreateOptions, UpdateOptions
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.apis.rbac_v1 import (
    ALL,
    CLUSTER_ROLE,
    GROUP,
    ROLE,
    ClusterRole,
    ClusterRoleBinding,
    PolicyRule,
    Role,
    RoleBinding,
)
from genericapiserver.authentication.user import SYSTEM_PRIVILEGED_GROUP, UserInfo
from genericapiserver.authorization import AuthorizationAttributes, Authorizer, Decision, rules_for
from genericapiserver.authorization.rbac_rules import compact, describe_rule, quoted, uncovered
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.rest import (
    APIObject,
    UpdatedObjectInfo,
    UpdateResult,
    ValidateObject,
    ValidateObjectUpdate,
    WrappedUpdatedObjectInfo,
)
from genericapiserver.request import RequestContext
from genericapiserver.storage.errors import KeyNotFoundError
from genericapiserver.storage.stored import StoredObject

Guard: TypeAlias = Callable[[RequestContext, Any, Any], Awaitable[None]]
"""`await guard(context, obj, old)` raises a StatusError when the user may not write *obj*; *old* is None for a new one."""

FULL_AUTHORITY: Final = (
    PolicyRule(verbs=[ALL], api_groups=[ALL], resources=[ALL]),
    PolicyRule(verbs=[ALL], non_resource_urls=[ALL]),
)
_RESOURCES: Final = {ROLE: "roles", CLUSTER_ROLE: "clusterroles"}


class GuardedStore(Store):
    """A store that asks a guard before each create and update; patches are updates."""

    guard: Guard | None = None

    async def create(
        self, context: RequestContext, obj: APIObject, *, validate: ValidateObject | None, options: CreateOptions
    ) -> APIObject | StoredObject[Any]:
        if self.guard is not None:
            await self.guard(context, obj, None)
        return await super().create(context, obj, validate=validate, options=options)

    async def update(
        self,
        context: RequestContext,
        name: str,
        info: UpdatedObjectInfo,
        *,
        validate_create: ValidateObject | None,
        validate_update: ValidateObjectUpdate | None,
        force_allow_create: bool = False,
        options: UpdateOptions,
    ) -> UpdateResult:
        if (guard := self.guard) is not None:

            async def guarded(context: RequestContext, new: Any, old: Any) -> Any:
                if not _changes_only_what_deletes(new, old):
                    await guard(context, new, old)
                return new

            info = WrappedUpdatedObjectInfo(info, guarded)
        return await super().update(
            context,
            name,
            info,
            validate_create=validate_create,
            validate_update=validate_update,
            force_allow_create=force_allow_create,
            options=options,
        )


def _changes_only_what_deletes(new: Any, old: Any) -> bool:
    """Whether all that changes is what the garbage collector needs to change, which must not need any right."""
    for attribute in attrs.fields(type(new)):
        part = getattr(new, attribute.name)
        if part is not None and part is getattr(old, attribute.name):
            return False  # made by changing the stored object: what it was cannot be told any more
    copy = deep_copy(new)
    for name in ("owner_references", "finalizers", "managed_fields"):
        setattr(copy.metadata, name, getattr(old.metadata, name))
    same: bool = copy == old
    return same


def guard_roles(stores: Mapping[str, GuardedStore], authorizer: Authorizer | None) -> None:
    """Have every store checked by what *authorizer* says; without one everybody may do everything."""
    if authorizer is None:
        return
    guards = _Guards(stores, authorizer)
    for name in ("roles", "clusterroles"):
        stores[name].guard = guards.role
    for name in ("rolebindings", "clusterrolebindings"):
        stores[name].guard = guards.binding


class _Guards:
    def __init__(self, stores: Mapping[str, GuardedStore], authorizer: Authorizer) -> None:
        self._stores = stores
        self._authorizer = authorizer

    async def role(self, context: RequestContext, role: Role | ClusterRole, old: Any) -> None:
        if (user := _limited_user(context)) is None or await self._may_escalate(context, user):
            return
        resource = GroupResource(GROUP, "roles" if isinstance(role, Role) else "clusterroles")
        if problem := await self._missing(context, user, role.rules):
            raise ForbiddenError(resource, role.metadata.name, problem)
        aggregates = isinstance(role, ClusterRole) and role.aggregation_rule is not None
        # It may gather any rule later, and taking it away could keep rules from being taken back.
        guarded = aggregates or getattr(old, "aggregation_rule", None) is not None
        if guarded and await self._missing(context, user, FULL_AUTHORITY):
            text = "must have cluster-admin privileges to use the aggregationRule"
            raise ForbiddenError(resource, role.metadata.name, text)

    async def binding(self, context: RequestContext, binding: RoleBinding | ClusterRoleBinding, old: Any) -> None:
        user, role_ref = _limited_user(context), binding.role_ref
        # Validation refuses other kinds; the reference answers them with an error of its own before it comes to that.
        if user is None or role_ref.kind not in _RESOURCES or not role_ref.name:
            return
        namespace = binding.metadata.namespace or context.namespace if isinstance(binding, RoleBinding) else ""
        if await self._may_bind(user, binding, namespace):
            return
        rules = await self._rules_of(role_ref.kind, role_ref.name, namespace)
        if problem := await self._missing(context, user, rules):
            plural = "rolebindings" if isinstance(binding, RoleBinding) else "clusterrolebindings"
            raise ForbiddenError(GroupResource(GROUP, plural), binding.metadata.name, problem)

    async def _may_escalate(self, context: RequestContext, user: UserInfo) -> bool:
        info = context.request_info
        if not info.is_resource_request or info.resource not in _RESOURCES.values():
            return False
        return await self._allows(
            AuthorizationAttributes(
                user=user,
                verb="escalate",
                namespace=info.namespace,
                api_group=info.api_group,
                api_version=ALL,
                resource=info.resource,
                name=info.name,
                is_resource_request=True,
            )
        )

    async def _may_bind(self, user: UserInfo, binding: RoleBinding | ClusterRoleBinding, namespace: str) -> bool:
        """Asked for the namespace of the binding, so that binding certain roles can be allowed in certain namespaces."""
        return await self._allows(
            AuthorizationAttributes(
                user=user,
                verb="bind",
                namespace=namespace,
                api_group=binding.role_ref.api_group,
                api_version=ALL,
                resource=_RESOURCES[binding.role_ref.kind],
                name=binding.role_ref.name,
                is_resource_request=True,
            )
        )

    async def _allows(self, attributes: AuthorizationAttributes) -> bool:
        result = await self._authorizer.authorize(attributes)
        return result.decision is Decision.ALLOW

    async def _rules_of(self, kind: str, name: str, namespace: str) -> Sequence[PolicyRule]:
        """The rules of a role as stored now. Raises NotFoundError."""
        store = self._stores[_RESOURCES[kind]]
        try:
            stored = await store.backend.get(store.keys.item(namespace if kind == ROLE else "", name))
        except KeyNotFoundError:
            raise NotFoundError(store.qualified_resource, name) from None
        rules: Sequence[PolicyRule] = stored.shared.rules
        return rules

    async def _missing(self, context: RequestContext, user: UserInfo, wanted: Sequence[PolicyRule]) -> str:
        """What to tell a user who does not hold all of *wanted* in the namespace of the request; "" when they do."""
        held = await rules_for(self._authorizer, user, context.namespace)
        owned = [
            PolicyRule(
                verbs=list(rule.verbs),
                api_groups=list(rule.api_groups),
                resources=list(rule.resources),
                resource_names=list(rule.resource_names),
            )
            for rule in held.resource_rules
        ]
        owned += [
            PolicyRule(verbs=list(rule.verbs), non_resource_urls=list(rule.non_resource_urls))
            for rule in held.non_resource_rules
        ]
        missing = compact(uncovered(owned, wanted))
        if not missing:
            return ""
        text = (
            f"user {quote(user.name)} (groups={quoted(user.groups)}) is attempting to grant RBAC permissions not "
            "currently held:\n" + "\n".join(sorted({describe_rule(rule) for rule in missing}))
        )
        return text if held.error is None else f"{text}; resolution errors: [{held.error}]"


def _limited_user(context: RequestContext) -> UserInfo | None:
    """The user of the request; None for one who may do everything anyway, or where nobody is asked who they are."""
    user = context.user
    return None if user is None or SYSTEM_PRIVILEGED_GROUP in user.groups else user
