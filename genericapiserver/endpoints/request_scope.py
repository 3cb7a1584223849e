"""Everything that the handlers of one endpoint know before a request comes.

An endpoint is a resource, or a subresource, in one version. Its scope is made when the API group is installed and
holds what never changes: the codec, the kinds, the storage, admission, limits, and the representations that requests
asked for so far. Go: pkg/endpoints/handlers/rest.go (RequestScope).
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

import attrs
import msgspec

from genericapiserver.admission import AdmissionChain
from genericapiserver.apimachinery.equivalents import EquivalentResources
from genericapiserver.apimachinery.errors import NotAcceptableError
from genericapiserver.apimachinery.meta import Status
from genericapiserver.apimachinery.schema import GroupVersion, GroupVersionKind, GroupVersionResource
from genericapiserver.apimachinery.scheme import NotRegisteredError, Scheme, type_name
from genericapiserver.apimachinery.serializer.codec import YAML_MEDIA_TYPE, CodecFactory
from genericapiserver.apimachinery.serializer.json import indent_json
from genericapiserver.apimachinery.serializer.yaml import encode_yaml
from genericapiserver.apimachinery.types import list_of
from genericapiserver.authorization import Authorizer
from genericapiserver.endpoints.api_request import APIRequest
from genericapiserver.endpoints.metrics import BodySizeMetrics
from genericapiserver.endpoints.negotiation import MediaTypeOptions, Negotiator, ResourceRestrictions, wants_pretty
from genericapiserver.endpoints.partial import PartialRepresentation
from genericapiserver.endpoints.representation import ObjectRepresentation, Representation
from genericapiserver.endpoints.responses import STATUS_KIND, ResponseWriter
from genericapiserver.endpoints.table import TableRepresentation
from genericapiserver.registry.rest import TableConvertor

MAX_REQUEST_BODY_BYTES: Final = 3 * 1024 * 1024
"""Twice what etcd takes by default: the JSON of a request may be larger than what is stored of it."""

MIN_REQUEST_TIMEOUT: Final = 1800.0
"""Seconds a watch lives at least when its client does not say; spread to twice that, so that watches do not end together."""

WRITE_TIMEOUT: Final = 34.0
"""Seconds for one write: longer than the 30 seconds of a webhook, shorter than any client's minute."""

REMEMBERED_HEADERS: Final = 128


class FieldManager(Protocol):
    """Keeps metadata.managedFields: who set which fields. One per endpoint; it knows the endpoint's version."""

    def update(self, live: Any | None, new: Any, manager: str) -> Any:
        """*new*, changed in place, with the managed fields that replacing *live* (None: nothing) leads to."""

    def apply(self, live: Any | None, patch: bytes | dict[str, Any], manager: str, *, force: bool) -> Any:
        """*live* (None: nothing) with the configuration *patch* merged in, as a new object."""


@attrs.define(eq=False, kw_only=True)
class RequestScope:
    """The constants of one endpoint."""

    codec: CodecFactory
    scheme: Scheme
    writer: ResponseWriter
    storage: Any
    kind: GroupVersionKind
    """The kind the endpoint speaks, in its version."""
    hub_version: GroupVersion
    """The version storages work in."""
    resource: GroupVersionResource
    object_type: type[Any]
    """The hub type of the storage's objects."""
    list_type: type[Any] | None = None
    subresource: str = ""
    namespace_scoped: bool = True
    table_convertor: TableConvertor | None = None
    admission: AdmissionChain | None = None
    equivalents: EquivalentResources | None = None
    """Under which other resources the same objects are served, for admission."""
    authorizer: Authorizer | None = None
    """Asked once more when an update turns out to be a create. None means that authorization is off."""
    field_manager: FieldManager | None = None
    accepts_group_version: Callable[[GroupVersion], bool] | None = None
    """Versions that bodies may be of, besides the endpoint's own."""
    preserves_object_meta: bool = False
    """Leave the system's metadata in created objects to the client (some subresources)."""
    body_sizes: BodySizeMetrics | None = None
    max_request_body_bytes: int = MAX_REQUEST_BODY_BYTES
    json_patch_max_copy_bytes: int = MAX_REQUEST_BODY_BYTES
    min_request_timeout: float = MIN_REQUEST_TIMEOUT
    write_timeout: float = WRITE_TIMEOUT

    list_kind: GroupVersionKind = attrs.field(init=False)
    expected_kind: str = attrs.field(init=False)
    """What messages about a body say that it should have been."""
    _negotiator: Negotiator = attrs.field(init=False)
    _outputs: dict[tuple[bytes, bool], Representation] = attrs.field(init=False, factory=dict)
    _representations: dict[tuple[str, bool, GroupVersionKind | None], Representation] = attrs.field(
        init=False, factory=dict
    )
    _kinds: dict[type[Any], GroupVersionKind] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self.list_kind = self._kind_of_lists()
        self.expected_kind = self.scheme.object_kinds(self.object_type)[0].kind
        restrictions = ResourceRestrictions(tables=self.table_convertor is not None)
        self._negotiator = Negotiator(self.codec.supported_media_types, restrictions)
        self._kinds = {Status: STATUS_KIND, self.object_type: self.kind, list_of(self.object_type): self.list_kind}

    def _kind_of_lists(self) -> GroupVersionKind:
        if self.list_type is not None:
            try:
                return self.scheme.kind_for(self.list_type, self.kind.group_version)
            except NotRegisteredError:
                pass
        return self.kind.group_version.with_kind(f"{self.kind.kind}List")

    # ---- what to write

    def output(self, request: APIRequest) -> Representation:
        """The representation that *request* asks for. Raises NotAcceptableError."""
        pretty = wants_pretty(request.query, request.user_agent)
        try:
            return self._outputs[request.accept, pretty]
        except KeyError:
            options = self._negotiator.output(request.accept)
            representation = self.representation(options, pretty=options.pretty or pretty)
            if len(self._outputs) >= REMEMBERED_HEADERS:
                self._outputs.clear()
            self._outputs[request.accept, pretty] = representation
            return representation

    def stream_options(self, request: APIRequest) -> MediaTypeOptions:
        """What was agreed on for a watch. Raises NotAcceptableError when that cannot be streamed."""
        return self._negotiator.stream(request.accept)

    def stream_output(self, request: APIRequest) -> Representation:
        """The representation of a watch, which is never indented. Raises NotAcceptableError."""
        return self.representation(self.stream_options(request), pretty=False)

    def representation(self, options: MediaTypeOptions, *, pretty: bool) -> Representation:
        """The representation for an outcome of negotiation, made at its first use."""
        info, target = options.accepted, options.convert
        pretty = pretty and info.pretty
        key = (info.media_type, pretty, target)
        made = self._representations.get(key)
        if made is None:
            made = self._representations[key] = self._make(info.media_type, pretty, target)
        return made

    def _make(self, media_type: str, pretty: bool, target: GroupVersionKind | None) -> Representation:
        if target is None:
            return ObjectRepresentation(self, media_type=media_type, pretty=pretty)
        if target.kind == "Table":
            return TableRepresentation(self, media_type=media_type, pretty=pretty, version=target.version)
        if target.kind in ("PartialObjectMetadata", "PartialObjectMetadataList"):
            of_list = target.kind == "PartialObjectMetadataList"
            return PartialRepresentation(
                self, media_type=media_type, pretty=pretty, version=target.version, of_list=of_list
            )
        raise NotAcceptableError(f"objects cannot be shown as {target}")

    def encode(self, obj: Any, *, media_type: str = "application/json", pretty: bool = False) -> bytes:
        """*obj*, of the hub version or without a version (Status), as the endpoint shows it."""
        kind = self._kinds.get(type(obj)) or self._learn(type(obj))
        return self.codec.encode(obj, kind, media_type=media_type, pretty=pretty)

    def _learn(self, obj_type: type[Any]) -> GroupVersionKind:
        """The kind of objects that are not the endpoint's own: lists, and what subresources answer with."""
        if obj_type is self.list_type:
            kind = self.list_kind
        else:
            try:
                kind = self.scheme.kind_for(obj_type, self.kind.group_version)
            except NotRegisteredError:
                kind = self.scheme.object_kinds(obj_type)[0]
        self._kinds[obj_type] = kind
        return kind

    def render(self, encoded: bytes, media_type: str, pretty: bool) -> bytes:
        """A document in compact JSON in another form."""
        if media_type == YAML_MEDIA_TYPE:
            return encode_yaml(msgspec.json.decode(encoded))
        return indent_json(encoded) if pretty else encoded

    # ---- names for messages

    def go_type(self, obj: Any) -> str:
        """The type of *obj* as messages name it."""
        return f"*{type_name(type(obj))}"

    @property
    def go_list_type(self) -> str:
        return f"*{type_name(self.list_type or list_of(self.object_type))}"
