"""Pages that are no API resources and no health checks: the index, the version, metrics, debug flags.

Lives here: what each page says and how it is put into a mux. Not here: which of them a server has. May import rooms of
rows 0 to 8.
"""

from genericapiserver.routes.flags import DebugFlags
from genericapiserver.routes.index import index_not_found, install_index
from genericapiserver.routes.metrics import install_metrics, install_slis
from genericapiserver.routes.not_found import not_found_handler
from genericapiserver.routes.version import install_version

__all__ = [
    "DebugFlags",
    "index_not_found",
    "install_index",
    "install_metrics",
    "install_slis",
    "install_version",
    "not_found_handler",
]
