"""EncryptionConfiguration of apiserver.config.k8s.io: which resources are encrypted where they are stored, and how.

Source: pkg/apis/apiserver/v1/types_encryption.go of k8s.io/apiserver. Durations are texts here, read by the validation.
"""

from typing import Final

from genericapiserver.apimachinery.schema import GroupVersion
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.types import Int32, api_type, field

GROUP: Final = "apiserver.config.k8s.io"
MODEL_PACKAGE = "io.k8s.apiserver.config.v1"


@api_type
class Key:
    """Key is a secret and the name that stands before what it has encrypted."""

    name: str = field(default="", omit_empty=False, doc="The name, which is stored with every object.")
    secret: str = field(default="", omit_empty=False, doc="The key itself, in base64.")

    def __repr__(self) -> str:
        return f"Key(name={self.name!r}, secret=[REDACTED])"


@api_type
class AESConfiguration:
    """AESConfiguration has the keys of AES-GCM or AES-CBC."""

    keys: list[Key] = field(factory=list, omit_empty=False, doc="The first writes, all read.")


@api_type
class SecretboxConfiguration:
    """SecretboxConfiguration has the keys of XSalsa20 and Poly1305."""

    keys: list[Key] = field(factory=list, omit_empty=False, doc="The first writes, all read. 32 bytes each.")


@api_type
class IdentityConfiguration:
    """IdentityConfiguration stores objects as they are."""


@api_type
class KMSConfiguration:
    """KMSConfiguration says where a plugin of a key management service listens."""

    api_version: str = field(default="", omit_empty=False, doc="v1 or v2; v1 if empty.")
    name: str = field(default="", omit_empty=False, doc="The name, which is stored with every object.")
    cache_size: Int32 | None = field(default=None, name="cachesize", doc="How many keys v1 keeps in memory.")
    endpoint: str = field(default="", omit_empty=False, doc="A unix socket: unix:///run/kms.sock.")
    timeout: str | None = field(default=None, doc="How long a call may take; 3s if absent.")


@api_type
class ProviderConfiguration:
    """ProviderConfiguration is one way to store objects; exactly one field is set."""

    aes_gcm: AESConfiguration | None = field(default=None, name="aesgcm", doc="AES in the mode GCM.")
    aes_cbc: AESConfiguration | None = field(default=None, name="aescbc", doc="AES in the mode CBC, PKCS#7.")
    secretbox: SecretboxConfiguration | None = field(default=None, doc="XSalsa20 and Poly1305.")
    identity: IdentityConfiguration | None = field(default=None, doc="No encryption.")
    kms: KMSConfiguration | None = field(default=None, doc="Keys of a key management service.")


@api_type
class ResourceConfiguration:
    """ResourceConfiguration is how some resources are stored."""

    resources: list[str] = field(
        factory=list, omit_empty=False, doc="resource, resource.group, *.group, *. for the core group, or *.* for all."
    )
    providers: list[ProviderConfiguration] = field(
        factory=list, omit_empty=False, doc="The first writes, all read, in this order."
    )


@api_type(root=True)
class EncryptionConfiguration:
    """EncryptionConfiguration says which resources are encrypted where they are stored, and how."""

    resources: list[ResourceConfiguration] = field(
        factory=list, omit_empty=False, doc="Earlier entries come before later ones."
    )


@api_type(root=True)
class EncryptionConfig(EncryptionConfiguration):
    """EncryptionConfig is what a mistake in old documentation called an EncryptionConfiguration; it is one."""


def add_to_scheme(scheme: Scheme) -> None:
    """Register EncryptionConfiguration, and its old name in the version v1 of no group."""
    scheme.add_known_types(GroupVersion(GROUP, "v1"), EncryptionConfiguration)
    scheme.add_known_types(GroupVersion("", "v1"), EncryptionConfig)
