"""From one widget to another by every way there is: an update, three kinds of patch, and an applied configuration."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.widgets import NAMESPACE, QUICK, created, done, serving, widget
from tests.support.asgi_client import ASGIClient

WORDS = st.sampled_from(["a", "b", "c/d", "~1"])
TEXTS = st.sampled_from(["", "x", "y", "é"])
PARTS = st.dictionaries(WORDS, st.fixed_dictionaries({}, optional={"count": st.integers(1, 3)}), max_size=3)
SPECS = st.fixed_dictionaries(
    {"color": st.sampled_from(["red", "blue"])},
    optional={
        "replicas": st.integers(0, 3),
        "parts": PARTS.map(lambda parts: [{"name": name, **part} for name, part in parts.items()]),
        "tags": st.lists(WORDS, max_size=3, unique=True),
        "order": st.lists(TEXTS, max_size=4),
        "options": st.dictionaries(WORDS, TEXTS, max_size=3),
        "limits": st.fixed_dictionaries({"low": st.integers(0, 2)}, optional={"high": st.integers(1, 2)}),
        "weight": st.sampled_from([0, 0.5, 7]),
        "paused": st.booleans(),
        "port": st.sampled_from([80, "http"]),
        "size": st.sampled_from(["1Gi", "500m"]),
    },
)


def merge_patch(old: Any, new: Any) -> Any:
    """RFC 7396: null for what goes, and lists as a whole."""
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        if key in old and isinstance(value, dict) and isinstance(old[key], dict):
            patch[key] = merge_patch(old[key], value)
        elif key not in old or old[key] != value:
            patch[key] = value
    return patch


def json_patch(old: Any, new: Any, path: str) -> Iterator[dict[str, Any]]:
    """RFC 6902: as many small operations as possible."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old | new:
            pointer = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
            if key not in new:
                yield {"op": "remove", "path": pointer}
            elif key not in old:
                yield {"op": "add", "path": pointer, "value": new[key]}
            else:
                yield from json_patch(old[key], new[key], pointer)
    elif isinstance(old, list) and isinstance(new, list):
        shared = min(len(old), len(new))
        for index in range(shared):
            yield from json_patch(old[index], new[index], f"{path}/{index}")
        for index in reversed(range(shared, len(old))):
            yield {"op": "remove", "path": f"{path}/{index}"}
        for value in new[shared:]:
            yield {"op": "add", "path": f"{path}/-", "value": value}
    else:
        yield {"op": "test", "path": path, "value": old}
        yield {"op": "replace", "path": path, "value": new}


def strategic_patch(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """A merge patch, except that parts merge by name and tags as a set."""
    patch: dict[str, Any] = merge_patch(old, {key: new[key] for key in new if key not in ("parts", "tags")})
    patch.pop("parts", None)
    patch.pop("tags", None)
    old_parts = {part["name"]: part for part in old.get("parts", [])}
    new_parts = {part["name"]: part for part in new.get("parts", [])}
    parts = [{"$patch": "delete", "name": name} for name in old_parts if name not in new_parts]
    parts += [{**merge_patch(old_parts.get(name, {}), part), "name": name} for name, part in new_parts.items()]
    old_tags, new_tags = old.get("tags", []), new.get("tags", [])
    return {
        **patch,
        "parts": parts,
        "tags": [tag for tag in new_tags if tag not in old_tags],
        "$deleteFromPrimitiveList/tags": [tag for tag in old_tags if tag not in new_tags],
    }


def unordered(spec: dict[str, Any]) -> dict[str, Any]:
    """*spec* without the order of what has none."""
    parts = sorted(spec.get("parts", []), key=lambda part: str(part["name"]))
    return {**spec, "parts": parts, "tags": sorted(spec.get("tags", []))}


async def patched(client: ASGIClient, name: str, kind: str, body: Any, query: str = "") -> Any:
    headers = {"content-type": f"application/{kind}"}
    return done(await client.request("PATCH", f"{NAMESPACE}/{name}{query}", headers=headers, body=body))


@QUICK
@given(SPECS, SPECS)
def test_every_way_of_writing_leads_to_the_same_widget(old: dict[str, Any], new: dict[str, Any]) -> None:
    async def run(client: ASGIClient) -> None:
        live = (await created(client, widget("put", **old)))["spec"]
        for name in ("merge", "json", "strategic"):
            assert (await created(client, widget(name, **old)))["spec"] == live
        applied = await patched(client, "apply", "apply-patch+yaml", widget("apply", **old), "?fieldManager=me")
        assert applied["spec"] == live

        wanted = done(await client.request("PUT", f"{NAMESPACE}/put", body=widget("put", **new)))["spec"]
        merged = await patched(client, "merge", "merge-patch+json", {"spec": merge_patch(live, new)})
        assert merged["spec"] == wanted
        by_json = await patched(client, "json", "json-patch+json", list(json_patch(live, new, "/spec")))
        assert by_json["spec"] == wanted
        strategic = await patched(
            client, "strategic", "strategic-merge-patch+json", {"spec": strategic_patch(live, new)}
        )
        assert unordered(strategic["spec"]) == unordered(wanted)
        applied = await patched(client, "apply", "apply-patch+yaml", widget("apply", **new), "?fieldManager=me")
        assert unordered(applied["spec"]) == unordered(wanted)

    serving(run)


@QUICK
@given(SPECS, SPECS)
def test_appliers_keep_what_is_only_theirs(mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Two managers, then one of them lets go of everything: the other's remains, as if it had been alone."""

    async def run(client: ASGIClient) -> None:
        one, two = "?fieldManager=one", "?fieldManager=two&force=true"
        await patched(client, "both", "apply-patch+yaml", widget("both", **mine), one)
        both = await patched(client, "both", "apply-patch+yaml", widget("both", **theirs), two)
        assert {entry["manager"] for entry in both["metadata"]["managedFields"]} <= {"one", "two"}
        bare = {key: value for key, value in widget("both").items() if key != "spec"}
        left = await patched(client, "both", "apply-patch+yaml", bare, one)
        alone = await patched(client, "alone", "apply-patch+yaml", widget("alone", **theirs), two)
        assert unordered(left["spec"]) == unordered(alone["spec"])

    serving(run)
