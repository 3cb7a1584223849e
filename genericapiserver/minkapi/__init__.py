"""minkapi: a small Kubernetes API in memory, with views that can be forked, for simulations and tests of operators.

Here: the kinds, views and their forks, the server and the command, clients of a view, dumps, differences. Not here: how a
view keeps its objects (`storage.views`), and anything that an API server does for others as well. May import everything
but the other products.
"""

from genericapiserver.minkapi.access import ViewAccess
from genericapiserver.minkapi.config import Config, WatchConfig
from genericapiserver.minkapi.criteria import MATCH_ALL_CRITERIA, MatchCriteria
from genericapiserver.minkapi.errors import MinkAPIError
from genericapiserver.minkapi.event_sink import EventSink
from genericapiserver.minkapi.facades import ClientAccessMode, ClientFacades, ResourceClient
from genericapiserver.minkapi.objects import ObjectName
from genericapiserver.minkapi.resource_store import ResourceStore
from genericapiserver.minkapi.server import Server
from genericapiserver.minkapi.view import View, ViewType
from genericapiserver.minkapi.watcher import Watcher

__all__ = [
    "MATCH_ALL_CRITERIA",
    "ClientAccessMode",
    "ClientFacades",
    "Config",
    "EventSink",
    "MatchCriteria",
    "MinkAPIError",
    "ObjectName",
    "ResourceClient",
    "ResourceStore",
    "Server",
    "View",
    "ViewAccess",
    "ViewType",
    "WatchConfig",
    "Watcher",
]
