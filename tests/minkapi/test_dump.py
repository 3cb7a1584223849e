"""Loading views from manifests and saving them: all or nothing, and errors that say where."""

import os
from pathlib import Path

import pytest

from genericapiserver.apis import apps_v1
from genericapiserver.minkapi import View, ViewAccess
from genericapiserver.minkapi.command import Options
from genericapiserver.minkapi.dump import load, save
from genericapiserver.minkapi.manifests import ManifestError, read_manifests
from genericapiserver.minkapi.view import EVENTS, NODES, PODS
from tests.minkapi.objects import new_node, new_pod, whole_content

DEPLOYMENTS = apps_v1.GROUP_VERSION.with_kind("Deployment")
MANIFESTS = """\
# what a cluster has
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, uid: the-uid, resourceVersion: "7", creationTimestamp: "2020-01-01T00:00:00Z"}
spec:
  nodeName: n1
  containers: [{name: web, image: "web:1"}]
status: {phase: Running}
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Node
  metadata: {name: n1}
  status: {allocatable: {cpu: "4"}}
- apiVersion: v1
  kind: Namespace
  metadata: {name: default, labels: {a: b}}
---
apiVersion: v1
kind: PodList
items:
- metadata: {name: listed}
  spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Event
metadata: {name: e1, namespace: shop}
involvedObject: {kind: Pod, name: web, namespace: shop}
message: hello
"""


def write(folder: Path, text: str, name: str = "objects.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


async def test_a_dump_is_loaded_as_it_is(access: ViewAccess, base: View, tmp_path: Path) -> None:
    assert await load(access, base, write(tmp_path, MANIFESTS)) == 5
    pod = await base.get_object(PODS, "web", namespace="shop")
    assert (pod.metadata.uid, pod.metadata.creation_timestamp.year, pod.status.phase) == ("the-uid", 2020, "Running")
    assert pod.metadata.resource_version != "7"
    assert (await base.get_object(NODES, "n1")).status.allocatable["cpu"]
    assert (await base.get_object(PODS, "listed", namespace="default")).spec.containers[0].image == "i"
    namespace = await base.get_object(PODS.__class__("", "v1", "Namespace"), "default")
    assert namespace.metadata.labels == {"a": "b"}, "what is there already is replaced"
    assert [event.note for event in await base.list_events("shop")] == ["hello"]
    assert await load(access, base, tmp_path) == 5, "loading again changes nothing"


async def test_json_and_folders(access: ViewAccess, base: View, tmp_path: Path) -> None:
    pod = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "%s"}}'
    write(tmp_path, pod % "a" + "\n" + pod % "b", "one/two.json")
    write(tmp_path, MANIFESTS, "three.yml")
    write(tmp_path, "no manifest", "README.md")
    assert await load(access, base, tmp_path) == 7


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kind: Pod\nmetadata: {name: a}\n", "document 1 (line 1): apiVersion: is missing"),
        ("# x\n---\na: [\n", "document 1 (line 2): yaml: "),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n- 1\n", "document 2 (line 4): an object is expected"),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {nodename: x}\n",
            'document 1 (line 1): Pod a: unknown field "spec.nodename"',
        ),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {nodeName: 3}\n", "document 1 (line 1): "),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: A_b}\n", "metadata.name: Invalid value"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {}\n", "missing both name and generateName"),
        ("apiVersion: x/v1\nkind: Thing\nmetadata: {name: a}\n", "kind: Thing of x/v1 is not served here"),
        ("apiVersion: v1\nkind: List\nitems: 3\n", "items: a List needs a list of objects"),
        ("apiVersion: v1\nkind: List\nitems: [{kind: Pod}]\n", "document 1 (line 1), item 1: apiVersion: is missing"),
        ('{"kind": "Pod", }', "document 1 (line 1): "),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a, name: b}\n", "document 1 (line 1): "),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_loaded(
    access: ViewAccess, base: View, tmp_path: Path, text: str, problem: str
) -> None:
    good = write(tmp_path, MANIFESTS, "a.yaml")
    write(tmp_path, text, "b.json" if text.startswith("{") else "b.yaml")
    before = await whole_content(base.engine)
    with pytest.raises(ManifestError) as refused:
        await load(access, base, tmp_path)
    assert f"{tmp_path}/b." in str(refused.value)
    assert problem in str(refused.value)
    assert str(good) not in str(refused.value)
    assert await whole_content(base.engine) == before
    assert base.engine.forks == frozenset()


async def test_all_that_is_wrong_is_named_at_once(access: ViewAccess, base: View, tmp_path: Path) -> None:
    bad = "apiVersion: v1\nkind: Pod\nmetadata: {name: A}\n---\n"
    with pytest.raises(ManifestError) as refused:
        await load(access, base, write(tmp_path, bad * 25))
    assert len(refused.value.problems) == 25
    assert str(refused.value).endswith("and 5 more")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="No such file"):
        read_manifests(tmp_path / "nope.yaml")
    with pytest.raises(ManifestError, match="there is no file in this folder"):
        read_manifests(tmp_path)


@pytest.mark.parametrize("target", ["dump.yaml", "dump.json", "folder"])
async def test_what_is_saved_is_loaded_again(access: ViewAccess, base: View, tmp_path: Path, target: str) -> None:
    await base.create_object(NODES, new_node("n1"))
    await base.create_object(PODS, new_pod("p1", app="web"))
    sandbox = base.fork("sandbox")
    await sandbox.create_object(PODS, new_pod("p2"))
    await sandbox.patch_object(PODS, "p1", {"metadata": {"labels": {"x": "y"}}})
    path = tmp_path / "below" / target
    path.parent.mkdir()
    assert await save(access, sandbox, path) == 4
    async with ViewAccess() as other:
        assert await load(other, other.base_view, path) == 4
        assert [pod.metadata.labels for pod in await other.base_view.list_pods()] == [{"app": "web", "x": "y"}, {}]
        assert not await sandbox.diff(other.base_view)
    assert os.listdir(path.parent) == [target], "no draft is left"


async def test_a_folder_that_holds_something_is_not_written_to(access: ViewAccess, base: View, tmp_path: Path) -> None:
    write(tmp_path, "mine", "folder/file")
    with pytest.raises(FileExistsError, match="holds something already"):
        await save(access, base, tmp_path / "folder")
    assert os.listdir(tmp_path) == ["folder"]
    with pytest.raises(OSError, match="No such file"):
        await save(access, base, tmp_path / "nope" / "dump.yaml")


async def test_watches_see_what_is_loaded(access: ViewAccess, base: View, tmp_path: Path) -> None:
    async with await base.get_watcher(PODS) as watcher:
        await load(access, base, write(tmp_path, MANIFESTS))
        events = aiter(watcher)
        assert sorted([(await anext(events)).object.metadata.name for _ in range(2)]) == ["listed", "web"]
    assert EVENTS.kind == "Event"


async def test_what_is_loaded_has_the_identity_and_the_generation_that_it_was_saved_with(
    access: ViewAccess, base: View, tmp_path: Path
) -> None:
    """Also where an object of that name is there already, such as the namespace `default`."""
    deployment = {"metadata": {"name": "web", "generation": 7}, "spec": {"replicas": 2}}
    await base.create_object(DEPLOYMENTS, {**deployment, "status": {"observedGeneration": 7}})
    await base.create_object(PODS, {"metadata": {"name": "held", "finalizers": ["a/b"]}})
    await base.delete_object(PODS, "held")
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    await save(access, base, first)
    async with ViewAccess() as other:
        await other.base_view.create_object(PODS, {"metadata": {"name": "held", "finalizers": ["x/y"]}})
        await load(other, other.base_view, first)
        assert (await other.base_view.get_object(DEPLOYMENTS, "web")).metadata.generation == 7
        await save(other, other.base_view, second)
    without = [
        [line for line in path.read_text().splitlines() if "resourceVersion" not in line] for path in (first, second)
    ]
    assert without[0] == without[1]


async def test_what_is_loaded_without_an_identity_changes_what_is_there(
    access: ViewAccess, base: View, tmp_path: Path
) -> None:
    there = await base.create_object(NODES, new_node("n1"))
    await load(
        access, base, write(tmp_path, "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nspec: {podCIDR: 10.0.0.0/8}\n")
    )
    loaded = await base.get_object(NODES, "n1")
    assert (loaded.metadata.uid, loaded.metadata.generation) == (there.metadata.uid, 2)


def test_a_key_that_is_there_twice_is_refused_in_json_too(tmp_path: Path) -> None:
    text = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "name": "b"}}'
    with pytest.raises(ManifestError, match=r"objects.json, document 1 \(line 1\): the key 'name' is there twice"):
        read_manifests(write(tmp_path, text, "objects.json"))


async def test_dumps_of_clusters_have_further_kinds_in_them(access: ViewAccess, base: View, tmp_path: Path) -> None:
    path = write(tmp_path, "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent}\n")
    with pytest.raises(ManifestError, match="DaemonSet of apps/v1 is not served here without --further-kinds"):
        await load(access, base, path)
    async with ViewAccess(Options(further_kinds=True).config()) as more:
        assert await load(more, more.base_view, path) == 1
