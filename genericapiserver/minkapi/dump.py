"""Views from manifests and back: `load` takes over what a cluster has, `save` keeps what a simulation has become.

Both do all or nothing. What is loaded is first stored in a fork that nobody sees, with the checks of every write; only when
all of it is there does it become the view's, in one step.
"""

import asyncio
import errno
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

from genericapiserver.apimachinery.errors import AlreadyExistsError, InvalidError, StatusError
from genericapiserver.apimachinery.schema import GroupVersionKind
from genericapiserver.apimachinery.serializer.errors import DecodeError
from genericapiserver.apimachinery.serializer.yaml import encode_yaml
from genericapiserver.apis import core_v1, events_v1
from genericapiserver.minkapi.access import ViewAccess
from genericapiserver.minkapi.core_events import from_core
from genericapiserver.minkapi.kinds import FURTHER_KINDS, ServedKind
from genericapiserver.minkapi.manifests import STREAM, SUFFIXES, Manifest, ManifestError, read_manifests
from genericapiserver.minkapi.resource_store import ResourceStore
from genericapiserver.minkapi.storage import key_prefix, object_key
from genericapiserver.minkapi.view import View
from genericapiserver.storage.views import ChangedBelowError, ViewEngine

_CORE_EVENT: Final = core_v1.GROUP_VERSION.with_kind("Event")
_EVENT: Final = events_v1.GROUP_VERSION.with_kind("Event")


async def load(access: ViewAccess, view: View, source: Path | str) -> int:
    """Store every object in *source* in *view*, in place of those that are there, and count them.

    Identities (uid, creation time, generation) stay, so that references among them hold; resource versions are new.
    Raises ManifestError, which names file, document and field of everything that is wrong; nothing is stored then.
    """
    manifests = read_manifests(source)
    staging = view.engine.fork()
    try:
        problems: list[str] = []
        for manifest in manifests:
            try:
                await _store(access, staging, manifest)
            except (StatusError, DecodeError, TypeError, ValueError) as error:
                problems += [f"{manifest.place}: {text}" for text in _texts(error)]
        if problems:
            raise ManifestError(problems)
        try:
            staging.commit()
        except ChangedBelowError as error:
            raise ManifestError([f"{source}: {error}; nothing was loaded, try again"]) from error
        return len(manifests)
    finally:
        staging.close()


async def _store(access: ViewAccess, engine: ViewEngine, manifest: Manifest) -> None:
    value = manifest.value
    gvk = GroupVersionKind.parse(value["apiVersion"], value["kind"])
    obj: Any = value
    if gvk == _CORE_EVENT and _CORE_EVENT not in access.api.resources.by_kind:
        event, problems = access.codecs.from_unstructured(value, core_v1.Event, strict=True)
        if problems:
            raise ValueError("; ".join(problems))
        gvk, obj = _EVENT, from_core(event)
    if gvk not in access.api.resources.by_kind:
        further = any(kind.group_version_kind == gvk for kind in FURTHER_KINDS)
        advice = " without --further-kinds (FURTHER_KINDS in a program)" if further else ""
        raise ValueError(f"kind: {gvk.kind} of {gvk.group_version} is not served here{advice}")
    kind_store = access.kind_store(gvk)
    store = ResourceStore(kind_store, engine, access.current, access.codecs, access.watch_config)
    obj = store.own(obj)
    try:
        await store.add(obj)
    except AlreadyExistsError:
        obj.metadata.resource_version = ""  # in place of whatever is there
        if not obj.metadata.uid:
            await store.update(obj)
            return
        # An object with an identity of its own: not a change of the one that is there.
        key = object_key(kind_store.kind, store.name_of(obj))
        there = engine.look(key)
        if there is not None:
            await engine.delete(key, expect_rev=there.mod_rev)
        await store.add(obj)


def _texts(error: Exception) -> list[str]:
    if isinstance(error, InvalidError):
        return [f"{error.kind.kind} {error.name}: {each}" for each in error.errors]
    return [str(error)]


async def save(access: ViewAccess, view: View, target: Path | str) -> int:
    """Write every object that *view* shows to *target*, and count them; what `load` reads.

    A path that ends in .yaml, .yml or .json is one file, `-` is standard output in YAML, anything else a folder with a file
    for each object, which must not be there yet or be empty. Raises OSError, FileExistsError among them, with nothing
    left behind.
    """
    objects = [(kind, value) async for kind, value in _objects(access, view)]
    if str(target) == STREAM:
        sys.stdout.write(_stream(value for _, value in objects).decode())
        return len(objects)
    await asyncio.to_thread(_write_all, Path(target), objects)
    return len(objects)


def _write_all(path: Path, objects: list[tuple[ServedKind, dict[str, Any]]]) -> None:
    """In one step: into a draft beside *path*, which then takes its place."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        if path.suffix in SUFFIXES:
            values = [value for _, value in objects]
            draft.write_bytes(_list(values) if path.suffix == ".json" else _stream(iter(values)))
        else:
            if path.exists() and any(path.iterdir()):
                raise FileExistsError(errno.EEXIST, "the folder holds something already; name another one", str(path))
            draft.mkdir(parents=True)
            for kind, value in objects:
                _write(draft / _place(kind, value), encode_yaml(value))
        draft.replace(path)
    except BaseException:
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)
        raise


async def _objects(access: ViewAccess, view: View) -> AsyncIterator[tuple[ServedKind, dict[str, Any]]]:
    for kind_store in access.kind_stores():
        prefix = key_prefix(kind_store.kind)
        for kv in (await view.engine.range(prefix, prefix[:-1] + b"0")).kvs:
            yield kind_store.kind, _manifest(kv.value)


def _manifest(value: bytes) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(value)
    manifest["metadata"].pop("managedFields", None)
    return manifest


def _stream(values: Iterator[dict[str, Any]]) -> bytes:
    return b"---\n".join(map(encode_yaml, values))


def _list(values: list[dict[str, Any]]) -> bytes:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": values}, indent=2).encode() + b"\n"


def _place(kind: ServedKind, value: dict[str, Any]) -> Path:
    metadata = value["metadata"]
    group = kind.group_version.group
    folder = Path(f"{kind.plural}.{group}" if group else kind.plural)
    namespace: str = metadata.get("namespace", "")
    return folder / namespace / f"{metadata['name']}.yaml"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
