"""Encryption with a key management service: KMS v2.

This server makes a seed, has the service encrypt ("wrap") it once, and writes with it from then on; each value is stored
with the wrapped seed, so that any server whose service knows the key can read it. So a write needs nobody, and a read
somebody only for a seed that was not seen before.

The service is asked for its status once a minute, every ten seconds while it fails, and by health checks. Each good answer
lets the seed write for three more minutes; one with another key makes a new seed, which takes over if the service has
wrapped it with the very key that its status has named. Reading goes on whatever the status says.

Deviations: a server whose service has never been healthy tries to read all the same; expiry does not follow the wall
clock, which may jump.

Source: k8s.io/apiserver pkg/server/options/encryptionconfig/config.go (kmsv2PluginProbe) and
pkg/storage/value/encrypt/envelope/kmsv2/envelope.go.
"""

import asyncio
import datetime as dt
import logging
import os
import uuid
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final

import attrs

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.apimachinery.field import aggregate
from genericapiserver.apimachinery.go import quote
from genericapiserver.logs import kv
from genericapiserver.metrics.labels import hash_label
from genericapiserver.storage.encryption.ciphers import AES_KEY_SIZES, AESGCMTransformer, DecryptionError, Random
from genericapiserver.storage.encryption.envelope_metrics import EnvelopeMetrics
from genericapiserver.storage.encryption.kms_service import KMSCallError, KMSService, KMSStatus
from genericapiserver.storage.encryption.metrics import FROM_STORAGE, TO_STORAGE
from genericapiserver.storage.encryption.seed_cache import SeedCache
from genericapiserver.storage.encryption.seeds import SEED_SIZE, SeedTransformer
from genericapiserver.storage.encryption.wrapped import SEED, WrappedSeed, decode, key_id_problem
from genericapiserver.storage.transformer import Transformer

logger = logging.getLogger(__name__)

VERSIONS: Final = ("v2", "v2beta1")
POLL: Final = 60.0
POLL_WHILE_FAILING: Final = 10.0
WRITES_FOR: Final = 180.0
HEALTHY_FOR: Final = 20.0
UNHEALTHY_FOR: Final = 3.0
"""For so many seconds the outcome of a check is told again."""
_NEVER: Final = dt.datetime(1, 1, 1, tzinfo=dt.UTC)

Sleep = Callable[[float], Awaitable[None]]


class KMSUnhealthyError(Exception):
    """The service cannot be relied on; the text says why."""


@attrs.frozen(kw_only=True)
class _WriteSeed:
    """What is written with, until *expires* (monotonic; *expires_at* tells people)."""

    transformer: SeedTransformer
    wrapped: WrappedSeed
    identity: bytes
    expires: float
    expires_at: dt.datetime


class KMSPlugin:
    """A transformer by way of *service*, which the configuration calls *name*. `start` it; it ends with `aclose`."""

    def __init__(
        self,
        name: str,
        service: KMSService,
        *,
        metrics: EnvelopeMetrics,
        clock: Clock | None = None,
        random: Random = os.urandom,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.name = name
        self._service = service
        self._metrics = metrics
        self._clock = clock or SystemClock()
        self._random = random
        self._sleep = sleep
        self._seeds = SeedCache(self._clock, sized=lambda size: metrics.knows(name, size))
        self._write: _WriteSeed | None = None
        self._version = ""
        self._checking = asyncio.Lock()
        self._checked_until = 0.0
        self._problem: KMSUnhealthyError | None = KMSUnhealthyError("it was not asked yet")
        self._polling: asyncio.Task[None] | None = None

    # ---- transforming

    def from_storage(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        wrapped, encrypted = decode(data)
        transformer = self._seeds.get(wrapped.identity, lambda: self._decrypted(wrapped))
        self._metrics.used(FROM_STORAGE, self.name, wrapped.key_id)
        plain, stale = transformer.from_storage(encrypted, context)
        current = self._write
        if current is not None:
            stale = stale or wrapped.key_id != current.wrapped.key_id or wrapped.kind != current.wrapped.kind
        return plain, stale

    def to_storage(self, data: bytes, context: bytes) -> bytes:
        """Raises KMSUnhealthyError before the first seed, and three minutes after the service was healthy."""
        current = self._write
        if current is None:
            raise KMSUnhealthyError(
                f"got unexpected nil transformer: the KMS provider {self.name} has not been healthy yet: {self._problem}"
            )
        if self._clock.monotonic() > current.expires:
            raise KMSUnhealthyError(
                f"encryptedDEKSource with keyID hash {quote(hash_label(current.wrapped.key_id))} expired at "
                f"{_rfc3339(current.expires_at)} (current time is {_rfc3339(self._clock.now())})"
            )
        self._seeds.put(current.identity, current.transformer)
        encrypted = current.transformer.to_storage(data, context)
        self._metrics.used(TO_STORAGE, self.name, current.wrapped.key_id)
        return current.wrapped.encode(encrypted)

    async def _decrypted(self, wrapped: WrappedSeed) -> Transformer:
        """What *wrapped* reads with. Raises DecryptionError."""
        self._metrics.missed()
        try:
            key = await self._service.decrypt(
                wrapped.source, uid=str(uuid.uuid4()), key_id=wrapped.key_id, annotations=wrapped.annotations
            )
        except KMSCallError as error:
            logger.warning(kv("A seed cannot be decrypted", provider=self.name, err=error))
            raise DecryptionError(f"failed to decrypt DEK, error: {error}", status=error.code) from None
        if wrapped.kind == SEED:
            return SeedTransformer(key, random=self._random)
        if len(key) not in AES_KEY_SIZES:
            raise DecryptionError(f"crypto/aes: invalid key size {len(key)}")
        return AESGCMTransformer(key, random=self._random)

    # ---- health

    def can_write(self) -> bool:
        """Whether there is a seed that may write."""
        return self._write is not None and self._clock.monotonic() <= self._write.expires

    async def check(self) -> None:
        """Ask the service, unless that was done a moment ago. Raises KMSUnhealthyError."""
        async with self._checking:
            if self._clock.monotonic() >= self._checked_until:
                self._problem = await self._asked()
                lifetime = HEALTHY_FOR if self._problem is None else UNHEALTHY_FOR
                self._checked_until = self._clock.monotonic() + lifetime
            if self._problem is not None:
                raise self._problem.with_traceback(None)

    async def _asked(self) -> KMSUnhealthyError | None:
        try:
            status = await self._service.status()
        except KMSCallError as error:
            return KMSUnhealthyError(
                f"failed to perform status section of the healthz check for KMS Provider {self.name}, error: {error}"
            )
        problems = self._problems_of(status)
        if problem := key_id_problem(status.key_id):
            self._metrics.told_invalid(self.name, empty=not status.key_id)
            problems.append(f"got invalid KMSv2 KeyID hash {quote(hash_label(status.key_id))}: {problem}")
        else:
            self._metrics.told(self.name, status.key_id)
            if problem := await self._rotated(status.key_id):
                problems.append(problem)
        if not problems:
            return None
        return KMSUnhealthyError(f"kmsv2 Provider {self.name} is not healthy, error: {aggregate(problems)}")

    def _problems_of(self, status: KMSStatus) -> list[str]:
        problems = []
        if status.healthz != "ok":
            problems.append(f"got unexpected healthz status: {status.healthz}")
        if status.version not in VERSIONS:
            problems.append(f"expected KMSv2 API version {VERSIONS[0]}, got {status.version}")
            return problems
        self._version = self._version or status.version
        if status.version != self._version:
            problems.append(
                "KMSv2 API version should not change after the initial status response version "
                f"{self._version}, got {status.version}"
            )
        return problems

    async def _rotated(self, key_id: str) -> str:
        """See to it that *key_id* is written with; what keeps it from that, empty when nothing does."""
        # From before the calls: what they take is not added to the time that is promised.
        expires, expires_at = self._clock.monotonic() + WRITES_FOR, self._clock.now() + dt.timedelta(seconds=WRITES_FOR)
        current = self._write
        if current is not None and current.wrapped.key_id == key_id:
            self._write = attrs.evolve(current, expires=expires, expires_at=expires_at)
            return ""
        uid, wrapped, failure = str(uuid.uuid4()), None, "<nil>"
        transformer = self._new_seed()
        try:
            answer = await self._service.encrypt(transformer.seed, uid=uid)
            wrapped = WrappedSeed(source=answer.ciphertext, key_id=answer.key_id, annotations=answer.annotations)
            wrapped.require_valid()
        except KMSCallError as error:
            failure = f"failed to encrypt DEK, error: {error}"
        except DecryptionError as error:
            failure, wrapped = str(error), None
        if wrapped is not None and wrapped.key_id == key_id:
            self._write = _WriteSeed(
                transformer=transformer,
                wrapped=wrapped,
                identity=wrapped.identity,
                expires=expires,
                expires_at=expires_at,
            )
            logger.info(kv("Writing with a new seed", provider=self.name, uid=uid, keyIDHash=hash_label(key_id)))
            return ""
        state = "<nil>" if current is not None else "got unexpected nil transformer"
        encrypted_with = wrapped.key_id if wrapped is not None else ""
        written_with, until = (current.wrapped.key_id, current.expires_at) if current is not None else ("", _NEVER)
        return (
            f"failed to rotate DEK uid={quote(uid)}, useSeed=true, errState={state}, errGen={failure}, "
            f"statusKeyIDHash={quote(hash_label(key_id))}, encryptKeyIDHash={quote(hash_label(encrypted_with))}, "
            f"stateKeyIDHash={quote(hash_label(written_with))}, expirationTimestamp={_rfc3339(until)}"
        )

    def _new_seed(self) -> SeedTransformer:
        begun = perf_counter()
        seed = self._random(SEED_SIZE)
        self._metrics.generated(perf_counter() - begun)
        return SeedTransformer(seed, random=self._random)

    # ---- life

    async def start(self) -> None:
        """Ask the service for the first time, and go on asking. That it does not answer is logged, and asked again."""
        healthy = await self._is_healthy()
        self._polling = asyncio.create_task(self._poll(healthy))

    async def _poll(self, healthy: bool) -> None:
        while True:
            await self._sleep(POLL if healthy else POLL_WHILE_FAILING)
            healthy = await self._is_healthy()

    async def _is_healthy(self) -> bool:
        try:
            await self.check()
        except KMSUnhealthyError as error:
            logger.warning(kv("A KMS plugin has failed its health check", name=self.name, err=error))
            return False
        return True

    async def aclose(self) -> None:
        """Ask no more; readers that wait are told so. Idempotent."""
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.wait([self._polling])
        await self._service.aclose()
        await self._seeds.settled()


def _rfc3339(time: dt.datetime) -> str:
    return f"{time.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
