"""Small words that views and their stores share: names of objects, kinds, and requests that nobody sent."""

from typing import Any

import attrs

from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.minkapi.kinds import ServedKind
from genericapiserver.request import RequestContext, RequestInfo


@attrs.frozen
class ObjectName:
    """Which object of a kind: `default/web-0`, or `node-1` where there are no namespaces."""

    name: str
    namespace: str = ""

    @classmethod
    def parse(cls, key: str) -> "ObjectName":
        """Raises ValueError for a key with more than one slash, or none of a name."""
        namespace, _, name = key.rpartition("/")
        if not name or "/" in namespace:
            raise ValueError(f'"{key}" is no key of an object: write namespace/name, or the name alone')
        return cls(name, namespace)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def call_context(kind: ServedKind, verb: str, name: ObjectName) -> RequestContext:
    """What a request of *verb* (create, get, ...) for *name* would bring."""
    version = kind.group_version
    info = RequestInfo(
        is_resource_request=True,
        verb=verb,
        api_group=version.group,
        api_version=version.version,
        namespace=name.namespace if kind.namespaced else "",
        resource=kind.plural,
        name=name.name,
    )
    return RequestContext(request_info=info)


def as_object(codecs: CodecFactory, kind: ServedKind, given: Any) -> Any:
    """*given*, an API object or a dictionary, as a copy that may be kept.

    Raises TypeError for another kind, ValueError for a dictionary with fields that the kind does not have.
    """
    if isinstance(given, dict):
        version, name = given.get("apiVersion", str(kind.group_version)), given.get("kind", kind.kind)
        _check_kind(GroupVersionKind.parse(version, name), kind)
        obj, problems = codecs.from_unstructured(given, kind.object_type, strict=True)
        if problems:
            raise ValueError(f"{kind.kind} {obj.metadata.name}: {'; '.join(problems)}")
        return obj
    if type(given) is not kind.object_type:
        found = codecs.scheme.object_kinds(given) if hasattr(given, "metadata") else []
        served = [each for each in found if each.version != "__internal"]
        _check_kind(served[0] if served else GroupVersionKind("", "", type(given).__name__), kind)
        raise TypeError(f"{type(given).__name__} is no {kind.kind}")
    return deep_copy(given)


def _check_kind(found: GroupVersionKind, kind: ServedKind) -> None:
    expected = kind.group_version_kind
    if found != expected:
        raise TypeError(f'object objGVK "{found}" does not match expected objGVK "{expected}"')
