"""Passing a request on to a server behind, and its answer back.

handler      which answer a request gets that is not passed on, and how one is that is
headers      what the server behind is told of the user, and what must not cross
backend      the connections to one server: which are open, which is used, when they end
connection   what an exchange is, whichever protocol carries it
http1, http2 the two that do
dial, tls    from an address to a connection whose other end is who it should be
websocket    upgrades
"""
