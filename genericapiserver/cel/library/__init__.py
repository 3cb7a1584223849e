"""Kubernetes' functions for expressions (k8s.io/apiserver/pkg/cel/library), as tables of declarations."""

from genericapiserver.cel.library.addresses import ADDRESSES
from genericapiserver.cel.library.authorizer import AUTHORIZATION
from genericapiserver.cel.library.declaration import Function
from genericapiserver.cel.library.formats import FORMATS
from genericapiserver.cel.library.lists import LISTS
from genericapiserver.cel.library.quantity import QUANTITIES, QUANTITY_ORDER
from genericapiserver.cel.library.regex import REGEX
from genericapiserver.cel.library.urls import URLS
from genericapiserver.cel.library.versions import VERSION_ORDER, VERSIONS

ORDER = tuple(
    Function(name, (quantity, version))
    for (name, quantity), (_, version) in zip(QUANTITY_ORDER, VERSION_ORDER, strict=True)
)
FUNCTIONS: tuple[Function, ...] = (
    *LISTS,
    *REGEX,
    *URLS,
    *ADDRESSES,
    *QUANTITIES,
    *VERSIONS,
    *ORDER,
    *FORMATS,
    *AUTHORIZATION,
)
NAMES = frozenset(function.name for function in FUNCTIONS)

__all__ = ["FUNCTIONS", "NAMES", "Function"]
