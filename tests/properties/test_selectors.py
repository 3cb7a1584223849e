"""Selectors against a model of one line each, and lists in pages against lists in one piece."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.widgets import ALL, QUICK, created, done, serving, widget
from tests.support.asgi_client import ASGIClient

KEYS = st.sampled_from(["app", "example.com/tier", "n"])
VALUES = st.sampled_from(["", "a", "b", "1", "2", "x-3"])
LABELS = st.dictionaries(KEYS, VALUES, max_size=3)
Labels = dict[str, str]
Requirement = tuple[str, Callable[[Labels], bool]]


def _number(labels: Labels, key: str) -> int | None:
    try:
        return int(labels.get(key, ""))
    except ValueError:
        return None


def _is(key: str, value: str, sign: str) -> Requirement:
    if sign == "!=":
        return f"{key}!={value}", lambda labels: labels.get(key) != value
    return f"{key}{sign}{value}", lambda labels: labels.get(key) == value


def _among(key: str, values: list[str], positive: bool) -> Requirement:
    text = f"{key} {'in' if positive else 'notin'} ({', '.join(values)})"
    return text, lambda labels: (labels.get(key) in values) is positive


def _has(key: str, positive: bool) -> Requirement:
    return key if positive else f"!{key}", lambda labels: (key in labels) is positive


def _compares(key: str, bound: int, greater: bool) -> Requirement:
    def holds(labels: Labels) -> bool:
        number = _number(labels, key)
        return number is not None and (number > bound if greater else number < bound)

    return f"{key}{'>' if greater else '<'}{bound}", holds


REQUIREMENTS = st.one_of(
    st.builds(_is, KEYS, VALUES, st.sampled_from(["=", "==", "!="])),
    st.builds(_among, KEYS, st.lists(VALUES, min_size=1, max_size=3, unique=True), st.booleans()),
    st.builds(_has, KEYS, st.booleans()),
    st.builds(_compares, KEYS, st.integers(0, 2), st.booleans()),
)
FIELDS = st.lists(
    st.tuples(
        st.sampled_from(["spec.color", "metadata.name", "metadata.namespace"]),
        st.sampled_from(["=", "==", "!="]),
        st.sampled_from(["red", "blue", "w0", "w1", "ns", ""]),
    ),
    max_size=2,
)
WIDGETS = st.lists(st.tuples(LABELS, st.sampled_from(["red", "blue"])), max_size=6)


def _field(name: str, color: str, field: str) -> str:
    return {"spec.color": color, "metadata.name": name, "metadata.namespace": "ns"}[field]


@QUICK
@given(WIDGETS, st.lists(REQUIREMENTS, max_size=3), FIELDS, st.integers(1, 4))
def test_selectors_select_what_they_say(
    widgets: list[tuple[Labels, str]],
    requirements: list[Requirement],
    fields: list[tuple[str, str, str]],
    limit: int,
) -> None:
    async def run(client: ASGIClient) -> None:
        for number, (labels, color) in enumerate(widgets):
            await created(client, widget(f"w{number}", labels=labels, color=color))
        label_selector = ",".join(text for text, _ in requirements)
        field_selector = ",".join("".join(each) for each in fields)
        query = f"{ALL}?labelSelector={quote(label_selector)}&fieldSelector={quote(field_selector)}"
        wanted = [
            f"w{number}"
            for number, (labels, color) in enumerate(widgets)
            if all(holds(labels) for _, holds in requirements)
            and all((_field(f"w{number}", color, field) == value) is (sign != "!=") for field, sign, value in fields)
        ]
        for how in ("", "&resourceVersion=0"):
            assert names(done(await client.get(query + how))) == wanted
        paged: list[str] = []
        token = ""
        while True:
            page = done(await client.get(f"{query}&limit={limit}&continue={token}"))
            assert len(page["items"]) <= limit
            paged += names(page)
            if not (token := page["metadata"].get("continue", "")):
                break
        assert paged == wanted

    serving(run)


def names(listed: Any) -> list[str]:
    return [item["metadata"]["name"] for item in listed["items"]]
