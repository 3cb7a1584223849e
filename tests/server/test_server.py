"""GenericAPIServer: which pages it has, by configuration, and calling it as an application."""

import logging

import pytest

from genericapiserver.component import EffectiveVersion
from genericapiserver.logs import V2, V4
from genericapiserver.logs.setup import set_verbosity
from genericapiserver.loopback import LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE
from tests.server.servers import new_config, new_server
from tests.support.asgi_client import ASGIClient


@pytest.mark.parametrize(
    ("switch", "path"),
    [
        ("enable_index", "/"),
        ("enable_index", "/index.html"),
        ("enable_profiling", "/debug/flags"),
        ("enable_metrics", "/metrics"),
        ("enable_metrics", "/metrics/slis"),
        ("enable_discovery", "/apis"),
    ],
)
async def test_a_page_can_be_switched_off(switch: str, path: str) -> None:
    assert (await ASGIClient(new_server()).get(path)).status == 200
    config = new_config()
    setattr(config, switch, False)
    assert (await ASGIClient(config.complete().new("test")).get(path)).status == 404


async def test_documents_can_be_left_out() -> None:
    server = new_server(skip_openapi_installation=True)
    server.prepare_run()
    assert not any(path.startswith("/openapi") for path in server.listed_paths)


async def test_without_a_binary_version_there_is_no_version_page() -> None:
    server = new_server(effective_version=EffectiveVersion.parse(""))
    assert (await ASGIClient(server).get("/version")).status == 404
    assert "/version" not in server.listed_paths


@pytest.mark.parametrize("profiling", [True, False])
async def test_metrics_are_reset_only_with_profiling(profiling: bool) -> None:
    server = new_server(enable_profiling=profiling)
    counter = server.config.metrics.counter("test_total", "A test.")
    counter.inc()
    client = ASGIClient(server)
    response = await client.request("DELETE", "/metrics")
    assert response.status == 200
    assert (response.text == "metrics reset\n") is profiling
    count = b"test_total 0\n" if profiling else b"test_total 1\n"
    assert count in (await client.get("/metrics")).body


async def test_the_log_can_be_made_more_talkative() -> None:
    logger = logging.getLogger("genericapiserver")
    before = logger.level
    try:
        client = ASGIClient(new_server())
        response = await client.request("PUT", "/debug/flags/v", body=b"4")
        assert response.text == "successfully set klog.logging.verbosity to 4\n"
        assert logger.level == V4
        set_verbosity(2)
        assert logger.level == V2
    finally:
        logger.setLevel(before)


async def test_two_servers_live_in_one_process() -> None:
    one, two = new_server("one"), new_server("two", enable_index=False)
    assert (await ASGIClient(one).get("/")).status == 200
    assert (await ASGIClient(two).get("/")).status == 404
    one.lifecycle_signals.shutdown_initiated.set()
    assert not two.lifecycle_signals.shutdown_initiated.is_set()
    assert one.config.metrics is not two.config.metrics


async def test_servers_of_one_configuration_share_its_metrics() -> None:
    config = new_config()
    assert config.complete().new("one").config.metrics is config.complete().new("two").config.metrics


def test_the_loopback_name_is_that_of_the_reference() -> None:
    assert LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE == "apiserver-loopback-client"
