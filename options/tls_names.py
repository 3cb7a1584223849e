"""Go's names for TLS versions and cipher suites, and what OpenSSL calls them (crypto/tls/cipher_suites.go)."""

import logging
from collections.abc import Sequence
from typing import Final

logger = logging.getLogger(__name__)

TLS_VERSIONS: Final = {
    "VersionTLS10": "TLSv1.2",
    "VersionTLS11": "TLSv1.2",
    "VersionTLS12": "TLSv1.2",
    "VersionTLS13": "TLSv1.3",
}
"""What is older than TLS 1.2 is raised to it: OpenSSL's security level refuses it anyway (RFC 8996)."""

SECURE: Final = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
INSECURE: Final = {
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256": "AES128-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": "ECDHE-ECDSA-AES128-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256": "ECDHE-RSA-AES128-SHA256",
}
TLS13: Final = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
"""Accepted by name and not configurable, as in Go."""


def min_tls_version(name: str) -> str:
    """The OpenSSL name of the lowest version; TLS 1.2 for none. Raises ValueError."""
    if not name:
        return "TLSv1.2"
    try:
        return TLS_VERSIONS[name]
    except KeyError:
        raise ValueError(f'unknown tls version "{name}"') from None


def cipher_suites(names: Sequence[str]) -> list[str]:
    """The OpenSSL names of cipher suites. Raises ValueError for one that does not exist."""
    found = []
    for name in names:
        if name in INSECURE:
            logger.warning("Use of insecure cipher '%s' detected.", name)
        if name in SECURE or name in INSECURE:
            found.append(SECURE.get(name) or INSECURE[name])
        elif name not in TLS13:
            raise ValueError(f"Cipher suite {name} not supported or doesn't exist")
    return found
