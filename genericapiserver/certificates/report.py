"""The certificates of a server as a page for people: what is in use, since when, until when, and what is wrong.

Certificates are public, so a page may show them; keys are never looked at here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

import attrs

from genericapiserver.certificates.bundles import CAContentProvider
from genericapiserver.certificates.changes import LoadState
from genericapiserver.certificates.description import human_detail
from genericapiserver.certificates.pairs import CertKeyContentProvider
from genericapiserver.certificates.serving import CONFIGURATION, chain_of, end_of


@attrs.frozen(kw_only=True)
class ContentReport:
    """What one provider holds. *ends* is None while it holds nothing; *problem* is empty while all is well."""

    name: str
    certificates: tuple[str, ...]
    """A line for each, leaf first."""
    ends: dt.datetime | None
    loaded_at: dt.datetime | None
    """None for what never changes."""
    problem: str
    problem_since: dt.datetime | None
    failures: int


def report(
    providers: Iterable[CertKeyContentProvider | CAContentProvider], tls_state: LoadState, now: dt.datetime
) -> list[ContentReport]:
    """What each of *providers* holds, and the set made of it, which is *tls_state*'s."""
    found = {}
    for provider in providers:
        chain = chain_of(provider)
        details = tuple(human_detail(certificate, now) for certificate in chain)
        found[provider.name] = _report(
            provider.name, details, end_of(provider, chain, now), getattr(provider, "state", None)
        )
    return [*found.values(), _report(CONFIGURATION, (), None, tls_state)]


def page(reports: Iterable[ContentReport]) -> str:
    """*reports* as text, one paragraph for each."""
    return "\n".join(line for one in reports for line in [*_lines(one), ""])


def _report(name: str, details: tuple[str, ...], end: dt.datetime | None, state: LoadState | None) -> ContentReport:
    state = state or LoadState()
    return ContentReport(
        name=name,
        certificates=details,
        ends=end,
        loaded_at=_time(state.loaded_at),
        problem=state.problem,
        problem_since=_time(state.problem_since),
        failures=state.failures,
    )


def _lines(one: ContentReport) -> Iterator[str]:
    yield one.name
    if one.loaded_at is not None:
        yield f"  in use since {_text(one.loaded_at)}"
    if one.ends is not None:
        yield f"  ends {_text(one.ends)}"
    elif one.name != CONFIGURATION:
        yield "  holds no certificate"
    if one.problem and one.problem_since is not None:
        yield f"  PROBLEM since {_text(one.problem_since)}, seen {one.failures} times: {one.problem}"
        yield "  what was in use before stays in use"
    for detail in one.certificates:
        yield f"  - {detail}"


def _time(seconds: float | None) -> dt.datetime | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC)


def _text(time: dt.datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
