"""Resource versions in options: from text to numbers, and which revision a list is about.

Source: k8s.io/apiserver pkg/storage/api_object_versioner.go, pkg/storage/util.go (ValidateListOptions).
"""

import attrs

from genericapiserver.apimachinery.errors import BadRequestError
from genericapiserver.apimachinery.go import NumError, parse_uint, quote
from genericapiserver.storage.continue_token import ContinueTokenError, decode_continue
from genericapiserver.storage.errors import InvalidResourceVersionError, StorageError
from genericapiserver.storage.interface import EXACT, NOT_OLDER_THAN, ListOptions

_PLAIN_DIGITS = 18
"""Numbers of so few digits cannot overflow 64 bits and need no careful parser."""


def parse_resource_version(text: str) -> int:
    """The number in *text*, 0 for "" and "0". Raises InvalidResourceVersionError."""
    if not text:
        return 0
    if len(text) <= _PLAIN_DIGITS and text.isascii() and text.isdigit():
        return int(text)
    try:
        return parse_uint(text)
    except NumError as error:
        raise InvalidResourceVersionError(f"resourceVersion: Invalid value: {quote(text)}: {error}") from error


def parse_requested_version(text: str) -> int:
    """Like parse_resource_version, for what a client sent with a read: raises BadRequestError."""
    try:
        return parse_resource_version(text)
    except InvalidResourceVersionError as error:
        raise BadRequestError(f"invalid resource version: {error}") from error


@attrs.frozen
class ListPlan:
    """What a list reads: at `revision` (0: the newest), from `start` on ("": from the beginning).

    `not_older_than` is the lowest revision the answer may have.
    """

    revision: int = 0
    start: str = ""
    not_older_than: int = 0


_NEWEST = ListPlan()


def plan_list(prefix: str, options: ListOptions) -> ListPlan:
    """Turn the options of a list under *prefix* (the engine's key) into a plan. Raises BadRequestError."""
    predicate, requested = options.predicate, options.resource_version
    if options.recursive and predicate.continue_token:
        try:
            start, revision = decode_continue(predicate.continue_token, prefix)
        except ContinueTokenError as error:
            raise BadRequestError(f"invalid continue token: {error}") from error
        if requested and requested != "0":
            raise BadRequestError("specifying resource version is not allowed when using continue")
        return ListPlan(max(revision, 0), start)
    if not requested:
        return _NEWEST
    version = parse_requested_version(requested)
    match options.resource_version_match:
        case "":
            if options.recursive and predicate.limit > 0 and version > 0:
                return ListPlan(version, not_older_than=version)
        case "Exact":
            return ListPlan(version, not_older_than=version)
        case "NotOlderThan":
            pass
        case other:
            raise StorageError(f"unknown ResourceVersionMatch value: {other}")
    return ListPlan(not_older_than=version)


__all__ = ["EXACT", "NOT_OLDER_THAN", "ListPlan", "parse_requested_version", "parse_resource_version", "plan_list"]
