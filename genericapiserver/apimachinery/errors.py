"""The errors that clients are meant to see, each of which is a Status (k8s.io/apimachinery pkg/api/errors).

    StatusError                       code  reason
    ├── BadRequestError               400   BadRequest
    ├── UnauthorizedError             401   Unauthorized
    ├── ForbiddenError                403   Forbidden
    ├── NotFoundError                 404   NotFound
    ├── MethodNotSupportedError       405   MethodNotAllowed
    ├── NotAcceptableError            406   NotAcceptable
    ├── AlreadyExistsError            409   AlreadyExists
    │   └── GenerateNameConflictError
    ├── ConflictError                 409   Conflict
    │   └── ApplyConflictError
    ├── GoneError                     410   Gone
    ├── ResourceExpiredError          410   Expired
    ├── RequestEntityTooLargeError    413   RequestEntityTooLarge
    ├── UnsupportedMediaTypeError     415   UnsupportedMediaType
    ├── InvalidError                  422   Invalid
    ├── TooManyRequestsError          429   TooManyRequests
    ├── InternalError                 500   InternalError
    ├── ServerTimeoutError            500   ServerTimeout
    ├── ServiceUnavailableError       503   ServiceUnavailable
    ├── APITimeoutError               504   Timeout
    │   └── TooLargeResourceVersionError
    └── GenericServerResponseError    any   by its code

Messages are wire texts. `details` None is left out of the body, empty details are written as `{}`; each class does what
the reference does. Backends raise errors of their own; the registry turns them into these, once.
"""

from collections.abc import Iterable

from genericapiserver.apimachinery.field import FieldError, aggregate
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.meta import ListMeta, Status, StatusCause, StatusDetails
from genericapiserver.apimachinery.schema import GroupKind, GroupResource

NO_RESOURCE = GroupResource("", "")
"""Stands for "no resource" where an error may name one."""


class StatusError(Exception):
    """An error with a place in the protocol. str() is the message."""

    code: int = 500
    reason: str = ""

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        reason: str | None = None,
        details: StatusDetails | None = None,
        continue_token: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.continue_token = continue_token
        if code is not None:
            self.code = code
        if reason is not None:
            self.reason = reason

    @property
    def retry_after_seconds(self) -> int:
        """After how many seconds the client may try again; 0 when nothing is said about it."""
        return self.details.retry_after_seconds if self.details is not None else 0

    def status(self) -> Status:
        """The body to answer with, a new one at each call."""
        return Status(
            metadata=ListMeta(continue_token=self.continue_token),
            status="Failure",
            message=self.message,
            reason=self.reason,
            details=self.details,
            code=self.code,
        )

    def has_cause(self, reason: str) -> bool:
        """Whether one of the causes in the details is of this type."""
        return self.details is not None and any(cause.reason == reason for cause in self.details.causes)


class _ResourceError(StatusError):
    """An error about a resource, usually about one object of it."""

    def __init__(
        self,
        message: str,
        resource: GroupResource,
        name: str = "",
        *,
        causes: Iterable[StatusCause] = (),
        retry_after_seconds: int = 0,
    ) -> None:
        details = StatusDetails(
            name=name,
            group=resource.group,
            kind=resource.resource,
            causes=list(causes),
            retry_after_seconds=retry_after_seconds,
        )
        super().__init__(message, details=details)
        self.resource = resource
        self.name = name


class BadRequestError(StatusError):
    """The request cannot be understood."""

    code = 400
    reason = "BadRequest"


class UnauthorizedError(StatusError):
    """It is not known who asks."""

    code = 401
    reason = "Unauthorized"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or "not authorized")


class ForbiddenError(_ResourceError):
    """Who asks may not do this. *error* says what exactly; a resource or a name may be missing."""

    code = 403
    reason = "Forbidden"

    def __init__(self, resource: GroupResource, name: str, error: BaseException | str) -> None:
        if resource == NO_RESOURCE:
            message = f"forbidden: {error}"
        elif not name:
            message = f"{resource} is forbidden: {error}"
        else:
            message = f"{resource} {quote(name)} is forbidden: {error}"
        super().__init__(message, resource, name)


class NotFoundError(_ResourceError):
    """There is no such object."""

    code = 404
    reason = "NotFound"

    def __init__(self, resource: GroupResource, name: str) -> None:
        super().__init__(f"{resource} {quote(name)} not found", resource, name)


class MethodNotSupportedError(_ResourceError):
    """The resource knows no such action."""

    code = 405
    reason = "MethodNotAllowed"

    def __init__(self, resource: GroupResource, action: str) -> None:
        super().__init__(f"{action} is not supported on resources of kind {quote(str(resource))}", resource)


class NotAcceptableError(StatusError):
    """No representation that the client takes can be made."""

    code = 406
    reason = "NotAcceptable"


class AlreadyExistsError(_ResourceError):
    """There is an object of that name already."""

    code = 409
    reason = "AlreadyExists"

    def __init__(self, resource: GroupResource, name: str) -> None:
        super().__init__(f"{resource} {quote(name)} already exists", resource, name)


class GenerateNameConflictError(AlreadyExistsError):
    """Every name that was generated is taken."""

    def __init__(self, resource: GroupResource, name: str, *, retry_after_seconds: int = 1) -> None:
        message = (
            f"{resource} {quote(name)} already exists, the server was not able to generate a unique name for the object"
        )
        _ResourceError.__init__(self, message, resource, name, retry_after_seconds=retry_after_seconds)


class ConflictError(_ResourceError):
    """The object is not in the state that the client took for granted."""

    code = 409
    reason = "Conflict"

    def __init__(self, resource: GroupResource, name: str, error: BaseException | str) -> None:
        message = f"Operation cannot be fulfilled on {resource} {quote(name)}: {error}"
        super().__init__(message, resource, name)


class ApplyConflictError(ConflictError):
    """Somebody else manages fields that were to be applied; the details name no object."""

    def __init__(self, causes: Iterable[StatusCause], message: str) -> None:
        _ResourceError.__init__(self, message, NO_RESOURCE, causes=causes)


class GoneError(StatusError):
    """What was asked for was here once. Superseded by ResourceExpiredError."""

    code = 410
    reason = "Gone"


class ResourceExpiredError(StatusError):
    """The resource version is too old. *continue_token* lets the client go on with a list all the same."""

    code = 410
    reason = "Expired"

    def __init__(self, message: str, *, continue_token: str = "") -> None:
        super().__init__(message, continue_token=continue_token)


class RequestEntityTooLargeError(StatusError):
    """The body is too long, or asks for too much."""

    code = 413
    reason = "RequestEntityTooLarge"

    def __init__(self, message: str) -> None:
        super().__init__(f"Request entity too large: {message}")


class UnsupportedMediaTypeError(StatusError):
    """The body is in no format that is read here."""

    code = 415
    reason = "UnsupportedMediaType"


class InvalidError(StatusError):
    """The object can be understood, and may not be like that. Every error becomes a cause."""

    code = 422
    reason = "Invalid"

    def __init__(self, kind: GroupKind, name: str, errors: Iterable[FieldError]) -> None:
        self.kind = kind
        self.name = name
        self.errors = tuple(errors)
        message = f"{kind} {quote(name)} is invalid"
        if self.errors:
            message += f": {aggregate(self.errors)}"
        causes = [StatusCause(reason=str(error.type), message=error.body, field=error.field) for error in self.errors]
        super().__init__(message, details=StatusDetails(name=name, group=kind.group, kind=kind.kind, causes=causes))


class TooManyRequestsError(StatusError):
    """The client is to come back later. Without a time to wait, say so with `TooManyRequestsError.dropped`."""

    code = 429
    reason = "TooManyRequests"

    def __init__(self, message: str, retry_after_seconds: int = 0) -> None:
        super().__init__(message, details=StatusDetails(retry_after_seconds=retry_after_seconds))

    @classmethod
    def dropped(cls, message: str) -> "TooManyRequestsError":
        """`Too many requests: <message>`, with no details."""
        error = cls(f"Too many requests: {message}")
        error.details = None
        return error


class InternalError(StatusError):
    """Something failed in here that is no business of the client."""

    code = 500
    reason = "InternalError"

    def __init__(self, error: BaseException | str) -> None:
        details = StatusDetails(causes=[StatusCause(message=str(error))])
        super().__init__(f"Internal error occurred: {error}", details=details)


class ServerTimeoutError(_ResourceError):
    """The operation did not come to an end for a passing reason; `details.name` is the operation."""

    code = 500
    reason = "ServerTimeout"

    def __init__(self, resource: GroupResource, operation: str, retry_after_seconds: int = 0) -> None:
        message = f"The {operation} operation against {resource} could not be completed at this time, please try again."
        super().__init__(message, resource, operation, retry_after_seconds=retry_after_seconds)


class ServiceUnavailableError(StatusError):
    """The service is not there at the moment."""

    code = 503
    reason = "ServiceUnavailable"


class APITimeoutError(StatusError):
    """The answer was not ready in time; the work may still be done."""

    code = 504
    reason = "Timeout"

    def __init__(self, message: str, retry_after_seconds: int = 0, *, causes: Iterable[StatusCause] = ()) -> None:
        details = StatusDetails(causes=list(causes), retry_after_seconds=retry_after_seconds)
        super().__init__(f"Timeout: {message}", details=details)


class TooLargeResourceVersionError(APITimeoutError):
    """The resource version lies ahead of what this server has seen."""

    CAUSE = "ResourceVersionTooLarge"

    def __init__(self, wanted: int, current: int, *, retry_after_seconds: int = 1) -> None:
        cause = StatusCause(reason=self.CAUSE, message="Too large resource version")
        message = f"Too large resource version: {wanted}, current: {current}"
        super().__init__(message, retry_after_seconds, causes=[cause])


_REASON_BY_CODE = {
    400: ("BadRequest", "the server rejected our request for an unknown reason"),
    401: ("Unauthorized", "the server has asked for the client to provide credentials"),
    404: ("NotFound", "the server could not find the requested resource"),
    405: ("MethodNotAllowed", "the server does not allow this method on the requested resource"),
    409: ("Conflict", "the server reported a conflict"),
    422: ("Invalid", "the server rejected our request due to an error in our request"),
    429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: (
        "Timeout",
        "the server was unable to return a response in the time allotted, but may still be processing the request",
    ),
}
_NOT_ACCEPTABLE = "the server was unable to respond with a content type that the client supports"


class GenericServerResponseError(_ResourceError):
    """An error known by its HTTP code only; for most codes the code decides the message and *server_message* is lost."""

    def __init__(
        self,
        code: int,
        server_message: str = "",
        *,
        verb: str = "",
        resource: GroupResource = NO_RESOURCE,
        name: str = "",
        retry_after_seconds: int = 0,
        unexpected_response: bool = False,
    ) -> None:
        reason, message = _generic_reason(code, server_message)
        if code == 409 and verb.upper() == "POST":
            reason = "AlreadyExists"
        if resource != NO_RESOURCE:
            message += f" ({verb.lower()} {resource} {name})" if name else f" ({verb.lower()} {resource})"
        causes = [StatusCause(reason="UnexpectedServerResponse", message=server_message)] if unexpected_response else []
        super().__init__(message, resource, name, causes=causes, retry_after_seconds=retry_after_seconds)
        self.code = code
        self.reason = reason


def _generic_reason(code: int, server_message: str) -> tuple[str, str]:
    if code in _REASON_BY_CODE:
        return _REASON_BY_CODE[code]
    if code == 403:
        return "Forbidden", server_message
    if code == 406:
        return "NotAcceptable", _NOT_ACCEPTABLE if server_message in ("", "unknown") else server_message
    if code == 415:
        return "UnsupportedMediaType", server_message
    if code >= 500:
        text = f"an error on the server ({quote(server_message)}) has prevented the request from succeeding"
        return "InternalError", text
    return "", f"the server responded with the status code {code} but did not return more information"


def from_exception(error: BaseException) -> StatusError:
    """*error* itself if it has a status, else a 500 without reason that says str(error).

    Whether a client may read that text is for the caller to decide.
    """
    return error if isinstance(error, StatusError) else StatusError(str(error))


_BY_REASON: dict[str, type[StatusError]] = {
    kind.reason: kind
    for kind in (
        BadRequestError,
        UnauthorizedError,
        ForbiddenError,
        NotFoundError,
        MethodNotSupportedError,
        NotAcceptableError,
        AlreadyExistsError,
        ConflictError,
        GoneError,
        ResourceExpiredError,
        RequestEntityTooLargeError,
        UnsupportedMediaTypeError,
        InvalidError,
        TooManyRequestsError,
        InternalError,
        ServerTimeoutError,
        ServiceUnavailableError,
        APITimeoutError,
    )
}
# Reasons that a bare code does not stand for: 409 is a conflict first, 410 is gone, 500 an internal error.
_REASON_ONLY = {"AlreadyExists", "Expired", "ServerTimeout"}
_BY_CODE = {kind.code: kind for reason, kind in _BY_REASON.items() if reason not in _REASON_ONLY}
_CODE_DECIDES = (429, 413)


def from_status(status: Status) -> StatusError:
    """The error that a server's Status stands for, as the class its reason names, or else its code.

    Code, reason, message and details are the Status's own.
    """
    kind = _BY_REASON.get(status.reason)
    if kind is None or status.code in _CODE_DECIDES:
        known = _BY_CODE.get(status.code) if not status.reason or status.code in _CODE_DECIDES else None
        kind = known or kind or StatusError
    error = kind.__new__(kind)
    StatusError.__init__(
        error,
        status.message,
        code=status.code,
        reason=status.reason,
        details=status.details,
        continue_token=status.metadata.continue_token,
    )
    details = status.details or StatusDetails()
    if isinstance(error, _ResourceError):
        error.resource = GroupResource(details.group, details.kind)
        error.name = details.name
    elif isinstance(error, InvalidError):
        error.kind = GroupKind(details.group, details.kind)
        error.name = details.name
        error.errors = ()
    return error
