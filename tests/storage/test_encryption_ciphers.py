"""The ciphers: known answers of their definitions, round trips, and bytes that were changed or moved."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.storage.encryption.ciphers import (
    AESCBCTransformer,
    AESGCMTransformer,
    DecryptionError,
    SecretboxTransformer,
)
from genericapiserver.storage.transformer import Transformer

KEY = bytes(range(32))
HERE = b"/registry/wardle.example.com/flunders/default/a"

Make = Callable[[bytes], Transformer]
CIPHERS: dict[str, Make] = {"aesgcm": AESGCMTransformer, "aescbc": AESCBCTransformer, "secretbox": SecretboxTransformer}
every_cipher = pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in CIPHERS.items()])


def test_aes_gcm_gives_the_answer_of_its_definition() -> None:
    """Test case 16 of McGrew and Viega's specification of GCM."""
    key = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
    nonce, context = bytes.fromhex("cafebabefacedbaddecaf888"), bytes.fromhex("feedfacedeadbeef" * 2 + "abaddad2")
    plain = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    stored = AESGCMTransformer(key, random=lambda _: nonce).to_storage(plain, context)
    assert stored.hex() == (
        "cafebabefacedbaddecaf888"
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        "76fc6ece0f4e1768cddf8853bb2d551b"
    )


def test_aes_cbc_gives_the_answer_of_its_definition() -> None:
    """F.2.5 of NIST SP 800-38A, with a block of padding behind it."""
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    vector, plain = bytes(range(16)), bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
    cipher = AESCBCTransformer(key, random=lambda _: vector)
    stored = cipher.to_storage(plain, b"")
    assert stored[:32].hex() == "000102030405060708090a0b0c0d0e0ff58c4c04d6e5f1ba779eabfb5f7bfbd6"
    assert len(stored) == 48
    assert cipher.from_storage(stored, b"") == (plain, False)


def test_secretbox_gives_the_answer_of_its_definition() -> None:
    """The example of Bernstein's "Cryptography in NaCl", sections 8 to 10."""
    key = bytes.fromhex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389")
    nonce = bytes.fromhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")
    plain = bytes.fromhex(
        "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffc"
        "e5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb31"
        "0e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde"
        "048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f93776384864"
        "5e0705"
    )
    stored = SecretboxTransformer(key, random=lambda _: nonce).to_storage(plain, b"")
    assert stored.hex() == (
        "69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37"
        "f3ffc7703f9400e52a7dfb4b3d3305d9"
        "8e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186a"
        "c0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738"
        "b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da"
        "99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74"
        "e355a5"
    )


@every_cipher
@given(data=st.binary(max_size=200))
def test_what_is_written_is_read_again(make: Make, data: bytes) -> None:
    cipher = make(KEY)
    stored = cipher.to_storage(data, HERE)
    assert cipher.from_storage(stored, HERE) == (data, False)
    assert cipher.to_storage(data, HERE) != stored, "a nonce was used twice"


@pytest.mark.parametrize("size", [16, 24, 32])
def test_aes_takes_keys_of_three_sizes(size: int) -> None:
    for make in (AESGCMTransformer, AESCBCTransformer):
        cipher = make(KEY[:size])
        assert cipher.from_storage(cipher.to_storage(b"data", HERE), HERE) == (b"data", False)


@pytest.mark.parametrize("name", ["aesgcm", "secretbox"])
def test_no_byte_can_be_changed_or_cut_off(name: str) -> None:
    cipher = CIPHERS[name](KEY)
    stored = cipher.to_storage(b'{"kind":"Flunder"}', HERE)
    for place in range(len(stored)):
        changed = stored[:place] + bytes([stored[place] ^ 1]) + stored[place + 1 :]
        with pytest.raises(DecryptionError, match="cipher: message authentication failed"):
            cipher.from_storage(changed, HERE)
        with pytest.raises(DecryptionError):
            cipher.from_storage(stored[:place], HERE)


def test_what_aes_gcm_wrote_cannot_be_moved() -> None:
    cipher = AESGCMTransformer(KEY)
    with pytest.raises(DecryptionError, match="cipher: message authentication failed"):
        cipher.from_storage(cipher.to_storage(b"data", HERE), HERE + b"b")


@pytest.mark.parametrize(
    ("data", "problem"),
    {
        "too short": (bytes(15), "the stored data was shorter than the required size"),
        "no whole block": (bytes(17), "the stored data is not a multiple of the block size"),
        "nothing but the vector": (bytes(16), "invalid PKCS7 data (empty or not padded)"),
    }.values(),
)
def test_what_aes_cbc_cannot_read(data: bytes, problem: str) -> None:
    with pytest.raises(DecryptionError) as caught:
        AESCBCTransformer(KEY).from_storage(data, HERE)
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    ("last", "problem"),
    [
        (0, "invalid PKCS7 data (empty or not padded)"),
        (17, "invalid PKCS7 data (empty or not padded)"),
        (2, "invalid padding on input"),
    ],
)
def test_padding_that_aes_cbc_does_not_take(last: int, problem: str) -> None:
    vector = bytes(16)
    cipher = AESCBCTransformer(KEY, random=lambda _: vector)
    block = b"x" * 15 + bytes([last])
    stored = cipher.to_storage(block, HERE)[:32]  # without the block of padding, which leaves `last` at the end
    with pytest.raises(DecryptionError) as caught:
        cipher.from_storage(stored, HERE)
    assert str(caught.value) == problem


@every_cipher
def test_too_little_data(make: Make) -> None:
    with pytest.raises(DecryptionError, match="the stored data was shorter than the required size"):
        make(KEY).from_storage(b"short", HERE)
