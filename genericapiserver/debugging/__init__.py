"""Looking into a running server: where its time and memory go, and what it is doing at this moment.

Lives here: taking samples, listing stacks, the forms of a profile, the pages under /debug/pprof and the socket that serves
them without a check. Not here: whether a server has them. May import rooms of rows 0 to 8.
"""

from genericapiserver.debugging.pages import install_profiling
from genericapiserver.debugging.sampling import ProfilerBusyError, profiling
from genericapiserver.debugging.socket import DebugSocket, path_of_worker

__all__ = ["DebugSocket", "ProfilerBusyError", "install_profiling", "path_of_worker", "profiling"]
