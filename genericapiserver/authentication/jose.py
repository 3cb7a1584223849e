"""Signed tokens in compact form (RFC 7515): reading them with suspicion, and checking a signature with one key.

Nothing in a token chooses how it is checked. The algorithm has to be among those that the caller allows *and* that go
with the key's own type and curve, so that `alg: none`, or HMAC with a public key as the secret, lead nowhere; keys and
addresses inside a header (`jwk`, `jku`, `x5u`) are not looked at. The encoding has to be the canonical one: base64 lets
the last character of a segment vary without changing a byte, and then two texts would be one token.
"""

import base64
import binascii
import functools
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeAlias

import attrs
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from genericapiserver.apimachinery.go import quote

MAX_TOKEN_BYTES: Final = 64 << 10
"""Longer tokens are refused unread: headers of requests are not longer either."""

MIN_RSA_BITS: Final = 2048
"""RFC 7518, section 3.3. The reference leaves it to Go's crypto/rsa, which starts at 1024."""

ALGORITHMS: Final = ("ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
"""Everything that may be allowed, sorted: signatures with a public key only."""

PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_RSA: Final = frozenset(name for name in ALGORITHMS if not name.startswith("ES"))
_CURVES: Final = {
    "secp256r1": frozenset({"ES256"}),
    "secp384r1": frozenset({"ES384"}),
    "secp521r1": frozenset({"ES512"}),
}


class MalformedTokenError(ValueError):
    """The text is no signed token in compact form. The message never has a part of it."""


@attrs.frozen(repr=False)
class UnverifiedToken:
    """A token whose signature nobody has checked: nothing in it may be believed yet."""

    header: Mapping[str, Any]
    payload: bytes
    claims: Mapping[str, Any]
    signing_input: bytes
    signature: bytes

    @property
    def algorithm(self) -> str:
        """What the header says, "" when it says nothing usable."""
        return _text(self.header.get("alg"))

    @property
    def key_id(self) -> str:
        return _text(self.header.get("kid"))

    @property
    def issuer(self) -> str:
        return _text(self.claims.get("iss"))


def parse_compact(token: str) -> UnverifiedToken:
    """Take *token* apart. Raises MalformedTokenError; one that is too long is not even looked at."""
    if len(token) > MAX_TOKEN_BYTES:
        raise MalformedTokenError(f"the token is longer than {MAX_TOKEN_BYTES} bytes")
    if token.count(".") != 2:
        raise MalformedTokenError("compact JWS format must have three parts")
    try:
        data = token.encode("ascii")
    except UnicodeEncodeError:
        raise MalformedTokenError("the token has characters that are not base64url") from None
    header, payload, signature = data.split(b".")
    decoded = _decode(payload)
    return UnverifiedToken(
        header=_object(_decode(header), "header"),
        payload=decoded,
        claims=_object(decoded, "payload"),
        signing_input=data[: len(header) + 1 + len(payload)],
        signature=_decode(signature),
    )


def check_algorithms(algorithms: Collection[str]) -> None:
    """Raise ValueError unless each of *algorithms* may sign tokens."""
    for name in algorithms:
        if name not in ALGORITHMS:
            raise ValueError(f"oidc: unsupported signing alg: {quote(name)}")


def algorithms_of(key: PublicKey) -> frozenset[str]:
    """The algorithms that go with *key*; none for a curve nobody signs tokens with, or a key that is too short."""
    if isinstance(key, rsa.RSAPublicKey):
        return _RSA if key.key_size >= MIN_RSA_BITS else frozenset()
    return _CURVES.get(key.curve.name, frozenset())


def is_signed_by(token: UnverifiedToken, key: PublicKey, allowed: Collection[str]) -> bool:
    """Whether *key* made the signature of *token*, with one of the *allowed* algorithms."""
    name = token.algorithm
    if name not in allowed or name not in algorithms_of(key) or not token.signature:
        return False
    if token.header.get("crit") is not None:  # extensions that must be understood, and none is
        return False
    verified: bool = _library_algorithms()[name].verify(token.signing_input, key, token.signature)
    return verified


@functools.cache
def _library_algorithms() -> Mapping[str, Any]:
    from jwt.algorithms import get_default_algorithms  # here: a server without signed tokens need not load it

    return get_default_algorithms()


def _decode(segment: bytes) -> bytes:
    try:
        data = base64.b64decode(segment + b"=" * (-len(segment) % 4), b"-_", validate=True)
    except binascii.Error:
        raise MalformedTokenError("a part of the token is not base64url") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=") != segment:
        raise MalformedTokenError("a part of the token is not in canonical base64url")
    return data


def _object(data: bytes, part: str) -> Mapping[str, Any]:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        raise MalformedTokenError(f"the token's {part} is not JSON") from None
    if not isinstance(value, dict):
        raise MalformedTokenError(f"the token's {part} is not a JSON object")
    return value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
