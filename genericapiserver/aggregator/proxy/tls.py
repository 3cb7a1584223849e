"""Whom the proxy believes at the other end, and whom it says that it is."""

import ssl
from collections.abc import Sequence

import attrs

from genericapiserver.apis.apiregistration_v1 import APIService
from genericapiserver.certificates import CertKeyContentProvider
from genericapiserver.client.kubeconfig import ClientConfig
from genericapiserver.client.rest import ssl_context
from genericapiserver.connection.tls import ServingCertificate

ALPN_BOTH = ("h2", "http/1.1")


class TransportError(ValueError):
    """No connection can be made with these certificates; the text says which is wrong."""


@attrs.frozen
class TLSSettings:
    """What a connection to the server of an APIService begins with; two that are equal lead to the same trust."""

    server_name: str
    ca_bundle: bytes
    insecure: bool
    client: ServingCertificate | None = None

    @classmethod
    def of(cls, service: APIService, client: CertKeyContentProvider | None) -> "TLSSettings":
        """Those of *service*, which is not a local one, showing what *client* holds now."""
        reference = service.spec.service
        assert reference is not None
        return cls(
            server_name=f"{reference.name}.{reference.namespace}.svc",
            ca_bundle=service.spec.ca_bundle,
            insecure=service.spec.insecure_skip_tls_verify,
            client=None if client is None else client.current_cert_key(),
        )

    def context(self, alpn: Sequence[str] = ALPN_BOTH) -> ssl.SSLContext:
        """Raises TransportError. The bundle alone is trusted where there is one, the system's roots otherwise."""
        config = ClientConfig(
            host="",
            ca_data=self.ca_bundle,
            insecure=self.insecure,
            client_certificate_data=self.client.certificate_pem if self.client is not None else b"",
            client_key_data=self.client.private_key_pem if self.client is not None else b"",
        )
        try:
            context = ssl_context(config)
        except (ssl.SSLError, ValueError, OSError) as error:
            what = "unable to load root certificates" if self.ca_bundle else "unable to load the proxy's certificate"
            raise TransportError(f"{what}: {error}") from error
        context.set_alpn_protocols(list(alpn))
        return context
