"""What is noted of files of objects that cannot be told from the journal: `journal/files.json`.

A file that a person has written stays as it is while its object says the same, so it is not what this program would write;
and what that would be in YAML takes long to make, so it is noted at the end. A note counts for the content that it has the
digest of. Without notes, such files are taken for edits, which change nothing.
"""

from pathlib import Path
from typing import Final, NamedTuple

import msgspec

NAME: Final = "files.json"


class Noted(NamedTuple):
    """The digest of a file's content, the revision of the object that it shows, and whether a person has written it."""

    digest: str
    rev: int
    by_hand: bool


_decoder = msgspec.json.Decoder(dict[str, Noted])


def read_notes(journal: Path) -> dict[str, Noted]:
    """By path, relative to the folder of the store; nothing when there are none, or they cannot be read."""
    try:
        return _decoder.decode((journal / NAME).read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}


def encode_notes(notes: dict[str, Noted]) -> bytes:
    """The content of the file."""
    return msgspec.json.format(msgspec.json.encode(notes, order="sorted"), indent=1) + b"\n"
