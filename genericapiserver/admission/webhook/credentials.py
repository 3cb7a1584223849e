"""As whom webhooks are called: the users of a kubeconfig whose names say for which hosts they are.

    users:
    - name: webhook.example.com:8443     # exactly this host and port
    - name: '*.example.com'              # every host below example.com, at the default port

Go: pkg/util/webhook/authentication.go, pkg/admission/plugin/webhook/config.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from genericapiserver.admission.configuration import ConfigurationError, decode_strictly
from genericapiserver.apimachinery.go import quote
from genericapiserver.apis.admission_config_v1 import WebhookAdmission, WebhookAdmissionConfiguration
from genericapiserver.client.kubeconfig import (
    ClientConfig,
    KubeconfigError,
    in_cluster_config,
    load_kubeconfig_users,
)

HTTPS_PORT: Final = ":443"
CORE_SERVER: Final = "kubernetes.default.svc:443"


def read_kubeconfig_file(configuration: bytes | None) -> str:
    """The kubeconfig that a plugin's part of the admission configuration names, "" without one.

    Raises ConfigurationError for a document that is not understood, strictly, or a path that is not absolute.
    """
    if configuration is None:
        return ""
    path: str = decode_strictly(configuration, WebhookAdmissionConfiguration, WebhookAdmission).kube_config_file
    if not os.path.isabs(path):
        raise ConfigurationError(f"kubeConfigFile: Invalid value: {quote(path)}: must be an absolute file path")
    return path


@attrs.frozen
class WebhookCredentials:
    """Who this server is to which webhook. Without users it is nobody, but to the core API server itself."""

    users: dict[str, ClientConfig] = attrs.field(factory=dict, repr=False)

    @classmethod
    def from_file(cls, path: str) -> "WebhookCredentials":
        """Raises KubeconfigError."""
        return cls(load_kubeconfig_users(Path(path)) if path else {})

    def for_host(self, target: str) -> ClientConfig:
        """Certificates and tokens for *target*, a `host:port`."""
        for name in _names(target):
            if name in self.users:
                return self.users[name]
        if target == CORE_SERVER:
            try:
                return in_cluster_config()
            except KubeconfigError:
                pass
        return ClientConfig(host="")


def _names(target: str) -> Iterator[str]:
    """The names of users that are for *target*, the narrowest first."""
    for text in (target, target.removesuffix(HTTPS_PORT)) if target.endswith(HTTPS_PORT) else (target,):
        yield text
        labels = text.split(".")
        for start in range(1, len(labels)):
            yield "*." + ".".join(labels[start:])
