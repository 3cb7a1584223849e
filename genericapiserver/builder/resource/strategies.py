"""The rules of a declared kind: those of a strategy class, and after them those that the type brings itself.

`ResourceStrategy` and `ResourceWithStatusStrategy` are what users expect of a kind that is declared by arguments alone.
`HookedStrategy` calls the hooks of a type around the rules of any strategy. The seeds' own default is in `object_strategy`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from genericapiserver.apimachinery.errors import InternalError
from genericapiserver.apimachinery.field import FieldError
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.types import deep_copy
from genericapiserver.apimachinery.validation.object_meta import validate_dns_name
from genericapiserver.builder.resource.hooks import ObjectHooks
from genericapiserver.registry.status_store import SpecStatusStrategy
from genericapiserver.registry.strategy import DefaultStrategy
from genericapiserver.request import RequestContext


class ResourceStrategy(DefaultStrategy):
    """What users expect of a kind without rules of its own: DNS names, unconditional updates, a generation for its spec."""

    allow_unconditional_update = True

    def prepare_for_create(self, context: RequestContext, obj: Any) -> None:
        obj.metadata.generation = 1

    def prepare_for_update(self, context: RequestContext, obj: Any, old: Any) -> None:
        changed = _without_metadata(obj) != _without_metadata(old)
        obj.metadata.generation = old.metadata.generation + (1 if changed else 0)

    def validate(self, context: RequestContext, obj: Any) -> Sequence[FieldError]:
        return validate_dns_name(obj.metadata)


class ResourceWithStatusStrategy(SpecStatusStrategy):
    """The same for a kind with a status subresource, which alone can change the status."""

    allow_unconditional_update = True

    def validate(self, context: RequestContext, obj: Any) -> Sequence[FieldError]:
        return validate_dns_name(obj.metadata)


def _without_metadata(obj: Any) -> Any:
    copy = deep_copy(obj)
    copy.metadata = type(obj.metadata)()
    return copy


class HookedStrategy:
    """The rules of *inner*, then *hooks*. A flag or a generated name of the hooks counts instead of what *inner* says."""

    def __init__(self, inner: DefaultStrategy, hooks: ObjectHooks) -> None:
        self.inner = inner
        self.hooks = hooks
        self.namespace_scoped = inner.namespace_scoped
        self.missing_version_conflicts = inner.missing_version_conflicts
        self.allow_create_on_update = _either(hooks.allow_create_on_update, inner.allow_create_on_update)
        self.allow_unconditional_update = _either(hooks.allow_unconditional_update, inner.allow_unconditional_update)

    def object_kind(self, obj: Any) -> GroupVersionKind:
        return self.inner.object_kind(obj)

    def generate_name(self, base: str) -> str:
        return (self.hooks.generate_name or self.inner.generate_name)(base)

    def prepare_for_create(self, context: RequestContext, obj: Any) -> None:
        self.inner.prepare_for_create(context, obj)
        if self.hooks.prepare_for_create is not None:
            self.hooks.prepare_for_create(context, obj)

    def prepare_for_update(self, context: RequestContext, obj: Any, old: Any) -> None:
        if self.hooks.get_status is not None:
            # Whatever the rules are: what has a status subresource changes its status there.
            self.hooks.get_status(deep_copy(old)).copy_to(obj)
        self.inner.prepare_for_update(context, obj, old)
        if self.hooks.prepare_for_update is not None:
            self.hooks.prepare_for_update(context, obj, old)

    def validate(self, context: RequestContext, obj: Any) -> Sequence[FieldError]:
        errors = self.inner.validate(context, obj)
        hook = self.hooks.validate
        return errors if hook is None else [*errors, *_found(hook(context, obj), obj, "validate")]

    def validate_update(self, context: RequestContext, obj: Any, old: Any) -> Sequence[FieldError]:
        errors = self.inner.validate_update(context, obj, old)
        if (hook := self.hooks.validate_update) is not None:
            return [*errors, *_found(hook(context, obj, old), obj, "validate_update")]
        if (hook := self.hooks.validate) is not None and old.metadata.deletion_timestamp is None:
            return [*errors, *_found(hook(context, obj), obj, "validate")]
        return errors

    def warnings_on_create(self, context: RequestContext, obj: Any) -> Sequence[str]:
        return self.inner.warnings_on_create(context, obj)

    def warnings_on_update(self, context: RequestContext, obj: Any, old: Any) -> Sequence[str]:
        return self.inner.warnings_on_update(context, obj, old)

    def canonicalize(self, obj: Any) -> None:
        self.inner.canonicalize(obj)
        if self.hooks.canonicalize is not None:
            self.hooks.canonicalize(obj)

    def get_reset_fields(self) -> Mapping[str, Sequence[Sequence[str]]]:
        return self.inner.get_reset_fields()

    def __getattr__(self, name: str) -> Any:
        # Optional powers (check_graceful_delete, default_garbage_collection_policy) exist when *inner* has them.
        if name.startswith("__") or name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)


def _either(said: bool | None, otherwise: bool) -> bool:
    return otherwise if said is None else said


def _found(errors: Iterable[object] | None, obj: Any, hook: str) -> Sequence[FieldError]:
    """Raises InternalError for a hook that forgot to return, or gives something else: what it found must not pass."""
    where = f"{type(obj).__name__}.{hook}"
    if errors is None:
        raise InternalError(f"{where} returned None: it returns a list of FieldError, empty for none")
    found = []
    for each in errors:
        if not isinstance(each, FieldError):
            raise InternalError(
                f"{where} returned a list with a {type(each).__name__}: it returns a list of FieldError"
            )
        found.append(each)
    return found
