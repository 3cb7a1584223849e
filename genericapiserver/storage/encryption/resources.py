"""Which transformer a resource has: built from an EncryptionConfiguration, and exchanged while a server runs.

Source: pkg/server/options/encryptionconfig/config.go of k8s.io/apiserver.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apis.apiserver_config_v1_encryption import (
    EncryptionConfiguration,
    Key,
    KMSConfiguration,
    ProviderConfiguration,
)
from genericapiserver.storage.encryption.ciphers import AESCBCTransformer, AESGCMTransformer, SecretboxTransformer
from genericapiserver.storage.encryption.metrics import TransformationMetrics
from genericapiserver.storage.encryption.prefixes import Prefixed, PrefixTransformers
from genericapiserver.storage.encryption.validation import ANY, decode_secret
from genericapiserver.storage.transformer import IdentityTransformer, Transformer

AES_CBC: Final = b"k8s:enc:aescbc:v1:"
AES_GCM: Final = b"k8s:enc:aesgcm:v1:"
SECRETBOX: Final = b"k8s:enc:secretbox:v1:"

_IDENTITY: Final = Prefixed(b"", IdentityTransformer())


class EncryptionError(ValueError):
    """A valid configuration from which no transformers can be made; the message says what to do."""


class ResourceTransformers(Protocol):
    """Gives each resource its transformer."""

    def transformer_for(self, resource: GroupResource) -> Transformer: ...


class EncryptedResources:
    """The transformers of one valid configuration.

    Raises EncryptionError for an entry behind another that covers it, for KMS plugins, and for secretbox where its
    library is missing.
    """

    def __init__(self, config: EncryptionConfiguration, metrics: TransformationMetrics) -> None:
        self._metrics = metrics
        self._rules: dict[GroupResource, list[Callable[[str], Prefixed]]] = {}
        self._made: dict[GroupResource, Transformer] = {}
        for entry in config.resources:
            providers = [self._provider(provider) for provider in entry.providers]
            for text in entry.resources:
                rule = GroupResource.parse(text)
                self._refuse_masked(rule)
                self._rules.setdefault(rule, []).extend(providers)

    def transformer_for(self, resource: GroupResource) -> Transformer:
        """By the rule of *resource*, of its group, or of everything; without one what is encrypted cannot be read."""
        found = self._made.get(resource)
        if found is None:
            found = self._made[resource] = self._transformer(resource)
        return found

    def _transformer(self, resource: GroupResource) -> Transformer:
        for rule in (resource, GroupResource(resource.group, "*"), ANY):
            if rule in self._rules:
                return PrefixTransformers(
                    [make(str(resource)) for make in self._rules[rule]],
                    nothing_matches="no matching prefix found",
                    resource=str(resource),
                    metrics=self._metrics,
                )
        return IdentityTransformer()

    def _refuse_masked(self, rule: GroupResource) -> None:
        for earlier in (GroupResource(rule.group, "*"), ANY):
            if earlier in self._rules:
                raise EncryptionError(f'resource "{_text(rule)}" is masked by earlier rule "{_text(earlier)}"')

    def _provider(self, provider: ProviderConfiguration) -> Callable[[str], Prefixed]:
        """Makes the provider for a resource, by which its metrics are told apart; the ciphers are shared."""
        if provider.aes_gcm is not None:
            return self._keyed(AES_GCM, provider.aes_gcm.keys, AESGCMTransformer, "AES")
        if provider.aes_cbc is not None:
            return self._keyed(AES_CBC, provider.aes_cbc.keys, AESCBCTransformer, "AES")
        if provider.secretbox is not None:
            return self._keyed(SECRETBOX, provider.secretbox.keys, _secretbox, "Secretbox")
        if provider.kms is not None:
            raise _no_kms(provider.kms)
        return lambda _: _IDENTITY

    def _keyed(
        self, prefix: bytes, keys: Sequence[Key], make: Callable[[bytes], Transformer], kind: str
    ) -> Callable[[str], Prefixed]:
        choices = [Prefixed(f"{key.name}:".encode(), make(decode_secret(key.secret))) for key in keys]
        problem = f"no matching key was found for the provided {kind} transformer"
        return lambda resource: Prefixed(
            prefix,
            PrefixTransformers(choices, nothing_matches=problem, resource=resource, metrics=self._metrics),
        )


class DynamicTransformers:
    """The transformers of a configuration that may be exchanged for another one; what is under way is not disturbed."""

    def __init__(self, current: ResourceTransformers) -> None:
        self.current = current

    def transformer_for(self, resource: GroupResource) -> Transformer:
        return _Dynamic(self, resource)


class _Dynamic:
    def __init__(self, owner: DynamicTransformers, resource: GroupResource) -> None:
        self._owner = owner
        self._resource = resource

    def from_storage(self, data: bytes, context: bytes) -> tuple[bytes, bool]:
        return self._owner.current.transformer_for(self._resource).from_storage(data, context)

    def to_storage(self, data: bytes, context: bytes) -> bytes:
        return self._owner.current.transformer_for(self._resource).to_storage(data, context)


def _secretbox(key: bytes) -> Transformer:
    try:
        return SecretboxTransformer(key)
    except ImportError as error:
        raise EncryptionError(
            "the provider secretbox needs PyNaCl: pip install 'genericapiserver[secretbox]'"
        ) from error


def _no_kms(config: KMSConfiguration) -> EncryptionError:
    version = config.api_version or "v1"
    return EncryptionError(
        f'could not configure KMS plugin "{config.name}": KMS {version} is not available in this version. '
        "Use aesgcm, secretbox or aescbc"
    )


def _text(resource: GroupResource) -> str:
    return "*." if resource == GroupResource("", "*") else str(resource)
