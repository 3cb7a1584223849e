"""A kind's own rules, asked around every write: what to prepare, what to refuse, what to warn about.

The protocols say what the steps in `before` and the generic store call; `DefaultStrategy` answers each with what an
ordinary kind wants, so that a kind writes down only its differences. Strategies look at one object and never wait:
what has to talk to others is a Begin hook of the store.

Two powers exist by having the method: `check_graceful_delete` (kinds that take time to stop) and
`default_garbage_collection_policy`. Go: pkg/registry/rest/{create,update,delete}.go.
"""

import enum
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from genericapiserver.apimachinery.field import FieldError
from genericapiserver.apimachinery.meta import DeleteOptions
from genericapiserver.apimachinery.names import generate_name
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.request.context import RequestContext


class GarbageCollectionPolicy(enum.StrEnum):
    """What happens to an object's dependents when a delete does not say."""

    DELETE_DEPENDENTS = "DeleteDependents"
    ORPHAN_DEPENDENTS = "OrphanDependents"
    UNSUPPORTED = "Unsupported"
    """The kind takes no part in garbage collection: options and existing finalizers are not looked at either."""


class ObjectTyper(Protocol):
    """Knows the kind of an object."""

    def object_kind(self, obj: Any) -> GroupVersionKind:
        """Raises when the type is not known."""


class RESTDeleteStrategy(ObjectTyper, Protocol):
    """All that deleting needs; the two protocols below add to it by being there."""


@runtime_checkable
class RESTGracefulDeleteStrategy(Protocol):
    """A kind whose objects may take time to go."""

    def check_graceful_delete(self, context: RequestContext, obj: Any, options: DeleteOptions) -> bool:
        """Whether *obj* goes gracefully. True promises that `options.grace_period_seconds` is set afterwards."""


@runtime_checkable
class GarbageCollectionDeleteStrategy(Protocol):
    """A kind with an opinion on its dependents."""

    def default_garbage_collection_policy(self, context: RequestContext) -> GarbageCollectionPolicy: ...


class RESTCreateStrategy(ObjectTyper, Protocol):
    """The hooks of a create, in the order they are called."""

    @property
    def namespace_scoped(self) -> bool: ...

    def generate_name(self, base: str) -> str:
        """A name that probably nobody has, from metadata.generateName."""

    def prepare_for_create(self, context: RequestContext, obj: Any) -> None:
        """Change *obj* to what a new object looks like: drop what clients may not set, fill what follows from the
        rest."""

    def validate(self, context: RequestContext, obj: Any) -> Sequence[FieldError]:
        """What is wrong with *obj*, which is not to be changed. Metadata is checked elsewhere, after this."""

    def warnings_on_create(self, context: RequestContext, obj: Any) -> Sequence[str]: ...

    def canonicalize(self, obj: Any) -> None:
        """Bring equal objects to one form, after validation and before storing. What is changed must stay valid."""


class RESTUpdateStrategy(ObjectTyper, Protocol):
    """The hooks of an update, in the order they are called."""

    @property
    def namespace_scoped(self) -> bool: ...

    @property
    def allow_create_on_update(self) -> bool:
        """Whether an update of what does not exist creates it."""

    @property
    def allow_unconditional_update(self) -> bool:
        """Whether an update without a resourceVersion overwrites whatever is there."""

    def prepare_for_update(self, context: RequestContext, obj: Any, old: Any) -> None:
        """Change *obj* to what may follow *old*: take over what this endpoint may not change."""

    def validate_update(self, context: RequestContext, obj: Any, old: Any) -> Sequence[FieldError]: ...

    def warnings_on_update(self, context: RequestContext, obj: Any, old: Any) -> Sequence[str]: ...

    def canonicalize(self, obj: Any) -> None: ...


class RESTStrategy(RESTCreateStrategy, RESTUpdateStrategy, Protocol):
    """Create, update and delete in one object, as most kinds have it."""


class DefaultStrategy:
    """The rules of a kind that has none of its own. Inherit, and override what differs.

    A class says in its body whether the kind is namespaced and which updates it allows; methods do nothing here and
    need no `super()` call. A subclass that defines `check_graceful_delete(context, obj, options)` makes deletes
    graceful.
    """

    namespace_scoped: bool = True
    allow_create_on_update: bool = False
    allow_unconditional_update: bool = False
    missing_version_conflicts: bool = False
    """Whether an update without a resourceVersion, where it needs one, is a conflict (409) and not invalid (422)."""

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme

    def object_kind(self, obj: Any) -> GroupVersionKind:
        return self.scheme.object_kinds(obj)[0]

    def generate_name(self, base: str) -> str:
        return generate_name(base)

    def prepare_for_create(self, context: RequestContext, obj: Any) -> None:
        return None

    def prepare_for_update(self, context: RequestContext, obj: Any, old: Any) -> None:
        return None

    def validate(self, context: RequestContext, obj: Any) -> Sequence[FieldError]:
        return ()

    def validate_update(self, context: RequestContext, obj: Any, old: Any) -> Sequence[FieldError]:
        return ()

    def warnings_on_create(self, context: RequestContext, obj: Any) -> Sequence[str]:
        return ()

    def warnings_on_update(self, context: RequestContext, obj: Any, old: Any) -> Sequence[str]:
        return ()

    def canonicalize(self, obj: Any) -> None:
        return None

    def default_garbage_collection_policy(self, context: RequestContext) -> GarbageCollectionPolicy:
        return GarbageCollectionPolicy.DELETE_DEPENDENTS

    def get_reset_fields(self) -> Mapping[str, Sequence[Sequence[str]]]:
        """Fields this endpoint ignores, per `group/version` (see `rest.ResetFieldsProvider`)."""
        return {}
