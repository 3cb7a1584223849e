"""Fields of objects by their path: `spec.replicas`, in the names of the attributes (`status.observed_generation`)."""

from collections.abc import Callable
from typing import Any

from genericapiserver.apimachinery.types import camel_case, describe


def reader(path: str) -> Callable[[Any], Any]:
    """Gives the value at *path* of an object; None where something on the way is None."""
    names = path.split(".")

    def read(obj: Any) -> Any:
        for name in names:
            if obj is None:
                return None
            obj = getattr(obj, name)
        return obj

    return read


def writer(path: str) -> Callable[[Any, Any], None]:
    """Sets the value at *path* of an object, `write(obj, value)`."""
    parent, _, name = path.rpartition(".")
    read = reader(parent) if parent else lambda obj: obj

    def write(obj: Any, value: Any) -> None:
        setattr(read(obj), name, value)

    return write


def json_path(path: str) -> tuple[str, ...]:
    """The same path in JSON names, for types that do not rename their fields."""
    return tuple(camel_case(name) for name in path.split("."))


def check_path(cls: type[Any], path: str) -> None:
    """Raises ValueError when objects of *cls* have no field at *path*."""
    at: type[Any] | None = cls
    for name in path.split("."):
        field = None if at is None else describe(at).by_attribute.get(name)
        if field is None:
            raise ValueError(f"{cls.__name__} has no field {path}")
        at = field.type.cls
