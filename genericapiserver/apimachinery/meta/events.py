"""What is neither an object nor a list: the frame of a watch, and the body of a patch."""

from genericapiserver.apimachinery.types import RawJSON, api_type, field

MODEL_PACKAGE = "io.k8s.apimachinery.pkg.apis.meta.v1"


@api_type
class WatchEvent:
    """WatchEvent is one event of a watch stream."""

    type: str = field(doc="ADDED, MODIFIED, DELETED, BOOKMARK or ERROR.")
    object: RawJSON = field(
        default=None, omit_empty=False, format="RawExtension", doc="The object after the change, or a Status for ERROR."
    )


@api_type
class Patch:
    """Patch is the body of a PATCH request, in the format that the Content-Type says."""
