"""--encryption-provider-config: how objects are encrypted where they are stored, from a file that may be followed.

A changed file counts as soon as it is valid; one with a mistake changes nothing and is logged and counted. What is logged
never has a key in it. Source: pkg/server/options/encryptionconfig and its controller, of k8s.io/apiserver.
"""

import asyncio
import logging
import stat
from functools import cache
from pathlib import Path
from typing import Final

import attrs

from genericapiserver.aio.file_watch import LOOK_INTERVAL, file_changes
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.lines import describe_errors
from genericapiserver.apis import apiserver_config_v1_encryption as api
from genericapiserver.asgi import Scope
from genericapiserver.authentication.oidc.metrics import hash_label
from genericapiserver.config import Config, ConfigError
from genericapiserver.healthz import named_check
from genericapiserver.hooks import PostStartHookContext
from genericapiserver.logs import kv
from genericapiserver.options.config_file import ConfigFileError, decode_config
from genericapiserver.options.config_metrics import ConfigReloadMetrics
from genericapiserver.options.flags import aggregate
from genericapiserver.options.texts import reason
from genericapiserver.storage.encryption.metrics import TransformationMetrics
from genericapiserver.storage.encryption.resources import DynamicTransformers, EncryptedResources, EncryptionError
from genericapiserver.storage.encryption.validation import validate_encryption

logger = logging.getLogger(__name__)

HOOK_NAME: Final = "start-encryption-provider-config-automatic-reload"
CHECK_NAME: Final = "kms-providers"


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


def _parsed(data: bytes, file: Path, metrics: TransformationMetrics, *, reload: bool) -> LoadedEncryption:
    try:
        config: api.EncryptionConfiguration = decode_config(data, config_scheme())
    except ConfigFileError as error:
        raise ConfigError(
            f'error while parsing file: error decoding encryption provider configuration file "{file}": {reason(error)}'
        ) from None  # the cause may quote what it could not read
    if problems := validate_encryption(config, reload=reload):
        raise ConfigError(f"error while parsing file: {aggregate(describe_errors(problems, data))}")
    try:
        return LoadedEncryption(EncryptedResources(config, metrics), data)
    except EncryptionError as error:
        raise ConfigError(f"error while building transformers: {error}") from error


class EncryptionController:
    """The transformers of *file* for *config*'s server. With *reload* `hook` follows the file."""

    def __init__(
        self, file: Path, config: Config, *, reload: bool = False, look_interval: float = LOOK_INTERVAL
    ) -> None:
        """Raises ConfigError."""
        self._file = file
        self._look_interval = look_interval
        self._transformations = TransformationMetrics(config.metrics)
        loaded = load_encryption_config(file, self._transformations, reload=reload)
        _warn_if_readable(file)
        self._seen = hash_label(loaded.data)
        self.transformers = DynamicTransformers(loaded.transformers)
        self._metrics = ConfigReloadMetrics(config.metrics, "encryption", config.api_server_id, config.clock)
        self._metrics.applied(loaded.data)

    def add_to(self, config: Config) -> None:
        """Have the server of *config* follow the file, and show the check that the reference has then."""
        check = named_check(CHECK_NAME, _nothing_to_check)
        config.healthz_checks.append(check)
        config.readyz_checks.append(check)
        config.add_post_start_hook(HOOK_NAME, self.hook)

    async def hook(self, context: PostStartHookContext) -> None:
        context.spawn(self.run())

    async def run(self) -> None:
        """Follow the file until cancelled."""
        async for _ in file_changes(self._file, look_interval=self._look_interval):
            await self.look()

    async def look(self) -> None:
        """Read the file again, if it is another one than the last time."""
        try:
            data = await asyncio.to_thread(_read, self._file)
            if hash_label(data) == self._seen:
                return
            self._seen = hash_label(data)  # what is wrong with it now stays wrong
            loaded = _parsed(data, self._file, self._transformations, reload=True)
        except ConfigError as error:
            logger.error(
                kv("Encryption config is not loaded anew, the old one stays in use", file=self._file, err=error)
            )
            self._metrics.failed()
            return
        self.transformers.current = loaded.transformers
        self._metrics.reloaded(loaded.data)
        _warn_if_readable(self._file)
        logger.info(kv("Reloaded encryption config", file=self._file, hash=self._seen))


async def _nothing_to_check(scope: Scope) -> None:
    """No provider here is somewhere else."""


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
