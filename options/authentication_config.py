"""--authentication-config: the issuers of tokens, from a file that is read again when it changes.

A changed file counts once every issuer in it has answered; a file with a mistake, or with an issuer that does not answer
within a minute, changes nothing and is logged and counted. Whether requests without credentials are let in is settled at
the start. Source: pkg/kubeapiserver/options/authentication.go of k8s.io/kubernetes.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import attrs

from genericapiserver.aio.file_watch import LOOK_INTERVAL, file_changes
from genericapiserver.apimachinery import field as errors
from genericapiserver.apimachinery.field import Path as FieldPath
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.lines import describe_errors
from genericapiserver.apis import apiserver_config_v1_authentication as api
from genericapiserver.authentication import AuthenticationResponse
from genericapiserver.authentication.jose import ALGORITHMS
from genericapiserver.authentication.oidc.expressions import ClaimExpressions
from genericapiserver.authentication.oidc.issuers import IssuerSet
from genericapiserver.authentication.oidc.metrics import JWTMetrics
from genericapiserver.authentication.oidc.validation import validate_configuration
from genericapiserver.config import Config, ConfigError
from genericapiserver.options.config_file import ConfigFileError, decode_config
from genericapiserver.options.config_metrics import ConfigReloadMetrics
from genericapiserver.options.flags import aggregate
from genericapiserver.options.texts import reason
from genericapiserver.options.token_options import OIDCOptions

logger = logging.getLogger(__name__)

UPDATE_TIMEOUT: Final = 60.0
"""Seconds that the issuers of a new configuration get to answer."""

_HEALTH_INTERVAL: Final = 0.1


@attrs.frozen
class IssuerConfiguration:
    """A valid configuration, what its expressions were compiled to, and the bytes that it was read from."""

    config: api.AuthenticationConfiguration
    expressions: Sequence[ClaimExpressions]
    data: bytes = b""


@cache
def config_scheme() -> Scheme:
    """The kinds that the file may have."""
    scheme = Scheme("authentication-config")
    api.add_to_scheme(scheme)
    return scheme


def parse_configuration(data: bytes, *, disallowed_issuers: Collection[str] = ()) -> IssuerConfiguration:
    """The configuration in *data*. Raises ConfigError, which names fields and lines."""
    try:
        config: api.AuthenticationConfiguration = decode_config(data, config_scheme())
    except ConfigFileError as error:
        raise ConfigError(str(error)) from error
    return check_configuration(config, data, disallowed_issuers=disallowed_issuers)


def check_configuration(
    config: api.AuthenticationConfiguration, data: bytes = b"", *, disallowed_issuers: Collection[str] = ()
) -> IssuerConfiguration:
    """*config*, if it is valid. Raises ConfigError."""
    expressions, found = validate_configuration(config, disallowed_issuers=disallowed_issuers)
    if found:
        raise ConfigError(f"invalid authentication configuration: {aggregate(describe_errors(found, data))}")
    return IssuerConfiguration(config, expressions, data)


class IssuerController:
    """The issuers of the present configuration, as a token authenticator; `run` keeps them, and their keys, current."""

    def __init__(
        self,
        initial: IssuerConfiguration,
        config: Config,
        *,
        file: Path | None = None,
        algorithms: Collection[str] = ALGORITHMS,
        disallowed_issuers: Collection[str] = (),
        update_timeout: float = UPDATE_TIMEOUT,
        look_interval: float = LOOK_INTERVAL,
    ) -> None:
        """Raises ConfigError for authorities that TLS cannot use."""
        self._file = file
        self._algorithms = algorithms
        self._disallowed_issuers = tuple(disallowed_issuers)
        self._update_timeout = update_timeout
        self._look_interval = look_interval
        self._clock = config.clock
        self._jwt_metrics = JWTMetrics(config.metrics, config.api_server_id, lambda: config.clock.now().timestamp())
        self._anonymous = initial.config.anonymous
        self._seen = initial.data
        self._current = self._issuers(initial)
        self._metrics: ConfigReloadMetrics | None = None
        if file is not None:
            self._metrics = ConfigReloadMetrics(config.metrics, "authentication", config.api_server_id, config.clock)
            self._metrics.applied(initial.data)

    @classmethod
    def from_file(cls, file: Path, config: Config, disallowed_issuers: Collection[str] = ()) -> "IssuerController":
        """The issuers of an AuthenticationConfiguration, which may use every algorithm. Raises ConfigError."""
        try:
            initial = parse_configuration(file.read_bytes(), disallowed_issuers=disallowed_issuers)
            return cls(initial, config, file=file, disallowed_issuers=disallowed_issuers)
        except (OSError, ConfigError) as error:
            raise ConfigError(
                f'failed to load authentication configuration from file "{file}": {reason(error)}'
            ) from error

    @classmethod
    def from_flags(
        cls, oidc: OIDCOptions, config: Config, disallowed_issuers: Collection[str] = ()
    ) -> "IssuerController":
        """The issuer of the --oidc-* flags. Raises ConfigError."""
        certificate_authority = ""
        if oidc.ca_file:
            try:
                certificate_authority = Path(oidc.ca_file).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"--oidc-ca-file {oidc.ca_file}: {reason(error)}") from error
            if not certificate_authority.strip():  # which would mean the host's authorities
                raise ConfigError(f"--oidc-ca-file {oidc.ca_file}: the file is empty")
        said = api.AuthenticationConfiguration(jwt=[oidc.authenticator(certificate_authority)])
        initial = check_configuration(said, disallowed_issuers=disallowed_issuers)
        return cls(initial, config, algorithms=oidc.signing_algs, disallowed_issuers=disallowed_issuers)

    @property
    def anonymous(self) -> api.AnonymousAuthConfig | None:
        """What the file said of requests without credentials at the start."""
        return self._anonymous

    async def authenticate_token(self, token: str, audiences: tuple[str, ...] = ()) -> AuthenticationResponse | None:
        return await self._current.authenticate_token(token, audiences)

    async def run(self) -> None:
        """Look after the issuers, and follow the file, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self._current.run())
            if self._file is None or self._metrics is None:
                return  # the group ends with the task in it, which does not end by itself
            async for _ in file_changes(self._file, look_interval=self._look_interval):
                try:
                    changed = await self._changed(self._file)
                    if changed is None:
                        continue
                    running = await self._replace(changed, running, tasks)
                except (ConfigError, OSError) as error:
                    logger.error("%s is not loaded anew, the old configuration stays in use: %s", self._file, error)
                    self._metrics.failed()
                    continue
                logger.info("reloaded authentication config")
                self._metrics.reloaded(changed.data)

    async def _changed(self, file: Path) -> IssuerConfiguration | None:
        """What the file says, if it is new. Raises OSError and ConfigError."""
        data = await asyncio.to_thread(file.read_bytes)
        if data == self._seen:
            return None
        self._seen = data  # what is wrong with it now stays wrong
        found = parse_configuration(data, disallowed_issuers=self._disallowed_issuers)
        if found.config.anonymous != self._anonymous:
            problem = errors.forbidden(FieldPath("anonymous"), "changed from initial configuration file")
            raise ConfigError(f"invalid authentication configuration: {describe_errors([problem], data)[0]}")
        return found

    async def _replace(
        self, configuration: IssuerConfiguration, running: asyncio.Task[None], tasks: asyncio.TaskGroup
    ) -> asyncio.Task[None]:
        """Put the issuers of *configuration* in the place of the present ones. Raises ConfigError if they do not answer."""
        issuers = self._issuers(configuration)
        task = tasks.create_task(issuers.run())
        try:
            async with asyncio.timeout(self._update_timeout):
                await _healthy(issuers)
        except TimeoutError:
            task.cancel()
            self._seen = b""  # it may work the next time
            raise ConfigError(aggregate(issuers.problems)) from None
        old, self._current = self._current, issuers
        old.forget_metrics(old.urls - issuers.urls)
        running.cancel()
        return task

    def _issuers(self, configuration: IssuerConfiguration) -> IssuerSet:
        try:
            return IssuerSet.from_configuration(
                configuration.config,
                configuration.expressions,
                algorithms=self._algorithms,
                clock=self._clock,
                metrics=self._jwt_metrics,
            )
        except ValueError as error:
            raise ConfigError(f"invalid authentication configuration: {error}") from error


async def _healthy(issuers: IssuerSet) -> None:
    while issuers.problems:  # noqa: ASYNC110  issuers answer when they like
        await asyncio.sleep(_HEALTH_INTERVAL)
