"""An asyncio kit without a domain: signals, counting what is in flight, clocks.

Not here: anything that knows HTTP or Kubernetes. Imports nothing of the library.
"""

from genericapiserver.aio.cancelling import is_being_cancelled
from genericapiserver.aio.clock import Clock, SteadyClock, SystemClock
from genericapiserver.aio.in_flight import Ended, EndingRate, InFlightRequests, InFlightWatches, NotAcceptingError
from genericapiserver.aio.keyed_locks import KeyedLocks
from genericapiserver.aio.signal import Signal

__all__ = [
    "Clock",
    "Ended",
    "EndingRate",
    "InFlightRequests",
    "InFlightWatches",
    "KeyedLocks",
    "NotAcceptingError",
    "Signal",
    "SteadyClock",
    "SystemClock",
    "is_being_cancelled",
]
