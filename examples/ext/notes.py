"""Notes in namespaces: a storage of registry.rest, with columns of its own, made with the helpers."""

from typing import Any

from examples.ext.objects import Objects
from examples.ext.types import GROUP_VERSION, Note, NoteList
from genericapiserver.aio import KeyedLocks
from genericapiserver.apimachinery.errors import AlreadyExistsError, NotFoundError
from genericapiserver.apimachinery.meta import (
    CreateOptions,
    DeleteOptions,
    GetOptions,
    ListMeta,
    Table,
    TableColumnDefinition,
    TableOptions,
    UpdateOptions,
)
from genericapiserver.apimachinery.meta.internal import ListOptions
from genericapiserver.apimachinery.schema import GroupKind, GroupResource, GroupVersion, GroupVersionKind
from genericapiserver.ext import (
    EventStream,
    check_name,
    convert_list_options,
    convert_to_table,
    create_or_update,
    selector,
)
from genericapiserver.registry.rest import DeleteResult, UpdatedObjectInfo, UpdateResult, ValidateObject
from genericapiserver.request import RequestContext

NOTES = GroupResource(GROUP_VERSION.group, "notes")
COLUMNS = [
    TableColumnDefinition(name="Name", type="string", format="name"),
    TableColumnDefinition(name="Text", type="string"),
]


class NoteStorage:
    """Every verb but deletecollection."""

    object_type, list_type = Note, NoteList
    namespace_scoped = True
    singular_name = "note"
    short_names = ("no",)

    def __init__(self) -> None:
        self._notes = Objects(Note)
        self._locks = KeyedLocks()

    async def aclose(self) -> None: ...

    def group_version_kind(self, containing: GroupVersion) -> GroupVersionKind:
        return GROUP_VERSION.with_kind("Note")

    async def get(self, context: RequestContext, name: str, options: GetOptions) -> Note:
        note = self._notes.get(name, context.namespace)
        if note is None:
            raise NotFoundError(NOTES, name)
        return note

    async def list(self, context: RequestContext, options: ListOptions) -> Any:
        selects = selector(convert_list_options(options))
        return NoteList(
            metadata=ListMeta(resource_version=self._notes.log.resource_version),
            items=self._notes.select(lambda note: selects(note) and _in(context.namespace, note)),
        )

    async def watch(self, context: RequestContext, options: ListOptions) -> EventStream:
        events = self._notes.log.watch(
            convert_list_options(options), self._notes.select, visible=lambda note: _in(context.namespace, note)
        )
        return EventStream(events, Note)

    async def create(
        self, context: RequestContext, obj: Note, *, validate: ValidateObject | None, options: CreateOptions
    ) -> Note:
        check_name(obj.metadata, GroupKind(GROUP_VERSION.group, "Note"))
        if validate is not None:
            await validate(obj)
        return await self._create(context, obj, options)

    async def update(self, context: RequestContext, name: str, info: UpdatedObjectInfo, **how: Any) -> UpdateResult:
        async with self._locks(context.namespace, name):
            return await create_or_update(
                context, name, info, object_type=Note, get=self.get, create=self._create, update=self._update, **how
            )

    async def delete(
        self, context: RequestContext, name: str, *, validate: ValidateObject | None, options: DeleteOptions | None
    ) -> DeleteResult:
        async with self._locks(context.namespace, name):
            note = await self.get(context, name, GetOptions())
            if validate is not None:
                await validate(note)
            if options is None or not options.dry_run:
                self._notes.remove(note)
        return DeleteResult(object=note, immediate=True)

    def convert_to_table(self, context: RequestContext, obj: Any, options: TableOptions | None) -> Table:
        return convert_to_table(
            context,
            obj,
            options,
            resource=NOTES,
            object_type=Note,
            columns=COLUMNS,
            cells=lambda note: [note.metadata.name, note.spec.text],
        )

    async def _create(self, context: RequestContext, obj: Note, options: CreateOptions) -> Note:
        if obj.metadata.name and self._notes.get(obj.metadata.name, obj.metadata.namespace) is not None:
            raise AlreadyExistsError(NOTES, obj.metadata.name)
        return obj if options.dry_run else self._notes.add(obj)

    async def _update(self, context: RequestContext, obj: Note, options: UpdateOptions) -> Note:
        return obj if options.dry_run else self._notes.replace(obj)


def _in(namespace: str, note: Note) -> bool:
    """Whether *note* is in *namespace*; everything is in none."""
    return namespace in ("", note.metadata.namespace)
