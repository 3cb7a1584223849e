"""Mistakes in a declaration, found before anything is served: each as one line that names the class and the field."""

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from genericapiserver.apimachinery import meta
from genericapiserver.apimachinery.schema import GroupVersionResource
from genericapiserver.apimachinery.serializer.decoder import new
from genericapiserver.apimachinery.types import is_api_type, list_of
from genericapiserver.builder.resource.hooks import FLAGS, HOOKS, METHODS, hook_problem, is_field, said
from genericapiserver.builder.resource.object import GenericSubResource, StatusSubResource
from genericapiserver.registry.field_paths import check_path

NAME: Final = re.compile(r"[a-z][a-z0-9]*")
VERSION: Final = re.compile(r"v[1-9][0-9]*((alpha|beta)[1-9][0-9]*)?")
GROUP: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+")
MULTI_VERSION: Final = "resource should implement MultiVersionObject if it's not storage-version"
_CONVERSIONS: Final = ("new_storage_version_object", "convert_to_storage_version", "convert_from_storage_version")
_LISTS_OF_NAMES: Final = ("short_names", "categories", "indexing_fields")


def class_problems(object_type: Any) -> list[str]:
    """What is wrong with a class that is to be served; what it says of its group is looked at by `name_problems`."""
    name = getattr(object_type, "__name__", repr(object_type))
    if not isinstance(object_type, type) or not is_api_type(object_type):
        return [f"{name}: is no API type: declare a class with @api_type"]
    if not issubclass(object_type, meta.Object):
        return [f"{name}.metadata: is missing: inherit from genericapiserver.apimachinery.meta.Object"]
    return [*_fact_problems(object_type), *_hook_problems(object_type), *_power_problems(object_type)]


def is_multi_version(object_type: type[Any]) -> bool:
    """Whether objects of *object_type* convert to and from another version (`resource.MultiVersionObject`)."""
    return all(said(object_type, name) for name in _CONVERSIONS)


def name_problems(object_type: type[Any], resource: GroupVersionResource, singular: str) -> Iterator[str]:
    """What is wrong with the names that a kind is to be served under."""
    name = object_type.__name__
    if not GROUP.fullmatch(resource.group):
        yield (f"{name}: the group of a resource is a domain name such as fridge.example.com, not {resource.group!r}")
    if not VERSION.fullmatch(resource.version):
        yield f"{name}: the version of a resource is such as v1, v1beta1 or v2alpha1, not {resource.version!r}"
    for given in dict.fromkeys((singular, resource.resource)):
        if not NAME.fullmatch(given):
            yield f"{name}: a resource is named in lower-case letters and digits, not {given!r}"


def path_problems(object_type: type[Any], paths: Sequence[str]) -> Iterator[str]:
    """Paths of attributes that lead nowhere."""
    for path in dict.fromkeys(paths):
        try:
            check_path(object_type, path)
        except ValueError as error:
            yield str(error)


def _fact_problems(cls: type[Any]) -> Iterator[str]:
    facts = ("group_version_resource", "namespace_scoped", "is_storage_version", *FLAGS)
    for fact in facts:
        if is_field(cls, fact):
            yield f"{cls.__name__}.{fact}: is a field of the objects: leave out its annotation, or make it a ClassVar"
    resource = said(cls, "group_version_resource")
    if resource is not None and not isinstance(resource, GroupVersionResource):
        yield f"{cls.__name__}.group_version_resource: must be a GroupVersionResource, not {_kind(resource)}"
    for fact in ("namespace_scoped", "is_storage_version", *FLAGS):
        value = said(cls, fact, True)
        if not isinstance(value, bool):
            yield f"{cls.__name__}.{fact}: must be True or False, not {_kind(value)}"
    singular = said(cls, "singular_name", "")
    if not isinstance(singular, str):
        yield f"{cls.__name__}.singular_name: must be a text, not {_kind(singular)}"
    for fact in _LISTS_OF_NAMES:
        value = said(cls, fact, ())
        if (
            isinstance(value, str)
            or not isinstance(value, Sequence)
            or not all(isinstance(each, str) for each in value)
        ):
            yield f"{cls.__name__}.{fact}: must be a list of texts, not {_kind(value)}"
        elif fact == "indexing_fields":
            yield from (f"{cls.__name__}.{fact}: {problem}" for problem in path_problems(cls, value))


def _hook_problems(cls: type[Any]) -> Iterator[str]:
    for known, context in ((HOOKS, True), (METHODS, False)):
        for name, takes in known.items():
            if problem := hook_problem(cls, name, takes, context=context):
                yield problem
    if problem := hook_problem(list_of(cls), "convert_to_table", ("options",), context=True):
        yield problem
    for name in ("generate_name", "generic_sub_resources", "new_storage_version_object"):
        found = inspect.getattr_static(cls, name, None)
        if found is not None and not isinstance(found, staticmethod | classmethod):
            yield f"{cls.__name__}.{name}: must be a static method or a class method: there is no object to ask yet"


def _power_problems(cls: type[Any]) -> Iterator[str]:
    """Powers that take several parts, of which some are missing."""
    has = {name for name in (*_CONVERSIONS, "get_scale", "set_scale") if said(cls, name)}
    for one, other in (("get_scale", "set_scale"), ("set_scale", "get_scale")):
        if one in has and other not in has:
            yield f"{cls.__name__}.{other}: is missing beside {one}: a scale is read and written"
    missing = [name for name in _CONVERSIONS if name not in has]
    if said(cls, "is_storage_version", True) is False and missing:
        yield f"{cls.__name__}: {MULTI_VERSION}: {', '.join(missing)} missing"
    if isinstance(inspect.getattr_static(cls, "generic_sub_resources", None), staticmethod | classmethod):
        yield from _sub_resource_problems(cls)
    if inspect.isfunction(inspect.getattr_static(cls, "get_status", None)) and not hook_problem(
        cls, "get_status", (), context=False
    ):
        yield from _status_problems(cls)


def _sub_resource_problems(cls: Any) -> Iterator[str]:
    names: set[str] = set()
    for each in cls.generic_sub_resources():
        if not isinstance(each, GenericSubResource):
            yield f"{cls.__name__}.generic_sub_resources: {_kind(each)} has no name or no get_storage_provider"
        elif not NAME.fullmatch(each.name) or each.name in names:
            wanted = "names are in lower-case letters and digits, each once"
            yield f"{cls.__name__}.generic_sub_resources: {wanted}: {each.name!r}"
        else:
            names.add(each.name)


def _status_problems(cls: type[Any]) -> Iterator[str]:
    try:
        status = new(cls).get_status()
    except Exception as error:  # noqa: BLE001  whatever it raises, it would raise it at a request
        yield f"{cls.__name__}.get_status: raises {type(error).__name__} for an empty object: {error}"
        return
    if not isinstance(status, StatusSubResource):
        yield f"{cls.__name__}.get_status: gives a {type(status).__name__}, which has no copy_to(parent)"


def _kind(value: object) -> str:
    return f"{type(value).__name__} {value!r}"
