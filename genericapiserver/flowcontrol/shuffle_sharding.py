"""Deal each flow a small hand of a level's queues, so that one heavy flow fills few of the queues of any other.

Source: pkg/util/shufflesharding of k8s.io/apiserver.
"""

import hashlib
import math
from typing import Final

MAX_HASH_BITS: Final = 60
"""Dealing must not need more: the quality of a 64-bit hash suffers with the last bits."""
MAX_DECK_SIZE: Final = 1 << 26


class ShuffleShardingError(ValueError):
    """No dealer can be made of these numbers."""


def required_entropy_bits(deck_size: int, hand_size: int) -> int:
    """How many bits of a hash are needed to deal *hand_size* cards out of *deck_size*."""
    return math.ceil(math.log2(deck_size) * hand_size)


class Dealer:
    """Deals hands of *hand_size* different cards from 0 to *deck_size* - 1. Raises ShuffleShardingError."""

    def __init__(self, deck_size: int, hand_size: int) -> None:
        if deck_size <= 0 or hand_size <= 0:
            raise ShuffleShardingError(f"deckSize {deck_size} or handSize {hand_size} is not positive")
        if hand_size > deck_size:
            raise ShuffleShardingError(f"handSize {hand_size} is greater than deckSize {deck_size}")
        if deck_size > MAX_DECK_SIZE:
            raise ShuffleShardingError(f"deckSize {deck_size} is impractically large")
        if required_entropy_bits(deck_size, hand_size) > MAX_HASH_BITS:
            raise ShuffleShardingError(
                f"required entropy bits of deckSize {deck_size} and handSize {hand_size} is greater than {MAX_HASH_BITS}"
            )
        self.deck_size = deck_size
        self.hand_size = hand_size

    def deal(self, hash_value: int) -> tuple[int, ...]:
        """The hand of *hash_value*, in the order of dealing."""
        remainders: list[int] = []
        hand: list[int] = []
        for dealt in range(self.hand_size):
            hash_value, remainder = divmod(hash_value, self.deck_size - dealt)
            card = remainder
            for earlier in reversed(remainders):
                if earlier <= card:
                    card += 1
            remainders.append(remainder)
            hand.append(card)
        return tuple(hand)


def flow_hash(schema: str, distinguisher: str) -> int:
    """64 bits that stand for one flow of a schema."""
    digest = hashlib.sha256(b"%b\0%b" % (schema.encode(), distinguisher.encode("utf-8", "surrogateescape"))).digest()
    return int.from_bytes(digest[:8], "little")
