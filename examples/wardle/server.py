"""The sample server: flags to options, options to a config, a config to a running server."""

import sys
from collections.abc import Callable, Sequence

from examples.wardle import types, v1alpha1, v1beta1
from examples.wardle.banflunder import FISCHERS_PATH, NAME, BanFlunder, FischerInitializer
from examples.wardle.scheme import GROUP, new_scheme
from examples.wardle.strategy import FischerStrategy, FlunderStrategy
from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.client.informer import InformerFactory
from genericapiserver.component import (
    BuildInfo,
    ComponentGlobalsRegistry,
    EffectiveVersion,
    FeatureGate,
    FeatureSpec,
    Stage,
    Version,
)
from genericapiserver.config import RecommendedConfig
from genericapiserver.features import KUBE_FLOOR, KUBE_VERSION, default_feature_gate
from genericapiserver.hooks import PostStartHookContext
from genericapiserver.openapi import OpenAPIConfig
from genericapiserver.options.command import run_command
from genericapiserver.options.flags import FlagSet
from genericapiserver.options.recommended import RecommendedOptions
from genericapiserver.options.server_run import add_component_flags
from genericapiserver.registry.generic.options import store_for
from genericapiserver.server import GenericAPIServer

WARDLE_VERSION = Version(1, 2)
BAN_FLUNDER_FEATURE = {
    NAME: [
        FeatureSpec(version=Version(1, 0), default=False, stage=Stage.ALPHA),
        FeatureSpec(version=Version(1, 1), default=True, stage=Stage.BETA),
        FeatureSpec(version=Version(1, 2), default=True, stage=Stage.GA, lock_to_default=True),
    ]
}


def unstamped_build(version: Version) -> BuildInfo:
    """What the reference's sample says of itself when it is built without a release, by which clients are compared."""
    return BuildInfo(
        major=str(version.major),
        minor=str(version.minor),
        git_version="v0.0.0-master+$Format:%H$",
        git_commit="$Format:%H$",
        go_version="go1.26.6",
        compiler="gc",
    )


def kube_version_of(version: Version) -> Version | None:
    """Wardle 1.2 goes with this library's Kubernetes, each minor below with one minor below."""
    if version.major != 1:
        return None
    return min(KUBE_VERSION.with_minor(KUBE_VERSION.minor + version.minor - WARDLE_VERSION.minor), KUBE_VERSION)


class WardleServerOptions:
    """Everything the flags set, and the way from there to a server. *build* makes what /version says."""

    def __init__(self, *, build: Callable[[Version], BuildInfo] | None = None) -> None:
        self.scheme = new_scheme()
        self.serializer = CodecFactory(self.scheme)
        self.recommended = RecommendedOptions(
            prefix=f"/registry/{GROUP}",
            serializer=self.serializer,
            storage_versions=[v1alpha1.GROUP_VERSION],
        )
        if self.recommended.storage is not None:
            self.recommended.storage.initial_revision = 1  # as a new etcd, beside which this server is compared
        self.components = ComponentGlobalsRegistry()
        gate = FeatureGate(WARDLE_VERSION)
        gate.add(BAN_FLUNDER_FEATURE)
        self.components.register("wardle", EffectiveVersion(WARDLE_VERSION, build=build), gate)
        self.components.register("kube", EffectiveVersion(KUBE_VERSION, KUBE_FLOOR), default_feature_gate())
        self.components.set_version_mapping("wardle", "kube", kube_version_of)

    def add_flags(self, flags: FlagSet) -> None:
        self.recommended.add_flags(flags)
        add_component_flags(flags, self.components)

    def complete(self) -> None:
        """Settle versions and gates; the gate decides whether the plugin exists at all."""
        self.components.set()
        gate = self.components.gate_of("wardle")
        if gate is not None and gate.enabled(NAME) and self.recommended.admission is not None:
            self.recommended.admission.plugins.register(NAME, lambda configuration: BanFlunder())

    def validate(self) -> list[str]:
        return [*self.recommended.validate(), *self.components.validate()]

    async def server(self) -> GenericAPIServer:
        """Bind the port, open the storage and install both versions. Raises ConfigError."""
        if (serving := self.recommended.secure_serving) is not None:
            serving.maybe_default_with_self_signed_certs("localhost", alternate_ips=["127.0.0.1"])
        config = RecommendedConfig(
            effective_version=self.components.version_of("wardle"),
            feature_gate=self.components.gate_of("kube") or default_feature_gate(),
            openapi=OpenAPIConfig(title="Wardle", version="0.1"),
        )
        informers = InformerFactory(config.new_loopback_transport())
        fischers = informers.informer(
            FISCHERS_PATH, lambda raw: self.serializer.from_unstructured(raw, v1alpha1.Fischer, strict=False)[0]
        )
        await self.recommended.apply_to(config, initializers=[FischerInitializer(fischers)])

        async def start_informers(context: PostStartHookContext) -> None:
            informers.start(context.spawn)

        async with config.closed_on_error():
            server = config.complete().new("sample-apiserver")
            server.install_api_group(self.api_group(config))
            server.add_post_start_hook("start-sample-server-informers", start_informers)
        return server

    def api_group(self, config: RecommendedConfig) -> APIGroupInfo:
        getter = config.rest_options_getter
        assert getter is not None, "apply_to opened the storage"
        flunders = store_for(
            getter,
            object_type=types.Flunder,
            qualified_resource=GroupResource(GROUP, "flunders"),
            singular_name="flunder",
            strategy=FlunderStrategy(self.scheme),
        )
        fischers = store_for(
            getter,
            object_type=types.Fischer,
            qualified_resource=GroupResource(GROUP, "fischers"),
            singular_name="fischer",
            strategy=FischerStrategy(self.scheme),
        )
        group = APIGroupInfo.for_group(GROUP, scheme=self.scheme, serializer=self.serializer)
        group.versioned_resources_storage[v1alpha1.GROUP_VERSION.version] = {"flunders": flunders, "fischers": fischers}
        group.versioned_resources_storage[v1beta1.GROUP_VERSION.version] = {"flunders": flunders}
        return group


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until a signal; the exit status."""
    options = WardleServerOptions(build=unstamped_build)
    return run_command("wardle-apiserver", options, sys.argv[1:] if arguments is None else arguments)
