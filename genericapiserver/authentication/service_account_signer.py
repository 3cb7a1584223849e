"""Making tokens of service accounts, for servers that stand alone and for tests.

Source: pkg/serviceaccount/{jwt,claims}.go of k8s.io/kubernetes.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from genericapiserver.aio import Clock, SystemClock
from genericapiserver.authentication.jose import PublicKey, algorithms_of
from genericapiserver.authentication.public_keys import KeyFileError, key_id
from genericapiserver.authentication.service_account import service_account_username
from genericapiserver.authentication.service_account_objects import BoundObjects, ObjectReference

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class ServiceAccountTokenGenerator:
    """Signs tokens as *issuer* with *private_key*: RS256 with RSA, ES256, ES384 or ES512 by the curve.

    Raises ValueError for a key of another kind.
    """

    def __init__(self, issuer: str, private_key: PrivateKey, *, clock: Clock | None = None) -> None:
        algorithms = algorithms_of(private_key.public_key())
        if not algorithms:
            raise ValueError("unknown private key, must be RSA of at least 2048 bits or on curve 256, 384, or 521")
        self.issuer = issuer
        self._key = private_key
        self._algorithm = "RS256" if "RS256" in algorithms else next(iter(algorithms))
        self._clock = clock or SystemClock()

    @classmethod
    def from_file(cls, issuer: str, path: Path | str, *, clock: Clock | None = None) -> "ServiceAccountTokenGenerator":
        """With the private key in the PEM file at *path*. Raises OSError, and KeyFileError for bad content."""
        try:
            key = load_pem_private_key(Path(path).read_bytes(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyFileError(f"error reading private key file {path}: {error}") from error
        if not isinstance(key, PrivateKey):
            raise KeyFileError(f"error reading private key file {path}: neither an RSA nor an ECDSA key")
        try:
            return cls(issuer, key, clock=clock)
        except ValueError as error:
            raise KeyFileError(f"error reading private key file {path}: {error}") from error

    @property
    def public_key(self) -> PublicKey:
        return self._key.public_key()

    def generate(
        self,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        audiences: Sequence[str] = (),
        seconds: float = 3600.0,
        pod: ObjectReference | None = None,
        secret: ObjectReference | None = None,
        node: ObjectReference | None = None,
        warn_after: float | None = None,
    ) -> str:
        """A token of a service account for *audiences*, valid for *seconds* from now on.

        Its use is noticed as stale after *warn_after* seconds, if that is given.
        """
        bound = BoundObjects(
            namespace=namespace, service_account=ObjectReference(name, uid), pod=pod, secret=secret, node=node
        )
        now = self._clock.now().timestamp()
        private: dict[str, Any] = {"namespace": namespace}
        for claim in ("node", "pod", "secret", "service_account"):
            reference = getattr(bound, claim)
            if reference is not None:
                private[claim.replace("_", "")] = {k: v for k, v in attrs.asdict(reference).items() if v}
        if warn_after is not None:
            private["warnafter"] = int(now + warn_after)
        return self.sign(
            {
                "aud": list(audiences),
                "exp": int(now + seconds),
                "iat": int(now),
                "jti": str(uuid.uuid4()),
                "kubernetes.io": private,
                "nbf": int(now),
                "sub": service_account_username(namespace, name),
            }
        )

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token with exactly *claims* and our `iss`."""
        from jwt.api_jws import PyJWS

        payload = json.dumps({**claims, "iss": self.issuer}, separators=(",", ":"), sort_keys=True).encode()
        headers = {"kid": key_id(self.public_key), "typ": None}
        return PyJWS().encode(payload, self._key, algorithm=self._algorithm, headers=headers)
