import contextlib
import http.server
import json
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from genericapiserver.certificates import generate_self_signed
from genericapiserver.client import ClientConfig, RESTClient
from genericapiserver.client.rest import UnreachableError, ssl_context
from genericapiserver.metrics import MetricsRegistry


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.path == "/stream":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"one\ntwo\n")
            self.close_connection = True
            return
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.answer({"path": self.path, "authorization": self.headers.get("Authorization")})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path in ("/endless", "/dripping"):
            self.go_on_and_on(b"x" * 65536 if self.path == "/endless" else b"x", self.path == "/dripping")
            return
        self.answer({"path": self.path, "type": self.headers["Content-Type"], "body": body.decode()})

    def go_on_and_on(self, piece: bytes, slowly: bool) -> None:
        self.send_response(201)
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(ConnectionError):
            while True:
                self.wfile.write(piece)
                if slowly:
                    time.sleep(0.02)

    def answer(self, document: dict[str, object]) -> None:
        data = json.dumps(document).encode()
        self.send_response(201)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def address() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


async def test_a_post_carries_json_and_brings_back_whatever_is_answered(address: str) -> None:
    client = RESTClient(ClientConfig(host=address))
    status, body = await client.post("/apis/x?timeout=10s", b'{"a":1}')
    assert status == 201
    assert json.loads(body) == {"path": "/apis/x?timeout=10s", "type": "application/json", "body": '{"a":1}'}
    await client.aclose()


async def test_a_token_goes_with_every_request(address: str) -> None:
    client = RESTClient(ClientConfig(host=address, bearer_token="secret"))
    _, body = await client.get("/version")
    assert json.loads(body)["authorization"] == "Bearer secret"
    await client.aclose()


def test_a_host_that_is_no_address_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(ValueError, match="Invalid port: 'no'"):
        RESTClient(ClientConfig(host="https://here:no"))


async def test_redirects_are_not_followed(address: str) -> None:
    client = RESTClient(ClientConfig(host=address))
    status, _ = await client.get("/redirect")
    assert status == 302
    await client.aclose()


async def test_a_stream_comes_line_by_line(address: str) -> None:
    client = RESTClient(ClientConfig(host=address))
    async with client.stream("/stream") as response:
        assert response.status == 200
        assert [line async for line in response.lines] == [b"one", b"two"]
    await client.aclose()


async def test_requests_are_counted_by_server_and_by_what_came_of_them(address: str) -> None:
    metrics = MetricsRegistry()
    client = RESTClient(ClientConfig(host=address), metrics=metrics)
    nobody = RESTClient(ClientConfig(host="http://127.0.0.1:1"), metrics=metrics)
    _, body = await client.post("/x", b"12345")
    await client.get("/redirect")
    async with client.stream("/stream"):
        pass
    with pytest.raises(UnreachableError):
        await nobody.get("/x")
    await client.aclose()
    await nobody.aclose()
    found = {
        (sample.name.removeprefix("rest_client_"), *sample.labels.values()): sample.value
        for family in metrics.families()
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }
    host = address.removeprefix("http://")
    assert {key: value for key, value in found.items() if key[0] == "requests_total"} == {
        ("requests_total", "201", "POST", host): 1,
        ("requests_total", "302", "GET", host): 1,
        ("requests_total", "200", "GET", host): 1,
        ("requests_total", "<error>", "GET", "127.0.0.1:1"): 1,
    }
    assert found["request_duration_seconds_count", "GET", host] == 2
    assert found["request_duration_seconds_count", "GET", "127.0.0.1:1"] == 1
    assert found["request_size_bytes_sum", "POST", host] == 5
    assert found["response_size_bytes_sum", "POST", host] == len(body)
    assert ("response_size_bytes_sum", "GET", "127.0.0.1:1") not in found


async def test_no_answer_is_an_error_that_names_the_url() -> None:
    client = RESTClient(ClientConfig(host="http://127.0.0.1:1"))
    with pytest.raises(UnreachableError, match=r'Post "http://127\.0\.0\.1:1/x": '):
        await client.post("/x", b"")
    await client.aclose()


async def test_an_answer_that_is_too_long_is_an_error(address: str) -> None:
    client = RESTClient(ClientConfig(host=address))
    with pytest.raises(UnreachableError, match=r'Post "http.*/endless": the answer is longer than 3145728 bytes'):
        await client.post("/endless", b"")
    await client.aclose()


async def test_an_answer_that_never_ends_has_until_the_timeout_however_often_something_comes(address: str) -> None:
    client = RESTClient(ClientConfig(host=address), timeout=0.3)
    with pytest.raises(UnreachableError, match=r'Post "http.*/dripping": context deadline exceeded'):
        await client.post("/dripping", b"")
    await client.aclose()


def test_a_certificate_that_is_named_itself_is_trusted_whoever_signed_it() -> None:
    pair = generate_self_signed("localhost")
    leaf = pair.certificate_pem[: pair.certificate_pem.index(b"-----END CERTIFICATE-----") + 26]
    context = ssl_context(ClientConfig(host="https://localhost", ca_data=leaf))
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
