"""What differs between two views."""

from genericapiserver.minkapi import View
from genericapiserver.minkapi.diff import field_changes
from genericapiserver.minkapi.view import NODES, PODS
from tests.minkapi.objects import binding_to, new_node, new_pod


async def test_two_alternatives_over_one_base(base: View) -> None:
    for name in ("n1", "n2"):
        await base.create_object(NODES, new_node(name))
    for name in ("p1", "p2", "p3"):
        await base.create_object(PODS, new_pod(name))
    left, right = base.fork("left"), base.fork("right")
    assert not await left.diff(right)
    await left.update_pod_node_binding("p1", binding_to("n1"))
    await right.update_pod_node_binding("p1", binding_to("n2"))
    await right.delete_object(PODS, "p2")
    await right.create_object(PODS, new_pod("p4"))
    found = await left.diff(right)
    assert [(each.kind.plural, str(each.name)) for each in found.added] == [("pods", "default/p4")]
    assert [str(each.name) for each in found.removed] == ["default/p2"]
    (changed,) = found.changed
    assert {field.path: (field.before, field.after) for field in changed.fields}["spec.nodeName"] == ("n1", "n2")
    assert str(found).splitlines()[0] == "~ pods default/p1"
    assert "    spec.nodeName: 'n1' -> 'n2'" in str(found)
    back = await right.diff(left)
    assert (len(back.added), len(back.removed), len(back.changed)) == (1, 1, 1)


async def test_what_any_write_changes_is_no_difference(base: View, sandbox: View) -> None:
    await base.create_object(PODS, new_pod("p1"))
    await sandbox.patch_object(PODS, "p1", {"metadata": {"labels": {"a": "b"}}})
    await sandbox.patch_object(PODS, "p1", {"metadata": {"labels": {"a": None}}})
    assert not await base.diff(sandbox)


def test_paths_of_fields() -> None:
    before = {"metadata": {"name": "a", "labels": {"app.kubernetes.io/name": "x"}}, "spec": {"list": [{"a": 1}, 2]}}
    after = {
        "metadata": {"name": "a", "labels": {"app.kubernetes.io/name": "y"}},
        "spec": {"list": [{"a": 2}], "new": 0},
    }
    assert [str(each) for each in field_changes(before, after)] == [
        "metadata.labels['app.kubernetes.io/name']: 'x' -> 'y'",
        "spec.list[0].a: 1 -> 2",
        "spec.list[1]: 2 -> (none)",
        "spec.new: (none) -> 0",
    ]
