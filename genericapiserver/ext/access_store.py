"""Access sets by user, from roles and bindings that may change at any time.

    sources --change--> bindings by subject --user--> the roles he is bound to --their hash--> the set

A set is kept by what it is made of: users who are bound to the same roles share one, and a change of anything else leaves
it. What a request costs is one look-up by user. Source: pkg/accesscontrol/access_store.go of rancher/steve; the key of a
role without a resource version, from a file, holds the rules themselves.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis import rbac_v1
from genericapiserver.apis.rbac_v1 import (
    ALL,
    CLUSTER_ROLE,
    GROUP,
    GROUP_KIND,
    ROLE,
    SERVICE_ACCOUNT,
    USER,
    ClusterRole,
    ClusterRoleBinding,
    Role,
    RoleBinding,
    RoleRef,
    Subject,
)
from genericapiserver.authentication import UserInfo
from genericapiserver.authentication.service_account import service_account_username
from genericapiserver.authorization.rbac import RBACSource
from genericapiserver.authorization.rbac_index import RBACObjects
from genericapiserver.authorization.rbac_sources import RBACInformers
from genericapiserver.client.informer import InformerFactory
from genericapiserver.ext.access_set import AccessSet, Grant

CACHED_SETS: Final = 50
SET_LIFETIME: Final = 24 * 60 * 60.0
"""Seconds. Only a limit on memory: a set is never wrong, being kept by what it is made of."""
REMEMBERED_USERS: Final = 4096


@attrs.frozen
class _BoundRole:
    """A role that a subject is bound to, and what identifies it in a hash."""

    key: str
    grant: Grant


class AccessStore:
    """Knows what every user may do by the objects of *sources*, together. A change counts from the next question on."""

    def __init__(self, *sources: RBACSource, clock: Clock | None = None) -> None:
        self._sources = sources
        self._clock = clock or SystemClock()
        self._index: _Bindings | None = None
        self._users: dict[tuple[str, tuple[str, ...]], AccessSet] = {}
        self._sets: OrderedDict[str, tuple[float, AccessSet]] = OrderedDict()
        for source in sources:
            source.add_listener(self._forget)

    @classmethod
    def following(cls, informers: InformerFactory, *, clock: Clock | None = None) -> "AccessStore":
        """One that follows the roles and bindings of a cluster. Until they are listed nothing is granted to anybody.

        Hand *informers* to the server as `shared_informers`: it runs them, and is not ready before they have listed.
        """
        scheme = Scheme("rbac")
        rbac_v1.add_to_scheme(scheme)
        return cls(RBACInformers(informers, CodecFactory(scheme)), clock=clock)

    def access_for(self, user: UserInfo) -> AccessSet:
        """What *user* may do, by name and groups."""
        key = (user.name, user.groups)
        access = self._users.get(key)
        if access is None:
            if len(self._users) >= REMEMBERED_USERS:
                self._users.clear()
            access = self._users[key] = self._make(user)
        return access

    def _make(self, user: UserInfo) -> AccessSet:
        if self._index is None:
            self._index = _Bindings(source.objects() for source in self._sources)
        bound = self._index.roles_of(user)
        key = hashlib.sha256("\0".join(sorted(bound)).encode()).hexdigest()
        now = self._clock.monotonic()
        ends, access = self._sets.pop(key, (now, None))
        if access is None or ends <= now:
            ends, access = now + SET_LIFETIME, AccessSet(bound.values())
        self._sets[key] = (ends, access)  # the last one used
        if len(self._sets) > CACHED_SETS:
            self._sets.popitem(last=False)
        return access

    def _forget(self) -> None:
        self._index = None
        self._users.clear()


class _Bindings:
    """Roles by the subjects that are bound to them."""

    def __init__(self, sources: Iterable[RBACObjects]) -> None:
        self._bound: dict[tuple[str, str], list[_BoundRole]] = {}
        found = list(sources)
        roles = {(role.metadata.namespace, role.metadata.name): role for objects in found for role in objects.roles}
        cluster_roles = {role.metadata.name: role for objects in found for role in objects.cluster_roles}
        for objects in found:
            for everywhere in objects.cluster_role_bindings:
                self._add(everywhere, ALL, _role_of(everywhere.role_ref, None, roles, cluster_roles))
            for binding in objects.role_bindings:
                namespace = binding.metadata.namespace
                self._add(binding, namespace, _role_of(binding.role_ref, namespace, roles, cluster_roles))

    def roles_of(self, user: UserInfo) -> dict[str, Grant]:
        """What the user and his groups are bound to, by what identifies it."""
        subjects = [(USER, user.name), *((GROUP_KIND, group) for group in user.groups)]
        return {role.key: role.grant for subject in subjects for role in self._bound.get(subject, ())}

    def _add(self, binding: ClusterRoleBinding | RoleBinding, namespace: str, role: Role | ClusterRole | None) -> None:
        if role is None:  # a role that is not there grants nothing
            return
        grant = Grant(
            namespace=namespace,
            rules=tuple(role.rules),
            grants_paths=isinstance(role, ClusterRole) and namespace == ALL,
        )
        bound = _BoundRole(_key(namespace, role), grant)
        for subject in _subjects(binding.subjects):
            self._bound.setdefault(subject, []).append(bound)


def _role_of(
    ref: RoleRef,
    namespace: str | None,
    roles: dict[tuple[str, str], Role],
    cluster_roles: dict[str, ClusterRole],
) -> Role | ClusterRole | None:
    """The role that a binding in *namespace* (None: of the cluster) names; None when there is none."""
    if ref.api_group not in ("", GROUP):
        return None
    if ref.kind == CLUSTER_ROLE:
        return cluster_roles.get(ref.name)
    if ref.kind == ROLE and namespace is not None:
        return roles.get((namespace, ref.name))
    return None


def _subjects(subjects: Iterable[Subject]) -> Iterator[tuple[str, str]]:
    """How users are found by *subjects*; those of another API group are nobody. A service account is a user by its name."""
    for subject in subjects:
        if subject.kind in (USER, GROUP_KIND) and subject.api_group == GROUP:
            yield subject.kind, subject.name
        elif subject.kind == SERVICE_ACCOUNT and subject.api_group == "" and subject.namespace:
            yield USER, service_account_username(subject.namespace, subject.name)


def _key(namespace: str, role: Role | ClusterRole) -> str:
    metadata = role.metadata
    version = metadata.resource_version or repr(role.rules)
    return repr((namespace, type(role).__name__, metadata.namespace, metadata.name, version))
