"""TestProxyHandler and its neighbours of k8s.io/kube-aggregator, row by row, over real TLS."""

import asyncio
import socket

import pytest

from genericapiserver.aggregator.proxy import handler as handler_module
from genericapiserver.aggregator.resolvers import Endpoint
from genericapiserver.asgi import Receive, Scope, Send, send_text
from genericapiserver.authentication.user import UserInfo
from genericapiserver.metrics import MetricsRegistry
from tests.aggregator.support import (
    CA,
    GOOD,
    NO_NAMES,
    OTHER_CA,
    PROXY,
    USER,
    WRONG_NAME,
    Recorder,
    api_service,
    client_of,
    proxy,
    proxy_pair,
    serving,
)

PATH = "/request/path"

both_protocols = pytest.mark.parametrize("http2", [True, False], ids=["http2", "http1"])


async def test_no_target_is_404_without_a_word() -> None:
    async with proxy(None) as (_, client):
        response = await client.get(PATH)
    assert (response.status, response.text) == (404, "\n")


async def test_no_user_is_500_missing_user() -> None:
    async with serving(Recorder()) as endpoint, proxy(endpoint, api_service()) as (handler, _):
        response = await client_of(handler, user=None).get(PATH)
    assert (response.status, response.text) == (500, "missing user\n")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


@both_protocols
@pytest.mark.parametrize("insecure", [True, False], ids=["insecure", "with a caBundle"])
async def test_a_request_is_passed_on_with_exactly_these_headers(insecure: bool, http2: bool) -> None:
    backend = Recorder("the answer")
    async with (
        serving(backend, http2=http2) as endpoint,
        proxy(endpoint, api_service(insecure=insecure), client_certificate=proxy_pair()) as (_, client),
    ):
        response = await client.request("GET", PATH, headers={"user-agent": "somebody", "host": "front.example"})
    assert (response.status, response.text) == (200, "the answer")
    (asked,) = backend.asked
    assert asked.http_version == ("2" if http2 else "1.1")
    assert asked.client == PROXY.der
    assert sorted(asked.headers) == [
        ("audit-id", "the-audit-id"),
        ("host", str(endpoint)),
        ("user-agent", "somebody"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-host", "front.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-uri", PATH),
        ("x-remote-group", "one"),
        ("x-remote-group", "two"),
        ("x-remote-uid", USER.uid),
        ("x-remote-user", "username"),
    ]


async def test_the_uid_stays_here_with_the_feature_off_and_where_there_is_none() -> None:
    backend = Recorder()
    async with serving(backend) as endpoint:
        async with proxy(endpoint, api_service(), send_uid=False) as (_, client):
            await client.get(PATH)
        async with proxy(endpoint, api_service()) as (handler, _):
            await client_of(handler, UserInfo(name="nobody")).get(PATH)
    assert [asked.all("x-remote-uid") for asked in backend.asked] == [[], []]


async def test_unavailable_is_503_and_nobody_is_asked() -> None:
    backend = Recorder()
    async with serving(backend) as endpoint, proxy(endpoint, api_service(available=False)) as (handler, client):
        response = await client.get(PATH)
        assert (response.status, response.text) == (503, "service unavailable\n")
        assert backend.asked == []
        # Who has to know what is there before it counts as available may ask.
        assert (await client_of(handler.ignoring_availability()).get(PATH)).status == 200


async def test_a_service_without_an_address_is_503() -> None:
    async with proxy(None, api_service()) as (_, client):
        response = await client.get(PATH)
    assert (response.status, response.text) == (503, "service unavailable\n")


TRUST = [
    ("a good caBundle", GOOD, api_service(), None),
    ("the caBundle of somebody else", GOOD, api_service(ca=OTHER_CA), "certificate signed by unknown authority"),
    ("the system's roots", GOOD, api_service(ca=None), "certificate signed by unknown authority"),
    ("a wrong host name", WRONG_NAME, api_service(), "Hostname mismatch"),
    ("a wrong host name that is not looked at", WRONG_NAME, api_service(insecure=True), None),
    ("a certificate without names", NO_NAMES, api_service(), "certificate relies on legacy Common Name field"),
    ("a certificate without names that is not looked at", NO_NAMES, api_service(insecure=True), None),
]


@pytest.mark.parametrize(("pair", "service", "problem"), [row[1:] for row in TRUST], ids=[row[0] for row in TRUST])
async def test_tls_matrix(pair: object, service: object, problem: str | None) -> None:
    backend, metrics = Recorder(), MetricsRegistry()
    async with (
        serving(backend, pair) as endpoint,  # type: ignore[arg-type]
        proxy(endpoint, service, metrics=metrics) as (_, client),  # type: ignore[arg-type]
    ):
        response = await client.get(PATH)
    missing = metrics.counter("apiserver_kube_aggregator_x509_missing_san_total", "").value
    if problem is None:
        assert (response.status, len(backend.asked), missing) == (200, 1, 0)
        return
    assert (response.status, backend.asked) == (503, [])
    assert response.text.startswith("error trying to reach service: tls: failed to verify certificate: x509: ")
    assert problem in response.text
    assert response.text.endswith("\n")
    assert missing == ("legacy" in problem)


async def test_system_roots_are_believed_without_a_bundle(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    roots = tmp_path_factory.mktemp("roots") / "roots.pem"
    roots.write_bytes(CA.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(roots))
    async with serving(Recorder()) as endpoint, proxy(endpoint, api_service(ca=None)) as (_, client):
        assert (await client.get(PATH)).status == 200


async def test_a_bundle_that_is_none_is_500_with_the_reason() -> None:
    service = api_service()
    service.spec.ca_bundle = b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"
    async with serving(Recorder()) as endpoint, proxy(endpoint, service) as (_, client):
        response = await client.get(PATH)
    assert response.status == 500
    assert response.text.startswith("unable to load root certificates: ")


async def test_a_server_that_is_not_there_is_503_with_the_cause() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        async with proxy(Endpoint("127.0.0.1", port), api_service()) as (_, client):
            response = await client.get(PATH)
    assert (response.status, response.text) == (
        503,
        f"error trying to reach service: dial tcp 127.0.0.1:{port}: connect: connection refused\n",
    )


async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


async def test_the_log_says_which_server_could_not_be_reached_and_why(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = Endpoint("127.0.0.1", 1)
    async with proxy(endpoint, api_service()) as (_, client):
        assert (await client.get(PATH)).status == 503
    (text,) = [str(record.msg) for record in caplog.records if "proxying" in str(record.msg)]
    assert 'name="v1.foo" endpoint="127.0.0.1:1" method="GET"' in text
    assert 'err="dial tcp 127.0.0.1:1: connect: connection refused"' in text


@both_protocols
async def test_discovery_of_a_server_that_hangs_is_503_after_the_deadline(
    http2: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler_module, "DISCOVERY_TIMEOUT", 0.2)
    async with serving(hangs, http2=http2) as endpoint, proxy(endpoint, api_service()) as (handler, client):
        response = await client.get("/apis/foo/v1")
        assert (response.status, response.text) == (
            503,
            "error trying to reach service: context deadline exceeded\n",
        )
        assert handler.backend is not None
        assert handler.backend.connections == (1 if http2 else 0)  # only the stream is given up


@both_protocols
async def test_redirects_are_502_and_the_location_stays_unknown(http2: bool) -> None:
    backend = Recorder(status=302, headers={"location": "https://169.254.169.254/secrets"})
    async with serving(backend, http2=http2) as endpoint, proxy(endpoint, api_service()) as (_, client):
        response = await client.get(PATH)
        assert response.status == 502
        assert response.text == "the backend attempted to redirect this request, which is not permitted"
        assert "location" not in response.headers


async def test_a_redirect_passes_where_that_is_allowed_and_points_to_the_front() -> None:
    backend = Recorder(status=307)
    async with serving(backend) as endpoint:
        backend.headers = [(b"location", f"https://{endpoint}/elsewhere?a=b".encode())]
        async with proxy(endpoint, api_service(), reject_forwarding_redirects=False) as (_, client):
            response = await client.request("GET", PATH, headers={"host": "front.example"})
    assert (response.status, response.headers["location"]) == (307, "https://front.example/elsewhere?a=b")


async def test_links_in_html_point_to_the_front() -> None:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        text = f'<a href="https://{endpoint}/x">x</a>'.encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        for at in range(len(text)):  # an address may come in any number of pieces
            await send({"type": "http.response.body", "body": text[at : at + 1], "more_body": True})
        await send({"type": "http.response.body"})

    async with serving(page) as endpoint, proxy(endpoint, api_service()) as (_, client):
        response = await client.request("GET", PATH, headers={"host": "front.example"})
    assert response.text == '<a href="https://front.example/x">x</a>'


async def test_what_a_client_says_of_its_identity_is_not_passed_on() -> None:
    backend = Recorder()
    claims = [
        ("x-remote-user", "admin"),
        ("x-remote-group", "system:masters"),
        ("x-remote-uid", "0"),
        ("x-remote-extra-scopes", "all"),
        ("x_remote_user", "admin"),
        ("authorization", "Bearer secret"),
        ("connection", "keep-alive, x-internal"),
        ("x-internal", "1"),
        ("te", "trailers"),
        ("proxy-authorization", "Basic secret"),
    ]
    user = UserInfo(name="alice", extra={"example.com/Scope": ("a", "b"), "per%cent": ("1",)})
    async with serving(backend, http2=False) as endpoint, proxy(endpoint, api_service()) as (handler, _):
        response = await client_of(handler, user).request("GET", PATH, headers=claims)
    assert response.status == 200
    (asked,) = backend.asked
    assert asked.one("x-remote-user") == "alice"
    assert asked.all("x-remote-group") == []
    assert asked.all("x-remote-extra-example.com%2fscope") == ["a", "b"]
    assert asked.all("x-remote-extra-per%25cent") == ["1"]
    left = {name for name, _ in asked.headers}
    assert left.isdisjoint({"x-remote-uid", "x-remote-extra-scopes", "x_remote_user", "authorization"})
    assert left.isdisjoint({"x-internal", "te", "proxy-authorization"})


@pytest.mark.parametrize("name", ["a\r\nx-remote-group: system:masters", " admin", "admin\t", "nul\0"])
async def test_a_user_whom_headers_cannot_name_is_not_passed_on(name: str) -> None:
    backend = Recorder()
    async with serving(backend) as endpoint, proxy(endpoint, api_service()) as (handler, _):
        response = await client_of(handler, UserInfo(name=name)).get(PATH)
    assert response.status == 503
    assert 'invalid header field value for "X-Remote-User"' in response.text
    assert backend.asked == []


async def test_switching_between_local_and_remote_moves_traffic_at_once() -> None:
    async def local(scope: Scope, receive: Receive, send: Send) -> None:
        await send_text(send, 200, "local")

    async with (
        serving(Recorder("remote")) as endpoint,
        proxy(endpoint, api_service(local=True), local_delegate=local) as (handler, client),
    ):
        assert (await client.get(PATH)).text == "local"
        handler.update(api_service())
        assert (await client.get(PATH)).text == "remote"
        assert handler.backend is not None
        backend = handler.backend
        handler.update(api_service(local=True))
        assert (await client.get(PATH)).text == "local"
        assert backend.connections == 0


async def test_terminations_count_under_the_aggregator() -> None:
    metrics = MetricsRegistry()
    async with proxy(None, api_service(), metrics=metrics) as (_, client):
        await client.get(PATH)
    families = [family for family in metrics.families() if family.name == "apiserver_request_terminations_total"]
    (sample,) = [sample for family in families for sample in family.samples]
    assert (sample.labels["component"], sample.labels["code"], sample.value) == ("aggregator", "503", 1)
