"""How a call of a webhook ends badly. Go: pkg/util/webhook/error.go, pkg/admission/plugin/webhook/errors.

CallError        the webhook could not be asked, or its answer is none: failurePolicy decides what follows
RejectionError   the webhook said no, or may not be asked at all on a dry run: that is final
"""

from genericapiserver.apimachinery.errors import BadRequestError, StatusError, from_status
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.meta import STATUS_FAILURE, STATUS_SUCCESS, Status

BAD_REQUEST = 400
UNAVAILABLE = 503


class CallError(Exception):
    """`failed calling webhook "<name>": <reason>`. *code* is what metrics count; the client always sees a 500."""

    def __init__(self, webhook: str, reason: str, *, code: int = UNAVAILABLE) -> None:
        super().__init__(f"failed calling webhook {quote(webhook)}: {reason}")
        self.code = code


class RejectionError(Exception):
    """The webhook's no; `status` is what the client gets."""

    def __init__(self, status: StatusError) -> None:
        super().__init__(status.message)
        self.status = status


def rejection(webhook: str, result: Status | None) -> RejectionError:
    """The no that *result* stands for. A status or code that says yes is corrected; the message names the webhook."""
    result = Status() if result is None else result
    denied = f"admission webhook {quote(webhook)} denied the request"
    explanation = result.message or result.reason
    return RejectionError(
        from_status(
            Status(
                status=STATUS_FAILURE if result.status in ("", STATUS_SUCCESS) else result.status,
                message=f"{denied}: {explanation}" if explanation else f"{denied} without explanation",
                reason=result.reason,
                details=result.details,
                code=max(result.code, BAD_REQUEST),
            )
        )
    )


def dry_run_unsupported(webhook: str) -> RejectionError:
    """A webhook with side effects is not called for a request that must have none."""
    return RejectionError(BadRequestError(f"admission webhook {quote(webhook)} does not support dry run"))
