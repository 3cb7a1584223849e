"""Verb delete (pkg/endpoints/handlers/delete.go)."""

from genericapiserver.admission import Attributes, Operation
from genericapiserver.admission.closures import delete_validation
from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.apimachinery.meta import STATUS_SUCCESS, UNVERSIONED, DeleteOptions, Status, StatusDetails
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersionKind
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.serializer.errors import DecodeError
from genericapiserver.endpoints.api_request import APIRequest, APIResponse, VerbHandler
from genericapiserver.endpoints.handlers.body import body_media_type, read_limited_body
from genericapiserver.endpoints.handlers.finish import finish
from genericapiserver.endpoints.handlers.names import admission_namespace, request_namespace, required_name
from genericapiserver.endpoints.handlers.options import check_delete_options, delete_options
from genericapiserver.endpoints.recorded import RecordedObject
from genericapiserver.endpoints.request_scope import RequestScope
from genericapiserver.registry.rest import DeleteResult, GracefulDeleter

_INTERNAL_DELETE_OPTIONS = GroupVersionKind("meta.k8s.io", INTERNAL_VERSION, "DeleteOptions")
"""How the audit log names them."""
_DELETE_OPTIONS = GroupVersionKind("meta.k8s.io", "v1", "DeleteOptions")


def delete_handler(scope: RequestScope) -> VerbHandler:
    """Serve deletes of one object."""
    deleter: GracefulDeleter = scope.storage

    async def delete(request: APIRequest) -> APIResponse:
        name = required_name(request)
        namespace = request_namespace(request, scope)
        representation = scope.output(request)
        options = await read_delete_options(request, scope, "delete")
        attributes = delete_attributes(request, scope, namespace, name, options)
        result: DeleteResult = await finish(
            scope,
            deleter.delete(
                request.context, name, validate=delete_validation(scope.admission, attributes), options=options
            ),
        )
        # Only for those who say so with the old option: others have come to rely on 200.
        accepted = not result.immediate and options.orphan_dependents is False
        code = 202 if accepted else 200
        shown = result.object
        if shown is None:
            details = StatusDetails(name=name, kind=scope.kind.kind)
            shown = Status(status=STATUS_SUCCESS, code=code, details=details)
        return await representation.response(request, code, shown)

    return delete


def delete_attributes(
    request: APIRequest, scope: RequestScope, namespace: str, name: str, options: DeleteOptions
) -> Attributes:
    """What admission is told of a delete."""
    return Attributes(
        context=request.context,
        operation=Operation.DELETE,
        kind=scope.kind,
        resource=scope.resource,
        subresource=scope.subresource,
        namespace=admission_namespace(scope, namespace, name),
        name=name,
        options=options,
        dry_run=bool(options.dry_run),
        user=request.context.user,
        scheme=scope.scheme,
        equivalents=scope.equivalents,
    )


async def read_delete_options(request: APIRequest, scope: RequestScope, verb: str) -> DeleteOptions:
    """The options in the body, or without a body those in the query: one body, however empty, makes the query void.

    Raises BadRequestError, UnsupportedMediaTypeError, RequestEntityTooLargeError, and InvalidError for options that
    contradict each other.
    """
    body = await read_limited_body(request, scope, verb)
    if body:
        options = _decode(request, scope, body)
    else:
        options = delete_options(request)
    # Deleting what cannot be read is behind an alpha gate of the reference: without it the option says nothing.
    options.ignore_store_read_error_with_cluster_breaking_potential = None
    check_delete_options(options)
    return options


def _codec() -> CodecFactory:
    """Reads DeleteOptions of whatever API version, because clients send them with that of the resource, or with v1."""
    scheme = Scheme("meta")
    scheme.add_unversioned_types(UNVERSIONED, DeleteOptions)
    return CodecFactory(scheme)


_CODEC = _codec()


def _decode(request: APIRequest, scope: RequestScope, body: bytes) -> DeleteOptions:
    """The options in *body*. Never strict."""
    media_type = body_media_type(request, scope)
    try:
        decoded = _CODEC.decode(body, media_type=media_type, default_gvk=_DELETE_OPTIONS)
    except DecodeError as error:
        raise BadRequestError(str(error)) from error
    if request.context.audit is not None:
        recorded = RecordedObject(_CODEC, decoded.object, _INTERNAL_DELETE_OPTIONS)
        request.context.audit.record_request_object(recorded)
    options: DeleteOptions = decoded.object
    return options
