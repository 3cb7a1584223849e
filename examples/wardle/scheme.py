"""The scheme of the sample server: the hub, both versions, and which of them is preferred."""

from examples.wardle import types, v1alpha1, v1beta1
from genericapiserver.apimachinery.schema import INTERNAL_VERSION, GroupVersion
from genericapiserver.apimachinery.scheme import Scheme, add_to_group_version

GROUP = "wardle.example.com"


def new_scheme() -> Scheme:
    scheme = Scheme("wardle")
    scheme.add_known_types(GroupVersion(GROUP, INTERNAL_VERSION), types.Flunder, types.Fischer)
    for version in (v1beta1, v1alpha1):
        version.add_to_scheme(scheme)
        add_to_group_version(scheme, version.GROUP_VERSION)
    scheme.set_version_priority(v1beta1.GROUP_VERSION, v1alpha1.GROUP_VERSION)
    return scheme
