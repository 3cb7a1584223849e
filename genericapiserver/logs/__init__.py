"""The log of a server: lines in klog's shape or as JSON, their verbosity, and the request they belong to.

    pairs     messages with keys and values: `logger.info(kv("text", key=value))`
    levels    klog's V levels on Python's, for all loggers and for single modules
    served    the request that is being served
    formats   text and JSON; secrets takes tokens out
    output    a file descriptor that may not take what is written; handler, setup: the log of a process
    streams   standard input, output and error where the parent has closed them

Imports nothing of the library, so that every room can log.
"""

from genericapiserver.logs.levels import V1, V2, V3, V4, V5, V6, Levels, ModuleVerbosity
from genericapiserver.logs.pairs import Stack, kv

__all__ = ["V1", "V2", "V3", "V4", "V5", "V6", "Levels", "ModuleVerbosity", "Stack", "kv"]
