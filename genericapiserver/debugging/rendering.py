"""A profile for people: collapsed stacks, and a page with a flame graph that needs nothing but itself."""

import base64
import hashlib
import html
import json
from functools import cache
from importlib import resources
from typing import Any, Final

from genericapiserver.asgi import RawHeaders
from genericapiserver.debugging.profile import Frame, Profile

HTML: Final = b"text/html; charset=utf-8"


def collapsed(profile: Profile, type: str = "") -> str:
    """One line a stack, outermost call first, and its value: what flamegraph.pl, inferno and speedscope read.

    Raises ValueError for a *type* that the profile does not have.
    """
    index = profile.index(type or profile.default_type)
    lines = [
        ";".join(_plain(frame.function) for frame in reversed(sample.stack)) + f" {sample.values[index]}\n"
        for sample in profile.samples
        if sample.values[index] > 0
    ]
    return "".join(sorted(lines))


def flame_graph(profile: Profile, type: str = "") -> tuple[bytes, RawHeaders]:
    """The page and the headers to send with it. Raises ValueError for a *type* that the profile does not have."""
    style, script = asset("flame.css"), asset("flame.js")
    document = {
        "title": profile.title,
        "types": [{"type": value.type, "unit": value.unit} for value in profile.value_types],
        "shown": profile.index(type or profile.default_type),
        **_interned(profile),
    }
    # "<" cannot end the script element then, whatever a function or a thread is called.
    data = json.dumps(document, separators=(",", ":")).replace("<", "\\u003c")
    page = asset("flame.html")
    for name, text in (("title", html.escape(profile.title)), ("style", style), ("script", script), ("data", data)):
        page = page.replace(f"{{{{{name}}}}}", text)
    return page.encode(), page_headers(style=style, script=script)


def page_headers(*, style: str = "", script: str = "") -> RawHeaders:
    """Headers for a page that runs and loads nothing but the *style* and the *script* that stand in it."""
    policy = ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]
    policy += [f"{kind}-src {_hash(text)}" for kind, text in (("style", style), ("script", script)) if text]
    return [
        (b"content-security-policy", "; ".join(policy).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    ]


@cache
def asset(name: str) -> str:
    """A file that is part of the page; read once."""
    return (resources.files(__package__) / name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _interned(profile: Profile) -> dict[str, Any]:
    """Frames by number, without their lines: a function is one box, wherever in it the time went."""
    numbers: dict[tuple[str, str], int] = {}

    def number(frame: Frame) -> int:
        return numbers.setdefault((frame.function, frame.file), len(numbers))

    stacks = [[number(frame) for frame in reversed(sample.stack)] for sample in profile.samples]
    return {
        "frames": [list(key) for key in numbers],
        "samples": [[stack, list(sample.values)] for stack, sample in zip(stacks, profile.samples, strict=True)],
    }


def _plain(name: str) -> str:
    """*name* without what separates frames and lines."""
    return name.replace(";", ",").replace("\n", " ")
