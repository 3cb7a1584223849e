"""The steps around the strategy's hooks of a create and an update, always in the same order.

    create   namespace -> prepare -> validate -> metadata rules -> warnings -> canonicalize update   namespace ->
    generation -> prepare -> system fields -> metadata rules and validate -> warnings -> canonicalize

On create the metadata rules are only looked at when the strategy found nothing; on update both always are, and their
errors come together. Validating admission runs after this, on what came out. Go: pkg/registry/rest/{create,update}.go.
"""

from typing import Any

from genericapiserver.apimachinery.errors import (
    AlreadyExistsError,
    GenerateNameConflictError,
    InternalError,
    InvalidError,
)
from genericapiserver.apimachinery.field import Path
from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apimachinery.schema import GroupKind, GroupResource
from genericapiserver.apimachinery.validation.names import path_segment_name
from genericapiserver.apimachinery.validation.object_meta import validate_object_meta, validate_object_meta_update
from genericapiserver.registry.metadata import ensure_object_namespace_matches_request_namespace
from genericapiserver.registry.strategy import ObjectTyper, RESTCreateStrategy, RESTUpdateStrategy
from genericapiserver.request.context import RequestContext

_METADATA = Path("metadata")


def before_create(strategy: RESTCreateStrategy, context: RequestContext, obj: Any) -> None:
    """Make *obj* ready to be stored as a new object.

    Its system fields are filled and its name is set. Raises InvalidError with the strategy's findings, or with those
    about metadata; BadRequestError for a foreign namespace; InternalError when the caller left out a step.
    """
    metadata, kind = object_metadata_and_kind(strategy, obj)
    if not metadata.uid or metadata.creation_timestamp is None:
        raise InternalError("system metadata was not initialized")
    if metadata.generate_name and not metadata.name:
        raise InternalError("metadata.name was not generated")
    namespaced = strategy.namespace_scoped
    ensure_object_namespace_matches_request_namespace(context.namespace if namespaced else "", metadata)

    strategy.prepare_for_create(context, obj)

    errors = strategy.validate(context, obj)
    if errors:
        raise InvalidError(kind, metadata.name, errors)
    # The hooks may have put another metadata in its place.
    metadata = obj.metadata
    errors = validate_object_meta(
        metadata, requires_namespace=namespaced, name_validator=path_segment_name, path=_METADATA
    )
    if errors:
        raise InvalidError(kind, metadata.name, errors)

    for warning in strategy.warnings_on_create(context, obj):
        context.add_warning(warning)
    strategy.canonicalize(obj)


def before_update(strategy: RESTUpdateStrategy, context: RequestContext, obj: Any, old: Any) -> None:
    """Make *obj* ready to be stored in place of *old*. Raises as `before_create` does."""
    metadata, kind = object_metadata_and_kind(strategy, obj)
    namespaced = strategy.namespace_scoped
    ensure_object_namespace_matches_request_namespace(context.namespace if namespaced else "", metadata)
    old_metadata: ObjectMeta = old.metadata
    metadata.generation = old_metadata.generation

    strategy.prepare_for_update(context, obj, old)

    metadata = obj.metadata
    _keep_system_fields(metadata, old_metadata)
    errors = [
        *validate_object_meta(
            metadata, requires_namespace=namespaced, name_validator=path_segment_name, path=_METADATA
        ),
        *validate_object_meta_update(metadata, old_metadata, path=_METADATA),
        *strategy.validate_update(context, obj, old),
    ]
    if errors:
        raise InvalidError(kind, metadata.name, errors)

    for warning in strategy.warnings_on_update(context, obj, old):
        context.add_warning(warning)
    strategy.canonicalize(obj)


def _keep_system_fields(metadata: ObjectMeta, old: ObjectMeta) -> None:
    # Clients may leave these out; what they change is refused afterwards, as immutable.
    if not metadata.uid:
        metadata.uid = old.uid
    if old.creation_timestamp is not None:
        metadata.creation_timestamp = old.creation_timestamp
    if old.deletion_timestamp is not None:
        metadata.deletion_timestamp = old.deletion_timestamp
    if old.deletion_grace_period_seconds is not None and metadata.deletion_grace_period_seconds is None:
        metadata.deletion_grace_period_seconds = old.deletion_grace_period_seconds


def generated_name_error(error: Exception, context: RequestContext, obj: Any) -> Exception:
    """What to tell a client that asked for a generated name when the name was taken: another try may do.

    Every other error comes back as it is.
    """
    metadata: ObjectMeta = obj.metadata
    if not isinstance(error, AlreadyExistsError) or not metadata.generate_name:
        return error
    info = context.request_info
    return GenerateNameConflictError(GroupResource(info.api_group, info.resource), metadata.name)


def object_metadata_and_kind(typer: ObjectTyper, obj: Any) -> tuple[ObjectMeta, GroupKind]:
    """The metadata of *obj* and its kind. Raises InternalError for what has none."""
    metadata = getattr(obj, "metadata", None)
    if not isinstance(metadata, ObjectMeta):
        raise InternalError(f"object does not implement the Object interfaces: {type(obj).__name__}")
    try:
        kind = typer.object_kind(obj)
    except Exception as error:
        raise InternalError(str(error)) from error
    return metadata, kind.group_kind
