"""The hub version of the wardle group: what the server works with. No client ever sees it."""

from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.types import api_type, field

FLUNDER = "Flunder"
FISCHER = "Fischer"


@api_type
class FlunderSpec:
    flunder_reference: str = ""
    fischer_reference: str = ""
    reference_type: str = ""


@api_type
class FlunderStatus:
    pass


@api_type
class Flunder(Object):
    spec: FlunderSpec = field(factory=FlunderSpec)
    status: FlunderStatus = field(factory=FlunderStatus)


@api_type
class Fischer(Object):
    disallowed_flunders: list[str] = field(factory=list)
