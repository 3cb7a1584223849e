"""ObjectMeta on create and on update (k8s.io/apimachinery pkg/api/validation/objectmeta.go).

The errors come in the reference's order; on update both lists are reported one after the other, repetitions included.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from genericapiserver.apimachinery import field
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.go import string_slice_literal
from genericapiserver.apimachinery.meta import (
    FINALIZER_DELETE_DEPENDENTS,
    FINALIZER_ORPHAN_DEPENDENTS,
    ManagedFieldsEntry,
    ObjectMeta,
    OwnerReference,
)
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.time import format_time
from genericapiserver.apimachinery.validation.labels import validate_labels
from genericapiserver.apimachinery.validation.names import (
    NameValidator,
    name_is_dns_label,
    name_is_dns_subdomain,
    qualified_name,
)
from genericapiserver.apimachinery.validation.options import validate_field_manager

MAX_ANNOTATIONS_BYTES = 256 * 1024
"""Of all keys and values of one object together: annotations travel with every read of it."""

MAX_SUBRESOURCE_BYTES = 256

METADATA = Path("metadata")

FIELD_IS_IMMUTABLE = "field is immutable"

_BANNED_OWNERS = {GroupVersionKind("", "v1", "Event")}


def validate_object_meta(
    metadata: ObjectMeta, *, requires_namespace: bool, name_validator: NameValidator, path: Path = METADATA
) -> list[FieldError]:
    """Metadata of an object about to be stored, its name generated already."""
    errors: list[FieldError] = []
    if metadata.generate_name:
        generate_name = path.child("generateName")
        messages = name_validator(metadata.generate_name, True)
        errors += [field.invalid(generate_name, metadata.generate_name, message) for message in messages]
    if not metadata.name:
        errors.append(field.required(path.child("name"), "name or generateName is required"))
    else:
        messages = name_validator(metadata.name, False)
        errors += [field.invalid(path.child("name"), metadata.name, message) for message in messages]
    errors += _validate_namespace(metadata.namespace, requires_namespace, path.child("namespace"))
    errors += validate_non_negative(metadata.generation, path.child("generation"))
    return errors + _validate_collections(metadata, metadata.finalizers, path)


def validate_dns_name(metadata: ObjectMeta, path: Path = METADATA) -> list[FieldError]:
    """The name of most kinds: a DNS subdomain. For strategies, whose findings come before those of metadata."""
    return [field.invalid(path.child("name"), metadata.name, text) for text in name_is_dns_subdomain(metadata.name)]


def validate_object_meta_update(metadata: ObjectMeta, old: ObjectMeta, *, path: Path = METADATA) -> list[FieldError]:
    """What must not change between *old* and *metadata*."""
    errors: list[FieldError] = []
    if old.deletion_timestamp is not None:
        errors += validate_no_new_finalizers(metadata.finalizers, old.finalizers, path.child("finalizers"))
    if not metadata.resource_version:
        errors.append(field.invalid(path.child("resourceVersion"), "", "must be specified for an update"))
    if metadata.generation < old.generation:
        errors.append(field.invalid(path.child("generation"), metadata.generation, "must not be decremented"))
    for name, new_value, old_value in (
        ("name", metadata.name, old.name),
        ("namespace", metadata.namespace, old.namespace),
        ("uid", metadata.uid, old.uid),
        ("creationTimestamp", metadata.creation_timestamp, old.creation_timestamp),
        ("deletionTimestamp", metadata.deletion_timestamp, old.deletion_timestamp),
        ("deletionGracePeriodSeconds", metadata.deletion_grace_period_seconds, old.deletion_grace_period_seconds),
    ):
        if new_value != old_value:
            errors += validate_immutable(new_value, old_value, path.child(name))
    return errors + _validate_collections(metadata, [], path)


def _validate_collections(metadata: ObjectMeta, finalizers: list[str], path: Path) -> list[FieldError]:
    errors: list[FieldError] = []
    if metadata.labels:
        errors += validate_labels(metadata.labels, path.child("labels"))
    if metadata.annotations:
        errors += validate_annotations(metadata.annotations, path.child("annotations"))
    if metadata.owner_references:
        errors += validate_owner_references(metadata.owner_references, path.child("ownerReferences"))
    if finalizers:
        errors += validate_finalizers(finalizers, path.child("finalizers"))
    if metadata.managed_fields:
        errors += validate_managed_fields(metadata.managed_fields, path.child("managedFields"))
    return errors


def _validate_namespace(namespace: str, required: bool, path: Path) -> list[FieldError]:
    if not required:
        return [field.forbidden(path, "not allowed on this type")] if namespace else []
    if not namespace:
        return [field.required(path)]
    return [field.invalid(path, namespace, message) for message in name_is_dns_label(namespace)]


def validate_immutable(new: object, old: object, path: Path) -> list[FieldError]:
    """*new* must equal *old*."""
    if new == old:
        return []
    shown = format_time(new) if isinstance(new, dt.datetime) else new
    return [field.invalid(path, shown, FIELD_IS_IMMUTABLE)]


def validate_non_negative(value: int, path: Path) -> list[FieldError]:
    """*value* must be 0 or more."""
    return [] if value >= 0 else [field.invalid(path, value, "must be greater than or equal to 0")]


def validate_annotations(annotations: Mapping[str, str], path: Path) -> list[FieldError]:
    """Keys are label keys in any case; values are free; all together have at most 256 KiB."""
    errors: list[FieldError] = []
    size = 0
    for key, value in annotations.items():
        errors += [field.invalid(path, key, message) for message in qualified_name(key.lower())]
        size += len(key.encode("utf-8", "surrogatepass")) + len(value.encode("utf-8", "surrogatepass"))
    if size > MAX_ANNOTATIONS_BYTES:
        errors.append(field.too_long(path, MAX_ANNOTATIONS_BYTES))
    return errors


def validate_owner_references(references: Sequence[OwnerReference], path: Path) -> list[FieldError]:
    """Every reference is complete, none is to an event, and at most one is the controller. Paths carry no index."""
    errors: list[FieldError] = []
    controller = ""
    for reference in references:
        errors += _validate_owner_reference(reference, path)
        if reference.controller:
            name = f"{reference.kind}/{reference.name}"
            if controller:
                detail = (
                    "Only one reference can have Controller set to true. "
                    f'Found "true" in references for {controller} and {name}'
                )
                errors.append(field.invalid(path, [_owner_reference_json(one) for one in references], detail))
            else:
                controller = name
    return errors


def _validate_owner_reference(reference: OwnerReference, path: Path) -> list[FieldError]:
    errors: list[FieldError] = []
    try:
        kind = GroupVersionKind.parse(reference.api_version, reference.kind)
    except ValueError:
        kind = GroupVersionKind("", "", reference.kind)
    if not kind.version:
        errors.append(field.invalid(path.child("apiVersion"), reference.api_version, "version must not be empty"))
    for name, value in (("kind", reference.kind), ("name", reference.name), ("uid", reference.uid)):
        if not value:
            errors.append(field.invalid(path.child(name), value, "must not be empty"))
    if kind in _BANNED_OWNERS:
        detail = f"{kind} is disallowed from being an owner"
        errors.append(field.invalid(path, _owner_reference_json(reference), detail))
    return errors


def _owner_reference_json(reference: OwnerReference) -> dict[str, object]:
    written: dict[str, object] = {
        "apiVersion": reference.api_version,
        "kind": reference.kind,
        "name": reference.name,
        "uid": reference.uid,
    }
    if reference.controller is not None:
        written["controller"] = reference.controller
    if reference.block_owner_deletion is not None:
        written["blockOwnerDeletion"] = reference.block_owner_deletion
    return written


def validate_finalizers(finalizers: Sequence[str], path: Path) -> list[FieldError]:
    """Finalizers are qualified names, and dependents are orphaned or deleted, not both."""
    errors = [field.invalid(path, name, message) for name in finalizers for message in qualified_name(name)]
    if FINALIZER_ORPHAN_DEPENDENTS in finalizers and FINALIZER_DELETE_DEPENDENTS in finalizers:
        detail = f"finalizer {FINALIZER_ORPHAN_DEPENDENTS} and {FINALIZER_DELETE_DEPENDENTS} cannot be both set"
        errors.append(field.invalid(path, list(finalizers), detail))
    return errors


def validate_no_new_finalizers(new: Iterable[str], old: Iterable[str], path: Path) -> list[FieldError]:
    """An object that is being deleted can only lose finalizers."""
    added = sorted(set(new) - set(old))
    if not added:
        return []
    detail = (
        "no new finalizers can be added if the object is being deleted, "
        f"found new finalizers {string_slice_literal(added)}"
    )
    return [field.forbidden(path, detail)]


def validate_managed_fields(entries: Iterable[ManagedFieldsEntry], path: Path) -> list[FieldError]:
    """Entries of managedFields as far as they can be judged without the type's schema."""
    errors: list[FieldError] = []
    for index, entry in enumerate(entries):
        item = path.index(index)
        if entry.operation not in ("Apply", "Update"):
            errors.append(field.invalid(item.child("operation"), entry.operation, "must be `Apply` or `Update`"))
        if entry.fields_type not in ("", "FieldsV1"):
            errors.append(field.invalid(item.child("fieldsType"), entry.fields_type, "must be `FieldsV1`"))
        errors += validate_field_manager(entry.manager, item.child("manager"))
        if len(entry.subresource.encode("utf-8", "surrogatepass")) > MAX_SUBRESOURCE_BYTES:
            errors.append(field.too_long(item.child("subresource"), MAX_SUBRESOURCE_BYTES))
    return errors
