"""Which request a stack belongs to, in the words of metrics: verb and resource, no names and no queries."""

import re
from types import FrameType
from typing import Final

from genericapiserver.request import RequestContext
from genericapiserver.request.request_info import RequestInfo

_NAME: Final = re.compile(r"[a-z0-9.-]{1,100}")

FUNCTION: Final = "request_info"
"""The outermost filter, whose local variable `context` is the request's."""


def request_of_frame(frame: FrameType) -> str:
    """`list widgets.example.com` for the frame of the filter that began a request, "" for any other."""
    if frame.f_code.co_name != FUNCTION:
        return ""
    context = frame.f_locals.get("context")
    return describe_request(context.request_info) if isinstance(context, RequestContext) else ""


def describe_request(info: RequestInfo) -> str:
    """Verb and resource, and of other paths the first part.

    Clients may ask for resources that there are not; what could not be the name of one is not repeated.
    """
    if not info.is_resource_request:
        return f"{info.verb} /{_word(info.path.strip('/').partition('/')[0])}"
    resource = _word(f"{info.resource}.{info.api_group}" if info.api_group else info.resource)
    return f"{info.verb} {resource}/{_word(info.subresource)}" if info.subresource else f"{info.verb} {resource}"


def _word(text: str) -> str:
    return text if not text or _NAME.fullmatch(text) else "other"
