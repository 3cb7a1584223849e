"""WorkerOptions: how many processes serve. Not in the reference, whose one process uses every core of the machine."""

from typing import Final

import attrs

from genericapiserver.config import Config
from genericapiserver.options.flags import INT, FlagSet
from genericapiserver.options.storage import FILE, MEMORY, StorageOptions
from genericapiserver.workers import Worker

MOST: Final = 32
"""More processes than this take turns at writing to one file for longer than they work; and each has its own caches."""

_ALONE: Final = {
    MEMORY: "each would have objects of its own",
    FILE: "only one process at a time can have the folder open",
}


@attrs.define(kw_only=True)
class WorkerOptions:
    """*workers* processes behind the same listeners, over one storage; with 1 there is no other process at all."""

    workers: int = 1
    worker: Worker | None = None
    """This process, when a supervisor has started it."""

    def add_flags(self, flags: FlagSet) -> None:
        flags.add(
            "workers",
            INT,
            self,
            "workers",
            "The number of processes that serve requests, all on the same addresses and the same storage. Beside them "
            "runs one that starts, watches and replaces them.",
        )

    @property
    def several(self) -> bool:
        return self.workers > 1

    def validate(self, storage: StorageOptions | None) -> list[str]:
        if not 1 <= self.workers <= MOST:
            return [f"--workers {self.workers} must be between 1 and {MOST}"]
        if self.several and storage is not None and not storage.shareable:
            return [
                f"--workers {self.workers} needs a storage that processes can share, which --storage-backend="
                f"{storage.engine} is not: {_ALONE[storage.engine]}; use sqlite or etcd3, or --workers=1"
            ]
        return []

    def apply_to(self, config: Config, storage: StorageOptions | None) -> None:
        """Before the storage is opened."""
        if storage is not None:
            storage.shared = self.several
        config.worker = self.worker
