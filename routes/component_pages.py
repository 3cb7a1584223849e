"""What /statusz and /flagz have in common: a text for people, or a JSON object for those who ask for its exact version.

    Accept absent ─> text        application/json with v, g and as ─> JSON        text/plain without them ─> text
    anything else ─> 406

Mirrors pkg/server/statusz/negotiate and pkg/server/flagz/negotiate of k8s.io/apiserver.
"""

import random
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, Protocol

import attrs
import msgspec

from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.scheme import SchemeError
from genericapiserver.apimachinery.serializer.codec import SerializerInfo
from genericapiserver.asgi import Handler, RawHeaders, Receive, Scope, Send, header_value, send_response
from genericapiserver.endpoints.negotiation import negotiate, not_acceptable
from genericapiserver.mux import PathRecorderMux

GROUP: Final = "config.k8s.io"
VERSION: Final = "v1alpha1"
DELIMITERS: Final = (":", ": ", "=", " ")
"""One of them is chosen for each text, so that nobody parses it."""

_TEXT: Final = "text/plain"
_JSON: Final = "application/json"
_MEDIA_TYPES: Final = tuple(
    SerializerInfo(media_type=name, streaming=False, pretty=False)
    for name in (_JSON, "application/yaml", "application/vnd.kubernetes.protobuf", _TEXT)
)


class SendError(Protocol):
    """Answers with the Status of an error."""

    def __call__(self, scope: Scope, send: Send, error: Exception) -> Awaitable[None]: ...


@attrs.frozen(kw_only=True)
class ComponentPage:
    """One of the pages. *object* gives the fields of the JSON object behind its kind and metadata."""

    kind: str
    component: str
    text: Callable[[], str]
    object: Callable[[], Mapping[str, Any]]
    send_error: SendError
    negotiated_text_type: bytes
    """Of a text that was asked for by its name."""
    deprecated_versions: Collection[str] = ()

    @property
    def path(self) -> str:
        return f"/{self.kind.lower()}"

    def install(self, mux: PathRecorderMux) -> None:
        """Serve the page in *mux*, listed, for any method."""
        mux.handle(self.path, self._handler())

    def _handler(self) -> Handler:
        restrictions = _Restrictions(GroupVersionKind(GROUP, VERSION, self.kind))

        async def page(scope: Scope, receive: Receive, send: Send) -> None:
            accept = (header_value(scope, b"accept") or "").strip()
            if not accept:
                await send_response(send, 200, self.text().encode(), b"text/plain; charset=utf-8")
                return
            options = negotiate(accept, _MEDIA_TYPES, restrictions)
            if options is None:
                error: StatusError = not_acceptable([info.media_type for info in _MEDIA_TYPES])
                await self.send_error(scope, send, error)
            elif options.accepted.media_type == _TEXT:
                await send_response(send, 200, self.text().encode(), self.negotiated_text_type)
            elif options.accepted.media_type == _JSON:
                await self._send_object(send)
            else:
                media_type = options.accepted.media_type
                problem = f"content negotiation failed: unsupported media type '{media_type}'"
                await self.send_error(scope, send, SchemeError(problem))

        return page

    async def _send_object(self, send: Send) -> None:
        document = {
            "kind": self.kind,
            "apiVersion": f"{GROUP}/{VERSION}",
            "metadata": {"name": self.component},
            **self.object(),
        }
        headers: RawHeaders = []
        if VERSION in self.deprecated_versions:
            text = f"This version of the {self.kind.lower()} endpoint is deprecated. Please use a newer version."
            headers.append((b"warning", f'299 - "{text}"'.encode()))
        content_type = f"{_JSON};g={GROUP};v={VERSION};as={self.kind}".encode()
        await send_response(send, 200, msgspec.json.encode(document) + b"\n", content_type, headers)


@attrs.frozen
class _Restrictions:
    """Text as it is, everything else in exactly one version."""

    kind: GroupVersionKind

    def allows_transform(self, media_type: str, target: GroupVersionKind | None) -> bool:
        return target == (None if media_type == _TEXT else self.kind)

    def allows_server_version(self, version: str) -> bool:
        return False

    def allows_stream(self, schema: str) -> bool:
        return False


def heading(component: str, page: str) -> str:
    """How each text begins."""
    return (
        f"\n{component} {page}\nWarning: This endpoint is not meant to be machine parseable, has no formatting "
        "compatibility guarantees and is for debugging purposes only.\n"
    )


def any_delimiter() -> str:
    return random.choice(DELIMITERS)  # noqa: S311  it protects nothing
