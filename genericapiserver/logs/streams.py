"""The three descriptors that a process is expected to have."""

import errno
import os
import sys


def open_standard_streams() -> None:
    """Open /dev/null in place of standard input, output and error where the parent has closed them, as Go's runtime does.

    The next file opened would get the number: a store or a connection at 2 would be written to by whatever complains to
    standard error. To be called before the process opens anything.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
            os.set_inheritable(descriptor, True)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  for as long as the process lives
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
