"""Status: what a server answers when it does not answer with an object."""

from genericapiserver.apimachinery.meta.objects import ListMeta
from genericapiserver.apimachinery.types import Int32, api_type, field

MODEL_PACKAGE = "io.k8s.apimachinery.pkg.apis.meta.v1"

STATUS_SUCCESS = "Success"
STATUS_FAILURE = "Failure"


@api_type
class StatusCause:
    """StatusCause is one of possibly several causes of a failure, such as one bad field."""

    reason: str = field(default="", doc="A machine-readable word for the cause.")
    message: str = field(default="", doc="A human-readable description of the cause.")
    field: str = field(default="", doc="The field that caused the error, by its JSON path.")


@api_type
class StatusDetails:
    """StatusDetails names what a Status is about."""

    name: str = field(default="", doc="The name of the resource that the status is about.")
    group: str = field(default="", doc="The group of the resource that the status is about.")
    kind: str = field(default="", doc="The kind, or on some operations the resource, that the status is about.")
    uid: str = field(default="", number=6, doc="The UID of the resource.")
    causes: list[StatusCause] = field(factory=list, number=4, doc="More about what failed.", list_type="atomic")
    retry_after_seconds: Int32 = field(default=0, number=5, doc="Seconds to wait before the operation is tried again.")


@api_type(root=True)
class Status:
    """Status is the answer to a request that does not return an object, above all to one that failed."""

    metadata: ListMeta = field(factory=ListMeta, doc="Metadata of the answer.")
    status: str = field(default="", doc="Success or Failure.")
    message: str = field(default="", doc="A human-readable description of what happened.")
    reason: str = field(default="", doc="A machine-readable word for why the request failed.")
    details: StatusDetails | None = field(default=None, doc="More about the reason.", list_type="atomic")
    code: Int32 = field(default=0, doc="The HTTP status code, 0 when not set.")
