from collections import Counter

import pytest

from genericapiserver.flowcontrol.shuffle_sharding import (
    Dealer,
    ShuffleShardingError,
    flow_hash,
    required_entropy_bits,
)


@pytest.mark.parametrize(
    ("schema", "distinguisher", "hash_value"),
    [
        ("global-default", "alice", 17644606172554983095),
        ("kube-controller-manager", "kube-system", 1951360281921618776),
        ("catch-all", "", 7733929212674924205),
    ],
)
def test_a_flow_has_the_hash_it_has_in_the_reference(schema: str, distinguisher: str, hash_value: int) -> None:
    assert flow_hash(schema, distinguisher) == hash_value


@pytest.mark.parametrize(
    ("hash_value", "deck", "hand"),
    [
        (17644606172554983095, 128, (55, 62, 126, 125, 105, 1)),
        (17644606172554983095, 64, (55, 56, 51, 36, 11, 5)),
        (1951360281921618776, 128, (88, 53, 21, 91, 7, 17)),
    ],
)
def test_hands_are_dealt_as_in_the_reference(hash_value: int, deck: int, hand: tuple[int, ...]) -> None:
    assert Dealer(deck, 6).deal(hash_value) == hand


@pytest.mark.parametrize(("deck", "hand", "bits"), [(1024, 6, 60), (512, 8, 72), (1, 1, 0)])
def test_the_entropy_that_dealing_needs(deck: int, hand: int, bits: int) -> None:
    assert required_entropy_bits(deck, hand) == bits


@pytest.mark.parametrize(
    ("deck", "hand", "text"),
    [
        (-100, 8, "deckSize -100 or handSize 8 is not positive"),
        (100, 0, "deckSize 100 or handSize 0 is not positive"),
        (100, 101, "handSize 101 is greater than deckSize 100"),
        (134217728, 2, "deckSize 134217728 is impractically large"),
        (512, 8, "required entropy bits of deckSize 512 and handSize 8 is greater than 60"),
    ],
)
def test_impossible_decks_are_refused(deck: int, hand: int, text: str) -> None:
    with pytest.raises(ShuffleShardingError) as caught:
        Dealer(deck, hand)
    assert str(caught.value) == text


def test_cards_of_a_hand_differ_and_each_is_as_likely_as_any_other() -> None:
    dealer = Dealer(16, 4)
    seen: Counter[int] = Counter()
    hands = 4000
    for at in range(hands):
        hand = dealer.deal(flow_hash("schema", str(at)))
        assert len(set(hand)) == 4
        seen.update(hand)
    assert set(seen) == set(range(16))
    assert all(abs(count - hands / 4) < hands / 40 for count in seen.values())
