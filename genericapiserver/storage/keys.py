"""From the keys of a resource to the keys of an engine (k8s.io/apiserver pkg/storage/util.go, pkg/storage/etcd3/store.go).

The registry speaks of `/flunders/default/one`. The engine has `/registry/flunders/default/one`: the same below the prefix
of the whole store.
"""

import posixpath

from genericapiserver.apimachinery.go import quote
from genericapiserver.storage.engine import prefix_end
from genericapiserver.storage.errors import InvalidKeyError


class KeySpace:
    """The keys of one resource. *prefix* is that of the whole store, *resource_prefix* starts with a slash.

    Raises ValueError for a resource prefix that could reach other resources.
    """

    def __init__(self, prefix: str, resource_prefix: str) -> None:
        if not resource_prefix:
            raise ValueError("resourcePrefix cannot be empty")
        if resource_prefix == "/":
            raise ValueError("resourcePrefix cannot be /")
        if not resource_prefix.startswith("/"):
            raise ValueError("resourcePrefix needs to start from /")
        cleaned = posixpath.normpath(f"/{prefix}").lstrip("/")
        self.prefix = f"/{cleaned}/" if cleaned and cleaned != "." else "/"
        self.resource_prefix = resource_prefix if resource_prefix.endswith("/") else f"{resource_prefix}/"
        self._cut = len(self.prefix) - 1

    def prepare(self, key: str, *, recursive: bool = False) -> str:
        """*key* as it is used from here on, with a slash at its end when *recursive*. Raises InvalidKeyError."""
        if "." in key and any(segment in (".", "..") for segment in key.split("/")):
            raise InvalidKeyError(f"invalid key: {quote(key)}")
        if key in ("", "/"):
            raise InvalidKeyError(f"empty key: {quote(key)}")
        if recursive and not key.endswith("/"):
            key += "/"
        if not key.startswith(self.resource_prefix):
            raise InvalidKeyError(f"invalid key: {quote(key)} lacks resource prefix: {quote(self.resource_prefix)}")
        return key

    def full(self, key: str) -> str:
        """The key in the engine, as text (errors and continue tokens name it)."""
        return self.prefix + key[1:]

    def engine_key(self, key: str) -> bytes:
        return (self.prefix + key[1:]).encode(errors="surrogateescape")

    def from_engine(self, key: bytes) -> str:
        """The resource's own key again."""
        return key[self._cut :].decode(errors="surrogateescape")

    def from_full(self, key: str) -> str:
        """The resource's own key of a full one."""
        return key[self._cut :]

    @property
    def engine_prefix(self) -> bytes:
        """Everything of this resource starts so."""
        return self.engine_key(self.resource_prefix)

    @property
    def engine_end(self) -> bytes:
        return prefix_end(self.engine_prefix)
