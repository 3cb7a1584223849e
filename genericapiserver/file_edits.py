"""Edits of the files of objects, by hand or by git, as ordinary writes: --storage-file-edits.

The file engine says which files, in JSON or YAML, are not as it has left them; here they become requests to this very
server, so that they are decoded strictly, defaulted, admitted and validated as everybody's writes are. A file that was
changed replaces its object if that is still the one that the file showed; a new file creates an object, if its place agrees
with its kind, namespace and name; a file that is gone deletes one. What is refused is said in the log and at
/debug/object-files, with line and column, and counted, stays as it is, and is tried again.
"""

import asyncio
import contextlib
import json
import logging
import os
import re
from collections.abc import AsyncGenerator, Collection
from typing import Any, Final

import attrs

from genericapiserver.aio import Clock
from genericapiserver.apimachinery.schema import GroupResource, GroupVersion
from genericapiserver.client.rest_mapper import NoMatchError, RESTMapper, RESTMapping
from genericapiserver.client.transport import Response, Transport
from genericapiserver.hooks import PostStartHookContext
from genericapiserver.logs import kv
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.registry.generic.store import default_resource_prefix
from genericapiserver.storage.engine import EngineError
from genericapiserver.storage.files import FileEngine
from genericapiserver.storage.files_disk import EDITED
from genericapiserver.storage.files_objects import Edit
from genericapiserver.storage.files_paths import JOURNAL, JSON, SUFFIXES, split
from genericapiserver.storage.files_reading import FileTextError, parse_file, place_of

logger = logging.getLogger(__name__)

HOOK_NAME: Final = "storage-file-edits"
FIELD_MANAGER: Final = "file"
LOOK_INTERVAL: Final = 10.0
"""Seconds between two looks at all files at least, for file systems that tell of no changes."""
LOOK_SHARE: Final = 0.05
"""Of the time, at most, that is spent on looking at all files: with 100,000 of them it takes a second."""
SETTLE: Final = 0.3
"""Seconds that a file has to stay as it is: editors and git write in several steps."""
PATIENCE: Final = 5.0
"""Seconds that files get to be written before those that others have written are looked for."""
RETRY: Final = (10.0, 600.0)
"""Seconds until an edit that was refused is tried again: at first, and at most."""

_JSON: Final = {"content-type": "application/json"}
_OF_THE_SERVER: Final = (
    "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation",
    "managedFields", "selfLink",
)  # fmt: skip
"""Metadata that is not the writer's: files in git have that of the time when they were committed."""


_KEPT_ASIDE: Final = re.compile(rf"{re.escape(EDITED)}(\.\d+)?$")
_OF_EDITORS: Final = ("~", ".swp", ".swx", ".tmp", ".bak", ".orig", ".rej", "#", "4913")
"""How names end that editors and git use beside a file, which are no news."""
_UNKNOWN: Final = re.compile(r'(?:unknown|duplicate) field "([^"]+)"')


class EditError(Exception):
    """The edit cannot become a write; the text says why."""


class MisplacedError(EditError):
    """The file is not where an object like that belongs, which is *path*."""

    def __init__(self, path: str) -> None:
        super().__init__(f"by its kind, namespace and name it belongs to {path}")
        self.path = path


class TemporaryError(EditError):
    """It may be possible soon, without the file being changed."""


@attrs.frozen
class _Refused:
    """An edit that was refused, and when to try again."""

    edit: Edit
    problem: str
    retry_at: float
    delay: float
    belongs: str = ""
    """Where it would have to be."""


@attrs.frozen
class _Target:
    """What a file is to become."""

    key: bytes
    path: str
    """Of the request."""
    body: dict[str, Any]


class FileEdits:
    """Makes writes of the edits in the folder of *engine*, whose keys start with *prefix*, through *transport*."""

    def __init__(
        self, engine: FileEngine, transport: Transport, *, prefix: str, metrics: MetricsRegistry, clock: Clock
    ) -> None:
        self._engine = engine
        self._transport = transport
        self._prefix = prefix.rstrip("/")
        self._clock = clock
        self._mapper = RESTMapper(transport)
        self._refused: dict[str, _Refused] = {}
        self._look_took = 0.0
        self._count = metrics.gauge(
            "apiserver_storage_object_file_edits_refused",
            "[ALPHA] Number of files that were edited and cannot become objects.",
        )
        self._applied = metrics.counter(
            "apiserver_storage_object_file_edits_total", "[ALPHA] Number of edits of files that became objects."
        )
        self._count.set(0)

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong with which file."""
        return {path: refused.problem for path, refused in self._refused.items()}

    def page(self) -> str:
        """What is wrong now, for people."""
        refused = [f"{path}: {problem}" for path, problem in sorted(self.problems.items())]
        return "\n".join(
            [
                f"{len(refused)} files of {self._engine.folder} cannot become objects",
                *refused,
                f"{len(self._engine.set_aside)} files were kept aside since the start, as others had changed their objects",
                *self._engine.set_aside,
                "",
            ]
        )

    async def hook(self, context: PostStartHookContext) -> None:
        """Take in what was edited while no server ran, then go on until the server stops."""
        await self.apply(None)
        context.spawn(self._follow())

    async def _follow(self) -> None:
        async with contextlib.aclosing(self._changes()) as changes:
            async for paths in changes:
                await self.apply(paths)

    async def _changes(self) -> AsyncGenerator[Collection[str] | None, None]:
        """Files that were touched; None when it is time to look at all of them."""
        from watchfiles import awatch  # here: a server that watches no files need not load it

        root = os.fspath(self._engine.folder)
        looked = self._clock.monotonic()
        while True:
            try:
                async for noticed in awatch(
                    root,
                    watch_filter=lambda _, path: _matters(path.removeprefix(f"{root}{os.sep}")),
                    debounce=200,
                    rust_timeout=int(LOOK_INTERVAL * 1000),
                    yield_on_timeout=True,
                    ignore_permission_denied=True,
                ):
                    paths = [path.removeprefix(f"{root}{os.sep}") for _, path in noticed]
                    late = self._clock.monotonic() - looked >= max(LOOK_INTERVAL, self._look_took / LOOK_SHARE)
                    # In a folder that is new there may have been files before anybody could tell of them.
                    if late or not all(path.endswith(SUFFIXES) for path in paths):
                        looked = self._clock.monotonic()
                        yield None
                    else:
                        yield paths
            except OSError as error:  # too many watches, a folder that may not be read
                logger.debug(
                    kv("Files are looked at from time to time, the system does not tell of changes", err=error)
                )
            await asyncio.sleep(max(LOOK_INTERVAL, self._look_took / LOOK_SHARE))
            yield None

    async def apply(self, paths: Collection[str] | None) -> None:
        """Make writes of what was done to *paths*, or to all files. Raises nothing: what goes wrong is told of."""
        try:
            edits = await self._settled(paths)
        except OSError as error:
            logger.error(kv("The files of objects cannot be looked at", folder=self._engine.folder, err=error))
            return
        self._mapper.reset()
        still = {edit.path for edit in edits}
        for path in [path for path in self._refused if path not in still and (paths is None or path in paths)]:
            del self._refused[path]  # it was put right
        for edit in edits:
            refused = self._refused.get(edit.path)
            if refused is not None and refused.edit == edit and self._clock.monotonic() < refused.retry_at:
                continue
            await self._apply_one(edit)
        self._count.set(len(self._refused))

    async def _settled(self, paths: Collection[str] | None) -> list[Edit]:
        """The edits that stay as they are for a moment: what is made before what is deleted, namespaces before the rest."""
        await self._engine.files_written(patience=PATIENCE)  # a file that waits for its turn is not looked at
        began = self._clock.monotonic()
        edits = await self._engine.find_edits(paths)
        if paths is None:
            self._look_took = self._clock.monotonic() - began
        if not edits:
            return []
        await asyncio.sleep(SETTLE)
        again = await self._engine.find_edits([edit.path for edit in edits])
        settled = [edit for edit in again if edit in edits]
        return sorted(settled, key=lambda edit: (edit.content is None, edit.path.count("/"), edit.path))

    async def _apply_one(self, edit: Edit) -> None:
        try:
            if edit.problem:
                raise EditError(edit.problem)
            if edit.content is None:
                self._require_gone(edit)
                await self._delete(edit)
            else:
                await self._write(edit, edit.content)
        except MisplacedError as error:
            self._refuse(edit, str(error), belongs=error.path)
        except (EditError, EngineError, OSError, NoMatchError) as error:
            self._refuse(edit, " ".join(str(error).split()))
        else:
            self._refused.pop(edit.path, None)

    def _require_gone(self, edit: Edit) -> None:
        """Raises EditError when the object is in a file that has a wrong name: it was renamed, not deleted."""
        for path, refused in self._refused.items():
            if refused.belongs and split(refused.belongs)[0] == split(edit.path)[0]:
                raise EditError(f"its object is in {path} now, which is not its place: rename that file, or delete it")

    def _refuse(self, edit: Edit, problem: str, *, belongs: str = "") -> None:
        before = self._refused.get(edit.path)
        delay = RETRY[0] if before is None or before.edit != edit else min(before.delay * 2, RETRY[1])
        self._refused[edit.path] = _Refused(edit, problem, self._clock.monotonic() + delay, delay, belongs)
        if before is None or before.edit != edit or before.problem != problem:
            logger.warning(
                kv(
                    "The edit of a file cannot become an object: the file stays as it is"
                    if edit.content is not None
                    else "A file is gone whose object is not deleted",
                    file=self._engine.folder / edit.path,
                    problem=problem,
                )
            )

    # ---- changed and new files

    async def _write(self, edit: Edit, content: bytes) -> None:
        """Raises EditError, EngineError, NoMatchError, OSError."""
        target = await self._target(edit, _parsed(content, split(edit.path)[1]))
        if not await self._engine.accept(edit, target.key):
            return  # it has changed again, which is noticed
        try:
            method = "POST" if edit.key is None else "PUT"
            response = await self._transport.request(
                method,
                target.path,
                query={"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"},
                headers=_JSON,
                body=json.dumps(target.body).encode(),
            )
            _raise_for(response, content)
        except BaseException:
            await self._engine.withdraw(edit, target.key)
            raise
        self._applied.inc()
        version = json.loads(response.body)["metadata"]["resourceVersion"]
        what = "created" if edit.key is None else "updated"
        if version == str(edit.shown_rev):
            what = "unchanged"
            self._engine.show_again(target.key)
        logger.info(kv("The edit of a file was taken in", file=edit.path, object=what, resourceVersion=version))

    async def _target(self, edit: Edit, body: dict[str, Any]) -> _Target:
        mapping = await self._mapping(body)
        metadata = dict(body["metadata"])
        name, namespace = str(metadata.get("name") or ""), str(metadata.get("namespace") or "")
        if not name:
            raise EditError("metadata.name is missing")
        if mapping.namespaced != bool(namespace):
            raise EditError(
                "metadata.namespace is missing"
                if mapping.namespaced
                else "metadata.namespace: objects of this kind have none"
            )
        resource = mapping.resource
        place = [default_resource_prefix(GroupResource(resource.group, resource.resource)), namespace, name]
        key = (self._prefix + "/".join(part for part in place if part)).encode()
        if not self._engine.belongs_at(key, edit.path):
            raise MisplacedError(self._engine.path_of(key))
        for field in _OF_THE_SERVER:
            metadata.pop(field, None)
        path = mapping.path(namespace)
        if edit.key is not None:
            metadata["resourceVersion"] = str(edit.shown_rev)
            path = f"{path}/{name}"
        return _Target(key, path, {**body, "metadata": metadata})

    async def _mapping(self, body: dict[str, Any]) -> RESTMapping:
        try:
            version = GroupVersion.parse(body["apiVersion"])
            return await self._mapper.mapping_for(version.with_kind(body["kind"]))
        except ValueError as error:
            raise EditError(f"apiVersion: {error}") from error

    # ---- files that are gone

    async def _delete(self, edit: Edit) -> None:
        """Raises EditError, EngineError, NoMatchError, OSError."""
        assert edit.key is not None
        await self._engine.check()  # a folder that is gone as a whole deletes nothing
        stored = (await self._engine.get(edit.key)).kv
        if stored is None:
            return
        try:
            try:
                body = _parsed(stored.value, JSON)
            except EditError as error:
                raise EditError("its object is encrypted, or not JSON: delete it with a client") from error
            mapping = await self._mapping(body)
            metadata = body["metadata"]
            path = f"{mapping.path(metadata.get('namespace') or '')}/{metadata['name']}"
            options = {
                "kind": "DeleteOptions",
                "apiVersion": "v1",
                "preconditions": {"resourceVersion": str(edit.shown_rev)},
            }
            response = await self._transport.request("DELETE", path, headers=_JSON, body=json.dumps(options).encode())
            if response.status != 404:
                _raise_for(response)
        except TemporaryError:
            raise
        except (EditError, NoMatchError):
            self._engine.show_again(edit.key)
            raise
        self._applied.inc()
        if (await self._engine.get(edit.key)).kv is not None:  # it has finalizers
            self._engine.show_again(edit.key)
        logger.info(kv("The object of a file that was deleted was deleted", file=edit.path))


def _matters(path: str) -> bool:
    """Whether *path* may be the file of an object, or a folder of such files."""
    return (
        _KEPT_ASIDE.search(path) is None
        and not path.endswith(_OF_EDITORS)
        and not path.startswith(f"{JOURNAL}{os.sep}")
        and not any(part.startswith(".") for part in path.split(os.sep))
    )


def _parsed(content: bytes, suffix: str) -> dict[str, Any]:
    """Raises EditError unless *content* has what every object has."""
    try:
        body = parse_file(content, suffix)
    except FileTextError as error:
        raise EditError(_at((error.line, error.column)) + error.problem) from error
    if not isinstance(body, dict) or not isinstance(body.get("metadata"), dict):
        raise EditError("it is no object with metadata")
    for field in ("apiVersion", "kind"):
        if not isinstance(body.get(field), str) or not body[field]:
            raise EditError(f"{field} is missing")
    return body


def _at(place: tuple[int, int]) -> str:
    line, column = place
    return f"line {line}, column {column}: " if column else f"line {line}: " if line else ""


def _raise_for(response: Response, content: bytes = b"") -> None:
    """Raises EditError with what the server says and where in *content* that is, unless *response* is a success."""
    if response.status < 300:
        return
    where = ""
    try:
        status = json.loads(response.body)
        message = status["message"]
        fields = [cause.get("field", "") for cause in (status.get("details") or {}).get("causes") or ()]
        fields += _UNKNOWN.findall(message)
        where = next((_at(place) for field in fields if (place := place_of(content, field)) != (0, 0)), "")
    except (ValueError, KeyError, TypeError, AttributeError):
        message = f"the server answered {response.status}"
    raise (TemporaryError if response.status == 429 or response.status >= 500 else EditError)(where + str(message))
