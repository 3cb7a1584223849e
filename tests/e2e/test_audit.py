"""A running sample server records what the reference records (filters reference, sections 7.1, 7.2 and 7.6)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.https_client import HTTPSClient
from tests.support.reference_server import ReferenceServer, reference_server
from tests.support.server_process import eventually

pytestmark = pytest.mark.e2e

FLUNDERS = "/apis/wardle.example.com/v1alpha1/namespaces/default/flunders"
POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitManagedFields: true
rules:
- {level: None, nonResourceURLs: ["/readyz*"]}
- {level: None, users: ["system:apiserver"]}
- level: RequestResponse
"""
RECEIVED, STARTED, COMPLETE = "RequestReceived", "ResponseStarted", "ResponseComplete"
ALLOWED = {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""}
DEPRECATED = {"k8s.io/deprecated": "true"}


class Audited:
    """A server, and the events of its log."""

    def __init__(self, server: ReferenceServer, log: Path) -> None:
        self.server = server
        self.log = log

    def events(self, audit_id: str = "") -> list[dict[str, Any]]:
        """The events of one request, or all; they are there as soon as its response is."""
        events = [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]
        return [event for event in events if audit_id in ("", event["auditID"])]

    def ask(
        self, who: str, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, list[dict[str, Any]]]:
        """The status of one exchange, and its events."""
        client: HTTPSClient = self.server.clients[who]
        pairs = {name.replace("_", "-"): value for name, value in headers.items()}
        response = client.request(method, path, body, {"User-Agent": "kubectl/x", **pairs})
        audit_id = response.header("Audit-Id")
        assert audit_id
        return response.status, self.events(audit_id)


def start(folder: Path, *flags: str) -> list[str]:
    policy = folder / "policy.yaml"
    policy.write_text(POLICY)
    return ["--storage-backend=memory", f"--audit-policy-file={policy}", *flags]


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    folder = tmp_path_factory.mktemp("audit")
    log = folder / "logs" / "audit.log"
    with reference_server(folder, *start(folder, f"--audit-log-path={log}")) as server:
        yield Audited(server, log)


def stages(events: list[dict[str, Any]]) -> list[str]:
    return [event["stage"] for event in events]


def test_a_create(audited: Audited) -> None:
    body = {"metadata": {"name": "a"}, "spec": {}}
    status, (received, complete) = audited.ask("admin", "POST", f"{FLUNDERS}?fieldManager=f&pretty=0", body)
    assert status == 201
    assert list(received) == [
        "kind", "apiVersion", "level", "auditID", "stage", "requestURI", "verb", "user", "sourceIPs", "userAgent",
        "objectRef", "requestReceivedTimestamp", "stageTimestamp",
    ]  # fmt: skip
    assert list(complete) == [
        "kind", "apiVersion", "level", "auditID", "stage", "requestURI", "verb", "user", "sourceIPs", "userAgent",
        "objectRef", "responseStatus", "requestObject", "responseObject", "requestReceivedTimestamp", "stageTimestamp",
        "annotations",
    ]  # fmt: skip
    assert (received["stage"], complete["stage"]) == (RECEIVED, COMPLETE)
    assert received["stageTimestamp"] == received["requestReceivedTimestamp"] == complete["requestReceivedTimestamp"]
    assert complete["stageTimestamp"] > complete["requestReceivedTimestamp"]
    credential = complete["user"].pop("extra")["authentication.kubernetes.io/credential-id"]
    assert credential[0].startswith("X509SHA256=")
    assert complete["user"] == {"username": "admin", "groups": ["system:masters", "system:authenticated"]}
    reference = {"resource": "flunders", "namespace": "default", "apiGroup": "wardle.example.com"}
    reference["apiVersion"] = "v1alpha1"
    assert received["objectRef"] == reference
    assert complete["objectRef"] == {**reference, "name": "a"}
    assert complete["responseStatus"] == {"metadata": {}, "code": 201}
    assert (complete["verb"], complete["sourceIPs"], complete["userAgent"]) == ("create", ["127.0.0.1"], "kubectl/x")
    assert complete["requestObject"] == {
        "kind": "Flunder",
        "apiVersion": "wardle.example.com/v1alpha1",
        "metadata": {"name": "a"},
        "spec": {},
        "status": {},
    }
    created = complete["responseObject"]["metadata"]
    assert created["name"] == "a"
    assert "managedFields" not in created
    assert complete["annotations"].items() >= {**ALLOWED, **DEPRECATED}.items()
    assert f'"requestURI":"{FLUNDERS}?fieldManager=f\\u0026pretty=0"' in audited.log.read_text("utf-8")


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/merge-patch+json", b'{"metadata": {"labels": {"a": "b"}}}'),
        (
            "application/apply-patch+yaml",
            b"apiVersion: wardle.example.com/v1alpha1\nkind: Flunder\nmetadata: {name: p, labels: {a: b}}\n",
        ),
    ],
)
def test_a_patch(audited: Audited, media_type: str, body: bytes) -> None:
    audited.ask("admin", "POST", FLUNDERS, {"metadata": {"name": "p"}})
    path = f"{FLUNDERS}/p?fieldManager=f"
    status, events = audited.ask("admin", "PATCH", path, body, content_type=media_type)
    assert (status, stages(events)) == (200, [RECEIVED, COMPLETE])
    assert events[-1]["requestObject"]["metadata"]["labels"] == {"a": "b"}
    assert events[-1]["responseObject"]["metadata"]["labels"] == {"a": "b"}
    assert events[-1]["verb"] == "patch"


def test_a_watch(audited: Audited) -> None:
    with audited.server.admin.stream("GET", f"{FLUNDERS}?watch=1&timeoutSeconds=1") as response:
        audit_id = response.headers["Audit-Id"]
        started = audited.events(audit_id)
        assert stages(started) == [RECEIVED, STARTED]
        assert started[-1]["responseStatus"] == {"metadata": {}, "code": 200}
        assert "k8s.io/deprecated" not in started[-1]["annotations"]
        response.read()
    eventually(lambda: len(audited.events(audit_id)) == 3, "the watch's last event")
    complete = audited.events(audit_id)[-1]
    assert (complete["stage"], complete["verb"]) == (COMPLETE, "watch")
    assert "responseObject" not in complete
    assert complete["annotations"].items() >= {**ALLOWED, **DEPRECATED}.items()
    assert not any(key.startswith("apiserver.latency") for key in complete["annotations"])


def test_a_401(audited: Audited) -> None:
    status, (event,) = audited.ask("none", "GET", FLUNDERS, Authorization="Bearer s3cr3t")
    assert (status, event["stage"], event["user"]) == (401, STARTED, {})
    assert event["responseStatus"] == {
        "metadata": {},
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }
    assert "annotations" not in event
    assert "s3cr3t" not in audited.log.read_text("utf-8")


def test_a_403(audited: Audited) -> None:
    status, events = audited.ask("alice", "GET", "/apis/wardle.example.com/v1alpha1/namespaces/prod/flunders")
    assert (status, stages(events)) == (403, [RECEIVED, COMPLETE])
    answer = events[-1]["responseStatus"]
    assert (answer["code"], answer["reason"], answer["status"]) == (403, "Forbidden", "Failure")
    assert answer["details"] == {"group": "wardle.example.com", "kind": "flunders"}
    assert events[-1]["annotations"]["authorization.k8s.io/decision"] == "forbid"


def test_a_404(audited: Audited) -> None:
    status, events = audited.ask("admin", "GET", f"{FLUNDERS}/none")
    assert (status, stages(events)) == (404, [RECEIVED, COMPLETE])
    assert events[-1]["responseStatus"] == {
        "metadata": {},
        "status": "Failure",
        "message": 'flunders.wardle.example.com "none" not found',
        "reason": "NotFound",
        "details": {"name": "none", "group": "wardle.example.com", "kind": "flunders"},
        "code": 404,
    }
    assert events[-1]["responseObject"]["kind"] == "Status"


def test_a_path_that_is_not_there(audited: Audited) -> None:
    status, events = audited.ask("admin", "GET", "/nope")
    assert (status, stages(events)) == (404, [RECEIVED, COMPLETE])
    assert events[-1]["responseStatus"] == {"metadata": {}, "code": 404}
    assert "objectRef" not in events[-1]


def test_an_impersonated_request(audited: Audited) -> None:
    status, events = audited.ask(
        "admin", "GET", FLUNDERS, Impersonate_User="bob", Impersonate_Group="dev", Impersonate_Extra_a="b"
    )
    received, complete = events
    assert (status, stages(events)) == (403, [RECEIVED, COMPLETE])
    assert received["user"]["username"] == complete["user"]["username"] == "admin"
    assert "impersonatedUser" not in received
    assert complete["impersonatedUser"] == {
        "username": "bob",
        "groups": ["dev", "system:authenticated"],
        "extra": {"a": ["b"]},
    }


def test_an_impersonation_that_is_not_allowed(audited: Audited) -> None:
    status, events = audited.ask("alice", "GET", FLUNDERS, Impersonate_User="bob")
    assert (status, stages(events)) == (403, [RECEIVED, COMPLETE])
    assert "impersonatedUser" not in events[-1]
    assert "annotations" not in events[-1]


def test_an_invalid_timeout(audited: Audited) -> None:
    status, (event,) = audited.ask("admin", "GET", f"{FLUNDERS}?timeout=foo")
    assert (status, event["stage"], event["user"]) == (400, STARTED, {})
    message = 'invalid timeout specified in the request URL - time: invalid duration "foo"'
    assert event["responseStatus"] == {
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": "BadRequest",
        "code": 400,
    }


def test_a_504(audited: Audited) -> None:
    status, events = audited.ask("admin", "GET", f"{FLUNDERS}?resourceVersion=99999999&timeout=100ms")
    assert (status, stages(events)) == (504, [RECEIVED, COMPLETE])
    assert (events[-1]["responseStatus"]["code"], events[-1]["responseStatus"]["reason"]) == (504, "Timeout")
    assert events[-1]["user"]["username"] == "admin"


def test_a_504_before_anything_was_done(audited: Audited) -> None:
    status, (event,) = audited.ask("admin", "GET", f"{FLUNDERS}?timeout=1ns")
    assert (status, event["stage"], event["responseStatus"]["code"]) == (504, STARTED, 504)


def test_a_delete_with_options(audited: Audited) -> None:
    audited.ask("admin", "POST", FLUNDERS, {"metadata": {"name": "d"}})
    status, events = audited.ask("admin", "DELETE", f"{FLUNDERS}/d", {"propagationPolicy": "Background"})
    assert status == 200
    assert events[-1]["requestObject"] == {
        "kind": "DeleteOptions",
        "apiVersion": "meta.k8s.io/__internal",
        "propagationPolicy": "Background",
    }
    assert (events[-1]["responseStatus"]["status"], events[-1]["responseStatus"]["code"]) == ("Success", 200)


@pytest.mark.parametrize("given", ["given", "x" * 2000])
def test_the_id_is_that_of_the_client(audited: Audited, given: str) -> None:
    _, events = audited.ask("admin", "GET", FLUNDERS, Audit_Id=given)
    assert len(events) >= 2
    assert {event["auditID"] for event in events} == {given}


def test_a_token_in_the_query_is_not_recorded(audited: Audited) -> None:
    _, events = audited.ask("admin", "GET", f"{FLUNDERS}?access_token=0therS3cr3t")
    assert events[-1]["requestURI"] == f"{FLUNDERS}?access_token=REDACTED"
    assert "0therS3cr3t" not in audited.log.read_text("utf-8")


def test_what_was_recorded_is_counted(audited: Audited) -> None:
    metrics = audited.server.admin.get("/metrics").body.decode()
    counted = {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in metrics.splitlines() if line[0] != "#"
    }
    assert counted["apiserver_audit_event_total"] > 10
    assert counted['apiserver_audit_level_total{level="RequestResponse"}'] > 5
    assert counted['apiserver_audit_level_total{level="None"}'] > 0
    assert counted["apiserver_audit_requests_rejected_total"] == 0
    assert 'apiserver_request_filter_duration_seconds_count{filter="audit"}' in counted


# The end


def use_until_it_ends(server: ReferenceServer) -> set[str]:
    """Ask and ask while the server is told to stop; the IDs of the requests that were answered."""
    answered: set[str] = set()
    enough = threading.Event()

    def worker(number: int) -> None:
        for count in range(10_000):
            audit_id = f"r-{number}-{count}"
            try:
                response = server.admin.request("GET", FLUNDERS, headers={"Audit-Id": audit_id})
            except OSError:
                return
            if response.status == 200:
                answered.add(audit_id)
            if len(answered) > 20:
                enough.set()

    with ThreadPoolExecutor(4) as workers:
        futures = [workers.submit(worker, number) for number in range(4)]
        assert enough.wait(60)
        server.process.stop()
        for future in futures:
            future.result()
    return answered


def check_nothing_is_lost(events: list[dict[str, Any]], answered: set[str]) -> None:
    complete = {event["auditID"] for event in events if event["stage"] == COMPLETE}
    received = {event["auditID"] for event in events if event["stage"] == RECEIVED}
    assert len(answered) > 20
    assert answered <= complete
    assert received == complete


@pytest.mark.parametrize("mode", ["blocking", "batch"])
def test_no_event_is_lost_when_the_server_ends(tmp_path: Path, mode: str) -> None:
    log = tmp_path / "audit.log"
    flags = start(tmp_path, f"--audit-log-path={log}", f"--audit-log-mode={mode}", "--audit-log-batch-max-size=50")
    with (
        reference_server(tmp_path, *flags, "--audit-log-batch-max-wait=1h") as server,
        server.admin.stream("GET", f"{FLUNDERS}?watch=1&timeoutSeconds=2", headers={"Audit-Id": "watch"}),
    ):
        answered = use_until_it_ends(server)
    events = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    check_nothing_is_lost(events, answered)
    assert stages([event for event in events if event["auditID"] == "watch"]) == [RECEIVED, STARTED, COMPLETE]


class _Receiver(BaseHTTPRequestHandler):
    """Takes event lists, after it has refused the first two."""

    protocol_version = "HTTP/1.1"
    posts: list[tuple[str, bytes]]
    refusals: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.path, body))  # type: ignore[attr-defined]
        refused = len(self.server.posts) <= 2  # type: ignore[attr-defined]
        self.send_response(503 if refused else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        if not refused:
            self.server.events.extend(json.loads(body)["items"])  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: object) -> None: ...


def test_no_event_is_lost_on_the_way_to_a_webhook_when_the_server_ends(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Receiver) as receiver:
        receiver.daemon_threads = True
        receiver.posts, receiver.events = [], []  # type: ignore[attr-defined]
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c"}}],
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{receiver.server_port}/audit?a=b"}}],
        }
        (tmp_path / "webhook").write_text(json.dumps(config))
        flags = [f"--audit-webhook-config-file={tmp_path}/webhook", "--audit-webhook-initial-backoff=50ms"]
        with reference_server(tmp_path, *start(tmp_path, *flags)) as server:
            answered = use_until_it_ends(server)
        receiver.shutdown()
        check_nothing_is_lost(receiver.events, answered)  # type: ignore[attr-defined]
        path, body = receiver.posts[0]  # type: ignore[attr-defined]
    assert path == "/audit?timeout=30s"
    assert body.startswith(b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[{"level":"')
    assert body.endswith(b"}]}\n")


def test_a_server_that_must_record_and_cannot_serves_nothing(tmp_path: Path) -> None:
    flags = ["--audit-log-path=/dev/full", "--audit-log-mode=blocking-strict"]
    with reference_server(tmp_path, *start(tmp_path, *flags)) as server:
        response = server.admin.get(FLUNDERS)
        assert (response.status, response.body) == (
            500,
            f'Internal Server Error: "{FLUNDERS}": failed to store audit event\n'.encode(),
        )
        assert server.admin.get("/readyz").status == 200
        assert "Error in audit plugin 'log' affecting 1 audit events" in server.process.stderr


def test_a_policy_that_cannot_be_used_keeps_the_server_from_starting(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.replace("RequestResponse", "Everything"))
    with (
        pytest.raises(AssertionError, match=r"loading audit policy file: rules\[2\]\.level: Unsupported value"),
        reference_server(tmp_path, "--storage-backend=memory", f"--audit-policy-file={policy}"),
    ):
        pass
