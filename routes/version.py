"""What code is running, at /version. Mirrors pkg/server/routes/version.go."""

import json

from genericapiserver.apimachinery.routes import RouteDescription
from genericapiserver.apimachinery.types import describe
from genericapiserver.asgi import Receive, Scope, Send, send_response
from genericapiserver.component.version import BuildInfo
from genericapiserver.endpoints.router import APIContainer, Route, WebService


def version_document(info: BuildInfo) -> bytes:
    """The page: JSON indented by two spaces, keys in camel case in the order of the fields."""
    document = {
        field.json_name: getattr(info, field.attribute)
        for field in describe(BuildInfo).fields
        if getattr(info, field.attribute) or not field.omit_empty
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
                responses={200: BuildInfo},
                consumes=("application/json",),
                produces=("application/json",),
            ),
        )
    )
    container.add(service)
