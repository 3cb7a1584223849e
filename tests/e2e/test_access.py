"""Who is let in, as whom, and what refusals say: the sample server with the recordings' flags, over its socket.

The cluster that it delegates to knows token-alice (alice of dev) and token-root (of system:masters); alice may do everything
in the namespace dev and may GET /version, and nobody else may do anything.
"""

import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request, TextMessage

from tests.support.https_client import Response
from tests.support.reference_server import ReferenceServer, reference_server

pytestmark = pytest.mark.e2e

DEV = "/apis/wardle.example.com/v1beta1/namespaces/dev/flunders"
PROD = DEV.replace("/dev/", "/prod/")
TOKEN_PROTOCOL = "base64url.bearer.authorization.k8s.io."
UPGRADE = [("Upgrade", "websocket"), ("Connection", "Upgrade")]
EXTRA_SPACE = "the provided Authorization header contains extra space before the bearer token, and is ignored"

Headers = list[tuple[str, str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReferenceServer]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GENERICAPISERVER_LOG_LEVEL", "DEBUG")  # whatever is logged must not hold a credential
        with reference_server(tmp_path_factory.mktemp("access"), "--storage-backend=memory") as running:
            yield running


def bearer(*values: str) -> Headers:
    return [("Authorization", value) for value in values]


def encoded(token: str) -> str:
    return TOKEN_PROTOCOL + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


def protocols(*offered: str) -> Headers:
    return [*UPGRADE, *(("Sec-WebSocket-Protocol", each) for each in offered)]


ALICE, ROOT = encoded("token-alice"), encoded("token-root")

# 200: alice; 403: anonymous; 401: bad credentials. What is asked for is dev, which only alice may list.
CREDENTIALS: list[tuple[str, Headers, int]] = [
    ("a token", bearer("Bearer token-alice"), 200),
    ("the scheme in any case", bearer("bEaReR token-alice"), 200),
    ("words after the token", bearer("Bearer token-alice a b c"), 200),
    ("two spaces after the token", bearer("Bearer token-alice  a"), 200),
    ("space around", bearer("  Bearer token-alice  "), 200),
    ("two spaces before the token", bearer("Bearer  token-alice"), 403),
    ("a tab before the token", bearer("Bearer\ttoken-alice"), 403),
    ("a tab in the token", bearer("Bearer token-alice\ta"), 401),
    ("an unknown token", bearer("Bearer nope"), 401),
    ("a token in quotes", bearer('Bearer "token-alice"'), 401),
    ("a token and a comma", bearer("Bearer token-alice,"), 401),
    ("a token that is not ASCII", bearer("Bearer t\u00f6ken"), 401),
    ("a long token", bearer("Bearer " + "x" * 9000), 401),
    ("no token", bearer("Bearer"), 403),
    ("no token after a space", bearer("Bearer "), 403),
    ("a colon", bearer("Bearer: token-alice"), 403),
    ("another scheme", bearer("Basic YTpi"), 403),
    ("a scheme that begins like it", bearer("Bearertoken token-alice"), 403),
    ("an empty header", bearer(""), 403),
    ("the first header counts, good", bearer("Bearer token-alice", "Bearer nope"), 200),
    ("the first header counts, bad", bearer("Bearer nope", "Bearer token-alice"), 401),
    ("the first header counts, none", bearer("Basic YTpi", "Bearer token-alice"), 403),
    ("the first header counts, empty", bearer("", "Bearer token-alice"), 403),
    ("a websocket's token", protocols(f"{ALICE}, v1"), 200),
    ("a websocket's token in a line of its own", protocols(ALICE, "v1, v2"), 200),
    ("a websocket's token alone", protocols(ALICE), 401),
    ("a websocket's token twice", protocols(f"{ALICE},{ALICE},v1"), 401),
    ("a websocket's padded token", protocols(f"{encoded('token-root')}=, v1"), 401),
    ("a websocket's token that is no base64", protocols(TOKEN_PROTOCOL + "?, v1"), 401),
    ("a websocket's token that is no text", protocols(TOKEN_PROTOCOL + "_w, v1"), 401),
    ("a websocket's unknown token", protocols(f"{encoded('nope')}, v1"), 401),
    ("a websocket's empty token", protocols(f"{TOKEN_PROTOCOL}, v1"), 403),
    ("a websocket without a token", protocols("v1"), 403),
    ("a websocket's token without an upgrade", protocols(f"{ALICE}, v1")[2:], 403),
    ("a bad token and a websocket's good one", [*bearer("Bearer nope"), *protocols(f"{ALICE}, v1")], 200),
    ("headers of a proxy", [("X-Remote-User", "alice"), ("X-Remote-Group", "dev")], 403),
    ("a front proxy's headers for masters", [("X-Remote-User", "a"), ("X-Remote-Group", "system:masters")], 403),
]


@pytest.mark.parametrize(("headers", "status"), [row[1:] for row in CREDENTIALS], ids=[row[0] for row in CREDENTIALS])
def test_credentials_without_a_certificate(headers: Headers, status: int, server: ReferenceServer) -> None:
    response = server.clients["none"].request("GET", DEV, headers=headers)
    assert response.status == status
    warned = headers == bearer("Bearer  token-alice")
    assert response.header("warning") == (f'299 - "{EXTRA_SPACE}"' if warned else None)
    assert response.header("www-authenticate") is None
    assert response.header("x-content-type-options") == ("nosniff" if status == 403 else None)
    if status == 401:
        assert response.json() == {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": "Unauthorized",
            "reason": "Unauthorized",
            "code": 401,
        }


def test_a_token_in_the_query_is_no_credential(server: ReferenceServer) -> None:
    assert server.clients["none"].get(f"{DEV}?access_token=token-alice").status == 403


@pytest.mark.parametrize(
    ("identity", "path", "headers", "status"),
    [
        ("alice", DEV, bearer("Bearer nope"), 200),  # a good certificate beside a bad token
        ("alice", PROD, bearer("Bearer token-root"), 403),  # and it is stronger than any token
        ("alice", PROD, [("X-Remote-User", "root"), ("X-Remote-Group", "system:masters")], 403),
        ("rh", PROD, [], 401),
        ("rh", PROD, bearer("Bearer token-root"), 200),
        ("rh", PROD, [("X-Remote-User", ""), ("X-Remote-User", "root"), ("X-Remote-Group", "system:masters")], 401),
        ("rh", PROD, [("X-Remote-Group", "system:masters")], 401),
        ("rh", PROD, [("X-Remote-User", "root"), ("X-Remote-Group", "system:masters")], 200),
        ("rh", DEV, [("X-Remote-User", "alice"), *bearer("Bearer nope")], 200),
        ("rh", PROD, [("X-Remote-User", "a"), ("X-Remote-Group", "dev,system:masters")], 403),
        ("rh-bad", PROD, [("X-Remote-User", "root"), ("X-Remote-Group", "system:masters")], 401),
        ("rh-bad", PROD, bearer("Bearer token-root"), 200),
    ],
)
def test_credentials_beside_a_certificate(
    identity: str, path: str, headers: Headers, status: int, server: ReferenceServer
) -> None:
    assert server.clients[identity].request("GET", path, headers=headers).status == status


def refused(response: Response, status: int = 403) -> dict[str, Any]:
    assert response.status == status
    assert response.header("x-content-type-options") == "nosniff"
    body: dict[str, Any] = response.json()
    return body


FLUNDERS = 'resource "flunders" in API group "wardle.example.com" in the namespace "prod"'
FORBIDDEN: list[tuple[str, str, Headers, str, dict[str, str]]] = [
    (
        "rh",
        PROD,
        [("X-Remote-User", '<u>&"q"\\')],
        f'flunders.wardle.example.com is forbidden: User "&lt;u&gt;&amp;\\"q\\"\\\\" cannot list {FLUNDERS}',
        {"group": "wardle.example.com", "kind": "flunders"},
    ),
    (
        "rh",
        f"{PROD}/%3Cb%3E&",
        [("X-Remote-User", "j\u00fcrgen")],  # one byte of Latin-1, which is no UTF-8
        f'flunders.wardle.example.com "<b>&" is forbidden: User "j\\xfcrgen" cannot get {FLUNDERS}',
        {"name": "<b>&", "group": "wardle.example.com", "kind": "flunders"},
    ),
    (
        "rh",
        "/%3Cscript%3E?a=<b>",
        [("X-Remote-User", "N")],
        'forbidden: User "N" cannot get path "/&lt;script&gt;"',
        {},
    ),
    (
        "alice",
        f"{PROD}?fieldSelector=metadata.name=nn",
        [],
        f'flunders.wardle.example.com "nn" is forbidden: User "alice" cannot list {FLUNDERS}',
        {"name": "nn", "group": "wardle.example.com", "kind": "flunders"},
    ),
    (
        "alice",
        f"{PROD}/x/status",
        [],
        'flunders.wardle.example.com "x" is forbidden: User "alice" cannot get resource "flunders/status" in API group '
        '"wardle.example.com" in the namespace "prod"',
        {"name": "x", "group": "wardle.example.com", "kind": "flunders"},
    ),
    (
        "alice",
        "/api/v1/namespaces/prod",
        [],
        'namespaces "prod" is forbidden: User "alice" cannot get resource "namespaces" in API group "" in the namespace '
        '"prod"',
        {"name": "prod", "kind": "namespaces"},
    ),
    ("none", "/healthz/ping", [], 'forbidden: User "system:anonymous" cannot get path "/healthz/ping"', {}),
    ("none", "//healthz", [], 'forbidden: User "system:anonymous" cannot get path "//healthz"', {}),
    (
        "alice",
        DEV,
        [("Impersonate-User", "<a>")],
        'users "<a>" is forbidden: User "alice" cannot impersonate resource "users" in API group "" at the cluster scope',
        {"name": "<a>", "kind": "users"},
    ),
    (
        "alice",
        DEV,
        [("Impersonate-User", "system:serviceaccount:dev:sa")],
        'serviceaccounts "sa" is forbidden: User "alice" cannot impersonate resource "serviceaccounts" in API group "" in '
        'the namespace "dev"',
        {"name": "sa", "kind": "serviceaccounts"},
    ),
    (
        "alice",
        DEV,
        [("Impersonate-User", "system:serviceaccount:Dev:sa")],  # no namespace has that name: it is a plain user
        'users "system:serviceaccount:Dev:sa" is forbidden: User "alice" cannot impersonate resource "users" in API group '
        '"" at the cluster scope',
        {"name": "system:serviceaccount:Dev:sa", "kind": "users"},
    ),
    (
        "none",
        "/version",
        [("Impersonate-User", "alice")],
        'users "alice" is forbidden: User "system:anonymous" cannot impersonate resource "users" in API group "" at the '
        "cluster scope",
        {"name": "alice", "kind": "users"},
    ),
    (
        "admin",
        PROD,
        [("Impersonate-User", "bob"), ("Impersonate-User", "root"), ("Impersonate-Group", "a,system:masters")],
        f'flunders.wardle.example.com is forbidden: User "bob" cannot list {FLUNDERS}',
        {"group": "wardle.example.com", "kind": "flunders"},
    ),
]


@pytest.mark.parametrize(("identity", "path", "headers", "message", "details"), FORBIDDEN)
def test_what_a_403_says(
    identity: str, path: str, headers: Headers, message: str, details: dict[str, str], server: ReferenceServer
) -> None:
    body = refused(server.clients[identity].request("GET", path, headers=headers))
    assert body["message"] == message
    assert body["details"] == details
    assert (body["reason"], body["code"]) == ("Forbidden", 403)


@pytest.mark.parametrize(
    ("headers", "references"),
    [
        ([("Impersonate-Group", "g")], "{Group  g    }"),
        ([("Impersonate-Group", "")], "{Group      }"),
        ([("Impersonate-User", ""), ("Impersonate-User", "bob"), ("Impersonate-Group", "g")], "{Group  g    }"),
        ([("Impersonate-Group", "a,b"), ("Impersonate-Group", "<c>")], "{Group  a,b    } {Group  <c>    }"),
        ([("Impersonate-Group", "j\u00fcrgen")], "{Group  j\ufffdrgen    }"),
        ([("Impersonate-Uid", "u")], "{UID  u  authentication.k8s.io/v1  }"),
        ([("Impersonate-Extra-Acme.com%2FFoo", "v")], "{UserExtra  v  authentication.k8s.io/v1  acme.com/foo}"),
        ([("Impersonate-Extra-%2F", "v")], "{UserExtra  v  authentication.k8s.io/v1  /}"),
        ([("Impersonate-Extra-a%2", "v")], "{UserExtra  v  authentication.k8s.io/v1  a%2}"),
        ([("Impersonate-Extra-a+b%20c", "v")], "{UserExtra  v  authentication.k8s.io/v1  a+b c}"),
        ([("Impersonate-Extra-", "v")], "{UserExtra  v  authentication.k8s.io/v1  }"),
        (
            [("Impersonate-Uid", "u"), ("Impersonate-Extra-Foo", "v"), ("Impersonate-Group", "g")],
            "{Group  g    } {UserExtra  v  authentication.k8s.io/v1  foo} {UID  u  authentication.k8s.io/v1  }",
        ),
    ],
)
def test_parts_of_an_identity_without_a_user(headers: Headers, references: str, server: ReferenceServer) -> None:
    body = refused(server.admin.request("GET", DEV, headers=headers), 400)
    assert body["message"] == f"requested [{references}] without impersonating a user"
    assert (body["reason"], body["code"], "details" in body) == ("BadRequest", 400, False)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("Impersonate-User", "alice")], 200),
        ([("Impersonate-User", "alice"), ("Impersonate-Extra-Scopes", "s"), ("Impersonate-Uid", "u")], 200),
        ([("Impersonate-User", "bob")], 403),
        ([("Impersonate-User", "bob"), ("Impersonate-Group", "system:masters")], 200),
        ([("Impersonate-User", "")], 200),  # counts as absent
        ([("Impersonate-Other", "bob")], 200),  # none of the four families
        ([("Impersonate-User", "system:anonymous")], 403),
        ([("Impersonate-User", " alice ")], 200),
    ],
)
def test_an_administrator_goes_on_as_another_one(headers: Headers, status: int, server: ReferenceServer) -> None:
    assert server.admin.request("GET", DEV, headers=headers).status == status


@pytest.mark.parametrize("headers", [UPGRADE, [*UPGRADE, ("Sec-WebSocket-Version", "13")]])
def test_a_watch_needs_a_whole_handshake_for_its_websocket(headers: Headers, server: ReferenceServer) -> None:
    response = server.admin.request("GET", f"{DEV}?watch=1", headers=headers)
    assert response.status == 400


def test_a_browser_watches_with_a_token_among_its_protocols(server: ReferenceServer) -> None:
    client = server.clients["none"]
    assert server.admin.request("POST", DEV, {"metadata": {"name": "seen"}}).status == 201
    browser = WSConnection(ConnectionType.CLIENT)
    hello = Request(
        host="localhost",
        target=f"{DEV}?watch=1",
        subprotocols=[ALICE, "v1"],
        extra_headers=[(b"Origin", b"https://dashboard")],
    )
    with (
        socket.create_connection(("127.0.0.1", server.port), 30) as plain,
        client.context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(browser.send(hello))
        seen: list[object] = []
        while not any(isinstance(event, TextMessage) for event in seen):
            browser.receive_data(connection.recv(65536) or None)
            seen += browser.events()
    accepted, first = seen[0], next(event for event in seen if isinstance(event, TextMessage))
    assert isinstance(accepted, AcceptConnection)
    assert accepted.subprotocol == "v1"  # what is agreed on is never the token
    assert json.loads(first.data)["object"]["metadata"]["name"] == "seen"


def test_no_token_is_in_the_log(server: ReferenceServer, tmp_path: Path) -> None:
    client = server.clients["none"]
    for token in ("token-alice", "secret-that-nobody-knows"):
        client.request("GET", DEV, headers=bearer(f"Bearer {token}"))
        client.request("GET", DEV, headers=protocols(f"{encoded(token)}, v1"))
    server.clients["rh"].request("GET", DEV, headers=bearer("Bearer token-alice"))
    logs = "".join(path.read_text() for path in (server.folder / "logs").rglob("*") if path.is_file())
    assert '"HTTP" verb=' in logs
    for secret in ("token-alice", "secret-that-nobody-knows", ALICE, encoded("secret-that-nobody-knows")):
        assert secret not in logs
