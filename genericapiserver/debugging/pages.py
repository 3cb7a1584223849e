"""The pages under /debug/pprof. Mirrors pkg/server/routes/profiling.go; what each has to say in Python is decided here.

`profile` answers what Go's answers, so that `go tool pprof` and Grafana take it; `?format=flamegraph` is a page to look at.
What has no meaning here says so, with 501, instead of answering with an empty profile.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from html import escape
from typing import Final

import attrs

from genericapiserver.apimachinery.go import parse_int
from genericapiserver.asgi import Handler, Receive, Scope, Send, parse_query, send_plain_error, send_response, send_text
from genericapiserver.debugging import pprof, stacks
from genericapiserver.debugging.profile import Profile
from genericapiserver.debugging.rendering import HTML, asset, collapsed, flame_graph, page_headers
from genericapiserver.debugging.sampling import MAX_RATE, RATE, ProfilerBusyError, profiling
from genericapiserver.mux import PathRecorderMux

PREFIX: Final = "/debug/pprof"
DEFAULT_SECONDS: Final = 30
MAX_SECONDS: Final = 600
"""A profile is kept in memory until its end."""

_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
_GO: Final = (b"x-go-pprof", b"1")
"""Tells `go tool pprof` that the body is a text for its user."""

Stopping = Callable[[], Awaitable[object]]
"""Returns when the server stops, which ends profiles early."""

PROFILES: Final = {
    "profile": "Where CPU and wall time go: ?seconds=30, ?rate=100 looks a second, ?format=flamegraph to look at.",
    "goroutine": "All asyncio tasks and threads: ?debug=2 lists them with their stacks, ?debug=1 counts equal ones.",
    "heap": "What is allocated in ?seconds=30 and still there; ?debug=1 for totals, ?debug=1&types=1 with object types.",
    "cmdline": "The command line, on the debug socket only.",
    "symbol": "Needs no answer: profiles bring the names of their functions.",
}
MEANINGLESS: Final = {
    "allocs": "Python does not count what has been freed again. See heap?seconds=30 for what stays.",
    "block": "There are no Go channels here. Tasks that wait, and what for, are in goroutine?debug=2.",
    "mutex": "There are no Go locks here; --contention-profiling changes nothing.",
    "threadcreate": "Threads are few here, and listed in goroutine?debug=2.",
    "trace": "There is no execution trace here. See profile?format=flamegraph, or --tracing-config-file for requests.",
}


def install_profiling(mux: PathRecorderMux, *, stopping: Stopping | None = None, cmdline: bool = False) -> None:
    """Serve the pages in *mux*, unlisted; *cmdline* too only where everybody may see it: on the debug socket."""
    pages: dict[str, Handler] = {
        "profile": _Pages(stopping).profile,
        "heap": _Pages(stopping).heap,
        "goroutine": _goroutine,
        "symbol": _symbol,
        **{name: _meaningless(text) for name, text in MEANINGLESS.items()},
    }
    if cmdline:
        pages["cmdline"] = _cmdline
    mux.handle(PREFIX, _redirect, listed=False)
    mux.handle_prefix(f"{PREFIX}/", _index, listed=False)
    for name, page in pages.items():
        mux.handle(f"{PREFIX}/{name}", page, listed=False)


@attrs.frozen
class _Asked:
    """The parameters of a request for a profile."""

    format: str
    type: str
    debug: int
    seconds: float | None
    rate: int
    types: bool

    @classmethod
    def by(cls, scope: Scope) -> "_Asked":
        """Raises ValueError with a text for the client."""
        query = parse_query(scope["query_string"])

        def value(name: str) -> str:
            return query.get(name, [""])[0]

        format = value("format") or "pprof"
        if format not in ("pprof", "collapsed", "flamegraph"):
            raise ValueError(f'unknown format "{format}": pprof, collapsed or flamegraph')
        seconds = _whole(value("seconds"), "seconds", MAX_SECONDS) if value("seconds") else None
        return cls(
            format=format,
            type=value("type"),
            debug=_whole(value("debug") or "0", "debug", 9),
            seconds=seconds or None,
            rate=_whole(value("rate") or str(RATE), "rate", MAX_RATE) or RATE,
            types=bool(value("types")),
        )


class _Pages:
    """The pages that take their time."""

    def __init__(self, stopping: Stopping | None) -> None:
        self._stopping = stopping

    async def profile(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            asked = _Asked.by(scope)
            with profiling(rate=asked.rate) as recorder:
                there = await self._pause(asked.seconds or DEFAULT_SECONDS, receive)
        except ValueError as error:
            await send_plain_error(send, 400, str(error), [_GO])
        except ProfilerBusyError as error:
            await send_plain_error(send, 500, f"Could not enable CPU profiling: {error}", [_GO])
        else:
            if there:
                await _send_profile(send, await asyncio.to_thread(recorder.profile), asked, "profile")

    async def heap(self, scope: Scope, receive: Receive, send: Send) -> None:
        from genericapiserver.debugging import heap  # here: it loads tracemalloc, which few servers ever need

        try:
            asked = _Asked.by(scope)
        except ValueError as error:
            await send_plain_error(send, 400, str(error), [_GO])
            return
        if asked.debug:
            await send_text(send, 200, heap.totals(types=asked.types), [_NOSNIFF])
        elif asked.seconds is not None:
            await self._allocated_from_now(asked, receive, send)
        elif heap.is_traced():
            taken, now = heap.snapshot(), time.time_ns()
            await _send_profile(send, await asyncio.to_thread(heap.as_profile, taken, None, now), asked, "heap")
        else:
            await send_plain_error(send, 501, heap.OFF, [_GO])

    async def _allocated_from_now(self, asked: _Asked, receive: Receive, send: Send) -> None:
        from genericapiserver.debugging import heap

        started, before = time.time_ns(), heap.snapshot() if heap.is_traced() else None
        if before is None:
            heap.begin()
        try:
            there = await self._pause(asked.seconds or DEFAULT_SECONDS, receive)
            # Somebody else who asked for the same time may have ended it.
            taken = heap.snapshot() if there and heap.is_traced() else None
        finally:
            if before is None:
                heap.end()
        if taken is not None:
            profile = await asyncio.to_thread(heap.as_profile, taken, before, started)
            await _send_profile(send, profile, asked, "heap")
        elif there:
            await send_plain_error(send, 500, "memory profiling was ended by another request for it", [_GO])

    async def _pause(self, seconds: float, receive: Receive) -> bool:
        """Wait; less when the client goes or the server stops. False when nobody is there any more."""
        gone = asyncio.create_task(_until_gone(receive))
        others = [] if self._stopping is None else [asyncio.ensure_future(_wait_for(self._stopping))]
        try:
            await asyncio.wait([gone, *others], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return not gone.done()
        finally:
            for task in (gone, *others):
                task.cancel()


async def _goroutine(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        asked = _Asked.by(scope)
    except ValueError as error:
        await send_plain_error(send, 400, str(error), [_GO])
        return
    running = stacks.everything_running()
    if asked.debug:
        text = stacks.listing(running) if asked.debug >= 2 else stacks.summary(running)
        await send_text(send, 200, text, [_NOSNIFF])
        return
    await _send_profile(send, stacks.as_profile(running), asked, "goroutine")


async def _send_profile(send: Send, profile: Profile, asked: _Asked, name: str) -> None:
    try:
        if asked.format == "collapsed":
            text = await asyncio.to_thread(collapsed, profile, asked.type)
            await send_text(send, 200, text, [_NOSNIFF])
        elif asked.format == "flamegraph":
            page, headers = await asyncio.to_thread(flame_graph, profile, asked.type)
            await send_response(send, 200, page, HTML, headers)
        else:
            body = await asyncio.to_thread(pprof.encode, profile)
            disposition = (b"content-disposition", f'attachment; filename="{name}"'.encode())
            await send_response(send, 200, body, pprof.MEDIA_TYPE, [disposition, _NOSNIFF])
    except ValueError as error:
        await send_plain_error(send, 400, str(error), [_GO])


async def _symbol(scope: Scope, receive: Receive, send: Send) -> None:
    await send_text(send, 200, "num_symbols: 1\n", [_NOSNIFF])


async def _cmdline(scope: Scope, receive: Receive, send: Send) -> None:
    await send_text(send, 200, "\0".join(sys.orig_argv), [_NOSNIFF])


def _meaningless(text: str) -> Handler:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await send_plain_error(send, 501, text, [_GO])

    return page


async def _redirect(scope: Scope, receive: Receive, send: Send) -> None:
    """To the page whose links are relative; the line for a reader goes only to those who read."""
    location = [(b"location", f"{PREFIX}/".encode())]
    if scope["method"] in ("GET", "HEAD"):
        await send_response(send, 302, f'<a href="{PREFIX}/">Found</a>.\n\n'.encode(), HTML, location)
    else:
        await send_response(send, 302, b"", None, location)


async def _index(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] != f"{PREFIX}/":
        await send_plain_error(send, 404, "Unknown profile", [_GO])
        return
    style = asset("flame.css")
    rows = "".join(
        f'<tr><th scope="row"><a href="{name}{_LINKS.get(name, "")}">{name}</a></th><td>{escape(text)}</td></tr>\n'
        for name, text in {**PROFILES, **MEANINGLESS}.items()
    )
    page = asset("index.html").replace("{{style}}", style).replace("{{rows}}", rows)
    await send_response(send, 200, page.encode(), HTML, page_headers(style=style))


_LINKS: Final = {
    "profile": "?seconds=10&amp;format=flamegraph",
    "goroutine": "?debug=2",
    "heap": "?debug=1",
}


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _wait_for(stopping: Stopping) -> None:
    await stopping()


def _whole(text: str, name: str, most: int) -> int:
    try:
        value = parse_int(text)
    except ValueError:
        value = -1
    if not 0 <= value <= most:
        raise ValueError(f'invalid {name} "{text}": a whole number from 0 to {most}')
    return value
