"""Which representation a request gets: the Accept header against what the server can write.

    Accept ─ parse ─> clauses, best first ─ against the media types, in order ─ restrictions ─> MediaTypeOptions

Clauses are read as goautoneg reads them (pkg/endpoints/handlers/negotiation of k8s.io/apiserver): `q=0` does not
exclude, matching is case-sensitive, and a clause whose parameters an endpoint does not allow is skipped as if it were
not there. What an endpoint allows is its `EndpointRestrictions`. Answers are remembered per header text, so that a
request of a known client costs one dictionary look-up.

The router asks a coarser question before any of this (`is_acceptable`), and answers no with another body.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import attrs

from genericapiserver.apimachinery.errors import NotAcceptableError, UnsupportedMediaTypeError
from genericapiserver.apimachinery.go import parse_bool
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.serializer.codec import SerializerInfo
from genericapiserver.asgi import parse_query

META_GROUP: Final = "meta.k8s.io"
META_VERSIONS: Final = ("v1", "v1beta1")

REMEMBERED_HEADERS: Final = 256
"""Distinct Accept headers kept per kind of endpoint; a client that invents new ones makes the table start over."""

_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_CONTENT_TYPE = re.compile(
    rf"\s*({_WORD}/{_WORD})\s*(?:;\s*{_WORD}\s*=\s*(?:{_WORD}|\"(?:[^\"\\]|\\.)*\")\s*)*(?:;\s*)?"
)
_PARAMETER = re.compile(rf";\s*({_WORD})\s*=\s*({_WORD}|\"(?:[^\"\\]|\\.)*\")")
_PRETTY_USER_AGENTS = (b"curl", b"Wget", b"Mozilla/5.0")


@attrs.frozen
class AcceptClause:
    """One alternative of an Accept header."""

    type: str
    subtype: str
    params: Mapping[str, str]
    quality: float = 1.0


@attrs.frozen(kw_only=True)
class MediaTypeOptions:
    """What was agreed on: how to write, and what to turn the object into first."""

    accepted: SerializerInfo
    convert: GroupVersionKind | None = None
    """The kind asked for with `as`, `g` and `v`."""
    stream: str = ""
    pretty: bool = False
    profile: str = ""


class EndpointRestrictions(Protocol):
    """What one kind of endpoint lets a client ask for in the parameters of a media type."""

    def allows_transform(self, media_type: str, target: GroupVersionKind | None) -> bool: ...

    def allows_server_version(self, version: str) -> bool: ...

    def allows_stream(self, schema: str) -> bool: ...


@attrs.frozen
class NoTransforms:
    """Errors and plain documents: nothing but the object itself."""

    def allows_transform(self, media_type: str, target: GroupVersionKind | None) -> bool:
        return target is None

    def allows_server_version(self, version: str) -> bool:
        return False

    def allows_stream(self, schema: str) -> bool:
        return schema == "watch"


@attrs.frozen(kw_only=True)
class ResourceRestrictions:
    """A resource: tables where the storage can make them, metadata alone always, and watch streams."""

    tables: bool = True

    def allows_transform(self, media_type: str, target: GroupVersionKind | None) -> bool:
        if target is None:
            return True
        if target.group != META_GROUP or target.version not in META_VERSIONS:
            return False
        if target.kind == "Table":
            return self.tables and media_type in ("application/json", "application/yaml")
        return target.kind in ("PartialObjectMetadata", "PartialObjectMetadataList")

    def allows_server_version(self, version: str) -> bool:
        return version == META_VERSIONS[0]

    def allows_stream(self, schema: str) -> bool:
        return schema == "watch"


def parse_accept(header: str) -> list[AcceptClause]:
    """The clauses of an Accept header, best first. Malformed clauses and parameters are left out, nothing is raised."""
    clauses = []
    for part in header.split(","):
        media_type, *parameters = part.strip(" ").split(";")
        type_, _, subtype = media_type.partition("/")
        type_ = type_.strip(" ")
        if not subtype:
            if type_ != "*":
                continue
            subtype = "*"
        elif "/" in subtype.removesuffix("/"):
            continue
        quality = 1.0
        params: dict[str, str] = {}
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            value = value.removesuffix("=")
            if not value or "=" in value:
                continue
            key = key.strip(" ")
            if key == "q":
                quality = float(value) if _FLOAT.fullmatch(value) else 0.0
            else:
                params[key] = value.strip(" ")
        clauses.append(AcceptClause(type_, subtype.removesuffix("/").strip(" "), params, quality))
    clauses.sort(key=lambda clause: (-clause.quality, clause.type == "*", clause.subtype == "*"))
    return clauses


def negotiate(
    header: str, supported: Sequence[SerializerInfo], restrictions: EndpointRestrictions
) -> MediaTypeOptions | None:
    """The best that *supported* can do for *header*, or None when every clause is refused."""
    if not header:
        return MediaTypeOptions(accepted=supported[0])
    for clause in parse_accept(header):
        for info in supported:
            type_, _, subtype = info.media_type.partition("/")
            if clause.type not in ("*", type_) or clause.subtype not in ("*", subtype):
                continue
            if clause.type == "*" and clause.subtype != "*":
                continue
            options = _accept(clause.params, info, restrictions)
            if options is not None:
                return options
    return None


def _accept(
    params: Mapping[str, str], info: SerializerInfo, restrictions: EndpointRestrictions
) -> MediaTypeOptions | None:
    if "sv" in params and not restrictions.allows_server_version(params["sv"]):
        return None
    stream = params.get("stream", "")
    if "stream" in params and not (info.streaming and restrictions.allows_stream(stream)):
        return None
    target = None
    if "as" in params or "g" in params or "v" in params:
        target = GroupVersionKind(params.get("g", ""), params.get("v", ""), params.get("as", ""))
    if not restrictions.allows_transform(info.media_type, target):
        return None
    return MediaTypeOptions(
        accepted=info,
        convert=target,
        stream=stream,
        pretty=params.get("pretty") == "1",
        profile=params.get("profile", ""),
    )


class Negotiator:
    """Negotiation for one kind of endpoint, remembered per Accept header."""

    def __init__(self, supported: Sequence[SerializerInfo], restrictions: EndpointRestrictions) -> None:
        self.supported = tuple(supported)
        self.restrictions = restrictions
        self._remembered: dict[bytes, MediaTypeOptions | None] = {}

    def output(self, accept: bytes) -> MediaTypeOptions:
        """The representation for the Accept header *accept* (b"" for none). Raises NotAcceptableError."""
        options = self.find(accept)
        if options is None:
            raise not_acceptable([info.media_type for info in self.supported])
        return options

    def stream(self, accept: bytes) -> MediaTypeOptions:
        """The same for a watch. The best clause has to name a type that can stream: no other is tried."""
        options = self.find(accept)
        if options is None or not options.accepted.streaming:
            raise not_acceptable([f"{info.media_type};stream=watch" for info in self.supported if info.streaming])
        return options

    def find(self, accept: bytes) -> MediaTypeOptions | None:
        """The representation, or None when nothing asked for can be had."""
        try:
            return self._remembered[accept]
        except KeyError:
            options = negotiate(accept.decode("latin-1"), self.supported, self.restrictions)
            if len(self._remembered) >= REMEMBERED_HEADERS:
                self._remembered.clear()
            self._remembered[accept] = options
            return options


def wants_pretty(query: bytes, user_agent: bytes) -> bool:
    """Whether a JSON body is to be indented: the query parameter `pretty` decides, without one the user agent.

    A person's tool (curl, Wget, a browser) gets indented bodies.
    """
    if b"pretty" in query:
        text = parse_query(query).get("pretty", ("",))[0]
        if text:
            try:
                return parse_bool(text)
            except ValueError:
                return False
    return user_agent.startswith(_PRETTY_USER_AGENTS)


def input_media_type(content_type: bytes, supported: Sequence[SerializerInfo]) -> str:
    """The media type a body is in; none given means JSON. Raises UnsupportedMediaTypeError."""
    if not content_type:
        return supported[0].media_type
    media_type = parse_media_type(content_type.decode("latin-1"))
    for info in supported:
        if info.media_type == media_type:
            return media_type
    raise unsupported_media_type([info.media_type for info in supported])


def parse_media_type(content_type: str) -> str:
    """The type of a Content-Type header without its parameters, in lower case; "" when the header is malformed.

    The grammar is that of RFC 2045 section 5.1 as Go's mime.ParseMediaType takes it: a parameter given twice, with two
    values, is malformed too.
    """
    match = _CONTENT_TYPE.fullmatch(content_type)
    if match is None:
        return ""
    given: dict[str, str] = {}
    for name, value in _PARAMETER.findall(content_type, match.end(1)):
        if given.setdefault(name.lower(), value) != value:
            return ""
    return match.group(1).lower()


def not_acceptable(accepted: Sequence[str]) -> NotAcceptableError:
    """The 406 of a handler that can write *accepted*."""
    return NotAcceptableError(f"only the following media types are accepted: {', '.join(accepted)}")


def unsupported_media_type(accepted: Sequence[str]) -> UnsupportedMediaTypeError:
    """The 415 of a handler that can read *accepted*."""
    return UnsupportedMediaTypeError(
        f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    )


def is_acceptable(accept: str, produces: Sequence[str]) -> bool:
    """The router's question: does some clause name, without parameters, `*/*` or one of the types a route produces?"""
    for clause in accept.split(","):
        media_type = clause.partition(";")[0].strip(" ")
        if media_type == "*/*" or media_type in produces:
            return True
    return False


def is_consumable(content_type: str, consumes: Sequence[str], method: str) -> bool:
    """The router's question about the body. No type given is no obstacle to methods that seldom have one."""
    if not content_type:
        if method in ("GET", "HEAD", "OPTIONS", "DELETE", "TRACE"):
            return True
        content_type = "application/octet-stream"
    for part in content_type.split(","):
        media_type = part.partition(";")[0].strip(" ")
        if "*/*" in consumes or media_type in consumes:
            return True
    return False
