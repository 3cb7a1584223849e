"""SecureServingOptions: what it binds, which certificates it takes, and what it says when it cannot."""

import datetime as dt
import ipaddress
import os
import socket
import stat
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from cryptography import x509

from genericapiserver.certificates import generate_self_signed, write_pair
from genericapiserver.config import Config, ConfigError
from genericapiserver.connection import ServingCertificate, TLSContexts, inherited_listeners
from genericapiserver.options.flags import FlagError, FlagSet
from genericapiserver.options.listen import TCPAddress, UnixAddress, parse_listen
from genericapiserver.options.secure_serving import SecureServingOptions, parse_sni_pair
from genericapiserver.options.server_run import ServerRunOptions
from genericapiserver.options.tls_names import INSECURE, SECURE, cipher_suites, min_tls_version
from genericapiserver.secure_serving import SecureServingInfo
from tests.options.fakes import OTHER, PAIR, new_config, serving_options, serving_pair


@asynccontextmanager
async def applied(options: SecureServingOptions) -> AsyncIterator[Config]:
    config = new_config()
    try:
        options.apply_to(config)
        yield config
    finally:
        await config.close()


def serving_of(config: Config) -> SecureServingInfo:
    assert config.secure_serving is not None
    return config.secure_serving


async def test_the_port_is_bound_at_once_and_given_back_at_the_end(tmp_path: Path, free_port: int) -> None:
    async with applied(serving_options(tmp_path, free_port)) as config:
        assert serving_of(config).host_port() == ("127.0.0.1", free_port)
        with pytest.raises(OSError):
            socket.create_server(("127.0.0.1", free_port))
    socket.create_server(("127.0.0.1", free_port)).close()


async def test_a_listener_that_is_there_is_served(tmp_path: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    options = attrs.evolve(serving_options(tmp_path, 0), listener=listener)
    async with applied(options) as config:
        assert serving_of(config).listener is listener
        assert options.bind_port == listener.getsockname()[1] > 0


async def test_a_listener_must_be_a_tcp_one(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        options = attrs.evolve(serving_options(tmp_path, 0), listener=listener)
        with pytest.raises(ConfigError, match=r"^failed to parse ip and port from listener$"):
            options.apply_to(new_config())


async def test_port_0_switches_serving_off(tmp_path: Path) -> None:
    async with applied(serving_options(tmp_path, 0)) as config:
        assert config.secure_serving is None
        assert config.loopback_client_config is None
        with pytest.raises(
            ConfigError, match=r"^cannot derive external address port without listening on a secure port\.$"
        ):
            config.complete()


async def test_a_server_can_be_started_where_one_has_just_ended(tmp_path: Path, free_port: int) -> None:
    options = serving_options(tmp_path, free_port)
    async with applied(options) as config:
        listener = serving_of(config).listener
        assert listener is not None
        with socket.create_connection(("127.0.0.1", free_port)) as client:
            listener.setblocking(True)
            served, _ = listener.accept()
            served.close()  # the first to close keeps the address in TIME_WAIT
            client.recv(1)
    async with applied(options):
        pass


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_a_port_that_is_taken(tmp_path: Path, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        owner = socket.create_server((address, 0), family=family)
    except OSError:
        pytest.skip(f"this machine has no {address}")
    with owner:
        port = owner.getsockname()[1]
        where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        config = new_config()
        with pytest.raises(ConfigError) as caught:
            attrs.evolve(serving_options(tmp_path, port), bind_address=address).apply_to(config)
    assert str(caught.value) == (
        f"failed to create listener: failed to listen on {where}: listen tcp {where}: bind: address already in use "
        "(another process listens there; stop it, or choose another port with --secure-port)"
    )
    assert config.cleanups == []


async def test_a_port_can_be_shared(tmp_path: Path, free_port: int) -> None:
    options = attrs.evolve(serving_options(tmp_path, free_port), permit_port_sharing=True)
    async with applied(options), applied(options):
        pass


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"cert_file": ""}, "missing filename for serving cert"),
        ({"key_file": ""}, "missing filename for serving cert"),
        ({"cert_file": "/nope"}, "open /nope: no such file or directory"),
        ({"key_file": "/nope"}, "open /nope: no such file or directory"),
        ({"key_file": "{other key}"}, "tls: private key does not match public key"),
        ({"cert_file": "{empty}"}, "missing content for serving cert"),
        ({"cert_file": "{other key}"}, "tls: failed to find any PEM data in certificate input"),
        ({"sni_cert_keys": ["/nope,/nope2"]}, "failed to load SNI cert and key: open /nope: no such file or directory"),
        (
            {"sni_cert_keys": ["{cert},{other key}:a.example.com"]},
            "failed to load SNI cert and key: tls: private key does not match public key",
        ),
        (
            {"cipher_suites": ["TLS_NOPE"]},
            "Cipher suite TLS_NOPE not supported or doesn't exist",
        ),
        ({"min_tls_version": "VersionTLS9"}, 'unknown tls version "VersionTLS9"'),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_certificates_that_cannot_be_used(
    settings: dict[str, Any], problem: str, tmp_path: Path, free_port: int
) -> None:
    files = {"{cert}": tmp_path / "server.crt", "{other key}": tmp_path / "other.key", "{empty}": tmp_path / "empty"}
    files["{other key}"].write_bytes(OTHER.private_key_pem)
    files["{empty}"].touch()

    def placed(value: Any) -> Any:
        if isinstance(value, list):
            return [placed(item) for item in value]
        for name, path in files.items():
            value = value.replace(name, str(path))
        return value

    options = attrs.evolve(
        serving_options(tmp_path, free_port), **{name: placed(value) for name, value in settings.items()}
    )
    config = new_config()
    with pytest.raises(ConfigError) as caught:
        options.apply_to(config)
    assert str(caught.value).startswith(problem)
    assert "\n" not in str(caught.value)
    if str(caught.value).startswith("tls: "):
        assert str(caught.value).endswith(f"(certificate {options.cert_file}, key {options.key_file})")
    assert config.cleanups == []
    socket.create_server(("127.0.0.1", free_port)).close()


async def test_tls_settings_by_the_names_of_go(
    tmp_path: Path, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    options = attrs.evolve(
        serving_options(tmp_path, free_port),
        min_tls_version="VersionTLS13",
        cipher_suites=[
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
            "TLS_AES_128_GCM_SHA256",
            "TLS_RSA_WITH_AES_128_CBC_SHA",
        ],
        http2_max_streams_per_connection=7,
        disable_http2=True,
    )
    async with applied(options) as config:
        serving = serving_of(config)
        assert serving.min_tls_version == "TLSv1.3"
        assert list(serving.cipher_suites) == [
            "ECDHE-RSA-AES128-GCM-SHA256",
            "ECDHE-RSA-CHACHA20-POLY1305",
            "TLS_AES_128_GCM_SHA256",
            "AES128-SHA",
        ]
        assert serving.http2_max_streams_per_connection == 7
        assert serving.disable_http2
    assert "Use of insecure cipher 'TLS_RSA_WITH_AES_128_CBC_SHA' detected." in caplog.text


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("a.crt,a.key", ("a.crt", "a.key", [])),
        ("a.crt, a.key:*.foo.com, foo.com", ("a.crt", "a.key", ["*.foo.com", "foo.com"])),
        ("a.crt,a.key:::1,10.0.0.1", ("a.crt", "a.key", ["::1", "10.0.0.1"])),
    ],
)
def test_sni_pairs(text: str, parsed: tuple[str, str, list[str]]) -> None:
    assert parse_sni_pair(text) == parsed
    options = SecureServingOptions()
    flags = FlagSet("server")
    options.add_flags(flags)
    flags.parse([f"--tls-sni-cert-key={text}", "--tls-sni-cert-key=b,c"])
    assert options.sni_cert_keys == [text, "b,c"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a.crt,a.key:", "empty names list is not allowed"),
        ("a.crt", "expected comma separated certificate and key file paths"),
        ("a,b,c:foo.com", "expected comma separated certificate and key file paths"),
    ],
)
def test_bad_sni_pairs_are_bad_flags(text: str, problem: str) -> None:
    flags = FlagSet("server")
    SecureServingOptions().add_flags(flags)
    with pytest.raises(FlagError) as caught:
        flags.parse([f"--tls-sni-cert-key={text}"])
    assert str(caught.value) == f'invalid argument "{text}" for "--tls-sni-cert-key" flag: {problem}'


@pytest.mark.parametrize("name", ["VersionTLS10", "VersionTLS11", "VersionTLS12", ""])
def test_versions_that_nobody_may_use_are_raised_aloud(name: str, caplog: pytest.LogCaptureFixture) -> None:
    assert min_tls_version(name) == "TLSv1.2"
    raised = f"--tls-min-version={name} is raised to VersionTLS12, no older version is served"
    assert (raised in caplog.text) == (name in ("VersionTLS10", "VersionTLS11"))


@pytest.mark.parametrize(
    "name", ["TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "tls_aes_128_gcm_sha256"]
)
def test_suites_that_do_not_exist_here(name: str) -> None:
    with pytest.raises(ValueError, match=f"^Cipher suite {name} not supported or doesn't exist$"):
        cipher_suites([name])


@pytest.mark.parametrize("name", [*SECURE, *INSECURE])
def test_every_suite_that_can_be_named_can_be_served(name: str) -> None:
    TLSContexts([PAIR], ciphers=cipher_suites([name]))


async def test_a_list_of_suites_without_one_of_tls_1_2_is_no_empty_list(tmp_path: Path, free_port: int) -> None:
    """It would be served with the default suites, and HTTP/2 that the reference refuses."""
    options = attrs.evolve(serving_options(tmp_path, free_port), cipher_suites=["TLS_AES_128_GCM_SHA256"])
    with pytest.raises(ConfigError, match=r"TLSConfig\.CipherSuites is missing an HTTP/2-required"):
        async with applied(options):
            pass


async def test_sni_pairs_come_after_the_loopback_pair(tmp_path: Path, free_port: int) -> None:
    certificate, key = serving_pair(tmp_path)
    options = serving_options(tmp_path, free_port)
    options.sni_cert_keys = [f"{certificate},{key}:a.example.com", f"{certificate},{key}"]
    async with applied(options) as config:
        names = [pair.sni_names for pair in serving_of(config).sni_certs]
        assert names == [("apiserver-loopback-client",), ("a.example.com",), ()]


async def test_the_loopback_client_has_a_secret_of_its_own(tmp_path: Path, free_port: int) -> None:
    tokens = []
    for _ in range(2):
        async with applied(serving_options(tmp_path, free_port)) as config:
            loopback = config.loopback_client_config
            assert loopback is not None
            assert loopback.host == f"https://127.0.0.1:{free_port}"
            assert loopback.tls_server_name == "apiserver-loopback-client"
            assert loopback.bearer_token not in repr(loopback)
            leaf, _ = x509.load_pem_x509_certificates(loopback.ca_data)
            assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == 3 * 365 + 1
            tokens.append(loopback.bearer_token)
    assert tokens[0] != tokens[1]


def names_in(path: Path) -> tuple[list[str], list[str]]:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = names.get_values_for_type(x509.IPAddress)
    return names.get_values_for_type(x509.DNSName), [str(address) for address in addresses]


@pytest.mark.parametrize(
    ("address", "dns", "ips"),
    [
        ("0.0.0.0", ["host", "alt.example.com", "localhost"], ["10.9.9.9"]),
        ("127.0.0.1", ["host", "alt.example.com"], ["10.9.9.9", "127.0.0.1"]),
    ],
)
def test_a_pair_is_made_when_there_is_none(tmp_path: Path, address: str, dns: list[str], ips: list[str]) -> None:
    folder = tmp_path / "deep" / "certificates"
    options = SecureServingOptions(bind_address=address, cert_directory=str(folder))
    options.maybe_default_with_self_signed_certs("host", alternate_dns=["alt.example.com"], alternate_ips=["10.9.9.9"])
    certificate, key = folder / "apiserver.crt", folder / "apiserver.key"
    assert (options.cert_file, options.key_file) == (str(certificate), str(key))
    assert names_in(certificate) == (dns, ips)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (certificate, key, folder)] == [0o644, 0o600, 0o755]


def test_a_pair_that_is_there_is_used_again(tmp_path: Path) -> None:
    for content in (PAIR, OTHER):
        (tmp_path / "apiserver.crt").write_bytes(content.certificate_pem)
        (tmp_path / "apiserver.key").write_bytes(content.private_key_pem)
        options = SecureServingOptions(cert_directory=str(tmp_path))
        options.maybe_default_with_self_signed_certs("host")
        assert options.cert_file == str(tmp_path / "apiserver.crt")
        assert (tmp_path / "apiserver.crt").read_bytes() == content.certificate_pem


@pytest.mark.parametrize(
    ("days", "ago", "problem"),
    [
        (365, 0, ""),
        (29, 0, "it ends at"),
        (365, -2, "it is not valid before"),
        (None, 0, "tls: failed to find any PEM"),
    ],
    ids=["good", "ends within a month", "not valid yet", "unreadable"],
)
def test_a_pair_that_is_no_longer_good_is_made_anew(
    tmp_path: Path, days: int | None, ago: int, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    certificate, key = tmp_path / "apiserver.crt", tmp_path / "apiserver.key"
    if days is None:
        certificate.write_text("nothing")
        key.write_text("nothing")
    else:
        now = dt.datetime.now(dt.UTC) - dt.timedelta(days=ago)
        write_pair(generate_self_signed("old", max_age=dt.timedelta(days=days), now=now), certificate, key)
    before = certificate.read_bytes()
    for renew_before in (None, dt.timedelta(days=30)):
        options = SecureServingOptions(cert_directory=str(tmp_path), renew_before=renew_before)
        options.maybe_default_with_self_signed_certs("host")
        kept = renew_before is None or not problem
        assert (certificate.read_bytes() == before) == kept
        assert (problem in caplog.text) == (not kept or not problem)


def test_a_program_may_offer_less() -> None:
    flags = FlagSet("less")
    SecureServingOptions().add_flags(flags, only={"secure-port", "bind-address"})
    assert flags.names == ["bind-address", "secure-port"]


@pytest.mark.parametrize(("there", "missing"), [("apiserver.crt", "apiserver.key"), ("apiserver.key", "apiserver.crt")])
def test_half_a_pair_is_a_mistake(tmp_path: Path, there: str, missing: str) -> None:
    (tmp_path / there).touch()
    with pytest.raises(ConfigError) as caught:
        SecureServingOptions(cert_directory=str(tmp_path)).maybe_default_with_self_signed_certs("host")
    assert str(caught.value) == (
        "error creating self-signed certificates: "
        f"error reading {tmp_path / missing}, certificate and key must be supplied as a pair"
    )


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError) as caught:
        SecureServingOptions(cert_directory=str(tmp_path / "file" / "x")).maybe_default_with_self_signed_certs("host")
    assert str(caught.value).startswith("error creating self-signed certificates: open ")
    assert str(caught.value).endswith(": not a directory")


def test_pairs_for_tests_are_made_once(tmp_path: Path) -> None:
    def made(**settings: Any) -> ServingCertificate:
        options = SecureServingOptions(cert_directory="", fixture_directory=str(tmp_path), **settings)
        options.maybe_default_with_self_signed_certs(
            "host", alternate_dns=["a.example.com"], alternate_ips=["10.9.9.9"]
        )
        assert options.generated_cert is not None
        return options.generated_cert

    first = made(bind_address="127.0.0.1")
    base = "host_10.9.9.9-127.0.0.1_a.example.com"
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{base}.crt", f"{base}.key"]
    assert (tmp_path / f"{base}.crt").read_bytes() == first.certificate_pem
    leaf = x509.load_pem_x509_certificate(first.certificate_pem)
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == 365 * 100
    assert made(bind_address="127.0.0.1") == first
    assert made(bind_address="0.0.0.0") != first, "other names are another pair"


def test_a_pair_in_a_folder_has_a_name(tmp_path: Path) -> None:
    options = SecureServingOptions(cert_directory=str(tmp_path), pair_name="")
    with pytest.raises(ConfigError, match=r"^PairName is required if CertDirectory is set$"):
        options.maybe_default_with_self_signed_certs("host")
    options.pair_name = "mine"
    options.maybe_default_with_self_signed_certs("host")
    assert options.cert_file == str(tmp_path / "mine.crt")


def test_without_a_folder_the_pair_stays_in_memory() -> None:
    options = SecureServingOptions(cert_directory="")
    options.maybe_default_with_self_signed_certs("host")
    assert options.generated_cert is not None
    assert options.cert_file == ""


@pytest.mark.parametrize("settings", [{"bind_port": 0}, {"cert_file": "x"}, {"key_file": "x"}])
def test_nothing_is_made_when_it_is_not_needed(tmp_path: Path, settings: dict[str, Any]) -> None:
    options = SecureServingOptions(cert_directory=str(tmp_path / "new"), **settings)
    options.maybe_default_with_self_signed_certs("host")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"external_address": "203.0.113.7"}, "203.0.113.7"),
        ({"external_address": "0.0.0.0", "bind_address": "192.0.2.7"}, "192.0.2.7"),
        ({"bind_address": "2001:db8::7"}, "2001:db8::7"),
    ],
)
def test_the_external_address_is_what_was_given_or_bound(settings: dict[str, Any], expected: str) -> None:
    assert SecureServingOptions(**settings).default_external_address() == expected


@pytest.mark.parametrize("bound", ["0.0.0.0", "127.0.0.1"])
def test_the_external_address_is_that_of_an_interface(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = SecureServingOptions(bind_address=bound)
    try:
        address = options.default_external_address()
    except OSError:
        pytest.skip("this machine has no way out")
    assert not ipaddress.ip_address(address).is_unspecified
    run = ServerRunOptions()
    run.default_advertise_address(options)
    assert run.advertise_address == address


def test_an_advertised_address_is_left_alone() -> None:
    run = ServerRunOptions(advertise_address="192.0.2.1")
    run.default_advertise_address(SecureServingOptions(bind_address="192.0.2.7"))
    assert run.advertise_address == "192.0.2.1"


def test_a_machine_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(self: object, address: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    with pytest.raises(ConfigError) as caught:
        ServerRunOptions().default_advertise_address(SecureServingOptions())
    assert str(caught.value) == (
        "Unable to find suitable network address.error='[Errno 101] Network is unreachable'. Try to set the "
        "AdvertiseAddress directly or provide a valid BindAddress to fix this."
    )


# What is listened on


@pytest.mark.parametrize(
    ("text", "opened"),
    [
        ("127.0.0.1:6443", TCPAddress("127.0.0.1", 6443)),
        ("[::1]:6443", TCPAddress("::1", 6443)),
        ("unix:/run/api.sock", UnixAddress("/run/api.sock")),
        ("unix:api.sock,mode=0660", UnixAddress("api.sock", 0o660)),
        ("unix:/s,tls=false,mode=666", UnixAddress("/s", 0o666, tls=False)),
    ],
)
def test_further_addresses(text: str, opened: TCPAddress | UnixAddress) -> None:
    assert parse_listen(text) == opened
    options = SecureServingOptions()
    flags = FlagSet("server")
    options.add_flags(flags)
    flags.parse([f"--listen={text}", "--listen=127.0.0.1:1"])
    assert options.listen == [text, "127.0.0.1:1"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must be IP:PORT with a port between 1 and 65535, or unix:PATH"),
        ("127.0.0.1", "must be IP:PORT with a port between 1 and 65535, or unix:PATH"),
        ("127.0.0.1:0", "must be IP:PORT with a port between 1 and 65535, or unix:PATH"),
        ("127.0.0.1:65536", "must be IP:PORT with a port between 1 and 65535, or unix:PATH"),
        ("localhost:6443", '"localhost" is no IP address; give IP:PORT, [IPv6]:PORT or unix:PATH'),
        (":6443", '"" is no IP address; give IP:PORT, [IPv6]:PORT or unix:PATH'),
        ("::1:6443", "an IPv6 address stands in brackets, [::1]:6443, and no other does"),
        ("[127.0.0.1]:6443", "an IPv6 address stands in brackets, [::1]:6443, and no other does"),
        ("unix:", "unix: needs a path, unix:/run/apiserver.sock"),
        ("unix:/s,mode=0999", '"mode=0999" is neither mode=OCTAL, such as mode=0660, nor tls=true or tls=false'),
        ("unix:/s,mode=07777", '"mode=07777" is neither mode=OCTAL, such as mode=0660, nor tls=true or tls=false'),
        ("unix:/s,tls", '"tls" is neither mode=OCTAL, such as mode=0660, nor tls=true or tls=false'),
    ],
)
def test_further_addresses_that_are_none(text: str, problem: str) -> None:
    flags = FlagSet("server")
    SecureServingOptions().add_flags(flags)
    with pytest.raises(FlagError) as caught:
        flags.parse([f"--listen={text}"])
    assert str(caught.value) == f'invalid argument "{text}" for "--listen" flag: {problem}'


async def test_further_addresses_are_listened_on_beside_the_port(tmp_path: Path, free_port: int) -> None:
    options = serving_options(tmp_path, free_port)
    with tempfile.TemporaryDirectory() as folder:
        options.listen = [f"unix:{folder}/s"]
        async with applied(options) as config:
            assert serving_of(config).host_port() == ("127.0.0.1", free_port)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(f"{folder}/s")
        assert os.listdir(folder) == []
        options.listen.append("unix:/no/such/folder/s")
        with pytest.raises(ConfigError) as caught:
            options.apply_to(new_config())
        assert str(caught.value) == (
            "failed to create listener: failed to listen on unix:/no/such/folder/s: the folder /no/such/folder does not "
            "exist; make it"
        )
        assert os.listdir(folder) == []
        socket.create_server(("127.0.0.1", free_port)).close()


@pytest.mark.parametrize("port", [0, 1], ids=["no port", "a port that nobody may bind"])
async def test_sockets_of_the_parent_take_the_place_of_the_port(tmp_path: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        descriptor = os.dup(listener.fileno())
    options = serving_options(tmp_path, port)
    options.environ = {"LISTEN_FDS": "1"}
    inherited = pytest.MonkeyPatch()
    inherited.setattr(inherited_listeners, "__kwdefaults__", {"first": descriptor})
    try:
        async with applied(options) as config:
            assert serving_of(config).host_port() == address
            assert options.environ == {}
            with pytest.raises(OSError):
                socket.create_server(address)
    finally:
        inherited.undo()
    socket.create_server(address).close()


async def test_a_descriptor_that_makes_no_sense_refuses_the_start(tmp_path: Path, free_port: int) -> None:
    options = serving_options(tmp_path, free_port)
    options.environ = {"LISTEN_FDS": "many"}
    with pytest.raises(ConfigError) as caught:
        options.apply_to(new_config())
    assert str(caught.value).startswith('failed to create listener: LISTEN_FDS is "many": it must be the number of')


async def test_two_servers_share_a_port_when_both_permit_it(tmp_path: Path, free_port: int) -> None:
    options = serving_options(tmp_path, free_port)
    async with applied(attrs.evolve(options, permit_port_sharing=True)):
        async with applied(attrs.evolve(options, permit_port_sharing=True)):
            pass
        with pytest.raises(ConfigError, match="address already in use"):
            attrs.evolve(options, permit_address_sharing=True).apply_to(new_config())


async def test_an_address_that_no_interface_has(tmp_path: Path, free_port: int) -> None:
    with pytest.raises(ConfigError) as caught:
        attrs.evolve(serving_options(tmp_path, free_port), bind_address="192.0.2.1").apply_to(new_config())
    assert str(caught.value).endswith(
        "bind: cannot assign requested address (no interface of this machine has that address; choose another)"
    )
