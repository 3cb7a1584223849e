"""Config and complete(): what is derived, what is refused, and what copies share."""

import copy
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory, SerializerInfo
from genericapiserver.authentication import AuthenticationRequest, AuthenticationResponse, RequestAuthenticator
from genericapiserver.authentication.anonymous import AnonymousAuthenticator
from genericapiserver.authorization.builtin import AlwaysAllowAuthorizer
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import (
    AuthenticationInfo,
    AuthorizationInfo,
    Config,
    ConfigError,
    api_server_id,
    default_serializer,
)
from genericapiserver.features import default_feature_gate
from genericapiserver.hooks import HookError
from genericapiserver.lifecycle import LifecycleSignals
from genericapiserver.loopback import LoopbackClientConfig
from genericapiserver.secure_serving import SecureServingInfo
from tests.server.servers import new_config, serving_info
from tests.support.asgi_client import ASGIClient


def test_defaults_are_those_of_the_reference() -> None:
    config = Config(effective_version=EffectiveVersion.parse(""))
    assert (config.max_requests_in_flight, config.max_mutating_requests_in_flight) == (400, 200)
    assert (config.request_timeout, config.min_request_timeout) == (60.0, 1800.0)
    assert (config.max_request_body_bytes, config.json_patch_max_copy_bytes) == (3145728, 3145728)
    assert (config.storage_initialization_timeout, config.livez_grace_period) == (60.0, 0.0)
    assert (config.shutdown_delay_duration, config.shutdown_watch_termination_grace_period) == (0.0, 0.0)
    assert not config.shutdown_send_retry_after
    assert config.goaway_chance == 0.0
    assert config.enable_index
    assert config.enable_discovery
    assert config.enable_profiling
    assert config.enable_metrics
    assert config.legacy_api_group_prefixes == {"/api"}
    for checks in (config.healthz_checks, config.livez_checks, config.readyz_checks):
        assert [check.name for check in checks] == ["ping", "log"]
    assert config.healthz_checks is not config.livez_checks is not config.readyz_checks


@pytest.mark.parametrize(
    ("hostname", "identity"),
    [
        ("test-host", "apiserver-aafqjbvdrjjl2c5nvqhebm6kym"),
        ("localhost", "apiserver-l2yubf4cvcl5c7a3wrubrwqdve"),
    ],
)
def test_the_identity_is_a_hash_of_the_host_name(hostname: str, identity: str) -> None:
    assert api_server_id(hostname) == identity


@pytest.mark.parametrize("on", [True, False])
def test_the_identity_is_behind_a_gate(on: bool) -> None:
    gate = default_feature_gate()
    gate.set_from_map({"APIServerIdentity": on})
    assert bool(new_config(feature_gate=gate).api_server_id) is on


@pytest.mark.parametrize(
    ("external", "public", "address"),
    [
        ("api.example.com", "", "api.example.com:{port}"),
        ("api.example.com:8443", "", "api.example.com:8443"),
        ("", "192.0.2.1", "192.0.2.1:{port}"),
        ("api.example.com", "192.0.2.1", "api.example.com:{port}"),
        ("", "2001:db8::1", "[2001:db8::1]:{port}"),
        ("[2001:db8::1]:8443", "", "[2001:db8::1]:8443"),
        ("", "", ":{port}"),
    ],
)
def test_the_address_gets_the_port_that_is_served(external: str, public: str, address: str) -> None:
    serving = serving_info()
    assert serving.listener is not None
    with serving.listener:
        config = new_config(secure_serving=serving, external_address=external, public_address=public)
        port = serving.host_port()[1]
        assert config.complete().config.external_address == address.format(port=port)
        assert config.external_address == external, "the configuration itself is left alone"


@pytest.mark.parametrize(
    ("serving", "problem"),
    [
        (None, "cannot derive external address port without listening on a secure port."),
        (SecureServingInfo(), "cannot derive external address from the secure port: no listener found"),
    ],
)
def test_an_address_without_a_port_needs_a_listener(serving: SecureServingInfo | None, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        new_config(external_address="api.example.com", secure_serving=serving).complete()
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("version", "given", "shown"),
    [("1.2", "", "1.2"), ("1.2", "0.1", "0.1"), ("", "", "unversioned")],
)
def test_documents_have_a_version(version: str, given: str, shown: str) -> None:
    config = new_config(effective_version=EffectiveVersion.parse(version))
    config.openapi = attrs.evolve(config.openapi, version=given)
    assert config.complete().config.openapi.version == shown


def test_request_info_knows_the_prefixes() -> None:
    config = new_config(legacy_api_group_prefixes=frozenset({"/api", "/old/"}))
    resolve = config.complete().request_info_factory.resolve
    for path, resource in (
        ("/api/v1/pods", "pods"),
        ("/old/v1/pods", "pods"),
        ("/apis/apps/v1/deployments", "deployments"),
        ("/other/v1/pods", ""),
    ):
        assert resolve("GET", path, b"").resource == resource


def test_a_request_info_factory_of_ones_own_is_kept() -> None:
    factory = new_config().complete().request_info_factory
    assert new_config(request_info_factory=factory).complete().request_info_factory is factory


def test_discovery_sends_clients_to_the_external_address() -> None:
    completed = new_config(external_address="api.example.com:8443").complete()
    (address,) = completed.discovery_addresses.for_client("192.0.2.1")
    assert (address.client_cidr, address.server_address) == ("0.0.0.0/0", "api.example.com:8443")


@pytest.mark.parametrize("duplicate", [copy.copy, attrs.evolve, lambda config: config.complete().config])
def test_a_copy_shares_signals_and_counts_with_the_original(duplicate: Callable[[Config], Config]) -> None:
    config = new_config()
    other = duplicate(config)
    assert other is not config
    for name in ("lifecycle_signals", "non_long_running_requests", "watch_requests", "loopback_handler"):
        assert getattr(other, name) is getattr(config, name)
    assert isinstance(other.lifecycle_signals, LifecycleSignals)


def test_checks_go_to_all_pages_or_to_readiness_alone() -> None:
    config = new_config()
    check = config.healthz_checks[0]
    config.add_health_checks(check)
    config.add_readyz_checks(check, check)
    lists = (config.healthz_checks, config.livez_checks, config.readyz_checks)
    assert [len(checks) for checks in lists] == [3, 3, 5]


# ---- the server's own token

ANYBODY = AnonymousAuthenticator()
LOOPBACK = LoopbackClientConfig(host="https://localhost", bearer_token="secret")


@pytest.mark.parametrize("authorizer", [None, AlwaysAllowAuthorizer()], ids=["no authorizer", "authorizer"])
@pytest.mark.parametrize("authenticator", [None, ANYBODY], ids=["no authenticator", "authenticator"])
@pytest.mark.parametrize(
    "loopback", [None, LoopbackClientConfig(host=""), LOOPBACK], ids=["no client", "no token", "token"]
)
async def test_the_loopback_token_needs_all_three(
    loopback: LoopbackClientConfig | None,
    authenticator: RequestAuthenticator | None,
    authorizer: AlwaysAllowAuthorizer | None,
) -> None:
    config = new_config(
        loopback_client_config=loopback,
        authentication=AuthenticationInfo(authenticator),
        authorization=AuthorizationInfo(authorizer),
    )
    completed = config.complete().config
    assert config.authentication.authenticator is authenticator, "the configuration itself is left alone"
    assert completed.authorization.authorizer is authorizer, "the authorizer is never touched"
    if loopback is LOOPBACK and authenticator is not None and authorizer is not None:
        assert completed.authentication.authenticator is not authenticator
        response = await who(completed, "Bearer secret")
        assert response is not None
        assert response.user.name == "system:apiserver"
        assert response.user.groups == ("system:authenticated", "system:masters")
        assert len(response.user.uid) == 36
        assert (await who(completed, "bearer secret")) == response, "the scheme is read without regard to case"
        stranger = await who(completed, "Bearer other")
        assert stranger is not None
        assert stranger.user.name == "system:anonymous"
    else:
        assert completed.authentication.authenticator is authenticator


async def who(config: Config, authorization: str) -> AuthenticationResponse | None:
    authenticator = config.authentication.authenticator
    assert authenticator is not None

    async def unused(scope: Any, receive: Any, send: Any) -> None: ...

    scope = ASGIClient(unused).scope("GET", "/", {"authorization": authorization})
    return await authenticator.authenticate_request(
        AuthenticationRequest(scope, audiences=config.authentication.api_audiences)
    )


async def test_the_loopback_token_is_good_for_every_audience() -> None:
    config = new_config(
        loopback_client_config=LOOPBACK,
        authentication=AuthenticationInfo(ANYBODY, api_audiences=("a", "b")),
        authorization=AuthorizationInfo(AlwaysAllowAuthorizer()),
    )
    response = await who(config.complete().config, "Bearer secret")
    assert response is not None
    assert response.user.name == "system:apiserver"
    assert response.audiences == ("a", "b")


# ---- making a server


def test_a_server_needs_a_loopback_client() -> None:
    with pytest.raises(ConfigError) as caught:
        new_config(loopback_client_config=None).complete().new("test")
    assert str(caught.value) == "Genericapiserver.New() called with config.LoopbackClientConfig == nil"


def test_a_server_refuses_media_types_that_clients_would_not_understand() -> None:
    serializer = CodecFactory(
        Scheme("test"),
        supported_media_types=(
            *default_serializer().supported_media_types,
            SerializerInfo(media_type="application/xml", streaming=False, pretty=False),
        ),
    )
    with pytest.raises(ConfigError) as caught:
        new_config(serializer=serializer).complete().new("test")
    assert str(caught.value) == (
        'refusing to create new apiserver "test" with support for media type "application/xml" (allowed media types '
        "are: application/json, application/yaml, application/vnd.kubernetes.protobuf)"
    )


def test_hooks_of_a_delegate_and_of_the_configuration_may_not_clash() -> None:
    async def hook(context: object) -> None: ...

    delegate = new_config().complete().new("delegate")
    delegate.add_post_start_hook("mine", hook)
    config = new_config()
    config.add_post_start_hook("mine", hook)
    with pytest.raises(HookError, match=r'^unable to add "mine" because it was already registered by: '):
        config.complete().new("outer", delegate)


# ---- what the configuration hands out


async def test_the_loopback_transport_waits_for_a_server() -> None:
    config = new_config()
    client = config.new_loopback_transport()
    with pytest.raises(ConnectionError, match="the server does not exist yet"):
        await client.request("GET", "/version")
    config.complete().new("test")
    assert (await client.request("GET", "/version")).status == 200


async def test_cleanups_run_once_in_their_order_whatever_they_raise() -> None:
    config = new_config()
    done: list[int] = []

    def cleanup(number: int) -> None:
        async def run() -> None:
            done.append(number)
            if number == 1:
                raise OSError("already gone")

        config.add_cleanup(run)

    for number in (1, 2, 3):
        cleanup(number)
    server = config.complete().new("test")
    await server.aclose()
    await server.aclose()
    await config.close()
    assert done == [1, 2, 3]


async def test_a_configuration_is_closed_when_no_server_comes_of_it() -> None:
    config = new_config(external_address="", secure_serving=None)
    closed: list[str] = []

    async def close() -> None:
        closed.append("closed")

    config.add_cleanup(close)
    async with config.closed_on_error():
        pass
    assert closed == []
    with pytest.raises(ConfigError):
        async with config.closed_on_error():
            config.complete()
    assert closed == ["closed"]
