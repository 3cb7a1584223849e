"""Reads Kubernetes' published types, so that the declarations in genericapiserver/apis can be held against them.

    git clone --depth 1 --branch v0.36.3 https://github.com/kubernetes/api /tmp/api
    python scripts/kubernetes_types.py facts /tmp/api >tests/apis/testdata/kubernetes_types.txt
    python scripts/kubernetes_types.py skeleton /tmp/api core/v1 PodSpec Container

`facts` writes one line for each field of the kinds we declare and of everything below them; the tests compare it with the
declarations, and so tell what a new release of Kubernetes added. `skeleton` prints declarations of types, to begin with.
Names, order, types and merge rules are taken; descriptions are not: ours are our own.
"""

import keyword
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from genericapiserver.apimachinery.describe import camel_case

KINDS: Final = {
    "core/v1": "Namespace Node Pod Binding Service Endpoints ConfigMap Secret ServiceAccount PersistentVolume "
    "PersistentVolumeClaim ReplicationController PodTemplate Event",
    "apps/v1": "Deployment ReplicaSet StatefulSet DaemonSet ControllerRevision",
    "batch/v1": "Job CronJob",
    "coordination/v1": "Lease",
    "discovery/v1": "EndpointSlice",
    "events/v1": "Event",
    "node/v1": "RuntimeClass",
    "policy/v1": "PodDisruptionBudget Eviction",
    "rbac/v1": "Role RoleBinding ClusterRole ClusterRoleBinding",
    "resource/v1": "ResourceSlice ResourceClaim ResourceClaimTemplate DeviceClass",
    "scheduling/v1": "PriorityClass",
    "storage/v1": "StorageClass CSIDriver CSINode CSIStorageCapacity VolumeAttachment VolumeAttributesClass",
}
_SCALARS: Final = {
    "string": "str",
    "bool": "bool",
    "int32": "Int32",
    "int64": "Int64",
    "float64": "float",
    "int": "int",
}
_FOREIGN: Final = {
    "metav1.Time": "Time",
    "metav1.MicroTime": "MicroTime",
    "resource.Quantity": "Quantity",
    "intstr.IntOrString": "IntOrString",
    "runtime.RawExtension": "RawJSON",
    "metav1.LabelSelector": "LabelSelector",
    "metav1.Condition": "Condition",
    "metav1.ObjectMeta": "ObjectMeta",
    "metav1.DeleteOptions": "DeleteOptions",
    "metav1.FieldsV1": "RawJSON",
    "types.UID": "str",
}
_EMPTY: Final = {"str": '""', "bool": "False", "Int32": "0", "Int64": "0", "float": "0.0", "int": "0"}
_FIELD: Final = re.compile(
    r"^\t(?:(?P<name>\w+)\s+)?(?P<type>[\w.*\[\]]+)\s+`json:\"(?P<json>[^\"]*)\"(?P<tags>[^`]*)`"
)
_PLURALS: Final = re.compile(r"(IP|CIDR|WWN|URL|ID|UID)s(?=[A-Z]|$)")


@attrs.frozen(kw_only=True)
class Field:
    """A field of a Go struct as it stands in JSON."""

    json_name: str
    go_type: str
    omit_empty: bool
    optional: bool
    inlined: int
    """The number of the embedded struct's message in protobuf, or 0."""
    number: int
    markers: dict[str, str]
    keys: tuple[str, ...]
    patch_strategy: str
    patch_merge_key: str


@attrs.frozen(kw_only=True)
class Struct:
    """A Go struct."""

    package: str
    name: str
    root: bool
    atomic: bool
    fields: tuple[Field, ...]


class Types:
    """The types of a checkout of k8s.io/api, by `core/v1` and name."""

    def __init__(self, checkout: Path) -> None:
        self._checkout = checkout
        self._sources: dict[str, str] = {}
        self._aliases: dict[tuple[str, str], str] = {}
        self._enums: dict[tuple[str, str], tuple[str, ...]] = {}
        self._structs: dict[tuple[str, str], tuple[str, str]] = {}

    def _load(self, package: str) -> None:
        if package in self._sources:
            return
        source = (self._checkout / package / "types.go").read_text()
        source = self._sources[package] = re.sub(r"^\s*/\*.*?\*/", "", source, flags=re.MULTILINE | re.DOTALL)
        for match in re.finditer(
            r"((?:^//[^\n]*\n)*)^type (\w+) struct \{\n(.*?)^\}", source, re.MULTILINE | re.DOTALL
        ):
            self._structs[package, match[2]] = (match[1], match[3])
        for match in re.finditer(r"((?:^//[^\n]*\n)*)^type (\w+) =?\s*([\w.\[\]]+)$", source, re.MULTILINE):
            self._aliases[package, match[2]] = match[3]
            if "// +enum" in match[1]:
                values = re.findall(rf"^\t\w+\s+{match[2]}\s+=\s+\"([^\"]*)\"", source, re.MULTILINE)
                self._enums[package, match[2]] = tuple(values)

    def resolve(self, package: str, name: str) -> tuple[str, str]:
        """Where a type that *package* calls *name* is declared."""
        qualifier, _, short = name.rpartition(".")
        # Every group takes the types of core from an import that is called v1, apiv1 or corev1.
        home = "core/v1" if qualifier in ("v1", "apiv1", "corev1") else package
        self._load(home)
        return home, short

    def underlying(self, package: str, go_type: str) -> str:
        """*go_type* without its own names of texts, lists and maps; structs keep their name, with their package."""
        if go_type.startswith("*"):
            return "*" + self.underlying(package, go_type[1:])
        if go_type == "[]byte":
            return go_type
        if go_type.startswith("[]"):
            return "[]" + self.underlying(package, go_type[2:])
        if match := re.fullmatch(r"map\[[\w.]+\](.+)", go_type):
            return "map[string]" + self.underlying(package, match[1])
        if go_type in _SCALARS or go_type in _FOREIGN:
            return "string" if go_type == "types.UID" else go_type
        home, name = self.resolve(package, go_type)
        if (alias := self._aliases.get((home, name))) is not None:
            return self.underlying(home, alias)
        if (home, name) not in self._structs:
            raise LookupError(f"{package} has no type {go_type}")
        return f"{home}.{name}"

    def enum(self, package: str, go_type: str) -> tuple[str, ...]:
        """The texts that a value of *go_type* may be, if it is an enumeration."""
        go_type = go_type.removeprefix("*")
        if go_type.startswith(("[]", "map[")) or go_type in _SCALARS or go_type in _FOREIGN:
            return ()
        home, name = self.resolve(package, go_type)
        if (alias := self._aliases.get((home, name))) and alias not in _SCALARS:
            return self.enum(home, alias)
        return self._enums.get((home, name), ())

    def struct(self, package: str, name: str) -> Struct:
        """A struct with the fields of what it embeds at their place."""
        home, name = self.resolve(package, name)
        comment, body = self._structs[home, name]
        return Struct(
            package=home,
            name=name,
            root="metav1.TypeMeta" in body,
            atomic="+structType=atomic" in comment,
            fields=tuple(self._fields(home, body)),
        )

    def _fields(self, package: str, body: str) -> Iterator[Field]:
        comments: list[str] = []
        for line in body.splitlines():
            if line.lstrip().startswith("//"):
                comments.append(line.strip().removeprefix("//").strip())
                continue
            match = _FIELD.match(line)
            if match is None:
                if line.strip():
                    raise ValueError(f"{package}: this line is no field: {line}")
                # An empty line ends a comment that stands for itself.
                comments = []
                continue
            number = int(found[1]) if (found := re.search(r'protobuf:"\w+,(\d+)', match["tags"])) else 0
            name, _, options = match["json"].partition(",")
            if match["type"] == "metav1.TypeMeta":
                pass
            elif match["name"] is None and not name:
                home, short = self.resolve(package, match["type"])
                for inner in self.struct(home, short).fields:
                    yield attrs.evolve(inner, inlined=number, go_type=_qualified(inner.go_type, package, home))
            else:
                yield _field(match, name or "metadata", options, number, comments)
            comments = []

    def closure(self, package: str, names: Sequence[str]) -> list[Struct]:
        """The structs *names* and all below them; what a struct needs comes before it."""
        found: dict[tuple[str, str], Struct] = {}

        def visit(package: str, name: str) -> None:
            home, short = self.resolve(package, name)
            if (home, short) in found:
                return
            struct = self.struct(home, short)
            for field in struct.fields:
                below = re.sub(r"^(\*|\[\]|map\[string\])+", "", self.underlying(home, field.go_type))
                if "/" in below:
                    visit(*below.split("."))
            found[home, short] = struct

        for name in names:
            visit(package, name)
        return list(found.values())


def _qualified(go_type: str, package: str, home: str) -> str:
    """The name in *package* of a type that *home* calls *go_type*."""
    if package == home:
        return go_type
    raise NotImplementedError(f"{package} embeds a struct of {home}")


def _field(match: re.Match[str], name: str, options: str, number: int, comments: Sequence[str]) -> Field:
    markers = {}
    keys = []
    for comment in comments:
        if marker := re.fullmatch(r"\+(\w+)(?:=(.*))?", comment):
            if marker[1] == "listMapKey":
                keys.append(marker[2])
            else:
                markers[marker[1]] = marker[2] or ""
    tags = dict(re.findall(r'(\w+):"([^"]*)"', match["tags"]))
    omit_empty = "omitempty" in options
    return Field(
        json_name=name,
        go_type=match["type"],
        omit_empty=omit_empty,
        optional=omit_empty or "optional" in markers,
        inlined=0,
        number=number,
        markers=markers,
        keys=tuple(keys),
        patch_strategy=tags.get("patchStrategy", ""),
        patch_merge_key=tags.get("patchMergeKey", ""),
    )


def facts(types: Types) -> Iterator[str]:
    """A line for each struct, and below it one for each field: name, type, and what is said of it."""
    seen = set()
    for package, names in KINDS.items():
        for struct in types.closure(package, names.split()):
            if (struct.package, struct.name) in seen:
                continue
            seen.add((struct.package, struct.name))
            yield f"{struct.package}.{struct.name}{' kind' if struct.root else ''}{' atomic' if struct.atomic else ''}"
            for field in struct.fields:
                go_type = types.underlying(struct.package, field.go_type)
                enum = types.enum(struct.package, field.go_type)
                yield "  " + " ".join([field.json_name, go_type, *_said(field, go_type, enum)])


def _said(field: Field, go_type: str, enum: Sequence[str]) -> Iterator[str]:
    yield f"number={field.inlined}.{field.number}" if field.inlined else f"number={field.number}"
    # Go writes a struct even when it is empty, whatever the tag says.
    if field.omit_empty and (go_type.startswith(("*", "[]", "map[")) or go_type in _SCALARS):
        yield "omitempty"
    if not field.optional:
        yield "required"
    if enum:
        yield f"enum={'|'.join(enum)}"
    if list_type := field.markers.get("listType"):
        yield f"listType={list_type}"
    if map_type := field.markers.get("mapType") or field.markers.get("structType"):
        yield f"mapType={map_type}"
    if field.keys:
        yield f"keys={','.join(field.keys)}"
    if field.patch_strategy:
        yield f"patchStrategy={field.patch_strategy}"
    if field.patch_merge_key:
        yield f"patchMergeKey={field.patch_merge_key}"


def attribute(json_name: str) -> str:
    """The Python attribute of a JSON name: `podIPs` is `pod_ips`."""
    name = _PLURALS.sub(lambda match: match[1].capitalize() + "s", json_name)
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    shadows = ("int", "bool", "str", "list", "dict", "bytes", "float", "field")
    return f"{name}_" if keyword.iskeyword(name) or name in shadows else name


def empty_by_default(types: Types, structs: Sequence[Struct]) -> frozenset[str]:
    """The structs that others hold by value without requiring them: they can be made without arguments."""
    found: set[str] = set()

    def visit(go_type: str) -> None:
        if go_type in found or not re.fullmatch(r"\w+/\w+\.\w+", go_type):
            return
        found.add(go_type)
        below = types.struct(*go_type.split("."))
        for field in below.fields:
            visit(types.underlying(below.package, field.go_type))

    for struct in structs:
        for field in struct.fields:
            if field.optional:
                visit(types.underlying(struct.package, field.go_type))
    return frozenset(found)


def declaration(types: Types, struct: Struct, empty: frozenset[str], docs: dict[str, str] | None = None) -> str:
    """The class of a struct, with a description where *docs* has one. Those in *empty* need no arguments."""
    docs = docs or {}
    decorator = '@api_type(map_type="atomic")' if struct.atomic else "@api_type"
    base = "(Object)" if struct.root else ""
    lines = [
        decorator,
        f"class {struct.name}{base}:",
        f'    """{docs.get(struct.name, f"{struct.name} is ...")}"""',
        "",
    ]
    fields = [field for field in struct.fields if not (struct.root and field.json_name == "metadata")]
    for place, field in enumerate(fields, start=2 if struct.root else 1):
        doc = docs.get(f"{struct.name}.{field.json_name}", "")
        easy = f"{struct.package}.{struct.name}" in empty
        lines.append(f"    {_declared(types, struct.package, field, place, doc, easy)}")
    if len(fields) == 0:
        lines.pop()
    return "\n".join(lines) + "\n"


def _declared(types: Types, package: str, field: Field, place: int, doc: str, easy: bool) -> str:
    go_type = types.underlying(package, field.go_type)
    pointer = go_type.startswith("*")
    name = attribute(field.json_name)
    annotation = _annotation(go_type.removeprefix("*"))
    options = []
    optional_only = field.optional and not field.omit_empty
    if pointer or annotation in ("Time", "MicroTime"):
        annotation += " | None"
        options.append("default=None")
        if not (pointer and field.omit_empty):
            options.append("omit_empty=False")
            if field.optional:
                options.append("required=False")
    elif annotation.startswith(("list", "dict")):
        options.append(f"factory={annotation[:4]}")
        if not field.omit_empty:
            options += ["omit_empty=False", "null_when_empty=True"]
            if optional_only:
                options.append("required=False")
    elif annotation == "RawJSON":
        options += ["default=None", "omit_empty=False", *(["required=False"] if field.optional else [])]
    elif annotation in _EMPTY:
        if field.optional or easy:
            options.append(f"default={_EMPTY[annotation]}")
            if optional_only:
                options += ["omit_empty=False", "required=False"]
            elif not field.optional:
                options.append("omit_empty=False")
    elif annotation == "bytes":
        options.append('default=b""')
    elif field.optional or easy:
        options += [f"factory={annotation}", *([] if field.optional else ["required=True"])]
    if annotation.startswith("RawJSON"):
        options.append('format="RawExtension"')
    if camel_case(name) != field.json_name:
        options.append(f'name="{field.json_name}"')
    options += _rules(types, package, field)
    if field.inlined:
        options.append(f"inlined={field.inlined}")
    if field.number != place:
        options.append(f"number={field.number}")
    if doc:
        options.append(f"doc={_quoted(doc)}")
    return f"{name}: {annotation} = field({', '.join(options)})"


def _rules(types: Types, package: str, field: Field) -> Iterator[str]:
    if "listType" in field.markers:
        yield f'list_type="{field.markers["listType"]}"'
    if field.keys:
        yield f"list_map_keys=[{', '.join(_quoted(key) for key in field.keys)}]"
    map_type = field.markers.get("mapType") or field.markers.get("structType")
    if map_type:
        yield f'map_type="{map_type}"'
    if field.patch_strategy:
        yield f'patch_strategy="{field.patch_strategy}"'
    if field.patch_merge_key:
        yield f'patch_merge_key="{field.patch_merge_key}"'
    if enum := types.enum(package, field.go_type):
        yield f"enum=[{', '.join(_quoted(value) for value in enum)}]"


def _annotation(go_type: str) -> str:
    if go_type == "[]byte":
        return "bytes"
    if go_type.startswith("[]"):
        return f"list[{_annotation(go_type[2:])}]"
    if go_type.startswith("map[string]"):
        return f"dict[str, {_annotation(go_type[11:])}]"
    return _SCALARS.get(go_type) or _FOREIGN.get(go_type) or go_type.rpartition(".")[2]


def _quoted(text: str) -> str:
    return "'" + text + "'" if '"' in text else f'"{text}"'


def main(arguments: Sequence[str]) -> int:
    """Print what is asked for; the exit code."""
    match arguments:
        case ["facts", checkout]:
            sys.stdout.writelines(f"{line}\n" for line in facts(Types(Path(checkout))))
        case ["skeleton", checkout, package, *names] if names:
            types = Types(Path(checkout))
            structs = types.closure(package, names)
            empty = empty_by_default(types, structs)
            for struct in structs:
                sys.stdout.write(f"\n\n{declaration(types, struct, empty)}")
        case _:
            sys.stderr.write(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
