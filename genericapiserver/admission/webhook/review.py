"""AdmissionReview on the wire: the question in bytes, the answer checked.

Go: pkg/admission/plugin/webhook/request/admissionreview.go.
"""

import uuid
from collections.abc import Sequence
from typing import Any, Final

import attrs
import msgspec

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.matching import Match
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.meta import UNVERSIONED, CreateOptions, DeleteOptions, Status, UpdateOptions
from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionKind, GroupVersionResource
from genericapiserver.apimachinery.scheme import ConversionError, Scheme, type_name
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.serializer.json import parse_plain
from genericapiserver.apis import admission_v1, admission_v1beta1
from genericapiserver.apis.admission_v1 import (
    AdmissionRequest,
    AdmissionResponse,
    ReviewedKind,
    ReviewedResource,
    ReviewedUser,
    user_extra,
)

VERSIONS: Final = ("v1", "v1beta1")
_TYPES: Final[dict[str, type[Any]]] = {
    "v1": admission_v1.AdmissionReview,
    "v1beta1": admission_v1beta1.AdmissionReview,
}
_KINDS: Final = {version: GroupVersionKind("admission.k8s.io", version, "AdmissionReview") for version in VERSIONS}
_OPTIONS: Final = GroupVersion("meta.k8s.io", "v1")
_OPTION_TYPES: Final = (CreateOptions, UpdateOptions, DeleteOptions)


def _codec() -> CodecFactory:
    scheme = Scheme("admission")
    admission_v1.add_to_scheme(scheme)
    admission_v1beta1.add_to_scheme(scheme)
    scheme.add_known_types(_OPTIONS, *_OPTION_TYPES)
    scheme.add_unversioned_types(UNVERSIONED, Status)
    return CodecFactory(scheme)


_CODEC: Final = _codec()


class ReviewError(ValueError):
    """No review can be made, or an answer is not one; the text says why."""


@attrs.frozen(kw_only=True)
class Review:
    """One question: how it is named, and its bytes."""

    uid: str
    version: str
    body: bytes


@attrs.frozen(kw_only=True)
class Verdict:
    """An answer that passed the checks. `patch` is empty when nothing is to be changed."""

    allowed: bool
    result: Status | None
    patch: bytes
    patch_type: str
    audit_annotations: dict[str, str]
    warnings: Sequence[str]


def review_version(accepted: Sequence[str]) -> str:
    """The first version of *accepted* that is known here. Raises ReviewError."""
    for version in accepted:
        if version in VERSIONS:
            return version
    raise ReviewError("webhook does not accept known AdmissionReview versions (v1, v1beta1)")


def make_review(attributes: Attributes, match: Match, accepted: Sequence[str], *, obj: Any, old_object: Any) -> Review:
    """The question about the write of *attributes*.

    *obj* and *old_object* are plain JSON values, or encoded `msgspec.Raw`, of the kind of *match*. Raises ReviewError.
    """
    version = review_version(accepted)
    user = attributes.user
    request = AdmissionRequest(
        uid=str(uuid.uuid4()),
        kind=_kind(match.kind),
        resource=_resource(match.resource),
        sub_resource=match.subresource,
        request_kind=_kind(attributes.kind),
        request_resource=_resource(attributes.resource),
        request_sub_resource=attributes.subresource,
        name=attributes.name,
        namespace=attributes.namespace,
        operation=attributes.operation.value,
        user_info=ReviewedUser()
        if user is None
        else ReviewedUser(username=user.name, uid=user.uid, groups=list(user.groups), extra=user_extra(user.extra)),
        object=obj,
        old_object=old_object,
        dry_run=attributes.dry_run,
        options=options_document(attributes.options),
    )
    review = _TYPES[version](request=request)
    return Review(uid=request.uid, version=version, body=_CODEC.encode(review, _KINDS[version]))


def options_document(options: Any) -> dict[str, Any] | None:
    """Options of a request as they are shown to webhooks and policies; None for those of a connect."""
    if not isinstance(options, _OPTION_TYPES):
        return None
    return _CODEC.to_unstructured(options, _OPTIONS.with_kind(type(options).__name__))


def read_answer(body: bytes, version: str) -> tuple[AdmissionResponse | None, GroupVersionKind]:
    """The response in *body*, and the kind that it declares. Raises DecodeError, ConversionError, ValueError."""
    decoded = _CODEC.decode(body, default_gvk=_KINDS[version])
    expected = _TYPES[version]
    if type(decoded.object) is not expected:
        # No webhook may answer in a version it was not asked in.
        raise ConversionError(
            f"converting ({type_name(type(decoded.object))}) to ({type_name(expected)}): unknown conversion"
        )
    response: AdmissionResponse | None = decoded.object.response
    return response, _declared(body)


def _declared(body: bytes) -> GroupVersionKind:
    """What the document itself says, without what was filled in for it."""
    document = parse_plain(body) or {}  # null is an answer without anything in it
    return GroupVersionKind.parse(document.get("apiVersion") or "", document.get("kind") or "")


def check_answer(
    response: AdmissionResponse | None, declared: GroupVersionKind, review: Review, *, mutating: bool
) -> Verdict:
    """The verdict that *response* is. Raises ReviewError when it breaks the contract of its version."""
    if response is None:
        raise ReviewError("webhook response was absent")
    if review.version == "v1":
        _check_v1(response, declared, review.uid)
        patch_type = _mutating_v1(response) if mutating else _validating_v1(response)
    else:
        patch_type = admission_v1.PATCH_TYPE_JSON_PATCH if mutating and response.patch else ""
    return Verdict(
        allowed=response.allowed,
        result=response.result,
        patch=response.patch if mutating else b"",
        patch_type=patch_type,
        audit_annotations=response.audit_annotations,
        warnings=response.warnings,
    )


def _check_v1(response: AdmissionResponse, declared: GroupVersionKind, uid: str) -> None:
    if response.uid != uid:
        raise ReviewError(f"expected response.uid={quote(uid)}, got {quote(response.uid)}")
    if declared != _KINDS["v1"]:
        got = str(declared) if declared.version else f"/, Kind={declared.kind}"
        raise ReviewError(f"expected webhook response of {_KINDS['v1']}, got {got}")


def _mutating_v1(response: AdmissionResponse) -> str:
    if response.patch_type is None:
        if response.patch:
            raise ReviewError("webhook returned response.patch but not response.patchType")
        return ""
    if not response.patch:
        raise ReviewError("webhook returned response.patchType but not response.patch")
    if not response.patch_type:
        raise ReviewError('webhook returned invalid response.patchType of ""')
    return response.patch_type


def _validating_v1(response: AdmissionResponse) -> str:
    if response.patch:
        raise ReviewError("validating webhook may not return response.patch")
    if response.patch_type is not None:
        raise ReviewError("validating webhook may not return response.patchType")
    return ""


def _kind(kind: GroupVersionKind) -> ReviewedKind:
    return ReviewedKind(group=kind.group, version=kind.version, kind=kind.kind)


def _resource(resource: GroupVersionResource) -> ReviewedResource:
    return ReviewedResource(group=resource.group, version=resource.version, resource=resource.resource)


def encoded(data: bytes | None) -> Any:
    """Bytes of an object as they can stand in a review; None for none."""
    return None if data is None else msgspec.Raw(data)
