"""What discovery answers: groups, versions and resources."""

from genericapiserver.apimachinery.types import api_type, field

MODEL_PACKAGE = "io.k8s.apimachinery.pkg.apis.meta.v1"


@api_type
class GroupVersionForDiscovery:
    """GroupVersionForDiscovery is one version of a group."""

    group_version: str = field(doc="Group and version, as in apiVersion.")
    version: str = field(doc="The version alone.")


@api_type
class ServerAddressByClientCIDR:
    """ServerAddressByClientCIDR is the address that clients of one network should use."""

    client_cidr: str = field(doc="The network of the client.")
    server_address: str = field(doc="Host and port of the server for these clients.")


@api_type(root=True)
class APIVersions:
    """APIVersions lists the versions under the legacy prefix /api."""

    versions: list[str] = field(doc="The versions that are available.", list_type="atomic")
    server_address_by_client_cidrs: list[ServerAddressByClientCIDR] = field(
        factory=list, omit_empty=False, doc="Addresses of the server by network of the client.", list_type="atomic"
    )


@api_type(root=True)
class APIGroup:
    """APIGroup is one group with its versions."""

    name: str = field(doc="Name of the group.")
    versions: list[GroupVersionForDiscovery] = field(doc="The versions of this group.", list_type="atomic")
    preferred_version: GroupVersionForDiscovery | None = field(
        default=None, doc="The version that the server prefers and clients should use."
    )
    server_address_by_client_cidrs: list[ServerAddressByClientCIDR] = field(
        factory=list, doc="Addresses of the server by network of the client.", list_type="atomic"
    )


@api_type(root=True)
class APIGroupList:
    """APIGroupList lists the groups under /apis."""

    groups: list[APIGroup] = field(doc="The groups.", list_type="atomic")


@api_type
class APIResource:
    """APIResource is one resource of a group version."""

    name: str = field(doc="Plural name of the resource, or resource/subresource.")
    singular_name: str = field(doc="Singular name of the resource.")
    namespaced: bool = field(doc="Whether objects live in namespaces.")
    group: str = field(default="", doc="Group of the kind when it is not that of the list.")
    version: str = field(default="", doc="Version of the kind when it is not that of the list.")
    kind: str = field(doc="Kind of the objects.")
    verbs: list[str] = field(doc="What may be asked of the resource.")
    short_names: list[str] = field(factory=list, doc="Other names for command lines.", list_type="atomic")
    categories: list[str] = field(factory=list, doc="Groups of resources that this one is part of.", list_type="atomic")
    storage_version_hash: str = field(default="", doc="Changes with the version that objects are stored in.")


@api_type(root=True)
class APIResourceList:
    """APIResourceList lists the resources of one group version."""

    group_version: str = field(doc="Group and version of the resources.")
    resources: list[APIResource] = field(doc="The resources.", list_type="atomic")
