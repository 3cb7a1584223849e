"""What a peer may use of us. Defaults are the reference's (Go pkg/server/secure_serving.go and net/http on the wire)."""

import attrs

SECONDS = 1.0
KIB = 1024


@attrs.frozen(kw_only=True)
class ConnectionLimits:
    """Every limit of one connection. Sizes are in bytes, times in seconds."""

    header_read_timeout: float = 32 * SECONDS
    """From the first byte expected to a complete request head; a TLS handshake counts as part of the first head."""

    idle_timeout: float = 90 * SECONDS
    """How long a connection without a request stays open."""

    first_request_grace: float = 5 * SECONDS
    """How long a server that is replaced waits for one more request of an HTTP/1.1 connection, or the rest of a head that
    it has begun to read: nobody has told its client to go elsewhere, which the answer then does. Closing an idle connection
    at once would lose what its client writes at that moment, and a POST is not sent again."""

    goaway_linger: float = 1 * SECONDS
    """How long a closed connection waits for its peer to close too, so that what was sent last is not lost in a TCP
    reset (Go's goAwayTimeout)."""

    reset_grace: float = 0.1 * SECONDS
    """From a stream's reset, announced to the handler as `http.disconnect`, to the cancellation of its task."""

    early_answer_drain: float = 1 * SECONDS
    """How long a request that is answered may go on sending its body, before an HTTP/2 stream is reset with NO_ERROR and
    an HTTP/1.1 connection closed."""

    early_answer_bytes: int = 256 * KIB
    """How much of such a body HTTP/1.1 reads and drops so that the next request can follow (Go's
    maxPostHandlerReadBytes). With more to come the response says that the connection closes."""

    body_idle_timeout: float = 30 * SECONDS
    """How long the body of an HTTP/1.1 request may pause while it is wanted, before its request is answered with 408. The
    reference waits for ever."""

    max_header_bytes: int = 1024 * KIB
    max_header_slack: int = 4 * KIB
    """The reference answers heads up to `max_header_bytes` plus this; HTTP/2 has 320 bytes of it (see http2_codec)."""

    max_header_fields: int = 2000
    """Fields of one HTTP/2 head; more are answered 431. A front proxy passes on one field for every group of a user."""

    max_continuations: int = 128
    """HTTP/2 frames of one header block: heads of the largest size fit in frames of a quarter of what we offer."""

    max_header_lines: int = 1000
    """Lines of an HTTP/1.1 head. A megabyte of short ones, which the reference takes, is a second of parsing in which
    nobody else is served."""

    max_concurrent_streams: int = 100
    """HTTP/2 streams a connection. The reference's 0 means this number too, never unlimited."""

    stream_window: int = 256 * KIB
    """What one HTTP/2 stream, or one HTTP/1.1 request, may send ahead of its reader."""

    max_frame_size: int = 256 * KIB

    write_high_water: int = 256 * KIB
    """Bytes waiting for the socket from which on writers wait."""

    write_stall_timeout: float = 60 * SECONDS
    """How long a peer may take to make room for a kibibyte more of what it asked for, on an HTTP/2 stream and on the
    socket. The stream is reset then, or the connection cut off. The reference waits for ever."""

    abuse_budget: int = 2000
    abuse_refill: float = 200.0
    """Frames that ask for nothing but work (resets, pings, settings, priorities, empty and unknown frames, refused
    requests, windows opened by more than was sent) that a peer may send at once, and per second from then on. A busy
    informer client that is torn down cancels a thousand watches in one go: that must pass."""

    websocket_max_message_bytes: int = 16 * 1024 * KIB

    max_connections: int = 0
    max_connections_per_address: int = 0
    """Open connections of the server, and from one IP address; 0 is no limit. One more is closed at once."""
