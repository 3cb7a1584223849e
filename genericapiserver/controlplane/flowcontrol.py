"""flowcontrol.apiserver.k8s.io: flow schemas and priority levels, for a server that stands alone.

The server's own flow control follows these objects. They are there from the start, and what is mandatory is put right when
somebody changes it. Source: pkg/registry/flowcontrol of k8s.io/kubernetes.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from genericapiserver.api_group import APIGroupInfo
from genericapiserver.apimachinery.field import FieldError
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apis import flowcontrol_v1
from genericapiserver.apis.flowcontrol_v1 import (
    DANGLING,
    GROUP,
    GROUP_VERSION,
    FlowSchema,
    PriorityLevelConfiguration,
)
from genericapiserver.config import ConfigError, RecommendedConfig
from genericapiserver.controlplane.flowcontrol_bootstrap import BootstrapError, ensure_at_start, keep_ensured
from genericapiserver.controlplane.flowcontrol_validation import (
    validate_conditions,
    validate_flow_schema,
    validate_priority_level,
)
from genericapiserver.flowcontrol.consumer import ConfigConsumer
from genericapiserver.flowcontrol.priority_level import queuing_of
from genericapiserver.hooks import HookError, PostStartHookContext
from genericapiserver.registry.generic.options import RESTOptionsGetter, store_for
from genericapiserver.registry.generic.store import Store
from genericapiserver.registry.rest import RESTStorage
from genericapiserver.registry.status_store import SpecStatusStrategy, StatusStore, StatusStrategy
from genericapiserver.registry.table import DEFAULT_COLUMNS, TableColumn, age
from genericapiserver.request import RequestContext
from genericapiserver.server import GenericAPIServer

PRODUCER_HOOK: Final = "priority-and-fairness-config-producer"
NONE: Final = "<none>"


class FlowSchemaStrategy(SpecStatusStrategy):
    """The rules of flow schemas."""

    namespace_scoped = False
    allow_unconditional_update = True

    def validate(self, context: RequestContext, obj: FlowSchema) -> Sequence[FieldError]:
        return validate_flow_schema(obj)

    def validate_update(self, context: RequestContext, obj: FlowSchema, old: FlowSchema) -> Sequence[FieldError]:
        return validate_flow_schema(obj)


class PriorityLevelStrategy(SpecStatusStrategy):
    """The rules of priority levels."""

    namespace_scoped = False
    allow_unconditional_update = True

    def validate(self, context: RequestContext, obj: PriorityLevelConfiguration) -> Sequence[FieldError]:
        return validate_priority_level(obj)

    def validate_update(
        self, context: RequestContext, obj: PriorityLevelConfiguration, old: PriorityLevelConfiguration
    ) -> Sequence[FieldError]:
        return validate_priority_level(obj)


class ConditionsStrategy(StatusStrategy):
    """Of an update of the status only the status is looked at: what is stored beside it may be from before a rule."""

    def validate_update(self, context: RequestContext, obj: Any, old: Any) -> Sequence[FieldError]:
        return validate_conditions(obj.status.conditions)


def _missing_level(schema: FlowSchema) -> str:
    return next((each.status for each in schema.status.conditions if each.type == DANGLING), "?")


def _distinguisher(schema: FlowSchema) -> str:
    method = schema.spec.distinguisher_method
    return NONE if method is None else method.type


def _shares(level: PriorityLevelConfiguration) -> str:
    part = level.spec.limited or level.spec.exempt
    return NONE if part is None or part.nominal_concurrency_shares is None else str(part.nominal_concurrency_shares)


def _queuing(attribute: str) -> Any:
    def read(level: PriorityLevelConfiguration) -> str:
        queuing = queuing_of(level)
        return NONE if queuing is None else str(getattr(queuing, attribute))

    return read


SCHEMA_COLUMNS: Final = (
    DEFAULT_COLUMNS[0],
    TableColumn("PriorityLevel", "spec.priority_level_configuration.name"),
    TableColumn("MatchingPrecedence", lambda schema: str(schema.spec.matching_precedence)),
    TableColumn("DistinguisherMethod", _distinguisher),
    age(),
    TableColumn("MissingPL", _missing_level, doc="references a broken or non-existent PriorityLevelConfiguration"),
)
LEVEL_COLUMNS: Final = (
    DEFAULT_COLUMNS[0],
    TableColumn("Type", "spec.type"),
    TableColumn("NominalConcurrencyShares", _shares),
    TableColumn("Queues", _queuing("queues")),
    TableColumn("HandSize", _queuing("hand_size")),
    TableColumn("QueueLengthLimit", _queuing("queue_length_limit")),
    age(),
)


def register(scheme: Scheme) -> None:
    """Add both kinds to *scheme*."""
    flowcontrol_v1.add_to_scheme(scheme)


def api_group(getter: RESTOptionsGetter, serializer: CodecFactory) -> APIGroupInfo:
    """The group, kept where *getter* says; the scheme of *serializer* has the kinds by `register`."""
    scheme = serializer.scheme
    storages: dict[str, RESTStorage] = {}
    kinds: tuple[tuple[type[Any], str, SpecStatusStrategy, tuple[TableColumn, ...]], ...] = (
        (FlowSchema, "flowschema", FlowSchemaStrategy(scheme, versions=[GROUP_VERSION]), SCHEMA_COLUMNS),
        (
            PriorityLevelConfiguration,
            "prioritylevelconfiguration",
            PriorityLevelStrategy(scheme, versions=[GROUP_VERSION]),
            LEVEL_COLUMNS,
        ),
    )
    for kind, singular, strategy, columns in kinds:
        plural = f"{singular}s"
        store: Store = store_for(
            getter,
            object_type=kind,
            qualified_resource=GroupResource(GROUP, plural),
            singular_name=singular,
            strategy=strategy,
            table_columns=columns,
        )
        storages[plural] = store
        storages[f"{plural}/status"] = StatusStore(
            store, ConditionsStrategy(strategy, scheme, versions=[GROUP_VERSION])
        )
    group = APIGroupInfo.for_group(GROUP, scheme=scheme, serializer=serializer)
    group.versioned_resources_storage[GROUP_VERSION.version] = storages
    return group


def install(server: GenericAPIServer, serializer: CodecFactory) -> None:
    """Serve the group at *server*, keep what it starts with there, and have its flow control follow.

    Raises ConfigError, APIGroupError.
    """
    config = server.config
    if config.rest_options_getter is None:
        raise ConfigError("there is no storage to keep flow schemas and priority levels in")
    server.install_api_groups(api_group(config.rest_options_getter, serializer))
    transport = config.new_loopback_transport()
    consumer: ConfigConsumer | None = None
    if (
        config.flow_control is not None
        and isinstance(config, RecommendedConfig)
        and config.shared_informers is not None
    ):
        consumer = config.flow_control.follow(config.shared_informers)

    async def produce(context: PostStartHookContext) -> None:
        try:
            await ensure_at_start(transport)
        except BootstrapError as error:
            raise HookError(f"the objects of flow control could not be made: {error}") from error
        context.run_as_leader(partial(keep_ensured, transport))
        if consumer is not None:
            consumer.begin.set()

    server.add_post_start_hook(PRODUCER_HOOK, produce)
