"""The schemas of API types, in the form of OpenAPI v3; `to_v2` rewrites one for v2.

A schema follows from the declaration of its type alone, with the extensions that kubectl, strategic merge and server-side
apply read. Source: kube-openapi's generators and k8s.io/apimachinery/pkg/apis/meta/v1; what differs between v2 and v3 is
that v3 puts a reference with siblings under `allOf` and keeps defaults.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.types import FieldDescription, Kind, TypeDescription, TypeRef, describe

V3_PREFIX: Final = "#/components/schemas/"
V2_PREFIX: Final = "#/definitions/"
META_V1: Final = "io.k8s.apimachinery.pkg.apis.meta.v1"

API_VERSION_DOC: Final = (
    "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized "
    "schemas to the latest internal value, and may reject unrecognized values. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources"
)
KIND_DOC: Final = (
    "Kind is a string value representing the REST resource this object represents. Servers may infer this from the "
    "endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds"
)

Schema = dict[str, Any]

_SCALARS: Final[Mapping[Kind, Schema]] = {
    Kind.STRING: {"type": "string"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.INTEGER: {"type": "integer"},
    Kind.NUMBER: {"type": "number"},
    Kind.BYTES: {"type": "string", "format": "byte"},
}
_NAMED: Final[Mapping[Kind, tuple[str, Schema]]] = {
    Kind.TIME: (f"{META_V1}.Time", {"type": "string", "format": "date-time"}),
    Kind.MICRO_TIME: (f"{META_V1}.MicroTime", {"type": "string", "format": "date-time"}),
    Kind.QUANTITY: (
        "io.k8s.apimachinery.pkg.api.resource.Quantity",
        {
            "description": "Quantity is a fixed-point representation of a number: digits, a point, and a suffix that is "
            "binary (Ki, Mi, Gi, ...), decimal (n, u, m, k, M, G, ...) or an exponent.",
            "oneOf": [{"type": "string"}, {"type": "number"}],
        },
    ),
    Kind.INT_OR_STRING: (
        "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
        {
            "description": "IntOrString is a type that can hold an int32 or a string.",
            "format": "int-or-string",
            "oneOf": [{"type": "integer"}, {"type": "string"}],
        },
    ),
}
_RAW_NAMED: Final[Mapping[str, Schema]] = {
    "FieldsV1": {
        "description": "FieldsV1 stores a set of fields in a data structure like a Trie, in JSON format.",
        "type": "object",
    },
    "RawExtension": {"description": "RawExtension holds an object of any type.", "type": "object"},
    "Patch": {"description": "Patch is a patch in one of the formats that the request names.", "type": "object"},
}
_DEFAULTS: Final[Mapping[Kind, Any]] = {Kind.STRING: "", Kind.INTEGER: 0, Kind.NUMBER: 0, Kind.BOOLEAN: False}


class DefinitionNameError(ValueError):
    """Two types would have their definitions under one name; the text says which."""


class SchemaSet:
    """Collects the schemas that documents refer to, each once, under the name that *definition_name* makes of its model's.

    *kinds_of* gives the kinds a class is registered as; root types list them.
    """

    def __init__(
        self,
        kinds_of: Callable[[type[Any]], Iterable[GroupVersionKind]],
        *,
        definition_name: Callable[[str], str] = str,
    ) -> None:
        self.schemas: dict[str, Schema] = {}
        self._kinds_of = kinds_of
        self._definition_name = definition_name
        self._models: dict[str, str] = {}
        """The model of each name."""

    def reference(self, cls: type[Any]) -> Schema:
        """A reference to *cls*, whose schema is in the set from then on."""
        description = describe(cls)
        name = self._name(description.model_name)
        if name not in self.schemas:
            self.schemas[name] = {}  # a type may contain itself
            self.schemas[name] = self._object(description)
        return {"$ref": V3_PREFIX + name}

    def _name(self, model: str) -> str:
        """What the definition of *model* is called. Raises DefinitionNameError for a name that is another model's."""
        name = self._definition_name(model)
        if (other := self._models.setdefault(name, model)) != model:
            raise DefinitionNameError(f"the definitions of {other} and of {model} would both be called {name}")
        return name

    def _object(self, description: TypeDescription) -> Schema:
        schema: Schema = {"description": description.doc} if description.doc else {}
        schema["type"] = "object"
        if required := sorted(field.json_name for field in description.fields if field.required):
            schema["required"] = required
        properties = {field.json_name: self._property(field) for field in description.fields}
        if description.root:
            properties["apiVersion"] = {"description": API_VERSION_DOC, "type": "string"}
            properties["kind"] = {"description": KIND_DOC, "type": "string"}
        if properties:
            schema["properties"] = dict(sorted(properties.items()))
        if description.map_type:
            schema["x-kubernetes-map-type"] = description.map_type
        if description.root and (kinds := sorted(self._kinds_of(description.cls), key=str)):
            schema["x-kubernetes-group-version-kind"] = [
                {"group": kind.group, "kind": kind.kind, "version": kind.version}
                for kind in sorted(kinds, key=lambda kind: (kind.group, kind.version, kind.kind))
            ]
        return schema

    def _property(self, field: FieldDescription) -> Schema:
        schema = self._type(field.type)
        extensions = _extensions(field)
        if "$ref" in schema:
            struct = field.type.kind is Kind.OBJECT and not field.optional
            if not (struct or field.doc or extensions):
                return schema
            described: Schema = {"description": field.doc} if field.doc else {}
            if struct:
                described["default"] = {}
            return {**described, "allOf": [schema], **extensions}
        if field.doc:
            schema = {"description": field.doc, **schema}
        if field.enum:
            schema["enum"] = sorted(field.enum)
        if not field.omit_empty and not field.optional and field.type.kind in _DEFAULTS:
            schema["default"] = _DEFAULTS[field.type.kind]
        if field.key_default is not None:
            schema["default"] = field.key_default
        return {**schema, **extensions}

    def _type(self, ref: TypeRef) -> Schema:
        match ref.kind:
            case Kind.LIST:
                return {"type": "array", "items": self._element(ref.item)}
            case Kind.MAP:
                return {"type": "object", "additionalProperties": self._element(ref.item)}
            case Kind.OBJECT:
                return self.reference(ref.object_type)
            case Kind.RAW:
                return self._raw(ref)
        if ref.kind in _NAMED:
            model, schema = _NAMED[ref.kind]
            name = self._name(model)
            self.schemas.setdefault(name, schema)
            return {"$ref": V3_PREFIX + name}
        schema = dict(_SCALARS[ref.kind])
        if ref.format:
            schema["format"] = ref.format
        return schema

    def _element(self, ref: TypeRef) -> Schema:
        """The schema of list items and map values, which have defaults where a field of that type would be written."""
        schema = self._type(ref)
        if "$ref" in schema:
            return {"default": {}, "allOf": [schema]} if ref.kind is Kind.OBJECT else schema
        if ref.kind in _DEFAULTS:
            schema["default"] = _DEFAULTS[ref.kind]
        return schema

    def _raw(self, ref: TypeRef) -> Schema:
        if ref.format in _RAW_NAMED:
            runtime = ref.format == "RawExtension"
            name = self._name(f"{'io.k8s.apimachinery.pkg.runtime' if runtime else META_V1}.{ref.format}")
            self.schemas.setdefault(name, _RAW_NAMED[ref.format])
            return {"$ref": V3_PREFIX + name}
        return {"x-kubernetes-preserve-unknown-fields": True}


def _extensions(field: FieldDescription) -> Schema:
    element = field.type.cls
    map_type = field.map_type or (describe(element).map_type if element is not None else None)
    values = {
        "x-kubernetes-list-map-keys": list(field.list_map_keys),
        "x-kubernetes-list-type": field.list_type,
        "x-kubernetes-map-type": map_type,
        "x-kubernetes-patch-merge-key": field.patch_merge_key,
        "x-kubernetes-patch-strategy": field.patch_strategy,
    }
    return {name: value for name, value in values.items() if value}


def to_v2(schema: Any) -> Any:
    """The same schema in v2: references stand beside descriptions, defaults and `oneOf` are gone."""
    if isinstance(schema, list):
        return [to_v2(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    rewritten: Schema = {}
    for key, value in schema.items():
        if key == "$ref":
            rewritten[key] = V2_PREFIX + value.removeprefix(V3_PREFIX)
        elif key == "allOf":
            rewritten["$ref"] = V2_PREFIX + value[0]["$ref"].removeprefix(V3_PREFIX)
        elif key == "oneOf":
            rewritten["type"] = "string"
        elif key == "properties":
            rewritten[key] = {name: to_v2(property) for name, property in value.items()}
        elif key != "default":
            rewritten[key] = to_v2(value)
    return rewritten
