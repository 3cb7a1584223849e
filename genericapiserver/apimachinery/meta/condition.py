"""Condition: one aspect of the state of an object, as status blocks list them.

The descriptions are wire texts: `kubectl explain` prints them.
"""

from genericapiserver.apimachinery.types import Int64, Time, api_type, field

MODEL_PACKAGE = "io.k8s.apimachinery.pkg.apis.meta.v1"

CONDITION_TRUE = "True"
CONDITION_FALSE = "False"
CONDITION_UNKNOWN = "Unknown"


@api_type
class Condition:
    """Condition contains details for one aspect of the current state of this API Resource."""

    type: str = field(doc="type of condition in CamelCase or in foo.example.com/CamelCase.")
    status: str = field(doc="status of the condition, one of True, False, Unknown.")
    observed_generation: Int64 = field(
        default=0,
        doc=(
            "observedGeneration represents the .metadata.generation that the condition was set based upon. For instance, "
            "if .metadata.generation is currently 12, but the .status.conditions[x].observedGeneration is 9, the "
            "condition is out of date with respect to the current state of the instance."
        ),
    )
    last_transition_time: Time | None = field(
        default=None,
        omit_empty=False,
        doc=(
            "lastTransitionTime is the last time the condition transitioned from one status to another. This should be "
            "when the underlying condition changed.  If that is not known, then using the time when the API field "
            "changed is acceptable."
        ),
    )
    reason: str = field(
        doc=(
            "reason contains a programmatic identifier indicating the reason for the condition's last transition. "
            "Producers of specific condition types may define expected values and meanings for this field, and whether "
            "the values are considered a guaranteed API. The value should be a CamelCase string. This field may not be "
            "empty."
        )
    )
    message: str = field(
        doc="message is a human readable message indicating details about the transition. This may be an empty string."
    )
