"""The event of one request: filled while the request goes on, written as JSON at each stage.

    with_audit makes it ─> RequestReceived ─> handlers annotate and record bodies ─> ResponseStarted, ResponseComplete, Panic

One AuditEvent serves all stages of its request, so a backend that keeps events keeps `snapshot()`s. What a record holds is
immutable but for its annotations, so that a snapshot copies two small objects, whatever bodies are in it. The record is a
msgspec structure in the order of the wire; building and encoding an event takes a few microseconds.

Source: pkg/audit/{request,format,types}.go and pkg/apis/audit/v1/types.go of k8s.io/apiserver.
"""

import copy
import logging
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.meta import Status
from genericapiserver.apimachinery.serializer.encoder import encoder_for
from genericapiserver.apimachinery.serializer.errors import DecodeError
from genericapiserver.apimachinery.serializer.json import encode_json, escape_html, parse_plain
from genericapiserver.apimachinery.serializer.yaml import parse_yaml
from genericapiserver.audit.managed_fields import without_managed_fields
from genericapiserver.authentication.user import UserInfo
from genericapiserver.request.audit_recorder import AuditLevel, RecordedJSON, RecordedRequest

logger = logging.getLogger(__name__)

_HEAD: Final = b'{"kind":"Event","apiVersion":"audit.k8s.io/v1",'
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
# DEL and the C1 control characters, which JSON allows as they are and a terminal obeys.
_CONTROL: Final = re.compile(rb"\x7f|\xc2[\x80-\x9f]")


class ObjectReference(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel", gc=False):
    """The object a request is about; what is not known is None."""

    resource: str | None = None
    namespace: str | None = None
    name: str | None = None
    uid: str | None = None
    api_group: str | None = None
    api_version: str | None = None
    resource_version: str | None = None
    subresource: str | None = None


class EventRecord(msgspec.Struct, omit_defaults=True, rename="camel", kw_only=True, gc=False):
    """An event as it stands on the wire, without `kind` and `apiVersion`. Raw fields hold finished JSON."""

    level: str
    audit_id: str = msgspec.field(name="auditID")
    stage: str = ""
    request_uri: str = msgspec.field(name="requestURI")
    verb: str
    user: msgspec.Raw
    impersonated_user: msgspec.Raw | None = None
    authentication_metadata: dict[str, str] | None = None
    source_ips: tuple[str, ...] = msgspec.field(name="sourceIPs", default=())
    user_agent: str | None = None
    object_ref: ObjectReference | None = None
    response_status: msgspec.Raw | None = None
    request_object: msgspec.Raw | None = None
    response_object: msgspec.Raw | None = None
    request_received_timestamp: str
    stage_timestamp: str = ""
    annotations: dict[str, str] = msgspec.field(default_factory=dict)


class AuditEvent:
    """The event of one request, which is also its AuditRecorder."""

    __slots__ = ("_json", "level", "omit_managed_fields", "omit_stages", "record")

    def __init__(
        self,
        record: EventRecord,
        level: AuditLevel,
        *,
        omit_stages: frozenset[str] = frozenset(),
        omit_managed_fields: bool = False,
    ) -> None:
        self.record = record
        self.level = level
        self.omit_stages = omit_stages
        self.omit_managed_fields = omit_managed_fields
        self._json: bytes | None = None

    # For backends

    def json(self) -> bytes:
        """Compact JSON without `kind` and `apiVersion`, as in the items of a list."""
        data = self._json
        if data is None:
            record = self.record
            try:
                data = _encode(record)
            except UnicodeEncodeError:
                data = _encode(_cleaned(record))
            self._json = data = _escaped(data)
        return data

    def line(self) -> bytes:
        """The event as a document of its own, with a newline."""
        return _HEAD + self.json()[1:] + b"\n"

    def legacy_line(self) -> str:
        """The event as one line for people, every value that a client chose quoted. Without a newline."""
        record = self.record
        user = msgspec.json.decode(record.user)
        name = user.get("username") or ""
        groups = _quoted(user["groups"]) if name and user.get("groups") else "<none>"
        as_user, as_groups = "<self>", "<lookup>"
        if record.impersonated_user is not None:
            other = msgspec.json.decode(record.impersonated_user)
            as_user = other.get("username") or ""
            as_groups = _quoted(other["groups"]) if other.get("groups") else "<lookup>"
        reference, status = record.object_ref, record.response_status
        pairs = (
            ("id", record.audit_id),
            ("stage", record.stage),
            ("ip", record.source_ips[0] if record.source_ips else "<unknown>"),
            ("method", record.verb),
            ("user", name or "<none>"),
            ("groups", groups),
            ("as", as_user),
            ("asgroups", as_groups),
            ("user-agent", record.user_agent or ""),
            ("namespace", (reference.namespace if reference is not None else None) or "<none>"),
            ("uri", record.request_uri),
            ("response", "<deferred>" if status is None else str(msgspec.json.decode(status).get("code", 0))),
        )
        received = record.request_received_timestamp.rstrip("Z0").rstrip(".") + "Z"  # RFC3339Nano drops zeros
        return f"{received} AUDIT: " + " ".join(f"{key}={quote(value)}" for key, value in pairs)

    def snapshot(self) -> "AuditEvent":
        """The event as it is now, which later stages do not change."""
        record = copy.copy(self.record)
        record.annotations = dict(record.annotations)
        kept = AuditEvent(record, self.level)
        kept._json = self._json
        return kept

    def truncated(self) -> "AuditEvent":
        """A snapshot without bodies, which says so."""
        kept = self.snapshot()
        kept._json = None
        record = kept.record
        record.request_object = record.response_object = None
        record.annotations["audit.k8s.io/truncated"] = "true"
        return kept

    # For the filter

    def set_stage(self, stage: str, timestamp: str) -> None:
        self.record.stage = stage
        self.record.stage_timestamp = timestamp
        self._json = None

    def set_status(self, status: Status) -> None:
        """How the request ended, or will end unless somebody knows better; without the Status' metadata."""
        self.record.response_status = _raw_status(status, status.code)

    def set_code(self, code: int) -> None:
        """The HTTP status that was sent, which holds whatever a Status says."""
        raw = self.record.response_status
        if raw is None:
            self.record.response_status = _code_status(code)
            return
        status = msgspec.json.decode(raw)
        if status.get("code") != code:
            self.record.response_status = msgspec.Raw(encode_json({**status, "code": code}))

    # For the request path: AuditRecorder

    def add_annotation(self, key: str, value: str, level: AuditLevel = AuditLevel.METADATA) -> None:
        if level > self.level:
            return
        present = self.record.annotations.setdefault(key, value)
        if present != value:
            logger.warning(
                "Failed to set annotations[%s] to %s for audit:%s, it has already been set to %s",
                quote(key),
                quote(value),
                quote(self.record.audit_id[:64]),
                quote(present),
            )

    def record_impersonated_user(self, user: UserInfo) -> None:
        self.record.impersonated_user = raw_user(user)

    def record_impersonation_constraint(self, constraint: str) -> None:
        self.record.authentication_metadata = {"impersonationConstraint": constraint}

    def record_request_object(self, body: RecordedRequest) -> None:
        record = self.record
        metadata = getattr(body.object, "metadata", None)
        if metadata is not None and record.object_ref is not None:
            record.object_ref = _completed(record.object_ref, metadata)
        if self.level >= AuditLevel.REQUEST:
            record.request_object = self._kept(body.json)

    def record_request_patch(self, patch: bytes) -> None:
        if self.level >= AuditLevel.REQUEST:
            self.record.request_object = self._kept(lambda: _patch_json(patch))

    def record_response_status(self, status: Status) -> None:
        self.set_status(status)

    def record_response_object(self, body: RecordedJSON) -> None:
        if self.level >= AuditLevel.REQUEST_RESPONSE:
            self.record.response_object = self._kept(body.json)

    def _kept(self, encode: Callable[[], bytes]) -> msgspec.Raw | None:
        """A body as it is kept; one that cannot be encoded is logged and left out, as in the reference."""
        try:
            data = encode()
            return msgspec.Raw(without_managed_fields(data) if self.omit_managed_fields else data)
        except Exception:
            logger.exception("Encoding failed of the object for audit:%s", quote(self.record.audit_id[:64]))
            return None


_NOBODY: Final = msgspec.Raw(b"{}")
_MAX_USERS: Final = 1024
# Authenticators hand out the same object for the same credentials, so most users are encoded once.
_users: dict[int, tuple[UserInfo, msgspec.Raw]] = {}


def raw_user(user: UserInfo | None) -> msgspec.Raw:
    """*user* as events show it; `{}` for nobody."""
    if user is None:
        return _NOBODY
    known = _users.get(id(user))
    if known is not None and known[0] is user:
        return known[1]
    shown: dict[str, Any] = {}
    if user.name:
        shown["username"] = user.name
    if user.uid:
        shown["uid"] = user.uid
    if user.groups:
        shown["groups"] = user.groups
    if user.extra:
        shown["extra"] = {key: user.extra[key] for key in sorted(user.extra)}
    try:
        raw = msgspec.Raw(encode_json(shown))
    except UnicodeEncodeError:
        raw = msgspec.Raw(encode_json(_clean(shown)))
    if len(_users) >= _MAX_USERS:
        _users.clear()
    _users[id(user)] = (user, raw)
    return raw


_codes: dict[int, msgspec.Raw] = {}


def _code_status(code: int) -> msgspec.Raw:
    raw = _codes.get(code)
    if raw is None:
        raw = _codes[code] = _raw_status(Status(), code)
    return raw


def _raw_status(status: Status, code: int) -> msgspec.Raw:
    shown = encoder_for(Status)(status, {})
    shown["metadata"] = {}
    shown["code"] = code
    return msgspec.Raw(encode_json(shown))


def _completed(reference: ObjectReference, metadata: Any) -> ObjectReference:
    """*reference* with what the object in the body knows and the path does not say."""
    missing = {
        name: value
        for name in ("namespace", "name", "uid", "resource_version")
        if getattr(reference, name) is None and (value := getattr(metadata, name, ""))
    }
    return msgspec.structs.replace(reference, **missing) if missing else reference


def _patch_json(patch: bytes) -> bytes:
    """A patch as JSON. The reference embeds the bytes, and loses the event when they are YAML, or are nothing at all."""
    try:
        return encode_json(parse_plain(patch))
    except DecodeError:
        pass
    try:
        # What looks like JSON is broken JSON, and not worth a second look by a slower reader.
        if not patch.lstrip().startswith((b"{", b"[")):
            return encode_json(parse_yaml(patch).value)
    except DecodeError:
        pass
    return encode_json(patch.decode("utf-8", "replace"))


def _escaped(data: bytes) -> bytes:
    """JSON that neither a browser nor a terminal takes for more than text."""
    if data.isascii():
        if b"<" in data or b">" in data or b"&" in data:
            data = escape_html(data)
        return data.replace(b"\x7f", b"\\u007f") if b"\x7f" in data else data
    return _CONTROL.sub(lambda match: b"\\u%04x" % match.group()[-1], escape_html(data))


def _quoted(texts: list[str]) -> str:
    return ",".join(map(quote, texts))


def _cleaned(record: EventRecord) -> EventRecord:
    """*record* with U+FFFD for what stands for bytes that were no UTF-8."""
    return msgspec.structs.replace(record, **{name: _clean(getattr(record, name)) for name in record.__struct_fields__})


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, tuple | list):
        return tuple(map(_clean, value))
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, ObjectReference):
        return ObjectReference(*map(_clean, msgspec.structs.astuple(value)))
    return value


def micro_time(at: datetime) -> str:
    """RFC 3339 with exactly six digits behind the second, of a time in UTC."""
    # Half of what isoformat takes, twice a request.
    date = f"{at.year:04d}-{at.month:02d}-{at.day:02d}"
    return f"{date}T{at.hour:02d}:{at.minute:02d}:{at.second:02d}.{at.microsecond:06d}Z"
