"""What storage raises. The tree:

    StorageError                         the root
    ├── KeyNotFoundError                 code 1
    ├── KeyExistsError                   code 2
    ├── ResourceVersionConflictsError    code 3
    ├── InvalidObjectError               code 4   a precondition failed
    ├── StorageUnreachableError          code 5
    ├── StorageTimeoutError              code 6
    ├── CorruptObjectError               code 7   stored bytes that cannot be read
    ├── StorageInternalError             a failure with a reason and no code: 500 with the reason as its text
    ├── ObjectTooLargeError              the encoded object exceeds the limit of the store
    ├── InvalidResourceVersionError      a resource version that is no unsigned number
    ├── InvalidKeyError                  a key that no object of this store can have
    └── engine.EngineError               the family of the engines; the store translates it

The registry turns these into API errors once. What the API itself defines (410 Expired, 504 for a resource version from
the future, 400 for a bad continue token) storage raises as StatusErrors directly, as k8s.io/apiserver does.

Source: k8s.io/apiserver pkg/storage/errors.go.
"""

from typing import ClassVar


class StorageError(Exception):
    """The root: something about storing failed. `code` is 0 where Go knows no number."""

    code: ClassVar[int] = 0

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class _CodedStorageError(StorageError):
    """An error with one of the seven numbers; its text carries key, revision and an explanation.

    *key* is the full storage key where an engine raised it, *resource_version* 0 where none is known.
    """

    reason: ClassVar[str] = ""

    def __init__(self, key: str, resource_version: int = 0, additional: str = "") -> None:
        self.key = key
        self.resource_version = resource_version
        self.additional = additional
        super().__init__(
            f"StorageError: {self.reason}, Code: {self.code}, Key: {key}, ResourceVersion: {resource_version}, "
            f"AdditionalErrorMsg: {additional}"
        )


class KeyNotFoundError(_CodedStorageError):
    code = 1
    reason = "key not found"


class KeyExistsError(_CodedStorageError):
    code = 2
    reason = "key exists"


class ResourceVersionConflictsError(_CodedStorageError):
    code = 3
    reason = "resource version conflicts"


class InvalidObjectError(_CodedStorageError):
    """A precondition does not hold for the stored object."""

    code = 4
    reason = "invalid object"


class StorageUnreachableError(_CodedStorageError):
    code = 5
    reason = "server unreachable"


class StorageTimeoutError(_CodedStorageError):
    code = 6
    reason = "request timeout"


class CorruptObjectError(_CodedStorageError):
    """The stored bytes could not be transformed or decoded; the object can only be deleted unread."""

    code = 7
    reason = "corrupt object"


class StorageInternalError(StorageError):
    """Something inside failed; *reason* is what a client may read."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ObjectTooLargeError(StorageError):
    """The encoded object has *size* bytes where the store takes *limit*."""

    def __init__(self, key: str, size: int, limit: int) -> None:
        super().__init__(f"Request entity too large: limit is {limit}")
        self.key = key
        self.size = size
        self.limit = limit


class InvalidResourceVersionError(StorageError, ValueError):
    """A resource version that is not an unsigned 64-bit decimal (Go: an InvalidError on `resourceVersion`)."""


class InvalidKeyError(StorageError, ValueError):
    """A key outside the store's resource prefix, an empty one, or one with `.` or `..` segments."""
