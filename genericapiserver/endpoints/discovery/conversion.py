"""The plain discovery document of a version as a part of the aggregated one (pkg/endpoints/discovery/aggregated/...)."""

from collections.abc import Sequence

from genericapiserver.apimachinery.meta import APIResource
from genericapiserver.endpoints.discovery.aggregated import (
    APIResourceDiscovery,
    APISubresourceDiscovery,
    ResponseKind,
)


def to_resource_discovery(resources: Sequence[APIResource]) -> list[APIResourceDiscovery]:
    """Resources with their subresources below them, in the order they are given.

    A subresource without its resource makes an entry of no kind. Raises ValueError when the two differ in scope.
    """
    found: dict[str, APIResourceDiscovery] = {}
    for resource in resources:
        parent, _, subresource = resource.name.partition("/")
        scope = "Namespaced" if resource.namespaced else "Cluster"
        kind = ResponseKind(group=resource.group, version=resource.version, kind=resource.kind)
        entry = found.get(parent)
        if not subresource:
            made = APIResourceDiscovery(
                resource=parent,
                response_kind=kind,
                scope=scope,
                singular_resource=resource.singular_name,
                verbs=list(resource.verbs),
                short_names=list(resource.short_names),
                categories=list(resource.categories),
                subresources=entry.subresources if entry is not None else [],
            )
            if entry is not None and entry.scope != scope:
                raise ValueError(f"scope mismatch between {parent} and its subresources")
            found[parent] = made
            continue
        if entry is None:
            entry = found[parent] = APIResourceDiscovery(
                resource=parent,
                response_kind=ResponseKind(group="", version="", kind=""),
                scope=scope,
                singular_resource="",
                verbs=[],
            )
        elif entry.scope != scope:
            raise ValueError(f"scope mismatch between {parent} and {resource.name}")
        entry.subresources.append(
            APISubresourceDiscovery(subresource=subresource, response_kind=kind, verbs=list(resource.verbs))
        )
    return list(found.values())
