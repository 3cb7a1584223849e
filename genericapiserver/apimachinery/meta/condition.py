"""Condition: one aspect of the state of an object, as status blocks list them."""

from genericapiserver.apimachinery.types import Int64, Time, api_type, field

MODEL_PACKAGE = "io.k8s.apimachinery.pkg.apis.meta.v1"

CONDITION_TRUE = "True"
CONDITION_FALSE = "False"
CONDITION_UNKNOWN = "Unknown"


@api_type
class Condition:
    """Condition is one aspect of the current state of an object."""

    type: str = field(doc="Type of the condition, in CamelCase.")
    status: str = field(doc="True, False or Unknown.")
    observed_generation: Int64 = field(default=0, doc="The generation that the condition was set for.")
    last_transition_time: Time | None = field(
        default=None, omit_empty=False, doc="When the condition last went from one status to another."
    )
    reason: str = field(doc="A word in CamelCase for the last transition.")
    message: str = field(doc="A human-readable description of the transition; may be empty.")
