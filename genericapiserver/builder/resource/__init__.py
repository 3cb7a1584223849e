"""How a resource is declared: by arguments (`Resource`), by its own class (`Object` and the optional protocols), or both.

Here: the protocols that a class may have, finding mistakes in them, the scheme of what was declared. `resourcestrategy`
names the hooks around writes, `resourcerest` what a storage of one's own may be asked. Not here: how it is stored and
served.
Source: pkg/builder/resource of sigs.k8s.io/apiserver-runtime and of tilt-apiserver.
"""

from genericapiserver.builder.resource.declaration import Resource
from genericapiserver.builder.resource.object import (
    GenericSubResource,
    MultiVersionObject,
    Object,
    ObjectList,
    ObjectWithGenericSubResource,
    ObjectWithScaleSubResource,
    ObjectWithStatusSubResource,
    StatusSubResource,
)
from genericapiserver.builder.resource.scheme import new_scheme
from genericapiserver.builder.resource.strategies import ResourceStrategy, ResourceWithStatusStrategy

__all__ = [
    "GenericSubResource",
    "MultiVersionObject",
    "Object",
    "ObjectList",
    "ObjectWithGenericSubResource",
    "ObjectWithScaleSubResource",
    "ObjectWithStatusSubResource",
    "Resource",
    "ResourceStrategy",
    "ResourceWithStatusStrategy",
    "StatusSubResource",
    "new_scheme",
]
