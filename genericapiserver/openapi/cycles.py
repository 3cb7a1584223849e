"""The order in which names can be given: what is needed before what needs it, and together what needs each other."""

from collections.abc import Iterator, Mapping, Sequence


def in_order_of_need(needs: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """The keys of *needs* in groups: each stands behind all that its members need, and needs run in circles only inside.

    Every value must be a key. These are the strongly connected components (Tarjan, 1972), without recursion, because
    definitions may refer to each other in chains as long as a document.
    """
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    waiting: list[str] = []
    is_waiting: set[str] = set()
    for start in needs:
        if start in number:
            continue
        visits: list[tuple[str, Iterator[str]]] = []

        def enter(key: str, visits: list[tuple[str, Iterator[str]]] = visits) -> None:
            number[key] = lowest[key] = len(number)
            waiting.append(key)
            is_waiting.add(key)
            visits.append((key, iter(needs[key])))

        enter(start)
        while visits:
            key, rest = visits[-1]
            for needed in rest:
                if needed not in number:
                    enter(needed)
                    break
                if needed in is_waiting:
                    lowest[key] = min(lowest[key], number[needed])
            else:
                visits.pop()
                if visits:
                    above = visits[-1][0]
                    lowest[above] = min(lowest[above], lowest[key])
                if lowest[key] == number[key]:
                    together: list[str] = []
                    while not together or together[-1] != key:
                        together.append(waiting.pop())
                        is_waiting.discard(together[-1])
                    yield sorted(together)
