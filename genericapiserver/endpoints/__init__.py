"""The API: resources served over HTTP, by verb, in the representation that a client asks for.

    installer     a group version's storages -> routes, by a table of verbs; `router` finds the route of a request
    handlers/     one module a verb; each gets a request and returns a response
    negotiation   Accept, Content-Type; `representation`, `table`, `partial`: what an object looks like
    responses     how objects and errors are sent
    discovery/    the documents below /api and /apis

Not here: filters, paths that are no resources, storing. May import rooms of rows 0 to 7.
"""

from genericapiserver.endpoints.responses import send_error, send_object

__all__ = ["send_error", "send_object"]
