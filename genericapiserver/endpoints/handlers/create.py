"""Verb create (pkg/endpoints/handlers/create.go)."""

from typing import Any

from genericapiserver.admission import Operation
from genericapiserver.apimachinery.meta import ObjectMeta, Status
from genericapiserver.endpoints.api_request import APIRequest, APIResponse, VerbHandler
from genericapiserver.endpoints.handlers.body import body_media_type, check_version, decode_object, read_limited_body
from genericapiserver.endpoints.handlers.finish import finish
from genericapiserver.endpoints.handlers.names import ensure_namespace, request_namespace, required_name
from genericapiserver.endpoints.handlers.options import create_options
from genericapiserver.endpoints.handlers.writes import Write
from genericapiserver.endpoints.recorded import RecordedObject
from genericapiserver.endpoints.request_scope import RequestScope
from genericapiserver.registry.metadata import wipe_object_meta_system_fields
from genericapiserver.registry.rest import Creator, NamedCreator


def create_handler(scope: RequestScope, *, named: bool = False) -> VerbHandler:
    """Serve creates; *named*: on an item, whose name the storage is given."""
    creator: Creator = scope.storage
    named_creator: NamedCreator = scope.storage

    async def create(request: APIRequest) -> APIResponse:
        name = required_name(request) if named else request.context.request_info.name
        namespace = request_namespace(request, scope)
        representation = scope.output(request)
        media_type = body_media_type(request, scope)
        body = await read_limited_body(request, scope, "create")
        options = create_options(request)
        decoded = decode_object(request, scope, body, media_type=media_type, field_validation=options.field_validation)
        check_version(scope, decoded.kind)
        obj = decoded.object
        if request.context.audit is not None:
            request.context.audit.record_request_object(RecordedObject(scope.codec, obj, decoded.kind))
        metadata = getattr(obj, "metadata", None)
        if isinstance(metadata, ObjectMeta):
            name = name or metadata.name
            if not scope.preserves_object_meta:
                wipe_object_meta_system_fields(metadata)
            ensure_namespace(scope, namespace, obj)
        write = Write.of(request, scope, namespace, name, options)
        write.dedup_owners(obj, after_admission=False)

        async def store() -> Any:
            tracked = write.track_fields(None, obj)
            admitted = await write.admit(Operation.CREATE, tracked, None)
            write.dedup_owners(admitted, after_admission=True)
            validate = write.validate_create()

            async def attempt() -> Any:
                if not write.tracks_fields:
                    admitted.metadata.managed_fields = None
                if named:
                    return await named_creator.create_named(
                        request.context, name, admitted, validate=validate, options=options
                    )
                return await creator.create(request.context, admitted, validate=validate, options=options)

            return await write.store(attempt)

        result = await finish(scope, store())
        if isinstance(result, Status) and not result.code:
            result.code = 201
        return await representation.response(request, 201, result)

    return create
