"""A server that stands alone and knows tokens: of a file, of service accounts, of an issuer; over its socket."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from genericapiserver.authentication.service_account_signer import ServiceAccountTokenGenerator
from tests.support.https_client import HTTPSClient
from tests.support.issuer import RSA_KEYS, FakeIssuer, fake_issuer
from tests.support.pki import issue
from tests.support.server_process import free_port
from tests.support.standalone import Standalone, standalone

pytestmark = pytest.mark.e2e

ACCOUNTS = "https://accounts.example.com"


@attrs.frozen
class Server:
    """A running server, and those who sign tokens for it."""

    server: Standalone
    accounts: ServiceAccountTokenGenerator
    issuer: FakeIssuer

    def ask(self, token: str = "", path: str = "/apis/wardle.example.com/v1beta1/flunders") -> tuple[int, str]:
        """The status and message for a request with *token* and no certificate."""
        client = HTTPSClient(self.server.port, authority=self.server.data / "pki" / "ca.crt")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        response = client.request("GET", path, headers=headers)
        return response.status, str(response.json().get("message", ""))

    def oidc(self, **claims: object) -> str:
        return self.issuer.sign({"sub": "jane", "aud": "me", "exp": time.time() + 100, "groups": ["dev"], **claims})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tokens")
    (folder / "tokens.csv").write_text('root-token,root,1,"system:masters"\nalice-token,alice,2\n')
    key = folder / "accounts.key"
    key.write_bytes(RSA_KEYS[0].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    clients = issue("clients", ca=True)
    (folder / "clients.crt").write_bytes(clients.pem)
    visitor = issue("visitor", clients)
    (folder / "visitor.pem").write_bytes(visitor.pem + visitor.key_pem)
    with fake_issuer() as (issuer, authority):
        (folder / "issuer.crt").write_bytes(authority.pem)
        flags = [
            f"--token-auth-file={folder}/tokens.csv",
            f"--client-ca-file={folder}/clients.crt",
            f"--service-account-issuer={ACCOUNTS}",
            f"--service-account-key-file={key}",
            f"--oidc-issuer-url={issuer.url}",
            "--oidc-client-id=me",
            f"--oidc-ca-file={folder}/issuer.crt",
            "--oidc-username-prefix=oidc:",
            "--oidc-groups-claim=groups",
        ]
        with standalone(folder / "data", free_port(), *flags) as running:
            yield Server(running, ServiceAccountTokenGenerator.from_file(ACCOUNTS, key), issuer)


def refusal(user: str) -> tuple[int, str]:
    return 403, (
        f'flunders.wardle.example.com is forbidden: User "{user}" cannot list resource "flunders" in API group '
        '"wardle.example.com" at the cluster scope'
    )


def test_tokens_of_the_file(server: Server) -> None:
    assert server.ask("root-token")[0] == 200
    assert server.ask("alice-token") == refusal("alice")
    assert server.ask("nobody-token") == (401, "Unauthorized")
    assert server.ask() == refusal("system:anonymous")


def test_tokens_of_service_accounts(server: Server) -> None:
    token = server.accounts.generate("ns", "robot", audiences=[ACCOUNTS])
    assert server.ask(token) == refusal("system:serviceaccount:ns:robot")
    for bad in (
        server.accounts.generate("ns", "robot", audiences=["others"]),
        server.accounts.generate("ns", "robot", audiences=[ACCOUNTS], seconds=-100),
        token[:-8] + "AAAAAAAA",
    ):
        assert server.ask(bad) == (401, "Unauthorized")


def test_tokens_of_the_issuer(server: Server) -> None:
    deadline = time.monotonic() + 20
    while (found := server.ask(server.oidc())) != refusal("oidc:jane"):  # it is looked for in the background
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    for bad in (server.oidc(aud="you"), server.oidc(exp=1), server.oidc(iss="https://127.0.0.1:1")):
        assert server.ask(bad) == (401, "Unauthorized")


def test_the_administrator_is_known_by_certificate_as_before(server: Server) -> None:
    assert server.server.admin.get("/apis/wardle.example.com/v1beta1/flunders").status == 200


def test_clients_of_another_authority_are_known_beside_the_own_ones(server: Server) -> None:
    visitor = server.server.data.parent / "visitor.pem"
    authority = server.server.data / "pki" / "ca.crt"
    client = HTTPSClient(server.server.port, authority=authority, certificate=visitor, key=visitor)
    response = client.get("/apis/wardle.example.com/v1beta1/flunders")
    assert (response.status, response.json()["message"]) == refusal("visitor")


def test_who_a_token_is(server: Server) -> None:
    admin = server.server.admin
    token = server.accounts.generate("ns", "robot", audiences=[ACCOUNTS])
    for spec, expected in (
        ({"token": "alice-token"}, "alice"),
        ({"token": token}, "system:serviceaccount:ns:robot"),
        ({"token": token, "audiences": ["others"]}, None),
        ({"token": "nobody"}, None),
        ({"token": " alice-token"}, None),
    ):
        review = {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "spec": spec}
        status = admin.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review).json()["status"]
        assert status.get("authenticated", False) is (expected is not None)
        assert status["user"].get("username") == expected


def test_no_token_is_in_the_log(server: Server) -> None:
    tokens = ["very-secret-token-0123456789", server.oidc(exp=1), server.accounts.generate("n", "n", seconds=-100)]
    for token in tokens:
        assert server.ask(token)[0] == 401
    log = server.server.process.stderr + server.server.process.stdout
    assert "Unable to authenticate the request" in log
    for token in [*tokens, "alice-token", "root-token"]:
        assert not [part for part in token.split(".") if part in log]


def test_metrics_tell_of_tokens_without_telling_them(server: Server) -> None:
    text = server.server.admin.get("/metrics").body.decode()
    assert 'authentication_attempts{result="error"}' in text
    assert "apiserver_authentication_jwt_authenticator_latency_seconds" in text
    assert server.issuer.url not in text
    assert json.dumps("alice-token") not in text


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--token-auth-file={0}/nope"], "--token-auth-file {0}/nope: open {0}/nope: no such file or directory"),
        (["--client-ca-file={0}/nope"], "unable to load client CA file: open {0}/nope: no such file or directory"),
        (["--anonymous-auth=maybe"], 'invalid argument "maybe" for "--anonymous-auth" flag: '),
        (["--service-account-lookup", "--service-account-issuer=a", "--service-account-key-file=b"], "cannot look up"),
        (
            ["--authentication-config={0}/config.yaml"],
            'failed to load authentication configuration from file "{0}/config.yaml": invalid authentication configuration: '
            'jwt[0].issuer.url: Invalid value: "http://x": URL scheme must be https (line 5)',
        ),
    ],
)
def test_it_does_not_start_with_what_it_cannot_use(tmp_path: Path, flags: list[str], message: str) -> None:
    (tmp_path / "config.yaml").write_text(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt:\n"
        "- issuer:\n    url: http://x\n    audiences: [a]\n  claimMappings: {username: {claim: sub, prefix: ''}}\n"
    )
    arguments = [flag.format(tmp_path) for flag in flags]
    command = [sys.executable, "-m", "examples.wardle.standalone", f"--data={tmp_path}/data", f"--port={free_port()}"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert message.format(tmp_path) in done.stderr
