"""`genericapiserver storage rewrite`: what an old key has encrypted is written again with the new one."""

from collections.abc import Sequence
from pathlib import Path

import attrs

from genericapiserver.metrics import MetricsRegistry
from genericapiserver.options.encryption_config import load_encryption_config
from genericapiserver.options.flags import BOOL, STRING, FlagSet
from genericapiserver.options.storage import FILE, SQLITE
from genericapiserver.options.storage_place import Place, say, shows_progress
from genericapiserver.storage.encryption.metrics import TransformationMetrics
from genericapiserver.storage.engine import EngineOpenError
from genericapiserver.storage.factory import StorageConfig, open_engine
from genericapiserver.storage.files_paths import JOURNAL
from genericapiserver.storage.tools.rewriting import Rewriter, Rewritten

SHOWN = 10
"""Objects of which it is said why they could not be rewritten."""


@attrs.define
class Rewrite:
    """`rewrite`."""

    usage = "rewrite --encryption-provider-config FILE [RESOURCE...]"
    summary = (
        "Writes again what is stored with an old key, by another provider, or plain where it should be encrypted; all "
        "objects, or those of the resources that are named."
    )
    place: Place = attrs.field(factory=Place)
    config: str = ""
    dry_run: bool = False

    def add_flags(self, flags: FlagSet) -> None:
        self.place.add_flags(flags)
        flags.add(
            "encryption-provider-config",
            STRING,
            self,
            "config",
            "The file that the server of this store has: its first provider writes.",
        )
        flags.add("dry-run", BOOL, self, "dry_run", "Say how many objects there are to write, and write none.")

    def problems(self, arguments: Sequence[str]) -> list[str]:
        missing = "--encryption-provider-config is missing: the file with the keys, which the server of this store has"
        return [*([] if self.config else [missing]), *self.place.problems()]

    async def run(self, arguments: Sequence[str]) -> int:
        loaded = load_encryption_config(Path(self.config), TransformationMetrics(MetricsRegistry()), reload=False)
        transformers = loaded.transformers
        config = _existing(self.place.config)
        engine = await open_engine(config)
        try:
            await transformers.start()
            rewriter = Rewriter(
                engine,
                transformers,
                prefix=self.place.options.prefix,
                resources=arguments,
                dry_run=self.dry_run,
            )
            done = await rewriter.run(shows_progress("looked at"))
        finally:
            await transformers.aclose()
            await engine.aclose()
        return self._tell(done, arguments)

    def _tell(self, done: Rewritten, arguments: Sequence[str]) -> int:
        verb = "to be written again" if self.dry_run else "written again"
        for resource, number in sorted(done.looked_at.items()):
            say(f"{resource}: {done.rewritten[resource]} of {number} {verb}")
        found = {name for resource in done.looked_at for name in (resource.resource, str(resource))}
        for name in arguments:
            if name not in found:
                say(f"{name}: there are no objects of it that can be read")
        for key, problem in done.problems[:SHOWN]:
            say(f"{key}: left as it is: {problem}")
        if len(done.problems) > SHOWN:
            say(f"and {len(done.problems) - SHOWN} more")
        total, left = done.looked_at.total(), len(done.problems)
        say(f"{done.rewritten.total()} of {total + left} objects {verb}" + (f", {left} cannot be" if left else ""))
        return 1 if left else 0


def _existing(config: StorageConfig) -> StorageConfig:
    """How to open the store that *config* names beside a server that shares it. Raises EngineOpenError when there is
    none: opening it would make one."""
    path = Path(config.path)
    if config.type == FILE and not (path / JOURNAL).is_dir():
        raise EngineOpenError(config.path, "there is no store in it", "Say with --storage-path where the store is")
    if config.type == SQLITE:
        if not path.is_file():
            raise EngineOpenError(config.path, "there is no such file", "Say with --storage-path where the store is")
        return attrs.evolve(config, shared=True)
    return config
