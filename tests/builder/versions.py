"""A kind in two versions, as two modules would declare it: classes of one name, one of which is stored."""

from typing import Any

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.schema import GroupVersionResource
from genericapiserver.apimachinery.types import api_type, field
from genericapiserver.apis.autoscaling_v1 import Scale, ScaleSpec, ScaleStatus

GROUP = "fleet.example.com"


class V1:
    """fleet.example.com/v1, which is stored."""

    @api_type(model_name="com.example.fleet.v1.Truck")
    class Truck(Object):
        """Truck carries things, so many wheels at a time."""

        group_version_resource = GroupVersionResource(GROUP, "v1", "trucks")
        categories = ("all", "vehicles")
        indexing_fields = ("color",)

        color: str = field(default="", doc="What it looks like.")
        wheels: int = field(default=0, doc="How many are wanted.")
        mounted: int = field(default=0, doc="How many there are.")

        def default(self) -> None:
            self.wheels = self.wheels or 4

        def get_scale(self) -> Scale:
            return Scale(spec=ScaleSpec(replicas=self.wheels), status=ScaleStatus(replicas=self.mounted))

        def set_scale(self, scale: Scale) -> None:
            self.wheels = scale.spec.replicas


class V1Beta1:
    """fleet.example.com/v1beta1, which counted axles."""

    @api_type(model_name="com.example.fleet.v1beta1.Truck")
    class Truck(Object):
        """Truck carries things, so many axles at a time."""

        group_version_resource = GroupVersionResource(GROUP, "v1beta1", "trucks")
        is_storage_version = False

        colour: str = field(default="", doc="What it looks like.")
        axles: int = field(default=0, doc="How many are wanted.")

        @classmethod
        def new_storage_version_object(cls) -> Any:
            return V1.Truck()

        def convert_to_storage_version(self, storage_obj: Any) -> None:
            storage_obj.color, storage_obj.wheels = self.colour, 2 * self.axles

        def convert_from_storage_version(self, storage_obj: Any) -> None:
            self.colour, self.axles = storage_obj.color, storage_obj.wheels // 2


def truck(version: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": f"{GROUP}/{version}", "kind": "Truck", "metadata": {"name": "t"}, **fields}


def path(version: str, name: str = "") -> str:
    return f"/apis/{GROUP}/{version}/namespaces/default/trucks" + (f"/{name}" if name else "")
