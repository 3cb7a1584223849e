"""Verb get: name, representation, options, storage (pkg/endpoints/handlers/get.go)."""

from genericapiserver.apimachinery.meta import GetOptions
from genericapiserver.endpoints.api_request import APIRequest, APIResponse, VerbHandler
from genericapiserver.endpoints.handlers.names import required_name
from genericapiserver.endpoints.handlers.options import endpoint_options, get_options
from genericapiserver.endpoints.handlers.stream import is_streamer, stream_resource
from genericapiserver.endpoints.request_scope import RequestScope
from genericapiserver.registry.rest import Getter, GetterWithOptions
from genericapiserver.storage.stored import StoredObject

_NO_OPTIONS = GetOptions()


def get_handler(scope: RequestScope) -> VerbHandler:
    """Serve one object, or the stream it turns into, by name."""
    storage: Getter = scope.storage

    async def get(request: APIRequest) -> APIResponse:
        name = required_name(request)
        representation = scope.output(request)
        options = get_options(request) if request.query else _NO_OPTIONS
        result = await storage.get(request.context, name, options)
        if not isinstance(result, StoredObject) and is_streamer(result):
            return await stream_resource(request, scope, result)
        return await representation.response(request, 200, result)

    return get


def get_with_options_handler(scope: RequestScope) -> VerbHandler:
    """Serve one object, or the stream it turns into, by name and options of the storage's own."""
    storage: GetterWithOptions = scope.storage

    async def get(request: APIRequest) -> APIResponse:
        name = required_name(request)
        representation = scope.output(request)
        options = endpoint_options(
            request,
            storage.get_options_type,
            path_option=storage.get_options_path,
            of_subresource=bool(scope.subresource),
        )
        result = await storage.get(request.context, name, options)
        if is_streamer(result):
            return await stream_resource(request, scope, result)
        return await representation.response(request, 200, result)

    return get
