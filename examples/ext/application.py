"""An application that has the API below /ext and takes the API's own tokens. Any ASGI framework would do as well."""

from examples.ext.server import Extension
from genericapiserver.asgi import Handler, Receive, Scope, Send, send_text
from genericapiserver.authentication.bearer_token import BearerTokenAuthenticator
from genericapiserver.ext import USER_KEY, to_middleware


def new_application(extension: Extension) -> Handler:
    """`/` greets whoever comes; below `/ext` is the API."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":  # the server is run by the program
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["path"].startswith("/ext/"):
            await extension.server({**scope, "root_path": "/ext"}, receive, send)
        elif scope["type"] == "http":
            await send_text(send, 200, f"Hello, {scope[USER_KEY].name}!\n")

    return to_middleware(BearerTokenAuthenticator(extension.tokens))(application)
