"""BuiltInAuthenticationOptions: flags, what is wrong with them, and whom a server knows that was made from them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from genericapiserver.authentication import AuthenticationError, AuthenticationRequest, AuthenticationResponse
from genericapiserver.authentication.service_account_objects import LiveObject
from genericapiserver.authentication.service_account_signer import ServiceAccountTokenGenerator
from genericapiserver.config import ConfigError
from genericapiserver.options.builtin_authentication import BuiltInAuthenticationOptions
from genericapiserver.options.flags import FlagError, FlagSet
from genericapiserver.options.token_options import OIDCOptions, ServiceAccountOptions, WebhookOptions
from genericapiserver.secure_serving import SecureServingInfo
from tests.authentication.test_service_account_token import everything
from tests.options.fakes import OTHER, PAIR, kubeconfig, new_config
from tests.support.issuer import RSA_KEYS

DEFAULTS = {
    "anonymous-auth": "true",
    "api-audiences": "[]",
    "authentication-config": "",
    "authentication-token-webhook-cache-ttl": "2m0s",
    "authentication-token-webhook-config-file": "",
    "authentication-token-webhook-version": "v1beta1",
    "client-ca-file": "",
    "oidc-ca-file": "",
    "oidc-client-id": "",
    "oidc-groups-claim": "",
    "oidc-groups-prefix": "",
    "oidc-issuer-url": "",
    "oidc-required-claim": "",
    "oidc-signing-algs": "[RS256]",
    "oidc-username-claim": "sub",
    "oidc-username-prefix": "",
    "requestheader-allowed-names": "[]",
    "requestheader-client-ca-file": "",
    "requestheader-extra-headers-prefix": "[x-remote-extra-]",
    "requestheader-group-headers": "[x-remote-group]",
    "requestheader-uid-headers": "[]",
    "requestheader-username-headers": "[x-remote-user]",
    "service-account-issuer": "[]",
    "service-account-key-file": "[]",
    "service-account-lookup": "true",
    "token-auth-file": "",
}


def parsed(*arguments: str, **settings: Any) -> BuiltInAuthenticationOptions:
    options = BuiltInAuthenticationOptions(**settings)
    flags = FlagSet("server")
    options.add_flags(flags)
    flags.parse(arguments)
    return options


def test_every_flag_and_its_default() -> None:
    flags = FlagSet("server")
    BuiltInAuthenticationOptions().add_flags(flags)
    assert flags.values() == DEFAULTS


def test_another_api_server_may_review_tokens_where_that_is_offered() -> None:
    flags = FlagSet("server")
    BuiltInAuthenticationOptions(remote_kubeconfig_file="").add_flags(flags)
    assert set(flags.values()) - DEFAULTS.keys() == {"authentication-kubeconfig"}


def test_lists_and_pairs() -> None:
    options = parsed(
        "--service-account-issuer=https://a,b",
        "--service-account-issuer=c",
        "--service-account-key-file=x",
        "--service-account-key-file=y",
        "--api-audiences=a,b",
        "--oidc-required-claim=hd=example.com",
        "--oidc-required-claim=a=b=c,d",
    )
    assert options.service_accounts.issuers == ["https://a,b", "c"]
    assert options.service_accounts.key_files == ["x", "y"]
    assert options.api_audiences == ["a", "b"]
    assert options.oidc.required_claims == [("hd", "example.com"), ("a", "b=c,d")]


def test_a_pair_that_is_none() -> None:
    text = 'invalid argument "hd" for "--oidc-required-claim" flag: malformed pair, expect string=string'
    with pytest.raises(FlagError) as raised:
        parsed("--oidc-required-claim=hd")
    assert str(raised.value) == text


LOOKUP = (
    "--service-account-lookup: this server cannot look up service accounts; with --service-account-lookup=false their "
    "tokens are good until they expire"
)
TOGETHER = "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set"


@pytest.mark.parametrize(
    ("arguments", "problems"),
    {
        "nothing": ([], []),
        "an issuer": (["--oidc-issuer-url=https://x", "--oidc-client-id=me"], []),
        "an issuer for nobody": (["--oidc-issuer-url=https://x"], [TOGETHER]),
        "a client of nobody": (["--oidc-client-id=me"], [TOGETHER]),
        "a claim of nobody": (["--oidc-username-claim=sub"], [TOGETHER]),
        "an algorithm with a secret": (
            ["--oidc-issuer-url=https://x", "--oidc-client-id=me", "--oidc-signing-algs=RS256,HS256"],
            ['oidc: unsupported signing alg: "HS256"'],
        ),
        "a file and flags": (
            ["--authentication-config=f", "--oidc-client-id=me"],
            ["authentication-config file and oidc-* flags are mutually exclusive"],
        ),
        "service accounts": (
            ["--service-account-issuer=a", "--service-account-key-file=f", "--service-account-lookup=false"],
            [],
        ),
        "service accounts to look up": (["--service-account-issuer=a", "--service-account-key-file=f"], [LOOKUP]),
        "service accounts without keys": (
            ["--service-account-issuer=a", "--service-account-lookup=false"],
            ["`--service-account-key-file` must be set"],
        ),
        "service accounts of nobody": (
            ["--service-account-key-file=f", "--service-account-lookup=false"],
            ["service-account-issuer is a required flag"],
        ),
        "issuers that are wrong": (
            [
                "--service-account-issuer=https://a:b:c",
                "--service-account-issuer=",
                "--service-account-issuer=a",
                "--service-account-issuer=a",
                "--service-account-key-file=f",
                "--service-account-lookup=false",
            ],
            [
                "service-account-issuer \"https://a:b:c\" contained a ':' but was not a valid URL: "
                "parse \"https://a:b:c\": Port could not be cast to integer value as 'b:c'",
                "service-account-issuer should not be an empty string",
                'service-account-issuer "a" is already specified',
            ],
        ),
        "a webhook of another version": (
            ["--authentication-token-webhook-version=v2"],
            ['unsupported authentication webhook version "v2", supported versions are "v1", "v1beta1"'],
        ),
        "a blank header": (
            ["--requestheader-username-headers= "],
            ['empty value in "requestheader-username-headers"'],
        ),
    }.values(),
)
def test_validation(arguments: list[str], problems: list[str]) -> None:
    assert parsed(*arguments).validate() == problems


def test_who_signs_for_users_must_not_sign_for_proxies(tmp_path: Path) -> None:
    clients, proxies = tmp_path / "clients.crt", tmp_path / "proxies.crt"
    clients.write_bytes(PAIR.certificate_pem + OTHER.certificate_pem)
    proxies.write_bytes(OTHER.certificate_pem)
    flags = [f"--client-ca-file={clients}", f"--requestheader-client-ca-file={proxies}"]
    (problem,) = parsed(*flags).validate()
    assert problem.startswith(
        "--requestheader-client-ca-file and --client-ca-file contain overlapping certificates; "
        "--requestheader-allowed-names must be specified"
    )
    assert parsed(*flags, "--requestheader-allowed-names=proxy").validate() == []
    clients.write_bytes(PAIR.certificate_pem)
    assert parsed(*flags).validate() == []


# What a server knows


async def answer(
    options: BuiltInAuthenticationOptions, token: str = "", path: str = "/api"
) -> AuthenticationResponse | str | None:
    """Who a request with *token* is from, or why it is from nobody."""
    config = new_config()
    await options.apply_to(config, None)
    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    request = AuthenticationRequest(
        {"type": "http", "path": path, "headers": headers}, config.authentication.api_audiences
    )
    try:
        assert config.authentication.authenticator is not None
        return await config.authentication.authenticator.authenticate_request(request)
    except AuthenticationError as error:
        return str(error)
    finally:
        await config.close()


async def name(options: BuiltInAuthenticationOptions, token: str = "", path: str = "/api") -> str | None:
    found = await answer(options, token, path)
    return found.user.name if isinstance(found, AuthenticationResponse) else found


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key.pem"
    file.write_bytes(RSA_KEYS[0].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


async def test_a_token_file(tmp_path: Path) -> None:
    file = tmp_path / "tokens.csv"
    file.write_text('secret,alice,1,"dev,ops"\n')
    options = BuiltInAuthenticationOptions(token_file=str(file), api_audiences=["api"])
    found = await answer(options, "secret")
    assert isinstance(found, AuthenticationResponse)
    assert found.user.groups == ("dev", "ops", "system:authenticated")
    assert found.audiences == ("api",)
    assert await name(options, "other") == "invalid bearer token"
    assert await name(options) == "system:anonymous"


async def test_tokens_of_service_accounts(key_file: Path) -> None:
    accounts = ServiceAccountOptions(issuers=["https://a", "old"], key_files=[str(key_file)], lookup=False)
    options = BuiltInAuthenticationOptions(service_accounts=accounts)
    for issuer in accounts.issuers:
        generator = ServiceAccountTokenGenerator.from_file(issuer, key_file)
        found = await answer(options, generator.generate("ns", "name", audiences=["https://a"]))
        assert isinstance(found, AuthenticationResponse)
        assert found.user.name == "system:serviceaccount:ns:name"
        assert found.audiences == ("https://a",)
    assert await name(options, generator.generate("ns", "name", audiences=["x"])) == (
        'token audiences ["x"] is invalid for the target audiences ["https://a" "old"]'
    )
    stranger = ServiceAccountTokenGenerator.from_file("stranger", key_file)
    assert await name(options, stranger.generate("ns", "name")) == "invalid bearer token"


async def test_tokens_of_service_accounts_that_are_looked_up(key_file: Path) -> None:
    objects = everything()
    accounts = ServiceAccountOptions(issuers=["a"], key_files=[str(key_file)], objects=objects)
    options = BuiltInAuthenticationOptions(service_accounts=accounts)
    assert options.validate() == []
    token = ServiceAccountTokenGenerator.from_file("a", key_file).generate("ns", "name", uid="uid", audiences=["a"])
    assert await name(options, token) == "system:serviceaccount:ns:name"
    objects.objects["serviceaccount", "ns", "name"] = LiveObject(uid="new")
    assert await name(options, token) == "service account UID (new) does not match claim (uid)"


async def test_anonymous_requests() -> None:
    assert await name(BuiltInAuthenticationOptions()) == "system:anonymous"
    with pytest.raises(ConfigError, match=r"^no authentication method configured$"):
        await BuiltInAuthenticationOptions(anonymous_auth=False).apply_to(new_config(), None)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"token_file": "{0}/nope"}, "--token-auth-file {0}/nope: open {0}/nope: no such file or directory"),
        ({"token_file": "{0}/bad.csv"}, "--token-auth-file {0}/bad.csv: token file '{0}/bad.csv' must have at least 3"),
        ({"client_ca_file": "{0}/nope"}, "unable to load client CA file: open {0}/nope: no such file or directory"),
        (
            {"client_ca_file": "{0}/bad.csv"},
            'unable to load client CA file: error loading CA bundle for "client-ca-bundle::',
        ),
        (
            {"authentication_config_file": "{0}/nope"},
            'failed to load authentication configuration from file "{0}/nope": open {0}/nope: no such file or directory',
        ),
        (
            {"authentication_config_file": "{0}/bad.csv"},
            'failed to load authentication configuration from file "{0}/bad.csv": ',
        ),
        (
            {"oidc": {"issuer_url": "https://x", "ca_file": "{0}/nope"}},
            "--oidc-ca-file {0}/nope: open {0}/nope: no such file or directory",
        ),
        (
            {"oidc": {"issuer_url": "https://x", "ca_file": "{0}/empty"}},
            "--oidc-ca-file {0}/empty: the file is empty",
        ),
        (
            {"oidc": {"issuer_url": "http://x", "client_id": "me"}},
            'invalid authentication configuration: jwt[0].issuer.url: Invalid value: "http://x": URL scheme must be https',
        ),
        (
            {"service_accounts": {"issuers": ["a"], "key_files": ["{0}/nope"]}},
            "--service-account-key-file: open {0}/nope: no such file or directory",
        ),
        (
            {"service_accounts": {"issuers": ["a"], "key_files": ["{0}/bad.csv"]}},
            "--service-account-key-file: error reading public key file {0}/bad.csv: data does not contain any valid",
        ),
        (
            {"webhook": {"config_file": "{0}/nope"}},
            "--authentication-token-webhook-config-file: stat {0}/nope: no such file or directory",
        ),
        (
            {"remote_kubeconfig_file": "{0}/nope"},
            "failed to get delegated authentication kubeconfig: stat {0}/nope: no such file or directory",
        ),
    ],
)
async def test_files_that_cannot_be_used(tmp_path: Path, settings: dict[str, Any], text: str) -> None:
    (tmp_path / "bad.csv").write_text("x,y\n")
    (tmp_path / "empty").touch()
    kinds = {"oidc": OIDCOptions, "service_accounts": ServiceAccountOptions, "webhook": WebhookOptions}

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [filled(each) for each in value]
        return value.format(tmp_path)

    made = {key: kinds[key](**filled(value)) if key in kinds else filled(value) for key, value in settings.items()}
    config = new_config()
    with pytest.raises(ConfigError) as raised:
        await BuiltInAuthenticationOptions(**made).apply_to(config, SecureServingInfo())
    await config.close()
    assert str(raised.value).startswith(text.format(tmp_path))
    assert "\n" not in str(raised.value)


def test_the_flags_of_an_issuer_as_the_file_would_say_it() -> None:
    oidc = OIDCOptions(
        issuer_url="https://x",
        client_id="me",
        groups_claim="groups",
        groups_prefix="g:",
        required_claims=[("hd", "a"), ("hd", "b")],
    )
    made = oidc.authenticator("pem")
    assert made.issuer.audiences == ["me"]
    assert made.issuer.certificate_authority == "pem"
    assert made.claim_mappings.username.prefix == "https://x#"
    assert made.claim_mappings.groups.prefix == "g:"
    assert [(rule.claim, rule.required_value) for rule in made.claim_validation_rules] == [("hd", "b")]


@pytest.mark.parametrize(
    ("claim", "prefix", "used"),
    [("sub", "", "https://x#"), ("email", "", ""), ("email", "a:", "a:"), ("sub", "-", ""), ("sub", "a:", "a:")],
)
def test_the_prefix_of_names(claim: str, prefix: str, used: str) -> None:
    oidc = OIDCOptions(issuer_url="https://x", client_id="me", username_claim=claim, username_prefix=prefix)
    made = oidc.authenticator("")
    assert made.claim_mappings.username.prefix == used


# A webhook


class Webhook:
    """A server that knows one token, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                webhook.asked.append((self.path, review))
                good = review["spec"]["token"] == "good"
                status = {"authenticated": good, "user": {"username": "hook"}} if good else {"error": "no"}
                body = json.dumps({**review, "status": status}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    made = Webhook()
    made.thread.start()
    yield made
    made.server.shutdown()
    made.thread.join()
    made.server.server_close()


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_webhook_is_asked_at_its_very_address(tmp_path: Path, webhook: Webhook, version: str) -> None:
    address = f"http://127.0.0.1:{webhook.server.server_address[1]}/review/tokens"
    file = kubeconfig(tmp_path / "webhook", server=address)
    options = BuiltInAuthenticationOptions(
        webhook=WebhookOptions(config_file=str(file), version=version), api_audiences=["api"]
    )
    assert await name(options, "good") == "hook"
    assert await name(options, "bad") == "no"
    path, review = webhook.asked[0]
    assert path == "/review/tokens?timeout=30s"
    assert review["apiVersion"] == f"authentication.k8s.io/{version}"
    assert review["spec"] == {"token": "good", "audiences": ["api"]}


async def test_another_api_server_is_asked_last(tmp_path: Path, webhook: Webhook) -> None:
    (tmp_path / "tokens.csv").write_text("good,alice,1\n")
    file = kubeconfig(tmp_path / "webhook", server=f"http://127.0.0.1:{webhook.server.server_address[1]}")
    options = BuiltInAuthenticationOptions(remote_kubeconfig_file=str(file))
    assert await name(options, "good") == "hook"
    options.token_file = str(tmp_path / "tokens.csv")
    assert await name(options, "good") == "alice"
    assert [path for path, _ in webhook.asked] == ["/apis/authentication.k8s.io/v1/tokenreviews"]


def test_a_webhook_that_is_remembered_for_less_than_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    options = BuiltInAuthenticationOptions(
        webhook=WebhookOptions(config_file="f", cache_ttl=5.0), token_failure_cache_ttl=7.0
    )
    options._warn_of_short_ttl()
    assert [record.getMessage() for record in caplog.records] == [
        f"the webhook cache ttl of 5s is shorter than the overall cache ttl of {ttl} for {kind} token authentication "
        "attempts."
        for ttl, kind in (("10s", "successful"), ("7s", "failed"))
    ]


def test_what_only_tokens_need_is_loaded_with_them() -> None:
    code = (
        "import sys, genericapiserver.options.builtin_authentication\n"
        "late = ('jwt', 'cel_expr_python', 're2', 'genericapiserver.authentication.oidc')\n"
        "print([name for name in late if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
