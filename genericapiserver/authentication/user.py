"""Who is asking: the user of a request and the names the reference gives to built-in users and groups.

Mirrors pkg/authentication/user/user.go.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import attrs

SYSTEM_PRIVILEGED_GROUP: Final = "system:masters"
NODES_GROUP: Final = "system:nodes"
MONITORING_GROUP: Final = "system:monitoring"
ALL_AUTHENTICATED: Final = "system:authenticated"
ALL_UNAUTHENTICATED: Final = "system:unauthenticated"

ANONYMOUS: Final = "system:anonymous"
API_SERVER_USER: Final = "system:apiserver"
KUBE_PROXY: Final = "system:kube-proxy"
KUBE_CONTROLLER_MANAGER: Final = "system:kube-controller-manager"
KUBE_SCHEDULER: Final = "system:kube-scheduler"

CREDENTIAL_ID_KEY: Final = "authentication.kubernetes.io/credential-id"
"""The extra key that says which credential was used, for example `X509SHA256=...` or `JTI=...`."""


def credential_id_of_jti(token_id: str) -> str:
    """The credential ID of a token with the `jti` *token_id*; "" without one."""
    return f"JTI={token_id}" if token_id else ""


_NO_EXTRA: Mapping[str, tuple[str, ...]] = MappingProxyType({})


def _freeze_extra(extra: Mapping[str, Iterable[str]]) -> Mapping[str, tuple[str, ...]]:
    if not extra:
        return _NO_EXTRA
    return MappingProxyType({key: tuple(values) for key, values in extra.items()})


def _freeze_groups(groups: Iterable[str]) -> tuple[str, ...]:
    return tuple(groups)


@attrs.frozen(kw_only=True, hash=False)
class UserInfo:
    """A user as an authenticator found it. Immutable, so that one may be kept and shared between requests.

    *extra* maps lower-case keys to lists of values; keys in another case do not survive impersonation.
    """

    name: str = ""
    uid: str = ""
    groups: tuple[str, ...] = attrs.field(default=(), converter=_freeze_groups)
    extra: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict, converter=_freeze_extra)
