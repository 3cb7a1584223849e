"""A profile: stacks, and what was measured at each of them. What took it and how it is shown do not matter here."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import NamedTuple

import attrs


class Frame(NamedTuple):
    """One call in a stack. *line* is the one that was being executed; 0 when there is none."""

    function: str
    file: str = ""
    line: int = 0


@attrs.frozen
class Sample:
    """What was measured at one stack, the innermost call first; one value for each value type of the profile."""

    stack: Sequence[Frame]
    values: Sequence[int]
    labels: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class ValueType:
    """What is measured, and in which unit: `cpu` in `nanoseconds`, `inuse_space` in `bytes`."""

    type: str
    unit: str


@attrs.frozen(kw_only=True)
class Profile:
    """*default_type* names the value type that is shown first. Times are in nanoseconds, *started* since 1970."""

    title: str
    value_types: Sequence[ValueType]
    default_type: str
    samples: Sequence[Sample]
    started: int = 0
    duration: int = 0
    period_type: ValueType | None = None
    period: int = 0

    def index(self, type: str) -> int:
        """Which value of a sample is of *type*. Raises ValueError, naming those that there are."""
        names = [value.type for value in self.value_types]
        if type not in names:
            raise ValueError(f'unknown sample type "{type}", this profile has: {", ".join(names)}')
        return names.index(type)


def frame_of(code: CodeType, line: int) -> Frame:
    """The call of *code* that was at *line*."""
    return Frame(f"{module_name(code.co_filename)}.{code.co_qualname}", code.co_filename, line)


@lru_cache(maxsize=4096)
def module_name(file: str) -> str:
    """The module that *file* is, as its importers call it: its name after those of the packages that it lies in.

    Code that comes from no file has a name like `<frozen abc>`, of which pprof would show nothing.
    """
    if file.startswith("<"):
        return file.strip("<>").removeprefix("frozen ").replace(" ", "_")
    path = Path(file)
    names = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").exists():
        names.insert(0, folder.name)
        folder = folder.parent
    return ".".join(names)
