"""A page's examples as a reader would try them: one after the other, in one folder, with one server at a time.

The reader's commands run in bash, with a home, a kubeconfig and a PATH of their own; what they export and where they go
holds for the next ones. Ports that the page names become free ones, in its files and in its commands.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from tests.docs.pages import Block
from tests.support.server_process import CHECKOUT, STOP_DEADLINE, eventually, free_port

DEADLINE = 60.0
"""Seconds that one command or program may take."""
DEFAULT_PORT = "6443"
READY = "try:"
"""What a server that stands alone says last."""

_PORT = re.compile(r"(?:--(?:\w+-)?port[= ]|\bPORT=)(\d+)")
_STANDALONE = re.compile(r"examples\.(?:\w+\.standalone|aggregation)")
_COMMENT = re.compile(r"\s+#[^'\"]*$")
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")


_MAKE_SERVE = (
    "exec python -m examples.wardle.standalone --port=${PORT:-%s} --data=${DATA:-.data} "
    "--storage-backend=${BACKEND:-sqlite} $ARGS"
)
"""What the Makefile does, without its environment."""
_MAKE_VARIABLES = frozenset({"ARGS", "BACKEND", "DATA", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "PORT"})


@attrs.frozen
class Step:
    """One command, and what the page shows of its output; None when it shows nothing."""

    command: str
    shown: str | None

    @property
    def words(self) -> list[str]:
        """The command's words without its variables, for looking at; empty when they cannot be told."""
        try:
            words = shlex.split(self.command, comments=True)
        except ValueError:
            return []
        while words and re.fullmatch(r"\w+=.*", words[0], re.DOTALL):
            del words[0]
        return [words[0].removeprefix(".venv/bin/"), *words[1:]] if words else words

    @property
    def is_server(self) -> bool:
        words = self.words
        ours = words[:2] in (["genericapiserver", "serve"], ["make", "serve"])
        sample = words[:2] == ["python", "-m"] and _STANDALONE.fullmatch(words[2] if len(words) > 2 else "") is not None
        return (ours or sample) and not {"--help", "-h"} & set(words)

    @property
    def in_background(self) -> bool:
        return self.is_server or self.words[-1:] == ["&"]


def steps_of(block: Block) -> list[Step]:
    """The commands of a shell block. In a console block they follow `$ `, and the other lines are what they print."""
    if block.language == "sh":
        return [Step(command, None) for command in _commands(block.text.splitlines())]
    steps: list[Step] = []
    lines = block.text.splitlines()
    while lines:
        line = lines.pop(0)
        if line.startswith("$ "):
            command, lines = _take(line.removeprefix("$ "), lines)
            steps.append(Step(command, None))
        elif line.strip() and steps:
            last = steps[-1]
            steps[-1] = Step(last.command, f"{last.shown}\n{line}" if last.shown else line)
    return steps


def _commands(lines: list[str]) -> Iterator[str]:
    while lines:
        command, lines = _take(lines[0], lines[1:])
        if command.strip() and not command.lstrip().startswith("#"):
            yield command


def _take(first: str, rest: list[str]) -> tuple[str, list[str]]:
    """A command that begins with the line *first*, and the lines after it."""
    command = [first]
    end = _HEREDOC.search(first)
    while rest and (command[-1].endswith("\\") or (end and command[-1].strip() != end[2])):
        command.append(rest[0])
        rest = rest[1:]
        end = end or _HEREDOC.search(command[-1])
    return "\n".join(command), rest


def agrees(printed: str, shown: str) -> bool:
    """Whether *printed* is what is *shown*: `...` stands for anything, and blanks count only as being there."""
    pieces = [re.escape(" ".join(piece.split())) for piece in shown.split("...")]
    return re.fullmatch(r"\s*" + r"\s*.*\s*".join(pieces) + r"\s*", " ".join(printed.split()), re.DOTALL) is not None


def missing_commands(blocks: Sequence[Block]) -> list[str]:
    """Programs that the blocks to be run need and this machine has not, apart from the project's own."""
    steps = [step for block in blocks if block.is_shell and block.is_run for step in steps_of(block)]
    needed = {"bash"} | {step.words[0] for step in steps if step.words}
    own = {"genericapiserver", "make", "python", "python3"}
    builtin = {
        "export",
        "cd",
        "unset",
        "set",
        "test",
        "[",
        "echo",
        "printf",
        "for",
        "while",
        "if",
        "(",
        "{",
        "!",
        "wait",
    }
    return sorted(name for name in needed - own - builtin if shutil.which(name) is None)


class Session:
    """Runs the blocks of one page in *folder*."""

    def __init__(self, folder: Path, blocks: Sequence[Block]) -> None:
        self._folder = folder / "page"
        self._beside = folder / "beside"
        self._state = self._beside / "state"
        self._server: subprocess.Popen[bytes] | None = None
        self._background: list[subprocess.Popen[bytes]] = []
        self._logs = 0
        text = "\n".join(block.text for block in blocks if block.is_run or block.file)
        self._ports = {number: str(free_port()) for number in {DEFAULT_PORT, *_PORT.findall(text)}}
        self._folder.mkdir(parents=True)
        (self._beside / "home").mkdir(parents=True)
        (self._beside / "bin").mkdir()
        (self._folder / ".venv").mkdir()
        (self._folder / ".venv" / "bin").symlink_to(self._beside / "bin")  # a page may name it, as in a checkout
        (self._beside / "path").mkdir()
        (self._beside / "path" / "examples").symlink_to(CHECKOUT / "examples")
        for name, module in (("genericapiserver", "-m genericapiserver"), ("python", ""), ("python3", "")):
            script = self._beside / "bin" / name
            script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {module} "$@"\n', "utf-8")
            script.chmod(0o755)
        # What `make test ARGS=...` was told is not meant for the `make serve` of a page.
        inherited = {name: value for name, value in os.environ.items() if name not in _MAKE_VARIABLES}
        self._environment = {
            **inherited,
            "HOME": str(self._beside / "home"),
            "KUBECONFIG": str(self._beside / "home" / "none"),
            "PATH": f"{self._beside / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(
                filter(None, (os.environ.get("PYTHONPATH"), str(self._beside / "path")))  # examples, and nothing else
            ),
        }
        self._state.write_text(f"cd {shlex.quote(str(self._folder))}\n", "utf-8")

    def perform(self, block: Block) -> None:
        """Keep the file of a block, or run it. Raises AssertionError with all that was printed."""
        if block.file:
            path = self._folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._with_own_ports(block.text), "utf-8")
        if not block.is_run:
            return
        if block.is_shell:
            for step in steps_of(block):
                self._step(block, step)
        else:
            program = block.file or f"line_{block.line}.py"
            (self._folder / program).write_text(self._with_own_ports(block.text), "utf-8")
            self._step(block, Step(f"python {shlex.quote(program)}", None))

    def close(self) -> None:
        """End what still runs. Raises AssertionError when the server does not go quietly."""
        for process in self._background:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_DEADLINE)
        self._stop_server()

    def _step(self, block: Block, step: Step) -> None:
        command = self._with_own_ports(step.command)
        if step.in_background:
            self._start(block, step, command)
            return
        script = self._script(command)
        done = subprocess.run(
            ["bash", "-c", script],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        said = f"{block.place}: $ {command}\nended with status {done.returncode} and printed\n{done.stdout}"
        if step.shown is None:
            assert done.returncode == 0, said
        else:
            shown = self._with_own_ports(step.shown)
            assert agrees(done.stdout, shown), f"{said}\nbut the page shows\n{shown}"

    def _script(self, command: str) -> str:
        """*command* after what the commands before it left: their variables and their folder."""
        state = shlex.quote(str(self._state))
        keep = f"{{ declare -px; printf 'cd %q\\n' \"$PWD\"; }} > {state}"
        return f"source {state}\ntrap {shlex.quote(keep)} EXIT\n{command}\n"

    def _start(self, block: Block, step: Step, command: str) -> None:
        command = _COMMENT.sub("", command).rstrip().removesuffix("&").rstrip()
        if step.is_server:
            self._stop_server()
            if step.words[0] == "make":
                settings = command.partition("serve")[2]
                command = f"env {settings} bash -c {shlex.quote(_MAKE_SERVE % self._ports[DEFAULT_PORT])}"
            elif not _PORT.search(command):
                command = f"{command} --port={self._ports[DEFAULT_PORT]}"
        self._logs += 1
        log = self._beside / f"log{self._logs}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", f"source {shlex.quote(str(self._state))}\nexec {command}"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._background.append(process)
        port = _PORT.search(command)

        def ready() -> bool:
            said = log.read_text("utf-8", "replace")
            assert process.poll() is None, f"{block.place}: $ {command}\nended with {process.returncode}\n{said}"
            return READY in said if step.is_server else port is None or _answers(int(port[1]))

        eventually(ready, f"{block.place}: $ {command}", seconds=DEADLINE)
        if step.is_server:
            self._background.remove(process)
            self._server = process

    def _stop_server(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.terminate()
            try:
                status = server.wait(STOP_DEADLINE)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                raise
            assert status == 0, f"the server ended with status {status}"

    def _with_own_ports(self, text: str) -> str:
        return re.sub(rf"\b({'|'.join(self._ports)})\b", lambda match: self._ports[match[1]], text)


def _answers(port: int) -> bool:
    """Whether somebody takes connections of *port*; one that only waits in a backlog is not taken."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.socket() as client:
        client.settimeout(1.0)
        try:
            client.connect(("127.0.0.1", port))
            context.wrap_socket(client).close()
        except (ConnectionRefusedError, TimeoutError):
            return False
        except OSError:
            return True  # it speaks, though something else than TLS
    return True
