"""What went wrong, in one line and in the words of the reference; and what does not work here."""

from typing import Final

NOT_AVAILABLE: Final = "Not available in this version: leave it out."
"""In the help of a flag of the reference that is refused here."""


def refused(flag: str) -> str:
    """The problem with a flag that was given although it is not available."""
    return f"--{flag} is not available in this version: leave it out"


def reason(error: Exception) -> str:
    """The text of *error*; that of a file is Go's, `open <path>: no such file or directory`."""
    if isinstance(error, OSError) and error.filename:
        return f"open {error.filename}: {(error.strerror or str(error)).lower()}"
    return " ".join(str(error).split())  # those of YAML come in several lines
