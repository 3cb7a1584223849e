"""Certificates: where they come from, which one a client gets, and whom a client's own one proves.

Lives here: CA bundles and serving pairs as objects whose content may change while the server runs, the choice by server
name, self-signed generation, writing pairs to files, verification of client certificates. Not here: TLS itself
(`connection`), what a verified certificate says about its user (`authentication`). Imports `connection` and below.
"""

from genericapiserver.certificates.bundles import CAContentProvider, DynamicCAContent, StaticCAContent, UnionCAContent
from genericapiserver.certificates.changes import LoadState
from genericapiserver.certificates.description import human_detail
from genericapiserver.certificates.errors import CertificateError, CertificateVerificationError
from genericapiserver.certificates.files import can_read_pair, why_stale, write_pair
from genericapiserver.certificates.pairs import (
    CertKeyContentProvider,
    DynamicCertKeyContent,
    SNICertKeyContent,
    StaticCertKeyContent,
)
from genericapiserver.certificates.reloading import FileContent, keep_current
from genericapiserver.certificates.self_signed import generate_self_signed, self_signed_with_fixtures
from genericapiserver.certificates.serving import DynamicServingCertificateController
from genericapiserver.certificates.sni import NamedCertificates, NamedTLSCert, get_named_certificate_map
from genericapiserver.certificates.verification import verify_client_certificate

__all__ = [
    "CAContentProvider",
    "CertKeyContentProvider",
    "CertificateError",
    "CertificateVerificationError",
    "DynamicCAContent",
    "DynamicCertKeyContent",
    "DynamicServingCertificateController",
    "FileContent",
    "LoadState",
    "NamedCertificates",
    "NamedTLSCert",
    "SNICertKeyContent",
    "StaticCAContent",
    "StaticCertKeyContent",
    "UnionCAContent",
    "can_read_pair",
    "generate_self_signed",
    "get_named_certificate_map",
    "human_detail",
    "keep_current",
    "self_signed_with_fixtures",
    "verify_client_certificate",
    "why_stale",
    "write_pair",
]
