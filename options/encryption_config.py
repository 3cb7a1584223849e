"""--encryption-provider-config: how objects are encrypted where they are stored, from a file that may be followed.

A changed file counts as soon as it is valid and its KMS plugins are healthy; one with a mistake changes nothing and is
logged and counted. What is logged never has a key in it. Source: pkg/server/options/encryptionconfig and its controller, of
k8s.io/apiserver.
"""

import asyncio
import contextlib
import logging
import stat
from functools import cache
from pathlib import Path
from typing import Final

import attrs

from genericapiserver.aio import Clock
from genericapiserver.aio.file_watch import LOOK_INTERVAL, file_changes
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.lines import describe_errors
from genericapiserver.apis import apiserver_config_v1_encryption as api
from genericapiserver.asgi import Scope
from genericapiserver.config import Config, ConfigError
from genericapiserver.healthz import named_check
from genericapiserver.hooks import PostStartHookContext
from genericapiserver.logs import kv
from genericapiserver.metrics.labels import hash_label
from genericapiserver.options.config_file import ConfigFileError, decode_config
from genericapiserver.options.config_metrics import ConfigReloadMetrics
from genericapiserver.options.flags import aggregate
from genericapiserver.options.texts import reason
from genericapiserver.storage.encryption.metrics import TransformationMetrics
from genericapiserver.storage.encryption.resources import (
    DynamicTransformers,
    EncryptedResources,
    EncryptionError,
    KMSProvidersError,
)
from genericapiserver.storage.encryption.validation import validate_encryption

logger = logging.getLogger(__name__)

HOOK_NAME: Final = "start-encryption-provider-config-automatic-reload"
CHECK_NAME: Final = "kms-providers"
HEALTHY_WITHIN: Final = 10.0
"""Seconds that the plugins of a new file have to become healthy, or more if their own times allow more."""
HEALTH_INTERVAL: Final = 0.1
FIRST_RETRY: Final = 1.0
LAST_RETRY: Final = 60.0
"""Seconds until a valid file is tried again whose plugins were not healthy; doubled each time."""


@cache
def config_scheme() -> Scheme:
    """The kinds that the file may have."""
    scheme = Scheme("encryption-config")
    api.add_to_scheme(scheme)
    return scheme


@attrs.frozen
class LoadedEncryption:
    """The transformers of a file, and the bytes that they were made from, of which only the hash may be kept."""

    transformers: EncryptedResources
    data: bytes = attrs.field(repr=False)


def load_encryption_config(file: Path, metrics: TransformationMetrics, *, reload: bool) -> LoadedEncryption:
    """Read *file*. Raises ConfigError, which names fields and lines and shows no secret."""
    return _parsed(_read(file), file, metrics, reload=reload)


def _parsed(
    data: bytes, file: Path, metrics: TransformationMetrics, *, reload: bool, clock: Clock | None = None
) -> LoadedEncryption:
    try:
        config: api.EncryptionConfiguration = decode_config(data, config_scheme())
    except ConfigFileError as error:
        raise ConfigError(
            f'error while parsing file: error decoding encryption provider configuration file "{file}": {reason(error)}'
        ) from None  # the cause may quote what it could not read
    if problems := validate_encryption(config, reload=reload):
        raise ConfigError(f"error while parsing file: {aggregate(describe_errors(problems, data))}")
    try:
        return LoadedEncryption(EncryptedResources(config, metrics, clock=clock), data)
    except EncryptionError as error:
        raise ConfigError(f"error while building transformers: {error}") from error


class _UnhealthyError(ConfigError):
    """A valid file whose plugins are not healthy: it may become good without being changed."""


class EncryptionController:
    """The transformers of *file* for *config*'s server: `start` asks their plugins, `add_to` shows their health, and with
    *reload* has the server follow the file. *patience* and *interval* in seconds are those of plugins that are new."""

    def __init__(
        self,
        file: Path,
        config: Config,
        *,
        reload: bool = False,
        look_interval: float = LOOK_INTERVAL,
        patience: float = HEALTHY_WITHIN,
        interval: float = HEALTH_INTERVAL,
        first_retry: float = FIRST_RETRY,
    ) -> None:
        """Raises ConfigError."""
        self._file = file
        self._reload = reload
        self._look_interval = look_interval
        self._patience = patience
        self._interval = interval
        self._first_retry = first_retry
        self._clock = config.clock
        self._transformations = TransformationMetrics(
            config.metrics, api_server_id=config.api_server_id, clock=config.clock
        )
        self._current = self._loaded(_read(file))
        _warn_if_readable(file)
        self._seen = hash_label(self._current.data)
        self.transformers = DynamicTransformers(self._current.transformers)
        self._closing: set[asyncio.Task[None]] = set()
        self._metrics = ConfigReloadMetrics(config.metrics, "encryption", config.api_server_id, config.clock)
        self._metrics.applied(self._current.data)

    def _loaded(self, data: bytes) -> LoadedEncryption:
        return _parsed(data, self._file, self._transformations, reload=self._reload, clock=self._clock)

    # ---- the server's life

    async def start(self) -> None:
        """Ask the plugins for the first time. One that is down is no reason not to start: it may come later."""
        await self._current.transformers.start()

    async def aclose(self) -> None:
        """Leave the plugins alone. Idempotent."""
        for task in self._closing:
            task.cancel()
        if self._closing:
            await asyncio.wait(self._closing)
        await self._current.transformers.aclose()

    def add_to(self, config: Config, *, health: bool = True) -> None:
        """Show the check of the plugins, which there is without any when the file is followed: there may be some later."""
        if health and (self._reload or self._current.transformers.plugins):
            check = named_check(CHECK_NAME, self._check)
            config.healthz_checks.append(check)
            config.readyz_checks.append(check)
        if self._reload:
            config.add_post_start_hook(HOOK_NAME, self.hook)

    async def _check(self, scope: Scope) -> None:
        await self._current.transformers.check()

    # ---- following the file

    async def hook(self, context: PostStartHookContext) -> None:
        context.spawn(self.run())

    async def run(self) -> None:
        """Follow the file until cancelled."""
        changed = asyncio.Event()
        retry = 0.0
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._notice(changed))
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(retry or None):
                        await changed.wait()
                if changed.is_set():
                    changed.clear()
                    retry = 0.0
                good = await self.look()
                retry = 0.0 if good else min(max(2 * retry, self._first_retry), LAST_RETRY)

    async def _notice(self, changed: asyncio.Event) -> None:
        async for _ in file_changes(self._file, look_interval=self._look_interval):
            changed.set()

    async def look(self) -> bool:
        """Read the file again, if it is another one than the last time. False when it is worth while to do so once more
        although it may stay as it is."""
        try:
            data = await asyncio.to_thread(_read, self._file)
            if hash_label(data) == self._seen:
                return True
            self._seen = hash_label(data)  # what is wrong with it now stays wrong
            loaded = await self._healthy(self._loaded(data))
        except ConfigError as error:
            logger.error(
                kv("Encryption config is not loaded anew, the old one stays in use", file=self._file, err=error)
            )
            self._metrics.failed()
            if isinstance(error, _UnhealthyError):
                self._seen = ""
                return False
            return True
        self._replace(loaded)
        _warn_if_readable(self._file)
        logger.info(kv("Reloaded encryption config", file=self._file, hash=self._seen))
        return True

    async def _healthy(self, loaded: LoadedEncryption) -> LoadedEncryption:
        """*loaded*, started, once all its plugins are healthy. Raises _UnhealthyError when that takes too long."""
        transformers = loaded.transformers
        problem: Exception = TimeoutError("no answer")
        try:
            async with asyncio.timeout(max(self._patience, transformers.close_grace)):
                await transformers.start()
                while True:
                    try:
                        await transformers.check()
                    except KMSProvidersError as error:
                        problem = error
                    else:
                        return loaded
                    await asyncio.sleep(self._interval)
        except TimeoutError:
            await transformers.aclose()
            raise _UnhealthyError(f"health check for new transformers failed: {problem}") from None
        except BaseException:
            await transformers.aclose()
            raise

    def _replace(self, loaded: LoadedEncryption) -> None:
        """Have everything use *loaded* from now on; what is under way may end with what it began with."""
        old, self._current = self._current, loaded
        self.transformers.current = loaded.transformers
        self._metrics.reloaded(loaded.data)
        task = asyncio.create_task(_close_later(old.transformers))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _close_later(transformers: EncryptedResources) -> None:
    try:
        await asyncio.sleep(transformers.close_grace)
    finally:
        await transformers.aclose()


def _read(file: Path) -> bytes:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(
            "error while parsing file: error while loading file: error reading encryption provider configuration file "
            f'"{file}": {reason(error)}'
        ) from error
    if not data:
        raise ConfigError(
            "error while parsing file: error while loading file: "
            f'encryption provider configuration file "{file}" is empty'
        )
    return data


def _warn_if_readable(file: Path) -> None:
    try:
        mode = file.stat().st_mode
    except OSError:
        return  # it was there a moment ago; reading it again says what is wrong
    if mode & stat.S_IROTH:
        logger.warning(kv("Everybody on this machine can read the keys: chmod 600 the file", file=file))
