"""run_command: exit status and what the user reads; a few of them in a process of their own."""

import asyncio
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import attrs
import httpx
import pytest

from examples.wardle.server import main
from genericapiserver import signals
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import Config, ConfigError
from genericapiserver.hooks import PostStartHookContext
from genericapiserver.loopback import LoopbackClientConfig
from genericapiserver.options.command import run_command
from genericapiserver.options.flags import STRING, FlagSet
from genericapiserver.options.secure_serving import SecureServingOptions
from genericapiserver.server import GenericAPIServer
from genericapiserver.signals import request_shutdown
from tests.options.fakes import PAIR, kubeconfig, serving_options, serving_pair

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def a_process_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(signals, "_installed", [])
    monkeypatch.chdir(tmp_path)
    handlers = {number: signal.getsignal(number) for number in signals.SHUTDOWN_SIGNALS}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@attrs.define
class Options:
    """A server without storage and without a port, unless *serving* gives it one."""

    colour: str = "red"
    serving: SecureServingOptions | None = None
    problems: list[str] = attrs.field(factory=list)
    hook: Callable[[PostStartHookContext], Awaitable[None]] | None = None
    pre_shutdown: Callable[[], Awaitable[None]] | None = None
    closed: bool = False

    def add_flags(self, flags: FlagSet) -> None:
        flags.add("colour", STRING, self, "colour", "The colour.")

    def complete(self) -> None:
        if self.colour == "black":
            raise ConfigError("black is no colour")

    def validate(self) -> list[str]:
        return self.problems

    async def server(self) -> GenericAPIServer:
        config = Config(effective_version=EffectiveVersion.parse("1.2"), external_address="localhost:443")
        config.loopback_client_config = LoopbackClientConfig(host="https://localhost")
        if self.serving is not None:
            self.serving.apply_to(config)
        config.add_cleanup(self.close)
        server = config.complete().new("test")
        if self.hook is not None:
            server.add_post_start_hook("given", self.hook)
        if self.pre_shutdown is not None:
            server.add_pre_shutdown_hook("given", self.pre_shutdown)
        return server

    async def close(self) -> None:
        self.closed = True


async def stop(context: PostStartHookContext) -> None:
    assert request_shutdown()


def test_a_server_ends_with_0_after_a_signal(capsys: pytest.CaptureFixture[str]) -> None:
    options = Options(hook=stop)
    assert run_command("server", options, ["--colour=blue", "ignored"]) == 0
    assert options.colour == "blue"
    assert options.closed
    assert capsys.readouterr().out == ""


def test_readiness_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    told = []

    async def on_ready(server: GenericAPIServer) -> None:
        told.append(server.name)
        request_shutdown()

    assert run_command("server", Options(), [], on_ready=on_ready) == 0
    assert told == ["test"]


def test_a_server_that_cannot_say_that_it_is_ready_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def on_ready(server: GenericAPIServer) -> None:
        request_shutdown()
        raise BrokenPipeError("stdout")

    assert run_command("server", Options(), [], on_ready=on_ready) == 0
    assert "could not say so" in caplog.text


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    for argument in ("-h", "--help"):
        assert run_command("server", Options(), ["--colour=blue", argument]) == 0
        output = capsys.readouterr()
        assert output.out.startswith("Usage:\n  server [flags]\n\nFlags:\n")
        shown = {line[2:37].strip(): line[38:].strip() for line in output.out.splitlines()[4:]}
        assert shown["--colour string"] == 'The colour. (default "red")'
        assert shown["-v, --v Level"] == "number for the log level verbosity"
        assert output.err == ""


@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        (Options(), ["--nope"], "unknown flag: --nope"),
        (Options(), ["--colour"], "flag needs an argument: --colour"),
        (Options(), ["--colour=black"], "black is no colour"),
        (Options(problems=["this is wrong"]), [], "this is wrong"),
        (Options(problems=["this", "that", "this"]), [], "[this, that]"),
    ],
)
def test_a_bad_command_line_ends_with_1(
    options: Options, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("server", options, arguments) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == f"Error: {message} (see 'server --help')\n"


LOG_LINE = re.compile(r"[IWE]\d{4} \d\d:\d\d:\d\d\.\d{6} [ \d]{7} \w+\.py:\d+\] \"")


def failed(options: Options, capsys: pytest.CaptureFixture[str], *, status: int = 1) -> str:
    """What a server says that fails after its flags were fine; it has given everything back."""
    assert run_command("server", options, []) == status
    output = capsys.readouterr()
    assert output.out == ""
    *log, line = output.err.splitlines()
    assert not log or LOG_LINE.match(log[0])
    assert line.startswith("Error: ")
    assert not any(thread.name.startswith("sqlite") for thread in threading.enumerate())
    return line.removeprefix("Error: ")


def test_a_failed_post_start_hook_ends_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    async def fail(context: PostStartHookContext) -> None:
        raise ValueError("no such\nthing")

    options = Options(hook=fail)
    assert failed(options, capsys, status=255) == 'PostStartHook "given" failed: no such thing'
    assert options.closed


def test_a_failed_pre_shutdown_hook_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    async def fail() -> None:
        raise ValueError("still busy")

    options = Options(hook=stop, pre_shutdown=fail)
    assert failed(options, capsys) == 'PreShutdownHook "given" failed: still busy'
    assert options.closed


def test_work_of_a_hook_that_fails_ends_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    async def work() -> None:
        raise KeyError("lost")

    async def spawn(context: PostStartHookContext) -> None:
        context.spawn(work())

    options = Options(hook=spawn)
    assert failed(options, capsys, status=255) == """work of PostStartHook "given" failed: 'lost'"""
    assert options.closed


@attrs.define
class SlowOptions(Options):
    """A server that is told to stop while it is being made, and would never be done."""

    made: bool = False
    patient: bool = False
    """Whether it goes on to its end even so."""

    async def server(self) -> GenericAPIServer:
        assert request_shutdown()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.closed = True
            if not self.patient:
                raise
            self.closed = False
        server = await super().server()
        self.made = True
        return server


@pytest.mark.parametrize("patient", [False, True], ids=["stopped half-way", "made in spite of it"])
def test_a_server_that_is_told_to_stop_while_it_is_made(patient: bool, capsys: pytest.CaptureFixture[str]) -> None:
    options = SlowOptions(patient=patient)
    assert run_command("server", options, []) == 0
    assert options.closed
    assert options.made is patient
    assert "Error: " not in capsys.readouterr().err


def test_a_signal_before_anything_is_made_is_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    @attrs.define
    class StoppedEarly(Options):
        def complete(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    options = StoppedEarly()
    assert run_command("server", options, []) == 0
    assert "Error: " not in capsys.readouterr().err


def test_tls_settings_that_do_not_work_together(
    tmp_path: Path, free_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    serving = serving_options(tmp_path, free_port)
    serving.cipher_suites = ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"]
    options = Options(serving=serving)
    assert failed(options, capsys).startswith("error configuring http2: http2: TLSConfig.CipherSuites is missing")
    assert not options.closed, "it is refused before anything is opened"


def wardle_flags(folder: Path, port: int) -> list[str]:
    certificate, key = serving_pair(folder)
    config = kubeconfig(folder / "kubeconfig")
    return [
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={certificate}",
        f"--tls-private-key-file={key}",
        f"--storage-path={folder / 'objects.db'}",
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--authentication-skip-lookup",
    ]


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--secure-port=0", "cannot derive external address port without listening on a secure port."),
        ("--tls-cert-file=/nope", "open /nope: no such file or directory"),
        ("--tls-private-key-file=", "missing filename for serving cert"),
        ("--client-ca-file=/nope", "unable to load client CA provider: open /nope: no such file or directory"),
        ("--kubeconfig=/nope", 'failed to load kubeconfig at "/nope": stat /nope: no such file or directory'),
        (
            "--authorization-kubeconfig=/nope",
            "failed to get delegated authorization kubeconfig: stat /nope: no such file or directory",
        ),
        (
            "--storage-path=/dev/null/deep/objects.db",
            "--storage-path: /dev/null/deep/objects.db: it cannot be created: Not a directory. Check that the directory can "
            "be written",
        ),
    ],
)
def test_a_server_that_cannot_start_says_why(
    flag: str, message: str, tmp_path: Path, free_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*wardle_flags(tmp_path, free_port), flag]) == 1
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", f"Error: {message}\n")
    socket.create_server(("127.0.0.1", free_port)).close()
    assert not any(thread.name.startswith("sqlite") for thread in threading.enumerate())


# ---- in a process of its own


def run(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KUBERNETES_")}
    return subprocess.run(
        [sys.executable, "-m", "examples.wardle", *arguments],
        cwd=cwd,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def one_error(result: "subprocess.CompletedProcess[str]") -> str:
    """The text of the only error that a process ended with."""
    assert (result.returncode, result.stdout) == (1, "")
    errors = re.findall(r"^Error: (.*)$", result.stderr, re.MULTILINE)
    assert len(errors) == 1
    assert "Traceback" not in result.stderr
    return str(errors[0])


async def test_processes_that_cannot_start(tmp_path: Path, taken_port: int, free_port: int) -> None:
    flags = wardle_flags(tmp_path, taken_port)
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"no database at all" * 1000)
    results = await asyncio.gather(
        asyncio.to_thread(run, "--nope", cwd=tmp_path),
        asyncio.to_thread(run, "--secure-port=-1", "--enable-admission-plugins=Nope", cwd=tmp_path),
        asyncio.to_thread(run, *flags, cwd=tmp_path),
        asyncio.to_thread(run, *wardle_flags(tmp_path, free_port), f"--storage-path={damaged}", cwd=tmp_path),
    )
    unknown, bad, taken, corrupt = map(one_error, results)
    assert unknown == "unknown flag: --nope (see 'wardle-apiserver --help')"
    assert bad == (
        "[--secure-port -1 must be between 0 and 65535, inclusive. 0 for turning off secure port, "
        "enable-admission-plugins plugin \"Nope\" is unknown] (see 'wardle-apiserver --help')"
    )
    assert taken == (
        f"failed to create listener: failed to listen on 127.0.0.1:{taken_port}: listen tcp 127.0.0.1:{taken_port}: "
        "bind: address already in use (another process listens there; stop it, or choose another port with --secure-port)"
    )
    assert corrupt.startswith(f"--storage-path: {damaged}: it is damaged or no database")


async def test_a_process_serves_until_it_is_told_to_stop(tmp_path: Path, free_port: int) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "examples.wardle",
        *wardle_flags(tmp_path, free_port),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(30):
        log = b""
        while b"Serving securely on" not in log:
            log = await process.stderr.readline()
            assert log, "it ended"
        context = ssl.create_default_context(cadata=PAIR.certificate_pem.decode())
        async with httpx.AsyncClient(base_url=f"https://127.0.0.1:{free_port}", verify=context) as client:
            assert (await client.get("/livez")).status_code == 200
        process.send_signal(signal.SIGTERM)
        out, rest = await process.communicate()
    assert (process.returncode, out) == (0, b"")
    assert b"Traceback" not in rest
