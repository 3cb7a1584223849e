"""Paths that everybody may use. Mirrors pkg/authorization/path/path.go."""

from collections.abc import Iterable

from genericapiserver.authentication.user import UserInfo
from genericapiserver.authorization.builtin import ALLOWED, NO_OPINION
from genericapiserver.authorization.interfaces import (
    AuthorizationAttributes,
    AuthorizationResult,
    NonResourceRule,
    Rules,
)


class PathAuthorizer:
    """Allows every verb on non-resource *paths*; a trailing `*` stands for any rest.

    One leading slash is optional, in patterns and in requests; a trailing one is not. Raises ValueError for a `*` that
    is not at the end.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        exact: set[str] = set()
        prefixes: list[str] = []
        for pattern in paths:
            path = pattern.removeprefix("/")
            if not path:
                exact.add(path)
            elif "*" in path[:-1]:
                raise ValueError(f'only trailing * allowed in "{path}"')
            elif path.endswith("*"):
                prefixes.append(path[:-1])
            else:
                exact.add(path)
        self._exact = frozenset(exact)
        self._prefixes = tuple(prefixes)
        urls = tuple(f"/{path}" for path in (*sorted(exact), *(f"{prefix}*" for prefix in prefixes)))
        self._rules = Rules(non_resource_rules=(NonResourceRule(verbs=("*",), non_resource_urls=urls),) if urls else ())

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationResult:
        if attributes.is_resource_request:
            return NO_OPINION
        path = attributes.path.removeprefix("/")
        if path in self._exact or path.startswith(self._prefixes):
            return ALLOWED
        return NO_OPINION

    async def rules_for(self, user: UserInfo, namespace: str) -> Rules:
        return self._rules
