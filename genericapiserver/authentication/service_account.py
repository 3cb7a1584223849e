"""How service accounts are named among users. Mirrors pkg/authentication/serviceaccount/util.go."""

from typing import Final

from genericapiserver.apimachinery.validation.names import dns_1123_label, dns_1123_subdomain

USERNAME_PREFIX: Final = "system:serviceaccount:"
ALL_SERVICE_ACCOUNTS_GROUP: Final = "system:serviceaccounts"


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
