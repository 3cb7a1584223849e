"""The image of the servers, as far as it can be seen without building it."""

import re
import shlex

import pytest

from genericapiserver.builder.manifests.workload import APP, DATA, PORT, USER
from tests.support.server_process import CHECKOUT

TEXT = (CHECKOUT / "Containerfile").read_text("utf-8")


def instructions() -> list[tuple[str, str]]:
    lines = "\n".join(line for line in TEXT.splitlines() if not line.startswith("#")).replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines if line.strip()]


def said(instruction: str) -> list[str]:
    return [arguments for name, arguments in instructions() if name == instruction]


def test_both_stages_are_of_one_base_that_is_pinned_and_can_be_chosen() -> None:
    assert re.fullmatch(r"BASE=docker\.io/library/python:3\.\d+\.\d+-slim-\w+", said("ARG")[0])
    assert said("FROM") == ["${BASE} AS build", "${BASE}"]


def test_the_tools_of_the_build_stay_in_it() -> None:
    (copied,) = [arguments for arguments in said("COPY") if arguments.startswith("--from=build")]
    assert copied == "--from=build /opt/genericapiserver /opt/genericapiserver"
    assert "pip" not in said("RUN")[-1]


def test_it_runs_as_the_user_of_the_manifests_and_not_as_root() -> None:
    assert said("USER") == [f"{USER}:{USER}"]
    assert f"--uid {USER} " in said("RUN")[-1]
    assert instructions().index(("USER", f"{USER}:{USER}")) > instructions().index(("RUN", said("RUN")[-1]))


def test_paths_and_the_port_are_those_of_the_manifests() -> None:
    made = shlex.split(said("RUN")[-1])
    assert {APP, DATA} <= set(made)
    assert said("EXPOSE") == [str(PORT)]
    assert said("ENTRYPOINT") == ['["genericapiserver"]']


@pytest.mark.parametrize("name", [".dockerignore", ".containerignore"])
def test_only_what_is_built_goes_into_the_context(name: str) -> None:
    lines = [line for line in (CHECKOUT / name).read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    taken = {line[1:] for line in lines if line.startswith("!")}
    assert {"pyproject.toml", "README.md", "LICENSE", "genericapiserver"} <= taken
    assert all((CHECKOUT / path).exists() for path in taken)
    links = {path.name for path in (CHECKOUT / "genericapiserver").iterdir() if path.is_symlink()}
    assert links <= taken
    assert "**/*.key" in lines
