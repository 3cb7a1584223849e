"""The life of a running server: which signals fire, in which order, and what waits for what.

`DRAWING` shows it, and is shown to operators in docs/lifecycle.md; `SHUTDOWN_ORDER` and the orders of the two modes are the
same as data. Tests hold servers that really run against both.
Source: pkg/server/lifecycle_signals.go and genericapiserver.go of k8s.io/apiserver.
"""

import logging
import time
from functools import partial
from typing import Final

import attrs

from genericapiserver.aio import Signal
from genericapiserver.logs import kv

logger = logging.getLogger(__name__)

DRAWING: Final = """\
start
  the audit backend runs
  the port is served
    |
    +--> post-start hooks, side by side      each page waits for check poststarthook/NAME, which passes when it returns
    +--> systemd hears READY=1               the hooks have been started, no more
    +--> MuxAndDiscoveryComplete             every path is installed: a 404 is true from here on
    +--> HasBeenReady                        /readyz has passed once

stop: SIGTERM, SIGINT or request_shutdown()
  |
  ShutdownInitiated                          /readyz fails, systemd hears STOPPING=1, all else is served as before
    |
    +--> the shutdown delay -----------> AfterShutdownDelayDuration ---+
    |                                                                  |
    +--> pre-shutdown hooks, in turn --> PreShutdownHooksStopped ------+
                                                                       |
  NotAcceptingNewRequest  <------------ when both have fired ----------+
    |
    |   by default:
    |
    +--> HTTPServerStoppedListening          new connections are refused, idle ones close, HTTP/2 gets GOAWAY
    +--> requests in flight end, watches are ended in turn (grace period > 0)
    |      |
    |      InFlightRequestsDrained
    +--> connections end                     in --request-timeout; then watches are ended, the rest is cut off
    |
    |   with --shutdown-send-retry-after:
    |
    +--> new requests get 429, Retry-After   the port stays open
    +--> requests in flight end, watches are ended in turn (grace period > 0)
           |
           InFlightRequestsDrained
           |
           HTTPServerStoppedListening
           |
           connections end                   in 2 s; then watches are ended, the rest is cut off

  the audit backend is flushed
  storage and clients are closed
  exit status 0
"""
"""Names are those of the signals; between two names in one branch the upper fires first."""

SHUTDOWN_ORDER: Final[tuple[tuple[str, str], ...]] = (
    ("shutdown_initiated", "after_shutdown_delay_duration"),
    ("shutdown_initiated", "pre_shutdown_hooks_stopped"),
    ("after_shutdown_delay_duration", "not_accepting_new_request"),
    ("pre_shutdown_hooks_stopped", "not_accepting_new_request"),
    ("not_accepting_new_request", "in_flight_requests_drained"),
    ("not_accepting_new_request", "http_server_stopped_listening"),
)
"""(earlier, later) pairs that hold in both modes of shutdown."""

DEFAULT_ORDER: Final = (*SHUTDOWN_ORDER, ("http_server_stopped_listening", "in_flight_requests_drained"))
RETRY_AFTER_ORDER: Final = (*SHUTDOWN_ORDER, ("in_flight_requests_drained", "http_server_stopped_listening"))


@attrs.define(eq=False)
class LifecycleSignals:
    """One-shot events of one server; a Config that is copied shares them with its copy.

    `fired` has the reference's name of each that has fired, and when, in seconds of the monotonic clock. Those of the
    end are logged as they fire, in the reference's words.
    """

    shutdown_initiated: Signal = attrs.field(factory=lambda: Signal("ShutdownInitiated"))
    after_shutdown_delay_duration: Signal = attrs.field(factory=lambda: Signal("AfterShutdownDelayDuration"))
    pre_shutdown_hooks_stopped: Signal = attrs.field(factory=lambda: Signal("PreShutdownHooksStopped"))
    not_accepting_new_request: Signal = attrs.field(factory=lambda: Signal("NotAcceptingNewRequest"))
    in_flight_requests_drained: Signal = attrs.field(factory=lambda: Signal("InFlightRequestsDrained"))
    http_server_stopped_listening: Signal = attrs.field(factory=lambda: Signal("HTTPServerStoppedListening"))
    has_been_ready: Signal = attrs.field(factory=lambda: Signal("HasBeenReady"))
    mux_and_discovery_complete: Signal = attrs.field(factory=lambda: Signal("MuxAndDiscoveryComplete"))
    fired: list[tuple[str, float]] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        for signal in self.all():
            signal.on_set(partial(self._note, signal))

    def all(self) -> list[Signal]:
        return [value for field in attrs.fields(type(self)) if isinstance(value := getattr(self, field.name), Signal)]

    def _note(self, signal: Signal) -> None:
        self.fired.append((signal.name, time.monotonic()))
        if self.shutdown_initiated.is_set():
            seconds = self.fired[-1][1] - dict(self.fired)[self.shutdown_initiated.name]
            logger.info(kv("[graceful-termination] shutdown event", name=signal.name, seconds=round(seconds, 3)))
        else:
            logger.info(kv("lifecycle event", name=signal.name))
