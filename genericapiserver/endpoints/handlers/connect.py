"""Verb connect: the request is handed to a handler of the storage's own (pkg/endpoints/handlers/rest.go, ConnectResource).

What comes back is up to that handler; the server looks neither at Accept nor at Content-Type.
"""

from typing import Any

from genericapiserver.admission import Attributes, Operation
from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.endpoints.api_request import APIRequest, APIResponse, VerbHandler
from genericapiserver.endpoints.handlers.names import admission_namespace, request_namespace, required_name
from genericapiserver.endpoints.handlers.options import endpoint_options
from genericapiserver.endpoints.request_scope import RequestScope
from genericapiserver.registry.rest import Connector


class ScopedResponder:
    """Lets a connected handler answer with an object or an error after all (registry.rest.Responder)."""

    def __init__(self, request: APIRequest, scope: RequestScope) -> None:
        self._request = request
        self._scope = scope

    async def object(self, status_code: int, obj: Any) -> None:
        representation = self._scope.output(self._request)
        await self._scope.writer.send(self._request, await representation.response(self._request, status_code, obj))

    async def error(self, error: Exception) -> None:
        await self._scope.writer.send(self._request, self._scope.writer.error(self._request, error))


def connect_handler(scope: RequestScope) -> VerbHandler:
    """Serve all connect methods of one endpoint."""
    connector: Connector = scope.storage

    async def connect(request: APIRequest) -> APIResponse:
        if b"dryRun" in request.query and "dryRun" in request.values:
            raise BadRequestError("dryRun is not supported")
        name = required_name(request)
        options = None
        if connector.connect_options_type is not None:
            options = endpoint_options(
                request,
                connector.connect_options_type,
                path_option=connector.connect_options_path,
                of_subresource=bool(scope.subresource),
            )
        if scope.admission is not None and scope.admission.handles(Operation.CONNECT):
            attributes = Attributes(
                context=request.context,
                operation=Operation.CONNECT,
                kind=scope.kind,
                resource=scope.resource,
                subresource=scope.subresource,
                namespace=admission_namespace(scope, request_namespace(request, scope), name),
                name=name,
                object=options,
                user=request.context.user,
                scheme=scope.scheme,
                equivalents=scope.equivalents,
            )
            await scope.admission.admit(attributes)
            await scope.admission.validate(attributes)
            options = attributes.object
        elif scope.admission is not None:
            scope.admission.pass_by("admit", Operation.CONNECT)
            scope.admission.pass_by("validate", Operation.CONNECT)
        handler = await connector.connect(request.context, name, options, ScopedResponder(request, scope))
        await handler(request.scope, request.receive, request.send)
        return APIResponse(request.context.response_status or 200, streamed=True)

    return connect
