"""What is common to everything that hangs below a resource: `<resource>/<name>/<subresource>`."""

from typing import Any

from genericapiserver.registry.generic.store import Store


class Subresource:
    """Base of subresources over *store*: objects of its type, nothing of its own to close.

    Inherit and add the verbs: `get` (see `rest.Getter`), `update` beside it, `create_named` or `connect`.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.object_type: type[Any] = store.object_type

    async def aclose(self) -> None:
        """Nothing to close: the store belongs to the resource."""
