"""The inspector of a running server in a real browser: what an operator sees, and what nobody can make it do."""

from __future__ import annotations

import contextlib
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from tests.support.kubectl import needs_kubectl
from tests.support.server_process import eventually, free_port
from tests.support.standalone import FLUNDERS, Standalone, ended, standalone

CHROMIUM = shutil.which("chromium")
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
SECRET = "hunter2"
TIMEOUT = 30_000
"""Milliseconds for anything in the browser; a machine with much to do may need many."""
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on PATH"),
]


@attrs.frozen
class Inspected:
    """A server, and a browser to look at it with."""

    server: Standalone
    browser: Browser

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server.port}/debug/inspector"

    @contextlib.contextmanager
    def context(self, *, certificate: bool = True, **settings: Any) -> Iterator[BrowserContext]:
        pki = self.server.data / "pki"
        if certificate:
            origin = f"https://127.0.0.1:{self.server.port}"
            settings["client_certificates"] = [
                {"origin": origin, "certPath": pki / "admin.crt", "keyPath": pki / "admin.key"}
            ]
        context = self.browser.new_context(ignore_https_errors=True, **settings)
        context.set_default_timeout(TIMEOUT)
        try:
            yield context
        finally:
            context.close()


@pytest.fixture(scope="module")
def inspected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inspected]:
    folder = tmp_path_factory.mktemp("inspector") / "data"
    with standalone(folder, free_port()) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGUMENTS)
        try:
            yield Inspected(server, browser)
        finally:
            browser.close()


@pytest.fixture
def page(inspected: Inspected) -> Iterator[Page]:
    """The page as the administrator sees it. Whatever the browser complains of fails the test."""
    with inspected.context() as context:
        page = context.new_page()
        problems: list[str] = []
        asked: set[str] = set()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        page.on("dialog", lambda dialog: problems.append(f"a dialog: {dialog.message}"))
        page.on("request", lambda request: asked.add(request.url))
        page.goto(inspected.url)
        expect(page.locator("#state")).to_have_attribute("data-state", "live", timeout=TIMEOUT)
        yield page
        assert problems == []
        assert {url.rpartition("/")[0] for url in asked} <= {inspected.url, inspected.url.rpartition("/")[0]}


def row(page: Page, section: str, *texts: str) -> Any:
    found = page.locator(f"#{section} tbody tr")
    for text in texts:
        found = found.filter(has_text=text)
    return expect(found.first)


def test_the_figures_of_a_running_server(page: Page, inspected: Inspected) -> None:
    admin = inspected.server.admin
    assert admin.request("POST", FLUNDERS, flunder("seen")).status == 201
    with admin.stream("GET", f"{FLUNDERS}?watch=1&labelSelector=app%3Dshown", headers={"User-Agent": "watcher/1"}):
        row(page, "watches", "watcher/1", "labels: app=shown", "admin").to_be_visible(timeout=TIMEOUT)
        row(page, "requests", "POST", "flunders.wardle.example.com").to_be_visible(timeout=TIMEOUT)
        row(page, "storage", "flunders.wardle.example.com", "filled").to_be_visible(timeout=TIMEOUT)
    expect(page.locator("#watches tbody tr").filter(has_text="watcher/1")).to_have_count(0, timeout=TIMEOUT)
    row(page, "health", "etcd", "ok").to_be_visible()
    row(page, "certificates", "serving", "CN=localhost").to_be_visible()
    row(page, "in-flight", "exempt").to_be_visible()
    expect(page.locator("#name")).to_have_text("sample-apiserver")
    expect(page.locator("#tiles")).to_contain_text(re.compile(r"Memory\s*[\d.]+ MiB"))


def test_errors_show_with_reason_and_without_secrets(page: Page, inspected: Inspected) -> None:
    admin = inspected.server.admin
    assert admin.request("GET", f"{FLUNDERS}/missing?access_token={SECRET}").status == 404
    assert admin.request("POST", FLUNDERS, {**flunder("bad"), "metadata": {"name": [SECRET]}}).status == 400
    row(page, "errors", "NotFound", "missing", "admin").to_be_visible(timeout=TIMEOUT)
    document = admin.get("/debug/inspector/data").body.decode()
    assert "missing" in document
    assert SECRET not in document


def test_names_that_clients_choose_are_only_text(page: Page, inspected: Inspected) -> None:
    admin = inspected.server.admin
    assert admin.request("GET", f"{FLUNDERS}/{quote(HOSTILE, safe='')}", headers={"User-Agent": HOSTILE}).status == 404
    watch = f"{FLUNDERS}?watch=1&labelSelector={quote(HOSTILE, safe='')}"
    assert admin.get(watch).status == 400
    row(page, "errors", HOSTILE).to_be_visible(timeout=TIMEOUT)
    assert page.locator("main img, main script, main iframe").count() == 0
    assert "owned" not in page.title()


def test_tables_are_sorted_and_filtered_from_the_keyboard(page: Page, inspected: Inspected) -> None:
    inspected.server.admin.get(f"{FLUNDERS}/sorted")
    row(page, "errors", "sorted").to_be_visible(timeout=TIMEOUT)
    page.locator("#filter").press_sequentially("no such thing at all")
    expect(page.locator("#errors tbody")).to_have_text("Nothing matches the filter.")
    page.locator("#filter").fill("")
    heading = page.locator("#requests thead th").filter(has_text="All")
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "descending")
    page.keyboard.press("Space")
    expect(heading).to_have_attribute("aria-sort", "ascending")


def _without_slow_requests(route: Route) -> None:
    """A busy machine has some."""
    answer = route.fetch()
    document = answer.json()
    document["slow"]["items"] = []
    route.fulfill(response=answer, json=document)


def test_empty_tables_say_so_and_everything_has_a_name(page: Page) -> None:
    page.route("**/debug/inspector/data", _without_slow_requests)
    expect(page.locator("#slow tbody")).to_contain_text("No request has been slow.")
    for table in page.locator("table").all():
        assert table.get_attribute("aria-labelledby")
        assert table.locator("thead th[scope=col]").count() > 2
    assert page.locator("h1").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"


def test_a_pause_stops_asking(page: Page) -> None:
    page.locator("#pause").click()
    expect(page.locator("#state")).to_contain_text("Paused")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("#filter").fill("x")
    page.locator("#pause").click()
    expect(page.locator("#state")).to_contain_text("Live", timeout=TIMEOUT)
    assert asked


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1400, "dark")])
def test_nothing_runs_over_the_edge(inspected: Inspected, width: int, scheme: Any) -> None:
    inspected.server.admin.get(f"{FLUNDERS}/{'x' * 250}")
    with inspected.context(viewport={"width": width, "height": 800}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(inspected.url)
        row(page, "errors", "xxxxx").to_be_visible(timeout=TIMEOUT)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(17, 20, 24)") is (scheme == "dark")


def test_who_has_no_permission_sees_nothing(inspected: Inspected) -> None:
    with inspected.context(certificate=False) as context:
        answer = context.new_page().goto(inspected.url)
        assert answer is not None
        assert answer.status in (401, 403)


@needs_kubectl
def test_it_works_behind_kubectl_proxy(inspected: Inspected, tmp_path: Path) -> None:
    said = tmp_path / "proxy"
    with ended(inspected.server.kubectl.start("proxy", "--port=0", output=said)):
        found = eventually(lambda: re.search(r"127\.0\.0\.1:\d+", said.read_text()), "kubectl proxy to listen")
        with inspected.context(certificate=False) as context:
            page = context.new_page()
            page.goto(f"http://{found[0]}/debug/inspector")
            expect(page.locator("#state")).to_have_attribute("data-state", "live", timeout=TIMEOUT)
            row(page, "health", "ping", "ok").to_be_visible()


def test_a_server_that_is_gone_is_said_to_be(inspected: Inspected, tmp_path: Path) -> None:
    with (
        standalone(tmp_path / "data", free_port()) as server,
        Inspected(server, inspected.browser).context() as context,
    ):
        page = context.new_page()
        page.goto(f"https://127.0.0.1:{server.port}/debug/inspector/")
        expect(page.locator("#state")).to_have_attribute("data-state", "live", timeout=TIMEOUT)
        server.process.kill()
        expect(page.locator("#state")).to_contain_text("unreachable; last update", timeout=TIMEOUT)
        expect(page.locator("#main")).to_have_class("stale")


def test_a_flame_graph_of_a_server_at_work(inspected: Inspected) -> None:
    admin = inspected.server.admin
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            admin.get(FLUNDERS)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        with inspected.context() as context:
            page = context.new_page()
            page.goto(inspected.url.replace("inspector", "pprof/profile?seconds=2&format=flamegraph"))
            expect(page.locator(".box").filter(has_text="MainThread").first).to_be_visible()
            expect(page.locator("#functions tr").first).to_be_visible()
            page.locator("#find").fill("list flunders")
            expect(page.locator(".box.found").first).to_be_visible()
            page.locator(".box.found").first.click()
            expect(page.locator("#said")).to_contain_text("list flunders.wardle.example.com]: ")
    finally:
        done.set()
        worker.join()


def flunder(name: str) -> dict[str, Any]:
    return {"apiVersion": "wardle.example.com/v1beta1", "kind": "Flunder", "metadata": {"name": name}}
