"""rbac.authorization.k8s.io: roles and bindings, kept by this server.

Nobody can give more than they hold (`rbac_escalation`); the roles and bindings every cluster has are made at the start
(`rbac_bootstrap`); aggregated cluster roles are put together when others change (`rbac_aggregation`). Who decides by these
objects is the RBAC authorizer; without it they are kept all the same, as in the reference.

Source: pkg/registry/rbac of k8s.io/kubernetes.
"""

from collections.abc import Sequence
from typing import Any, Final

from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.field import FieldError
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis import rbac_v1
from genericapiserver.apis.rbac_v1 import (
    GROUP,
    GROUP_KIND,
    GROUP_VERSION,
    SERVICE_ACCOUNT,
    USER,
    ClusterRole,
    ClusterRoleBinding,
    Role,
    RoleBinding,
)
from genericapiserver.authorization.rbac_validation import (
    validate_binding,
    validate_binding_update,
    validate_role,
    validate_role_update,
)
from genericapiserver.client.informer import InformerFactory
from genericapiserver.config import ConfigError
from genericapiserver.controlplane.rbac_aggregation import AGGREGATION_HOOK, ClusterRoleAggregation
from genericapiserver.controlplane.rbac_bootstrap import BOOTSTRAP_HOOK, bootstrap_roles
from genericapiserver.controlplane.rbac_escalation import GuardedStore, guard_roles
from genericapiserver.hooks import PostStartHookContext
from genericapiserver.registry.generic.options import RESTOptionsGetter, store_for
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.strategy import DefaultStrategy
from genericapiserver.registry.table import DEFAULT_COLUMNS, TableColumn, age
from genericapiserver.request import RequestContext
from genericapiserver.server import GenericAPIServer


class RBACStrategy(DefaultStrategy):
    """May be written without having been read, and by an update where there is nothing yet."""

    allow_create_on_update = True
    allow_unconditional_update = True


class RoleStrategy(RBACStrategy):
    def validate(self, context: RequestContext, obj: Role | ClusterRole) -> Sequence[FieldError]:
        return validate_role(obj)

    def validate_update(
        self, context: RequestContext, obj: Role | ClusterRole, old: Role | ClusterRole
    ) -> Sequence[FieldError]:
        return validate_role_update(obj, old)


class ClusterRoleStrategy(RoleStrategy):
    namespace_scoped = False


class BindingStrategy(RBACStrategy):
    def validate(self, context: RequestContext, obj: RoleBinding | ClusterRoleBinding) -> Sequence[FieldError]:
        return validate_binding(obj)

    def validate_update(
        self,
        context: RequestContext,
        obj: RoleBinding | ClusterRoleBinding,
        old: RoleBinding | ClusterRoleBinding,
    ) -> Sequence[FieldError]:
        return validate_binding_update(obj, old)


class ClusterBindingStrategy(BindingStrategy):
    namespace_scoped = False


def _subjects(kind: str) -> Any:
    """The names of a binding's subjects of *kind*, as a cell."""

    def cell(binding: RoleBinding | ClusterRoleBinding) -> str:
        return ", ".join(
            f"{subject.namespace}/{subject.name}" if kind == SERVICE_ACCOUNT else subject.name
            for subject in binding.subjects
            if subject.kind == kind
        )

    return cell


BINDING_COLUMNS: Final = (
    DEFAULT_COLUMNS[0],
    TableColumn("Role", lambda binding: f"{binding.role_ref.kind}/{binding.role_ref.name}", doc="The role given."),
    age(),
    TableColumn("Users", _subjects(USER), priority=1, doc="Users who get the role."),
    TableColumn("Groups", _subjects(GROUP_KIND), priority=1, doc="Groups that get the role."),
    TableColumn("ServiceAccounts", _subjects(SERVICE_ACCOUNT), priority=1, doc="Service accounts that get the role."),
)

RESOURCES: Final[dict[str, tuple[type[Any], type[RBACStrategy], Sequence[TableColumn]]]] = {
    "roles": (Role, RoleStrategy, DEFAULT_COLUMNS),
    "rolebindings": (RoleBinding, BindingStrategy, BINDING_COLUMNS),
    "clusterroles": (ClusterRole, ClusterRoleStrategy, DEFAULT_COLUMNS),
    "clusterrolebindings": (ClusterRoleBinding, ClusterBindingStrategy, BINDING_COLUMNS),
}


def register(scheme: Scheme) -> None:
    """Add the kinds to *scheme*."""
    rbac_v1.add_to_scheme(scheme)


def stores(getter: RESTOptionsGetter, scheme: Scheme) -> dict[str, GuardedStore]:
    """The store of each resource; nobody guards them yet."""
    made: dict[str, GuardedStore] = {}
    for name, (object_type, strategy, columns) in RESOURCES.items():
        store: Store = store_for(
            getter,
            object_type=object_type,
            qualified_resource=GroupResource(GROUP, name),
            singular_name=object_type.__name__.lower(),
            strategy=strategy(scheme),
            table_columns=columns,
            store_type=GuardedStore,
        )
        assert isinstance(store, GuardedStore), "store_for makes the type it is given"
        made[name] = store
    return made


def install(server: GenericAPIServer, serializer: CodecFactory) -> None:
    """Serve the group at *server*, with the hooks that fill it. Raises ConfigError, APIGroupError."""
    getter = server.config.rest_options_getter
    if getter is None:
        raise ConfigError("there is no storage to keep roles and bindings in")
    codec = serializer.with_protobuf()
    made = stores(getter, codec.scheme)
    guard_roles(made, server.config.authorization.authorizer)
    group = APIGroupInfo.for_group(GROUP, scheme=codec.scheme, serializer=codec)
    group.versioned_resources_storage[GROUP_VERSION.version] = dict(made)
    server.install_api_group(group)
    transport = server.config.new_loopback_transport()
    informers = getattr(server.config, "shared_informers", None) or InformerFactory(transport)
    aggregation = ClusterRoleAggregation(transport, informers, codec)

    async def bootstrap(context: PostStartHookContext) -> None:
        await bootstrap_roles(transport, codec)

    async def aggregate(context: PostStartHookContext) -> None:
        informers.start(context.spawn)
        context.run_as_leader(aggregation.run)

    server.add_post_start_hook(BOOTSTRAP_HOOK, bootstrap)
    server.add_post_start_hook(AGGREGATION_HOOK, aggregate)
