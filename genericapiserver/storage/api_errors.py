"""The API errors that storage itself raises, with the texts clients look for, and ERROR events made of errors.

Source: k8s.io/apiserver pkg/storage/errors.go, pkg/storage/etcd3/errors.go, pkg/storage/cacher/cacher.go.
"""

from typing import Any

from genericapiserver.apimachinery.errors import (
    InternalError,
    ResourceExpiredError,
    StatusError,
    TooLargeResourceVersionError,
)
from genericapiserver.apimachinery.watch import EventType
from genericapiserver.storage.continue_token import LATEST, ContinueTokenError, encode_continue
from genericapiserver.storage.stored import WatchEvent

_LIST_TOO_OLD = "The resourceVersion for the provided list is too old."
_WATCH_TOO_OLD = "The resourceVersion for the provided watch is too old."
_CONTINUE_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. "
    "You can start a new list without the continue parameter"
)
_CONTINUE_ANYWAY = (
    ", or use the continue token in this response to retrieve the remainder of the results. Continuing with the "
    "provided token results in an inconsistent list - objects that were created, modified, or deleted between the time "
    "the first chunk was returned and now may show up in the list."
)
STORE_READ_ERROR = "StorageReadError"


def list_too_old() -> ResourceExpiredError:
    """410 for a list at a revision that is gone."""
    return ResourceExpiredError(_LIST_TOO_OLD)


def watch_too_old() -> ResourceExpiredError:
    """410 for a watch from a revision that is gone."""
    return ResourceExpiredError(_WATCH_TOO_OLD)


def cached_watch_too_old(requested: int, oldest: int) -> ResourceExpiredError:
    """410 as the watch cache says it: *oldest* is where a watch may still start."""
    return ResourceExpiredError(f"too old resource version: {requested} ({oldest})")


def continue_too_old(start: str, prefix: str) -> ResourceExpiredError:
    """410 for a page whose revision is gone, with a token that goes on at the newest one."""
    try:
        token = encode_continue(start, prefix, LATEST)
    except ContinueTokenError:
        return ResourceExpiredError(f"{_CONTINUE_TOO_OLD}.")
    return ResourceExpiredError(_CONTINUE_TOO_OLD + _CONTINUE_ANYWAY, continue_token=token)


def too_large(requested: int, current: int, *, retry_after_seconds: int) -> TooLargeResourceVersionError:
    """504 for a revision from the future."""
    return TooLargeResourceVersionError(requested, current, retry_after_seconds=retry_after_seconds)


def deleted_but_corrupt(error: BaseException) -> StatusError:
    """500 for a deletion whose object cannot be shown."""
    return StatusError(f"saw a DELETED event, but object data is corrupt - {error}", code=500, reason=STORE_READ_ERROR)


def error_event(error: BaseException) -> WatchEvent[Any]:
    """The ERROR event that ends a watch because of *error*; what is no API error becomes a 500."""
    status = error if isinstance(error, StatusError) else InternalError(error)
    return WatchEvent(EventType.ERROR, status.status())
