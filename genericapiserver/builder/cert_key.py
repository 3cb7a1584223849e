"""The certificate that a builder's server shows: given, kept in a folder, or made in memory.

Source: pkg/server/options/serving.go of tilt-apiserver, and GeneratableKeyCert of k8s.io/apiserver.
"""

import datetime as dt
from typing import Final

import attrs

from genericapiserver.connection import ServingCertificate
from genericapiserver.options.secure_serving import PAIR_NAME, SecureServingOptions

RENEW_BEFORE: Final = dt.timedelta(days=30)
"""A pair in a folder that ends sooner is made anew at the start."""


@attrs.frozen(kw_only=True)
class GeneratableKeyCert:
    """The first of these that is said: a pair of files; a pair in memory; a folder to keep one in; else one is made.

    What is made is for localhost, 127.0.0.1 and the bind address, and signed by itself.
    """

    cert_file: str = ""
    key_file: str = ""
    generated_cert: ServingCertificate | None = None
    """A pair in memory; not beside files."""
    cert_directory: str = ""
    """A folder for the pair; it is made there when it is missing, unreadable, not valid yet, or ends within 30 days."""
    pair_name: str = PAIR_NAME
    """What the files in the folder are called, without `.crt` and `.key`."""
    fixture_directory: str = ""
    """For tests: a folder of pairs by the names they are for, so that none is made twice."""

    def apply_to(self, options: SecureServingOptions) -> None:
        """Make these the defaults of *options*, which flags may still change."""
        options.cert_file, options.key_file = self.cert_file, self.key_file
        options.generated_cert = self.generated_cert
        options.cert_directory, options.pair_name = self.cert_directory, self.pair_name
        options.fixture_directory = self.fixture_directory
        options.renew_before = RENEW_BEFORE
