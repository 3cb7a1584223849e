"""What a server listens on: TCP of both families, unix sockets, inherited descriptors, memory, several at once."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
import socket
import ssl
import stat
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.asgi import Receive, Scope, Send, send_response
from genericapiserver.connection import (
    HTTPServer,
    Listener,
    ListenerError,
    MemoryListener,
    ServingCertificate,
    SocketListener,
    TLSContexts,
    create_listener,
    create_unix_listener,
    inherited_listeners,
)
from genericapiserver.connection import listener as listener_module
from genericapiserver.connection.listener import Network

Contexts = Callable[..., ssl.SSLContext]
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    client = scope["client"]
    await send_response(send, 200, f"{scope['scheme']} {client[0] if client else '-'}".encode(), b"text/plain")


@contextlib.asynccontextmanager
async def served(
    *listeners: socket.socket | Listener, certificate: ServingCertificate | None = None
) -> AsyncIterator[HTTPServer]:
    server = HTTPServer(tell, *listeners, tls=None if certificate is None else TLSContexts([certificate]))
    await server.start()
    try:
        yield server
    finally:
        await server.stop(5)


async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """What the handler tells."""
    writer.write(GET)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer.rpartition(b"\r\n\r\n")[2].decode()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short enough for the path of a socket, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="gas") as name:
        yield Path(name)


@pytest.mark.parametrize("bound", ["", "0.0.0.0", "::"])
async def test_every_address_means_both_families(bound: str) -> None:
    listener = create_listener(bound, 0)
    port = listener.getsockname()[1]
    async with served(listener):
        assert await asked(*await asyncio.open_connection("127.0.0.1", port)) == "http 127.0.0.1"
        if listener.family == socket.AF_INET6:
            assert await asked(*await asyncio.open_connection("::1", port)) == "http ::1"


async def test_without_ipv6_every_address_is_every_one_of_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    real = listener_module._bound

    def refused(family: socket.AddressFamily, *arguments: object, **options: object) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return real(family, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(listener_module, "_bound", refused)
    with create_listener("0.0.0.0", 0) as listener:
        assert listener.getsockname()[0] == "0.0.0.0"
    with pytest.raises(OSError, match="Cannot assign"):
        create_listener("::", 0)


@pytest.mark.parametrize(
    ("network", "bound", "reached", "refused"),
    [
        ("tcp4", "0.0.0.0", "127.0.0.1", "::1"),
        ("tcp6", "0.0.0.0", "::1", "127.0.0.1"),
        ("tcp", "::1", "::1", "127.0.0.1"),
    ],
)
async def test_one_family_only(network: Network, bound: str, reached: str, refused: str) -> None:
    try:
        listener = create_listener(bound, 0, network=network)
    except OSError:
        pytest.skip("this machine has one family only")
    port = listener.getsockname()[1]
    async with served(listener):
        assert await asked(*await asyncio.open_connection(reached, port)) == f"http {reached}"
        with pytest.raises(OSError, match=r"Connect call failed|Cannot assign"):
            await asyncio.open_connection(refused, port)


@pytest.mark.parametrize(("network", "host"), [("tcp4", "::1"), ("tcp6", "127.0.0.1")])
def test_an_address_of_the_other_family_is_refused(network: Network, host: str) -> None:
    with pytest.raises(OSError, match=f"address {host} is none of {network}"):
        create_listener(host, 0, network=network)


async def test_several_are_served_at_once_and_end_together(
    folder: Path, serving_certificate: ServingCertificate, client_context: Contexts
) -> None:
    tcp, memory = create_listener("127.0.0.1", 0), MemoryListener()
    port = tcp.getsockname()[1]
    secret = create_unix_listener(folder / "s")
    plain = create_unix_listener(folder / "p", secure=False)
    tls: dict[str, Any] = {"ssl": client_context(), "server_hostname": "localhost"}
    async with served(tcp, secret, plain, memory, certificate=serving_certificate) as server:
        assert await asked(*await asyncio.open_connection("127.0.0.1", port, **tls)) == "https 127.0.0.1"
        assert await asked(*await asyncio.open_unix_connection(folder / "s", **tls)) == "https -"
        assert await asked(*await asyncio.open_unix_connection(folder / "p")) == "http -"
        streams = await memory.open_connection(tls=client_context(), server_hostname="localhost")
        assert await asked(*streams) == "https -"
        server.stop_listening()
        assert os.listdir(folder) == []
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(ConnectionRefusedError, match="memory:memory"):
            memory.connect()


async def test_a_listener_that_fails_takes_the_others_with_it(folder: Path) -> None:
    good, bad = create_unix_listener(folder / "s"), SocketListener(create_listener("127.0.0.1", 0))
    bad.socket.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        await HTTPServer(tell, good, bad, tls=None).start()
    assert os.listdir(folder) == []


# Unix sockets


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
def test_a_unix_socket_has_the_permissions_it_is_given(folder: Path, mode: int) -> None:
    listener = create_unix_listener(folder / "s", mode=mode)
    assert stat.S_IMODE((folder / "s").stat().st_mode) == mode
    assert listener.address == f"unix:{folder}/s"
    listener.close()
    listener.close()
    assert not (folder / "s").exists()


async def test_a_socket_that_was_left_behind_is_replaced(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "s"))
        left.listen()
    async with served(create_unix_listener(folder / "s")):
        assert await asked(*await asyncio.open_unix_connection(folder / "s")) == "http -"


def test_a_unix_socket_is_left_to_who_has_replaced_it(folder: Path) -> None:
    first = create_unix_listener(folder / "s")
    (folder / "s").unlink()
    second = create_unix_listener(folder / "s")
    first.close()
    assert (folder / "s").exists()
    second.close()


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("taken", "another process listens there; stop it or choose another path"),
        ("file", "there is a file that is no socket; remove it or choose another path"),
        ("no/s", "the folder {folder}/no does not exist; make it"),
        ("file/s", "the folder {folder}/file does not exist; make it"),
        ("x" * 120, "AF_UNIX path too long; choose a path of at most 107 bytes"),
    ],
    ids=["taken", "a file", "no folder", "a file for a folder", "too long"],
)
def test_a_unix_socket_that_cannot_be(folder: Path, path: str, problem: str) -> None:
    (folder / "file").write_text("kept")
    taken = create_unix_listener(folder / "taken")
    with pytest.raises(ListenerError) as caught:
        create_unix_listener(folder / path)
    assert str(caught.value) == f"failed to listen on unix:{folder / path}: " + problem.format(folder=folder)
    assert (folder / "file").read_text() == "kept"
    taken.close()


# Inherited descriptors


def environment(count: int, *, pid: int | None = None, names: str | None = None) -> dict[str, str]:
    environ = {"LISTEN_FDS": str(count), "OTHER": "x"}
    if pid is not None:
        environ["LISTEN_PID"] = str(pid)
    if names is not None:
        environ["LISTEN_FDNAMES"] = names
    return environ


def passed_on(*passed: socket.socket | int) -> int:
    """Descriptors in a row, as a parent leaves them; the number of the first."""
    first = 200
    while any(_is_open(first + index) for index in range(len(passed))):
        first += len(passed)
    for index, each in enumerate(passed):
        os.dup2(each if isinstance(each, int) else each.fileno(), first + index)
    return first


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("pid", [None, os.getpid()], ids=["for whom it may concern", "for this process"])
async def test_sockets_of_the_parent_are_served(
    folder: Path, pid: int | None, serving_certificate: ServingCertificate, client_context: Contexts
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        port = tcp.getsockname()[1]
        unix.bind(str(folder / "s"))
        unix.listen()
        first = passed_on(tcp, unix)
    environ = environment(2, pid=pid, names="https:plain")
    listeners = inherited_listeners(environ, first=first)
    assert environ == {"OTHER": "x"}, "processes started from here must not take them for theirs"
    assert not any(os.get_inheritable(descriptor) for descriptor in (first, first + 1))
    async with served(*listeners, certificate=serving_certificate):
        tls = await asyncio.open_connection("127.0.0.1", port, ssl=client_context(), server_hostname="localhost")
        assert await asked(*tls) == "https 127.0.0.1"
        assert await asked(*await asyncio.open_unix_connection(folder / "s")) == "http -"
    assert (folder / "s").exists(), "who has made it removes it"


def test_sockets_for_another_process_are_not_taken() -> None:
    environ = environment(1, pid=1)
    assert inherited_listeners(environ, first=200) == []
    assert environ == {"OTHER": "x"}
    assert inherited_listeners({}) == []


@pytest.mark.parametrize("count", ["0", "-1", "x", "", "9999", "²"])
def test_a_number_of_sockets_that_is_none(count: str) -> None:
    with pytest.raises(ListenerError, match=f'^LISTEN_FDS is "{count}": it must be the number of sockets'):
        inherited_listeners({"LISTEN_FDS": count})


def test_there_is_a_name_for_each_socket() -> None:
    with pytest.raises(ListenerError, match=r'^LISTEN_FDNAMES is "a": there must be a name for each of the 2'):
        inherited_listeners(environment(2, names="a"))


def make_pipe() -> int:
    read, write = os.pipe()
    os.close(write)
    return read


def connected() -> int:
    one, other = socket.socketpair()
    other.close()
    return one.detach()


def datagrams() -> int:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach()


def bound_only() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.detach()


def listening() -> int:
    return socket.create_server(("127.0.0.1", 0)).detach()


@pytest.mark.parametrize(
    ("make", "name", "problem"),
    [
        (make_pipe, "", "is no socket; pass sockets that listen, and count them right"),
        (connected, "a", "is a socket that does not listen; use ListenStream= and Accept=no in its socket unit"),
        (datagrams, "a", "is a socket that does not listen; use ListenStream= and Accept=no in its socket unit"),
        (bound_only, "a", "is a socket that does not listen; use ListenStream= and Accept=no in its socket unit"),
        (listening, "plain", "is to be served without TLS, which only a unix socket may be; give it another name"),
    ],
)
def test_a_descriptor_that_cannot_be_listened_on(make: Callable[[], int], name: str, problem: str) -> None:
    good, bad = listening(), make()
    first = passed_on(good, bad)
    what = f'file descriptor {first + 1} ("{name}")' if name else f"file descriptor {first + 1}"
    with pytest.raises(ListenerError) as caught:
        inherited_listeners(environment(2, names=f"https:{name}" if name else None), first=first)
    assert str(caught.value) == f"LISTEN_FDS: {what} {problem}"
    for descriptor in (good, bad, first, first + 1):
        os.close(descriptor)  # still open


def test_a_descriptor_that_is_not_there() -> None:
    first = passed_on(taken := listening())
    os.close(taken)
    os.close(first)
    with pytest.raises(ListenerError, match=f"^LISTEN_FDS: file descriptor {first} is not open; pass it on, or count"):
        inherited_listeners(environment(1), first=first)


# Memory


async def test_connections_in_memory_wait_for_the_server() -> None:
    memory = MemoryListener("test", backlog=1)
    early = memory.connect()
    with pytest.raises(ConnectionRefusedError):
        memory.connect()
    early.setblocking(False)
    async with served(memory):
        assert await asked(*await asyncio.open_connection(sock=early)) == "http -"
        assert await asked(*await memory.open_connection()) == "http -"


async def test_a_client_in_another_thread_connects_in_memory() -> None:
    memory = MemoryListener()

    def talk() -> bytes:
        with memory.connect() as connection:
            connection.sendall(GET)
            return b"".join(iter(lambda: connection.recv(4096), b""))

    async with served(memory):
        assert (await asyncio.to_thread(talk)).endswith(b"http -")


async def test_a_listener_in_memory_that_is_closed_drops_who_waits() -> None:
    memory = MemoryListener()
    early = memory.connect()
    memory.close()
    assert early.recv(1) == b""
    early.close()
    with pytest.raises(OSError, match="memory:memory is closed"):
        await HTTPServer(tell, memory, tls=None).start()


# Running out of descriptors


async def test_a_process_without_descriptors_goes_on_when_there_are_some_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listener_module, "RETRY_DELAY", 0.01)
    caplog.set_level(logging.INFO)

    class Exhausted(socket.socket):
        failures = 3

        def accept(self) -> tuple[socket.socket, object]:
            if self.failures:
                self.failures -= 1
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    with create_listener("127.0.0.1", 0) as bound:
        exhausted = Exhausted(fileno=bound.detach())
    where = "{}:{}".format(*exhausted.getsockname())
    async with served(exhausted):
        streams = await asyncio.open_connection(*exhausted.getsockname())
        assert await asked(*streams) == "http 127.0.0.1"
        assert exhausted.failures == 0
    assert [record.getMessage() for record in caplog.records] == [
        f"cannot accept connections on {where}, they wait: Too many open files: raise the limit of open files",
        f"accepting connections on {where} again",
    ]


async def test_connections_leave_descriptors_for_files(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listener_module, "RETRY_DELAY", 0.01)
    caplog.set_level(logging.INFO)
    count = 40
    with create_listener("127.0.0.1", 0) as bound:
        async with served(bound) as server:
            clients = [await asyncio.open_connection(*bound.getsockname()) for _ in range(5)]
            free = os.dup(bound.fileno())
            os.close(free)
            limit = free + count
            monkeypatch.setattr(resource, "getrlimit", lambda which: (limit, limit))
            clients += [await asyncio.open_connection(*bound.getsockname()) for _ in range(count)]
            async with asyncio.timeout(10):
                while "raise the limit of open files" not in caplog.text:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)  # some retries
            assert 5 < server.connection_count < count
            # What waits is served, as soon as others have gone.
            for _, writer in clients[:-1]:
                writer.close()
                await writer.wait_closed()
            async with asyncio.timeout(10):
                assert await asked(*clients[-1]) == "http 127.0.0.1"
    assert caplog.text.count("raise the limit of open files") == 1
    assert caplog.text.count("again") == 1
