"""The declarations are those that Kubernetes publishes: testdata/kubernetes_types.txt is written from its sources.

`python scripts/kubernetes_types.py facts <checkout of k8s.io/api>` writes it anew; the test then names what has changed.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genericapiserver import apis
from genericapiserver.apimachinery.describe import FieldDescription, Kind, TypeDescription, TypeRef, describe
from genericapiserver.apimachinery.shapes import is_api_type, model_name_of

FACTS = Path(__file__).parent / "testdata" / "kubernetes_types.txt"
GO_NAMES = {
    Kind.STRING: "string",
    Kind.BOOLEAN: "bool",
    Kind.BYTES: "[]byte",
    Kind.TIME: "metav1.Time",
    Kind.MICRO_TIME: "metav1.MicroTime",
    Kind.QUANTITY: "resource.Quantity",
    Kind.INT_OR_STRING: "intstr.IntOrString",
    Kind.RAW: "runtime.RawExtension",
}


def facts() -> dict[str, list[str]]:
    """The lines of each struct, by its package and name."""
    found: dict[str, list[str]] = {}
    for line in FACTS.read_text().splitlines():
        if not line.startswith(" "):
            lines = found[line.split()[0]] = []
        lines.append(line.strip())
    return found


def declared() -> dict[str, type[Any]]:
    """The classes of the packages, by package and name."""
    found = {}
    for package in sorted({name.partition("/")[0] for name in facts()}):
        module = importlib.import_module(f"{apis.__name__}.{package}_v1")
        names = [info.name for info in pkgutil.iter_modules(getattr(module, "__path__", ()))]
        for part in (module, *(importlib.import_module(f"{module.__name__}.{name}") for name in names)):
            for value in vars(part).values():
                if is_api_type(value) and value.__module__ == part.__name__:
                    found[go_name(value)] = value
    return found


def go_name(cls: type[Any]) -> str:
    package, _, name = model_name_of(cls).rpartition(".")
    if package.startswith("io.k8s.api."):
        return f"{package.removeprefix('io.k8s.api.').replace('.', '/')}.{name}"
    return f"metav1.{name}"


def lines_of(cls: type[Any]) -> Iterator[str]:
    """The same lines from a declaration."""
    description = describe(cls)
    yield " ".join([go_name(cls), *(["kind"] if description.root else []), *_atomic(description)])
    for field in description.fields:
        yield " ".join([field.json_name, _go_type(field), *_said(field)])


def _atomic(description: TypeDescription) -> list[str]:
    return ["atomic"] if description.map_type == "atomic" else []


def _go_type(field: FieldDescription) -> str:
    # By value, a time that was never set is written as null.
    by_value = field.type.kind in (Kind.TIME, Kind.MICRO_TIME, Kind.RAW) and not field.omit_empty
    pointer = field.optional or (field.type.kind is Kind.RAW and field.omit_empty)
    return ("*" if pointer and not by_value else "") + _name(field.type)


def _name(ref: TypeRef) -> str:
    match ref.kind:
        case Kind.LIST:
            return f"[]{_name(ref.item)}"
        case Kind.MAP:
            return f"map[string]{_name(ref.item)}"
        case Kind.OBJECT:
            return go_name(ref.object_type)
        case Kind.INTEGER:
            return ref.format
    return GO_NAMES[ref.kind]


def _said(field: FieldDescription) -> Iterator[str]:
    yield f"number={'.'.join(map(str, (*field.inlined, field.number)))}"
    if field.omit_empty:
        yield "omitempty"
    if field.required:
        yield "required"
    if field.enum:
        yield f"enum={'|'.join(field.enum)}"
    if field.list_type:
        yield f"listType={field.list_type}"
    if field.map_type:
        yield f"mapType={field.map_type}"
    if field.list_map_keys:
        yield f"keys={','.join(field.list_map_keys)}"
    if field.patch_strategy:
        yield f"patchStrategy={field.patch_strategy}"
    if field.patch_merge_key:
        yield f"patchMergeKey={field.patch_merge_key}"


EXPECTED, DECLARED = facts(), declared()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_type_is_declared_as_kubernetes_publishes_it(name: str) -> None:
    assert list(lines_of(DECLARED[name])) == EXPECTED[name]


def test_nothing_is_declared_that_kubernetes_does_not_publish() -> None:
    assert DECLARED.keys() <= EXPECTED.keys()


def test_a_list_that_go_always_writes_is_null_when_it_is_empty() -> None:
    others = [
        f"{name}.{field.json_name}"
        for name, cls in DECLARED.items()
        for field in describe(cls).fields
        if field.type.kind in (Kind.LIST, Kind.MAP) and not field.optional and field.null_when_empty == field.omit_empty
    ]
    assert others == []


def test_every_type_and_every_field_is_described() -> None:
    for cls in DECLARED.values():
        description = describe(cls)
        assert re.match(rf"{cls.__name__} \w+.*\.$", description.doc.splitlines()[0])
        silent = [field.json_name for field in description.fields if not field.doc and field.json_name != "metadata"]
        assert silent == [], description.name


def test_a_port_without_a_protocol_counts_as_one_of_tcp() -> None:
    # The keys of other lists have no defaults.
    assert {
        f"{name}.{field.json_name}": field.key_default
        for name, cls in DECLARED.items()
        for field in describe(cls).fields
        if field.key_default is not None
    } == {"core/v1.ContainerPort.protocol": "TCP", "core/v1.ServicePort.protocol": "TCP"}
