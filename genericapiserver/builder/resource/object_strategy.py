"""The seeds' rules for a kind whose class is a resource.Object: next to none of their own, the class has the say.

Go: pkg/builder/rest/strategy.go and status.go of apiserver-runtime. The hooks of the class are not called here but around
any strategy (`strategies.HookedStrategy`), so that a strategy of one's own does not lose them.
"""

from collections.abc import Iterable
from typing import Any

from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.types import deep_copy, describe
from genericapiserver.builder.resource.hooks import said
from genericapiserver.registry import strategy
from genericapiserver.registry.status_store import StatusStrategy, reset_fields
from genericapiserver.registry.strategy import RESTUpdateStrategy
from genericapiserver.request import RequestContext

_OF_THIS_UPDATE = ("managed_fields", "resource_version", "uid")
"""Metadata that tells of the update, or is checked against what is stored, and so is not taken from there."""


class DefaultStrategy(strategy.DefaultStrategy):
    """Names as in paths, updates that say what they are based on, and a status that an update leaves alone.

    An update without a resourceVersion conflicts. The status of a new object is taken as it comes. *object_type* is the
    kind's class, *versions* are those it is served in.
    """

    missing_version_conflicts = True

    def __init__(self, scheme: Scheme, *, object_type: type[Any], versions: Iterable[GroupVersion] = ()) -> None:
        super().__init__(scheme)
        self.namespace_scoped = said(object_type, "namespace_scoped", True)
        self._has_status = said(object_type, "get_status") is not None
        keeps = ["status"] if self._has_status and "status" in describe(object_type).by_attribute else []
        self._reset_fields = reset_fields(versions, *keeps) if keeps else {}

    def prepare_for_update(self, context: RequestContext, obj: Any, old: Any) -> None:
        if self._has_status:
            deep_copy(old).get_status().copy_to(obj)

    def get_reset_fields(self) -> Any:
        return self._reset_fields


class StatusSubResourceStrategy(StatusStrategy):
    """Takes the status from an update, as `get_status` and `copy_to` say what that is, and everything else from storage."""

    def __init__(
        self,
        main: RESTUpdateStrategy,
        scheme: Scheme,
        *,
        object_type: type[Any],
        versions: Iterable[GroupVersion] = (),
    ) -> None:
        self._fields = [field.attribute for field in describe(object_type).fields]
        others = [name for name in self._fields if name not in ("metadata", "status")]
        self.keeps = [*others, *(path for path in StatusStrategy.keeps if path.startswith("metadata."))]
        super().__init__(main, scheme, versions=versions)

    def prepare_for_update(self, context: RequestContext, obj: Any, old: Any) -> None:
        kept = deep_copy(old)
        obj.get_status().copy_to(kept)
        for name in _OF_THIS_UPDATE:
            setattr(kept.metadata, name, getattr(obj.metadata, name))
        for name in self._fields:
            setattr(obj, name, getattr(kept, name))
