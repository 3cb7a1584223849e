"""A CA bundle in a ConfigMap of one's own, followed over a real connection."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.authentication.config_map_ca import ConfigMapCAContent
from genericapiserver.certificates import CertificateError
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.options.remote import delegated_client
from tests.support.fake_cluster import CONFIG_MAP, FakeCluster, fake_cluster
from tests.support.pki import issue

ONE, TWO = issue("one", ca=True), issue("two", ca=True)


@asynccontextmanager
async def followed(cluster: FakeCluster, folder: Path) -> AsyncIterator[ConfigMapCAContent]:
    client = delegated_client(
        str(cluster.kubeconfig(folder / "kubeconfig")), optional=False, timeout=10.0, metrics=MetricsRegistry()
    )
    assert client is not None
    content = ConfigMapCAContent("client-ca", "kube-system", CONFIG_MAP, "ca-bundle", client)
    task = asyncio.create_task(content.run())
    try:
        await until(cluster.watched)
        yield content
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.aclose()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_the_bundle_appears_changes_and_outlives_what_is_bad(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "genericapiserver.authentication")
    changes = []
    async with fake_cluster() as cluster, followed(cluster, tmp_path) as content:
        content.add_listener(lambda: changes.append(content.current_ca_bundle()))
        assert content.name == f"client-ca::kube-system::{CONFIG_MAP}::ca-bundle"
        assert content.current_ca_bundle() is None, "nobody is trusted, and the server starts"
        cluster.publish(ca_bundle=ONE.pem.decode())
        await until(lambda: content.current_ca_bundle() == ONE.pem)
        cluster.publish(ca_bundle="words")
        await until(lambda: content.state.problem)
        assert "data does not contain any valid RSA or ECDSA certificates" in content.state.problem
        cluster.publish(other="x")
        await until(lambda: "missing content" in content.state.problem)
        cluster.publish(ca_bundle=TWO.pem.decode())
        await until(lambda: content.current_ca_bundle() == TWO.pem)
        assert content.state.problem == ""
        cluster.unpublish()
        cluster.publish(ca_bundle=ONE.pem.decode())
        await until(lambda: len(changes) == 3)
    assert changes == [ONE.pem, TWO.pem, ONE.pem]
    assert caplog.text.count("is not loaded anew, the old content stays in use") == 2


@pytest.mark.parametrize("missing", ["purpose", "namespace", "name", "key"])
def test_everything_has_to_be_named(missing: str) -> None:
    names = {"purpose": "p", "namespace": "ns", "name": "n", "key": "k", missing: ""}
    with pytest.raises(CertificateError, match=f"^missing {missing} for ca bundle$"):
        ConfigMapCAContent(*names.values(), transport=None)  # type: ignore[misc, arg-type]
