"""How containers are looked after: probes, and what is done at points of their life.

Source: k8s.io/api/core/v1/types.go.
"""

from genericapiserver.apimachinery.types import Int32, Int64, IntOrString, api_type, field
from genericapiserver.apis.core_v1.stop_signals import STOP_SIGNALS

MODEL_PACKAGE = "io.k8s.api.core.v1"


@api_type
class ExecAction:
    """ExecAction runs a command in the container."""

    command: list[str] = field(
        factory=list, list_type="atomic", doc="The command and its arguments; no shell is involved."
    )


@api_type
class HTTPHeader:
    """HTTPHeader is a header of a probe's request."""

    name: str = field(doc="The name of the header.")
    value: str = field(doc="Its value.")


@api_type
class HTTPGetAction:
    """HTTPGetAction asks for something over HTTP."""

    path: str = field(default="", doc="The path to ask for.")
    port: IntOrString = field(doc="The number or name of the port.")
    host: str = field(default="", doc="The host; the pod's address unless given.")
    scheme: str = field(default="", enum=["HTTP", "HTTPS"], doc="HTTP or HTTPS.")
    http_headers: list[HTTPHeader] = field(factory=list, list_type="atomic", doc="Further headers of the request.")


@api_type
class TCPSocketAction:
    """TCPSocketAction opens a connection."""

    port: IntOrString = field(doc="The number or name of the port.")
    host: str = field(default="", doc="The host; the pod's address unless given.")


@api_type
class GRPCAction:
    """GRPCAction asks a gRPC health service."""

    port: Int32 = field(doc="The number of the port.")
    service: str | None = field(
        default=None, omit_empty=False, required=False, doc="The service whose health is asked for."
    )


@api_type
class Probe:
    """Probe is a check whether a container is well; one way to check is set."""

    exec: ExecAction | None = field(default=None, inlined=1, doc="A command that has to end with 0.")
    http_get: HTTPGetAction | None = field(default=None, inlined=1, doc="A request that has to be answered well.")
    tcp_socket: TCPSocketAction | None = field(default=None, inlined=1, doc="A port that has to take a connection.")
    grpc: GRPCAction | None = field(default=None, inlined=1, doc="A gRPC health service that has to say SERVING.")
    initial_delay_seconds: Int32 = field(
        default=0, number=2, doc="Seconds from the start of the container to the first check."
    )
    timeout_seconds: Int32 = field(default=0, number=3, doc="Seconds after which a check has failed.")
    period_seconds: Int32 = field(default=0, number=4, doc="Seconds between checks.")
    success_threshold: Int32 = field(default=0, number=5, doc="Checks in a row that have to succeed after a failure.")
    failure_threshold: Int32 = field(
        default=0, number=6, doc="Checks in a row that have to fail before anything is done."
    )
    termination_grace_period_seconds: Int64 | None = field(
        default=None, number=7, doc="Seconds that the container gets to end after its check failed."
    )


@api_type
class SleepAction:
    """SleepAction waits."""

    seconds: Int64 = field(doc="How many seconds.")


@api_type
class LifecycleHandler:
    """LifecycleHandler is something done at a point in a container's life; one of its fields is set."""

    exec: ExecAction | None = field(default=None, doc="A command to run.")
    http_get: HTTPGetAction | None = field(default=None, doc="A request to make.")
    tcp_socket: TCPSocketAction | None = field(default=None, doc="No longer used.")
    sleep: SleepAction | None = field(default=None, doc="How long to wait.")


@api_type
class Lifecycle:
    """Lifecycle is what is done after a container starts and before it ends."""

    post_start: LifecycleHandler | None = field(default=None, doc="Done right after the container was created.")
    pre_stop: LifecycleHandler | None = field(default=None, doc="Done right before the container is told to end.")
    stop_signal: str | None = field(
        default=None,
        enum=STOP_SIGNALS,
        doc="The signal that tells the container to end.",
    )
