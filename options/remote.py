"""Clients of other API servers, made from a kubeconfig or a pod's own configuration, and what to say when that fails."""

from genericapiserver.client import ClientConfig, KubeconfigError, RESTClient, load_kubeconfig
from genericapiserver.client.kubeconfig import in_cluster_config
from genericapiserver.config import ConfigError
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.options.texts import reason


def client_config(file: str) -> ClientConfig:
    """How to reach the server of *file*, or without one the cluster this pod is in. Raises ConfigError."""
    try:
        return load_kubeconfig(file) if file else in_cluster_config()
    except KubeconfigError as error:
        raise ConfigError(reason(error)) from error


def rest_client(config: ClientConfig, *, metrics: MetricsRegistry, timeout: float = 10.0) -> RESTClient:
    """A client of *config*, counted in *metrics*; it connects at its first request.

    Raises ConfigError for certificates that are none.
    """
    try:
        return RESTClient(config, timeout=timeout, metrics=metrics)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{config.host}: {reason(error)}") from error


def delegated_client(file: str, *, optional: bool, timeout: float, metrics: MetricsRegistry) -> RESTClient | None:
    """The client of a server that decides for this one; None when it is *optional* and there is neither file nor pod.

    Raises ConfigError.
    """
    try:
        config = client_config(file)
    except ConfigError:
        if optional and not file:
            return None
        raise
    return rest_client(config, timeout=timeout, metrics=metrics)
