"""The hooks of an API type, looked up and checked once: what `resourcestrategy` names, by the methods a class has."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import attrs

from genericapiserver.apimachinery.types import describe, is_api_type
from genericapiserver.builder.resource.object import StatusSubResource

Hook: TypeAlias = Callable[..., Any]
"""`hook(context, obj, *arguments)`, whether the method wants the context or not."""

HOOKS: Final = {
    "prepare_for_create": (),
    "prepare_for_update": ("old",),
    "validate": (),
    "validate_update": ("old",),
    "convert_to_table": ("options",),
}
"""The methods with what they are given beside the context, which each may take first."""
METHODS: Final = {
    "default": (),
    "canonicalize": (),
    "get_status": (),
    "get_scale": (),
    "set_scale": ("scale",),
    "convert_to_storage_version": ("storage_obj",),
    "convert_from_storage_version": ("storage_obj",),
}
"""Methods that never see a request."""
FLAGS: Final = ("allow_create_on_update", "allow_unconditional_update")


@attrs.frozen(kw_only=True)
class ObjectHooks:
    """What a class has of them; None for what it has not."""

    prepare_for_create: Hook | None = None
    prepare_for_update: Hook | None = None
    validate: Hook | None = None
    validate_update: Hook | None = None
    canonicalize: Callable[[Any], None] | None = None
    get_status: Callable[[Any], StatusSubResource] | None = None
    convert_to_table: Hook | None = None
    generate_name: Callable[[str], str] | None = None
    allow_create_on_update: bool | None = None
    allow_unconditional_update: bool | None = None

    @classmethod
    def of(cls, object_type: type[Any]) -> "ObjectHooks":
        """Those of *object_type*. Raises TypeError for one that cannot be called as it is going to be."""
        found: dict[str, Any] = {name: bound(object_type, name, takes) for name, takes in HOOKS.items()}
        found |= {name: said(object_type, name) for name in ("canonicalize", "get_status", "generate_name")}
        for name in FLAGS:
            found[name] = said(object_type, name)
        return cls(**found)

    @property
    def any(self) -> bool:
        """Whether there is one that a strategy has to call."""
        mine = attrs.asdict(self, filter=lambda attribute, value: attribute.name != "convert_to_table")
        return any(value is not None for value in mine.values())


def bound(object_type: type[Any], name: str, takes: Sequence[str]) -> Hook | None:
    """The method *name*, to be called with a context whether it takes one or not. Raises TypeError, as `hook_problem`."""
    function = said(object_type, name)
    if function is None:
        return None
    problem = hook_problem(object_type, name, takes, context=True)
    if problem:
        raise TypeError(problem)
    if len(_parameters(function)) > len(takes) + 1:
        return lambda context, obj, *arguments: function(obj, context, *arguments)
    return lambda context, obj, *arguments: function(obj, *arguments)


def hook_problem(object_type: type[Any], name: str, takes: Sequence[str], *, context: bool) -> str:
    """What is wrong with the method *name* of *object_type*; empty when nothing is, or there is none."""
    function = inspect.getattr_static(object_type, name, None)
    if function is None or is_field(object_type, name):
        return ""
    where = f"{object_type.__name__}.{name}"
    if not inspect.isfunction(function):
        return f"{where}: must be a method, not {type(function).__name__}"
    if inspect.iscoroutinefunction(function):
        return f"{where}: must not be async: whoever has to wait for others is admission (docs/admission.md)"
    given = _parameters(function)
    forms = [("self", *takes)] + ([("self", "context", *takes)] if context else [])
    if len(given) not in {len(form) for form in forms}:
        wanted = " or ".join(f"({', '.join(form)})" for form in forms)
        return f"{where}: takes {wanted}, not ({', '.join(given)})"
    return ""


def said(object_type: type[Any], name: str, otherwise: Any = None) -> Any:
    """What the class says under *name*; *otherwise* when it says nothing, or its objects have a field of that name."""
    return otherwise if is_field(object_type, name) else getattr(object_type, name, otherwise)


def is_field(object_type: type[Any], name: str) -> bool:
    """Whether *name* is a field of the objects of *object_type*."""
    return is_api_type(object_type) and name in describe(object_type).by_attribute


def _parameters(function: Callable[..., Any]) -> list[str]:
    """The names of the positional parameters."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [each.name for each in inspect.signature(function).parameters.values() if each.kind in positional]
