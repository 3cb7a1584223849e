"""The aggregator as a program: flags to a config, a config to a server in front of the servers of this process.

The flags are kube-aggregator's, and the two of kube-apiserver that concern it. `--service-endpoint` and
`--services-kubeconfig` are this library's own: where services are, without a cluster and beside one.
Source: pkg/cmd/server/start.go of k8s.io/kube-aggregator.
"""

import copy
from collections.abc import Sequence
from typing import Final

from genericapiserver.aggregator import local
from genericapiserver.aggregator.listers import SERVICES_PATH, SLICES_PATH, InformedServices, InformedSlices
from genericapiserver.aggregator.proxy.handler import REQUESTS_PER_BACKEND
from genericapiserver.aggregator.resolvers import (
    ClusterIPResolver,
    Endpoint,
    EndpointResolver,
    ServiceResolver,
    StaticResolver,
)
from genericapiserver.aggregator.server import STORAGE_PREFIX, AggregatorConfig, APIAggregator, ExtraConfig
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.scheme import Scheme, add_meta_to_scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis import apiregistration_v1
from genericapiserver.apis.core_v1.services import Service
from genericapiserver.apis.discovery_v1 import EndpointSlice
from genericapiserver.certificates import CertificateError, CertKeyContentProvider, DynamicCertKeyContent
from genericapiserver.client.informer import InformerFactory
from genericapiserver.client.kubeconfig import KubeconfigError, load_kubeconfig
from genericapiserver.client.rest import RESTClient
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import ConfigError, RecommendedConfig
from genericapiserver.controlplane import core
from genericapiserver.controlplane.groups import GroupModule
from genericapiserver.delegation import EmptyDelegate
from genericapiserver.features import KUBE_FLOOR, KUBE_VERSION, default_feature_gate
from genericapiserver.openapi import OpenAPIConfig
from genericapiserver.options.api_enablement import APIEnablementOptions
from genericapiserver.options.flags import BOOL, INT, STRING, STRINGS, FlagSet
from genericapiserver.options.recommended import RecommendedOptions
from genericapiserver.options.texts import reason
from genericapiserver.routes.not_found import not_found_handler
from genericapiserver.server import GenericAPIServer

MISSING_CERTIFICATE: Final = "missing a client certificate along with a key to identify the proxy to the API server"


class AggregatorServerOptions:
    """Everything the flags set. *control_plane* are groups that the server behind the aggregator serves, too."""

    def __init__(self) -> None:
        scheme = Scheme("kube-aggregator")
        add_meta_to_scheme(scheme)
        apiregistration_v1.add_to_scheme(scheme)
        local.register(scheme)
        self.serializer = CodecFactory(scheme)
        self.recommended = RecommendedOptions(prefix=STORAGE_PREFIX.rstrip("/"), serializer=self.serializer)
        self.recommended.api_enablement = APIEnablementOptions(fixed_groups=())
        self.control_plane: Sequence[GroupModule] = ()
        self.proxy_client_cert_file = ""
        self.proxy_client_key_file = ""
        self.enable_aggregator_routing = False
        self.reject_forwarding_redirects = True
        self.requests_per_backend = REQUESTS_PER_BACKEND
        self.service_endpoint: list[str] = []
        self.core_kubeconfig = ""
        self.aggregator: APIAggregator | None = None
        """What was made, once `server` has returned."""

    def add_flags(self, flags: FlagSet) -> None:
        self.recommended.add_flags(flags)
        flags.add(
            "proxy-client-cert-file",
            STRING,
            self,
            "proxy_client_cert_file",
            "Client certificate used to prove the identity of the aggregator when it passes requests on to other API "
            "servers.",
        )
        flags.add(
            "proxy-client-key-file",
            STRING,
            self,
            "proxy_client_key_file",
            "Private key for the client certificate used to prove the identity of the aggregator when it passes requests "
            "on to other API servers.",
        )
        flags.add(
            "enable-aggregator-routing",
            BOOL,
            self,
            "enable_aggregator_routing",
            "Turns on aggregator routing requests to endpoints IP rather than cluster IP.",
        )
        flags.add(
            "aggregator-reject-forwarding-redirect",
            BOOL,
            self,
            "reject_forwarding_redirects",
            "Aggregator reject forwarding redirect response back to client.",
        )
        flags.add(
            "max-requests-per-apiservice",
            INT,
            self,
            "requests_per_backend",
            "How many requests to one APIService may be under way, long-running ones not counted; more are refused with "
            "429, so that a server that hangs takes nothing from the others.",
        )
        flags.add(
            "service-endpoint",
            STRINGS,
            self,
            "service_endpoint",
            "Where a service is, as NAMESPACE/NAME=HOST:PORT, for services that no cluster knows; it is not looked up then. "
            "May be given several times.",
        )
        flags.add(
            "services-kubeconfig",
            STRING,
            self,
            "core_kubeconfig",
            "The kubeconfig of the API server that knows services and endpoint slices. Without it this server serves both.",
        )
        if self._own_enablement:
            assert self.recommended.api_enablement is not None
            self.recommended.api_enablement.add_flags(flags)

    @property
    def _own_enablement(self) -> bool:
        """Whether nobody else, as a server that stands alone, brings --runtime-config."""
        return self.recommended.metrics is None

    @property
    def service_names(self) -> list[str]:
        """The names that the certificates of the servers in the table have to be for."""
        services = (text.partition("=")[0].partition("/") for text in self.service_endpoint)
        return [f"{name}.{namespace}.svc" for namespace, _, name in services]

    def complete(self) -> None:
        """Nothing follows from the flags."""

    def validate(self) -> list[str]:
        problems = self.recommended.validate()
        if not (self.proxy_client_cert_file and self.proxy_client_key_file):
            problems.append(MISSING_CERTIFICATE)
        if self.requests_per_backend < 1:
            problems.append(f"--max-requests-per-apiservice {self.requests_per_backend} must be at least 1")
        for text in self.service_endpoint:
            try:
                _static(text)
            except ValueError as error:
                problems.append(f"--service-endpoint {error}")
        if self._own_enablement and self.recommended.api_enablement is not None:
            scheme = self.serializer.scheme
            groups = {version.group for version in scheme.prioritized_versions_all_groups()}
            problems += self.recommended.api_enablement.validate(groups)
        return problems

    async def server(self) -> GenericAPIServer:
        """Make the aggregator and the server behind it. Raises ConfigError."""
        if (serving := self.recommended.secure_serving) is not None and not serving.cert_file:
            serving.maybe_default_with_self_signed_certs("localhost", alternate_ips=["127.0.0.1"])
        version = EffectiveVersion(KUBE_VERSION, KUBE_FLOOR)
        config = RecommendedConfig(
            effective_version=version,
            feature_gate=default_feature_gate(),
            openapi=OpenAPIConfig(title="Kubernetes", version=str(KUBE_VERSION)),
        )
        await self.recommended.apply_to(config)
        async with config.closed_on_error():
            self.aggregator = await self.aggregator_of(config, self.extra_of(config, self._certificate()))
        return self.aggregator.server

    async def aggregator_of(self, config: RecommendedConfig, extra: ExtraConfig) -> APIAggregator:
        """An aggregator from *config*, with the server of this process behind it. Raises ConfigError, APIGroupError."""
        front = without_what_is_made_once(config)
        completed = AggregatorConfig(generic=front, extra=extra, serializer=self.serializer).complete()
        behind = config.complete()
        end = EmptyDelegate(not_found_handler(send_error=behind.send_error))
        delegate = behind.new(local.NAME, end)
        async with config.closed_on_error():
            local.install(delegate, self.serializer)
            for module in self.control_plane:
                if module is not core:  # it is there in any case
                    module.install(delegate, self.serializer)
            return completed.new(delegate)

    def _certificate(self) -> CertKeyContentProvider:
        """Raises ConfigError."""
        try:
            return DynamicCertKeyContent.from_files(
                "aggregator-proxy-cert", self.proxy_client_cert_file, self.proxy_client_key_file
            )
        except (CertificateError, OSError) as error:
            raise ConfigError(f"unable to load the proxy's client certificate: {reason(error)}") from error

    def extra_of(self, config: RecommendedConfig, certificate: CertKeyContentProvider) -> ExtraConfig:
        """What the flags say, for an aggregator that shows *certificate*. Raises ConfigError."""
        informers = self._core_informers(config)
        decode = self.serializer.from_unstructured
        services = InformedServices(
            informers.informer(SERVICES_PATH, lambda raw: decode(raw, Service, strict=False)[0])
        )
        slices = InformedSlices(
            informers.informer(SLICES_PATH, lambda raw: decode(raw, EndpointSlice, strict=False)[0])
        )
        static = StaticResolver(
            dict(map(_static, self.service_endpoint)),
            otherwise=(
                EndpointResolver(services, slices) if self.enable_aggregator_routing else ClusterIPResolver(services)
            ),
        )
        resolver: ServiceResolver = static
        return ExtraConfig(
            service_resolver=resolver,
            core_informers=informers,
            services=services,
            slices=slices,
            static_services=static,
            proxy_client_cert=certificate,
            reject_forwarding_redirects=self.reject_forwarding_redirects,
            requests_per_backend=self.requests_per_backend,
        )

    def _core_informers(self, config: RecommendedConfig) -> InformerFactory:
        """Raises ConfigError."""
        if not self.core_kubeconfig:
            return InformerFactory(config.new_loopback_transport())
        try:
            client = RESTClient(load_kubeconfig(self.core_kubeconfig), metrics=config.metrics)
        except (KubeconfigError, OSError, ValueError) as error:
            raise ConfigError(f"--services-kubeconfig: {error}") from error
        config.add_cleanup(client.aclose)
        return InformerFactory(client)


def without_what_is_made_once(config: RecommendedConfig) -> RecommendedConfig:
    """A copy of *config* for the server in front, which takes hooks and cleanups over from the one behind."""
    front: RecommendedConfig = copy.copy(config)
    front.post_start_hooks = {}
    front.cleanups = []
    front.healthz_checks, front.livez_checks, front.readyz_checks = (
        list(config.healthz_checks),
        list(config.livez_checks),
        list(config.readyz_checks),
    )
    return front


def _static(text: str) -> tuple[str, Endpoint]:
    """Read `namespace/name=host:port`. Raises ValueError."""
    service, separator, endpoint = text.partition("=")
    namespace, slash, name = service.partition("/")
    if not separator or not slash or not namespace or not name or "/" in name:
        raise ValueError(f"{quote(text)} is not NAMESPACE/NAME=HOST:PORT")
    try:
        return service, Endpoint.parse(endpoint)
    except ValueError as error:
        raise ValueError(f"{quote(text)}: {error}") from error
