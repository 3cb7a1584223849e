"""Webhooks that are registered at a running server: they take effect, and are refused when they make no sense."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.pki import Issued, issue
from tests.support.server_process import free_port
from tests.support.standalone import FLUNDERS, Standalone, standalone

pytestmark = pytest.mark.e2e

CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1"
AUTHORITY = issue("authority", ca=True)
SOON = 10.0
"""Seconds until a test gives up on what should take effect at once."""
Decide = Callable[[dict[str, Any]], dict[str, Any]]


@contextmanager
def webhook(decide: Decide, pair: Issued) -> Iterator[str]:
    """Serve *decide*, from the request of a review to its response, in a thread; the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["content-length"])))
            response = {"uid": review["request"]["uid"], **decide(review["request"])}
            body = json.dumps({"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response})
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the test says what went wrong."""

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    pair.load_into(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    with standalone(tmp_path_factory.mktemp("webhooks") / "data", free_port()) as running:
        yield running


@pytest.fixture(scope="module")
def pair() -> Issued:
    return issue("webhook", AUTHORITY, ips=("127.0.0.1",))


def configuration(kind: str, url: str, **fields: Any) -> dict[str, Any]:
    rule = {
        "operations": ["CREATE"],
        "apiGroups": ["wardle.example.com"],
        "apiVersions": ["*"],
        "resources": ["flunders"],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "flunders"},
        "webhooks": [
            {
                "name": "flunders.example.com",
                "clientConfig": {"url": url, "caBundle": base64.b64encode(AUTHORITY.pem).decode()},
                "rules": [rule],
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                **fields,
            }
        ],
    }


@contextmanager
def registered(server: Standalone, document: dict[str, Any]) -> Iterator[None]:
    """Have *document* registered during the block."""
    path = f"{CONFIGURATIONS}/{document['kind'].lower()}s"
    created = server.admin.request("POST", path, document)
    assert created.status == 201, created.body
    try:
        yield
    finally:
        server.admin.request("DELETE", f"{path}/{document['metadata']['name']}")


def create(server: Standalone, name: str, **more: Any) -> tuple[int, dict[str, Any]]:
    response = server.admin.request("POST", FLUNDERS, {"metadata": {"name": name}, **more})
    return response.status, response.json()


def until(attempt: Callable[[], bool]) -> float:
    """Seconds until *attempt* succeeds."""
    started = time.monotonic()
    while not attempt():
        assert time.monotonic() - started < SOON
    return time.monotonic() - started


def test_a_validating_webhook_takes_effect_and_ends(server: Standalone, pair: Issued) -> None:
    def decide(request: dict[str, Any]) -> dict[str, Any]:
        return {"allowed": request["name"] != "banned", "status": {"message": "not this name", "code": 403}}

    with webhook(decide, pair) as url, registered(server, configuration("ValidatingWebhookConfiguration", url)):
        took = until(lambda: create(server, "banned")[0] == 403)
        assert took < 1
        status, body = create(server, "banned")
        assert status == 403
        assert body["message"] == 'admission webhook "flunders.example.com" denied the request: not this name'
        assert create(server, "welcome")[0] == 201
    until(lambda: create(server, "banned")[0] in (201, 409))


def test_a_mutating_webhook_changes_what_is_stored(server: Standalone, pair: Issued) -> None:
    def decide(request: dict[str, Any]) -> dict[str, Any]:
        labels = {**request["object"]["metadata"].get("labels", {}), "hooked": "yes"}
        patch = [{"op": "add", "path": "/metadata/labels", "value": labels}]
        data = base64.b64encode(json.dumps(patch).encode()).decode()
        return {"allowed": True, "patch": data, "patchType": "JSONPatch", "warnings": ["labelled"]}

    def labelled(name: str) -> bool:
        status, body = create(server, name)
        assert status == 201
        return bool(body["metadata"].get("labels", {}).get("hooked") == "yes")

    names = (f"mutated-{number}" for number in range(10_000))
    with webhook(decide, pair) as url, registered(server, configuration("MutatingWebhookConfiguration", url)):
        until(lambda: labelled(next(names)))
        status, body = create(server, "with-labels", metadata={"name": "with-labels", "labels": {"a": "b"}})
        assert (status, body["metadata"]["labels"]) == (201, {"a": "b", "hooked": "yes"})
        dry = server.admin.request("POST", f"{FLUNDERS}?dryRun=All", {"metadata": {"name": "tried"}})
        assert (dry.status, dry.header("warning")) == (201, '299 - "labelled"')
    assert server.admin.get(f"{FLUNDERS}/tried").status == 404


def test_an_unreachable_webhook_refuses_writes_and_never_its_own_removal(server: Standalone) -> None:
    document = configuration("ValidatingWebhookConfiguration", "https://127.0.0.1:1/")
    document["webhooks"][0]["rules"][0] |= {"apiGroups": ["*"], "resources": ["*/*"], "operations": ["*"]}
    with registered(server, document):
        names = (f"refused-{number}" for number in range(10_000))
        until(lambda: create(server, next(names))[0] == 500)
        status, body = create(server, "refused")
        assert (status, body["reason"]) == (500, "InternalError")
        assert body["message"].startswith(
            'Internal error occurred: failed calling webhook "flunders.example.com": failed to call webhook: Post '
        )
        metrics = server.admin.get("/metrics").body.decode()
        assert "apiserver_admission_webhook_rejection_count{" in metrics
        assert "apiserver_admission_webhook_admission_duration_seconds_bucket{" in metrics
    until(lambda: create(server, "let-in")[0] == 201)


@pytest.mark.parametrize("policy", ["Fail", "Ignore"])
def test_a_request_ends_when_its_time_is_over_whatever_the_policy(
    server: Standalone, pair: Issued, policy: str
) -> None:
    over = threading.Event()

    def decide(request: dict[str, Any]) -> dict[str, Any]:
        if request["name"] == "late":
            over.wait(SOON)
        return {"allowed": True, "warnings": ["asked"]}

    document = configuration("ValidatingWebhookConfiguration", "", failurePolicy=policy)
    with webhook(decide, pair) as url:
        document["webhooks"][0]["clientConfig"]["url"] = url
        with registered(server, document):
            dry = f"{FLUNDERS}?dryRun=All"
            until(lambda: server.admin.request("POST", dry, {"metadata": {"name": "x"}}).header("warning") is not None)
            late = server.admin.request("POST", f"{FLUNDERS}?timeout=300ms", {"metadata": {"name": "late"}})
            over.set()
    assert late.status == 504
    assert server.admin.get(f"{FLUNDERS}/late").status == 404


def test_namespaces_are_looked_after_where_they_are_served(tmp_path: Path, pair: Issued) -> None:
    def decide(request: dict[str, Any]) -> dict[str, Any]:
        return {"allowed": False}

    namespaces = "/api/v1/namespaces"
    flunders = FLUNDERS.replace("/default/", "/{}/")
    with webhook(decide, pair) as url, standalone(tmp_path / "data", free_port(), "--serve-core") as running:
        admin = running.admin
        missing = admin.request("POST", flunders.format("nowhere"), {"metadata": {"name": "a"}})
        assert (missing.status, missing.json()["message"]) == (404, 'namespaces "nowhere" not found')
        assert (
            admin.request("POST", namespaces, {"metadata": {"name": "here", "labels": {"hooked": "yes"}}}).status == 201
        )
        assert admin.request("POST", flunders.format("here"), {"metadata": {"name": "a"}}).status == 201
        assert admin.request("DELETE", f"{namespaces}/default").json()["message"] == (
            'namespaces "default" is forbidden: this namespace may not be deleted'
        )
        document = configuration(
            "ValidatingWebhookConfiguration", url, namespaceSelector={"matchLabels": {"hooked": "yes"}}
        )
        with registered(running, document):
            names = (f"a{number}" for number in range(10_000))

            def refused() -> bool:
                created = admin.request("POST", flunders.format("here"), {"metadata": {"name": next(names)}})
                return created.status == 400

            until(refused)
            assert admin.request("POST", flunders.format("default"), {"metadata": {"name": "a"}}).status == 201


def test_a_configuration_that_makes_no_sense_is_refused(server: Standalone) -> None:
    document = configuration("MutatingWebhookConfiguration", "http://localhost", timeoutSeconds=31, sideEffects="Some")
    document["webhooks"][0]["matchConditions"] = [{"name": "c", "expression": "object.x +"}]
    response = server.admin.request("POST", f"{CONFIGURATIONS}/mutatingwebhookconfigurations", document)
    assert response.status == 422
    causes = {cause["field"]: cause["message"] for cause in response.json()["details"]["causes"]}
    assert causes["webhooks[0].timeoutSeconds"] == (
        "Invalid value: 31: the timeout value must be between 1 and 30 seconds"
    )
    assert causes["webhooks[0].sideEffects"] == ('Unsupported value: "Some": supported values: "None", "NoneOnDryRun"')
    assert causes["webhooks[0].clientConfig.url"] == (
        "Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: https://host[/path]"
    )
    assert "compilation failed" in causes["webhooks[0].matchConditions[0].expression"]


def test_kubectl_applies_and_shows_configurations(server: Standalone, tmp_path: Path) -> None:
    file = tmp_path / "webhook.yaml"
    document = configuration("ValidatingWebhookConfiguration", "https://127.0.0.1:1/", failurePolicy="Ignore")
    file.write_text(json.dumps({**document, "metadata": {"name": "applied"}}))
    kubectl = server.kubectl
    kubectl.run("apply", "-f", str(file))
    shown = kubectl.run("get", "validatingwebhookconfigurations")
    assert [line.split()[:2] for line in shown.stdout.splitlines()] == [["NAME", "WEBHOOKS"], ["applied", "1"]]
    stored = server.admin.get(f"{CONFIGURATIONS}/validatingwebhookconfigurations/applied").json()
    webhook = stored["webhooks"][0]
    assert (webhook["timeoutSeconds"], webhook["matchPolicy"], stored["metadata"]["generation"]) == (
        10,
        "Equivalent",
        1,
    )
    kubectl.run("delete", "-f", str(file))
