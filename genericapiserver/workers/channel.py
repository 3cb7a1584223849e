"""What supervisor and worker say to each other, over a pair of sockets: JSON documents, each behind its length.

When one of the two ends, the other reads the end of the stream, at once and however it ended.
"""

import asyncio
import contextlib
import json
import socket
import struct
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]
"""`is` says what it is."""
_LENGTH = struct.Struct(">I")


class Channel:
    """One end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def on(cls, end: socket.socket) -> "Channel":
        """Take over *end* of a pair. Raises OSError."""
        return cls(*await asyncio.open_connection(sock=end))

    def send(self, message: Message) -> None:
        """Does not wait; what cannot be sent any more is not missed by anybody."""
        data = json.dumps(message, separators=(",", ":")).encode()
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.write(_LENGTH.pack(len(data)) + data)

    async def flush(self) -> None:
        """Return once what was sent has left this process, or cannot."""
        with contextlib.suppress(OSError):
            await self._writer.drain()

    async def receive(self) -> Message | None:
        """The next message; None at the end of the stream."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            message: Message = json.loads(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError):
            return None
        return message

    async def aclose(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
