"""Running kubectl as a person would, away from that person's own configuration."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import attrs
import pytest

DEADLINE = 120.0
"""Seconds that one command may take; none needs two."""

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl on PATH")


@cache
def kubectl_minor() -> int:
    """Which Kubernetes 1.x the installed kubectl is of; 0 when there is none."""
    if shutil.which("kubectl") is None:
        return 0
    told = subprocess.run(
        ["kubectl", "version", "--client", "-o", "json"], capture_output=True, check=True, timeout=DEADLINE
    )
    return int(json.loads(told.stdout)["clientVersion"]["minor"].rstrip("+"))


@attrs.frozen
class Outcome:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str


class Kubectl:
    """kubectl with *flags* before every command, its home and its working folder in *home*."""

    def __init__(self, home: Path, flags: Sequence[str]) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self._command = ["kubectl", *flags, f"--cache-dir={home}/cache"]

    def run(self, *arguments: str, stdin: str | None = None, env: Mapping[str, str] | None = None) -> Outcome:
        """Run one command to its end."""
        done = subprocess.run(
            [*self._command, *arguments],
            cwd=self.home,
            env=self._environment(env),
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """What a command prints. Fails when it does."""
        outcome = self.run(*arguments, stdin=stdin)
        assert outcome.status == 0, f"kubectl {' '.join(arguments)}: {outcome}"
        return outcome.stdout

    def start(self, *arguments: str, output: Path) -> subprocess.Popen[bytes]:
        """A command that goes on, its output in *output*. The caller ends it."""
        with output.open("wb") as out:
            return subprocess.Popen(
                [*self._command, *arguments],
                cwd=self.home,
                env=self._environment(None),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def _environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        own = {
            "HOME": str(self.home),
            "KUBECONFIG": str(self.home / "none"),
            "KUBECTL_EXTERNAL_DIFF": "diff -u -N",
        }
        return {**os.environ, **own, **(more or {})}
