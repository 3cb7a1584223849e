"""The static token file: CSV lines of token, user, uid and optionally a quoted list of groups.

Mirrors pkg/authentication/token/tokenfile/tokenfile.go.
"""

import csv
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from genericapiserver.authentication.static_token import StaticTokenAuthenticator
from genericapiserver.authentication.user import UserInfo

logger = logging.getLogger(__name__)


class TokenFileError(ValueError):
    """The token file cannot be used."""


def load_token_file(path: Path) -> StaticTokenAuthenticator:
    """Read the file at *path*.

    A line without a token is skipped, of two lines with one token the later counts; both are logged. Raises
    TokenFileError for a line of less than three columns, OSError when the file cannot be read.
    """
    users: dict[str, UserInfo] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for number, (line, record) in enumerate(_records(file), start=1):
            if not record:
                continue
            if len(record) < 3:
                raise TokenFileError(
                    f"token file '{path}' must have at least 3 columns (token, user name, user uid), "
                    f"found {len(record)} (line {line})"
                )
            token, name, uid, *rest = record
            if not token:
                logger.warning(
                    "empty token has been found in token file, token file %s, record number %d", path, number
                )
                continue
            if token in users:
                logger.warning(
                    "duplicate token has been found in token file, token file %s, record number %d", path, number
                )
            groups = tuple(rest[0].split(",")) if rest and rest[0] else ()
            users[token] = UserInfo(name=name, uid=uid, groups=groups)
    return StaticTokenAuthenticator(users)


def _records(file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line that it ends in. Raises TokenFileError, without the text, for what is no CSV."""
    reader = csv.reader(file, strict=True)  # a quote that is not closed would swallow the lines after it
    try:
        for record in reader:
            yield reader.line_num, record
    except csv.Error as error:
        raise TokenFileError(f"not valid CSV: {error} (line {reader.line_num})") from error
