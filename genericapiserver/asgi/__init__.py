"""HTTP vocabulary on ASGI: types, headers, queries, bodies, plain responses.

Lives here: what any HTTP handler needs. Not here: a Kubernetes word of any kind. Imports nothing of the library.
"""

from genericapiserver.asgi.bodies import BodyTooLargeError, ClientDisconnectedError, read_body
from genericapiserver.asgi.headers import add_response_headers, asks_for_websocket, header_value, header_values
from genericapiserver.asgi.query import QueryValues, parse_query
from genericapiserver.asgi.responses import send_plain_error, send_response, send_text
from genericapiserver.asgi.types import Handler, Message, RawHeaders, Receive, Scope, Send

__all__ = [
    "BodyTooLargeError",
    "ClientDisconnectedError",
    "Handler",
    "Message",
    "QueryValues",
    "RawHeaders",
    "Receive",
    "Scope",
    "Send",
    "add_response_headers",
    "asks_for_websocket",
    "header_value",
    "header_values",
    "parse_query",
    "read_body",
    "send_plain_error",
    "send_response",
    "send_text",
]
