"""Which request a stack belongs to, in the words of metrics: verb and resource, no names and no queries."""

from types import FrameType
from typing import Final

from genericapiserver.request import RequestContext
from genericapiserver.request.request_info import RequestInfo

FUNCTION: Final = "request_info"
"""The outermost filter, whose local variable `context` is the request's."""


def request_of_frame(frame: FrameType) -> str:
    """`list widgets.example.com` for the frame of the filter that began a request, "" for any other."""
    if frame.f_code.co_name != FUNCTION:
        return ""
    context = frame.f_locals.get("context")
    return describe_request(context.request_info) if isinstance(context, RequestContext) else ""


def describe_request(info: RequestInfo) -> str:
    """Verb and resource; of other paths only the first part, which is no secret and of which there are few."""
    if not info.is_resource_request:
        return f"{info.verb} /{info.path.strip('/').partition('/')[0]}"
    resource = f"{info.resource}.{info.api_group}" if info.api_group else info.resource
    return f"{info.verb} {resource}/{info.subresource}" if info.subresource else f"{info.verb} {resource}"
