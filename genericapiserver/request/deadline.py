"""By when a request must be answered. Mirrors pkg/endpoints/filters/request_deadline.go."""

from genericapiserver.apimachinery.go import DurationError, parse_duration
from genericapiserver.asgi import parse_query


class InvalidTimeoutError(ValueError):
    """The query's `timeout` is no duration; the text is for the client."""


def requested_timeout(query: bytes, maximum: float) -> float:
    """How many seconds the request may take: its first `timeout`, but no more than *maximum*.

    Absent, empty, zero and negative ones mean *maximum*. Raises InvalidTimeoutError.
    """
    if b"timeout" not in query and b"%" not in query:
        return maximum
    text = parse_query(query).get("timeout", ("",))[0]
    if not text:
        return maximum
    try:
        seconds = parse_duration(text)
    except DurationError as error:
        raise InvalidTimeoutError(f"invalid timeout specified in the request URL - {error}") from None
    return seconds if 0 < seconds < maximum else maximum
