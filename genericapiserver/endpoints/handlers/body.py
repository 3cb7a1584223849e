"""Reading and decoding request bodies, and what clients are told when that fails (pkg/endpoints/handlers/rest.go)."""

from collections.abc import Sequence
from typing import Any

import attrs

from genericapiserver.apimachinery.errors import BadRequestError, RequestEntityTooLargeError, StatusError
from genericapiserver.apimachinery.meta import FIELD_VALIDATION_IGNORE, FIELD_VALIDATION_STRICT
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.serializer.errors import DecodeError, strict_decoding_text
from genericapiserver.asgi import BodyTooLargeError, ClientDisconnectedError, read_body
from genericapiserver.endpoints.api_request import APIRequest
from genericapiserver.endpoints.negotiation import input_media_type
from genericapiserver.endpoints.request_scope import RequestScope
from genericapiserver.tracing import step

SUMMARY_BYTES = 30
"""How much of an unreadable body a message shows."""


@attrs.frozen
class DecodedBody:
    """An object as the client sent it, in the hub version, and the kind it was declared as."""

    object: Any
    kind: GroupVersionKind


async def read_limited_body(request: APIRequest, scope: RequestScope, verb: str) -> bytes:
    """The body. Raises RequestEntityTooLargeError beyond the scope's limit; a limit of 0 is none.

    *verb* is the label that its size is counted under. A client that goes away meanwhile is a StatusError for the logs.
    """
    try:
        body = await read_body(request.receive, scope.max_request_body_bytes)
    except BodyTooLargeError as error:
        raise RequestEntityTooLargeError(f"limit is {error.limit}") from None
    except ClientDisconnectedError:
        raise StatusError("unexpected EOF") from None
    if scope.body_sizes is not None:
        scope.body_sizes.observe(verb, len(body))
    step("limitedReadBody succeeded", {"len": len(body)})
    return body


def body_media_type(request: APIRequest, scope: RequestScope) -> str:
    """The media type of the body. Raises UnsupportedMediaTypeError."""
    return input_media_type(request.content_type, scope.codec.readable_media_types)


def decode_object(
    request: APIRequest, scope: RequestScope, body: bytes, *, media_type: str, field_validation: str
) -> DecodedBody:
    """The object in *body*, in the hub version.

    Unknown and duplicate fields are dropped silently, warned of, or refused, as *field_validation* says. Raises
    BadRequestError for everything that cannot be such an object.
    """
    step("About to convert to expected version")
    strict = field_validation != FIELD_VALIDATION_IGNORE
    try:
        decoded = scope.codec.decode(
            body, media_type=media_type, default_gvk=scope.kind, strict=strict, into=scope.object_type
        )
    except DecodeError as error:
        raise BadRequestError(_wrap(scope, error.gvk, str(error), body)) from error
    if decoded.strict_errors:
        if field_validation == FIELD_VALIDATION_STRICT:
            text = strict_decoding_text(decoded.strict_errors)
            raise BadRequestError(_wrap(scope, decoded.gvk, text, body))
        add_strict_decoding_warnings(request, decoded.strict_errors)
    step("Conversion done")
    return DecodedBody(decoded.object, decoded.gvk)


def check_version(scope: RequestScope, kind: GroupVersionKind) -> None:
    """Raise BadRequestError unless the endpoint takes objects declared as *kind*."""
    declared, expected = kind.group_version, scope.kind.group_version
    if declared == expected:
        return
    if scope.accepts_group_version is not None and scope.accepts_group_version(declared):
        return
    raise BadRequestError(
        f"the API version in the data ({declared}) does not match the expected API version ({expected})"
    )


_YAML_PREFIXES = ("yaml: unmarshal errors:\n", "error converting YAML to JSON: yaml: unmarshal errors:\n")


def add_strict_decoding_warnings(request: APIRequest, errors: Sequence[str]) -> None:
    """One warning per problem; the YAML parser's own come several to a text."""
    for error in errors:
        for prefix in _YAML_PREFIXES:
            if error.startswith(prefix):
                for line in error.removeprefix(prefix).split("\n"):
                    request.context.add_warning(line.strip())
                break
        else:
            request.context.add_warning(error)


def _wrap(scope: RequestScope, kind: GroupVersionKind | None, cause: str, body: bytes) -> str:
    """Go's transformDecodeError: name the declared kind if there is one, else show what came."""
    expected = scope.expected_kind
    if kind is not None and kind.kind:
        return f'{kind.kind} in version "{kind.version}" cannot be handled as a {expected}: {cause}'
    return f"the object provided is unrecognized (must be of type {expected}): {cause} ({summarize(body)})"


def summarize(body: bytes) -> str:
    """The beginning of a body that is no object: text if it looks like JSON, else hexadecimal."""
    if not body:
        return "<empty>"
    start = body[:SUMMARY_BYTES]
    more = " ..." if len(body) > SUMMARY_BYTES else ""
    if body.startswith(b"{"):
        return start.decode("utf-8", "replace") + more
    return start.hex() + more
