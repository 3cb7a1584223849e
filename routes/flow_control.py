"""What flow control is doing, as tables, under /debug. Mirrors Install in pkg/util/flowcontrol/apf_controller_debug.go."""

from collections.abc import Callable
from typing import Final

from genericapiserver.asgi import Handler, Receive, Scope, Send, parse_query, send_text
from genericapiserver.flowcontrol.controller import FlowController
from genericapiserver.flowcontrol.dump import dump_priority_levels, dump_queues, dump_requests
from genericapiserver.mux import PathRecorderMux

PREFIX: Final = "/debug/api_priority_and_fairness/"
DETAILS_PARAMETER: Final = "includeRequestDetails"


def install_flow_control(mux: PathRecorderMux, controller: FlowController) -> None:
    """Serve the three tables of *controller* in *mux*, unlisted, for any method."""

    def requests(scope: Scope) -> str:
        details = parse_query(scope["query_string"]).get(DETAILS_PARAMETER, [""])[0]
        return dump_requests(controller, details=bool(details))

    for name, text in (
        ("dump_priority_levels", lambda scope: dump_priority_levels(controller)),
        ("dump_queues", lambda scope: dump_queues(controller)),
        ("dump_requests", requests),
    ):
        mux.handle(PREFIX + name, _page(text), listed=False)


def _page(text: Callable[[Scope], str]) -> Handler:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await send_text(send, 200, text(scope))

    return page
