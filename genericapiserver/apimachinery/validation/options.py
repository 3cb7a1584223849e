"""Options of requests (k8s.io/apimachinery pkg/apis/meta/v1/validation, pkg/apis/meta/internalversion/validation).

Each function returns all that is wrong; `invalid_options` makes the 422 of it that the reference answers with.
"""

from collections.abc import Iterable, Sequence

from genericapiserver.apimachinery import field
from genericapiserver.apimachinery.errors import InvalidError
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.meta import (
    DELETE_BACKGROUND,
    DELETE_FOREGROUND,
    DELETE_ORPHAN,
    DRY_RUN_ALL,
    FIELD_VALIDATION_IGNORE,
    FIELD_VALIDATION_STRICT,
    FIELD_VALIDATION_WARN,
    GROUP_VERSION,
    INCLUDE_METADATA,
    INCLUDE_NONE,
    INCLUDE_OBJECT,
    RESOURCE_VERSION_MATCH_EXACT,
    RESOURCE_VERSION_MATCH_NOT_OLDER_THAN,
    CreateOptions,
    DeleteOptions,
    PatchOptions,
    TableOptions,
    UpdateOptions,
)
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.schema import GroupKind

MAX_FIELD_MANAGER_BYTES = 128

_FIELD_VALIDATIONS = sorted(("", FIELD_VALIDATION_IGNORE, FIELD_VALIDATION_STRICT, FIELD_VALIDATION_WARN))
_PROPAGATION_POLICIES = (DELETE_FOREGROUND, DELETE_BACKGROUND, DELETE_ORPHAN)
_MATCHES = (RESOURCE_VERSION_MATCH_EXACT, RESOURCE_VERSION_MATCH_NOT_OLDER_THAN)
_INCLUDE_OBJECTS = ("", INCLUDE_METADATA, INCLUDE_NONE, INCLUDE_OBJECT)
_MATCH_PATH = Path("resourceVersionMatch")


def invalid_options(kind: str, errors: Iterable[FieldError]) -> InvalidError:
    """The answer to bad options: `<kind>.meta.k8s.io "" is invalid: ...`."""
    return InvalidError(GroupKind(GROUP_VERSION.group, kind), "", errors)


def validate_list_options(options: ListOptions, *, watch_list: bool = True) -> list[FieldError]:
    """Options of a list or, when `options.watch` is set, of a watch. Defaults must have been set before.

    `watch_list` is the feature that lets watches begin with what exists.
    """
    if options.watch:
        return _validate_watch_options(options, watch_list)
    errors: list[FieldError] = []
    match = options.resource_version_match
    if match:
        if not options.resource_version:
            detail = "resourceVersionMatch is forbidden unless resourceVersion is provided"
            errors.append(field.forbidden(_MATCH_PATH, detail))
        if options.continue_token:
            detail = "resourceVersionMatch is forbidden when continue is provided"
            errors.append(field.forbidden(_MATCH_PATH, detail))
        if match not in _MATCHES:
            errors.append(field.not_supported(_MATCH_PATH, match, (*_MATCHES, "")))
        if match == RESOURCE_VERSION_MATCH_EXACT and options.resource_version == "0":
            detail = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            errors.append(field.forbidden(_MATCH_PATH, detail))
    if options.send_initial_events is not None:
        errors.append(field.forbidden(Path("sendInitialEvents"), "sendInitialEvents is forbidden for list"))
    return errors


def _validate_watch_options(options: ListOptions, watch_list: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    match = options.resource_version_match
    not_older_than = RESOURCE_VERSION_MATCH_NOT_OLDER_THAN
    if options.send_initial_events is not None:
        if match != not_older_than:
            detail = f"sendInitialEvents requires setting resourceVersionMatch to {not_older_than}"
            errors.append(field.forbidden(_MATCH_PATH, detail))
        if not watch_list:
            detail = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
            errors.append(field.forbidden(Path("sendInitialEvents"), detail))
    if match:
        if options.send_initial_events is None:
            detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            errors.append(field.forbidden(_MATCH_PATH, detail))
        if match != not_older_than:
            errors.append(field.not_supported(_MATCH_PATH, match, [not_older_than]))
        if options.continue_token:
            detail = "resourceVersionMatch is forbidden when continue is provided"
            errors.append(field.forbidden(_MATCH_PATH, detail))
    return errors


def validate_create_options(options: CreateOptions) -> list[FieldError]:
    """Options of a POST."""
    return _validate_write(options.field_manager, options.dry_run, options.field_validation)


def validate_update_options(options: UpdateOptions) -> list[FieldError]:
    """Options of a PUT."""
    return _validate_write(options.field_manager, options.dry_run, options.field_validation)


def validate_patch_options(options: PatchOptions, *, apply: bool) -> list[FieldError]:
    """Options of a PATCH; *apply* says that it is server-side apply."""
    errors: list[FieldError] = []
    if apply:
        if not options.field_manager:
            errors.append(field.required(Path("fieldManager"), "is required for apply patch"))
    elif options.force is not None:
        errors.append(field.forbidden(Path("force"), "may not be specified for non-apply patch"))
    return errors + _validate_write(options.field_manager, options.dry_run, options.field_validation)


def validate_delete_options(options: DeleteOptions) -> list[FieldError]:
    """Options of a DELETE, wherever they came from."""
    errors: list[FieldError] = []
    policy = options.propagation_policy
    path = Path("propagationPolicy")
    if policy is not None:
        if options.orphan_dependents is not None:
            errors.append(field.invalid(path, policy, "orphanDependents and deletionPropagation cannot be both set"))
        if policy not in _PROPAGATION_POLICIES:
            errors.append(field.not_supported(path, policy, (*_PROPAGATION_POLICIES, "nil")))
    errors += validate_dry_run(options.dry_run)
    if options.ignore_store_read_error_with_cluster_breaking_potential:
        errors += _validate_unsafe_delete(options)
    return errors


def _validate_unsafe_delete(options: DeleteOptions) -> list[FieldError]:
    path = Path("ignoreStoreReadErrorWithClusterBreakingPotential")
    others = (
        ("dryRun", bool(options.dry_run)),
        ("propagationPolicy", options.propagation_policy is not None),
        ("orphanDependents", options.orphan_dependents is not None),
        ("gracePeriodSeconds", options.grace_period_seconds is not None),
        ("preconditions", options.preconditions is not None),
    )
    return [field.invalid(path, True, f"cannot be set together with .{name}") for name, is_set in others if is_set]


def validate_table_options(options: TableOptions) -> list[FieldError]:
    """Options of a request for a Table."""
    if options.include_object in _INCLUDE_OBJECTS:
        return []
    detail = "must be 'Metadata', 'Object', 'None', or empty"
    return [field.invalid(Path("includeObject"), options.include_object, detail)]


def _validate_write(field_manager: str, dry_run: Sequence[str], field_validation: str) -> list[FieldError]:
    errors = validate_field_manager(field_manager, Path("fieldManager")) if field_manager else []
    if dry_run:
        errors += validate_dry_run(dry_run)
    if field_validation not in _FIELD_VALIDATIONS:
        errors.append(field.not_supported(Path("fieldValidation"), field_validation, _FIELD_VALIDATIONS))
    return errors


def validate_dry_run(dry_run: Sequence[str], path: Path | None = None) -> list[FieldError]:
    """Only `All` can be tried without being done."""
    if all(stage == DRY_RUN_ALL for stage in dry_run):
        return []
    return [field.not_supported(path or Path("dryRun"), list(dry_run), [DRY_RUN_ALL])]


def validate_field_manager(manager: str, path: Path) -> list[FieldError]:
    """A manager's name has at most 128 bytes and only printable characters; positions count bytes."""
    if manager.isascii() and manager.isprintable():
        return [] if len(manager) <= MAX_FIELD_MANAGER_BYTES else [field.too_long(path, MAX_FIELD_MANAGER_BYTES)]
    errors: list[FieldError] = []
    if len(manager.encode("utf-8", "surrogatepass")) > MAX_FIELD_MANAGER_BYTES:
        errors.append(field.too_long(path, MAX_FIELD_MANAGER_BYTES))
    position = 0
    for character in manager:
        if not character.isprintable():
            detail = f"invalid character U+{ord(character):04X} (at position {position})"
            errors.append(field.invalid(path, manager, detail))
        position += len(character.encode("utf-8", "surrogatepass"))
    return errors
