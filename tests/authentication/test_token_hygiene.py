"""Tokens stay where they belong: not in logs, not in errors, not in what objects print, and compared in constant time."""

import logging
import statistics
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from genericapiserver.authentication import AuthenticationError, AuthenticationRequest, UserInfo
from genericapiserver.authentication.service_account_signer import ServiceAccountTokenGenerator
from genericapiserver.authentication.static_token import StaticTokenAuthenticator
from genericapiserver.authentication.token_file import TokenFileError, load_token_file
from genericapiserver.config import RecommendedConfig
from genericapiserver.options.authentication_config import parse_configuration
from genericapiserver.options.builtin_authentication import BuiltInAuthenticationOptions
from genericapiserver.options.token_options import OIDCOptions, ServiceAccountOptions, WebhookOptions
from tests.options.fakes import kubeconfig, new_config
from tests.support.issuer import RSA_KEYS, FakeIssuer

SECRET = "s3cret-of-a-file"
GENERATOR = ServiceAccountTokenGenerator("https://accounts.example.com", RSA_KEYS[0])
ISSUER = FakeIssuer(url="https://issuer.example.com")


async def everything(folder: Path) -> RecommendedConfig:
    """A configuration with every kind of token, none of whose helpers answers."""
    (folder / "tokens.csv").write_text(f"{SECRET},me,1\n")
    (folder / "key.pem").write_bytes(GENERATOR.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    options = BuiltInAuthenticationOptions(
        token_file=str(folder / "tokens.csv"),
        service_accounts=ServiceAccountOptions(
            issuers=[GENERATOR.issuer], key_files=[str(folder / "key.pem")], lookup=False
        ),
        oidc=OIDCOptions(issuer_url=ISSUER.url, client_id="me"),
        webhook=WebhookOptions(config_file=str(kubeconfig(folder / "webhook"))),
    )
    config = new_config()
    await options.apply_to(config, None)
    return config


BAD = {
    "unknown": "tokens-nobody-knows-0123456789",
    "a service account's, expired": GENERATOR.generate("ns", "name", seconds=-1000),
    "a service account's, for others": GENERATOR.generate("ns", "name", audiences=["others"]),
    "a service account's, with another signature": GENERATOR.generate("ns", "name")[:-6] + "AAAAAA",
    "an issuer's that was not found": ISSUER.sign({"sub": "x"}),
    "of no characters that are ASCII": "ünknown-tökens-0123456789",
    "half of one": SECRET[:-1],
    "long": "x" * 5000,
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD)
async def test_a_refused_token_is_in_no_log_and_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, token: str
) -> None:
    caplog.set_level(logging.DEBUG)
    config = await everything(tmp_path)
    authenticator = config.authentication.authenticator
    assert authenticator is not None
    request = AuthenticationRequest(
        {"type": "http", "path": "/", "headers": [(b"authorization", b"Bearer " + token.encode())]}
    )
    with pytest.raises(AuthenticationError) as raised:
        await authenticator.authenticate_request(request)
    await config.close()
    told = [str(raised.value), repr(raised.value), repr(request), repr(raised.value.__cause__), caplog.text]
    told += [str(record.args) for record in caplog.records]
    told += [metric.documentation + str(metric.samples) for metric in config.metrics.collectors.collect()]
    parts = [token, *(part for part in token.split(".") if len(part) > 10)]
    assert not [part for part in parts for text in told if part in text]


async def test_a_known_token_is_not_kept_as_it_is(tmp_path: Path) -> None:
    config = await everything(tmp_path)
    authenticator = config.authentication.authenticator
    assert authenticator is not None
    scope = {"type": "http", "path": "/", "headers": [(b"authorization", f"Bearer {SECRET}".encode())]}
    response = await authenticator.authenticate_request(AuthenticationRequest(scope))
    assert response is not None
    await config.close()
    seen: set[int] = set()
    stack: list[object] = [authenticator]
    while stack:
        item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        assert not (isinstance(item, str) and SECRET in item)
        assert not (isinstance(item, bytes) and SECRET.encode() in item)
        if isinstance(item, dict):
            stack += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple | set | frozenset):
            stack += item
        elif type(item).__module__.startswith("genericapiserver"):
            stack += vars(item).values() if hasattr(item, "__dict__") else ()
            stack += [getattr(item, name, None) for name in getattr(type(item), "__slots__", ())]


def test_a_token_file_that_is_wrong_is_named_and_not_quoted(tmp_path: Path) -> None:
    file = tmp_path / "tokens.csv"
    file.write_text(f"good,me,1\n{SECRET},me\n")
    with pytest.raises(TokenFileError) as raised:
        load_token_file(file)
    assert str(raised.value) == (
        f"token file '{file}' must have at least 3 columns (token, user name, user uid), found 2 (line 2)"
    )


def test_a_token_file_that_is_no_csv(tmp_path: Path) -> None:
    file = tmp_path / "tokens.csv"
    file.write_text(f"good,me,1\n{SECRET}{'x' * 200_000},me,1\n")
    with pytest.raises(TokenFileError, match=r"^not valid CSV: field larger than field limit \(131072\) \(line 2\)$"):
        load_token_file(file)


def test_lines_of_a_token_file_that_are_passed_over_are_told_without_the_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "tokens.csv"
    file.write_text(f",me,1\n{SECRET},me,1\n{SECRET},other,2\n")
    load_token_file(file)
    assert len(caplog.records) == 2
    assert SECRET not in caplog.text


async def test_how_much_of_a_token_is_right_cannot_be_timed() -> None:
    """Only hashes under a random key are compared: a half-right token is as wrong as any."""
    token = "a" * 64
    authenticator = StaticTokenAuthenticator({token: UserInfo(name="me")})
    guesses = {"nothing right": "b" * 64, "almost right": "a" * 63 + "b"}
    times: dict[str, list[float]] = {name: [] for name in guesses}
    for _ in range(400):
        for name, guess in guesses.items():
            start = time.perf_counter()
            for _ in range(5):
                assert await authenticator.authenticate_token(guess) is None
            times[name].append(time.perf_counter() - start)
    first, second = (statistics.median(each) for each in times.values())
    assert 0.5 < first / second < 2


async def test_a_configuration_that_is_refused_does_not_quote_its_authorities() -> None:
    data = b"""apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
- issuer: {url: "https://x", audiences: [a], certificateAuthority: "private text"}
  claimMappings: {username: {claim: sub, prefix: ""}}
"""
    with pytest.raises(ValueError) as raised:
        parse_configuration(data)
    assert "private text" not in str(raised.value)
    assert "jwt[0].issuer.certificateAuthority" in str(raised.value)
