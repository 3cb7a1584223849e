from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from genericapiserver.authentication.public_keys import KeyFileError, StaticPublicKeys, key_id, read_public_keys
from genericapiserver.authentication.service_account_signer import ServiceAccountTokenGenerator
from tests.support.issuer import EC_KEY, RSA_KEYS
from tests.support.pki import issue

RSA = RSA_KEYS[0]
CERTIFICATE = issue("somebody")
PLAIN = NoEncryption()

BLOCKS: dict[str, tuple[bytes, Any]] = {
    "a public key": (RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), RSA),
    "an RSA public key": (RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1), RSA),
    "a private key": (RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, PLAIN), RSA),
    "an RSA private key": (RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, PLAIN), RSA),
    "an EC private key": (EC_KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, PLAIN), EC_KEY),
    "a certificate": (CERTIFICATE.pem, CERTIFICATE.key),
}


@pytest.mark.parametrize(("pem", "key"), BLOCKS.values(), ids=BLOCKS)
def test_a_key_is_read_in_every_form(tmp_path: Path, pem: bytes, key: rsa.RSAPrivateKey) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(b"some text before\n" + pem)
    assert read_public_keys(file) == [key.public_key()]


def test_a_file_may_have_several_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys.pem"
    file.write_bytes(b"".join(pem for pem, _ in BLOCKS.values()))
    assert [key_id(key) for key in read_public_keys(file)] == [key_id(key.public_key()) for _, key in BLOCKS.values()]


@pytest.mark.parametrize(
    ("content", "text"),
    {
        "nothing": (b"", "data does not contain any valid RSA or ECDSA public keys"),
        "no PEM": (b"hello", "data does not contain any valid RSA or ECDSA public keys"),
        "a broken block": (
            b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            "data does not contain any valid RSA or ECDSA public keys",
        ),
        "a key behind a password": (
            RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
            "data does not contain any valid RSA or ECDSA public keys",
        ),
        "a key of another kind": (
            ed25519.Ed25519PrivateKey.generate()
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "data does not contain any valid RSA or ECDSA public keys",
        ),
        "a key that is too short": (
            rsa.generate_private_key(65537, 1024)
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "a key is neither RSA of at least 2048 bits nor on one of the curves P-256, P-384 and P-521",
        ),
    }.values(),
)
def test_what_is_no_key_is_refused_with_its_file(tmp_path: Path, content: bytes, text: str) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(content)
    with pytest.raises(KeyFileError) as raised:
        read_public_keys(file)
    assert str(raised.value) == f"error reading public key file {file}: {text}"


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_public_keys(tmp_path / "nope")


def test_keys_are_found_by_name() -> None:
    keys = StaticPublicKeys([RSA.public_key(), EC_KEY.public_key()])
    (found,) = keys.keys(key_id(EC_KEY.public_key()))
    assert found.key == EC_KEY.public_key()
    assert len(keys.keys("")) == 2
    for name in ("../../etc/passwd", "../keys/one", "one\x00", "' OR 1=1", "https://evil.example.com/key"):
        assert keys.keys(name) == []


def test_a_signer_reads_its_key(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(BLOCKS["an EC private key"][0])
    assert ServiceAccountTokenGenerator.from_file("issuer", file).public_key == EC_KEY.public_key()


@pytest.mark.parametrize(
    "content",
    [b"", BLOCKS["a public key"][0], ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, PLAIN
    )],
    ids=["nothing", "a public key", "a key of another kind"],
)  # fmt: skip
def test_what_is_no_private_key_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(content)
    with pytest.raises(KeyFileError, match=f"error reading private key file {file}: "):
        ServiceAccountTokenGenerator.from_file("issuer", file)
