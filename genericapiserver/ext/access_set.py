"""What one user may do, as a set: made once from roles and bindings, asked at every request.

Source: pkg/accesscontrol/{access_set,policy_rule_index}.go of rancher/steve.
"""

from collections.abc import Iterable
from typing import Final

import attrs

from genericapiserver.apis.rbac_v1 import ALL, PolicyRule

NAMESPACES: Final = ("", "namespaces")


@attrs.frozen(kw_only=True)
class Grant:
    """The rules of one role that a user has in *namespace*, `*` for everywhere.

    Paths that belong to no resource are granted by cluster roles that are bound everywhere, and by no others.
    """

    namespace: str
    rules: tuple[PolicyRule, ...]
    grants_paths: bool = False


class AccessSet:
    """Immutable. Subresources are not told apart: who may get `tokens` may get `tokens/status`, and a rule for
    `tokens/status` alone grants nothing."""

    __slots__ = ("_paths", "_resources")

    def __init__(self, grants: Iterable[Grant]) -> None:
        self._resources: dict[tuple[str, str, str], set[tuple[str, str]]] = {}
        self._paths: dict[str, tuple[set[str], set[str]]] = {}
        """By verb: the exact paths, and the beginnings of others."""
        for grant in grants:
            for rule in grant.rules:
                if rule.resources:
                    self._add_resources(grant.namespace, rule)
                elif grant.grants_paths:
                    self._add_paths(rule)

    def grants(self, verb: str, group: str, resource: str, *, namespace: str = "", name: str = "") -> bool:
        """Whether *verb* is granted on the object *name* ("": on all of them) in *namespace* ("": in all of them)."""
        for known_verb in (verb, ALL):
            for known_group in (group, ALL):
                for known_resource in (resource, ALL):
                    access = self._resources.get((known_verb, known_group, known_resource))
                    if access is not None and (
                        (ALL, ALL) in access
                        or (namespace, ALL) in access
                        or (ALL, name) in access
                        or (namespace, name) in access
                    ):
                        return True
        return False

    def grants_path(self, verb: str, path: str) -> bool:
        """Whether *verb* is granted on a *path* that belongs to no resource."""
        for known_verb in (verb, ALL):
            if (found := self._paths.get(known_verb)) is not None:
                exact, beginnings = found
                if path in exact or any(path.startswith(beginning) for beginning in beginnings):
                    return True
        return False

    def _add_resources(self, namespace: str, rule: PolicyRule) -> None:
        names = rule.resource_names or [ALL]
        for group in rule.api_groups:
            for resource in rule.resources:
                for name in names:
                    access = _access(namespace, group, resource, name)
                    for verb in rule.verbs:
                        self._resources.setdefault((verb, group, resource), set()).add(access)

    def _add_paths(self, rule: PolicyRule) -> None:
        for verb in rule.verbs:
            exact, beginnings = self._paths.setdefault(verb, (set(), set()))
            for url in rule.non_resource_urls:
                if url.endswith(ALL):
                    beginnings.add(url[: -len(ALL)])
                else:
                    exact.add(url)


def _access(namespace: str, group: str, resource: str, name: str) -> tuple[str, str]:
    """Who may see the namespace objects of his namespace may see that one, which lies in no namespace."""
    if (group, resource) == NAMESPACES and namespace != ALL and name in (ALL, namespace):
        return ALL, namespace
    return namespace, name
