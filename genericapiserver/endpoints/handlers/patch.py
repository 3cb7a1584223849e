"""Verb patch: an update whose object is made from the stored one, again at every attempt.

Go: pkg/endpoints/handlers/patch.go.
"""

from typing import Any

from genericapiserver.admission import Operation
from genericapiserver.apimachinery.errors import ConflictError
from genericapiserver.apimachinery.meta import PatchOptions, UpdateOptions
from genericapiserver.endpoints.api_request import APIRequest, APIResponse, VerbHandler
from genericapiserver.endpoints.handlers.body import read_limited_body
from genericapiserver.endpoints.handlers.finish import finish
from genericapiserver.endpoints.handlers.names import check_name, ensure_namespace, request_namespace, required_name
from genericapiserver.endpoints.handlers.options import patch_options
from genericapiserver.endpoints.handlers.patch_mechanisms import (
    APPLY_PATCH,
    PATCH_TYPES,
    PatchMechanism,
    make_mechanism,
)
from genericapiserver.endpoints.handlers.update import exists
from genericapiserver.endpoints.handlers.writes import Write
from genericapiserver.endpoints.negotiation import unsupported_media_type
from genericapiserver.endpoints.request_scope import RequestScope
from genericapiserver.registry.rest import Updater, UpdateResult
from genericapiserver.registry.updated_object import DefaultUpdatedObjectInfo
from genericapiserver.request.context import RequestContext


def patch_handler(scope: RequestScope) -> VerbHandler:
    """Serve patches of one object, of every type."""
    updater: Updater = scope.storage

    async def patch(request: APIRequest) -> APIResponse:
        patch_type = request.content_type.partition(b";")[0].decode("latin-1")
        if patch_type not in PATCH_TYPES:
            raise unsupported_media_type(PATCH_TYPES)
        apply = patch_type == APPLY_PATCH
        name = required_name(request)
        namespace = request_namespace(request, scope)
        representation = scope.output(request)
        body = await read_limited_body(request, scope, "patch")
        options = patch_options(request, apply=apply)
        if request.context.audit is not None:
            request.context.audit.record_request_patch(body)
        write = Write.of(request, scope, namespace, name, update_options_of(options))
        patcher = _Patcher(
            write,
            make_mechanism(
                patch_type,
                body,
                request,
                scope,
                field_validation=options.field_validation,
                manager=write.manager,
                force=bool(options.force),
            ),
        )

        async def attempt() -> UpdateResult:
            return await updater.update(
                request.context,
                name,
                DefaultUpdatedObjectInfo(None, patcher.prepare),
                validate_create=write.validate_create_on_update(),
                validate_update=write.validate_update(),
                force_allow_create=apply,
                options=write.options,
            )

        # What was applied cannot do without its managed fields.
        work = attempt() if apply else write.store(attempt)
        result: UpdateResult = await finish(scope, work)
        return await representation.response(request, 201 if result.created else 200, result.object)

    return patch


class _Patcher:
    """Makes the object of one attempt."""

    def __init__(self, write: Write, mechanism: PatchMechanism) -> None:
        self._write = write
        self._mechanism = mechanism

    async def prepare(self, context: RequestContext, new: Any, old: Any) -> Any:
        write = self._write
        stored = exists(old)
        new = self._patch(old, stored)
        new = await write.admit(Operation.UPDATE if stored else Operation.CREATE, new, old if stored else None)
        write.dedup_owners(new, after_admission=True)
        if not write.tracks_fields:
            new.metadata.managed_fields = None
        return new

    def _patch(self, old: Any, stored: bool) -> Any:
        write = self._write
        new = self._mechanism.patched(old) if stored else self._mechanism.created(write.name)
        uid = getattr(getattr(new, "metadata", None), "uid", None)
        if uid and not stored:
            raise ConflictError(
                write.scope.resource.group_resource,
                write.name,
                f"uid mismatch: the provided object specified uid {uid}, and no existing object was found",
            )
        ensure_namespace(write.scope, write.namespace, new)
        check_name(new, write.name, write.namespace)
        return new


def update_options_of(options: PatchOptions) -> UpdateOptions:
    """The options of the update that a patch is."""
    return UpdateOptions(
        dry_run=options.dry_run, field_manager=options.field_manager, field_validation=options.field_validation
    )
