"""What stands around every handler: one file a filter, each an ASGI middleware `with_*`.

Lives here: whatever looks at every request or response, whichever API it is for. Not here: the order of the chain (the
root module `chain`), and what a request does once it has reached its handler. May import rooms of rows 0 to 8.

Filters are cheap by two rules. The outermost one makes the RequestContext and the only wrapper around `send`; inner ones
append to `context.response_headers` what every response shall carry. And a filter that has nothing to do after its
handler is a plain function that returns the handler's awaitable, not a coroutine of its own.
"""
