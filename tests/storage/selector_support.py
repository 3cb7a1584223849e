"""Random selectors, and random writes that they may or may not select."""

import random

from tests.conformance.storage_harness import Harness, Pod, key_of

LABELS = ("app", "tier", "zone")
VALUES = ("", "a", "b", "c")
NODES = ("", "n1", "n2", "n3")


def random_selectors(chance: random.Random) -> tuple[str, str]:
    """A label selector and a field selector, each of which may be empty."""
    label = chance.choice(
        [
            "",
            f"{chance.choice(LABELS)}={chance.choice(VALUES)}",
            f"{chance.choice(LABELS)} in ({chance.choice(VALUES[1:])},{chance.choice(VALUES)})",
            f"{chance.choice(LABELS)}={chance.choice(VALUES)},{chance.choice(LABELS)}!={chance.choice(VALUES)}",
            f"{chance.choice(LABELS)}={chance.choice(VALUES)},{chance.choice(LABELS)}",
            f"!{chance.choice(LABELS)}",
        ]
    )
    field = chance.choice(
        [
            "",
            f"spec.nodeName={chance.choice(NODES)}",
            f"spec.nodeName!={chance.choice(NODES)}",
            f"metadata.namespace=ns{chance.randrange(3)}",
            f"metadata.name={chance.randrange(40):02}",
        ]
    )
    return label, field


async def write_something(harness: Harness, chance: random.Random, alive: set[str]) -> None:
    path = f"ns{chance.randrange(3)}/{chance.randrange(40):02}"
    labels_ = {name: chance.choice(VALUES) for name in LABELS if chance.random() < 0.6}
    node = chance.choice(NODES)
    if path not in alive:
        alive.add(path)
        await harness.create(path, node=node, labels_=labels_)
    elif chance.random() < 0.4:
        alive.remove(path)
        await harness.backend.delete(key_of(path))
    else:

        def change(pod: Pod) -> None:
            pod.metadata.labels, pod.spec.node_name = labels_, node

        await harness.update(path, change)
