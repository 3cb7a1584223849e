"""The controller of what is served: all or nothing, counted, and warned of before it ends."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509

from genericapiserver.certificates import (
    CAContentProvider,
    CertificateError,
    CertKeyContentProvider,
    DynamicCAContent,
    DynamicCertKeyContent,
    DynamicServingCertificateController,
    LoadState,
    NamedCertificates,
    SNICertKeyContent,
    StaticCAContent,
    StaticCertKeyContent,
    UnionCAContent,
    human_detail,
)
from genericapiserver.certificates.changes import Listener
from genericapiserver.certificates.metrics import DynamicCertificateMetrics
from genericapiserver.certificates.report import page, report
from genericapiserver.connection import ServingCertificate, TLSContexts
from genericapiserver.logs import kv
from genericapiserver.metrics import MetricsRegistry
from tests.support.pki import CLIENT, SERVER, Issued, issue

NOW = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def lasting(name: str, before: float, after: float, *, ca: bool = False) -> Issued:
    """A certificate that began *before* days ago and ends in *after*."""
    return issue(name, ca=ca, not_before=NOW - before * DAY, not_after=NOW + after * DAY)


LONG, OTHER = lasting("long", 10, 90), lasting("other", 10, 80)


def build(certificates: NamedCertificates, client_cas: Sequence[x509.Certificate]) -> TLSContexts:
    return TLSContexts(certificates.certificates, select=certificates.select, client_cas=client_cas)


class Serving:
    """A controller with everything around it; the clock stands still until told."""

    def __init__(
        self,
        cert: CertKeyContentProvider | None,
        *sni: SNICertKeyContent,
        client_ca: CAContentProvider | None = None,
    ) -> None:
        self.metrics, self.now, self.state = MetricsRegistry(), NOW, LoadState()
        self.controller = DynamicServingCertificateController(
            cert=cert,
            sni_certs=sni,
            client_ca=client_ca,
            build=build,
            metrics=DynamicCertificateMetrics(self.metrics),
            state=self.state,
            now=lambda: self.now,
        )

    def sample(self, metric: str, /, **labels: str) -> float | None:
        return self.metrics.collectors.get_sample_value(f"apiserver_{metric}", labels)

    def reloads(self, name: str, status: str) -> float | None:
        return self.sample("dynamic_certificates_automatic_reloads_total", name=name, status=status)


def dynamic(name: str, issued: Issued) -> DynamicCertKeyContent:
    return DynamicCertKeyContent(name, issued.pem, issued.key_pem)


class Loose:
    """A provider that checks nothing and tells nobody."""

    def __init__(self, name: str, content: bytes, key: bytes = b"") -> None:
        self.name, self.content, self.key = name, content, key

    def current_cert_key(self) -> ServingCertificate:
        return ServingCertificate(certificate_pem=self.content, private_key_pem=self.key)

    def add_listener(self, listener: Listener) -> None:
        pass


class LooseCA:
    def __init__(self, name: str, content: bytes) -> None:
        self.name, self.content = name, content

    def current_ca_bundle(self) -> bytes | None:
        return self.content

    def add_listener(self, listener: Listener) -> None:
        pass


@pytest.mark.parametrize(
    ("break_it", "error"),
    [
        (
            lambda cert, sni, ca: setattr(cert, "content", b""),
            'not loading an empty serving certificate from "default"',
        ),
        (lambda cert, sni, ca: setattr(cert, "key", b""), 'not loading an empty serving certificate from "default"'),
        (lambda cert, sni, ca: setattr(sni, "content", b""), 'not loading an empty SNI certificate from 0/"named"'),
        (
            lambda cert, sni, ca: setattr(ca, "content", b"words"),
            'unable to load client CA file "authority": data does not contain any valid RSA or ECDSA certificates',
        ),
        (
            lambda cert, sni, ca: setattr(cert, "key", OTHER.key_pem),
            "invalid serving cert keypair: tls: private key does not match public key",
        ),
        (
            lambda cert, sni, ca: setattr(sni, "key", LONG.key_pem),
            'unable to build named certificate map: invalid SNI cert keypair [0/"named"]: tls: private key does not match '
            "public key",
        ),
    ],
    ids=["no default", "no key", "no named one", "a bad authority", "a pair that does not fit", "a bad named pair"],
)
def test_one_bad_piece_leaves_everything_as_it_was(  # type: ignore[no-untyped-def]
    break_it, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    default = Loose("default", LONG.pem, LONG.key_pem)
    named = Loose("named", OTHER.pem, OTHER.key_pem)
    authority = LooseCA("authority", LONG.pem)
    serving = Serving(default, SNICertKeyContent(named), client_ca=authority)
    before = serving.controller.contexts
    break_it(default, named, authority)
    assert not serving.controller.refresh()
    assert serving.controller.contexts is before
    assert serving.state.problem == error
    assert str(kv("Changed certificates cannot be served, the old ones stay", err=error)) in caplog.text
    assert serving.sample("dynamic_certificates_stale", name="tls-configuration") == 1
    default.content, default.key = LONG.pem, LONG.key_pem
    named.content, named.key = OTHER.pem, OTHER.key_pem
    authority.content = LONG.pem
    assert not serving.controller.refresh(), "what was served is there again"
    assert serving.sample("dynamic_certificates_stale", name="tls-configuration") == 0
    authority.content = b""
    assert serving.controller.refresh(), "an empty bundle is allowed"
    assert serving.controller.contexts is not before


def test_there_is_nothing_to_start_with() -> None:
    with pytest.raises(CertificateError, match="there is no certificate to serve"):
        Serving(None)
    with pytest.raises(CertificateError, match='not loading an empty serving certificate from "empty"'):
        Serving(Loose("empty", b""))


def test_reloads_and_failures_are_counted_and_dated() -> None:
    pair, bundle = dynamic("pair", LONG), DynamicCAContent("bundle", LONG.pem)
    serving = Serving(pair, client_ca=UnionCAContent(bundle, DynamicCAContent("late")))
    assert (serving.reloads("pair", "success"), serving.reloads("pair", "failure")) == (1, 0)
    assert serving.sample("dynamic_certificates_stale", name="pair") == 0
    for _ in range(2):
        with pytest.raises(CertificateError):
            pair.replace(OTHER.pem, LONG.key_pem)
    assert not serving.controller.refresh()
    assert (serving.reloads("pair", "success"), serving.reloads("pair", "failure")) == (1, 2)
    assert serving.sample("dynamic_certificates_stale", name="pair") == 1
    last = "dynamic_certificates_automatic_reload_last_timestamp_seconds"
    assert serving.sample(last, name="pair", status="failure") == pair.state.failed_at
    pair.replace(OTHER.pem, OTHER.key_pem)
    bundle.replace(OTHER.pem)
    assert serving.controller.refresh()
    assert serving.reloads("pair", "success") == serving.reloads("bundle", "success") == 2
    assert serving.reloads("tls-configuration", "success") == 2
    assert serving.sample("dynamic_certificates_stale", name="pair") == 0
    assert serving.sample(last, name="pair", status="success") == pair.state.loaded_at


def test_when_certificates_end_is_shown() -> None:
    chain = StaticCertKeyContent("chain", LONG.pem + lasting("its ca", 1, 30, ca=True).pem, LONG.key_pem)
    bundle = DynamicCAContent("bundle", lasting("ended", 9, -2).pem + OTHER.pem + LONG.pem)
    late = DynamicCAContent("late")
    named = dynamic("named", OTHER)
    serving = Serving(
        chain, SNICertKeyContent(named, ["a"]), SNICertKeyContent(named, ["b"]), client_ca=UnionCAContent(bundle, late)
    )
    end = "serving_certificate_expiration_timestamp_seconds"
    assert serving.sample(end, name="chain") == (NOW + 30 * DAY).timestamp()
    assert serving.sample(end, name="named") == (NOW + 80 * DAY).timestamp()
    bundle_end = "client_ca_bundle_expiration_timestamp_seconds"
    assert serving.sample(bundle_end, name="bundle") == (NOW + 80 * DAY).timestamp()
    assert serving.sample(bundle_end, name="late") is None
    named.replace(LONG.pem, LONG.key_pem)
    late.replace(LONG.pem)
    assert serving.controller.refresh()
    assert serving.sample(end, name="named") == (NOW + 90 * DAY).timestamp()
    assert serving.sample(bundle_end, name="late") == (NOW + 90 * DAY).timestamp()


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (10, 90, None),
        (83, 7.1, None),
        (83, 6.9, "ends soon"),
        (90, -0.1, "has ended"),
        (0.5, 0.5, None),
        (0.95, 0.05, "ends soon"),
    ],
    ids=["in time", "a week and a bit", "within a week", "too late", "one for a day", "a day's last hours"],
)
def test_what_ends_is_warned_of_once(
    before: float, after: float, told: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    serving = Serving(dynamic("pair", lasting("short", before, after)))
    serving.controller.refresh()
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [text.split(" certDetail=")[0] for text in warnings] == (
        [f'"A certificate {told}, replace it" name="pair"'] if told else []
    )
    serving.now += 100 * DAY
    serving.controller.refresh()
    assert caplog.text.count("has ended") == 1


def test_certificates_in_words() -> None:
    authority = lasting("authority", 1, 1, ca=True)
    alice = issue(
        "alice", authority, organizations=["dev", "ops"], usages=[CLIENT], not_before=NOW, not_after=NOW + DAY
    )
    assert human_detail(alice.certificate, NOW) == (
        '"alice" [client] groups=[dev,ops] issuer="authority" '
        "(2026-05-01 12:00:00 +0000 UTC to 2026-05-02 12:00:00 +0000 UTC (now=2026-05-01 12:00:00 +0000 UTC))"
    )
    both = issue(
        'a"b\n', usages=[CLIENT, SERVER], dns=["a.example.com"], ips=["::1"], not_before=NOW, not_after=NOW + DAY
    )
    assert human_detail(both.certificate, NOW).startswith(
        r'"a\"b\n" [client,serving] validServingFor=[::1,a.example.com] issuer="<self>" ('
    )


def test_the_page_tells_what_is_in_use_and_what_is_wrong(tmp_path: Path) -> None:
    for name, content in (("tls.crt", LONG.pem), ("tls.key", LONG.key_pem)):
        (tmp_path / name).write_bytes(content)
    pair = DynamicCertKeyContent.from_files("serving-cert", tmp_path / "tls.crt", tmp_path / "tls.key")
    late, static = DynamicCAContent("late"), StaticCAContent("static", OTHER.pem)
    text = page(report([pair, late, static], LoadState(), NOW))
    assert pair.name in text
    assert "ends 2026-07-30T12:00:00Z" in text
    assert "late\n  holds no certificate\n" in text
    assert human_detail(OTHER.certificate, NOW) in text
    assert "PROBLEM" not in text
    (tmp_path / "tls.crt").write_bytes(OTHER.pem)
    with pytest.raises(CertificateError):
        pair.reload()
    text = page(report([pair, late, static], LoadState(), NOW))
    assert "seen 1 times: tls: private key does not match public key\n  what was in use before stays in use" in text
    assert "PRIVATE KEY" not in text
