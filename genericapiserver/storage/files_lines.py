r"""The lines of the journal of the file engine: JSON, one record each, with a checksum of the bytes before it.

    {"op":"segment","rev":7,"store":"...", ...,"sum":"1c2d3e4f"}        first in every file: it follows revision 7
    {"op":"snapshot","rev":9,"floor":7, ...,"sum":"..."}                 or this: all that is needed up to revision 9
    {"op":"put","rev":8,"key":"/registry/...","created":8,"prev":0,"value":{...},"sum":"..."}
    {"op":"delete","rev":9,"key":"/registry/...","created":8,"prev":8,"sum":"..."}
    {"op":"compact","rev":8,"sum":"..."}                                 nothing below revision 8 can be read any more
    {"op":"probe","rev":9,"sum":"..."}                                   says nothing
    {"op":"close","rev":9,"sum":"..."}                                   all files of objects were up to date

`value` are the bytes as they were stored, which are read back exactly; `value64` and `key64` hold in base64 what is not
JSON. Lines that were made durable together name the first of them as `batch`. Some lines say their `time` (`history_times`):
a write the time of the revision before it, the first line of a file that of the revision it follows, or of `marked`.
"""

import base64
import re
import zlib
from typing import Final

import msgspec

from genericapiserver.storage.engine import EngineEvent
from genericapiserver.storage.history_times import Mark

SEGMENT: Final = "segment"
SNAPSHOT: Final = "snapshot"
PUT: Final = "put"
DELETE: Final = "delete"
COMPACT: Final = "compact"
CLOSE: Final = "close"
PROBE: Final = "probe"
FORMAT: Final = 1

_SUM = re.compile(rb',"sum":"([0-9a-f]{8})"\}\n')
_SUM_LENGTH = 19


class Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One record; what it has depends on `op`."""

    op: str
    rev: int
    key: str = ""
    key64: str = ""
    created: int = 0
    prev: int = 0
    expires: float = 0.0
    batch: int = 0
    value: msgspec.Raw = msgspec.Raw()
    value64: str | None = None
    time: float = 0.0
    # The first line of a file.
    format: int = 0
    store: str = ""
    inode: int = 0
    floor: int = 0
    compacted: int = 0
    marked: int = 0
    count: int = 0
    """How many lines follow in a snapshot."""
    begins: bool = False
    """It is the first file of the store."""
    jumped: bool = False
    """The revision before was not the one that this file begins at: it could not be proven that there were none between."""

    @property
    def engine_key(self) -> bytes:
        return base64.b64decode(self.key64) if self.key64 else self.key.encode()

    @property
    def stored(self) -> bytes:
        """The value of a put."""
        return bytes(self.value) if self.value64 is None else base64.b64decode(self.value64)


class DamagedLineError(Exception):
    """The text says what is wrong with the line."""


_lines = msgspec.json.Decoder(Line)
_raw = msgspec.json.Decoder(msgspec.Raw)
_encoder = msgspec.json.Encoder()


def encode(line: Line) -> bytes:
    """*line* with its checksum and the end of the line."""
    return _summed(_encoder.encode(line)[:-1])


def encode_write(event: EngineEvent, expires_at: float, batch: int, time: float = 0.0) -> bytes:
    """The line of a committed write; *batch* is the first revision of those that are written together."""
    line = Line(
        op=PUT if event.value is not None else DELETE,
        rev=event.rev,
        created=event.create_rev,
        prev=event.prev_rev,
        batch=batch if batch != event.rev else 0,
    )
    if expires_at:
        line.expires = expires_at
    if time:
        line.time = time
    try:
        line.key = event.key.decode()
    except UnicodeDecodeError:
        line.key64 = base64.b64encode(event.key).decode()
    if event.value is not None:
        if _is_json(event.value):
            line.value = msgspec.Raw(event.value)
        else:
            line.value64 = base64.b64encode(event.value).decode()
    return encode(line)


def mark_in(line: Line) -> Mark | None:
    """What *line* says of when revisions were written."""
    if not line.time:
        return None
    return Mark(line.rev - 1 if line.op in (PUT, DELETE) else line.marked or line.rev, line.time)


def _is_json(value: bytes) -> bool:
    """Whether *value* can stand in a line as it is, and is read back the same."""
    if not value or b"\n" in value or b"\0" in value or value[:1] in b" \t\r" or value[-1:] in b" \t\r":
        return False
    try:
        value.decode()
        _raw.decode(value)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        return False
    return True


def _summed(body: bytes) -> bytes:
    return b'%b,"sum":"%08x"}\n' % (body, zlib.crc32(body))


def decode(text: bytes) -> Line:
    """The record of one line. Raises DamagedLineError."""
    found = _SUM.fullmatch(text[-_SUM_LENGTH:])
    if found is None:
        raise DamagedLineError("it is cut off" if not text.endswith(b"\n") else "it has no checksum")
    if int(found[1], 16) != zlib.crc32(text[:-_SUM_LENGTH]):
        raise DamagedLineError("its checksum is not that of its text")
    try:
        return _lines.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedLineError(f"it cannot be read: {error}") from error
