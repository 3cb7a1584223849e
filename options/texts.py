"""What went wrong, in one line and in the words of the reference."""


def reason(error: Exception) -> str:
    """The text of *error*; that of a file is Go's, `open <path>: no such file or directory`."""
    if isinstance(error, OSError) and error.filename:
        return f"open {error.filename}: {(error.strerror or str(error)).lower()}"
    return " ".join(str(error).split())  # those of YAML come in several lines
