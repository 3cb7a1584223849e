"""What a client chooses cannot become a line, a field or a command of its own in the audit log, and no secret gets into it.

Every text that reaches an event is tried with what ends lines, closes quotes, moves cursors or is no text at all.
"""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.apis.audit_v1 import Policy, PolicyRule
from genericapiserver.audit import PolicyRuleEvaluator
from genericapiserver.audit.log import LogBackend, LogFormat
from genericapiserver.audit.log_file import LogFile
from genericapiserver.authentication import AuthenticationError, AuthenticationRequest, AuthenticationResponse, UserInfo
from genericapiserver.authentication.interfaces import FunctionAuthenticator
from genericapiserver.authorization import AuthorizationAttributes, AuthorizationResult, Decision, FunctionAuthorizer
from genericapiserver.config import AuthenticationInfo, AuthorizationInfo
from tests.server.servers import new_server
from tests.support.asgi_client import ASGIClient

NASTY = {
    "line ends": 'x\r\n{"kind":"Event","user":{"username":"forged"}}\r\n',
    "quotes": 'x","user":{"username":"forged"},"a":"',
    "backslash": 'x\\","user":"forged',
    "escape sequence": "x\x1b[2J\x1b]0;forged\x07",
    "C1 escape": "x\x9b2Jforged",
    "NUL": "x\0forged",
    "delete": "x\x7fforged",
    "line separators": "x\u2028forged\u2029",
    "markup": "x<script>forged</script>&",
    "no UTF-8": "x\udcff\udcfeforged",
}
REPLACED = str.maketrans(dict.fromkeys("\udcff\udcfe", "\ufffd"))


class Server:
    """A server whose clients are called as *user* says, and whose audit log is a file."""

    def __init__(self, path: Path, format: LogFormat, user: UserInfo | None) -> None:
        self.path = path
        self.backend = LogBackend(LogFile(str(path)), format=format)

        def who(request: AuthenticationRequest) -> AuthenticationResponse:
            if user is None:
                raise AuthenticationError("bad credentials")
            return AuthenticationResponse(user)

        def allow(attributes: AuthorizationAttributes) -> AuthorizationResult:
            return AuthorizationResult(Decision.ALLOW, user.name if user is not None else "")

        self.server = new_server(
            authentication=AuthenticationInfo(FunctionAuthenticator(who)),
            authorization=AuthorizationInfo(FunctionAuthorizer(allow)),
            audit_backend=self.backend,
            audit_policy=PolicyRuleEvaluator(Policy(rules=[PolicyRule(level="RequestResponse")])),
        )
        self.client = ASGIClient(self.server)

    async def get(self, path: bytes, query: bytes = b"", *headers: tuple[bytes, bytes]) -> list[bytes]:
        """The lines of the log after one request."""
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = self.client.scope("GET", "/", {})
        scope.update(path=path.decode("utf-8", "surrogateescape"), raw_path=path, query_string=query)
        scope["headers"] = list(headers)
        await self.backend.start()
        await self.server.handler(scope, receive, send)
        await self.backend.aclose()
        assert sent
        return self.path.read_bytes().split(b"\n")


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def check_bytes(lines: list[bytes]) -> None:
    """Two lines, each ended once, of text that no terminal obeys."""
    assert lines[-1] == b""
    assert len(lines) == 3
    for line in lines:
        text = line.decode()
        assert all(character.isprintable() for character in text)


@pytest.mark.parametrize("nasty", NASTY.values(), ids=NASTY)
@pytest.mark.parametrize("format", ["json", "legacy"])
async def test_nothing_that_a_client_chooses_ends_its_line(nasty: str, format: LogFormat, tmp_path: Path) -> None:
    user = UserInfo(name=nasty, uid=nasty, groups=(nasty,), extra={nasty: (nasty,)})
    server = Server(tmp_path / "audit.log", format, user)
    headers = [(b"user-agent", raw(nasty)), (b"audit-id", raw(nasty)), (b"x-forwarded-for", raw(nasty))]
    headers.append((b"x-real-ip", raw(nasty)))
    lines = await server.get(b"/version/" + raw(nasty), b"q=" + raw(nasty), *headers)
    check_bytes(lines)
    if format == "legacy":
        assert all(line.count(b" AUDIT: id=") == 1 for line in lines[:2])
        return
    for line in lines[:2]:
        event, shown = json.loads(line), nasty.translate(REPLACED)
        assert event["auditID"] == event["userAgent"] == shown
        assert event["user"] == {"username": shown, "uid": shown, "groups": [shown], "extra": {shown: [shown]}}
        assert event["requestURI"] == f"/version/{shown}?q={shown}"
        assert event["sourceIPs"] == ["192.0.2.1"]
        assert "forged" not in event.get("annotations", {})


@pytest.mark.parametrize("nasty", NASTY.values(), ids=NASTY)
async def test_a_failing_log_is_reported_without_forged_lines(
    nasty: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(Path("/dev/full"), "json", UserInfo(name=nasty))
    server.path = tmp_path / "nothing"
    server.path.touch()
    with caplog.at_level(logging.ERROR):
        await server.get(b"/version", b"", (b"user-agent", raw(nasty)), (b"audit-id", raw(nasty)))
    reports = [message for message in caplog.messages if message.startswith("Error in audit plugin 'log'")]
    assert len(reports) == 1  # this backend is one that refuses requests
    assert len(reports[0].split("\n")) == 3
    assert all(line.isprintable() for line in reports[0].split("\n"))


SECRETS: dict[str, tuple[bytes, list[tuple[bytes, bytes]]]] = {
    "bearer token": (b"", [(b"authorization", b"Bearer s3cr3t")]),
    "password": (b"", [(b"authorization", b"Basic s3cr3t")]),
    "websocket token": (b"", [(b"sec-websocket-protocol", b"base64url.bearer.authorization.k8s.io.s3cr3t")]),
    "cookie": (b"", [(b"cookie", b"session=s3cr3t")]),
    "token in the query": (b"access_token=s3cr3t", []),
    "token in the query, hidden": (b"a=b&%61ccess_toke%6E=s3cr3t&c=d", []),
    "invalid timeout": (b"timeout=x&access_token=s3cr3t", []),
}


@pytest.mark.parametrize(("query", "headers"), SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("format", ["json", "legacy"])
@pytest.mark.parametrize("known", [True, False], ids=["accepted", "refused"])
async def test_no_secret_is_recorded(
    query: bytes, headers: list[tuple[bytes, bytes]], format: LogFormat, known: bool, tmp_path: Path
) -> None:
    server = Server(tmp_path / "audit.log", format, UserInfo(name="alice") if known else None)
    lines = await server.get(b"/version", query, *headers)
    assert len(lines) > 1
    assert b"s3cr3t" not in b"".join(lines)


async def test_the_log_of_a_panic_has_no_token(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("a bug")

    server = Server(tmp_path / "audit.log", "json", UserInfo(name="alice"))
    server.server.handler.non_api_mux.handle("/bug", fails)
    with caplog.at_level(logging.DEBUG):
        await server.get(b"/bug", b"access_token=s3cr3t")
    assert "access_token=REDACTED" in caplog.text
    assert "s3cr3t" not in caplog.text


async def test_lengths_are_bounded(tmp_path: Path) -> None:
    server = Server(tmp_path / "audit.log", "json", UserInfo(name="alice"))
    lines = await server.get(b"/version", b"", (b"user-agent", b"x" * 100_000))
    assert all(len(line) < 3000 for line in lines)
