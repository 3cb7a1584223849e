"""What code is running, at /version. Mirrors pkg/server/routes/version.go."""

import json
from typing import Final

import attrs

from genericapiserver.apimachinery.routes import RouteDescription
from genericapiserver.asgi import Receive, Scope, Send, send_response
from genericapiserver.component.version import BuildInfo
from genericapiserver.endpoints.router import APIContainer, Route, WebService

_OMITTED_WHEN_EMPTY: Final = frozenset(
    {"emulation_major", "emulation_minor", "min_compatibility_major", "min_compatibility_minor"}
)


def version_document(info: BuildInfo) -> bytes:
    """The page: JSON indented by two spaces, keys in camel case in the order of the fields."""
    document = {
        _camel_case(field.name): getattr(info, field.name)
        for field in attrs.fields(BuildInfo)
        if field.name not in _OMITTED_WHEN_EMPTY or getattr(info, field.name)
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode()


def install_version(container: APIContainer, info: BuildInfo) -> None:
    """Serve the page as a web service of *container*, so that it answers other methods and types like an API."""
    body = version_document(info)

    async def version(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(send, 200, body, b"application/json")

    service = WebService("/version")
    service.add(
        Route(
            method="GET",
            path="",
            handler=version,
            consumes=("application/json",),
            produces=("application/json",),
            description=RouteDescription(
                path="/version/",
                method="GET",
                doc="get the version information for this server",
                operation="getCodeVersion",
                consumes=("application/json",),
                produces=("application/json",),
            ),
        )
    )
    container.add(service)


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
