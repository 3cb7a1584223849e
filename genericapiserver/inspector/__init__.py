"""The inspector: a page that shows what a server is doing, and the JSON document that feeds it.

Lives here: what is remembered of requests, the sections of the document, the page. Not here: where the figures come from.
Nothing of a request's body, its query or its credentials is ever shown. May import rooms of rows 0 to 8.
"""

from genericapiserver.inspector.notable import NotableRequests
from genericapiserver.inspector.page import install_inspector

__all__ = ["NotableRequests", "install_inspector"]
