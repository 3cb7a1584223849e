"""The aggregator as a program: its flags, and a day with kubectl."""

import base64
import json
from pathlib import Path

import pytest

from genericapiserver.aggregator.options import MISSING_CERTIFICATE, AggregatorServerOptions
from genericapiserver.apis.apiregistration_v1 import GROUP_VERSION
from genericapiserver.component import EffectiveVersion
from genericapiserver.config import ConfigError, RecommendedConfig
from genericapiserver.options.flags import FlagSet
from genericapiserver.resource_config import ResourceConfig
from tests.aggregator.support import proxy_pair
from tests.support.kubectl import needs_kubectl
from tests.support.server_process import eventually, free_port
from tests.support.standalone import standalone


def parsed(*arguments: str) -> AggregatorServerOptions:
    options = AggregatorServerOptions()
    flags = FlagSet("aggregator")
    options.add_flags(flags)
    flags.parse(arguments)
    return options


def problems(*arguments: str) -> list[str]:
    return [
        text for text in parsed(*arguments).validate() if "proxy" in text or "service" in text or "client cert" in text
    ]


def test_the_flags_have_the_defaults_of_the_reference() -> None:
    options = parsed()
    assert not options.enable_aggregator_routing
    assert options.reject_forwarding_redirects
    assert parsed("--aggregator-reject-forwarding-redirect=false").reject_forwarding_redirects is False
    assert parsed("--enable-aggregator-routing").enable_aggregator_routing


def test_the_proxy_has_to_say_who_it_is() -> None:
    assert (
        MISSING_CERTIFICATE == "missing a client certificate along with a key to identify the proxy to the API server"
    )
    assert problems() == [MISSING_CERTIFICATE]
    assert problems("--proxy-client-cert-file=a") == [MISSING_CERTIFICATE]
    assert problems("--proxy-client-cert-file=a", "--proxy-client-key-file=b") == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("api=127.0.0.1:1", '"api=127.0.0.1:1" is not NAMESPACE/NAME=HOST:PORT'),
        ("a/b/c=127.0.0.1:1", '"a/b/c=127.0.0.1:1" is not NAMESPACE/NAME=HOST:PORT'),
        ("a/b", '"a/b" is not NAMESPACE/NAME=HOST:PORT'),
        ("a/b=127.0.0.1", '"a/b=127.0.0.1": "127.0.0.1" is not host:port with a port between 1 and 65535'),
    ],
)
def test_a_table_that_is_none_is_refused(text: str, problem: str) -> None:
    found = problems("--proxy-client-cert-file=a", "--proxy-client-key-file=b", f"--service-endpoint={text}")
    assert found == [f"--service-endpoint {problem}"]


def test_a_limit_that_lets_nobody_through_is_refused() -> None:
    found = parsed("--max-requests-per-apiservice=0").validate()
    assert "--max-requests-per-apiservice 0 must be at least 1" in found


async def test_apiregistration_cannot_be_switched_off() -> None:
    options = parsed()
    disabled = ResourceConfig()
    disabled.set_versions(False, GROUP_VERSION)
    config = RecommendedConfig(
        effective_version=EffectiveVersion.parse("1.36"),
        external_address="localhost:1",
        merged_resource_config=disabled,
    )
    extra = options.extra_of(config, proxy_pair())
    with pytest.raises(ConfigError, match=r"^API group/version apiregistration\.k8s\.io/v1 must be enabled$"):
        await options.aggregator_of(config, extra)


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    options = parsed(
        f"--proxy-client-cert-file={tmp_path}/none.crt",
        f"--proxy-client-key-file={tmp_path}/none.key",
        "--secure-port=0",
        "--storage-backend=memory",
    )
    with pytest.raises(ConfigError, match=r"unable to load the proxy's client certificate: .*none\.crt"):
        options._certificate()


@pytest.mark.e2e
@needs_kubectl
def test_a_day_with_kubectl(tmp_path: Path) -> None:
    """As docs/aggregator.md tells it: two servers that stand alone, one in front of the other."""
    port, behind = free_port(), free_port()
    front_data = tmp_path / "front"
    flags = [f"--service-endpoint=wardle/api=127.0.0.1:{behind}"]
    with standalone(front_data, port, *flags, module="genericapiserver", before=["aggregator"]) as front:
        pki = front_data / "pki"
        trust = [
            f"--requestheader-client-ca-file={pki}/ca.crt",
            "--requestheader-allowed-names=front-proxy-client",
            f"--tls-cert-file={pki}/api.wardle.svc.crt",
            f"--tls-private-key-file={pki}/api.wardle.svc.key",
        ]
        kubectl = front.kubectl
        service = {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1beta1.wardle.example.com"},
            "spec": {
                "service": {"namespace": "wardle", "name": "api"},
                "group": "wardle.example.com",
                "version": "v1beta1",
                "caBundle": base64.b64encode((pki / "ca.crt").read_bytes()).decode(),
                "groupPriorityMinimum": 1000,
                "versionPriority": 15,
            },
        }
        kubectl("apply", "-f", "-", stdin=json.dumps(service))
        table = eventually(
            lambda: ("FailedDiscoveryCheck" in (text := kubectl("get", "apiservices"))) and text, "it is not available"
        )
        assert "v1beta1.wardle.example.com" in str(table)
        down = kubectl.run("get", "--raw", "/apis/wardle.example.com/v1beta1/flunders")
        assert down.status != 0
        assert "service unavailable" in down.stderr or "unable to handle the request" in down.stderr
        with standalone(tmp_path / "behind" / "data", behind, *trust) as server:
            kubectl("wait", "--for=condition=Available", "apiservice/v1beta1.wardle.example.com", "--timeout=60s")
            # kubectl validates by a document that the server behind, just begun, has to make first.
            eventually(
                lambda: '"apis/wardle.example.com/v1beta1"' in kubectl("get", "--raw", "/openapi/v3"), "it is described"
            )
            flunder = {
                "apiVersion": "wardle.example.com/v1beta1",
                "kind": "Flunder",
                "metadata": {"name": "one", "namespace": "default"},
                "spec": {"flunderReference": "two", "referenceType": "Flunder"},
            }
            kubectl("create", "-f", "-", stdin=json.dumps(flunder))
            assert "one" in server.kubectl("get", "flunders.v1beta1.wardle.example.com", "-n", "default")
            watching = tmp_path / "watching"
            with kubectl.start("get", "flunders", "-n", "default", "--watch", output=watching) as watch:
                try:
                    eventually(lambda: b"one" in watching.read_bytes(), "the watch begins")
                    flunder["metadata"]["name"] = "two"  # type: ignore[index]
                    kubectl("create", "-f", "-", stdin=json.dumps(flunder))
                    eventually(lambda: b"two" in watching.read_bytes(), "the watch shows what is new")
                finally:
                    watch.kill()
            assert "wardle.example.com/v1beta1" in kubectl("api-versions")
            kubectl("delete", "flunders", "--all", "-n", "default")
            kubectl("delete", "apiservice", "v1beta1.wardle.example.com")
            path = "/apis/wardle.example.com/v1beta1"
            eventually(lambda: kubectl.run("get", "--raw", path).status != 0, "its routes are gone")
            assert "NotFound" in kubectl.run("get", "--raw", path).stderr
