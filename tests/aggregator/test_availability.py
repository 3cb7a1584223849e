"""TestSync of the reference's availability controllers, row by row; over real TLS where a server is asked."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from genericapiserver.aggregator import probe as probe_module
from genericapiserver.aggregator.availability import LocalAvailability, RemoteAvailability
from genericapiserver.aggregator.controller import TryAgainError
from genericapiserver.aggregator.listers import NotKnownError
from genericapiserver.aggregator.metrics import AvailabilityMetrics
from genericapiserver.aggregator.probe import ATTEMPTS, ProbeError, Prober
from genericapiserver.apimachinery.meta import ObjectMeta
from genericapiserver.apis.apiregistration_v1 import AVAILABLE, APIService, find_condition
from genericapiserver.apis.core_v1.services import Service, ServicePort, ServiceSpec
from genericapiserver.apis.discovery_v1 import Endpoint, EndpointConditions, EndpointPort, EndpointSlice
from genericapiserver.asgi import Receive, Scope, Send, send_text
from genericapiserver.metrics import MetricsRegistry
from tests.aggregator.fakes import KnownServices, Writes
from tests.aggregator.support import NAMESPACE, PROXY, SERVICE, Recorder, api_service, proxy_pair, serving, settings

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
WHERE = f'service/{SERVICE} in "{NAMESPACE}"'


def service(*, port: int = 443, type: str = "ClusterIP") -> Service:
    ports = [ServicePort(name="https", port=port)]
    return Service(
        metadata=ObjectMeta(name=SERVICE, namespace=NAMESPACE),
        spec=ServiceSpec(type=type, ports=ports, cluster_ip="10.0.0.1"),
    )


def endpoint_slice(*, ready: bool | None = True, port_name: str = "https") -> EndpointSlice:
    return EndpointSlice(
        metadata=ObjectMeta(name="one", namespace=NAMESPACE, labels={"kubernetes.io/service-name": SERVICE}),
        address_type="IPv4",
        ports=[EndpointPort(name=port_name, port=6443)],
        endpoints=[Endpoint(addresses=["10.0.0.2"], conditions=EndpointConditions(ready=ready))],
    )


class Cluster:
    """What services and slices there are; an exception is raised instead of shown."""

    def __init__(self, service: Service | Exception | None, slices: Sequence[EndpointSlice] | Exception) -> None:
        self._service, self._slices = service, slices

    def get(self, name: str, *, namespace: str) -> Any:
        if isinstance(self._service, Exception):
            raise self._service
        return self._service if (name, namespace) == (SERVICE, NAMESPACE) else None

    def of_service(self, namespace: str, name: str) -> Sequence[Any]:
        if isinstance(self._slices, Exception):
            raise self._slices
        return self._slices


class Probes:
    """Says *failure*, or that all is well."""

    def __init__(self, failure: str = "") -> None:
        self.failure = failure
        self.asked = 0
        self.forgotten: list[str] = []

    async def probe(self, service: APIService) -> None:
        self.asked += 1
        if self.failure:
            raise ProbeError(self.failure)

    async def forget(self, name: str) -> None:
        self.forgotten.append(name)


def remote(
    services: KnownServices, writes: Writes, cluster: Cluster, probes: Any, metrics: MetricsRegistry | None = None
) -> RemoteAvailability:
    return RemoteAvailability(
        services.informer,
        writes,
        AvailabilityMetrics(metrics or MetricsRegistry()),
        probes,
        services=cluster,
        slices=cluster,
        now=lambda: NOW,
    )


REMOTE = [
    ("the service is missing", Cluster(None, []), "False", "ServiceNotFound", f"{WHERE} is not present"),
    (
        "services cannot be read",
        Cluster(NotKnownError("no list"), []),
        "Unknown",
        "ServiceAccessError",
        f"{WHERE} cannot be checked due to: no list",
    ),
    (
        "the port is not there",
        Cluster(service(port=6443), [endpoint_slice()]),
        "False",
        "ServicePortError",
        f"{WHERE} is not listening on port 443",
    ),
    (
        "slices cannot be read",
        Cluster(service(), NotKnownError("no list")),
        "Unknown",
        "EndpointsAccessError",
        f"{WHERE} cannot be checked due to: no list",
    ),
    ("no slices", Cluster(service(), []), "False", "EndpointsNotFound", f"cannot find endpointslices for {WHERE}"),
    (
        "nobody is ready",
        Cluster(service(), [endpoint_slice(ready=False)]),
        "False",
        "MissingEndpoints",
        f'endpointslices for {WHERE} have no addresses with port name "https"',
    ),
    (
        "no slice has the port",
        Cluster(service(), [endpoint_slice(port_name="http")]),
        "False",
        "MissingEndpoints",
        f'endpointslices for {WHERE} have no addresses with port name "https"',
    ),
    ("all is well", Cluster(service(), [endpoint_slice()]), "True", "Passed", "all checks passed"),
    (
        "whether an endpoint is ready is not known",
        Cluster(service(), [endpoint_slice(ready=None)]),
        "True",
        "Passed",
        "all checks passed",
    ),
    (
        "no cluster address: ports and slices are not looked at",
        Cluster(service(port=1, type="ExternalName"), []),
        "True",
        "Passed",
        "all checks passed",
    ),
]


@pytest.mark.parametrize(
    ("cluster", "status", "reason", "message"), [row[1:] for row in REMOTE], ids=[row[0] for row in REMOTE]
)
async def test_remote_sync(cluster: Cluster, status: str, reason: str, message: str) -> None:
    known = api_service()
    known.status.conditions = []
    services, probes = KnownServices(known), Probes()
    writes = Writes(services)
    controller = remote(services, writes, cluster, probes)
    await controller.reconcile("v1.foo")
    written = services.get("v1.foo")
    assert written is not None
    condition = find_condition(written, AVAILABLE)
    assert condition is not None
    assert (condition.status, condition.reason, condition.message) == (status, reason, message)
    assert condition.last_transition_time == NOW
    assert probes.asked == (reason == "Passed")
    # What is as it was is not written again.
    await controller.reconcile("v1.foo")
    assert writes.done == [("update_status", "v1.foo")]


async def test_a_probe_that_fails_is_written_and_tried_again() -> None:
    services = KnownServices(api_service())
    writes = Writes(services)
    controller = remote(services, writes, Cluster(service(), [endpoint_slice()]), Probes("failing or missing"))
    with pytest.raises(TryAgainError):
        await controller.reconcile("v1.foo")
    written = services.get("v1.foo")
    assert written is not None
    condition = find_condition(written, AVAILABLE)
    assert condition is not None
    assert (condition.status, condition.reason, condition.message) == (
        "False",
        "FailedDiscoveryCheck",
        "failing or missing",
    )


async def test_local_sync() -> None:
    known = api_service(local=True)
    known.status.conditions = []
    services = KnownServices(known, api_service("v1.remote", available=False))
    writes = Writes(services)
    controller = LocalAvailability(services.informer, writes, AvailabilityMetrics(MetricsRegistry()), now=lambda: NOW)
    for name in ("v1.foo", "v1.remote", "v1.foo", "v1.gone"):
        await controller.reconcile(name)
    written = services.get("v1.foo")
    assert written is not None
    condition = find_condition(written, AVAILABLE)
    assert condition is not None
    assert (condition.status, condition.reason, condition.message) == (
        "True",
        "Local",
        "Local APIServices are always available",
    )
    assert writes.done == [("update_status", "v1.foo")]


async def test_a_conflict_is_tried_again_and_what_is_gone_is_not() -> None:
    services = KnownServices(api_service())
    writes = Writes(services)
    controller = remote(services, writes, Cluster(None, []), Probes())
    writes.status = 404
    await controller.reconcile("v1.foo")
    writes.status = 409
    with pytest.raises(TryAgainError):
        await controller.reconcile("v1.foo")


async def test_the_gauge_flips_and_the_counter_counts_a_transition_once() -> None:
    metrics, services, probes = MetricsRegistry(), KnownServices(api_service()), Probes("down")
    controller = remote(services, Writes(services), Cluster(service(), [endpoint_slice()]), probes, metrics)

    def shown() -> dict[str, list[float]]:
        return {
            family.name: [sample.value for sample in family.samples]
            for family in metrics.families()
            if family.name.startswith("aggregator_unavailable_apiservice")
        }

    for _ in range(3):
        with pytest.raises(TryAgainError):
            await controller.reconcile("v1.foo")
    gauge, counter = "aggregator_unavailable_apiservice", "aggregator_unavailable_apiservice_total"
    assert shown() == {gauge: [1], counter: [1]}
    probes.failure = ""
    await controller.reconcile("v1.foo")
    assert shown() == {gauge: [0], counter: [1]}
    services.put("v1.foo", None)
    await controller.reconcile("v1.foo")
    assert shown()[gauge] == []
    assert probes.forgotten == ["v1.foo"]


async def test_the_log_says_once_which_server_is_gone_and_why(caplog: pytest.LogCaptureFixture) -> None:
    services, probes = KnownServices(api_service()), Probes("down")
    controller = remote(services, Writes(services), Cluster(service(), [endpoint_slice()]), probes)
    caplog.set_level(logging.INFO, logger="genericapiserver.aggregator.availability")
    for failure in ("down", "down", "down still", ""):
        probes.failure = failure
        with contextlib.suppress(TryAgainError):
            await controller.reconcile("v1.foo")
    where = f'name="v1.foo" service="{NAMESPACE}/{SERVICE}"'
    assert [(record.levelname, str(record.msg)) for record in caplog.records] == [
        ("WARNING", f'"An APIService is not available" {where} reason="FailedDiscoveryCheck" message="down"'),
        ("INFO", f'"An APIService is available" {where} reason="Passed"'),
    ]


async def test_services_and_slices_have_those_looked_at_that_name_them() -> None:
    services = KnownServices(api_service(), api_service("v1.other", service="another"), api_service("v1.l", local=True))
    controller = remote(services, Writes(services), Cluster(None, []), Probes())
    controller.service_changed(None, service())
    assert list(controller.controller._waiting) == ["v1.foo"]
    moved = endpoint_slice()
    moved.metadata.labels = {"kubernetes.io/service-name": "another"}
    controller.slice_changed(endpoint_slice(), moved)
    assert list(controller.controller._waiting) == ["v1.foo", "v1.other"]


# ---- the probe, over real TLS


async def test_the_probe_asks_five_times_at_once_as_the_aggregator() -> None:
    backend = Recorder()
    async with serving(backend) as endpoint:
        prober = Prober(settings(endpoint, client_certificate=proxy_pair()))
        try:
            await prober.probe(api_service())
            legacy = api_service("v1.")
            await prober.probe(legacy)
        finally:
            await prober.aclose()
    first = backend.asked[0]
    assert first.target == "/apis/foo/v1"
    assert (first.one("x-remote-user"), first.all("x-remote-group")) == ("system:kube-aggregator", ["system:masters"])
    assert first.client == PROXY.der
    assert {asked.target for asked in backend.asked} == {"/apis/foo/v1", "/api/v1"}


@pytest.mark.parametrize("status", [302, 304, 403, 500])
async def test_only_a_success_counts(status: int) -> None:
    async with serving(Recorder("", status=status, headers={"location": "/elsewhere"})) as endpoint:
        prober = Prober(settings(endpoint))
        try:
            with pytest.raises(ProbeError) as caught:
                await prober.probe(api_service())
            url = f"https://{endpoint}/apis/foo/v1"
            assert str(caught.value) == f"failing or missing response from {url}: bad status from {url}: {status}"
            (backend,) = prober._backends.values()
            assert backend.connections == 0  # the next one may be led elsewhere
        finally:
            await prober.aclose()


async def test_one_success_of_five_is_enough() -> None:
    count = 0

    async def mostly_not(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal count
        count += 1
        await send_text(send, 200 if count == 5 else 503, "")

    async with serving(mostly_not) as endpoint:
        prober = Prober(settings(endpoint))
        try:
            await prober.probe(api_service())
        finally:
            await prober.aclose()
    assert count == 5


async def test_a_probe_without_an_answer_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(probe_module, "TIMEOUT", 0.1)
    async with serving(hangs) as endpoint:
        prober = Prober(settings(endpoint))
        try:
            with pytest.raises(ProbeError, match=r"Client\.Timeout exceeded while awaiting headers"):
                await prober.probe(api_service())
            monkeypatch.setattr(probe_module, "GUARD", 0.05)
            with pytest.raises(ProbeError, match=f"^timed out waiting for https://{endpoint}/apis/foo/v1$"):
                await prober.probe(api_service())
        finally:
            await prober.aclose()


def test_listers_say_so_while_nobody_knows() -> None:
    from genericapiserver.aggregator.listers import InformedServices, InformedSlices

    unknown: Any = SimpleNamespace(synced=SimpleNamespace(is_set=lambda: False))
    with pytest.raises(NotKnownError):
        InformedServices(unknown).get("a", namespace="b")
    with pytest.raises(NotKnownError):
        InformedSlices(unknown).of_service("b", "a")


async def test_five_attempts_over_http1_leave_one_connection() -> None:
    arrived: list[str] = []
    everybody = asyncio.Event()

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        arrived.append(scope["path"])
        if len(arrived) == ATTEMPTS:
            everybody.set()
        await everybody.wait()
        await send_text(send, 200, "{}")

    async with serving(behind, http2=False) as endpoint:
        prober = Prober(settings(endpoint))
        try:
            await prober.probe(api_service())
            assert len(arrived) == ATTEMPTS
            assert prober._backends["v1.foo"].connections == 1
        finally:
            await prober.aclose()
