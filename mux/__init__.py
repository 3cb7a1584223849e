"""Paths that are no API resources: a table of handlers by exact path and by prefix.

Lives here: the path-recorder mux. Not here: API routes (`endpoints`), and what the handlers answer (`routes`, `healthz`).
May import rooms of rows 0 and 1.
"""

from genericapiserver.mux.pathrecorder import PathRecorderMux, not_found

__all__ = ["PathRecorderMux", "not_found"]
