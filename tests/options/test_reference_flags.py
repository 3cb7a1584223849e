"""Every flag of the reference is known, under its name and with its default (server reference, section 13)."""

from collections.abc import Callable
from typing import Any

import pytest

from genericapiserver.admission import PluginRegistry
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.component import ComponentGlobalsRegistry, EffectiveVersion
from genericapiserver.features import KUBE_FLOOR, KUBE_VERSION, default_feature_gate
from genericapiserver.options.admission import AdmissionOptions
from genericapiserver.options.audit import AuditOptions
from genericapiserver.options.authentication import DelegatingAuthenticationOptions
from genericapiserver.options.authorization import DelegatingAuthorizationOptions
from genericapiserver.options.features import CoreAPIOptions, EgressSelectorOptions, FeatureOptions
from genericapiserver.options.flags import FlagSet
from genericapiserver.options.recommended import RecommendedOptions
from genericapiserver.options.secure_serving import SecureServingOptions
from genericapiserver.options.server_run import ServerRunOptions
from genericapiserver.options.storage import StorageOptions
from genericapiserver.options.tracing import TracingOptions

SERVER_RUN = {
    "advertise-address": "",
    "cors-allowed-origins": "[]",
    "strict-transport-security-directives": "[]",
    "external-hostname": "",
    "max-requests-inflight": "400",
    "max-mutating-requests-inflight": "200",
    "request-timeout": "1m0s",
    "goaway-chance": "0",
    "livez-grace-period": "0s",
    "min-request-timeout": "1800",
    "storage-initialization-timeout": "1m0s",
    "shutdown-delay-duration": "0s",
    "shutdown-send-retry-after": "false",
    "shutdown-watch-termination-grace-period": "0s",
    "emulated-version": "[]",
    "min-compatibility-version": "[]",
    "feature-gates": "[]",
    "emulation-forward-compatible": "false",
    "runtime-config-emulation-forward-compatible": "false",
}
SECURE_SERVING = {
    "bind-address": "0.0.0.0",
    "secure-port": "443",
    "disable-http2-serving": "false",
    "cert-dir": "apiserver.local.config/certificates",
    "tls-cert-file": "",
    "tls-private-key-file": "",
    "tls-cipher-suites": "[]",
    "tls-min-version": "",
    "tls-sni-cert-key": "[]",
    "http2-max-streams-per-connection": "1000",
    "permit-port-sharing": "false",
    "permit-address-sharing": "false",
}
AUTHENTICATION = {
    "authentication-kubeconfig": "",
    "authentication-token-webhook-cache-ttl": "10s",
    "client-ca-file": "",
    "requestheader-username-headers": "[x-remote-user]",
    "requestheader-uid-headers": "[]",
    "requestheader-group-headers": "[x-remote-group]",
    "requestheader-extra-headers-prefix": "[x-remote-extra-]",
    "requestheader-client-ca-file": "",
    "requestheader-allowed-names": "[]",
    "authentication-skip-lookup": "false",
    "authentication-tolerate-lookup-failure": "false",
}
AUTHORIZATION = {
    "authorization-kubeconfig": "",
    "authorization-webhook-cache-authorized-ttl": "10s",
    "authorization-webhook-cache-unauthorized-ttl": "10s",
    "authorization-always-allow-paths": "[/healthz,/readyz,/livez]",
}
AUDIT = {
    "audit-policy-file": "",
    "audit-log-path": "",
    "audit-log-maxage": "0",
    "audit-log-maxbackup": "0",
    "audit-log-maxsize": "0",
    "audit-log-format": "json",
    "audit-log-compress": "false",
    "audit-log-version": "audit.k8s.io/v1",
    "audit-log-mode": "blocking",
    "audit-log-batch-buffer-size": "10000",
    "audit-log-batch-max-size": "1",
    "audit-log-batch-max-wait": "0s",
    "audit-log-batch-throttle-enable": "false",
    "audit-log-batch-throttle-qps": "0",
    "audit-log-batch-throttle-burst": "0",
    "audit-log-truncate-enabled": "false",
    "audit-log-truncate-max-batch-size": "10485760",
    "audit-log-truncate-max-event-size": "102400",
    "audit-webhook-config-file": "",
    "audit-webhook-initial-backoff": "10s",
    "audit-webhook-version": "audit.k8s.io/v1",
    "audit-webhook-mode": "batch",
    "audit-webhook-batch-buffer-size": "10000",
    "audit-webhook-batch-max-size": "400",
    "audit-webhook-batch-max-wait": "30s",
    "audit-webhook-batch-throttle-enable": "true",
    "audit-webhook-batch-throttle-qps": "10",
    "audit-webhook-batch-throttle-burst": "15",
    "audit-webhook-truncate-enabled": "false",
    "audit-webhook-truncate-max-batch-size": "10485760",
    "audit-webhook-truncate-max-event-size": "102400",
}
FEATURES = {
    "profiling": "true",
    "contention-profiling": "false",
    "debug-socket-path": "",
    "enable-priority-and-fairness": "true",
    "kubeconfig": "",
    "egress-selector-config-file": "",
    "tracing-config-file": "",
    "enable-admission-plugins": "[]",
    "disable-admission-plugins": "[]",
    "admission-control-config-file": "",
}
STORAGE = {
    "etcd-servers": "[]",
    "etcd-servers-overrides": "[]",
    "etcd-prefix": "/registry/example.com",
    "etcd-keyfile": "",
    "etcd-certfile": "",
    "etcd-cafile": "",
    "storage-media-type": "application/json",
    "delete-collection-workers": "1",
    "enable-garbage-collector": "true",
    "watch-cache": "true",
    "default-watch-cache-size": "100",
    "watch-cache-sizes": "[]",
    "encryption-provider-config": "",
    "encryption-provider-config-automatic-reload": "false",
    "etcd-compaction-interval": "5m0s",
    "etcd-count-metric-poll-period": "1m0s",
    "etcd-db-metric-poll-interval": "30s",
    "etcd-healthcheck-timeout": "2s",
    "etcd-readycheck-timeout": "2s",
    "lease-reuse-duration-seconds": "60",
    "storage-backend": "sqlite",  # etcd3 in the reference
}
OWN = {
    "inspector": "true",
    "listen": "[]",
    "max-connections": "0",
    "max-connections-per-address": "0",
    "storage-file-edits": "false",
    "storage-file-format": "json",
    "storage-history-max-changes": "100000",
    "storage-history-retention": "0s",
    "storage-path": "apiserver.local.config/objects.db",
    "workers": "1",
}
"""Flags that the reference does not have."""

REFERENCE = SERVER_RUN | SECURE_SERVING | AUTHENTICATION | AUTHORIZATION | AUDIT | FEATURES | STORAGE

SERIALIZER = CodecFactory(Scheme("test"))
PLUGINS = PluginRegistry()


def all_flags() -> FlagSet:
    components = ComponentGlobalsRegistry()
    components.register("kube", EffectiveVersion(KUBE_VERSION, KUBE_FLOOR), default_feature_gate())
    recommended = RecommendedOptions(prefix="/registry/example.com", serializer=SERIALIZER)
    recommended.server_run = ServerRunOptions(components=components)
    flags = FlagSet("server")
    recommended.add_flags(flags)
    return flags


@pytest.mark.parametrize("name", REFERENCE)
def test_a_flag_of_the_reference_has_its_default(name: str) -> None:
    assert all_flags().values()[name] == REFERENCE[name]


def test_there_are_no_other_flags() -> None:
    assert all_flags().names == sorted(REFERENCE | OWN)


def test_the_help_has_a_line_for_every_flag() -> None:
    lines = all_flags().usage().partition("Flags:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == [f"--{name}" for name in sorted(REFERENCE | OWN)]


def test_the_deprecated_name_of_a_flag_is_taken_too() -> None:
    flags = all_flags()
    flags.parse(["--audit-webhook-batch-initial-backoff=3s"])
    assert flags.values()["audit-webhook-initial-backoff"] == "3s"


@pytest.mark.parametrize(
    "make",
    [
        ServerRunOptions,
        SecureServingOptions,
        DelegatingAuthenticationOptions,
        DelegatingAuthorizationOptions,
        AuditOptions,
        FeatureOptions,
        CoreAPIOptions,
        EgressSelectorOptions,
        TracingOptions,
        lambda: AdmissionOptions(plugins=PLUGINS),
        lambda: StorageOptions(prefix="/registry", serializer=SERIALIZER),
    ],
    ids=lambda make: make.__name__ if isinstance(make, type) else "made",
)
def test_parsing_no_flags_changes_nothing(make: Callable[[], Any]) -> None:
    options = make()
    flags = FlagSet("server")
    options.add_flags(flags)
    flags.parse([])
    assert options == make()
    assert options.validate() == []
