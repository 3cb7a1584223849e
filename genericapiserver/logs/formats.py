"""Lines of the log: klog's text and component-base's JSON.

    I1121 15:04:05.123456      42 cacher.py:123] "message" key="value" audit-ID="..."
    {"ts":1700000000000.123,"caller":"storage/cacher.py:123","msg":"message","v":0,"key":"value","audit-ID":"..."}

Every line that belongs to a request carries its audit ID. A record is one line; only tracebacks of the text format go on
over further ones, which begin with a tab or a blank, so that none of them looks like a line of its own. Source:
k8s.io/klog/v2, k8s.io/component-base/logs/json. Deviations: klog writes unstructured messages without quotes, and here
everything is quoted, or a client could write text that looks like pairs; JSON tells warnings from information by a
`severity`, which the reference has not.
"""

import json
import logging
import os
import time
import traceback
from collections.abc import Callable
from typing import Any, Final

from genericapiserver.logs.levels import verbosity_of
from genericapiserver.logs.pairs import Stack, kv, plain, quoted, shown, text_of
from genericapiserver.logs.secrets import without_tokens
from genericapiserver.logs.served import SERVED

AUDIT_ID: Final = "audit-ID"
_SHOWN_OF_ID: Final = 64
"""Characters. Clients choose the ID, and must not fill the log."""


def _parts(record: logging.LogRecord) -> tuple[str, dict[str, Any]]:
    """The message and the pairs of *record*, with its error, its stack and the ID of the request it was made in."""
    message = record.msg
    if isinstance(message, kv):
        text, pairs = message.text, dict(message.pairs)
    else:
        text, pairs = record.getMessage(), {}
    request = SERVED.get()
    if request is not None and AUDIT_ID not in pairs:
        pairs[AUDIT_ID] = request.audit_id[:_SHOWN_OF_ID]
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        said = shown(error)
        pairs.setdefault("err", f"{type(error).__name__}: {said}" if said else type(error).__name__)
        pairs.setdefault("stack", Stack("".join(traceback.format_exception(error))))
    if record.stack_info:
        pairs.setdefault("stack", Stack(record.stack_info))
    return text, pairs


class TextFormatter(logging.Formatter):
    """klog's text."""

    def __init__(self) -> None:
        super().__init__()
        self._second = -1
        self._time = ""

    def format(self, record: logging.LogRecord) -> str:
        text, pairs = _parts(record)
        level = record.levelno
        severity = "I" if level < logging.WARNING else "W" if level < logging.ERROR else "E"
        second = int(record.created)
        if second != self._second:
            self._time = time.strftime("%m%d %H:%M:%S", time.localtime(second))
            self._second = second
        micros = int((record.created - second) * 1_000_000)
        process = record.process or os.getpid()
        head = f"{severity}{self._time}.{micros:06d} {process:7d} {record.filename}:{record.lineno}] "
        return without_tokens(head + quoted(text) + text_of(pairs))


class JSONFormatter(logging.Formatter):
    """component-base's JSON. Errors have no `v`, as there."""

    def format(self, record: logging.LogRecord) -> str:
        text, pairs = _parts(record)
        folder = os.path.basename(os.path.dirname(record.pathname))
        fields: dict[str, Any] = {
            "ts": round(record.created * 1000, 3),
            "caller": f"{folder}/{record.filename}:{record.lineno}",
            "msg": plain(text),
        }
        if record.levelno < logging.ERROR:
            fields["v"] = verbosity_of(record.levelno)
            if record.levelno >= logging.WARNING:
                fields["severity"] = "warning"
        for key, value in pairs.items():
            fields.setdefault("stacktrace" if key == "stack" else key, plain(value))
        return without_tokens(json.dumps(fields, separators=(",", ":")))


FORMATS: Final[dict[str, Callable[[], logging.Formatter]]] = {"text": TextFormatter, "json": JSONFormatter}
