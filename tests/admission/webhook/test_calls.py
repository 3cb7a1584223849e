"""How webhooks are reached, and the ways in which that fails: over real TLS, and never open."""

import asyncio
import base64
import datetime as dt
import json
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpcore
import pytest

from genericapiserver.admission.configuration import ConfigurationError
from genericapiserver.admission.webhook import WebhookClients
from genericapiserver.admission.webhook.client import CACHED_CLIENTS, MAX_ANSWER_BYTES
from genericapiserver.admission.webhook.credentials import WebhookCredentials, read_kubeconfig_file
from genericapiserver.apimachinery.errors import StatusError
from genericapiserver.apis.admissionregistration_v1 import ServiceReference, WebhookClientConfig
from genericapiserver.client.kubeconfig import KubeconfigError
from genericapiserver.metrics import MetricsRegistry
from tests.support.pki import CLIENT, issue
from tests.support.webhook_server import STRANGER, Answer, Asked, http_response, reviewed, webhook_server
from tests.support.webhooks import hook, mutating, passes, refused, validating, write

FAILED = 'Internal error occurred: failed calling webhook "w.example.com": failed to call webhook: '


BAD_RESPONSES: list[tuple[str, Any, str]] = [
    (
        "redirect",
        http_response(b"", "302 Found", "location: https://127.0.0.1:1/elsewhere"),
        "the server responded with the status code 302 but did not return more information",
    ),
    (
        "plain error",
        http_response(b"boom\n", "500 Internal Server Error"),
        'an error on the server ("boom") has prevented the request from succeeding',
    ),
    ("not found", http_response(b"", "404 Not Found"), "the server could not find the requested resource"),
    (
        "status",
        http_response(
            json.dumps({"kind": "Status", "apiVersion": "v1", "message": "wh boom", "code": 503}).encode(),
            "503 Service Unavailable",
        ),
        "wh boom",
    ),
    ("no JSON", http_response(b"nonsense"), "invalid character 'o' in literal null (expecting 'u')"),
    (
        "nothing",
        http_response(b""),
        "0-length response with status code: 200 and content type: application/json",
    ),
    ("list", http_response(b"[]"), "json: cannot unmarshal array"),
    ("deep", http_response(b'{"response":' + b"[" * 5000 + b"]" * 5000 + b"}"), "exceeded max depth"),
    ("cut off", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", "peer closed connection"),
    ("no HTTP", b"SSH-2.0-OpenSSH\r\n", ""),
    ("closed", None, "Server disconnected"),
    (
        "huge",
        http_response(b" " * (MAX_ANSWER_BYTES + 1)),
        f"the answer is larger than {MAX_ANSWER_BYTES} bytes",
    ),
]


@pytest.mark.parametrize(("response", "why"), [row[1:] for row in BAD_RESPONSES], ids=[row[0] for row in BAD_RESPONSES])
async def test_answers_that_are_none(response: Answer, why: str) -> None:
    def answer(asked: Asked) -> Answer:
        return response

    async with webhook_server(answer) as server:
        server.closes = True
        message = await refused(validating(hook("w.example.com", server.client_config())))
        await passes(validating(hook("w.example.com", server.client_config(), failurePolicy="Ignore")))
        assert {asked.target for asked in server.asked} == {"/hook?timeout=10s"}, "no redirect was followed"
    assert message.startswith(FAILED)
    assert why in message


async def test_an_answer_that_is_null_has_no_response() -> None:
    async with webhook_server(lambda asked: http_response(b"null")) as server:
        message = await refused(validating(hook("w.example.com", server.client_config())))
        changes = mutating(hook("w.example.com", server.client_config(), failurePolicy="Ignore"))
        await changes.admit(write())
        await changes.aclose()
    assert message.endswith('"w.example.com": received invalid webhook response: webhook response was absent')


async def test_a_slow_webhook_is_given_its_time_and_no_more() -> None:
    never = asyncio.Event()

    async def answer(asked: Asked) -> Answer:
        await never.wait()
        return None

    async with webhook_server(answer) as server:
        slow = hook("w.example.com", server.client_config(), timeoutSeconds=1)
        assert await refused(validating(slow)) == (f'{FAILED}Post "{server.url}?timeout=1s": context deadline exceeded')


async def test_the_time_left_to_the_request_is_passed_on() -> None:
    async with webhook_server() as server:
        plugin = validating(hook("w.example.com", server.client_config()))
        await plugin.validate(write(deadline=asyncio.get_running_loop().time() + 3.5))
        await plugin.aclose()
    assert server.asked[0].target == "/hook?timeout=4s"


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        ({"issuer": STRANGER}, "tls: failed to verify certificate: x509: certificate signed by unknown authority"),
        ({"ip": "127.0.0.2"}, "tls: failed to verify certificate: x509: IP address mismatch"),
        ({"expired": True}, "tls: failed to verify certificate: x509: certificate has expired or is not yet valid"),
    ],
    ids=["stranger", "another address", "expired"],
)
async def test_who_cannot_prove_who_he_is_is_not_asked(certificate: dict[str, Any], why: str) -> None:
    made: dict[str, Any] = {}
    if "issuer" in certificate:
        made["issuer"] = certificate["issuer"]
    if "ip" in certificate:
        made["ips"] = (certificate["ip"],)
    if "expired" in certificate:
        made["not_after"] = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    async with webhook_server(**made) as server:
        message = await refused(validating(hook("w.example.com", server.client_config())))
        assert server.asked == []
    assert message.startswith(f'{FAILED}Post "{server.url}?timeout=10s": {why}')


@pytest.mark.parametrize(
    ("certificate", "why", "counter"),
    [
        (
            {"ips": ()},
            "certificate relies on legacy Common Name field, use SANs instead",
            "apiserver_webhooks_x509_missing_san_total",
        ),
        ({}, "certificate is not valid for any names, but wanted to match localhost", None),
    ],
    ids=["common name only", "common name and an address"],
)
async def test_certificates_of_former_times_are_refused_and_counted(
    certificate: dict[str, Any], why: str, counter: str | None
) -> None:
    registry = MetricsRegistry()
    counters = ("apiserver_webhooks_x509_missing_san_total", "apiserver_webhooks_x509_insecure_sha1_total")
    async with webhook_server(common_name="localhost", **certificate) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        plugin = validating(hook("w.example.com", server.client_config(url=url)), registry=registry)
        assert [registry.collectors.get_sample_value(name) for name in counters] == [0, 0]
        message = await refused(plugin)
        assert server.asked == []
    assert message.startswith(f'{FAILED}Post "{url}?timeout=10s": tls: failed to verify certificate: x509: {why}')
    assert [registry.collectors.get_sample_value(name) for name in counters] == [name == counter for name in counters]


@pytest.mark.parametrize(("response", "code"), [(http_response(b"", "404 Not Found"), "404"), (None, "<error>")])
async def test_calls_are_counted_as_those_of_any_client(response: Answer, code: str) -> None:
    registry = MetricsRegistry()

    def answer(asked: Asked) -> Answer:
        return response

    async with webhook_server(answer) as server:
        await refused(validating(hook("w.example.com", server.client_config()), registry=registry))
        host = server.url.removeprefix("https://").partition("/")[0]
    labels = {"code": code, "method": "POST", "host": host}
    assert registry.collectors.get_sample_value("rest_client_requests_total", labels) == 1


async def test_signatures_that_are_too_weak_are_counted() -> None:
    async def weak(host: str, port: int) -> Sequence[str]:
        refusal = ssl.SSLCertVerificationError(1, "certificate verify failed")
        refusal.verify_code, refusal.verify_message = 68, "CA signature digest algorithm too weak"
        try:
            raise refusal
        except ssl.SSLError as error:
            raise httpcore.ConnectError(str(error)) from error

    registry = MetricsRegistry()
    plugin = validating(
        hook("w.example.com", {"url": "https://hook.example.com/"}),
        clients=WebhookClients(resolve=weak),
        registry=registry,
    )
    assert "x509: CA signature digest algorithm too weak" in await refused(plugin)
    assert registry.collectors.get_sample_value("apiserver_webhooks_x509_insecure_sha1_total") == 1


async def test_a_mutating_webhook_that_is_not_there_never_lets_a_write_pass() -> None:
    plugin = mutating(hook("w.example.com", {"url": "https://127.0.0.1:1/"}))
    with pytest.raises(StatusError):
        await plugin.admit(write())


async def test_connections_are_kept() -> None:
    async with webhook_server() as server:
        plugin = validating(hook("w.example.com", server.client_config()))
        for _ in range(3):
            await plugin.validate(write())
        await plugin.aclose()
    assert (len(server.asked), len(server.protocols)) == (3, 1)


class Services:
    """Service references by name, to ports of this machine."""

    def __init__(self, **ports: int) -> None:
        self.ports = ports

    def resolve_endpoint(self, namespace: str, name: str, port: int) -> str:
        if name not in self.ports:
            raise LookupError("not found")
        return f"127.0.0.1:{self.ports[name]}"


async def test_services_are_looked_up_and_prove_their_name() -> None:
    async with webhook_server(dns=("hook.ns.svc",), ips=()) as server:
        bundle = server.client_config()["caBundle"]
        services = Services(hook=server.port)
        config = {"service": {"namespace": "ns", "name": "hook", "path": "/check"}, "caBundle": bundle}
        plugin = validating(hook("w.example.com", config), clients=WebhookClients(services=services))
        await passes(plugin)
        assert (server.asked[0].target, server.asked[0].headers["host"]) == ("/check?timeout=10s", "hook.ns.svc")
        assert server.protocols == ["http/1.1"]
        other = {"service": {"namespace": "ns", "name": "other"}, "caBundle": bundle}
        message = await refused(validating(hook("w.example.com", other), clients=WebhookClients(services=services)))
    assert message == (
        'Internal error occurred: failed calling webhook "w.example.com": could not get REST client: '
        "service ns/other: not found"
    )


async def test_a_service_whose_certificate_is_for_another_name_is_not_asked() -> None:
    async with webhook_server(dns=("other.ns.svc",), ips=()) as server:
        bundle = server.client_config()["caBundle"]
        config = {"service": {"namespace": "ns", "name": "hook"}, "caBundle": bundle}
        clients = WebhookClients(services=Services(hook=server.port))
        message = await refused(validating(hook("w.example.com", config), clients=clients))
    assert "Hostname mismatch, certificate is not valid for 'hook.ns.svc'" in message


async def test_a_name_that_does_not_exist() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    config = {"url": "https://nowhere.example.com/"}
    message = await refused(validating(hook("w.example.com", config), clients=WebhookClients(resolve=resolve)))
    assert message.endswith("dial tcp: lookup nowhere.example.com: no such host")


async def test_clients_are_kept_as_long_as_they_are_used() -> None:
    def at(url: str) -> WebhookClientConfig:
        return WebhookClientConfig(url=url, ca_bundle=STRANGER.pem)

    clients = WebhookClients()
    used = clients.client_for(at("https://used.example.com/"))
    for number in range(CACHED_CLIENTS + 5):
        clients.client_for(at(f"https://{number}.example.com/"))
        assert clients.client_for(at("https://used.example.com/")) is used
    assert len(clients._clients) == CACHED_CLIENTS
    assert "https://0.example.com/" not in {client.url for client in clients._clients.values()}
    service = ServiceReference(namespace="ns", name="a", port=443)
    by_service = clients.client_for(WebhookClientConfig(service=service, ca_bundle=STRANGER.pem))
    assert by_service is not clients.client_for(at("https://a.ns.svc/"))
    await clients.aclose()


# As whom


def kubeconfig(folder: Path, **users: dict[str, Any]) -> str:
    file = folder / "kubeconfig"
    file.write_text(json.dumps({"users": [{"name": name, "user": user} for name, user in users.items()]}))
    return str(file)


@pytest.mark.parametrize(
    ("target", "token"),
    [
        ("a.example.com:8443", "exact"),
        ("b.example.com:8443", "port"),
        ("b.example.com:443", "wide"),
        ("x.y.example.com:443", "wide"),
        ("c.org:443", "without port"),
        ("c.org:8443", ""),
        ("elsewhere:443", ""),
    ],
)
def test_the_narrowest_user_for_a_host_is_taken(tmp_path: Path, target: str, token: str) -> None:
    users = {
        "a.example.com:8443": {"token": "exact"},
        "*.example.com:8443": {"token": "port"},
        "*.example.com": {"token": "wide"},
        "c.org": {"token": "without port"},
    }
    assert WebhookCredentials.from_file(kubeconfig(tmp_path, **users)).for_host(target).bearer_token == token


async def test_tokens_and_certificates_are_shown_to_their_host_only(tmp_path: Path) -> None:
    pair = issue("apiserver", STRANGER, usages=[CLIENT])
    async with webhook_server() as server, webhook_server() as other:
        user = {
            "token": "secret",
            "client-certificate-data": base64.b64encode(pair.pem).decode(),
            "client-key-data": base64.b64encode(pair.key_pem).decode(),
        }
        file = kubeconfig(tmp_path, **{f"127.0.0.1:{server.port}": user})
        for each in (server, other):
            clients = WebhookClients(WebhookCredentials.from_file(file))
            await passes(validating(hook("w.example.com", each.client_config()), clients=clients))
        assert server.asked[0].headers["authorization"] == "Bearer secret"
        assert "authorization" not in other.asked[0].headers


@pytest.mark.parametrize(
    ("configuration", "problem"),
    [
        ('{"kubeConfigFile": "/a"}', "Object 'Kind' is missing in '{\"kubeConfigFile\": \"/a\"}'"),
        ("kind: WebhookAdmissionConfiguration\napiVersion: apiserver.config.k8s.io/v2\n", "no kind"),
        (
            "kind: WebhookAdmissionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nkubeConfigFile: a\n",
            'kubeConfigFile: Invalid value: "a": must be an absolute file path',
        ),
        (
            "kind: WebhookAdmissionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nkubeConfig: /a\n",
            'strict decoding error: unknown field "kubeConfig"',
        ),
        (
            "kind: AdmissionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nplugins: []\n",
            "unexpected type: *v1.AdmissionConfiguration",
        ),
    ],
)
def test_a_plugin_configuration_that_is_not_understood(configuration: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_kubeconfig_file(configuration.encode())
    assert problem in str(raised.value)


@pytest.mark.parametrize("kind", ["WebhookAdmissionConfiguration v1", "WebhookAdmission v1alpha1"])
def test_a_plugin_configuration_names_a_kubeconfig(kind: str) -> None:
    kind, version = kind.split()
    text = f"kind: {kind}\napiVersion: apiserver.config.k8s.io/{version}\nkubeConfigFile: /etc/hooks\n"
    assert read_kubeconfig_file(text.encode()) == "/etc/hooks"
    assert read_kubeconfig_file(None) == ""


def test_a_kubeconfig_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="no such file"):
        WebhookCredentials.from_file(str(tmp_path / "none"))


async def test_an_answer_in_time_is_all_that_counts() -> None:
    async with webhook_server(reviewed) as server:
        await passes(validating(hook("w.example.com", server.client_config(), timeoutSeconds=30)))
    assert server.asked[0].target == "/hook?timeout=30s"
