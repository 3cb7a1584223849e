"""--authentication-config: strictness, lines in errors, anonymous requests, and a file that changes under a server."""

import asyncio
import contextlib
import textwrap
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from genericapiserver.authentication import AuthenticationError, AuthenticationRequest
from genericapiserver.config import Config, ConfigError
from genericapiserver.metrics.labels import hash_label
from genericapiserver.options.authentication_config import IssuerController, parse_configuration
from genericapiserver.options.builtin_authentication import BuiltInAuthenticationOptions
from genericapiserver.options.flags import FlagSet
from genericapiserver.secure_serving import SecureServingInfo
from tests.options.fakes import new_config
from tests.support.issuer import DISCOVERY, FakeIssuer, fake_issuer
from tests.support.pki import Issued

HEAD = "apiVersion: apiserver.config.k8s.io/{}\nkind: AuthenticationConfiguration\n"
V1 = HEAD.format("v1")
ANONYMOUS = "anonymous:\n  enabled: true\n  conditions:\n  - path: /livez\n  - path: /readyz\n"


def entry(issuer: FakeIssuer, authority: Issued, *, prefix: str = "", audience: str = "me") -> str:
    pem = textwrap.indent(authority.pem.decode(), "      ")
    return (
        f"- issuer:\n    url: {issuer.url}\n    audiences: [{audience}]\n    certificateAuthority: |\n{pem}"
        f"  claimMappings:\n    username: {{claim: sub, prefix: '{prefix}'}}\n"
    )


@pytest.fixture(scope="module")
def real() -> Iterator[tuple[FakeIssuer, Issued]]:
    with fake_issuer() as found:
        yield found


@pytest.fixture(scope="module")
def second() -> Iterator[tuple[FakeIssuer, Issued]]:
    with fake_issuer() as found:
        yield found


# Reading


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_every_version(version: str) -> None:
    data = HEAD.format(version) + "jwt:\n- issuer: {url: https://x, audiences: [a]}\n"
    data += "  claimMappings: {username: {claim: sub, prefix: ''}}\n"
    (found,) = parse_configuration(data.encode()).config.jwt
    assert found.issuer.url == "https://x"


def test_a_configuration_of_nothing() -> None:
    found = parse_configuration(V1.encode()).config
    assert (found.jwt, found.anonymous) == ([], None)


@pytest.mark.parametrize(
    ("text", "message"),
    {
        "nothing": ("", "empty config data"),
        "no YAML": ("a: [", "yaml: line 1: did not find expected node content"),
        "another kind": (
            V1.replace("Authentication", "Authorization"),
            'no kind "AuthorizationConfiguration" is registered',
        ),
        "another version": (HEAD.format("v2"), 'no kind "AuthenticationConfiguration" is registered for version '),
        "an unknown field": (
            V1 + "jwt:\n- issuer:\n    uri: https://x\n",
            'strict decoding error: unknown field "jwt[0].issuer.uri" (line 5)',
        ),
        "a field twice": (
            V1 + "anonymous: {enabled: true}\nanonymous: {enabled: true}\n",
            "strict decoding error: yaml: unmarshal errors:",
        ),
        "fields that are wrong": (
            V1 + "jwt:\n- issuer:\n    url: http://x\n  claimMappings:\n    username:\n      claim: sub\n",
            'invalid authentication configuration: [jwt[0].issuer.url: Invalid value: "http://x": URL scheme must be https '
            "(line 5), jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required (line 4), "
            "jwt[0].claimMappings.username.prefix: Required value: prefix is required when claim is set. "
            "It can be set to an empty string to disable prefixing (line 7)]",
        ),
    }.values(),
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_configuration(text.encode())
    assert str(raised.value).startswith(message)


def test_the_issuer_of_service_accounts_is_not_allowed() -> None:
    data = (
        V1 + "jwt:\n- issuer: {url: https://x, audiences: [a]}\n  claimMappings: {username: {claim: s, prefix: ''}}\n"
    )
    with pytest.raises(ConfigError, match="URL must not overlap with disallowed issuers"):
        parse_configuration(data.encode(), disallowed_issuers=["https://x"])


# Anonymous requests


async def anonymous(file: Path, path: str, *flags: str) -> str | None:
    options = BuiltInAuthenticationOptions(authentication_config_file=str(file))
    flag_set = FlagSet("server")
    options.add_flags(flag_set)
    flag_set.parse([f"--authentication-config={file}", *flags])
    config = new_config()
    await options.apply_to(config, None)
    assert config.authentication.authenticator is not None
    request = AuthenticationRequest({"type": "http", "path": path, "headers": []})
    response = await config.authentication.authenticator.authenticate_request(request)
    return None if response is None else response.user.name


async def test_conditions_for_anonymous_requests(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(V1 + ANONYMOUS)
    assert await anonymous(file, "/livez") == "system:anonymous"
    assert await anonymous(file, "/livez/") is None
    assert await anonymous(file, "/healthz") is None
    file.write_text(V1 + "anonymous: {enabled: true}")
    assert await anonymous(file, "/healthz") == "system:anonymous"
    file.write_text(V1 + "anonymous: {enabled: false}")
    assert await anonymous(file, "/livez") is None
    file.write_text(V1)
    assert await anonymous(file, "/livez") == "system:anonymous"
    assert await anonymous(file, "/livez", "--anonymous-auth=false") is None


async def test_the_flag_and_the_file_exclude_each_other(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(V1 + ANONYMOUS)
    for flag in ("--anonymous-auth", "--anonymous-auth=true", "--anonymous-auth=false"):
        with pytest.raises(ConfigError) as raised:
            await anonymous(file, "/livez", flag)
        assert str(raised.value) == (
            "anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in "
            "authentication configuration file"
        )


# A file that changes


@attrs.define
class Running:
    """A controller that runs, and its file."""

    controller: IssuerController
    config: Config
    file: Path
    log: pytest.LogCaptureFixture

    async def who(self, token: str) -> str | None:
        try:
            response = await self.controller.authenticate_token(token)
        except AuthenticationError as error:
            return str(error)
        return None if response is None else response.user.name

    async def until(self, token: str, name: str | None) -> None:
        async with asyncio.timeout(15):
            while await self.who(token) != name:
                await asyncio.sleep(0.01)

    async def until_counted(self, status: str, count: int) -> None:
        async with asyncio.timeout(15):
            while self.sample("automatic_reloads_total", status=status) != count:
                await asyncio.sleep(0.01)

    def sample(self, name: str, **labels: str) -> float | None:
        labels["apiserver_id_hash"] = hash_label(self.config.api_server_id)
        full = f"apiserver_authentication_config_controller_{name}"
        return self.config.metrics.collectors.get_sample_value(full, labels)


@contextlib.asynccontextmanager
async def running(file: Path, log: pytest.LogCaptureFixture, **settings: Any) -> AsyncIterator[Running]:
    config = new_config()
    initial = parse_configuration(await asyncio.to_thread(file.read_bytes))
    controller = IssuerController(initial, config, file=file, look_interval=0.05, **settings)
    task = asyncio.create_task(controller.run())
    try:
        yield Running(controller, config, file, log)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def replace(file: Path, text: str) -> None:
    """In one step: a file that is written over is empty for a moment, which would be one more mistake to count."""
    new = file.with_name("new")
    new.write_text(text)
    new.rename(file)


def token(issuer: FakeIssuer, audience: str = "me") -> str:
    return issuer.sign({"sub": "jane", "aud": audience, "exp": time.time() + 100})


async def test_a_changed_file_counts(
    tmp_path: Path,
    real: tuple[FakeIssuer, Issued],
    second: tuple[FakeIssuer, Issued],
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(V1 + "jwt:\n" + entry(*real))
    first_hash = hash_label(file.read_bytes())
    async with running(file, caplog) as server:
        await server.until(token(real[0]), "jane")
        assert server.sample("last_config_info", hash=first_hash) == 1
        assert await server.who(token(second[0])) is None

        replace(file, V1 + "jwt:\n" + entry(*real, prefix="a:") + entry(*second, prefix="b:"))
        await server.until(token(second[0]), "b:jane")
        assert await server.who(token(real[0])) == "a:jane"
        await server.until_counted("success", 1)
        assert server.sample("last_config_info", hash=first_hash) is None
        assert server.sample("last_config_info", hash=hash_label(file.read_bytes())) == 1
        assert time.time() - (server.sample("automatic_reload_last_timestamp_seconds", status="success") or 0) < 60

        replace(file, V1 + "jwt:\n" + entry(*second, prefix="c:"))
        await server.until(token(second[0]), "c:jane")
        assert await server.who(token(real[0])) is None
        fetched = "apiserver_authentication_jwt_authenticator_jwks_fetch_last_timestamp_seconds"
        labels = {"result": "success", "apiserver_id_hash": hash_label(server.config.api_server_id)}
        sample = server.config.metrics.collectors.get_sample_value
        assert sample(fetched, {**labels, "jwt_issuer_hash": hash_label(real[0].url)}) is None
        assert sample(fetched, {**labels, "jwt_issuer_hash": hash_label(second[0].url)}) is not None


async def test_a_file_with_a_mistake_changes_nothing(
    tmp_path: Path, real: tuple[FakeIssuer, Issued], caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "config.yaml"
    good = V1 + "jwt:\n" + entry(*real)
    file.write_text(good)
    async with running(file, caplog) as server:
        await server.until(token(real[0]), "jane")
        for number, (broken, text) in enumerate(
            [
                ("nonsense: [", "yaml: line 1"),
                (good + "extra: 1\n", 'unknown field "extra"'),
                (good.replace("https:", "http:"), "URL scheme must be https (line 5)"),
                (good + ANONYMOUS, "anonymous: Forbidden: changed from initial configuration file (line "),
                ("", "empty config data"),
            ],
            start=1,
        ):
            replace(file, broken)
            await server.until_counted("failure", number)
            assert await server.who(token(real[0])) == "jane"
            (record,) = [each for each in caplog.records if text in each.getMessage()]
            assert record.getMessage().startswith(f"{file} is not loaded anew, the old configuration stays in use: ")
        replace(file, good.replace("prefix: ''", "prefix: 'x:'"))
        await server.until(token(real[0]), "x:jane")
        assert server.sample("automatic_reloads_total", status="failure") == 5


async def test_issuers_that_do_not_answer_change_nothing(
    tmp_path: Path,
    real: tuple[FakeIssuer, Issued],
    second: tuple[FakeIssuer, Issued],
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(V1 + "jwt:\n" + entry(*real))
    second[0].documents[DISCOVERY] = (500, b"")
    try:
        async with running(file, caplog, update_timeout=0.5) as server:
            await server.until(token(real[0]), "jane")
            replace(file, V1 + "jwt:\n" + entry(*second))
            await server.until_counted("failure", 1)
            assert await server.who(token(real[0])) == "jane"
            assert "is not healthy" in caplog.text
    finally:
        del second[0].documents[DISCOVERY]


async def test_a_server_runs_the_controller_while_it_serves(
    tmp_path: Path, real: tuple[FakeIssuer, Issued], caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(V1 + "jwt:\n" + entry(*real))
    serving, config = SecureServingInfo(), new_config()
    await BuiltInAuthenticationOptions(authentication_config_file=str(file)).apply_to(config, serving)
    (run,) = serving.content_controllers
    task = asyncio.create_task(run())
    authenticator = config.authentication.authenticator
    assert authenticator is not None
    scope = {"type": "http", "path": "/", "headers": [(b"authorization", b"Bearer " + token(real[0]).encode())]}
    async with asyncio.timeout(15):
        while True:
            with contextlib.suppress(AuthenticationError):
                response = await authenticator.authenticate_request(AuthenticationRequest(scope))
                break
            await asyncio.sleep(0.01)
    assert response is not None
    assert response.user.name == "jane"
    assert response.user.groups == ("system:authenticated",)
    task.cancel()
    await asyncio.wait([task])
