"""Go's names for TLS versions and cipher suites, and what OpenSSL calls them (crypto/tls/cipher_suites.go)."""

import logging
from collections.abc import Sequence
from typing import Final

from genericapiserver.connection.tls import TLS13_SUITES

logger = logging.getLogger(__name__)

TLS_VERSIONS: Final = {
    "VersionTLS10": "TLSv1.2",
    "VersionTLS11": "TLSv1.2",
    "VersionTLS12": "TLSv1.2",
    "VersionTLS13": "TLSv1.3",
}
"""Deviation: what is older than TLS 1.2 is raised to it, with a warning. Nobody may use it any more (RFC 8996), and
OpenSSL's security level refuses it anyway."""

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
"""Deviation: Go's list has five more, with RC4 and 3DES, which OpenSSL is no longer built with; they do not exist here."""


def min_tls_version(name: str) -> str:
    """The OpenSSL name of the lowest version; TLS 1.2 for none. Raises ValueError."""
    if not name:
        return "TLSv1.2"
    try:
        version = TLS_VERSIONS[name]
    except KeyError:
        raise ValueError(f'unknown tls version "{name}"') from None
    if name in ("VersionTLS10", "VersionTLS11"):
        logger.warning("--tls-min-version=%s is raised to VersionTLS12, no older version is served", name)
    return version


def cipher_suites(names: Sequence[str]) -> list[str]:
    """The OpenSSL names of cipher suites, those of TLS 1.3 under the name they have everywhere.

    Those cannot be chosen among, as in Go; a list that has no others says that nothing below TLS 1.3 is spoken. Raises
    ValueError for one that does not exist.
    """
    found = []
    for name in names:
        if name in INSECURE:
            logger.warning("Use of insecure cipher '%s' detected.", name)
        if name in SECURE or name in INSECURE:
            found.append(SECURE.get(name) or INSECURE[name])
        elif name in TLS13_SUITES:
            found.append(name)
        else:
            raise ValueError(f"Cipher suite {name} not supported or doesn't exist")
    return found
