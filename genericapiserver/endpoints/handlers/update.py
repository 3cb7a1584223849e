"""Verb update (pkg/endpoints/handlers/update.go)."""

from typing import Any

from genericapiserver.admission import Operation
from genericapiserver.endpoints.api_request import APIRequest, APIResponse, VerbHandler
from genericapiserver.endpoints.handlers.body import body_media_type, check_version, decode_object, read_limited_body
from genericapiserver.endpoints.handlers.finish import finish
from genericapiserver.endpoints.handlers.names import check_name, ensure_namespace, request_namespace, required_name
from genericapiserver.endpoints.handlers.options import update_options
from genericapiserver.endpoints.handlers.writes import Write
from genericapiserver.endpoints.recorded import RecordedObject
from genericapiserver.endpoints.request_scope import RequestScope
from genericapiserver.registry.rest import Updater, UpdateResult
from genericapiserver.registry.updated_object import DefaultUpdatedObjectInfo
from genericapiserver.request.context import RequestContext


def update_handler(scope: RequestScope) -> VerbHandler:
    """Serve updates of one object by the whole of it."""
    updater: Updater = scope.storage

    async def update(request: APIRequest) -> APIResponse:
        name = required_name(request)
        namespace = request_namespace(request, scope)
        representation = scope.output(request)
        body = await read_limited_body(request, scope, "update")
        options = update_options(request)
        media_type = body_media_type(request, scope)
        decoded = decode_object(request, scope, body, media_type=media_type, field_validation=options.field_validation)
        check_version(scope, decoded.kind)
        obj = decoded.object
        if request.context.audit is not None:
            request.context.audit.record_request_object(RecordedObject(scope.codec, obj, decoded.kind))
        ensure_namespace(scope, namespace, obj)
        check_name(obj, name, namespace)
        write = Write.of(request, scope, namespace, name, options)
        write.dedup_owners(obj, after_admission=False)

        async def prepare(context: RequestContext, new: Any, old: Any) -> Any:
            new = write.track_fields(old, new)
            new = await write.admit(Operation.UPDATE if exists(old) else Operation.CREATE, new, old)
            write.dedup_owners(new, after_admission=True)
            return new

        async def attempt() -> UpdateResult:
            return await updater.update(
                request.context,
                name,
                DefaultUpdatedObjectInfo(obj, prepare),
                validate_create=write.validate_create_on_update(),
                validate_update=write.validate_update(),
                options=options,
            )

        result: UpdateResult = await finish(scope, write.store(attempt))
        return await representation.response(request, 201 if result.created else 200, result.object)

    return update


def exists(old: Any) -> bool:
    """Whether *old* is a stored object, not the empty one that stands for none.

    In the reference one without a uid does not count, so that a storage which gives its objects none answers 404 to every
    patch but apply. The empty one has no name either; a stored one always has.
    """
    metadata = getattr(old, "metadata", None)
    return bool(getattr(metadata, "uid", "") or getattr(metadata, "name", ""))
