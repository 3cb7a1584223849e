"""--runtime-config: what it takes, and what a server serves with it."""

import pytest

from examples.wardle.scheme import GROUP, new_scheme
from genericapiserver.config import Config, ConfigError
from genericapiserver.loopback import LoopbackClientConfig
from genericapiserver.options.api_enablement import APIEnablementOptions
from genericapiserver.options.flags import FlagSet
from genericapiserver.options.storage import StorageOptions
from tests.options.fakes import new_config
from tests.server.test_api_groups import SCHEME, SERIALIZER, flunders, group
from tests.support.asgi_client import ASGIClient

KNOWN = {"", GROUP}


def options(*given: str) -> APIEnablementOptions:
    made = APIEnablementOptions()
    flags = FlagSet("server")
    made.add_flags(flags)
    flags.parse([f"--runtime-config={text}" for text in given])
    return made


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        ([], {}),
        (["a/v1=false, b/v1"], {"a/v1": "false", "b/v1": ""}),
        (["a/v1=false", "a/v1=true"], {"a/v1": "true"}),
        (["api/all=false,,"], {"api/all": "false"}),
    ],
)
def test_settings(given: list[str], settings: dict[str, str]) -> None:
    assert options(*given).settings() == settings


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ("api/all=true,/v1=false", []),
        (f"{GROUP}/v1alpha1=false", []),
        ("api/all=false", ["invalid key with only api/all=false"]),
        ("v1=", ["runtime-config invalid key v1"]),
        ("a/v1,b/v1=false,a/v2", ["unknown api groups a,b"]),
    ],
)
def test_what_is_refused_before_anything_is_made(given: str, problems: list[str]) -> None:
    assert options(given).validate(KNOWN) == problems


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (f"{GROUP}/v7=true", f"--runtime-config: group version {GROUP}/v7 that has not been registered"),
        ("api/beta=maybe", "--runtime-config: invalid value api/beta=maybe"),
        (
            f"{GROUP}/v1beta1=false,{GROUP}/v1alpha1/flunders=false",
            f"--runtime-config: this server reads {GROUP}/v1beta1, {GROUP}/v1alpha1/flunders itself; to leave a group out "
            "use --control-plane-groups",
        ),
    ],
)
def test_what_ends_the_start(given: str, problem: str) -> None:
    made, config = options(given), new_config()
    made.fixed_groups = [GROUP] if "itself" in problem else []
    with pytest.raises(ConfigError) as caught:
        made.apply_to(config, new_scheme())
    assert str(caught.value) == problem
    assert config.merged_resource_config is None


async def served(given: str) -> tuple[int, int, dict[str, object]]:
    """The status of each version's list, and the document of the group."""
    config: Config = new_config()
    config.external_address = "localhost:443"
    await StorageOptions(prefix="/registry", serializer=SERIALIZER, backend="memory").apply_to(config)
    try:
        options(*([given] if given else [])).apply_to(config, SCHEME)
        config.loopback_client_config = LoopbackClientConfig(host="https://localhost:443")
        server = config.complete().new("test")
        storage = flunders(config)
        resources = {"flunders": storage, "flunders/status": storage}
        server.install_api_group(group(v1beta1=dict(resources), v1alpha1=dict(resources)))
        client = ASGIClient(server)
        statuses = [
            (await client.get(f"/apis/{GROUP}/{version}/namespaces/default/flunders")).status
            for version in ("v1beta1", "v1alpha1")
        ]
        return statuses[0], statuses[1], (await client.get(f"/apis/{GROUP}")).json()
    finally:
        await config.close()


async def test_everything_is_served_without_the_flag() -> None:
    beta, alpha, document = await served("")
    assert (beta, alpha) == (200, 200)
    assert document["kind"] == "APIGroup"


async def test_a_version_that_is_off_is_served_nowhere() -> None:
    beta, alpha, document = await served(f"{GROUP}/v1alpha1=false")
    assert (beta, alpha) == (200, 404)
    assert [version["version"] for version in document["versions"]] == ["v1beta1"]  # type: ignore[attr-defined]


async def test_a_group_with_nothing_left_is_not_announced() -> None:
    beta, alpha, document = await served(f"{GROUP}/v1beta1/flunders=false,{GROUP}/v1alpha1=false")
    assert (beta, alpha) == (404, 404)
    assert document.get("kind") != "APIGroup"
