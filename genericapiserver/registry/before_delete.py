"""Whether a delete removes the object now or gives it time, and what it has to be told. Go:
pkg/registry/rest/delete.go."""

import datetime as dt
from typing import Any

import attrs

from genericapiserver.apimachinery.errors import ConflictError, InternalError, InvalidError
from genericapiserver.apimachinery.meta import DeleteOptions, ObjectMeta
from genericapiserver.apimachinery.schema import GroupKind, GroupResource
from genericapiserver.apimachinery.validation.options import validate_delete_options
from genericapiserver.registry.before import object_metadata_and_kind
from genericapiserver.registry.strategy import RESTDeleteStrategy, RESTGracefulDeleteStrategy
from genericapiserver.request.context import RequestContext

_DELETE_OPTIONS_KIND = GroupKind("meta.k8s.io", "DeleteOptions")


@attrs.frozen
class Grace:
    """`graceful`: the object was marked and is to be stored. `pending`: it is on its way already, nothing to do.

    Neither: delete it now.
    """

    graceful: bool
    pending: bool


NOW = Grace(graceful=False, pending=False)
GRACEFUL = Grace(graceful=True, pending=False)
PENDING = Grace(graceful=False, pending=True)


def before_delete(
    strategy: RESTDeleteStrategy,
    context: RequestContext,
    obj: Any,
    options: DeleteOptions,
    *,
    now: dt.datetime,
) -> Grace:
    """Settle how *obj* goes; marks *obj* and fills in the grace period of *options* accordingly.

    A grace period that runs already can only be made shorter. Raises InvalidError for bad options and ConflictError
    when *obj* is not the object the preconditions ask for (storage looks again when it writes).
    """
    metadata, kind = object_metadata_and_kind(strategy, obj)
    errors = validate_delete_options(options)
    if errors:
        raise InvalidError(_DELETE_OPTIONS_KIND, "", errors)
    _check_preconditions(options, metadata, kind)
    if options.grace_period_seconds is not None and options.grace_period_seconds < 0:
        options.grace_period_seconds = 1
    if metadata.deletion_grace_period_seconds is not None and metadata.deletion_grace_period_seconds < 0:
        metadata.deletion_grace_period_seconds = 1
    if not isinstance(strategy, RESTGracefulDeleteStrategy):
        return NOW
    now = now.replace(microsecond=0)
    if metadata.deletion_timestamp is not None:
        return _shorten(metadata, metadata.deletion_timestamp, options, now)
    if not strategy.check_graceful_delete(context, obj, options):
        return NOW
    grace = options.grace_period_seconds
    if grace is None:
        raise InternalError("options.GracePeriodSeconds should not be nil")
    metadata.deletion_timestamp = now + dt.timedelta(seconds=grace)
    metadata.deletion_grace_period_seconds = grace
    if metadata.generation > 0:
        metadata.generation += 1
    return GRACEFUL


def _shorten(metadata: ObjectMeta, deletion_timestamp: dt.datetime, options: DeleteOptions, now: dt.datetime) -> Grace:
    current = metadata.deletion_grace_period_seconds
    if not current:
        # Marked with no time left, yet still here: the delete after the mark failed. Finish it.
        return NOW
    period = options.grace_period_seconds
    if period is None:
        options.grace_period_seconds = current
        return PENDING
    if period >= current:
        return PENDING
    shortened = deletion_timestamp + dt.timedelta(seconds=period - current)
    if shortened < now:
        # The shorter time is over as well. One second is the least that still counts as graceful.
        shortened = now
        if period:
            period = 1
    metadata.deletion_timestamp = shortened
    metadata.deletion_grace_period_seconds = period
    return GRACEFUL


def _check_preconditions(options: DeleteOptions, metadata: ObjectMeta, kind: GroupKind) -> None:
    preconditions = options.preconditions
    if preconditions is None:
        return
    # The reference names the kind where a resource belongs.
    resource = GroupResource(kind.group, kind.kind)
    if preconditions.uid is not None and preconditions.uid != metadata.uid:
        raise ConflictError(
            resource,
            metadata.name,
            f"the UID in the precondition ({preconditions.uid}) does not match the UID in record ({metadata.uid}). "
            "The object might have been deleted and then recreated",
        )
    version = preconditions.resource_version
    if version is not None and version != metadata.resource_version:
        raise ConflictError(
            resource,
            metadata.name,
            f"the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record "
            f"({metadata.resource_version}). The object might have been modified",
        )
