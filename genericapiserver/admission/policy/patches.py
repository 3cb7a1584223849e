"""What the mutations of a policy do to an object. Go: pkg/admission/plugin/policy/mutating/patch."""

from collections.abc import Iterator
from typing import Any

from genericapiserver.admission.policy.expressions import ExpressionError
from genericapiserver.admission.policy.literals import plain_object, plain_operations
from genericapiserver.apimachinery.errors import BadRequestError, StatusError
from genericapiserver.apimachinery.managedfields.elements import element_text, field_element, index_element
from genericapiserver.apimachinery.managedfields.list_items import ItemError
from genericapiserver.apimachinery.managedfields.merge import merge
from genericapiserver.apimachinery.managedfields.schema import ListSchema, MapSchema, Schema, resolve
from genericapiserver.apimachinery.managedfields.type_schema import schema_for
from genericapiserver.apimachinery.managedfields.validate import ValidationError, validate
from genericapiserver.apimachinery.patch import JSONPatch
from genericapiserver.apimachinery.patch.json_patch import JSONPatchError, apply_operations
from genericapiserver.apimachinery.serializer.json import encode_json

TEST_FAILED = "test failed"


def json_patched(document: Any, value: object) -> Any | None:
    """*document* changed by what a JSONPatch yielded; None when one of its tests fails, which changes nothing.

    *document* has literals for its numbers. Raises ExpressionError.
    """
    operations = plain_operations(value)
    try:
        patch = JSONPatch.parse(encode_json(operations))
        return apply_operations(document, patch.operations)
    except JSONPatchError as error:
        if str(error).endswith(TEST_FAILED):
            return None
        raise ExpressionError(f"JSON Patch: {error}") from None
    except (BadRequestError, StatusError) as error:
        raise ExpressionError(f"JSON Patch: {error}") from None


def configured(document: dict[str, Any], kind: type[Any], value: object) -> dict[str, Any]:
    """*document*, of *kind*, with what an ApplyConfiguration yielded. Raises ExpressionError."""
    schema = schema_for(kind)
    identity = {key: document[key] for key in ("apiVersion", "kind")}
    patch = {**plain_object(value), **identity}
    try:
        validate(schema, patch)
        if atomics := list(_atomics(schema, patch, "")):
            raise ExpressionError(
                "error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: "
                + ", ".join(atomics)
            )
        merged = merge(schema, document, patch)
    except ValidationError as error:
        raise ExpressionError(
            f"error applying patch: failed to convert patch object to typed object: {error}"
        ) from None
    except ItemError as error:
        raise ExpressionError(f"error applying patch: failed to merge patch: {error}") from None
    assert isinstance(merged, dict)
    return merged


def _atomics(schema: Schema, value: Any, path: str) -> Iterator[str]:
    """The paths of what would be replaced as a whole: whoever sets a field of it would remove all others."""
    actual = resolve(schema, value)
    if isinstance(actual, MapSchema) and isinstance(value, dict):
        if actual.atomic:
            yield path
        for key, item in value.items():
            # Like the reference, this follows declared fields, and not the keys of free-form maps.
            declared = actual.fields.get(key)
            if declared is not None:
                yield from _atomics(declared.schema, item, path + element_text(field_element(key)))
    elif isinstance(actual, ListSchema) and isinstance(value, list):
        if actual.atomic:
            yield path
        for index, item in enumerate(value):
            yield from _atomics(actual.element, item, path + element_text(index_element(index)))
