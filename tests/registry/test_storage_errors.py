"""The table of translations, row by row."""

from collections.abc import Callable

import pytest

from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.registry.generic import storage_errors
from genericapiserver.storage.errors import (
    CorruptObjectError,
    InvalidObjectError,
    InvalidResourceVersionError,
    KeyExistsError,
    KeyNotFoundError,
    ObjectTooLargeError,
    ResourceVersionConflictsError,
    StorageError,
    StorageInternalError,
    StorageTimeoutError,
    StorageUnreachableError,
)

RESOURCE = GroupResource("g.io", "things")
KEY = "/registry/things/a"
ERRORS: dict[str, StorageError] = {
    "not found": KeyNotFoundError(KEY),
    "exists": KeyExistsError(KEY),
    "conflict": ResourceVersionConflictsError(KEY, 7),
    "invalid object": InvalidObjectError(KEY, 0, "Precondition failed"),
    "unreachable": StorageUnreachableError(KEY),
    "timeout": StorageTimeoutError(KEY),
    "internal": StorageInternalError("inside"),
    "corrupt": CorruptObjectError(KEY, 7, "object not decodable"),
    "too large": ObjectTooLargeError(KEY, 20, 10),
}
VERBS: dict[str, Callable[[StorageError], Exception]] = {
    "list": lambda error: storage_errors.interpret_list_error(error, RESOURCE),
    "get": lambda error: storage_errors.interpret_get_error(error, RESOURCE, "a"),
    "create": lambda error: storage_errors.interpret_create_error(error, RESOURCE, "a"),
    "update": lambda error: storage_errors.interpret_update_error(error, RESOURCE, "a"),
    "delete": lambda error: storage_errors.interpret_delete_error(error, RESOURCE, "a"),
}
SAME = None  # comes back as it is
TABLE: dict[str, tuple[str | None, ...]] = {
    #                  list             get              create           update           delete
    "not found": ("NotFound", "NotFound", SAME, "NotFound", "NotFound"),
    "exists": (SAME, SAME, "AlreadyExists", "Conflict", "Conflict"),
    "conflict": (SAME, SAME, SAME, "Conflict", "Conflict"),
    "invalid object": (SAME, SAME, SAME, "Conflict", "Conflict"),
    "unreachable": ("ServerTimeout",) * 5,
    "timeout": ("ServerTimeout", SAME, SAME, SAME, SAME),
    "internal": ("InternalError",) * 5,
    "corrupt": ("InternalError",) * 5,
    "too large": (SAME, SAME, "RequestEntityTooLarge", "RequestEntityTooLarge", SAME),
}


@pytest.mark.parametrize(
    ("error", "verb", "reason"),
    [
        pytest.param(error, verb, reason, id=f"{error} on {verb}")
        for error, reasons in TABLE.items()
        for verb, reason in zip(VERBS, reasons, strict=True)
    ],
)
def test_storage_errors_become_api_errors(error: str, verb: str, reason: str | None) -> None:
    source = ERRORS[error]
    result = VERBS[verb](source)
    if reason is None:
        assert result is source
    else:
        assert isinstance(result, StatusError)
        assert result.reason == reason


def test_the_texts() -> None:
    conflict = storage_errors.interpret_update_error(ERRORS["invalid object"], RESOURCE, "a")
    assert str(conflict) == (
        'Operation cannot be fulfilled on things.g.io "a": StorageError: invalid object, Code: 4, '
        "Key: /registry/things/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed"
    )
    timeout = storage_errors.interpret_get_error(ERRORS["unreachable"], RESOURCE, "a")
    assert isinstance(timeout, StatusError)
    assert (
        str(timeout) == "The get operation against things.g.io could not be completed at this time, please try again."
    )
    assert (timeout.code, timeout.retry_after_seconds) == (500, 2)
    missing = storage_errors.interpret_list_error(ERRORS["not found"], RESOURCE)
    assert str(missing) == 'things.g.io "" not found'
    large = storage_errors.interpret_create_error(ERRORS["too large"], RESOURCE, "a")
    assert str(large) == "Request entity too large: limit is 10"


def test_a_resource_version_that_is_no_number_is_not_translated() -> None:
    error = InvalidResourceVersionError("resourceVersion: Invalid value")
    assert all(interpret(error) is error for interpret in VERBS.values())
