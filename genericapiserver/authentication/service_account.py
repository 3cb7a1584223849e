"""How service accounts are named among users. Mirrors pkg/authentication/serviceaccount/util.go."""

from typing import Final

import attrs

from genericapiserver.apimachinery.validation.names import dns_1123_label, dns_1123_subdomain
from genericapiserver.authentication.user import CREDENTIAL_ID_KEY, UserInfo

USERNAME_PREFIX: Final = "system:serviceaccount:"
ALL_SERVICE_ACCOUNTS_GROUP: Final = "system:serviceaccounts"

POD_NAME_KEY: Final = "authentication.kubernetes.io/pod-name"
POD_UID_KEY: Final = "authentication.kubernetes.io/pod-uid"
NODE_NAME_KEY: Final = "authentication.kubernetes.io/node-name"
NODE_UID_KEY: Final = "authentication.kubernetes.io/node-uid"
"""Extra keys that say which pod on which node a token was made for."""


def service_account_username(namespace: str, name: str) -> str:
    """The user name of a service account."""
    return f"{USERNAME_PREFIX}{namespace}:{name}"


def service_account_groups(namespace: str) -> tuple[str, str]:
    """The groups of every service account in *namespace*."""
    return ALL_SERVICE_ACCOUNTS_GROUP, f"{ALL_SERVICE_ACCOUNTS_GROUP}:{namespace}"


def parse_service_account(username: str) -> tuple[str, str] | None:
    """Namespace and name, or None when *username* is not that of a service account."""
    if not username.startswith(USERNAME_PREFIX):
        return None
    namespace, separator, name = username.removeprefix(USERNAME_PREFIX).partition(":")
    if not separator or ":" in name or dns_1123_label(namespace) or dns_1123_subdomain(name):
        return None
    return namespace, name


@attrs.frozen(kw_only=True)
class ServiceAccountInfo:
    """A service account, and what its token says beyond that."""

    namespace: str
    name: str
    uid: str = ""
    pod_name: str = ""
    pod_uid: str = ""
    node_name: str = ""
    node_uid: str = ""
    credential_id: str = ""

    def user(self) -> UserInfo:
        """The user; a pod is told of with its name and uid or not at all, a node's uid only beside its name."""
        extra: dict[str, tuple[str, ...]] = {}
        if self.pod_name and self.pod_uid:
            extra[POD_NAME_KEY] = (self.pod_name,)
            extra[POD_UID_KEY] = (self.pod_uid,)
        if self.credential_id:
            extra[CREDENTIAL_ID_KEY] = (self.credential_id,)
        if self.node_name:
            extra[NODE_NAME_KEY] = (self.node_name,)
            if self.node_uid:
                extra[NODE_UID_KEY] = (self.node_uid,)
        return UserInfo(
            name=service_account_username(self.namespace, self.name),
            uid=self.uid,
            groups=service_account_groups(self.namespace),
            extra=extra,
        )
