"""FeatureOptions and CoreAPIOptions, and the groups whose subject belongs to files of their own.

Source: pkg/server/options/{feature,coreapi,egress_selector}.go of k8s.io/apiserver.
"""

import os
from pathlib import Path
from typing import Final

import attrs

from genericapiserver.apimachinery.go import quote
from genericapiserver.client import ClientConfig
from genericapiserver.client.informer import InformerFactory
from genericapiserver.config import ConfigError, RecommendedConfig
from genericapiserver.features import SIZE_BASED_LIST_COST_ESTIMATE
from genericapiserver.flowcontrol.flow_control import FlowControl
from genericapiserver.options.flags import BOOL, STRING, FlagSet
from genericapiserver.options.remote import client_config, rest_client
from genericapiserver.options.texts import NOT_AVAILABLE, refused

_LONGEST_SOCKET_PATH: Final = 107
"""unix(7): 108 bytes with the zero at the end."""


@attrs.define(kw_only=True)
class FeatureOptions:
    """Profiling pages, and how requests are kept from overwhelming the server."""

    enable_profiling: bool = True
    contention_profiling: bool = False
    debug_socket_path: str = ""
    enable_inspector: bool = True
    enable_priority_and_fairness: bool = True

    def add_flags(self, flags: FlagSet) -> None:
        for name, kind, attribute, text in (
            ("profiling", BOOL, "enable_profiling", "Serve profiles under /debug and let DELETE reset /metrics."),
            (
                "contention-profiling",
                BOOL,
                "contention_profiling",
                "Accepted for compatibility: there are no Go locks whose contention could be profiled.",
            ),
            (
                "debug-socket-path",
                STRING,
                "debug_socket_path",
                "Use an unprotected (no authn/authz) unix-domain socket for profiling with the given path.",
            ),
            (
                "inspector",
                BOOL,
                "enable_inspector",
                "Serve a page at /debug/inspector/ that shows what the server is doing. Who may see it is a matter of "
                "authorization, as for any path.",
            ),
            (
                "enable-priority-and-fairness",
                BOOL,
                "enable_priority_and_fairness",
                "If true, requests are queued fairly by priority, sharing the sum of the max-requests-inflight limits; if "
                "false, each of the limits applies to its kind of requests.",
            ),
        ):
            flags.add(name, kind, self, attribute, text)

    def validate(self) -> list[str]:
        return _socket_problems(self.debug_socket_path)

    def apply_to(self, config: RecommendedConfig, *, follow: bool = True) -> None:
        """Fill *config*. *follow*: its informers watch a core API server that has the objects of flow control.

        Otherwise flow control starts with the objects that every server starts with. Raises ConfigError.
        """
        config.enable_profiling = self.enable_profiling
        config.enable_inspector = self.enable_inspector
        config.debug_socket_path = self.debug_socket_path
        if self.enable_priority_and_fairness:
            config.flow_control = _flow_control(config, follow)


def _socket_problems(path: str) -> list[str]:
    """What no restart could mend; a path that cannot be bound for another reason is logged when it is tried."""
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        return [
            f"--debug-socket-path {path} is longer than {_LONGEST_SOCKET_PATH} bytes, which no unix socket can have"
        ]
    return []


def _flow_control(config: RecommendedConfig, follow: bool) -> FlowControl:
    if config.shared_informers is None:
        raise ConfigError("invalid configuration: priority and fairness requires a core Kubernetes client")
    reads, writes = config.max_requests_in_flight, config.max_mutating_requests_in_flight
    if reads + writes <= 0:
        raise ConfigError(
            f"invalid configuration: MaxRequestsInFlight={reads} and MaxMutatingRequestsInFlight={writes}; they must add "
            "up to something positive"
        )
    flow_control = FlowControl.of(
        reads + writes,
        clock=config.clock,
        metrics=config.metrics,
        object_counts=config.object_counts,
        by_size=config.feature_gate.enabled(SIZE_BASED_LIST_COST_ESTIMATE),
    )
    if follow:
        # What is mandatory has to do until the core API server has answered.
        flow_control.follow(config.shared_informers).begin.set()
    else:
        flow_control.use_bootstrap()
    return flow_control


@attrs.define(kw_only=True)
class CoreAPIOptions:
    """Where the core API server is, for those parts that read from it. Nothing is asked of it at start."""

    core_api_kubeconfig: str = ""

    def add_flags(self, flags: FlagSet) -> None:
        flags.add(
            "kubeconfig", STRING, self, "core_api_kubeconfig", "kubeconfig file pointing at the 'core' API server."
        )

    def validate(self) -> list[str]:
        return []

    def apply_to(self, config: RecommendedConfig) -> None:
        """Give *config* informers of the core API server. Raises ConfigError."""
        reached = self.client_config()
        try:
            client = rest_client(reached, metrics=config.metrics)
        except ConfigError as error:
            raise ConfigError(f"failed to create Kubernetes clientset: {error}") from error
        config.add_cleanup(client.aclose)
        config.client_config = reached
        config.shared_informers = InformerFactory(client)

    def client_config(self) -> ClientConfig:
        """Raises ConfigError when the file, or the pod's own configuration, cannot be used."""
        try:
            return client_config(self.core_api_kubeconfig)
        except ConfigError as error:
            if self.core_api_kubeconfig:
                raise ConfigError(f"failed to load kubeconfig at {quote(self.core_api_kubeconfig)}: {error}") from error
            raise


@attrs.define(kw_only=True)
class EgressSelectorOptions:
    """How outgoing connections leave. A file is refused until it can be honoured: ignoring it would leak around a proxy."""

    config_file: str = ""

    def add_flags(self, flags: FlagSet) -> None:
        flags.add(
            "egress-selector-config-file",
            STRING,
            self,
            "config_file",
            f"File with apiserver egress selector configuration. {NOT_AVAILABLE}",
        )

    def validate(self) -> list[str]:
        return _file_problems("egress-selector-config-file", self.config_file)


def _file_problems(flag: str, path: str) -> list[str]:
    if not path:
        return []
    if not Path(path).exists():
        return [f"{flag} {path} does not exist"]
    return [refused(flag)]
