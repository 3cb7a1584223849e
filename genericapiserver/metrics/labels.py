"""Values of labels."""

import hashlib


def hash_label(text: str | bytes) -> str:
    """`sha256:<hex>` of *text*, and "" of nothing: labels tell things apart without telling them."""
    data = text.encode() if isinstance(text, str) else text
    return f"sha256:{hashlib.sha256(data).hexdigest()}" if data else ""
