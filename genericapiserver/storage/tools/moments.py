"""Points in the history of a store, as people name them: a revision, a time, or how long ago."""

import datetime as dt
from typing import Protocol, runtime_checkable

from genericapiserver.apimachinery.go import DurationError, format_time, parse_duration
from genericapiserver.apimachinery.go import parse_time as parse_rfc3339
from genericapiserver.storage.history_times import HistoryTimes
from genericapiserver.storage.tools.placing import ToolError
from genericapiserver.storage.tools.reading import StoreReader

_FORMS = "name a revision (104), a time (2026-01-02T03:04:05Z), or how long ago it was (20m, 1h30m)"


class TooOldError(ToolError):
    """History does not go back that far."""


@runtime_checkable
class TimedReader(Protocol):
    """A StoreReader of an engine that notes when revisions were written."""

    def times(self) -> HistoryTimes: ...


def times_of(reader: StoreReader) -> HistoryTimes | None:
    """When the revisions of *reader* were written; None for an engine that does not note it."""
    return reader.times() if isinstance(reader, TimedReader) else None


def parse_moment(text: str, now: float) -> float | None:
    """The time that *text* means, in seconds since 1970; None for a revision. Raises ToolError for neither."""
    if text.isascii() and text.isdigit():
        return None
    try:
        return now - abs(parse_duration(text.removesuffix("ago").strip()))
    except DurationError:
        pass
    try:
        return parse_rfc3339(text.strip().upper()).timestamp()
    except ValueError as error:
        raise ToolError(f'"{text}": {_FORMS}') from error


def revision_at(reader: StoreReader, text: str, now: float) -> int:
    """The revision that *text* means. Raises ToolError when it means none, TooOldError when history does not know it."""
    time = parse_moment(text, now)
    if time is None:
        return int(text)
    times = times_of(reader)
    if times is None:
        raise ToolError(f'"{text}": this engine does not note when revisions were written: name a revision')
    if time > now:
        raise ToolError(f'"{text}": {shown_time(time)} is in the future')
    floor = reader.floor_rev()
    rev = times.revision_at(time)
    if rev is None or rev < floor:
        since = times.written_at(floor + 1) if reader.current_rev() > floor else None
        known = f"at {shown_time(since)}" if since else "nobody knows when"
        raise TooOldError(
            f'"{text}": history does not go back to {shown_time(time)}. It begins at revision {floor}, after which the '
            f"next one was written {known}. Servers keep more with --storage-history-retention"
        )
    return rev


def revision_to_keep(reader: StoreReader, keep: float, now: float) -> int:
    """The oldest revision of the last *keep* seconds; where history begins when that is not known to be longer ago.

    Raises ToolError for an engine that does not note when revisions were written.
    """
    times = times_of(reader)
    if times is None:
        raise ToolError("this engine does not note when revisions were written: say --revision")
    return max(times.revision_at(now - keep) or 0, reader.floor_rev())


def shown_time(time: float) -> str:
    """RFC 3339, in UTC."""
    return format_time(dt.datetime.fromtimestamp(time, dt.UTC))
