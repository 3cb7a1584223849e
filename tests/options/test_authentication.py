"""DelegatingAuthenticationOptions and DelegatingAuthorizationOptions: what they make of files, and of files that are not."""

from pathlib import Path
from typing import Any

import pytest

from genericapiserver.authentication import AuthenticationRequest
from genericapiserver.authentication.user import UserInfo
from genericapiserver.authorization import AuthorizationAttributes, Decision
from genericapiserver.config import ConfigError
from genericapiserver.options.authentication import DelegatingAuthenticationOptions, RequestHeaderOptions
from genericapiserver.options.authorization import DelegatingAuthorizationOptions
from genericapiserver.secure_serving import SecureServingInfo
from tests.options.fakes import PAIR, kubeconfig, new_config
from tests.support.asgi_client import ASGIClient

NO_CLUSTER = (
    "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined"
)
AUTHENTICATION = "failed to get delegated authentication kubeconfig: "
AUTHORIZATION = "failed to get delegated authorization kubeconfig: "


def authentication(**settings: Any) -> DelegatingAuthenticationOptions:
    return DelegatingAuthenticationOptions(skip_in_cluster_lookup=True, **settings)


async def who(options: DelegatingAuthenticationOptions, **headers: str) -> str | None:
    """The name of the user that a request is from."""
    config = new_config()
    await options.apply_to(config, None)
    try:
        assert config.authentication.authenticator is not None
        scope = ASGIClient(config.authentication.authenticator).scope("GET", "/", headers)  # type: ignore[arg-type]
        response = await config.authentication.authenticator.authenticate_request(AuthenticationRequest(scope))
        return response.user.name if response is not None else None
    finally:
        await config.close()


def broken_kubeconfigs(folder: Path) -> dict[str, tuple[Path, str]]:
    """Files by what is wrong with them, with a part of what is said about it."""
    yaml, empty, other = folder / "broken.yaml", folder / "empty.yaml", folder / "other.yaml"
    yaml.write_text("a: [\nb: }")
    empty.touch()
    other.write_text("current-context: nowhere\n")
    return {
        "is missing": (folder / "nope", "stat {}: no such file or directory"),
        "is a folder": (folder, "stat {}: is a directory"),
        "is no YAML": (yaml, "{}: not valid YAML: "),
        "is empty": (empty, "{}: invalid configuration: no configuration has been provided"),
        "has no context": (other, '{}: context "nowhere" does not exist'),
        "has bad certificates": (
            kubeconfig(folder / "certificates", ca=b"nothing"),
            "https://127.0.0.1:1: ",
        ),
        "has no host": (kubeconfig(folder / "host", server="https://:x"), "https://:x: "),
    }


@pytest.mark.parametrize(
    "what",
    [
        "is missing",
        "is a folder",
        "is no YAML",
        "is empty",
        "has no context",
        "has bad certificates",
        "has no host",
    ],
)
async def test_a_kubeconfig_that_cannot_be_used(what: str, tmp_path: Path) -> None:
    path, problem = broken_kubeconfigs(tmp_path)[what]
    problem = problem.format(path)
    for optional in (False, True):
        with pytest.raises(ConfigError) as caught:
            await authentication(remote_kubeconfig_file=str(path), remote_kubeconfig_file_optional=optional).apply_to(
                new_config(), None
            )
        assert str(caught.value).startswith(AUTHENTICATION * 2 + problem)
        assert "\n" not in str(caught.value)
        with pytest.raises(ConfigError) as caught:
            DelegatingAuthorizationOptions(
                remote_kubeconfig_file=str(path), remote_kubeconfig_file_optional=optional
            ).apply_to(new_config())
        assert str(caught.value).startswith(AUTHORIZATION + problem)
        assert "\n" not in str(caught.value)


async def test_without_a_kubeconfig_there_must_be_a_cluster() -> None:
    with pytest.raises(ConfigError) as caught:
        await authentication().apply_to(new_config(), None)
    assert str(caught.value) == AUTHENTICATION * 2 + NO_CLUSTER
    with pytest.raises(ConfigError) as caught:
        DelegatingAuthorizationOptions().apply_to(new_config())
    assert str(caught.value) == AUTHORIZATION + NO_CLUSTER


async def test_with_an_optional_kubeconfig_everybody_is_anonymous() -> None:
    options = authentication(remote_kubeconfig_file_optional=True)
    assert await who(options) == "system:anonymous"
    assert await who(options, authorization="Bearer token") == "system:anonymous"


async def test_tokens_are_reviewed_and_those_that_cannot_be_are_refused(tmp_path: Path) -> None:
    from genericapiserver.authentication import AuthenticationError

    options = authentication(remote_kubeconfig_file=str(kubeconfig(tmp_path / "kubeconfig")))
    assert await who(options) == "system:anonymous"
    with pytest.raises(AuthenticationError):
        await who(options, authorization="Bearer token")


@pytest.mark.parametrize(
    "settings", [{"skip_in_cluster_lookup": True}, {"tolerate_in_cluster_lookup_failure": True}, {"both files": True}]
)
async def test_the_lookup_is_not_needed(settings: dict[str, bool], tmp_path: Path) -> None:
    options = DelegatingAuthenticationOptions(remote_kubeconfig_file_optional=True)
    for name, value in settings.items():
        if name == "both files":
            bundle = tmp_path / "ca.crt"
            bundle.write_bytes(PAIR.certificate_pem)
            options.client_ca_file = options.request_header.client_ca_file = str(bundle)
        else:
            setattr(options, name, value)
    assert await who(options) == "system:anonymous"


@pytest.mark.parametrize("content", ["", "nothing", None])
@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("client_ca_file", "unable to load client CA provider: "),
        ("requestheader", "unable to create request header authentication config: "),
    ],
)
async def test_a_bundle_that_cannot_be_used(settings: str, problem: str, content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "ca.crt"
    if content is not None:
        path.write_text(content)
    else:
        problem += f"open {path}: no such file or directory"
    options = authentication(remote_kubeconfig_file_optional=True)
    if settings == "requestheader":
        options.request_header = RequestHeaderOptions(client_ca_file=str(path))
    else:
        options.client_ca_file = str(path)
    with pytest.raises(ConfigError) as caught:
        await options.apply_to(new_config(), None)
    assert str(caught.value).startswith(problem)
    assert "\n" not in str(caught.value)


async def test_clients_are_asked_for_certificates_of_both_authorities(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.crt"
    bundle.write_bytes(PAIR.certificate_pem)
    options = authentication(remote_kubeconfig_file_optional=True, client_ca_file=str(bundle))
    options.request_header = RequestHeaderOptions(
        client_ca_file=str(bundle), username_headers=["X-User"], allowed_names=["proxy"]
    )
    config, serving = new_config(), SecureServingInfo()
    await options.apply_to(config, serving)
    assert serving.client_ca is not None
    assert serving.client_ca.name == f"client-ca-bundle::{bundle},request-header::{bundle}"
    header_config = config.authentication.request_header_config
    assert header_config is not None
    assert list(header_config().username_headers) == [b"x-user"]


async def decide(options: DelegatingAuthorizationOptions, **attributes: Any) -> Decision:
    config = new_config()
    options.apply_to(config)
    try:
        assert config.authorization.authorizer is not None
        return (await config.authorization.authorizer.authorize(AuthorizationAttributes(**attributes))).decision
    finally:
        await config.close()


@pytest.mark.parametrize(
    ("settings", "attributes", "allowed"),
    [
        ({}, {"path": "/healthz"}, True),
        ({}, {"path": "/readyz"}, True),
        ({}, {"path": "/livez"}, True),
        ({}, {"path": "/healthz/ping"}, False),
        ({}, {"path": "/version"}, False),
        ({}, {"path": "/healthz", "is_resource_request": True}, False),
        ({}, {"path": "/version", "user": UserInfo(name="root", groups=("system:masters",))}, True),
        ({"always_allow_paths": ["version", "/a/*"]}, {"path": "/version"}, True),
        ({"always_allow_paths": ["version", "/a/*"]}, {"path": "/a/b"}, True),
        ({"always_allow_paths": ["version", "/a/*"]}, {"path": "/healthz"}, False),
        ({"always_allow_groups": []}, {"path": "/v", "user": UserInfo(groups=("system:masters",))}, False),
    ],
)
async def test_what_is_allowed_without_asking(
    settings: dict[str, Any], attributes: dict[str, Any], allowed: bool
) -> None:
    options = DelegatingAuthorizationOptions(remote_kubeconfig_file_optional=True, **settings)
    decision = await decide(options, verb="get", **attributes)
    assert decision == (Decision.ALLOW if allowed else Decision.NO_OPINION)


def test_only_the_end_of_a_path_may_be_a_star() -> None:
    options = DelegatingAuthorizationOptions(remote_kubeconfig_file_optional=True, always_allow_paths=["/a*b"])
    with pytest.raises(ConfigError, match=r'^only trailing \* allowed in "/?a\*b"$'):
        options.apply_to(new_config())
