"""Acceptance: an aggregator over real TLS, its objects and the servers behind it."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from genericapiserver.aggregator.autoregister import LABEL
from genericapiserver.aggregator.in_process import KUBE_AGGREGATOR
from genericapiserver.aggregator.registration import SIGNAL
from genericapiserver.aggregator.registry import PATH
from genericapiserver.aggregator.resolvers import Endpoint
from genericapiserver.asgi import Receive, Scope, Send, send_text
from genericapiserver.certificates import DynamicCertKeyContent
from tests.aggregator.running import Front, front, hangs
from tests.aggregator.support import CA, NAMESPACE, OTHER_CA, PROXY, WRONG_NAME, Asked, Recorder, asked, serving, until
from tests.support.pki import CLIENT, SERVER, issue

BUNDLE = base64.b64encode(CA.pem).decode()


def behind(name: str = "test-service") -> dict[str, Any]:
    return {"service": {"namespace": NAMESPACE, "name": name}, "caBundle": BUNDLE}


class Objects:
    """A server behind that keeps what it is sent, and remembers who asked."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.asked: list[Asked] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await asked(scope, receive)
        if "/namespaces/" in request.target:  # not what the aggregator asks for itself
            self.asked.append(request)
        if request.method == "POST":
            name = json.loads(request.body)["metadata"]["name"]
            self.kept[f"{request.target}/{name}"] = request.body
            await send_text(send, 201, "created")
        elif (body := self.kept.get(request.target)) is not None:
            await send_text(send, 200, body.decode())
        else:
            await send_text(send, 200 if request.target.count("/") == 3 else 404, "{}")


async def test_remote_delegation() -> None:
    """An object created through the front is readable behind, which saw the identity headers and the certificate."""
    backend = Objects()
    async with serving(backend) as endpoint, front({"test-service": endpoint}) as running:
        await running.register("v1.foo", **behind())
        await running.until_condition("v1.foo", "True Passed")
        path = "/apis/foo/v1/namespaces/default/things"
        created = await running.client.post(
            path, json={"metadata": {"name": "one"}}, headers={"x-remote-user": "admin", "x-remote-extra-a": "b"}
        )
        assert (created.status_code, created.text) == (201, "created")
        assert f"{path}/one" in backend.kept
        assert (await running.client.get(f"{path}/one")).json() == {"metadata": {"name": "one"}}
        first = backend.asked[0]
        assert first.one("x-remote-user") == "alice"
        assert first.all("x-remote-group") == ["developers", "system:authenticated"]
        assert first.one("x-remote-uid") == "u-alice"
        assert first.one("x-remote-extra-team") == "blue"
        assert first.all("x-remote-extra-a") == []
        assert first.all("authorization") == []
        assert first.client == PROXY.der
        assert first.one("audit-id") == created.headers["audit-id"]
        assert len(created.headers.get_list("audit-id")) == 1
        assert len(created.headers.get_list("date")) == 1


async def test_local_vs_remote() -> None:
    """Switching spec.service moves traffic without a restart."""
    async with serving(Recorder("remote")) as endpoint, front({"test-service": endpoint}) as running:
        slices = "/apis/discovery.k8s.io/v1/endpointslices"
        assert (await running.client.get(slices)).json()["kind"] == "EndpointSliceList"
        await running.patch("v1.discovery.k8s.io", behind())
        await running.until_condition("v1.discovery.k8s.io", "True Passed")
        assert (await running.client.get(slices)).text == "remote"
        await running.patch("v1.discovery.k8s.io", {"service": None, "caBundle": None})
        await running.until_condition("v1.discovery.k8s.io", "True Local")
        assert (await running.client.get(slices)).json()["kind"] == "EndpointSliceList"


async def test_a_backend_that_is_down_slow_redirecting_or_presents_a_wrong_certificate_harms_no_other() -> None:
    """Aggregator with one backend down, slow, redirecting, or presenting a wrong certificate: the rest is unharmed."""
    redirects = Recorder(status=302, headers={"location": "https://169.254.169.254/"})

    async def moving(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].count("/") == 3:
            await send_text(send, 200, "{}")
        else:
            await redirects(scope, receive, send)

    good = Recorder("good")
    async with (
        serving(good, issue("", CA, dns=["good.test-ns.svc"], usages=[SERVER])) as at_good,
        serving(hangs, issue("", CA, dns=["slow.test-ns.svc"], usages=[SERVER])) as at_slow,
        serving(moving, issue("", CA, dns=["moving.test-ns.svc"], usages=[SERVER])) as at_moving,
        serving(Recorder(), WRONG_NAME) as at_wrong,
        front(
            {
                "good": at_good,
                "slow": at_slow,
                "moving": at_moving,
                "wrong": at_wrong,
                "down": Endpoint("127.0.0.1", 1),
            },
            requests_per_backend=5,
        ) as running,
    ):
        for name in ("good", "slow", "moving", "wrong", "down"):
            await running.register(f"v1.{name}", **behind(name))
        for name, condition in {
            "good": "True Passed",
            "slow": "True Passed",
            "moving": "True Passed",
            "wrong": "False FailedDiscoveryCheck",
            "down": "False FailedDiscoveryCheck",
        }.items():
            await running.until_condition(f"v1.{name}", condition)
        for name in ("wrong", "down"):
            answer = await running.client.get(f"/apis/{name}/v1/things")
            assert (answer.status_code, answer.text) == (503, "service unavailable\n")
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        moved = await running.client.get("/apis/moving/v1/things")
        assert (moved.status_code, "location" in moved.headers) == (502, False)
        stuck = [asyncio.create_task(running.client.get("/apis/slow/v1/things")) for _ in range(5)]
        handler = running.aggregator.handlers["v1.slow"]
        await until(lambda: handler._in_flight == 5)
        assert (await running.client.get("/apis/slow/v1/things")).status_code == 429
        own = running.aggregator.transport(handler, KUBE_AGGREGATOR)
        assert (await own.request("GET", "/apis/slow/v1")).status == 200  # discovery goes on
        for _ in range(10):
            assert (await running.client.get("/apis/good/v1/things")).text == "good"
        assert (await running.client.get("/apis/discovery.k8s.io/v1/endpointslices")).status_code == 200
        groups = [group["name"] for group in (await running.client.get("/apis")).json()["groups"]]
        assert {"good", "slow", "moving", "wrong", "down"} <= set(groups)  # what is not available is still listed
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)


async def test_a_server_that_comes_back_is_available_again() -> None:
    backend = Recorder(status=500)
    async with serving(backend) as endpoint, front({"test-service": endpoint}) as running:
        await running.register("v1.foo", **behind())
        await running.until_condition("v1.foo", "False FailedDiscoveryCheck")
        backend.status = 200
        await running.until_condition("v1.foo", "True Passed")
        assert (await running.client.get("/apis/foo/v1/things")).status_code == 200


# ---- discovery


async def register_local(running: Front, name: str, group_priority: int, version_priority: int) -> None:
    await running.register(name, groupPriorityMinimum=group_priority, versionPriority=version_priority)


async def test_apis_order() -> None:
    """apiregistration first, then by priority; the preferred version is the first; TestAPIs."""
    async with front(register_local_groups=False) as running:
        for name, group, version in [
            ("v1.", 1, 1),
            ("v1.low", 1, 1),
            ("v1beta1.high", 50, 10),
            ("v1.high", 40, 10),
            ("v2.high", 40, 20),
            ("v1.aaa", 50, 1),
        ]:
            await register_local(running, name, group, version)
        await until(lambda: len(running.aggregator.handlers) == 6)
        response = await running.client.get("/apis")
        document = response.json()
        assert (document["kind"], document["apiVersion"]) == ("APIGroupList", "v1")
        shown = [(group["name"], [each["version"] for each in group["versions"]]) for group in document["groups"]]
        assert shown == [
            ("apiregistration.k8s.io", ["v1"]),
            ("aaa", ["v1"]),
            ("high", ["v2", "v1", "v1beta1"]),
            ("low", ["v1"]),
        ]
        high = document["groups"][2]
        assert high["preferredVersion"] == {"groupVersion": "high/v2", "version": "v2"}
        assert high["serverAddressByClientCIDRs"][0]["clientCIDR"] == "0.0.0.0/0"
        assert (await running.client.get("/apis/")).json() == document
        group = (await running.client.get("/apis/high")).json()
        assert (group["kind"], group["name"], len(group["versions"])) == ("APIGroup", "high", 3)
        assert (await running.client.get("/apis/high/")).json() == group


async def test_a_group_goes_with_its_last_version() -> None:
    """TestAPIGroupMissing: a group without an APIService is the delegate's affair, here nobody's."""
    async with front(register_local_groups=False) as running:
        await register_local(running, "v1.foo", 1, 1)
        await register_local(running, "v2.foo", 1, 1)
        await until(lambda: len(running.aggregator.handlers) == 2)
        for name, left in (("v1.foo", 1), ("v2.foo", 0)):
            assert (await running.client.get("/apis/foo")).status_code == 200
            await running.client.delete(f"{PATH}/{name}")
            await until(lambda left=left: len(running.aggregator.handlers) == left)  # type: ignore[misc]
        assert (await running.client.get("/apis/foo")).status_code == 404
        # A group of this process without an APIService is still answered for by its own server.
        assert (await running.client.get("/apis/discovery.k8s.io")).json()["kind"] == "APIGroup"


async def test_local_groups_are_registered_without_anybody_writing_them() -> None:
    async with front() as running:
        await running.until_condition("v1.discovery.k8s.io", "True Local")
        service = (await running.client.get(f"{PATH}/v1.discovery.k8s.io")).json()
        assert service["metadata"]["labels"] == {LABEL: "onstart"}
        assert service["spec"]["groupPriorityMinimum"] == 16200
        table = await running.client.get(PATH, headers={"accept": "application/json;as=Table;g=meta.k8s.io;v=v1"})
        columns = [column["name"] for column in table.json()["columnDefinitions"]]
        assert columns == ["Name", "Service", "Available", "Age"]
        resources = (await running.client.get("/apis/apiregistration.k8s.io/v1")).json()["resources"]
        assert resources[0]["categories"] == ["api-extensions"]
        assert [each["name"] for each in resources] == ["apiservices", "apiservices/status"]


async def test_an_unknown_path_is_503_until_all_api_services_are_known_and_404_then() -> None:
    async with front() as running:
        assert running.aggregator.registration.initiated.name == SIGNAL
        complete = running.aggregator.server.lifecycle_signals.mux_and_discovery_complete
        await until(complete.is_set)
        assert (await running.client.get("/apis/unknown/v1")).status_code == 404
        complete._event.clear()  # as it is at the start, before the informers have listed
        early = await running.client.get("/apis/unknown/v1")
        assert early.status_code == 503
        status = early.json()
        assert status["message"] == (
            "the request has been made before all known HTTP paths have been installed, please try again"
        )
        assert status["details"]["retryAfterSeconds"] == 5
        complete._event.set()


# ---- services as a cluster has them


async def test_availability_follows_services_and_slices_of_this_server() -> None:
    """The rows of the condition table, as they come one after the other when a server is set up."""
    name = issue("", CA, dns=["bar.foo.svc"], usages=[SERVER])
    async with serving(Recorder(), name) as endpoint, front() as running:
        services = "/api/v1/namespaces/foo/services"
        slices = "/apis/discovery.k8s.io/v1/namespaces/foo/endpointslices"
        await running.register("v1.foo", service={"namespace": "foo", "name": "bar"}, caBundle=BUNDLE)
        await running.until_condition("v1.foo", "False ServiceNotFound")
        body: dict[str, Any] = {
            "metadata": {"name": "bar"},
            "spec": {"clusterIP": endpoint.host, "ports": [{"name": "https", "port": 1}]},
        }
        assert (await running.client.post(services, json=body)).status_code == 201
        await running.until_condition("v1.foo", "False ServicePortError")
        body["spec"]["ports"][0]["port"] = endpoint.port
        await running.patch("v1.foo", {"service": {"port": endpoint.port}})
        assert (await running.client.put(f"{services}/bar", json=body)).status_code == 200
        await running.until_condition("v1.foo", "False EndpointsNotFound")
        made: dict[str, Any] = {
            "metadata": {"name": "bar-1", "labels": {"kubernetes.io/service-name": "bar"}},
            "addressType": "IPv4",
            "ports": [{"name": "https", "port": endpoint.port}],
            "endpoints": [{"addresses": [endpoint.host], "conditions": {"ready": False}}],
        }
        assert (await running.client.post(slices, json=made)).status_code == 201
        await running.until_condition("v1.foo", "False MissingEndpoints")
        made["endpoints"][0]["conditions"]["ready"] = True
        assert (await running.client.put(f"{slices}/bar-1", json=made)).status_code == 200
        await running.until_condition("v1.foo", "True Passed")
        assert (await running.client.get("/apis/foo/v1/things")).text == "ok"
        await running.client.delete(f"{services}/bar")
        await running.until_condition("v1.foo", "False ServiceNotFound")
        assert (await running.client.get("/apis/foo/v1/things")).status_code == 503


async def test_proxy_cert_reload(tmp_path: Path) -> None:
    """A certificate that the server behind refuses is 503; the files are replaced, and it is 200."""
    trusted = {PROXY.der}

    async def strict(scope: Scope, receive: Receive, send: Send) -> None:
        request = await asked(scope, receive)
        await send_text(send, 200 if request.client in trusted else 401, "ok")

    bad = issue("front-proxy", OTHER_CA, usages=[CLIENT])
    certificate, key = tmp_path / "proxy.crt", tmp_path / "proxy.key"
    certificate.write_bytes(bad.pem)
    key.write_bytes(bad.key_pem)
    content = DynamicCertKeyContent.from_files("proxy", certificate, key)
    async with serving(strict) as endpoint, front({"test-service": endpoint}, proxy_client_cert=content) as running:
        await running.register("v1.foo", **behind())
        await running.until_condition("v1.foo", "False FailedDiscoveryCheck")
        assert (await running.client.get("/apis/foo/v1/things")).status_code == 503
        key.write_bytes(PROXY.key_pem)
        certificate.write_bytes(PROXY.pem)
        await running.until_condition("v1.foo", "True Passed")
        await until(lambda: running.aggregator.handlers["v1.foo"].backend.tls.client == content.current_cert_key())  # type: ignore[union-attr]
        assert (await running.client.get("/apis/foo/v1/things")).status_code == 200


async def test_hooks_by_name() -> None:
    async with front() as running:
        assert {
            "start-kube-aggregator-informers",
            "apiservice-status-local-available-controller",
            "apiservice-status-remote-available-controller",
            "apiservice-registration-controller",
            "aggregator-reload-proxy-client-cert",
        } <= set(running.aggregator.server.post_start_hooks)
        page = (await running.client.get("/readyz?verbose")).text
        assert "[+]poststarthook/apiservice-registration-controller ok" in page


@pytest.mark.parametrize("path", ["/apis/foo/v1", "/apis/foo/v1/", "/apis/foo/v1/a/b?c=d&e=%2F%20x"])
async def test_path_and_query_arrive_as_they_were_sent(path: str) -> None:
    backend = Recorder()
    async with serving(backend) as endpoint, front({"test-service": endpoint}) as running:
        await running.register("v1.foo", **behind())
        await running.until_condition("v1.foo", "True Passed")
        await running.client.get(path)
        assert path in [each.target for each in backend.asked if each.one("x-remote-user") == "alice"]


BAD_SERVICES: list[tuple[str, dict[str, Any], str]] = [
    ("services", {"metadata": {"name": "1a"}, "spec": {"ports": [{"port": 1}]}}, 'metadata.name: Invalid value: "1a"'),
    ("services", {"metadata": {"name": "a"}}, "spec.ports: Required value"),
    ("services", {"metadata": {"name": "a"}, "spec": {"type": "ExternalName"}}, "spec.externalName: Required value"),
    (
        "services",
        {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 65536}]}},
        "spec.ports[0].port: Invalid value: 65536: must be between 1 and 65535, inclusive",
    ),
    (
        "endpointslices",
        {"metadata": {"name": "a"}, "addressType": "IPv5", "endpoints": [], "ports": []},
        'addressType: Unsupported value: "IPv5": supported values: "FQDN", "IPv4", "IPv6"',
    ),
    (
        "endpointslices",
        {"metadata": {"name": "a"}, "addressType": "IPv4", "endpoints": [{"addresses": []}], "ports": []},
        "endpoints[0].addresses: Required value: must contain at least 1 address",
    ),
]


async def test_services_that_could_not_be_reached_are_refused() -> None:
    async with front() as running:
        for resource, body, problem in BAD_SERVICES:
            root = "/api/v1" if resource == "services" else "/apis/discovery.k8s.io/v1"
            response = await running.client.post(f"{root}/namespaces/foo/{resource}", json=body)
            assert (response.status_code, problem in response.text.replace(chr(92), "")) == (422, True), response.text
