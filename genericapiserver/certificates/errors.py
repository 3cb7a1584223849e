"""CertificateError: content that cannot be used. CertificateVerificationError: a client that cannot be believed."""


class CertificateError(ValueError):
    """A bundle, certificate or key is missing, cannot be parsed, or does not fit together; the message names it."""


class CertificateVerificationError(Exception):
    """A presented certificate is not to be trusted. The text is Go's (crypto/x509), without `verifying` prefixes."""
