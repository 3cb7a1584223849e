"""A server that decides for this one sends it elsewhere (CVE-2022-3172): nobody follows, and no credential leaks."""

from pathlib import Path

import pytest

from genericapiserver.authentication.review import RetryBackoff
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import ConfigError, RecommendedConfig
from genericapiserver.options.authentication import DelegatingAuthenticationOptions
from genericapiserver.options.authorization import DelegatingAuthorizationOptions
from tests.support.fake_cluster import FakeCluster, fake_cluster
from tests.support.identity_server import certificate, identity_server, options

ONCE = RetryBackoff(initial=0.001, steps=1)
STATUSES = (301, 302, 303, 307, 308)


def redirect(cluster: FakeCluster, status: int, target: str) -> None:
    cluster.fails = lambda path: (status, {}, [(b"location", f"{target}{path}".encode())])


@pytest.mark.parametrize("status", STATUSES)
async def test_no_review_goes_to_where_an_answer_points(status: int, tmp_path: Path) -> None:
    everything = {"tokens": {"secret": {"username": "root", "groups": ["system:masters"]}}, "allows": lambda spec: True}
    async with fake_cluster() as cluster, fake_cluster(**everything) as elsewhere:
        # The other server even has a certificate of the authority that is trusted.
        elsewhere.ca_pem = cluster.ca_pem
        redirect(cluster, status, elsewhere.url)
        kubeconfig = str(cluster.kubeconfig(tmp_path / "kubeconfig"))
        config = RecommendedConfig(effective_version=EffectiveVersion.parse("1.35"))
        DelegatingAuthorizationOptions(remote_kubeconfig_file=kubeconfig, webhook_retry_backoff=ONCE).apply_to(config)
        settings = options(tmp_path, remote_kubeconfig_file=kubeconfig, webhook_retry_backoff=ONCE)
        try:
            async with identity_server(tmp_path, settings, authorizer=config.authorization.authorizer) as server:
                response = await server.ask(headers=[("Authorization", "Bearer secret")])
                assert response.status_code == 401
                response = await server.ask(certificate("client"))
                assert response.status_code == 500
                assert elsewhere.url not in response.text
                assert "location" not in response.headers
        finally:
            await config.close()
        assert {path for _, path, _ in cluster.requests} == {
            "/apis/authentication.k8s.io/v1/tokenreviews",
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        }
        assert elsewhere.requests == []


@pytest.mark.parametrize("status", STATUSES)
async def test_the_lookup_in_the_cluster_goes_nowhere_else(status: int, tmp_path: Path) -> None:
    async with fake_cluster() as cluster, fake_cluster() as elsewhere:
        elsewhere.publish(client_ca_file="", requestheader_username_headers=["X-Evil"])
        redirect(cluster, status, elsewhere.url)
        settings = DelegatingAuthenticationOptions(
            remote_kubeconfig_file=str(cluster.kubeconfig(tmp_path / "kubeconfig"))
        )
        with pytest.raises(ConfigError, match=f"was answered with {status}"):
            async with identity_server(tmp_path, settings):
                pass
        assert elsewhere.requests == []
