"""What endpoints call on every write: who manages which fields of the object from now on.

Kubernetes' rules around the plain bookkeeping of `updater`, from the outside in (managedfields/internal/fieldmanager.go
and its neighbours): the kind of an applied document is checked; for `kubectl` the last-applied annotation is honoured and
kept up to date; objects that nobody tracks stay so until the first apply, which gives what it finds to
`before-first-apply`; at most ten updaters are kept apart; entries get their times; and fields that the server or the
request's path decides are nobody's.
"""

import datetime as dt
import logging
from collections.abc import Mapping
from typing import Any

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.apimachinery.deepcopy import deep_copy
from genericapiserver.apimachinery.errors import BadRequestError, StatusError
from genericapiserver.apimachinery.managedfields import last_applied
from genericapiserver.apimachinery.managedfields.cap import cap_update_managers
from genericapiserver.apimachinery.managedfields.config import config_kind, declared_managed_fields, read_config
from genericapiserver.apimachinery.managedfields.conflicts import MergeConflict
from genericapiserver.apimachinery.managedfields.converter import VersionConverter
from genericapiserver.apimachinery.managedfields.elements import JSON, make_path
from genericapiserver.apimachinery.managedfields.list_items import ItemError
from genericapiserver.apimachinery.managedfields.managers import (
    APPLY,
    UPDATE,
    Managed,
    ManagedFieldsError,
    ManagerIdentity,
    VersionedSet,
    decode_managed_fields,
    encode_managed_fields,
)
from genericapiserver.apimachinery.managedfields.path_set import PathSet
from genericapiserver.apimachinery.managedfields.typed import TypedValue
from genericapiserver.apimachinery.managedfields.updater import Updater
from genericapiserver.apimachinery.managedfields.validate import ValidationError
from genericapiserver.apimachinery.meta import ManagedFieldsEntry
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.scheme import Scheme, SchemeError
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.apimachinery.serializer.errors import DecodeError

log = logging.getLogger(__name__)

UNKNOWN = "unknown"
BEFORE_FIRST_APPLY = "before-first-apply"
MAX_MANAGER_BYTES = 128

NOBODYS = PathSet.of(
    make_path("apiVersion"),
    make_path("kind"),
    make_path("metadata"),
    *(
        make_path("metadata", name)
        for name in (
            "name",
            "namespace",
            "creationTimestamp",
            "selfLink",
            "uid",
            "clusterName",
            "generation",
            "managedFields",
            "resourceVersion",
        )
    ),
)
"""Paths that no manager owns: they come with the request or from the server."""

# Whoever writes is somebody else than the entry of the same name until it is clear whether it won anything.
_CURRENT = ManagerIdentity("current-operation", "")


class FieldManager:
    """Tracks managers of one kind at one endpoint. *reset_fields* are the paths, per apiVersion, that it resets."""

    def __init__(
        self,
        *,
        scheme: Scheme,
        codec: CodecFactory,
        gvk: GroupVersionKind,
        hub_type: type[Any],
        subresource: str = "",
        reset_fields: Mapping[str, PathSet] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Raises NotRegisteredError when the scheme does not know *gvk*."""
        self.scheme = scheme
        self.gvk = gvk
        self.hub_type = hub_type
        self.subresource = subresource
        self._clock = clock or SystemClock()
        self._converter = VersionConverter(scheme=scheme, codec=codec, gvk=gvk, hub_type=hub_type)
        self._updater = Updater(self._converter, reset_fields or {})
        self._api_version = self._converter.api_version

    # Create, update, patch

    def update(self, live: Any | None, new: Any, manager: str) -> Any:
        """*new*, which is about to replace *live* (None: nothing), with its `managed_fields` set. *new* is changed in place.

        Entries that the client sent are taken as the starting point when they can be read; an empty list stops the
        tracking. Never raises: an object whose managers cannot be worked out is left without.
        """
        if live is None and not new.metadata.managed_fields:
            managed = Managed()
        else:
            managed = self._starting_point(live, new)
        new.metadata.managed_fields = None
        # A reset, or an object that was never tracked: that is how it stays until somebody applies.
        if not managed.sets and live is not None and (live.metadata.uid or live.metadata.name):
            return new
        try:
            before = self._converter.empty if live is None else self._converter.typed(live)
            managed = self._update(before, self._converter.typed(new), managed, manager)
        except (SchemeError, ValueError) as error:
            log.error("Managed fields of a %s could not be updated: %s", self.gvk.kind, error)
            return new
        cap_update_managers(managed)
        new.metadata.managed_fields = encode_managed_fields(managed)
        return new

    def _starting_point(self, live: Any | None, new: Any) -> Managed:
        sent = new.metadata.managed_fields
        if not self.subresource:
            if _asks_for_reset(sent):
                return Managed()
            managed = _decode_or_nothing(sent)
            if managed.sets:
                return managed
        return _decode_or_nothing(live.metadata.managed_fields) if live is not None else Managed()

    def _update(self, live: TypedValue, new: TypedValue, managed: Managed, manager: str) -> Managed:
        sets = self._updater.update(live, new, managed.sets, _CURRENT)
        won = sets.pop(_CURRENT, None)
        paths = won.paths.difference(NOBODYS) if won is not None else None
        if not paths:
            return Managed(sets, managed.times)
        identity = self._identity(manager, UPDATE)
        if identity in sets:
            paths = paths.union(sets[identity].paths)
        sets[identity] = VersionedSet(paths, self._api_version, applied=False)
        return Managed(sets, {**managed.times, identity: self._now()})

    # Apply

    def apply(self, live: Any | None, patch: bytes | dict[str, JSON], manager: str, *, force: bool) -> Any:
        """A new object: *live* (None: nothing) with what *patch* wants, and its `managed_fields` set.

        *patch* is a YAML or JSON document, or one that was parsed. Raises BadRequestError for a document that cannot be
        applied here, ApplyConflictError when other managers' fields would change and *force* does not say to take them,
        and StatusError 500 when the document does not fit the type.
        """
        config = read_config(patch)
        try:
            managed = decode_managed_fields(live.metadata.managed_fields if live is not None else None)
        except ManagedFieldsError as error:
            raise StatusError(f"failed to decode managed fields: {error}") from error
        kind = config_kind(config)
        if kind != self.gvk:
            raise BadRequestError(f"invalid object type: {kind}")
        before = self._live_value(live)
        if not managed.sets:
            managed = self._before_first_apply(before, managed)
        try:
            obj, managed = self._apply_or_take_over(live, before, config, managed, manager, force=force)
        except MergeConflict as conflict:
            raise conflict.to_status_error() from None
        if manager == last_applied.KUBECTL:
            last_applied.refresh(obj, config)
        obj.metadata.managed_fields = encode_managed_fields(managed)
        return obj

    def _live_value(self, live: Any | None) -> TypedValue:
        if live is None:
            return self._converter.empty
        try:
            return self._converter.typed(live)
        except SchemeError as error:
            name = _described(live.metadata.namespace, live.metadata.name, self.gvk)
            raise StatusError(f"failed to convert live object ({name}) to proper version: {error}") from error

    def _before_first_apply(self, live: TypedValue, managed: Managed) -> Managed:
        """Nobody tracked the object so far: what it holds came from somewhere."""
        try:
            return self._update(self._converter.empty, live, managed, BEFORE_FIRST_APPLY)
        except (SchemeError, DecodeError, ItemError) as error:
            raise StatusError(f"failed to create manager for existing fields: {error}") from error

    def _apply_or_take_over(
        self,
        live: Any | None,
        before: TypedValue,
        config: dict[str, JSON],
        managed: Managed,
        manager: str,
        *,
        force: bool,
    ) -> tuple[Any, Managed]:
        try:
            return self._apply(live, before, config, managed, manager, force=force)
        except MergeConflict as conflict:
            if manager != last_applied.KUBECTL or live is None:
                raise
            left = last_applied.uncovered_conflicts(conflict, live, before, self._converter)
            if left is not None:
                raise left from None
        return self._apply(live, before, config, managed, manager, force=True)

    def _apply(
        self,
        live: Any | None,
        before: TypedValue,
        config: dict[str, JSON],
        managed: Managed,
        manager: str,
        *,
        force: bool,
    ) -> tuple[Any, Managed]:
        if declared_managed_fields(config):
            raise BadRequestError("metadata.managedFields must be nil")
        wanted = self._converter.config(config)
        identity = self._identity(manager, APPLY)
        metadata = config.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        name = _described(metadata.get("namespace"), metadata.get("name"), self.gvk)
        try:
            wanted.validate()
        except ValidationError as error:
            raise StatusError(f"failed to create typed patch object ({name}): {error}") from error
        try:
            after, sets = self._updater.apply(before, wanted, managed.sets, identity, force=force)
        except (SchemeError, DecodeError, ItemError) as error:
            raise StatusError(f"failed to merge config: {error}") from error
        own = sets.get(identity)
        if own is not None:
            paths = own.paths.difference(NOBODYS)
            if paths:
                sets[identity] = own._replace(paths=paths)
            else:
                del sets[identity]
        if after is None:
            # Only the ownership may have changed, and that alone is no news.
            unchanged = deep_copy(live) if live is not None else self._to_hub(before, name)
            return unchanged, Managed(sets, managed.times)
        return self._to_hub(after, name), Managed(sets, {**managed.times, identity: self._now()})

    def _to_hub(self, value: TypedValue, name: str) -> Any:
        try:
            obj = self._converter.external(value)
        except DecodeError as error:
            raise StatusError(
                f"failed to convert new object ({name}) to proper version: "
                f"unable to convert unstructured object to {self.gvk}: {error}"
            ) from error
        self.scheme.default(obj)
        try:
            return self.scheme.convert(obj, self.hub_type)
        except SchemeError as error:
            raise StatusError(f"failed to convert to unversioned ({name}): {error}") from error

    # Afterwards

    def keep_times_of_no_change(self, live: Any, new: Any, *, applied: bool = False) -> Any:
        """*new*, with the times of *live*'s entries if nothing but them differs, so that nothing has to be written.

        To be called last, on the object that is about to be stored. After an apply on a kind that is its own hub the
        reference never does so, because what it compares there differs in type; so neither does this.
        """
        if applied and self._converter.external_type is self.hub_type:
            return new
        return keep_times_of_no_change(live, new)

    def _identity(self, manager: str, operation: str) -> ManagerIdentity:
        return ManagerIdentity.of(manager or UNKNOWN, operation, self._api_version, self.subresource)

    def _now(self) -> dt.datetime:
        return self._clock.now().astimezone(dt.UTC).replace(microsecond=0)


def keep_times_of_no_change(live: Any, new: Any) -> Any:
    """*new*, with the times of *live*'s entries if nothing but them differs (fieldmanager's timestamp transformer)."""
    old_entries, entries = live.metadata.managed_fields, new.metadata.managed_fields
    if not old_entries or not entries or len(old_entries) != len(entries) or old_entries == entries:
        return new
    if not all(map(_same_but_time, old_entries, entries)):
        return new
    new.metadata.managed_fields = old_entries
    if new == live:
        new.metadata.managed_fields = deep_copy(live.metadata).managed_fields
    else:
        new.metadata.managed_fields = entries
    return new


def _same_but_time(old: ManagedFieldsEntry, new: ManagedFieldsEntry) -> bool:
    return (
        old.manager == new.manager
        and old.operation == new.operation
        and old.api_version == new.api_version
        and old.subresource == new.subresource
        and old.fields_type == new.fields_type
        and old.fields_v1 == new.fields_v1
    )


def _asks_for_reset(entries: list[ManagedFieldsEntry] | None) -> bool:
    """An explicit empty list, or one entry that says nothing."""
    if entries is None:
        return False
    return not entries or (len(entries) == 1 and entries[0] == ManagedFieldsEntry())


def _decode_or_nothing(entries: list[ManagedFieldsEntry] | None) -> Managed:
    try:
        return decode_managed_fields(entries)
    except ManagedFieldsError:
        return Managed()


def _described(namespace: object, name: object, kind: GroupVersionKind) -> str:
    """What is applied; a name that is no text is none."""
    return f"{namespace if isinstance(namespace, str) else ''}/{name if isinstance(name, str) else ''}; {kind}"


def manager_from(field_manager_option: str, user_agent: str) -> str:
    """Who a write is from: the fieldManager option, else the User-Agent up to its first `/`, else `unknown`.

    Of a User-Agent, characters that do not print are dropped and 128 bytes are kept.
    """
    if field_manager_option:
        return field_manager_option
    kept, size = [], 0
    for character in user_agent.partition("/")[0]:
        if "\ud800" <= character <= "\udfff":
            character = "\ufffd"  # a byte that was no UTF-8
        if not character.isprintable():
            continue
        size += len(character.encode())
        if size > MAX_MANAGER_BYTES:
            break
        kept.append(character)
    return "".join(kept) or UNKNOWN
