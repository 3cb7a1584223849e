"""ResourceClaim, and the template that it is made from.

Source: k8s.io/api/resource/v1/types.go.
"""

from genericapiserver.apimachinery.meta import Condition, Object, ObjectMeta
from genericapiserver.apimachinery.types import Int64, Quantity, RawJSON, Time, api_type, field
from genericapiserver.apis.core_v1.placement import NodeSelector

MODEL_PACKAGE = "io.k8s.api.resource.v1"


@api_type
class CELDeviceSelector:
    """CELDeviceSelector selects devices by an expression."""

    expression: str = field(doc="The expression, in CEL.")


@api_type
class DeviceSelector:
    """DeviceSelector selects devices; one of its fields is set."""

    cel: CELDeviceSelector | None = field(default=None, doc="An expression.")


@api_type
class DeviceToleration:
    """DeviceToleration lets a claim have a device in spite of taints that it matches."""

    key: str = field(default="", doc="The key of the taint.")
    operator: str = field(default="", enum=["Exists", "Equal"], doc="Exists or Equal.")
    value: str = field(default="", doc="The value that goes with the key.")
    effect: str = field(default="", enum=["None", "NoSchedule", "NoExecute"], doc="None, NoSchedule or NoExecute.")
    toleration_seconds: Int64 | None = field(
        default=None, doc="Seconds that a NoExecute taint is borne; for ever unless given."
    )


@api_type
class CapacityRequirements:
    """CapacityRequirements is how much of a device's capacity is asked for."""

    requests: dict[str, Quantity] = field(factory=dict, doc="The amounts.")


@api_type
class ExactDeviceRequest:
    """ExactDeviceRequest asks for devices of one class."""

    device_class_name: str = field(doc="The class of the devices.")
    selectors: list[DeviceSelector] = field(factory=list, list_type="atomic", doc="What each device has to match.")
    allocation_mode: str = field(default="", doc="ExactCount, or All that there are.")
    count: Int64 = field(default=0, doc="How many, for ExactCount.")
    admin_access: bool | None = field(
        default=None, doc="Whether devices are shared with those who use them, to look after them."
    )
    tolerations: list[DeviceToleration] = field(factory=list, list_type="atomic", doc="The taints that are tolerated.")
    capacity: CapacityRequirements | None = field(default=None, doc="How much of each device's capacity is asked for.")


@api_type
class DeviceSubRequest:
    """DeviceSubRequest is one of several ways to meet a request."""

    name: str = field(doc="The name of the request.")
    device_class_name: str = field(doc="The class of the devices.")
    selectors: list[DeviceSelector] = field(factory=list, list_type="atomic", doc="What each device has to match.")
    allocation_mode: str = field(default="", doc="ExactCount, or All that there are.")
    count: Int64 = field(default=0, doc="How many, for ExactCount.")
    tolerations: list[DeviceToleration] = field(factory=list, list_type="atomic", doc="The taints that are tolerated.")
    capacity: CapacityRequirements | None = field(default=None, doc="How much of each device's capacity is asked for.")


@api_type
class DeviceRequest:
    """DeviceRequest asks for devices, in one way or in the first of several that can be had."""

    name: str = field(doc="The name of the request, by which containers and constraints refer to it.")
    exactly: ExactDeviceRequest | None = field(default=None, doc="What is asked for.")
    first_available: list[DeviceSubRequest] = field(
        factory=list, list_type="atomic", doc="Several ways, the best first."
    )


@api_type
class DeviceConstraint:
    """DeviceConstraint is what the devices of a claim have to have in common."""

    requests: list[str] = field(factory=list, list_type="atomic", doc="The requests that it is for; all unless given.")
    match_attribute: str | None = field(default=None, doc="An attribute in which the devices have to be the same.")
    distinct_attribute: str | None = field(default=None, doc="An attribute in which the devices have to differ.")


@api_type
class OpaqueDeviceConfiguration:
    """OpaqueDeviceConfiguration is settings that only a driver understands."""

    driver: str = field(doc="The driver.")
    parameters: RawJSON = field(default=None, omit_empty=False, format="RawExtension", doc="The settings.")


@api_type
class DeviceClaimConfiguration:
    """DeviceClaimConfiguration is settings for requests of a claim."""

    requests: list[str] = field(
        factory=list, list_type="atomic", doc="The requests that the settings are for; all unless given."
    )
    opaque: OpaqueDeviceConfiguration | None = field(
        default=None, inlined=2, number=1, doc="Settings that only the driver understands."
    )


@api_type
class DeviceClaim:
    """DeviceClaim is the devices that a claim asks for."""

    requests: list[DeviceRequest] = field(
        factory=list,
        omit_empty=False,
        null_when_empty=True,
        required=False,
        list_type="atomic",
        doc="What is asked for; all of it has to be given.",
    )
    constraints: list[DeviceConstraint] = field(
        factory=list, list_type="atomic", doc="What the devices have to have in common."
    )
    config: list[DeviceClaimConfiguration] = field(factory=list, list_type="atomic", doc="Settings for drivers.")


@api_type
class ResourceClaimSpec:
    """ResourceClaimSpec is what a claim asks for."""

    devices: DeviceClaim = field(factory=DeviceClaim, doc="The devices.")


@api_type
class DeviceRequestAllocationResult:
    """DeviceRequestAllocationResult is a device that was given for a request."""

    request: str = field(doc="The request that it was given for.")
    driver: str = field(doc="The driver of the device.")
    pool: str = field(doc="The pool of the device.")
    device: str = field(doc="The name of the device.")
    admin_access: bool | None = field(default=None, doc="Whether it is shared with those who use it.")
    tolerations: list[DeviceToleration] = field(
        factory=list, list_type="atomic", doc="The taints that the request tolerated."
    )
    binding_conditions: list[str] = field(
        factory=list, list_type="atomic", doc="Conditions that have to be true before the pod is bound."
    )
    binding_failure_conditions: list[str] = field(
        factory=list, list_type="atomic", doc="Conditions of which one says that it failed."
    )
    share_id: str | None = field(default=None, doc="Which share of the device it is.")
    consumed_capacity: dict[str, Quantity] = field(factory=dict, doc="What was given of its capacity.")


@api_type
class DeviceAllocationConfiguration:
    """DeviceAllocationConfiguration is settings that go with what was given."""

    source: str = field(enum=["FromClass", "FromClaim"], doc="FromClass or FromClaim.")
    requests: list[str] = field(
        factory=list, list_type="atomic", doc="The requests that the settings are for; all unless given."
    )
    opaque: OpaqueDeviceConfiguration | None = field(
        default=None, inlined=3, number=1, doc="Settings that only the driver understands."
    )


@api_type
class DeviceAllocationResult:
    """DeviceAllocationResult is the devices that were given."""

    results: list[DeviceRequestAllocationResult] = field(factory=list, list_type="atomic", doc="The devices.")
    config: list[DeviceAllocationConfiguration] = field(
        factory=list, list_type="atomic", doc="The settings that go with them."
    )


@api_type
class AllocationResult:
    """AllocationResult is what was given for a claim."""

    devices: DeviceAllocationResult = field(factory=DeviceAllocationResult, doc="The devices.")
    node_selector: NodeSelector | None = field(default=None, number=3, doc="The nodes where they can be used.")
    allocation_timestamp: Time | None = field(default=None, number=5, doc="When they were given.")


@api_type
class ResourceClaimConsumerReference:
    """ResourceClaimConsumerReference names who uses a claim."""

    api_group: str = field(default="", doc="The API group of the object.")
    resource: str = field(number=3, doc="The resource of the object.")
    name: str = field(number=4, doc="The name of the object.")
    uid: str = field(number=5, doc="The UID of the object.")


@api_type
class NetworkDeviceData:
    """NetworkDeviceData is what is known of a network device."""

    interface_name: str = field(default="", doc="The name of the interface.")
    ips: list[str] = field(factory=list, list_type="atomic", doc="Its addresses with their prefixes.")
    hardware_address: str = field(default="", doc="Its hardware address.")


@api_type
class AllocatedDeviceStatus:
    """AllocatedDeviceStatus is what a driver says of a device it gave."""

    driver: str = field(doc="The driver of the device.")
    pool: str = field(doc="The pool of the device.")
    device: str = field(doc="The name of the device.")
    share_id: str | None = field(default=None, number=7, doc="Which share of the device it is.")
    conditions: list[Condition] = field(
        factory=list,
        omit_empty=False,
        null_when_empty=True,
        required=False,
        list_type="map",
        list_map_keys=["type"],
        number=4,
        doc="What was last observed of the device.",
    )
    data: RawJSON | None = field(default=None, format="RawExtension", number=5, doc="Whatever the driver has to say.")
    network_data: NetworkDeviceData | None = field(default=None, number=6, doc="What is known of a network device.")


@api_type
class ResourceClaimStatus:
    """ResourceClaimStatus is what became of a claim."""

    allocation: AllocationResult | None = field(default=None, doc="What was given.")
    reserved_for: list[ResourceClaimConsumerReference] = field(
        factory=list,
        list_type="map",
        list_map_keys=["uid"],
        patch_strategy="merge",
        patch_merge_key="uid",
        doc="Who may use it.",
    )
    devices: list[AllocatedDeviceStatus] = field(
        factory=list,
        list_type="map",
        list_map_keys=["driver", "device", "pool", "shareID"],
        number=4,
        doc="What drivers say of the devices.",
    )


@api_type
class ResourceClaim(Object):
    """ResourceClaim asks for devices, and says which were given."""

    spec: ResourceClaimSpec = field(doc="What is asked for. It cannot be changed.")
    status: ResourceClaimStatus = field(factory=ResourceClaimStatus, doc="What became of it.")


@api_type
class ResourceClaimTemplateSpec:
    """ResourceClaimTemplateSpec is the claim that is made for a pod."""

    metadata: ObjectMeta = field(factory=ObjectMeta)
    spec: ResourceClaimSpec = field(doc="What the claim asks for.")


@api_type
class ResourceClaimTemplate(Object):
    """ResourceClaimTemplate is a claim to be made for each pod that names it."""

    spec: ResourceClaimTemplateSpec = field(doc="The claim. It cannot be changed.")
