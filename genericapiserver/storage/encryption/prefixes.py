"""Several transformers for one resource, told apart by what stands before a stored value.

Source: prefixTransformers in pkg/storage/value/transformer.go of k8s.io/apiserver.
"""

from collections.abc import Sequence
from time import perf_counter

import attrs

from genericapiserver.apimachinery.field import aggregate
from genericapiserver.storage.encryption.ciphers import DecryptionError
from genericapiserver.storage.encryption.metrics import FROM_STORAGE, TO_STORAGE, TransformationMetrics
from genericapiserver.storage.transformer import Transformer


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
        """Raises DecryptionError with everything that was tried: one prefix may stand for several keys."""
        problems: list[str] = []
        for number, choice in enumerate(self._choices):
            if not data.startswith(choice.prefix):
                continue
            begun = perf_counter()
            try:
                plain, stale = choice.transformer.from_storage(data[len(choice.prefix) :], context)
            except Exception as error:  # noqa: BLE001  whatever is wrong, a later one may be able to read it
                if choice.prefix:  # identity refuses what is encrypted, which says nothing of the others
                    self._record(FROM_STORAGE, choice.label, begun, failed=True)
                    problems.append(str(error))
                continue
            self._record(FROM_STORAGE, choice.label or "identity", begun)
            return plain, stale or number != 0
        if problems:
            raise DecryptionError(aggregate(problems))
        self._record(FROM_STORAGE, "unknown", perf_counter(), failed=True)
        raise DecryptionError(self._nothing_matches)

    def to_storage(self, data: bytes, context: bytes) -> bytes:
        first = self._choices[0]
        begun = perf_counter()
        try:
            stored = first.transformer.to_storage(data, context)
        except Exception:
            self._record(TO_STORAGE, first.label, begun, failed=True)
            raise
        self._record(TO_STORAGE, first.label, begun)
        return first.prefix + stored

    def _record(self, direction: str, prefix: str, begun: float, *, failed: bool = False) -> None:
        self._metrics.record(self._resource, direction, prefix, perf_counter() - begun, failed=failed)
