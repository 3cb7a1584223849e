"""The health pages: a root page that runs all its checks, and one page per check.

The root page withholds reasons, since everybody may read it; they are in the log, and on the check's own page, which
needs permission. Every check runs every time: there is no short cut and no cache. Mirrors pkg/server/healthz/healthz.go.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias

from genericapiserver.asgi import Handler, Receive, Scope, Send, parse_query, send_plain_error, send_text
from genericapiserver.healthz.checks import PING, HealthChecker, reason_of_failure
from genericapiserver.healthz.metrics import HealthMetrics
from genericapiserver.logs import V2, kv

logger = logging.getLogger(__name__)

Instrument: TypeAlias = Callable[[str, Handler], Handler]
"""Wraps the handler of a root page, given its path, so that it counts like other requests."""

_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")


class HandlerRegistry(Protocol):
    """Where pages are put: a mux."""

    def handle(self, path: str, handler: Handler, *, listed: bool = True) -> None: ...


def uninstrumented(path: str, handler: Handler) -> Handler:
    return handler


def install_handler(
    mux: HandlerRegistry,
    *checks: HealthChecker,
    metrics: HealthMetrics | None = None,
    instrument: Instrument = uninstrumented,
) -> None:
    """Serve /healthz. Without checks it has a lone ping."""
    install_path_handler(mux, "/healthz", *checks, metrics=metrics, instrument=instrument)


def install_livez_handler(
    mux: HandlerRegistry,
    *checks: HealthChecker,
    metrics: HealthMetrics | None = None,
    instrument: Instrument = uninstrumented,
) -> None:
    """Serve /livez."""
    install_path_handler(mux, "/livez", *checks, metrics=metrics, instrument=instrument)


def install_readyz_handler(
    mux: HandlerRegistry,
    *checks: HealthChecker,
    metrics: HealthMetrics | None = None,
    instrument: Instrument = uninstrumented,
) -> None:
    """Serve /readyz."""
    install_path_handler(mux, "/readyz", *checks, metrics=metrics, instrument=instrument)


def install_path_handler(
    mux: HandlerRegistry,
    path: str,
    *checks: HealthChecker,
    first_time_healthy: Callable[[], None] | None = None,
    metrics: HealthMetrics | None = None,
    instrument: Instrument = uninstrumented,
) -> None:
    """Serve *path* and `<path>/<name>` for each check; *first_time_healthy* is called once, when all pass."""
    page = checks or (PING,)
    mux.handle(path, instrument(path, _root(path, page, first_time_healthy, metrics)))
    for check in page:
        mux.handle(f"{path}/{check.name}", _single(check))


def _root(
    path: str,
    checks: Sequence[HealthChecker],
    first_time_healthy: Callable[[], None] | None,
    metrics: HealthMetrics | None,
) -> Handler:
    name = path.strip("/").split("/")[0]
    waiting = first_time_healthy

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal waiting
        query = parse_query(scope["query_string"])
        excluded = set(query.get("exclude", ()))
        unused = set(excluded)
        lines: list[str] = []
        reasons: list[str] = []
        failed: list[str] = []
        for check in checks:
            if check.name in excluded:
                unused.discard(check.name)
                lines.append(f"[+]{check.name} excluded: ok\n")
                continue
            if check.group and check.group in excluded:
                unused.discard(check.group)
                lines.append(f"[+]{check.name} excluded with {check.group}: ok\n")
                continue
            reason = await reason_of_failure(check, scope)
            if metrics is not None:
                metrics.observe(check.name, name, healthy=reason is None)
            if reason is None:
                lines.append(f"[+]{check.name} ok\n")
            else:
                lines.append(f"[-]{check.name} failed: reason withheld\n")
                reasons.append(f"[-]{check.name} failed: {reason}\n")
                failed.append(check.name)
        if unused:
            quoted = ",".join(f'"{item}"' for item in sorted(unused))
            lines.append(f"warn: some health checks cannot be excluded: no matches for {quoted}\n")
        if failed:
            logger.log(V2, kv("Health check failed", endpoint=name, checks=failed, reasons=reasons))
            await send_plain_error(send, 500, f"{''.join(lines)}{name} check failed")
            return
        if waiting is not None:
            callback, waiting = waiting, None
            callback()
        text = f"{''.join(lines)}{name} check passed\n" if "verbose" in query else "ok"
        await send_text(send, 200, text, [_NOSNIFF])

    return page


def _single(check: HealthChecker) -> Handler:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        reason = await reason_of_failure(check, scope)
        if reason is None:
            await send_text(send, 200, "ok")
        else:
            await send_plain_error(send, 500, f"internal server error: {reason}")

    return page
