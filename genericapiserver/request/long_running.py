"""Which requests may stay open: they get no deadline, no time-out and no place among the counted requests.

Mirrors pkg/server/filters/longrunning.go.
"""

from collections.abc import Callable, Collection
from typing import TypeAlias

from genericapiserver.request.request_info import RequestInfo

LongRunningCheck: TypeAlias = Callable[[RequestInfo], bool]


def long_running_check(*, verbs: Collection[str] = ("watch",), subresources: Collection[str] = ()) -> LongRunningCheck:
    """A check that is true for *verbs*, for *subresources* of resource requests, and below /debug/pprof/.

    The defaults are the library's; kube-apiserver uses verbs watch, proxy and subresources attach, exec, proxy, log,
    portforward.
    """
    long_verbs, long_subresources = frozenset(verbs), frozenset(subresources)

    def is_long_running(info: RequestInfo) -> bool:
        if info.verb in long_verbs:
            return True
        if info.is_resource_request:
            return info.subresource in long_subresources
        return info.path.startswith("/debug/pprof/")

    return is_long_running
