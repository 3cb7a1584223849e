"""Verb deletecollection: options of a list and of a delete, and the list of what was there (delete.go)."""

from genericapiserver.admission.closures import delete_validation
from genericapiserver.endpoints.api_request import APIRequest, APIResponse, VerbHandler
from genericapiserver.endpoints.handlers.delete import delete_attributes, read_delete_options
from genericapiserver.endpoints.handlers.list import convert_field_labels
from genericapiserver.endpoints.handlers.names import request_namespace
from genericapiserver.endpoints.handlers.options import list_options
from genericapiserver.endpoints.request_scope import RequestScope
from genericapiserver.registry.rest import CollectionDeleter


def delete_collection_handler(scope: RequestScope) -> VerbHandler:
    """Serve deletes of everything that a list would show. There is no time limit but the request's own."""
    deleter: CollectionDeleter = scope.storage

    async def delete_collection(request: APIRequest) -> APIResponse:
        namespace = request_namespace(request, scope)
        representation = scope.output(request)
        selection = list_options(request)
        convert_field_labels(scope, selection)
        options = await read_delete_options(request, scope, "delete_collection")
        attributes = delete_attributes(request, scope, namespace, "", options)
        result = await deleter.delete_collection(
            request.context,
            validate=delete_validation(scope.admission, attributes),
            options=options,
            list_options=selection,
        )
        return await representation.response(request, 200, result)

    return delete_collection
