"""Somebody writes into the log what looks like lines of the server's own, or finds in it what is nobody's business.

Whatever a request says of itself may be logged: its path, its agent, its audit ID, the names it asks for. The whole chain
is asked here, at the verbosity that says most, in both formats.
"""

import io
import json
import re
from collections.abc import Iterator

import pytest

from genericapiserver.asgi import Receive, Scope, Send
from genericapiserver.authentication import AuthenticationError, AuthenticationRequest, FunctionAuthenticator
from genericapiserver.config import AuthenticationInfo
from genericapiserver.logs.setup import LogConfig, logging_as
from tests.server.servers import new_server
from tests.support.asgi_client import ASGIClient

LINE = re.compile(r'[IWE]\d{4} \d\d:\d\d:\d\d\.\d{6} [ \d]{7} \w+\.py:\d+\] "')
FORGED = 'E1121 15:04:05.123456       1 forged.py:1] "forged"'
SECRET = "s3cr3t-t0ken"

PATHS = (
    f"/x\n{FORGED}",
    f"/x?a=\r\n{FORGED}",
    "/x\x1b]0;owned\x07\x1b[2J",
    f'/x" resp=200 audit-ID="forged"\u2028{FORGED}',
    f"/x?access_token={SECRET}",
    f"/x?a=1&access%5Ftoken={SECRET}",
    "/" + "x" * 100_000,
)


def refuse(request: AuthenticationRequest) -> None:
    token = next(value for name, value in request.scope["headers"] if name == b"authorization")
    raise AuthenticationError(f"no such token in {request.scope['path']}: {token.decode()}")


async def fail(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError(f"cannot serve\n{FORGED}\n{scope['path']}")


def client(*, refusing: bool) -> ASGIClient:
    authenticator = FunctionAuthenticator(refuse) if refusing else None
    server = new_server(authentication=AuthenticationInfo(authenticator=authenticator))
    server.handler.non_api_mux.not_found_handler = fail
    return ASGIClient(server)


@pytest.fixture(params=["text", "json"])
def log(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    written = io.StringIO()
    with logging_as(LogConfig(format=request.param, verbosity=10), stderr=written):
        yield written


@pytest.mark.parametrize("refusing", [True, False])
@pytest.mark.parametrize("path", PATHS)
async def test_requests_write_no_lines_of_their_own(log: io.StringIO, path: str, refusing: bool) -> None:
    headers = {"authorization": f"Bearer {SECRET}", "audit_id": f'id"\t{FORGED}', "user_agent": f"agent {FORGED}"}
    await client(refusing=refusing).get(path, **headers)
    text = log.getvalue()
    assert text.endswith("\n")
    assert SECRET not in text
    assert len(text) < 150_000
    lines = text[:-1].split("\n")
    assert len(lines) >= 2
    if text.startswith("{"):
        assert all(json.loads(line)["msg"] != "forged" for line in lines)
    for line in lines:
        assert line.replace("\t", " ").isprintable()
        # What goes on from a line before begins with a blank, and so is none.
        assert LINE.match(line) or line.startswith(("\t", " ", "{"))
        assert not line.startswith("E1121 15:04:05.123456")
