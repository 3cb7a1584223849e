"""The life of a running server: which signals fire, in which order, and what waits for what.

    stop requested (signal, or whoever runs the server)
      |
      +--> shutdown_initiated              /readyz fails from here on, everything else is served as before
      |      |
      |      +-- shutdown_delay_duration --> after_shutdown_delay_duration
      |
      +--> pre-shutdown hooks, one by one --> pre_shutdown_hooks_stopped
             |
             +-- when both have fired --> not_accepting_new_request
                    |
                    +--> requests in flight drain      \\
                    +--> watches are told and drain     +--> in_flight_requests_drained
                    |
                    +--> the listener closes --> http_server_stopped_listening --> connections end
                         |
                         +-- when both are done: the audit backend takes the last events and is flushed
                         (with shutdown_send_retry_after only once the requests have drained; until then new
                          requests are answered 429 with Retry-After)

`SHUTDOWN_ORDER` is the same drawing as data: each pair says which signal cannot fire before which other.
Source: pkg/server/lifecycle_signals.go and genericapiserver.go of k8s.io/apiserver.
"""

import attrs

from genericapiserver.aio import Signal

SHUTDOWN_ORDER: tuple[tuple[str, str], ...] = (
    ("shutdown_initiated", "after_shutdown_delay_duration"),
    ("after_shutdown_delay_duration", "not_accepting_new_request"),
    ("pre_shutdown_hooks_stopped", "not_accepting_new_request"),
    ("not_accepting_new_request", "in_flight_requests_drained"),
    ("not_accepting_new_request", "http_server_stopped_listening"),
)
"""(earlier, later) pairs that hold in both modes of shutdown."""


@attrs.define(eq=False)
class LifecycleSignals:
    """One-shot events of one server; a Config that is copied shares them with its copy."""

    shutdown_initiated: Signal = attrs.field(factory=lambda: Signal("ShutdownInitiated"))
    after_shutdown_delay_duration: Signal = attrs.field(factory=lambda: Signal("AfterShutdownDelayDuration"))
    pre_shutdown_hooks_stopped: Signal = attrs.field(factory=lambda: Signal("PreShutdownHooksStopped"))
    not_accepting_new_request: Signal = attrs.field(factory=lambda: Signal("NotAcceptingNewRequest"))
    in_flight_requests_drained: Signal = attrs.field(factory=lambda: Signal("InFlightRequestsDrained"))
    http_server_stopped_listening: Signal = attrs.field(factory=lambda: Signal("HTTPServerStoppedListening"))
    has_been_ready: Signal = attrs.field(factory=lambda: Signal("HasBeenReady"))
    mux_and_discovery_complete: Signal = attrs.field(factory=lambda: Signal("MuxAndDiscoveryComplete"))
