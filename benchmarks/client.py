"""A client for load: HTTP/2 over TLS with callbacks, as cheap as h2 allows."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes, Settings

JSON = "application/json"
_WINDOW = 16 * 1024 * 1024
_TICKS = os.sysconf("SC_CLK_TCK")


@attrs.frozen(kw_only=True)
class Target:
    """Where to send load, with which credentials, and whose CPU to count."""

    host: str = "127.0.0.1"
    port: int
    pids: Sequence[int] = ()
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    token: str | None = None

    def headers(self, method: str, path: str, accept: str) -> list[tuple[str, str]]:
        headers = [
            (":method", method),
            (":scheme", "https"),
            (":authority", f"{self.host}:{self.port}"),
            (":path", path),
            ("accept", accept),
            ("user-agent", "genericapiserver-benchmark"),
        ]
        if self.token:
            headers.append(("authorization", f"Bearer {self.token}"))
        return headers

    def context(self) -> ssl.SSLContext:
        """TLS for HTTP/2 with these credentials; without an authority the server is believed."""
        context = ssl.create_default_context(cafile=self.ca)
        context.check_hostname = False
        if self.ca is None:
            context.verify_mode = ssl.CERT_NONE
        if self.cert is not None:
            context.load_cert_chain(self.cert, self.key)
        context.set_alpn_protocols(["h2"])
        return context

    def cpu_seconds(self) -> float:
        """User and system time of the processes so far."""
        ticks = 0
        for pid in self.pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS


class Client(asyncio.Protocol):
    """One HTTP/2 connection. `request` calls *done*(status, body bytes) when the response is complete."""

    def __init__(self) -> None:
        self._h2 = H2Connection(
            H2Configuration(header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False)
        )
        self._h2.local_settings = Settings(initial_values={SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW})
        self._transport: asyncio.Transport
        self._done: dict[int, Callable[[int, int], None]] = {}
        self._on_data: dict[int, Callable[[bytes], None]] = {}
        self._status: dict[int, int] = {}
        self._size: dict[int, int] = {}
        self._unacknowledged = 0
        self._stream_unacknowledged: dict[int, int] = {}
        self._flushing = False
        self.loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_WINDOW)
        self._flush()

    def data_received(self, data: bytes) -> None:
        for event in self._h2.receive_data(data):
            kind = event.__class__
            if kind is DataReceived:
                assert isinstance(event, DataReceived)
                self._data(event)
            elif kind is ResponseReceived:
                assert isinstance(event, ResponseReceived)
                assert event.stream_id is not None
                assert event.headers is not None
                self._status[event.stream_id] = int(event.headers[0][1])
            elif kind is StreamEnded:
                assert isinstance(event, StreamEnded)
                assert event.stream_id is not None
                self._end(event.stream_id, self._status.get(event.stream_id, 0))
            elif kind is StreamReset:
                assert isinstance(event, StreamReset)
                assert event.stream_id is not None
                self._end(event.stream_id, 0)
        self._flush_soon()

    def connection_lost(self, error: Exception | None) -> None:
        for stream_id in list(self._done):
            self._end(stream_id, 0)

    def request(
        self,
        headers: list[tuple[str, str]],
        body: bytes,
        done: Callable[[int, int], None],
        on_data: Callable[[bytes], None] | None = None,
    ) -> None:
        stream_id = self._h2.get_next_available_stream_id()
        self._done[stream_id] = done
        if on_data is not None:
            self._on_data[stream_id] = on_data
        self._h2.send_headers(stream_id, headers, end_stream=not body)
        if body:
            self._h2.send_data(stream_id, body, end_stream=True)
        self._flush_soon()

    @property
    def answering(self) -> int:
        """How many requests have an answer that has begun and not ended."""
        return len(self._status)

    def close(self) -> None:
        self._transport.abort()

    def _data(self, event: DataReceived) -> None:
        stream_id, size = event.stream_id, event.flow_controlled_length or 0
        assert stream_id is not None
        self._size[stream_id] = self._size.get(stream_id, 0) + size
        on_data = self._on_data.get(stream_id)
        if on_data is not None:
            on_data(event.data or b"")
        self._unacknowledged += size
        if self._unacknowledged > _WINDOW // 4:
            self._h2.increment_flow_control_window(self._unacknowledged)
            self._unacknowledged = 0
        if event.stream_ended is None:
            waiting = self._stream_unacknowledged.get(stream_id, 0) + size
            if waiting > _WINDOW // 4:
                self._h2.increment_flow_control_window(waiting, stream_id)
                waiting = 0
            self._stream_unacknowledged[stream_id] = waiting

    def _end(self, stream_id: int, status: int) -> None:
        self._status.pop(stream_id, None)
        self._on_data.pop(stream_id, None)
        self._stream_unacknowledged.pop(stream_id, None)
        done = self._done.pop(stream_id, None)
        if done is not None:
            done(status, self._size.pop(stream_id, 0))

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        data = self._h2.data_to_send()
        if data:
            self._transport.write(data)


async def connect(target: Target) -> Client:
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(
        Client, target.host, target.port, ssl=target.context(), server_hostname=target.host
    )
    return client


async def exchange(client: Client, headers: list[tuple[str, str]], body: bytes = b"") -> int:
    """Send one request and wait for its answer: the status, 0 when there came none."""
    answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    client.request(headers, body, lambda status, size: answered.set_result(status))
    return await answered


async def resource_version(client: Client, target: Target, path: str) -> str:
    """Where the collection stands, so that a watch begins with what is new; empty when the server does not say."""
    body, done = bytearray(), asyncio.Event()
    headers = target.headers("GET", f"{path}{'&' if '?' in path else '?'}limit=1", JSON)
    client.request(headers, b"", lambda status, size: done.set(), body.extend)
    await asyncio.wait_for(done.wait(), 30)
    try:
        version: str = json.loads(body)["metadata"]["resourceVersion"]
    except (ValueError, KeyError, TypeError):
        return ""
    return version
