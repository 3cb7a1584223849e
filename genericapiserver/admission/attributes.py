"""What a plugin is told about the write it is asked about. Go: pkg/admission/attributes.go."""

from collections.abc import Mapping
from typing import Any

import attrs

from genericapiserver.admission.operation import Operation
from genericapiserver.apimachinery.equivalents import EquivalentResources
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.schema import GroupVersionKind, GroupVersionResource
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.validation.names import qualified_name
from genericapiserver.authentication.user import UserInfo
from genericapiserver.request.audit_recorder import AuditLevel as AuditLevel
from genericapiserver.request.context import RequestContext


@attrs.frozen
class Annotation:
    value: str
    level: AuditLevel


@attrs.define(eq=False, kw_only=True)
class Attributes:
    """One write, as admission sees it.

    A mutating plugin changes `object` in place, or assigns another one of the same type; who runs the chain goes on
    with `object`. Everything else is to be left alone, and a validating plugin changes nothing at all: it is given
    copies.
    """

    context: RequestContext
    operation: Operation
    kind: GroupVersionKind
    """Of the endpoint, so also the version in which the client speaks; the objects are of the hub version."""
    resource: GroupVersionResource
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    """Empty on a create whose name is still to be generated; while validating it is set."""
    options: Any = None
    """CreateOptions, UpdateOptions, DeleteOptions; for CONNECT the same as `object`."""
    dry_run: bool = False
    object: Any = None
    """None on DELETE."""
    old_object: Any = None
    """Set on UPDATE and DELETE."""
    user: UserInfo | None = None
    scheme: Scheme | None = None
    """Knows the types of the objects, for a plugin that has to convert them."""
    equivalents: EquivalentResources | None = None
    """Under which other resources the same objects are served; None when nobody knows."""
    is_reinvoke: bool = False
    """Whether the mutating chain runs for the second time."""
    reinvocation_requested: bool = False
    reinvocation: dict[str, Any] = attrs.field(factory=dict, init=False)
    """What plugins want to find again in the second round, each under its name."""
    _annotations: dict[str, Annotation] = attrs.field(factory=dict, init=False)

    @property
    def annotations(self) -> Mapping[str, Annotation]:
        """What plugins had to say to the audit log."""
        return self._annotations

    def add_annotation(self, key: str, value: str, *, level: AuditLevel = AuditLevel.METADATA) -> None:
        """Put `key: value` into the audit event, if one is made at *level* or above.

        *key* is a qualified name with a prefix, `plugin.example.com/decision`. Raises ValueError for another key, and
        for a second value under a key that has one; saying the same again is fine.
        """
        _check_key(key)
        annotation = Annotation(value, level)
        existing = self._annotations.get(key)
        if existing == annotation:
            return
        if existing is not None:
            # The spelling is the reference's.
            raise ValueError(
                f"admission annotations are not allowd to be overwritten, "
                f"key:{quote(key)}, old value: {_show(existing)}, new value: {_show(annotation)}"
            )
        self._annotations[key] = annotation
        self.context.add_audit_annotation(key, value, level)

    def request_reinvocation(self) -> None:
        """Ask for the mutating chain to run once more, because of what this plugin changed."""
        self.reinvocation_requested = True


def _check_key(key: str) -> None:
    if key.count("/") != 1:
        raise ValueError(
            "annotation key has invalid format, the right format is a DNS subdomain prefix and '/' and key name. "
            "(e.g. 'podsecuritypolicy.admission.k8s.io/admit-policy')"
        )
    problems = qualified_name(key)
    if problems:
        raise ValueError(
            f"annotation key has invalid format {','.join(problems)}. "
            "A qualified name like 'podsecuritypolicy.admission.k8s.io/admit-policy' is required."
        )


def _show(annotation: Annotation) -> str:
    return f"{{{annotation.level.text} {annotation.value}}}"
