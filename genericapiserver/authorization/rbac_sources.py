"""Where RBAC objects come from: files of the operator, and informers of a server that serves them."""

import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from genericapiserver.aio.file_watch import file_changes
from genericapiserver.apimachinery.field import aggregate
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import YAML_MEDIA_TYPE, CodecFactory
from genericapiserver.apimachinery.serializer.errors import DecodeError
from genericapiserver.apimachinery.serializer.lines import describe_errors, with_line
from genericapiserver.apis import rbac_v1
from genericapiserver.apis.rbac_v1 import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from genericapiserver.authorization.rbac_index import RBACObjects
from genericapiserver.authorization.rbac_validation import validate_binding, validate_role
from genericapiserver.client.informer import Informer, InformerFactory

logger = logging.getLogger(__name__)

T = TypeVar("T")

SUFFIXES: Final = (".json", ".yaml", ".yml")
_ROOT: Final = f"/apis/{rbac_v1.GROUP_VERSION}"


class RBACFileError(ValueError):
    """A file of roles and bindings cannot be used; the text names the file, the line and what is wrong there."""


class RBACFiles:
    """The objects in *paths*: YAML or JSON files, or folders of them.

    Made from what is there at first, which raises RBACFileError. Later changes count once they can be read: until then
    the objects stay as they were, and the log says why.
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self._paths = tuple(Path(path) for path in paths)
        self._listeners: list[Callable[[], None]] = []
        self._objects = load_rbac_files(self._paths)

    def objects(self) -> RBACObjects:
        return self._objects

    def add_listener(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    async def watch(self) -> None:
        """Read again whenever something changes, until cancelled. A new file in a folder may take some seconds."""
        while True:
            files = _files_or_none(self._paths)
            async with contextlib.aclosing(file_changes(*self._paths, *(files or ()))) as changes:
                async for _ in changes:
                    self._read_again()
                    if _files_or_none(self._paths) != files:
                        break

    def _read_again(self) -> None:
        try:
            objects = load_rbac_files(self._paths)
        except RBACFileError as error:
            logger.error("roles and bindings stay as they were: %s", error)
            return
        if objects != self._objects:
            self._objects = objects
            for listener in self._listeners:
                listener()


def load_rbac_files(paths: Sequence[Path]) -> RBACObjects:
    """Everything in *paths*. Raises RBACFileError for the first thing that is wrong."""
    scheme = Scheme("rbac")
    rbac_v1.add_to_scheme(scheme)
    codec = CodecFactory(scheme)
    found: dict[tuple[str, str, str], tuple[str, Any]] = {}
    for file in _files(paths):
        for line, text in _documents(file):
            where = f"{file}: line {line}"
            obj = _decode(codec, text.encode(), where, line)
            metadata = obj.metadata
            key = (type(obj).__name__, metadata.namespace, metadata.name)
            if key in found:
                raise RBACFileError(f"{where}: metadata.name: {key[0]} {metadata.name!r} is in {found[key][0]}, too")
            found[key] = (where, obj)
    objects = [obj for _, obj in found.values()]
    return RBACObjects(
        roles=_of_type(objects, Role),
        role_bindings=_of_type(objects, RoleBinding),
        cluster_roles=_of_type(objects, ClusterRole),
        cluster_role_bindings=_of_type(objects, ClusterRoleBinding),
    )


def _decode(codec: CodecFactory, document: bytes, where: str, line: int) -> Any:
    """The object in *document*, which begins in *line* of its file, strictly decoded and validated."""
    data = b"\n" * (line - 1) + document  # so that lines in messages are those of the file
    try:
        decoded = codec.decode(data, media_type=YAML_MEDIA_TYPE, strict=True)
    except DecodeError as error:
        raise RBACFileError(f"{where}: {error}") from error
    obj = decoded.object
    if decoded.strict_errors:
        texts = [with_line(" ".join(text.split()), data) for text in decoded.strict_errors]
        raise RBACFileError(f"{where}: {', '.join(texts)}")
    if isinstance(obj, Role | ClusterRole):
        errors = validate_role(obj)
    elif isinstance(obj, RoleBinding | ClusterRoleBinding):
        errors = validate_binding(obj)
    else:
        raise RBACFileError(f"{where}: kind: {decoded.gvk.kind} is no role and no binding")
    if errors:
        raise RBACFileError(f"{where}: {aggregate(describe_errors(errors, data))}")
    if isinstance(obj, ClusterRole) and obj.aggregation_rule is not None:
        raise RBACFileError(f"{where}: aggregationRule: no controller fills in the rules of a file: write them out")
    return obj


def _files(paths: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        try:
            inside = [child for child in path.iterdir() if child.suffix in SUFFIXES] if path.is_dir() else [path]
        except OSError as error:
            raise RBACFileError(f"{path}: {(error.strerror or str(error)).lower()}") from error
        files += sorted(inside)
    return files


def _files_or_none(paths: Iterable[Path]) -> list[Path] | None:
    try:
        return _files(paths)
    except RBACFileError:
        return None


def _documents(file: Path) -> list[tuple[int, str]]:
    """The documents of a file, each with the number of its first line; blank ones are left out."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    except OSError as error:
        raise RBACFileError(f"{file}: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise RBACFileError(f"{file}: not a UTF-8 text: {error.reason}") from error
    documents: list[tuple[int, list[str]]] = [(1, [])]
    for number, line in enumerate(lines, start=1):
        if line.rstrip() == "---" or line.startswith("--- "):
            documents.append((number + 1, []))
        else:
            documents[-1][1].append(line)
    return [
        (number + _leading(text), "".join(text[_leading(text) :]))
        for number, text in documents
        if any(_says_something(line) for line in text)
    ]


def _leading(lines: Sequence[str]) -> int:
    return next((index for index, line in enumerate(lines) if _says_something(line)), 0)


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _of_type(objects: Iterable[Any], cls: type[T]) -> list[T]:
    return [obj for obj in objects if type(obj) is cls]


def rbac_informer(factory: InformerFactory, codec: CodecFactory, resource: str, cls: type[T]) -> Informer[T]:
    """The informer of *resource*, whose objects are of *cls*; all who ask *factory* share it."""
    return factory.informer(f"{_ROOT}/{resource}", lambda raw: codec.from_unstructured(raw, cls)[0])


class RBACInformers:
    """The objects that an API server serves, as the informers of *factory* see them; none before they have listed."""

    def __init__(self, factory: InformerFactory, codec: CodecFactory) -> None:
        self._roles = rbac_informer(factory, codec, "roles", Role)
        self._role_bindings = rbac_informer(factory, codec, "rolebindings", RoleBinding)
        self._cluster_roles = rbac_informer(factory, codec, "clusterroles", ClusterRole)
        self._cluster_role_bindings = rbac_informer(factory, codec, "clusterrolebindings", ClusterRoleBinding)

    def objects(self) -> RBACObjects:
        return RBACObjects(
            roles=list(self._roles),
            role_bindings=list(self._role_bindings),
            cluster_roles=list(self._cluster_roles),
            cluster_role_bindings=list(self._cluster_role_bindings),
        )

    def add_listener(self, listener: Callable[[], None]) -> None:
        for informer in (self._roles, self._role_bindings, self._cluster_roles, self._cluster_role_bindings):
            informer.add_listener(listener)
