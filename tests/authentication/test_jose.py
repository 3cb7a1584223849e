"""Signed tokens: what is one, and that nothing in it chooses how it is checked."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from genericapiserver.authentication.jose import (
    ALGORITHMS,
    MAX_TOKEN_BYTES,
    MalformedTokenError,
    algorithms_of,
    is_signed_by,
    parse_compact,
)
from genericapiserver.authentication.service_account_signer import ServiceAccountTokenGenerator
from tests.support.issuer import EC_KEY, RSA_KEYS, FakeIssuer

RSA = RSA_KEYS[0]
ISSUER = FakeIssuer(url="https://issuer.example.com")
TOKEN = ISSUER.sign({"sub": "me"})
OTHER = ISSUER.sign({"sub": "me"}, alg="RS384")
NAN = b'{"exp": NaN}'


def named(texts: dict[str, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("text", texts.values(), ids=texts.keys())


def encoded(data: bytes | dict[str, Any]) -> str:
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def hmac_token(secret: bytes, header: dict[str, Any], claims: dict[str, Any] | None = None) -> str:
    signing_input = f"{encoded(header)}.{encoded(claims or {'iss': ISSUER.url})}"
    return f"{signing_input}.{encoded(hmac.digest(secret, signing_input.encode(), hashlib.sha256))}"


def test_a_token_is_taken_apart() -> None:
    token = parse_compact(TOKEN)
    assert (token.algorithm, token.key_id, token.issuer) == ("RS256", "one", ISSUER.url)
    assert token.claims == {"iss": ISSUER.url, "sub": "me"}
    assert is_signed_by(token, RSA.public_key(), ALGORITHMS)


@named(
    {
        "nothing": "",
        "no dots": "abc",
        "one dot": "a.b",
        "many dots": "." * 10_000,
        "five parts, as encrypted ones have": "a.b.c.d.e",
        "a JSON serialization": '{"payload": "e30", "signatures": []}',
        "padding": TOKEN + "=",
        "a space": TOKEN.replace(".", ". "),
        "a newline at the end": TOKEN + "\n",
        "another alphabet": TOKEN.replace("eyJ", "ey+"),
        "letters that are not ASCII": TOKEN + "é",
        "a lone surrogate": TOKEN + "\udc80",
        "a payload that is no JSON": f"{encoded({})}.{encoded(b'nothing')}.AA",
        "a payload that is no UTF-8": f"{encoded({})}.{encoded(bytes([0xFF]))}.AA",
        "a payload that is a list": f"{encoded({})}.{encoded(b'[]')}.AA",
        "a payload of brackets": f"{encoded({})}.{encoded(b'[' * 30_000)}.AA",
        "a payload with a huge number": f"{encoded({})}.{encoded(b'{' + b'1' * 9000)}.AA",
        "a payload with NaN": f"{encoded({})}.{encoded(NAN)}.AA",
        "a header that is a number": f"{encoded(b'1')}.{encoded({})}.AA",
    }
)
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(MalformedTokenError) as raised:
        parse_compact(text)
    assert text[:20] not in str(raised.value) or len(text) < 3


def test_a_token_of_ten_megabytes_is_not_even_read() -> None:
    token = f"{TOKEN}{'A' * 10_000_000}"
    start = time.perf_counter()
    with pytest.raises(MalformedTokenError, match=f"longer than {MAX_TOKEN_BYTES} bytes"):
        parse_compact(token)
    assert time.perf_counter() - start < 0.05


def test_claims_of_the_wrong_type_are_no_issuer() -> None:
    token = parse_compact(f"{encoded({'alg': 5, 'kid': ['x']})}.{encoded({'iss': {}})}.AA")
    assert (token.algorithm, token.key_id, token.issuer) == ("", "", "")


PUBLIC_PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PUBLIC_DER = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@named(
    {
        "none": f"{encoded({'alg': 'none'})}.{encoded({})}.",
        "none in another case": f"{encoded({'alg': 'nOnE'})}.{encoded({})}.",
        "none with a signature": f"{encoded({'alg': 'none'})}.{encoded({})}.{TOKEN.split('.')[2]}",
        "no algorithm": f"{encoded({})}.{encoded({})}.{TOKEN.split('.')[2]}",
        "no signature": TOKEN.rpartition(".")[0] + ".",
        "HMAC with the public key's PEM": hmac_token(PUBLIC_PEM, {"alg": "HS256", "kid": "one"}),
        "HMAC with the public key's DER": hmac_token(PUBLIC_DER, {"alg": "HS256"}),
        "HMAC that calls itself RS256": hmac_token(PUBLIC_PEM, {"alg": "RS256"}),
        "a key of its own in the header": ISSUER.sign({}, key=RSA_KEYS[1], jwk={"kty": "RSA"}, jku="https://evil"),
        "another key under the same name": ISSUER.sign({}, key=RSA_KEYS[1]),
        "an elliptic key": ISSUER.sign({}, key=EC_KEY),
        "an extension that must be understood": ISSUER.sign({}, crit=["exp"], exp=1),
        "the signature of another algorithm": f"{OTHER.rpartition('.')[0]}.{TOKEN.rpartition('.')[2]}",
    }
)
def test_what_no_key_signed(text: str) -> None:
    assert not is_signed_by(parse_compact(text), RSA.public_key(), ALGORITHMS)


def test_only_what_is_allowed_counts() -> None:
    token = parse_compact(TOKEN)
    assert not is_signed_by(token, RSA.public_key(), ["RS512", "ES256"])
    assert not is_signed_by(token, RSA.public_key(), [])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_works_with_its_keys(algorithm: str) -> None:
    keys: list[Any] = [RSA, *(ec.generate_private_key(curve()) for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1))]
    fitting = [key for key in keys if algorithm in algorithms_of(key.public_key())]
    assert len(fitting) == 1
    token = parse_compact(ISSUER.sign({}, key=fitting[0], alg=algorithm))
    assert [is_signed_by(token, key.public_key(), ALGORITHMS) for key in keys] == [key in fitting for key in keys]


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_keys_that_are_too_weak_sign_nothing() -> None:
    weak = rsa.generate_private_key(65537, 1024)
    assert algorithms_of(weak.public_key()) == frozenset()
    assert algorithms_of(ec.generate_private_key(ec.SECP256K1()).public_key()) == frozenset()
    assert not is_signed_by(parse_compact(ISSUER.sign({}, key=weak)), weak.public_key(), ALGORITHMS)


GENERATORS = [ServiceAccountTokenGenerator("https://issuer", key) for key in (RSA, EC_KEY)]
SIGNED = [(generator.generate("ns", "name", audiences=["a"]), generator.public_key) for generator in GENERATORS]
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n"


@given(which=st.integers(0, len(SIGNED) - 1), at=st.integers(0), replacement=st.sampled_from(["", *ALPHABET]))
def test_no_change_of_a_character_is_believed(which: int, at: int, replacement: str) -> None:
    token, key = SIGNED[which]
    at %= len(token)
    changed = token[:at] + replacement + token[at + 1 :]
    assert changed == token or not _believed(changed, key)


@given(which=st.integers(0, len(SIGNED) - 1), at=st.integers(0), text=st.text(st.sampled_from(ALPHABET), min_size=1))
def test_no_insertion_is_believed(which: int, at: int, text: str) -> None:
    token, key = SIGNED[which]
    at %= len(token) + 1
    assert not _believed(token[:at] + text + token[at:], key)


@given(which=st.integers(0, len(SIGNED) - 1), order=st.permutations([0, 1, 2]))
def test_no_other_order_of_the_parts_is_believed(which: int, order: list[int]) -> None:
    token, key = SIGNED[which]
    parts = token.split(".")
    assert order == [0, 1, 2] or not _believed(".".join(parts[index] for index in order), key)


def test_the_last_character_of_a_signature_has_one_form() -> None:
    token, key = SIGNED[0]
    assert _believed(token, key)
    others = [token[:-1] + character for character in ALPHABET[:64] if character != token[-1]]
    assert not any(_believed(other, key) for other in others)


def _believed(text: str, key: Any) -> bool:
    try:
        return is_signed_by(parse_compact(text), key, ALGORITHMS)
    except MalformedTokenError:
        return False
