"""ResourceSlice: the devices that drivers have to give.

Source: k8s.io/api/resource/v1/types.go.
"""

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.types import Int64, Quantity, Time, api_type, field
from genericapiserver.apis.core_v1.placement import NodeSelector

MODEL_PACKAGE = "io.k8s.api.resource.v1"


@api_type
class ResourcePool:
    """ResourcePool is the pool that the devices of a slice belong to."""

    name: str = field(doc="The name of the pool.")
    generation: Int64 = field(doc="Counts the changes of the pool; older slices do not count.")
    resource_slice_count: Int64 = field(doc="How many slices the pool has.")


@api_type
class DeviceAttribute:
    """DeviceAttribute is a value that a device can be selected by; one of its fields is set."""

    int_: Int64 | None = field(default=None, number=2, doc="A number.")
    bool_: bool | None = field(default=None, number=3, doc="A truth.")
    string: str | None = field(default=None, number=4, doc="A text.")
    version: str | None = field(default=None, number=5, doc="A version, as semver.org has it.")
    ints: list[Int64] = field(factory=list, list_type="atomic", number=6, doc="Numbers.")
    bools: list[bool] = field(factory=list, list_type="atomic", number=7, doc="Truths.")
    strings: list[str] = field(factory=list, list_type="atomic", number=8, doc="Texts.")
    versions: list[str] = field(factory=list, list_type="atomic", number=9, doc="Versions.")


@api_type
class CapacityRequestPolicyRange:
    """CapacityRequestPolicyRange is amounts between two bounds, in steps."""

    min: Quantity | None = field(default=None, doc="The least.")
    max: Quantity | None = field(default=None, doc="The most.")
    step: Quantity | None = field(default=None, doc="The steps between.")


@api_type
class CapacityRequestPolicy:
    """CapacityRequestPolicy says how a request for capacity is rounded."""

    default: Quantity | None = field(
        default=None, omit_empty=False, required=False, doc="What is given when nothing is asked for."
    )
    valid_values: list[Quantity] = field(
        factory=list, list_type="atomic", number=3, doc="The amounts that can be given."
    )
    valid_range: CapacityRequestPolicyRange | None = field(
        default=None, number=4, doc="The range of amounts that can be given."
    )


@api_type
class DeviceCapacity:
    """DeviceCapacity is an amount that a device has of something."""

    value: Quantity = field(doc="The amount.")
    request_policy: CapacityRequestPolicy | None = field(default=None, doc="How requests are rounded.")


@api_type
class Counter:
    """Counter is an amount that devices share."""

    value: Quantity = field(doc="The amount.")


@api_type
class DeviceCounterConsumption:
    """DeviceCounterConsumption is what a device takes of shared amounts."""

    counter_set: str = field(doc="The name of the set.")
    counters: dict[str, Counter] = field(factory=dict, doc="What it takes of each amount.")


@api_type
class DeviceTaint:
    """DeviceTaint keeps claims that do not tolerate it away from a device."""

    key: str = field(doc="The key of the taint.")
    value: str = field(default="", doc="The value that goes with the key.")
    effect: str = field(enum=["None", "NoSchedule", "NoExecute"], doc="None, NoSchedule or NoExecute.")
    time_added: Time | None = field(default=None, doc="When the taint was set.")


@api_type
class NodeAllocatableResourceMapping:
    """NodeAllocatableResourceMapping says what a device takes of the node's own resources."""

    capacity_key: str | None = field(default=None, doc="The capacity that the amount is taken from.")
    allocation_multiplier: Quantity | None = field(default=None, doc="What each unit of it takes.")


@api_type
class Device:
    """Device is one device of a slice."""

    name: str = field(doc="The name of the device, unique in its pool.")
    attributes: dict[str, DeviceAttribute] = field(factory=dict, doc="What it can be selected by.")
    capacity: dict[str, DeviceCapacity] = field(factory=dict, doc="What it has, and how much of it.")
    consumes_counters: list[DeviceCounterConsumption] = field(
        factory=list, list_type="atomic", doc="What it takes of shared amounts."
    )
    node_name: str | None = field(default=None, doc="The node it is on.")
    node_selector: NodeSelector | None = field(default=None, doc="The nodes it can be reached from.")
    all_nodes: bool | None = field(default=None, doc="Whether all nodes can reach it.")
    taints: list[DeviceTaint] = field(
        factory=list, list_type="atomic", doc="What keeps claims away that do not tolerate it."
    )
    binds_to_node: bool | None = field(default=None, doc="Whether a claim for it is bound to the node that was chosen.")
    binding_conditions: list[str] = field(
        factory=list, list_type="atomic", doc="Conditions that have to be true before the pod is bound."
    )
    binding_failure_conditions: list[str] = field(
        factory=list, list_type="atomic", doc="Conditions of which one says that it failed."
    )
    allow_multiple_allocations: bool | None = field(default=None, doc="Whether several claims can have it.")
    node_allocatable_resource_mappings: dict[str, NodeAllocatableResourceMapping] = field(
        factory=dict, doc="What it takes of the node's own resources."
    )


@api_type
class CounterSet:
    """CounterSet is amounts that the devices of a pool share."""

    name: str = field(doc="The name of the set.")
    counters: dict[str, Counter] = field(factory=dict, doc="The amounts.")


@api_type
class ResourceSliceSpec:
    """ResourceSliceSpec is devices of one driver, and where they can be reached."""

    driver: str = field(doc="The driver that publishes them.")
    pool: ResourcePool = field(doc="The pool they belong to.")
    node_name: str | None = field(default=None, doc="The node they are on.")
    node_selector: NodeSelector | None = field(default=None, doc="The nodes they can be reached from.")
    all_nodes: bool | None = field(default=None, doc="Whether all nodes can reach them.")
    devices: list[Device] = field(factory=list, list_type="atomic", doc="The devices.")
    per_device_node_selection: bool | None = field(
        default=None, doc="Whether each device says where it can be reached."
    )
    shared_counters: list[CounterSet] = field(
        factory=list, list_type="atomic", doc="Amounts that devices of the pool share."
    )


@api_type
class ResourceSlice(Object):
    """ResourceSlice is a part of the devices that a driver has to give."""

    spec: ResourceSliceSpec = field(doc="The devices, and where they can be reached.")
