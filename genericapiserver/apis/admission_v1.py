"""admission.k8s.io/v1: AdmissionReview, what an admission webhook is sent and what it answers.

Webhooks written in Python may use these classes; the server writes and reads them in `admission.webhook.review`. Source:
k8s.io/api/admission/v1/types.go. The order of the fields is the order on the wire.
"""

from typing import Any, Final

from genericapiserver.apimachinery.meta import Status
from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.types import RawJSON, api_type, field

GROUP_VERSION: Final = GroupVersion("admission.k8s.io", "v1")
MODEL_PACKAGE = "io.k8s.api.admission.v1"

PATCH_TYPE_JSON_PATCH: Final = "JSONPatch"


@api_type
class ReviewedKind:
    """ReviewedKind is a kind with its group and version."""

    group: str = field(default="", omit_empty=False, doc="The API group.")
    version: str = field(default="", omit_empty=False, doc="The API version.")
    kind: str = field(default="", omit_empty=False, doc="The kind.")


@api_type
class ReviewedResource:
    """ReviewedResource is a resource with its group and version."""

    group: str = field(default="", omit_empty=False, doc="The API group.")
    version: str = field(default="", omit_empty=False, doc="The API version.")
    resource: str = field(default="", omit_empty=False, doc="The resource.")


@api_type
class ReviewedUser:
    """ReviewedUser is who made the request."""

    username: str = field(default="", doc="The name.")
    uid: str = field(default="", doc="What tells users of one name apart in the course of time.")
    groups: list[str] = field(factory=list, list_type="atomic", doc="The groups of the user.")
    extra: dict[str, list[str]] = field(factory=dict, doc="What else the authenticator found out.")


@api_type
class AdmissionRequest:
    """AdmissionRequest describes a write."""

    uid: str = field(doc="Names this call; the answer has to repeat it.")
    kind: ReviewedKind = field(factory=ReviewedKind, doc="The kind of the object as it is sent here.")
    resource: ReviewedResource = field(factory=ReviewedResource, doc="The resource by which the webhook was chosen.")
    sub_resource: str = field(default="", doc="The subresource by which the webhook was chosen, if any.")
    request_kind: ReviewedKind | None = field(default=None, doc="The kind that the client sent.")
    request_resource: ReviewedResource | None = field(default=None, doc="The resource that the client wrote to.")
    request_sub_resource: str = field(default="", doc="The subresource that the client wrote to, if any.")
    name: str = field(default="", doc="The name of the object; empty when it is still to be generated.")
    namespace: str = field(default="", doc="The namespace of the object, if any.")
    operation: str = field(doc="CREATE, UPDATE, DELETE or CONNECT.")
    user_info: ReviewedUser = field(factory=ReviewedUser, doc="Who makes the request.")
    object: RawJSON = field(default=None, omit_empty=False, doc="The object as it is to be; null on DELETE.")
    old_object: RawJSON = field(default=None, omit_empty=False, doc="The object as it is; null on CREATE and CONNECT.")
    dry_run: bool | None = field(default=None, doc="Whether nothing is going to be stored.")
    options: RawJSON = field(default=None, omit_empty=False, doc="CreateOptions, UpdateOptions or DeleteOptions.")


@api_type
class AdmissionResponse:
    """AdmissionResponse is a webhook's decision."""

    uid: str = field(doc="The uid of the request.")
    allowed: bool = field(doc="Whether the write may go on.")
    result: Status | None = field(default=None, name="status", doc="Why it may not.")
    patch: bytes = field(default=b"", doc="What to change, as a JSON patch.")
    patch_type: str | None = field(default=None, doc="JSONPatch, whenever there is a patch.")
    audit_annotations: dict[str, str] = field(factory=dict, doc="What to write to the audit log.")
    warnings: list[str] = field(factory=list, list_type="atomic", doc="What to tell the client.")


@api_type(root=True)
class AdmissionReview:
    """AdmissionReview carries a request to a webhook, and its response back."""

    request: AdmissionRequest | None = field(default=None, doc="What is asked.")
    response: AdmissionResponse | None = field(default=None, doc="What is answered.")


def add_to_scheme(scheme: Scheme) -> None:
    """Register AdmissionReview."""
    scheme.add_known_types(GROUP_VERSION, AdmissionReview)


def user_extra(extra: Any) -> dict[str, list[str]]:
    """The extra of a user as it stands in a request."""
    return {key: list(values) for key, values in extra.items()}
