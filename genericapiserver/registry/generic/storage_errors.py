"""Storage errors as API errors, once, by verb. Go: pkg/storage/errors/storage.go.

                        list          get           create          update        delete
    key not found       404           404           -               404           404
    key exists          -             -             AlreadyExists   Conflict      Conflict
    conflict, invalid   -             -             -               Conflict      Conflict
    unreachable         ServerTimeout, on every verb
    timeout             ServerTimeout -             -               -             -
    internal, corrupt   InternalError, on every verb
    too large           -             -             413             413           -

What has no entry comes back as it is: API errors that storage raised itself, and errors that a client sees as a plain
500. Objects over the store's limit are a 413; the reference's etcd has only a 500 with its own text for them.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from genericapiserver.apimachinery.errors import (
    AlreadyExistsError,
    ConflictError,
    InternalError,
    NotFoundError,
    RequestEntityTooLargeError,
    ServerTimeoutError,
)
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.storage.errors import (
    CorruptObjectError,
    InvalidObjectError,
    KeyExistsError,
    KeyNotFoundError,
    ObjectTooLargeError,
    ResourceVersionConflictsError,
    StorageError,
    StorageInternalError,
    StorageTimeoutError,
    StorageUnreachableError,
)

RETRY_AFTER_SECONDS = 2

_Make: TypeAlias = Callable[[StorageError, GroupResource, str], Exception]
_Row: TypeAlias = Mapping[type[StorageError], _Make]


def _not_found(error: StorageError, resource: GroupResource, name: str) -> Exception:
    return NotFoundError(resource, name)


def _already_exists(error: StorageError, resource: GroupResource, name: str) -> Exception:
    return AlreadyExistsError(resource, name)


def _conflict(error: StorageError, resource: GroupResource, name: str) -> Exception:
    return ConflictError(resource, name, str(error))


def _internal(error: StorageError, resource: GroupResource, name: str) -> Exception:
    return InternalError(str(error))


def _too_large(error: StorageError, resource: GroupResource, name: str) -> Exception:
    assert isinstance(error, ObjectTooLargeError)
    return RequestEntityTooLargeError(f"limit is {error.limit}")


def _server_timeout(verb: str) -> _Make:
    def make(error: StorageError, resource: GroupResource, name: str) -> Exception:
        return ServerTimeoutError(resource, verb, RETRY_AFTER_SECONDS)

    return make


def _row(verb: str, own: _Row) -> _Row:
    return {
        StorageUnreachableError: _server_timeout(verb),
        StorageInternalError: _internal,
        CorruptObjectError: _internal,
        **own,
    }


_WRITE_CONFLICTS: _Row = {
    KeyNotFoundError: _not_found,
    KeyExistsError: _conflict,
    ResourceVersionConflictsError: _conflict,
    InvalidObjectError: _conflict,
}
_LIST = _row("list", {KeyNotFoundError: _not_found, StorageTimeoutError: _server_timeout("list")})
_GET = _row("get", {KeyNotFoundError: _not_found})
_CREATE = _row("create", {KeyExistsError: _already_exists, ObjectTooLargeError: _too_large})
_UPDATE = _row("update", {**_WRITE_CONFLICTS, ObjectTooLargeError: _too_large})
_DELETE = _row("delete", _WRITE_CONFLICTS)


def _interpret(row: _Row, error: StorageError, resource: GroupResource, name: str) -> Exception:
    make = row.get(type(error))
    return error if make is None else make(error, resource, name)


def interpret_list_error(error: StorageError, resource: GroupResource) -> Exception:
    return _interpret(_LIST, error, resource, "")


def interpret_watch_error(error: StorageError, resource: GroupResource) -> Exception:
    """As for a list. Only for what keeps a watch from opening: what comes later is an event."""
    return _interpret(_LIST, error, resource, "")


def interpret_get_error(error: StorageError, resource: GroupResource, name: str) -> Exception:
    return _interpret(_GET, error, resource, name)


def interpret_create_error(error: StorageError, resource: GroupResource, name: str) -> Exception:
    return _interpret(_CREATE, error, resource, name)


def interpret_update_error(error: StorageError, resource: GroupResource, name: str) -> Exception:
    return _interpret(_UPDATE, error, resource, name)


def interpret_delete_error(error: StorageError, resource: GroupResource, name: str) -> Exception:
    return _interpret(_DELETE, error, resource, name)
