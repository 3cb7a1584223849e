"""Making a server: what is required, what failures are called, what is fixed."""

import socket
import ssl
from typing import Any

import httpx
import pytest

from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.authorization.builtin import AlwaysAllowAuthorizer
from genericapiserver.certificates import SNICertKeyContent, StaticCertKeyContent, generate_self_signed
from genericapiserver.client.memory import MemoryTransport
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import Config, ConfigError
from genericapiserver.connection import MemoryListener, create_listener
from genericapiserver.ext import ExtensionAPIServer, ExtensionAPIServerOptions, install_store
from genericapiserver.group_installer import APIGroupError
from genericapiserver.openapi.schemas import DefinitionNameError
from tests.ext.support import (
    GVK,
    PATH,
    V1,
    CreateOnly,
    ListOfTestType,
    MemoryStore,
    TestType,
    by_header,
    new_scheme,
    new_server,
    options,
    running,
    serving_store,
)

REQUIRED = {
    "authenticator": "authenticator must be provided",
    "authorizer": "authorizer must be provided",
    "listener": "listener must be provided",
    "get_openapi_definitions": "GetOpenAPIDefinitions must be provided",
}


@pytest.mark.parametrize(("missing", "text"), REQUIRED.items())
async def test_acceptance_option_validation(missing: str, text: str) -> None:
    scheme = new_scheme()
    given = options()
    listener = given.listener
    setattr(given, missing, None)
    with pytest.raises(ConfigError) as raised:
        ExtensionAPIServer(scheme, CodecFactory(scheme), given)
    assert str(raised.value) == text
    assert isinstance(listener, socket.socket)
    assert listener.fileno() >= 0  # it is still the caller's
    listener.close()


def test_the_first_of_several_missing_options_is_told() -> None:
    given, whole = ExtensionAPIServerOptions(), options()
    for missing, text in REQUIRED.items():
        with pytest.raises(ConfigError, match=f"^{text}$"):
            given.check()
        setattr(given, missing, getattr(whole, missing))
    given.check()
    assert isinstance(whole.listener, socket.socket)
    whole.listener.close()


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        (
            "authenticator",
            by_header,
            "authenticator must be an object with authenticate_request, not a function: FunctionAuthenticator makes one "
            "of a function",
        ),
        (
            "authorizer",
            AlwaysAllowAuthorizer,
            "authorizer must be an object with authorize, not a class AlwaysAllowAuthorizer: FunctionAuthorizer makes one "
            "of a function",
        ),
        (
            "get_openapi_definitions",
            [TestType],
            "GetOpenAPIDefinitions must be a function that gives types, not a list",
        ),
    ],
)
def test_an_option_that_is_something_else_is_told_of(option: str, value: Any, text: str) -> None:
    given = options(listener=object(), **{option: value})
    with pytest.raises(ConfigError) as raised:
        given.check()
    assert str(raised.value) == text


async def test_a_store_that_lacks_a_method_is_told_of() -> None:
    class Half:
        async def get(self, context: Any, name: str, options: Any) -> Any: ...

    server = new_server()
    for store, text in (
        (Half(), "testtypes cannot be served by Half: it lacks create, update, list, watch, delete"),
        (MemoryStore, "testtypes cannot be served by the class MemoryStore, not an object of it"),
    ):
        with pytest.raises(TypeError) as raised:
            install_store(server, TestType, ListOfTestType, "testtypes", "testtype", GVK, store)  # type: ignore[arg-type]
        assert str(raised.value) == text
    await server.aclose()


async def test_connections_may_be_in_memory() -> None:
    listener = MemoryListener()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with serving_store(listener=listener):
        transport = MemoryTransport(listener, ssl_context=context)
        async with httpx.AsyncClient(transport=transport, base_url="https://localhost") as client:
            response = await client.get(PATH, headers={"x-user": "u"})
    assert response.status_code == 200


async def test_a_listener_that_is_closed_is_told_of() -> None:
    listener = create_listener("127.0.0.1", 0)
    listener.close()
    with pytest.raises(ConfigError, match=r"^applyto secureserving: "):
        new_server(listener=listener)


async def test_what_the_server_cannot_be_made_from_is_told_of() -> None:
    def spoil(config: Config) -> None:
        config.loopback_client_config = None

    listener = create_listener("127.0.0.1", 0)
    with pytest.raises(ConfigError, match=r"^new: Genericapiserver.New\(\) called with"):
        new_server(listener=listener, configure=spoil)
    assert listener.fileno() == -1  # nothing is left open


async def test_a_storage_that_cannot_be_served_is_told_of() -> None:
    server = new_server()
    server.install("TestTypes", GVK, CreateOnly())
    with pytest.raises(APIGroupError, match=r"^installgroup: .*resource names must be lowercase only"):
        async with server.serving():
            pass


async def test_a_group_whose_kind_nobody_registered_is_told_of() -> None:
    server = new_server()
    gvk = GroupVersion("other.example.com", "v1").with_kind("TestType")
    server.install("testtypes", gvk, CreateOnly(gvk))
    with pytest.raises(APIGroupError, match=r'^installgroup: .*no kind "TestType" is registered for version'):
        async with server.serving():
            pass


async def test_no_store() -> None:
    """TestNoStore: nothing has to be installed."""
    async with running(new_server()) as world:
        response = await world.client.get("/apis", x_user="u")
        assert (response.status, response.json()["groups"]) == (200, [])


async def test_a_server_runs_once() -> None:
    server = new_server()
    async with server.serving():
        pass
    with pytest.raises(RuntimeError, match="runs once"):
        async with server.serving():
            pass


async def test_nothing_is_installed_in_a_server_that_runs() -> None:
    server = new_server()
    async with server.serving():
        with pytest.raises(RuntimeError, match="testtypes cannot be installed: the server runs already"):
            server.install("testtypes", GVK, CreateOnly())


async def test_what_is_no_list_type_is_refused() -> None:
    server = new_server()
    with pytest.raises(TypeError, match=r"^tList \(ext.TestType\) is not a list type$"):
        install_store(server, TestType, TestType, "testtypes", "testtype", GVK, MemoryStore())
    await server.aclose()


async def test_run_ends_with_its_trigger_and_closes_the_listener() -> None:
    listener = create_listener("127.0.0.1", 0)
    server = new_server(listener=listener)
    statuses: list[int] = []

    async def trigger() -> None:
        async with running_client(server, listener) as client:
            statuses.append((await client.get("/healthz", headers={"x-user": "u"})).status_code)

    await server.run(shutdown_trigger=trigger)
    assert statuses == [200]
    assert listener.fileno() == -1


def running_client(server: ExtensionAPIServer, listener: socket.socket) -> Any:
    from tests.ext.support import World

    return World(server, listener.getsockname()).https()


@pytest.mark.parametrize(("given", "told"), [(None, "v1.35.0"), (EffectiveVersion.parse("7.3.1"), "v7.3.1")])
async def test_the_effective_version_is_that_of_kubernetes_unless_given(given: Any, told: str) -> None:
    async with serving_store(effective_version=given) as world:
        response = await world.client.get("/version", x_user="u")
    assert response.json()["gitVersion"] == told


async def test_clients_are_told_no_addresses() -> None:
    async with serving_store() as world:
        (group,) = (await world.client.get("/apis", x_user="u")).json()["groups"]
    assert "serverAddressByClientCIDRs" not in group


async def test_a_pair_is_chosen_by_the_name_that_a_client_asks_for() -> None:
    pair = generate_self_signed("ext.example.com")
    content = StaticCertKeyContent("sni", pair.certificate_pem, pair.private_key_pem)
    async with serving_store(sni_certs=[SNICertKeyContent(content)]) as world, world.https() as client:
        response = await client.get("/healthz", headers={"x-user": "u"}, extensions={"sni_hostname": "ext.example.com"})
        assert response.status_code == 200
        stream = response.extensions["network_stream"]
        served = stream.get_extra_info("ssl_object").getpeercert(binary_form=True)
    assert ssl.DER_cert_to_PEM_cert(served) in pair.certificate_pem.decode()


async def test_two_definitions_of_one_name_keep_the_server_from_starting() -> None:
    server = new_server(
        openapi_definition_name_replacements={
            "com.github.rancher.steve.pkg.ext.Detail": "same",
            "com.github.rancher.steve.pkg.ext.TestType": "same",
        }
    )
    install_store(server, TestType, ListOfTestType, "testtypes", "testtype", GVK, MemoryStore())
    with pytest.raises(DefinitionNameError, match="would both be called same"):
        async with server.serving():
            pass


async def test_what_is_installed_later_takes_the_place_of_the_first() -> None:
    server = new_server()
    first, second = MemoryStore(), MemoryStore()
    for store in (first, second):
        install_store(server, TestType, ListOfTestType, "testtypes", "testtype", GVK, store)
    async with running(server) as world:
        await world.client.get(PATH, x_user="u")
    assert (len(first.contexts), len(second.contexts)) == (0, 1)
    assert str(second.contexts[0].group_version_resource.group_version) == str(V1)
