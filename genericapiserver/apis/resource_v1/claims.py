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

    expression: str = field()


@api_type
class DeviceSelector:
    """DeviceSelector selects devices; one of its fields is set."""

    cel: CELDeviceSelector | None = field(default=None)


@api_type
class DeviceToleration:
    """DeviceToleration lets a claim have a device in spite of taints that it matches."""

    key: str = field(default="")
    operator: str = field(default="", enum=["Exists", "Equal"])
    value: str = field(default="")
    effect: str = field(default="", enum=["None", "NoSchedule", "NoExecute"])
    toleration_seconds: Int64 | None = field(default=None)


@api_type
class CapacityRequirements:
    """CapacityRequirements is how much of a device's capacity is asked for."""

    requests: dict[str, Quantity] = field(factory=dict)


@api_type
class ExactDeviceRequest:
    """ExactDeviceRequest asks for devices of one class."""

    device_class_name: str = field()
    selectors: list[DeviceSelector] = field(factory=list, list_type="atomic")
    allocation_mode: str = field(default="")
    count: Int64 = field(default=0)
    admin_access: bool | None = field(default=None)
    tolerations: list[DeviceToleration] = field(factory=list, list_type="atomic")
    capacity: CapacityRequirements | None = field(default=None)


@api_type
class DeviceSubRequest:
    """DeviceSubRequest is one of several ways to meet a request."""

    name: str = field()
    device_class_name: str = field()
    selectors: list[DeviceSelector] = field(factory=list, list_type="atomic")
    allocation_mode: str = field(default="")
    count: Int64 = field(default=0)
    tolerations: list[DeviceToleration] = field(factory=list, list_type="atomic")
    capacity: CapacityRequirements | None = field(default=None)


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

    requests: list[str] = field(factory=list, list_type="atomic")
    match_attribute: str | None = field(default=None)
    distinct_attribute: str | None = field(default=None)


@api_type
class OpaqueDeviceConfiguration:
    """OpaqueDeviceConfiguration is settings that only a driver understands."""

    driver: str = field()
    parameters: RawJSON = field(default=None, omit_empty=False, format="RawExtension")


@api_type
class DeviceClaimConfiguration:
    """DeviceClaimConfiguration is settings for requests of a claim."""

    requests: list[str] = field(factory=list, list_type="atomic")
    opaque: OpaqueDeviceConfiguration | None = field(default=None, inlined=2, number=1)


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

    request: str = field()
    driver: str = field()
    pool: str = field()
    device: str = field()
    admin_access: bool | None = field(default=None)
    tolerations: list[DeviceToleration] = field(factory=list, list_type="atomic")
    binding_conditions: list[str] = field(factory=list, list_type="atomic")
    binding_failure_conditions: list[str] = field(factory=list, list_type="atomic")
    share_id: str | None = field(default=None)
    consumed_capacity: dict[str, Quantity] = field(factory=dict)


@api_type
class DeviceAllocationConfiguration:
    """DeviceAllocationConfiguration is settings that go with what was given."""

    source: str = field(enum=["FromClass", "FromClaim"])
    requests: list[str] = field(factory=list, list_type="atomic")
    opaque: OpaqueDeviceConfiguration | None = field(default=None, inlined=3, number=1)


@api_type
class DeviceAllocationResult:
    """DeviceAllocationResult is the devices that were given."""

    results: list[DeviceRequestAllocationResult] = field(factory=list, list_type="atomic")
    config: list[DeviceAllocationConfiguration] = field(factory=list, list_type="atomic")


@api_type
class AllocationResult:
    """AllocationResult is what was given for a claim."""

    devices: DeviceAllocationResult = field(factory=DeviceAllocationResult)
    node_selector: NodeSelector | None = field(default=None, number=3)
    allocation_timestamp: Time | None = field(default=None, number=5)


@api_type
class ResourceClaimConsumerReference:
    """ResourceClaimConsumerReference names who uses a claim."""

    api_group: str = field(default="")
    resource: str = field(number=3)
    name: str = field(number=4)
    uid: str = field(number=5)


@api_type
class NetworkDeviceData:
    """NetworkDeviceData is what is known of a network device."""

    interface_name: str = field(default="")
    ips: list[str] = field(factory=list, list_type="atomic")
    hardware_address: str = field(default="")


@api_type
class AllocatedDeviceStatus:
    """AllocatedDeviceStatus is what a driver says of a device it gave."""

    driver: str = field()
    pool: str = field()
    device: str = field()
    share_id: str | None = field(default=None, number=7)
    conditions: list[Condition] = field(
        factory=list,
        omit_empty=False,
        null_when_empty=True,
        required=False,
        list_type="map",
        list_map_keys=["type"],
        number=4,
    )
    data: RawJSON | None = field(default=None, format="RawExtension", number=5)
    network_data: NetworkDeviceData | None = field(default=None, number=6)


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
    spec: ResourceClaimSpec = field()


@api_type
class ResourceClaimTemplate(Object):
    """ResourceClaimTemplate is a claim to be made for each pod that names it."""

    spec: ResourceClaimTemplateSpec = field(doc="The claim. It cannot be changed.")
