"""The StatusError tree: code, reason, message and details of every constructor."""

from typing import Any

import attrs
import pytest

from genericapiserver.apimachinery import errors, field
from genericapiserver.apimachinery.errors import StatusError, from_exception, from_status
from genericapiserver.apimachinery.field import Path
from genericapiserver.apimachinery.meta import ListMeta, Status, StatusCause, StatusDetails
from genericapiserver.apimachinery.schema import GroupKind, GroupResource

FLUNDERS = GroupResource("wardle.example.com", "flunders")
CORE = GroupResource("", "pods")
FLUNDER = GroupKind("wardle.example.com", "Flunder")
IDENTITY = {"name": "a", "group": "wardle.example.com", "kind": "flunders"}


def shown(status: Any) -> dict[str, Any]:
    """The status as the encoder writes it: empty members left out, details kept when they are there."""
    written = attrs.asdict(status, filter=lambda _, value: value not in ("", 0, [], None))
    return {name: value for name, value in written.items() if name == "details" or value}


def failure(code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
    status: dict[str, Any] = {"status": "Failure", "message": message, "code": code}
    if reason:
        status["reason"] = reason
    if details is not None:
        status["details"] = details
    return status


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            errors.NotFoundError(FLUNDERS, "a"),
            failure(404, "NotFound", 'flunders.wardle.example.com "a" not found', IDENTITY),
        ),
        (
            errors.NotFoundError(CORE, 'q"'),
            failure(404, "NotFound", r'pods "q\"" not found', {"name": 'q"', "kind": "pods"}),
        ),
        (
            errors.AlreadyExistsError(FLUNDERS, "a"),
            failure(409, "AlreadyExists", 'flunders.wardle.example.com "a" already exists', IDENTITY),
        ),
        (
            errors.GenerateNameConflictError(FLUNDERS, "a"),
            failure(
                409,
                "AlreadyExists",
                'flunders.wardle.example.com "a" already exists, '
                "the server was not able to generate a unique name for the object",
                {**IDENTITY, "retry_after_seconds": 1},
            ),
        ),
        (errors.UnauthorizedError(), failure(401, "Unauthorized", "not authorized")),
        (errors.UnauthorizedError("go away"), failure(401, "Unauthorized", "go away")),
        (
            errors.ForbiddenError(FLUNDERS, "a", "no"),
            failure(403, "Forbidden", 'flunders.wardle.example.com "a" is forbidden: no', IDENTITY),
        ),
        (
            errors.ForbiddenError(FLUNDERS, "", ValueError("no")),
            failure(
                403,
                "Forbidden",
                "flunders.wardle.example.com is forbidden: no",
                {"group": "wardle.example.com", "kind": "flunders"},
            ),
        ),
        (errors.ForbiddenError(errors.NO_RESOURCE, "", "no"), failure(403, "Forbidden", "forbidden: no", {})),
        (
            errors.ConflictError(FLUNDERS, "a", "changed"),
            failure(
                409, "Conflict", 'Operation cannot be fulfilled on flunders.wardle.example.com "a": changed', IDENTITY
            ),
        ),
        (
            errors.ApplyConflictError(
                [StatusCause(reason="FieldManagerConflict", message='conflict with "m1"', field=".spec.x")],
                'Apply failed with 1 conflict: conflict with "m1": .spec.x',
            ),
            failure(
                409,
                "Conflict",
                'Apply failed with 1 conflict: conflict with "m1": .spec.x',
                {"causes": [{"reason": "FieldManagerConflict", "message": 'conflict with "m1"', "field": ".spec.x"}]},
            ),
        ),
        (errors.GoneError("was here"), failure(410, "Gone", "was here")),
        (errors.ResourceExpiredError("too old"), failure(410, "Expired", "too old")),
        (
            errors.InvalidError(FLUNDER, "a", []),
            failure(422, "Invalid", 'Flunder.wardle.example.com "a" is invalid', {**IDENTITY, "kind": "Flunder"}),
        ),
        (errors.BadRequestError("what?"), failure(400, "BadRequest", "what?")),
        (errors.TooManyRequestsError("later", 5), failure(429, "TooManyRequests", "later", {"retry_after_seconds": 5})),
        (errors.TooManyRequestsError("later"), failure(429, "TooManyRequests", "later", {})),
        (errors.TooManyRequestsError.dropped("full"), failure(429, "TooManyRequests", "Too many requests: full")),
        (errors.ServiceUnavailableError("closed"), failure(503, "ServiceUnavailable", "closed")),
        (
            errors.MethodNotSupportedError(FLUNDERS, "watch"),
            failure(
                405,
                "MethodNotAllowed",
                'watch is not supported on resources of kind "flunders.wardle.example.com"',
                {"group": "wardle.example.com", "kind": "flunders"},
            ),
        ),
        (
            errors.ServerTimeoutError(FLUNDERS, "create", 2),
            failure(
                500,
                "ServerTimeout",
                "The create operation against flunders.wardle.example.com could not be completed at this time, "
                "please try again.",
                {**IDENTITY, "name": "create", "retry_after_seconds": 2},
            ),
        ),
        (
            errors.InternalError(ValueError("boom")),
            failure(500, "InternalError", "Internal error occurred: boom", {"causes": [{"message": "boom"}]}),
        ),
        (errors.APITimeoutError("slow"), failure(504, "Timeout", "Timeout: slow", {})),
        (errors.APITimeoutError("slow", 3), failure(504, "Timeout", "Timeout: slow", {"retry_after_seconds": 3})),
        (
            errors.RequestEntityTooLargeError("limit is 3145728"),
            failure(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728"),
        ),
        (errors.NotAcceptableError("only json"), failure(406, "NotAcceptable", "only json")),
        (errors.UnsupportedMediaTypeError("what"), failure(415, "UnsupportedMediaType", "what")),
        (
            errors.TooLargeResourceVersionError(9, 5),
            failure(
                504,
                "Timeout",
                "Timeout: Too large resource version: 9, current: 5",
                {
                    "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                    "retry_after_seconds": 1,
                },
            ),
        ),
        (StatusError("anything"), failure(500, "", "anything")),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, StatusError) else "",
)
def test_each_error_is_the_status_that_the_reference_answers(error: StatusError, expected: dict[str, Any]) -> None:
    assert shown(error.status()) == expected
    assert str(error) == expected["message"]
    assert (error.code, error.reason) == (expected["code"], expected.get("reason", ""))


def test_invalid_lists_every_error_as_a_cause_and_says_it_once() -> None:
    uid = field.invalid(Path("metadata", "uid"), "x", "field is immutable")
    color = field.required(Path("spec", "color"), "a widget has a color")
    error = errors.InvalidError(FLUNDER, "a", [uid, color, uid])
    assert str(error) == (
        'Flunder.wardle.example.com "a" is invalid: [metadata.uid: Invalid value: "x": field is immutable, '
        "spec.color: Required value: a widget has a color]"
    )
    assert error.details is not None
    assert error.details.causes == [
        StatusCause(reason="FieldValueInvalid", message='Invalid value: "x": field is immutable', field="metadata.uid"),
        StatusCause(reason="FieldValueRequired", message="Required value: a widget has a color", field="spec.color"),
        StatusCause(reason="FieldValueInvalid", message='Invalid value: "x": field is immutable', field="metadata.uid"),
    ]
    assert (error.kind, error.name, error.errors) == (FLUNDER, "a", (uid, color, uid))


@pytest.mark.parametrize(
    ("code", "sent", "reason", "message"),
    [
        (400, "x", "BadRequest", "the server rejected our request for an unknown reason"),
        (401, "x", "Unauthorized", "the server has asked for the client to provide credentials"),
        (403, "you may not", "Forbidden", "you may not"),
        (404, "x", "NotFound", "the server could not find the requested resource"),
        (405, "x", "MethodNotAllowed", "the server does not allow this method on the requested resource"),
        (406, "only this", "NotAcceptable", "only this"),
        (406, "", "NotAcceptable", "the server was unable to respond with a content type that the client supports"),
        (409, "x", "Conflict", "the server reported a conflict"),
        (415, "415: Unsupported Media Type", "UnsupportedMediaType", "415: Unsupported Media Type"),
        (418, "x", "", "the server responded with the status code 418 but did not return more information"),
        (422, "x", "Invalid", "the server rejected our request due to an error in our request"),
        (429, "x", "TooManyRequests", "the server has received too many requests and has asked us to try again later"),
        (
            500,
            'a "b"',
            "InternalError",
            r'an error on the server ("a \"b\"") has prevented the request from succeeding',
        ),
        (503, "x", "ServiceUnavailable", "the server is currently unable to handle the request"),
        (
            504,
            "x",
            "Timeout",
            "the server was unable to return a response in the time allotted, but may still be processing the request",
        ),
    ],
)
def test_a_generic_response_speaks_by_its_code(code: int, sent: str, reason: str, message: str) -> None:
    error = errors.GenericServerResponseError(code, sent)
    assert shown(error.status()) == failure(code, reason, message, {})


def test_a_generic_response_can_name_what_was_asked() -> None:
    error = errors.GenericServerResponseError(
        409, "boom", verb="POST", resource=FLUNDERS, name="a", retry_after_seconds=4, unexpected_response=True
    )
    assert str(error) == "the server reported a conflict (post flunders.wardle.example.com a)"
    assert error.reason == "AlreadyExists"
    assert error.retry_after_seconds == 4
    assert error.has_cause("UnexpectedServerResponse")
    assert str(errors.GenericServerResponseError(404, verb="GET", resource=FLUNDERS)) == (
        "the server could not find the requested resource (get flunders.wardle.example.com)"
    )


def test_an_expired_list_carries_a_new_token() -> None:
    status = errors.ResourceExpiredError("too old", continue_token="abc").status()
    assert status.metadata == ListMeta(continue_token="abc")


def test_errors_know_what_they_are_about() -> None:
    error = errors.NotFoundError(FLUNDERS, "a")
    assert (error.resource, error.name) == (FLUNDERS, "a")
    assert error.retry_after_seconds == 0
    assert not error.has_cause("FieldManagerConflict")
    assert StatusError("x").retry_after_seconds == 0
    assert isinstance(errors.ApplyConflictError([], "x"), errors.ConflictError)
    assert isinstance(errors.GenerateNameConflictError(FLUNDERS, "a"), errors.AlreadyExistsError)


def test_other_exceptions_become_500_without_a_reason() -> None:
    error = from_exception(KeyError("boom"))
    assert (error.code, error.reason, error.details, str(error)) == (500, "", None, "'boom'")
    known = errors.BadRequestError("x")
    assert from_exception(known) is known


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (404, "NotFound", errors.NotFoundError),
        (409, "AlreadyExists", errors.AlreadyExistsError),
        (409, "Conflict", errors.ConflictError),
        (409, "", errors.ConflictError),
        (410, "Expired", errors.ResourceExpiredError),
        (410, "", errors.GoneError),
        (500, "ServerTimeout", errors.ServerTimeoutError),
        (500, "", errors.InternalError),
        (504, "Timeout", errors.APITimeoutError),
        (429, "Whatever", errors.TooManyRequestsError),
        (413, "", errors.RequestEntityTooLargeError),
        (403, "Whatever", StatusError),
        (418, "", StatusError),
        (422, "Invalid", errors.InvalidError),
    ],
)
def test_a_status_becomes_the_error_that_its_reason_names(code: int, reason: str, kind: type[StatusError]) -> None:
    details = StatusDetails(group="wardle.example.com", kind="flunders", name="a", retry_after_seconds=3)
    status = Status(status="Failure", message="m", reason=reason, code=code, details=details)
    error = from_status(status)
    assert type(error) is kind
    assert error.status() == status
    assert error.retry_after_seconds == 3
    if isinstance(error, errors.NotFoundError):
        assert (error.resource, error.name) == (FLUNDERS, "a")
    if isinstance(error, errors.InvalidError):
        assert (error.kind, error.name, error.errors) == (GroupKind("wardle.example.com", "flunders"), "a", ())
