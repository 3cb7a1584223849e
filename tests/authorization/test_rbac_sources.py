"""Roles and bindings from files: what is read, what is refused and where, and that changes are noticed."""

import asyncio
import contextlib
import logging
from pathlib import Path

import pytest

from genericapiserver.authorization.rbac_sources import RBACFileError, RBACFiles, load_rbac_files

ROLE = """\
kind: Role
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: %s, namespace: a}
rules: [{verbs: [get], apiGroups: [""], resources: [pods]}]
"""


def names(files: RBACFiles) -> list[str]:
    return [role.metadata.name for role in files.objects().roles]


def test_files_and_folders_with_several_documents(tmp_path: Path) -> None:
    folder = tmp_path / "roles"
    folder.mkdir()
    (folder / "b.yaml").write_text(f"# a comment\n---\n{ROLE % 'b'}---\n\n---\n{ROLE % 'c'}", encoding="utf-8")
    (folder / "notes.txt").write_text("no role", encoding="utf-8")
    single = tmp_path / "a.json"
    single.write_text(
        '{"kind": "Role", "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "a", "namespace": "a"}}',
        encoding="utf-8",
    )
    assert names(RBACFiles([folder, single])) == ["b", "c", "a"]


def test_bindings_are_defaulted_as_the_api_does(tmp_path: Path) -> None:
    path = tmp_path / "binding.yaml"
    path.write_text(
        "kind: ClusterRoleBinding\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {name: a}\n"
        "roleRef: {kind: ClusterRole, name: r}\nsubjects: [{kind: User, name: u}]\n",
        encoding="utf-8",
    )
    (binding,) = load_rbac_files([path]).cluster_role_bindings
    assert binding.role_ref.api_group == binding.subjects[0].api_group == "rbac.authorization.k8s.io"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{ROLE % 'a'}---\n\n{ROLE % 'a'}", "line 7: metadata.name: Role 'a' is in {path}: line 1, too"),
        (
            ROLE.replace("[get]", "[]") % "a",
            "line 1: rules[0].verbs: Required value: verbs must contain at least one value (line 4)",
        ),
        (ROLE.replace("verbs", "verb") % "a", 'line 1: unknown field "rules[0].verb" (line 4)'),
        (f"{ROLE % 'a'}---\n{ROLE % 'b'}{ROLE % 'b'}", 'line 6: yaml: unmarshal errors: line 10: key "kind" already'),
        (f"{ROLE % 'a'}---\n{ROLE.replace('verbs', 'verb') % 'b'}", 'line 6: unknown field "rules[0].verb" (line 9)'),
        (ROLE.replace(", namespace: a", "") % "a", "line 1: metadata.namespace: Required value"),
        (ROLE.replace("/v1", "/v9") % "a", 'line 1: no kind "Role" is registered for version'),
        (f"{ROLE % 'a'}---\nkind: [", "line 6: "),
        ("apiVersion: v1\n", "line 1: "),
        (
            "kind: ClusterRole\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {name: a}\n"
            "aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\n",
            "line 1: aggregationRule: no controller fills in the rules of a file: write them out",
        ),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "roles.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RBACFileError) as raised:
        load_rbac_files([path])
    assert str(raised.value).startswith(f"{path}: {problem.format(path=path)}")


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(RBACFileError, match=r"^/no/file: no such file or directory$"):
        RBACFiles(["/no/file"])


async def test_changes_count_once_they_can_be_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "roles.yaml"
    path.write_text(ROLE % "a", encoding="utf-8")
    files = RBACFiles([tmp_path])
    changed = asyncio.Event()
    files.add_listener(changed.set)
    watch = asyncio.ensure_future(files.watch())
    try:
        async with asyncio.timeout(30):
            path.write_text(ROLE % "b", encoding="utf-8")
            await changed.wait()
            assert names(files) == ["b"]
            changed.clear()
            with caplog.at_level(logging.ERROR):
                path.write_text("kind: [", encoding="utf-8")
                while not caplog.records:
                    await asyncio.sleep(0.01)
            assert "roles and bindings stay as they were: " in caplog.text
            assert (names(files), changed.is_set()) == (["b"], False)
            path.write_text(ROLE % "c", encoding="utf-8")
            await changed.wait()
            assert names(files) == ["c"]
    finally:
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
