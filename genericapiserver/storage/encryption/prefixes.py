"""Several transformers for one resource, told apart by what stands before a stored value.

Source: prefixTransformers in pkg/storage/value/transformer.go of k8s.io/apiserver.
"""

from collections.abc import Sequence
from functools import partial
from time import perf_counter

import attrs

from genericapiserver.apimachinery.field import aggregate
from genericapiserver.storage.encryption.ciphers import NO_CALL, DecryptionError
from genericapiserver.storage.encryption.metrics import FROM_STORAGE, OK, TO_STORAGE, TransformationMetrics
from genericapiserver.storage.transformer import TransformationPendingError, Transformer


@attrs.frozen
class Prefixed:
    """A transformer, and what stands before the values that it has written; identity has an empty prefix."""

    prefix: bytes
    transformer: Transformer

    @property
    def label(self) -> str:
        return self.prefix.decode()


class PrefixTransformers:
    """Writes with the first of *choices* and reads with whichever can. What another than the first reads is stale."""

    def __init__(
        self, choices: Sequence[Prefixed], *, nothing_matches: str, resource: str, metrics: TransformationMetrics
    ) -> None:
        self._choices = tuple(choices)
        self._nothing_matches = nothing_matches
        self._resource = resource
        self._metrics = metrics

    def from_storage(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        """Raises DecryptionError with everything that was tried: one prefix may stand for several keys.

        What one of them has to wait for is raised at once: no other has the prefix of its plugin.
        """
        problems: list[str] = []
        for number, choice in enumerate(self._choices):
            if not data.startswith(choice.prefix):
                continue
            begun = perf_counter()
            try:
                plain, stale = choice.transformer.from_storage(data[len(choice.prefix) :], context)
            except TransformationPendingError as pending:
                pending.when_failed(partial(self._failed, FROM_STORAGE, choice.label, begun))
                raise
            except Exception as error:  # noqa: BLE001  whatever is wrong, a later one may be able to read it
                if choice.prefix:  # identity refuses what is encrypted, which says nothing of the others
                    self._failed(FROM_STORAGE, choice.label, begun, error)
                    problems.append(str(error))
                continue
            self._record(FROM_STORAGE, choice.label or "identity", begun)
            return plain, stale or number != 0
        if problems:
            raise DecryptionError(aggregate(problems))
        self._record(FROM_STORAGE, "unknown", perf_counter(), NO_CALL)
        raise DecryptionError(self._nothing_matches)

    def to_storage(self, data: bytes, context: bytes) -> bytes:
        first = self._choices[0]
        begun = perf_counter()
        try:
            stored = first.transformer.to_storage(data, context)
        except Exception as error:
            self._failed(TO_STORAGE, first.label, begun, error)
            raise
        self._record(TO_STORAGE, first.label, begun)
        return first.prefix + stored

    def _failed(self, direction: str, prefix: str, begun: float, error: Exception) -> None:
        self._record(direction, prefix, begun, error.status if isinstance(error, DecryptionError) else NO_CALL)

    def _record(self, direction: str, prefix: str, begun: float, status: str = OK) -> None:
        self._metrics.record(self._resource, direction, prefix, perf_counter() - begun, status=status)
