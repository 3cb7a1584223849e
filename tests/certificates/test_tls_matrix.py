"""What a client that is not ours negotiates: `openssl s_client` against a server, one row a combination.

Skipped where there is no openssl; `.ci/run` installs it.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest

from genericapiserver.asgi import Receive, Scope, Send, send_response
from genericapiserver.certificates import SNICertKeyContent, StaticCAContent, StaticCertKeyContent
from genericapiserver.connection import create_listener
from genericapiserver.loopback import LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE
from genericapiserver.options.tls_names import cipher_suites
from genericapiserver.secure_serving import SecureServingInfo
from tests.support.pki import CLIENT, Issued, issue

OPENSSL, TESTSSL = shutil.which("openssl"), shutil.which("testssl") or shutil.which("testssl.sh")

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="needs openssl (Debian: openssl)")


@cache
def certificates() -> dict[str, Issued]:
    """The served pairs, and the authority of clients."""
    return {
        "default": issue("default", dns=["default.example.com"]),
        "loopback": issue("loopback", dns=[LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE]),
        "given": issue("given", dns=["own.example.com"]),
        "wild": issue("wild", dns=["*.wild.example.com"]),
        "rsa": issue("rsa", dns=["rsa.example.com"], with_rsa=True),
        "address": issue("address"),
        "clients": issue("client authority", ca=True),
        "proxies": issue("proxy authority", ca=True),
        "strangers": issue("nobody knows it", ca=True),
    }


def content(name: str) -> StaticCertKeyContent:
    return StaticCertKeyContent(name, certificates()[name].pem, certificates()[name].key_pem)


SNI = {"loopback": [LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE], "given": ["given.example.com"], "wild": [], "rsa": []}


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    await send_response(send, 200, b"", b"text/plain")


@asynccontextmanager
async def serving(*, local_name: bool = False, **settings: Any) -> AsyncIterator[int]:
    """The port. With *local_name*, one pair is for those who come to 127.0.0.1 without a name."""
    sni = [SNICertKeyContent(content(name), names) for name, names in SNI.items()]
    if local_name:
        sni.append(SNICertKeyContent(content("address"), ["127.0.0.1"]))
    info = SecureServingInfo(
        listener=create_listener("127.0.0.1", 0), cert=content("default"), sni_certs=sni, **settings
    )
    async with info.serve(tell, shutdown_timeout=2):
        yield info.host_port()[1]


@attrs.frozen
class Handshake:
    """What s_client says of one; parts are None where it says nothing."""

    version: str | None
    cipher: str | None
    alpn: str | None
    subject: str | None
    alert: int | None
    authorities: list[str]
    output: str


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(120):
            output, _ = await process.communicate(b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode("utf-8", "replace")


async def handshake(port: int, arguments: str, *more: str) -> Handshake:
    output = await run(
        OPENSSL or "openssl", "s_client", "-connect", f"127.0.0.1:{port}", *arguments.split(), *more, "-no_ign_eof"
    )

    def found(pattern: str) -> str | None:
        match = re.search(pattern, output, re.MULTILINE)
        return match.group(1).strip() if match else None

    # "New," names the oldest version of the suite; which one it is stands in the session, if there is one at once.
    negotiated = re.search(r"^New, (\S+), Cipher is (\S+)$", output, re.MULTILINE)
    alert = found(r"SSL alert number (\d+)")
    authorities = re.search(
        r"^Acceptable client certificate CA names\n((?:.+\n)*?)(?:Requested|Client Cert|---)", output, re.MULTILINE
    )
    return Handshake(
        version=found(r"^ +Protocol +: (.*)$") or negotiated.group(1) if negotiated else None,
        cipher=negotiated.group(2) if negotiated else None,
        alpn=found(r"^ALPN protocol: (.*)$"),
        subject=found(r"^subject=.*?CN ?= ?(.*)$"),
        alert=int(alert) if alert else None,
        authorities=re.findall(r"CN ?= ?(.*)", authorities.group(1)) if authorities else [],
        output=output,
    )


REQUIRED = ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]


def suites(*names: str) -> dict[str, Any]:
    return {"cipher_suites": cipher_suites([*REQUIRED, *names])}


OLD = "-cipher DEFAULT:@SECLEVEL=0"
ECDSA128, RSA128 = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        (
            {},
            [
                ("", "TLSv1.3", "TLS_AES_128_GCM_SHA256", None),
                ("-tls1_3", "TLSv1.3", "TLS_AES_128_GCM_SHA256", None),
                ("-tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384", "TLSv1.3", "TLS_AES_256_GCM_SHA384", None),
                ("-ciphersuites TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
                 "TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256", None),
                ("-tls1_2", "TLSv1.2", ECDSA128, None),
                ("-tls1_2 -servername rsa.example.com", "TLSv1.2", RSA128, None),
                ("-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384", "TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", None),
                ("-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305", "TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305", None),
                ("-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA", None, None, 40),
                ("-tls1_2 -cipher AES128-SHA -servername rsa.example.com", None, None, 40),
                (f"-tls1_1 {OLD}", None, None, 70),
                (f"-tls1 {OLD}", None, None, 70),
            ],
        ),
        (
            {"min_tls_version": "TLSv1.3"},
            [("", "TLSv1.3", "TLS_AES_128_GCM_SHA256", None), ("-tls1_2", None, None, 70)],
        ),
        (
            suites("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"),
            [
                ("", "TLSv1.3", "TLS_AES_128_GCM_SHA256", None),
                ("-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", "TLSv1.2", "ECDHE-ECDSA-AES128-SHA", None),
                (f"-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA:{ECDSA128}", "TLSv1.2", ECDSA128, None),
                ("-tls1_2 -cipher AES128-SHA:@SECLEVEL=0 -servername rsa.example.com", "TLSv1.2", "AES128-SHA", None),
                ("-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305", None, None, 40),
            ],
        ),
        (
            {"cipher_suites": cipher_suites(["TLS_AES_256_GCM_SHA384"]), "disable_http2": True},
            [("", "TLSv1.3", "TLS_AES_128_GCM_SHA256", None), ("-tls1_2", None, None, 70)],
        ),
    ],
    ids=["as it comes", "TLS 1.3 at least", "a list of suites", "a list of suites of TLS 1.3 only"],
)  # fmt: skip
async def test_versions_and_suites(
    settings: dict[str, Any], rows: Sequence[tuple[str, str | None, str | None, int | None]]
) -> None:
    async with serving(**settings) as port:
        for arguments, version, cipher, alert in rows:
            got = await handshake(port, arguments)
            if alert is not None:
                assert (got.alert, got.subject) == (alert, None), f"{arguments}\n{got.output}"
            else:
                assert (got.version, got.cipher) == (version, cipher), f"{arguments}\n{got.output}"


@pytest.mark.parametrize("local_name", [False, True], ids=["", "with a name for the address"])
async def test_the_certificate_of_a_server_name(local_name: bool) -> None:
    async with serving(local_name=local_name) as port:
        for name, expected in (
            ("default.example.com", "default"),
            ("unknown.example.com", "default"),
            ("given.example.com", "given"),
            ("GIVEN.example.com", "given"),
            ("own.example.com", "given"),
            ("a.wild.example.com", "wild"),
            ("wild.example.com", "default"),
            ("a.b.wild.example.com", "default"),
            ("rsa.example.com", "rsa"),
            (LOOPBACK_CLIENT_SERVER_NAME_OVERRIDE, "loopback"),
            (None, "address" if local_name else "default"),
        ):
            got = await handshake(port, f"-servername {name}" if name else "-noservername")
            assert got.subject == expected, f"{name}\n{got.output}"


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        ({}, [("h2,http/1.1", "h2"), ("http/1.1,h2", "h2"), ("http/1.1", "http/1.1"), ("h2", "h2"), ("", None)]),
        ({"disable_http2": True}, [("h2,http/1.1", "http/1.1"), ("http/1.1", "http/1.1"), ("", None)]),
    ],
    ids=["HTTP/2", "HTTP/1.1 only"],
)
async def test_protocols(settings: dict[str, Any], rows: Sequence[tuple[str, str | None]]) -> None:
    refused = ["spdy/3", "h2"] if settings else ["spdy/3"]
    async with serving(**settings) as port:
        for version in ("-tls1_2", "-tls1_3"):
            for offered, chosen in rows:
                got = await handshake(port, version, *(["-alpn", offered] if offered else []))
                assert (got.alpn, got.alert) == (chosen, None), f"{version} {offered}\n{got.output}"
            for offered in refused:
                got = await handshake(port, version, "-alpn", offered)
                assert got.alert == 120, f"{version} {offered}\n{got.output}"


@pytest.mark.parametrize("authority", ["clients", "proxies", "strangers"])
async def test_client_certificates_are_asked_for_and_never_break_the_handshake(authority: str, tmp_path: Path) -> None:
    client = issue("alice", certificates()[authority], usages=[CLIENT])
    (tmp_path / "client.pem").write_bytes(client.pem + client.key_pem)
    with_certificate = ["-cert", str(tmp_path / "client.pem")]
    asked: dict[str, Any] = {
        "client_ca": StaticCAContent("both", certificates()["clients"].pem + certificates()["proxies"].pem)
    }
    for settings, names in ((asked, ["client authority", "proxy authority"]), ({}, [])):
        async with serving(**settings) as port:
            for version in ("-tls1_2", "-tls1_3"):
                for presented in ([], with_certificate):
                    got = await handshake(port, version, *presented)
                    assert (got.version, got.alert) == (f"TLSv1.{version[-1]}", None), got.output
                    assert got.authorities == names


async def test_a_session_is_never_resumed() -> None:
    async with serving() as port:
        output = await run(OPENSSL or "", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", "-reconnect")
    assert output.count("New, TLSv1.2") > 1
    assert "Reused" not in output


@pytest.mark.skipif(TESTSSL is None, reason="needs testssl.sh (Debian: testssl.sh)")
async def test_an_outside_judge_finds_the_protocols_in_order(tmp_path: Path) -> None:
    """testssl.sh, of which only the part that takes seconds; docs/certificates.md says how to run all of it."""
    findings = tmp_path / "findings.json"
    async with serving() as port:
        quietly = ["--quiet", "--color=0", "--warnings=off", "--jsonfile", str(findings)]
        output = await run(TESTSSL or "", *quietly, "--protocols", f"127.0.0.1:{port}")
    found = {one["id"]: one for one in json.loads(findings.read_text())}
    offered = {name: found[name]["finding"] for name in ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3")}
    assert offered == {
        "SSLv2": "not offered",
        "SSLv3": "not offered",
        "TLS1": "not offered",
        "TLS1_1": "not offered",
        "TLS1_2": "offered",
        "TLS1_3": "offered with final",
    }, output
    bad = {name: one["finding"] for name, one in found.items() if one["severity"] not in ("OK", "INFO")}
    assert bad == {}, output
