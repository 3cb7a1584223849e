"""Who knows nothing of pods does not pay for them: a server's start is half a second, all kinds are an eighth of one."""

import subprocess
import sys

import pytest

from genericapiserver.apis import core_v1
from genericapiserver.apis.core_v1.pods import Pod
from tests.support.server_process import CHECKOUT

KINDS = ("core_v1.pods", "core_v1.nodes", "core_v1.services", "apps_v1", "batch_v1", "resource_v1", "storage_v1")


@pytest.mark.parametrize(
    "program", ["examples.wardle.standalone", "examples.widgets.server", "genericapiserver.controlplane.core"]
)
def test_a_server_without_these_kinds_does_not_import_them(program: str) -> None:
    code = f"import {program}, genericapiserver.builder.standalone, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=120
    )
    loaded = set(done.stdout.split())
    assert program in loaded
    assert loaded & {f"genericapiserver.apis.{name}" for name in KINDS} == set()


def test_kinds_are_there_when_they_are_asked_for() -> None:
    assert core_v1.Pod is Pod
    assert all(getattr(core_v1, name) is not None for name in core_v1.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Podd'"):
        core_v1.Podd  # noqa: B018
