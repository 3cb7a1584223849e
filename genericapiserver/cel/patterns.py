"""What compiling a regular expression costs: the engine compiles the pattern of `matches` anew at each call.

RE2 writes repetitions out, so `[a-z]{1,900}` has 900 parts, and gives up on what needs more than its memory, about 50
milliseconds later. The weight of a pattern is the number of its parts when written out.
"""

import re

MOST = 600_000
"""The cost of a pattern that is given up, in units: no pattern costs more."""
PART_COST = 4
CLASS_WEIGHT = 5
PROPERTY_WEIGHT = 500
"""Unicode properties (`\\pL`) are hundreds of ranges."""

_TOKEN = re.compile(
    r"(?P<property>\\[pP](?:\{[^}]*\}?|.?))|(?P<escape>\\.)|(?P<class>\[\^?\]?(?:\\.|\[:[^\]]*\]|[^\]\\])*\]?)"
    r"|\{(?P<low>\d+)(?P<comma>,)?(?P<high>\d+)?\}|(?P<open>\()|(?P<close>\))|.",
    re.DOTALL,
)


def compile_cost(pattern: str) -> int:
    """The most that compiling *pattern* costs, in units."""
    return min(PART_COST * weight(pattern), MOST)


def weight(pattern: str) -> int:
    """The parts of *pattern* when its repetitions are written out. Case-insensitive letters count as classes."""
    letter = CLASS_WEIGHT if "(?" in pattern else 1
    groups: list[int] = []  # the weights before each group that is open
    total = last = 0
    for token in _TOKEN.finditer(pattern):
        if token["open"]:
            groups.append(total + last)
            total = last = 0
        elif token["close"]:
            last, total = total + last + 1, groups.pop() if groups else 0
        elif token["low"]:
            last *= max(int(token["low"]) + (1 if token["comma"] else 0), int(token["high"] or 0), 1)
        else:
            total += last
            properties = len(re.findall(r"\\[pP]|\[:", token["class"])) if token["class"] else 0
            last = (
                PROPERTY_WEIGHT
                if token["property"]
                else CLASS_WEIGHT + len(token["class"]) + properties * PROPERTY_WEIGHT
                if token["class"]
                else letter
            )
    return total + last + sum(groups)
