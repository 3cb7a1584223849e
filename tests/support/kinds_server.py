"""A server that stands alone and serves Kubernetes' own kinds, other than roles: `python -m tests.support.kinds_server`.

Objects are kept as they are written, status and all, so that tests can show what no controller is there to bring about.
"""

import sys
from typing import Any

from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis import core_v1, rbac_v1
from genericapiserver.builder.program import ResourceServerOptions
from genericapiserver.builder.resource import ResourceStrategy
from genericapiserver.builder.standalone import run_standalone
from genericapiserver.config import DEFAULT_LEGACY_API_PREFIX, ConfigError, RecommendedConfig
from genericapiserver.controlplane.core import EVENT_COLUMNS, EVENT_FIELDS
from genericapiserver.minkapi.kinds import FURTHER_KINDS, KINDS, ServedKind, new_scheme
from genericapiserver.openapi import OpenAPIConfig
from genericapiserver.options.recommended import RecommendedOptions
from genericapiserver.registry.generic.options import RESTOptionsGetter, store_for
from genericapiserver.registry.selectable_fields import selectable_attributes
from genericapiserver.registry.strategy import DefaultStrategy
from genericapiserver.server import GenericAPIServer

CORE_EVENTS = ServedKind(
    object_type=core_v1.Event,
    group_version=core_v1.GROUP_VERSION,
    plural="events",
    short_names=("ev",),
    columns=EVENT_COLUMNS,
    selectable=EVENT_FIELDS,
)
"""`kubectl describe` asks for them."""
# Roles are served by the control plane of a server that stands alone.
SERVED = [kind for kind in (*KINDS, *FURTHER_KINDS, CORE_EVENTS) if kind.group_version != rbac_v1.GROUP_VERSION]


class KindsServerOptions(ResourceServerOptions):
    """The options of a server of SERVED."""

    def __init__(self) -> None:
        super().__init__((), name="kinds")
        self.scheme = new_scheme(SERVED)
        self.serializer = CodecFactory(self.scheme).with_protobuf()
        self.recommended = RecommendedOptions(prefix="/registry", serializer=self.serializer)

    async def server(self) -> GenericAPIServer:
        config = RecommendedConfig(
            effective_version=self.version, feature_gate=self.feature_gate, openapi=OpenAPIConfig(title=self.name)
        )
        await self.recommended.apply_to(config)
        getter = config.rest_options_getter
        if getter is None:
            raise ConfigError("there is no storage")
        async with config.closed_on_error():
            server = config.complete().new(self.name)
            groups: dict[str, APIGroupInfo] = {}
            for kind in SERVED:
                group = kind.group_version.group
                if group not in groups:
                    groups[group] = APIGroupInfo.for_group(group, scheme=self.scheme, serializer=self.serializer)
                storage = groups[group].versioned_resources_storage.setdefault("v1", {})
                storage[kind.plural] = new_store(getter, kind, self.scheme)
            server.install_legacy_api_group(DEFAULT_LEGACY_API_PREFIX, groups.pop(""))
            server.install_api_groups(*groups.values())
        return server


def new_store(getter: RESTOptionsGetter, kind: ServedKind, scheme: Scheme) -> Any:
    strategy: DefaultStrategy = ResourceStrategy(scheme)
    strategy.namespace_scoped = kind.namespaced
    return store_for(
        getter,
        object_type=kind.object_type,
        qualified_resource=kind.resource.group_resource,
        singular_name=kind.singular,
        strategy=strategy,
        attributes=selectable_attributes(kind.selectable, namespaced=kind.namespaced),
        short_names=kind.short_names,
        categories=kind.categories,
        table_columns=kind.columns,
    )


if __name__ == "__main__":
    sys.exit(run_standalone("kinds", KindsServerOptions(), sys.argv[1:], hint="get nodes"))
