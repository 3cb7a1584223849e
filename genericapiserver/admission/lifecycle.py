"""NamespaceLifecycle: nothing is made in namespaces that do not exist or are on their way out.

Go: pkg/admission/plugin/namespace/lifecycle/admission.go. One difference: a create in a namespace that is not known yet
waits for word of it, and not a fixed time.
"""

from collections import OrderedDict
from typing import Final

from genericapiserver.admission.attributes import Attributes
from genericapiserver.admission.errors import new_forbidden
from genericapiserver.admission.namespaces import Namespaces
from genericapiserver.admission.operation import Operation
from genericapiserver.admission.plugin import ReadyHandler
from genericapiserver.aio import Clock, SystemClock
from genericapiserver.apimachinery.errors import ForbiddenError, StatusError
from genericapiserver.apimachinery.meta import StatusCause, StatusDetails
from genericapiserver.apimachinery.schema import GroupKind, GroupResource
from genericapiserver.apis.core_v1 import NAMESPACE_ACTIVE, NAMESPACE_TERMINATING

NAME: Final = "NamespaceLifecycle"
IMMORTAL: Final = frozenset({"default", "kube-system", "kube-public"})
NAMESPACE: Final = GroupKind("", "Namespace")
NAMESPACE_TERMINATING_CAUSE: Final = "NamespaceTerminating"
MISSING_NAMESPACE_WAIT: Final = 0.05
"""Seconds for the news of a namespace to come before the server is asked: clients create it and go on at once."""
LIVE_LOOKUP_TIME: Final = 30.0
"""Seconds for which a namespace that was deleted is looked up at the server while the cache says that it is active."""
LIVE_LOOKUPS: Final = 100
_ACCESS_REVIEW: Final = GroupResource("authorization.k8s.io", "localsubjectaccessreviews")


class NamespaceLifecycle(ReadyHandler):
    """Refuses creates and updates by the state of their namespace, and deletes of namespaces that must stay."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        super().__init__(Operation.CREATE, Operation.UPDATE, Operation.DELETE)
        self._clock = clock or SystemClock()
        self._namespaces: Namespaces | None = None
        self._deleted: OrderedDict[str, float] = OrderedDict()
        """Names of deleted namespaces, and until when they are looked up."""

    def set_namespaces(self, namespaces: Namespaces) -> None:
        """Where namespaces are looked up; requests wait until they are known."""
        self._namespaces = namespaces
        self.wait_for(namespaces.synced)

    def validate_initialization(self) -> None:
        """Raises ValueError without namespaces."""
        if self._namespaces is None:
            raise ValueError("missing namespaceLister")

    async def admit(self, attributes: Attributes) -> None:
        """Raises ForbiddenError, NotFoundError for a namespace that does not exist, InternalError when nobody knows."""
        operation, kind = attributes.operation, attributes.kind.group_kind
        if kind == NAMESPACE:
            if operation is Operation.DELETE:
                self._delete_namespace(attributes)
            return
        if not attributes.namespace or operation is Operation.DELETE:
            return
        if attributes.resource.group_resource == _ACCESS_REVIEW:
            return
        if not self.is_ready():
            await self.require_ready(attributes)
        phase = await self._phase(attributes.namespace, creating=operation is Operation.CREATE)
        if operation is Operation.CREATE and phase == NAMESPACE_TERMINATING:
            raise terminating(attributes)

    def _delete_namespace(self, attributes: Attributes) -> None:
        if attributes.name in IMMORTAL:
            raise ForbiddenError(
                attributes.resource.group_resource, attributes.name, "this namespace may not be deleted"
            )
        self._deleted.pop(attributes.name, None)
        self._deleted[attributes.name] = self._clock.monotonic() + LIVE_LOOKUP_TIME
        if len(self._deleted) > LIVE_LOOKUPS:
            self._deleted.popitem(last=False)

    async def _phase(self, name: str, *, creating: bool) -> str:
        """The phase of the namespace called *name*. Raises NotFoundError, InternalError."""
        namespaces = self._namespaces
        assert namespaces is not None
        namespace = namespaces.cached(name)
        if namespace is None and creating:
            namespace = await namespaces.appearing(name, MISSING_NAMESPACE_WAIT)
        if namespace is None or (namespace.status.phase == NAMESPACE_ACTIVE and self._was_deleted(name)):
            namespace = await namespaces.live(name)
        return namespace.status.phase

    def _was_deleted(self, name: str) -> bool:
        until = self._deleted.get(name)
        if until is None:
            return False
        if until > self._clock.monotonic():
            return True
        del self._deleted[name]
        return False


def terminating(attributes: Attributes) -> StatusError:
    """The 403 for a create in a namespace that is on its way out; its cause lets controllers tell it from others."""
    namespace = attributes.namespace
    error = new_forbidden(
        attributes, f"unable to create new content in namespace {namespace} because it is being terminated"
    )
    cause = StatusCause(
        reason=NAMESPACE_TERMINATING_CAUSE,
        message=f"namespace {namespace} is being terminated",
        field="metadata.namespace",
    )
    error.details = error.details or StatusDetails()
    error.details.causes.append(cause)
    return error
