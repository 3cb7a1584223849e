"""From keys to the files of objects and back: `/registry/<group>/<plural>/<namespace>/<name>` is `<group>/<plural>/
<namespace>/<name>.json`, or `.yaml`.

Two keys never share a file, not even on disks that do not tell upper from lower case: what such disks, Windows, or this
program understand differently is written as `%` and two hexadecimal digits, and no name of an object has a `%`. A name that
is too long then is cut, and ends in a hash of the whole.

Source of the layout: tilt-apiserver pkg/storage/filepath/jsonfile_rest.go.
"""

import re
from hashlib import blake2b
from typing import Final
from urllib.parse import unquote_to_bytes

JSON: Final = ".json"
YAML: Final = ".yaml"
SUFFIXES: Final = (JSON, YAML, ".yml")
"""How files end that may be those of objects; what is not JSON is YAML."""
JOURNAL: Final = "journal"
"""The folder beside those of the objects; no folder of objects has this name."""
LONGEST: Final = 240
"""Bytes of a file's name: file systems take 255, and `.edited` has to fit behind it."""
ELSEWHERE: Final = "%other"
"""Where keys are that are not under the prefix. No other folder's name has a `%` without two digits."""

_CUT = 180
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789._-=@+,")
_DEVICE = re.compile(rb"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.DOTALL)


class KeyPaths:
    """Where the objects of a store are whose keys start with *prefix*; *suffix* is how new files end."""

    def __init__(self, prefix: str, suffix: str = JSON) -> None:
        self.suffix = suffix
        self._prefix = b"/" + prefix.strip("/").encode() + b"/" if prefix.strip("/") else b"/"

    def path_of(self, key: bytes, suffix: str = "") -> str:
        """The file of *key*, relative to the folder of the store."""
        return self.stem_of(key) + (suffix or self.suffix)

    def stem_of(self, key: bytes) -> str:
        """The file of *key* without how it ends."""
        folders = []
        if key.startswith(self._prefix):
            rest = key[len(self._prefix) :]
        else:
            folders, rest = [ELSEWHERE], key.removeprefix(b"/")
        *parents, name = rest.split(b"/")
        folders += [_folder(parent) for parent in parents]
        if folders and folders[0] == JOURNAL:
            folders[0] = f"%{ord(JOURNAL[0]):02X}{JOURNAL[1:]}"
        return "/".join([*folders, _shortened(_escaped(name), name, LONGEST - len(JSON))])

    def key_of(self, path: str) -> bytes | None:
        """The key whose file *path* is; None when it is no such file, or one whose name was cut."""
        stem, suffix = split(path)
        if not suffix:
            return None
        folders = stem.split("/")
        prefix = self._prefix
        if folders[0] == ELSEWHERE:
            del folders[0]
            prefix = b"/"
        key = prefix + b"/".join(b"" if each == "%" else unquote_to_bytes(each) for each in folders)
        return key if self.stem_of(key) == stem else None


def split(path: str) -> tuple[str, str]:
    """*path* without how it ends, and that; it is empty for what is no file of an object."""
    for suffix in SUFFIXES:
        if path.endswith(suffix):
            return path.removesuffix(suffix), suffix
    return path, ""


def _folder(name: bytes) -> str:
    escaped = _escaped(name)
    if escaped.endswith((*SUFFIXES, ".")):  # not to be taken for a file; Windows drops a dot at the end
        head, _, tail = escaped.rpartition(".")
        escaped = f"{head}%2E{tail}"
    return _shortened(escaped, name, LONGEST)


def _escaped(name: bytes) -> str:
    if not name:
        return "%"
    escaped = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in name)
    if name.startswith(b".") or _DEVICE.fullmatch(name):  # hidden files are not objects
        escaped = f"%{name[0]:02X}{escaped[1:]}"
    return escaped


def _shortened(escaped: str, name: bytes, longest: int) -> str:
    return f"{escaped[:_CUT]}~{blake2b(name, digest_size=16).hexdigest()}" if len(escaped) > longest else escaped
