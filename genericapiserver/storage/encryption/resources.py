"""Which transformer a resource has: built from an EncryptionConfiguration, and exchanged while a server runs.

Source: pkg/server/options/encryptionconfig/config.go of k8s.io/apiserver.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from genericapiserver.aio import Clock
from genericapiserver.apimachinery.field import aggregate
from genericapiserver.apimachinery.go import parse_duration
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
from genericapiserver.storage.encryption.validation import ANY, KMS_TIMEOUT, decode_secret
from genericapiserver.storage.transformer import IdentityTransformer, Transformer

if TYPE_CHECKING:
    from genericapiserver.storage.encryption.kms import KMSPlugin

AES_CBC: Final = b"k8s:enc:aescbc:v1:"
AES_GCM: Final = b"k8s:enc:aesgcm:v1:"
SECRETBOX: Final = b"k8s:enc:secretbox:v1:"
KMS: Final = b"k8s:enc:kms:v2:"

_IDENTITY: Final = Prefixed(b"", IdentityTransformer())


class EncryptionError(ValueError):
    """A valid configuration from which no transformers can be made; the message says what to do."""


class KMSProvidersError(Exception):
    """Plugins that are not healthy; the text says which, and why."""


class ResourceTransformers(Protocol):
    """Gives each resource its transformer."""

    def transformer_for(self, resource: GroupResource) -> Transformer: ...


class EncryptedResources:
    """The transformers of one valid configuration, and the KMS plugins that it names.

    Plugins are asked from `start` on, until `aclose`. Raises EncryptionError for an entry behind another that covers it,
    for version 1 of KMS, and for providers whose library is missing.
    """

    def __init__(
        self, config: EncryptionConfiguration, metrics: TransformationMetrics, *, clock: Clock | None = None
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self.plugins: list[KMSPlugin] = []
        self.close_grace = 0.0
        """Seconds that what is under way may take after other transformers have taken over."""
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

    @property
    def rules(self) -> list[GroupResource]:
        """What the configuration has providers for, wildcards among it."""
        return list(self._rules)

    async def start(self) -> None:
        """Ask the plugins for the first time. Those that do not answer are asked again, and nothing is written with them
        until they do."""
        await asyncio.gather(*(plugin.start() for plugin in self.plugins))

    async def check(self) -> None:
        """Ask all plugins, one after the other as the reference does. Raises KMSProvidersError."""
        problems = []
        for number, plugin in enumerate(self.plugins):
            try:
                await plugin.check()
            except Exception as error:  # noqa: BLE001  whatever it raises is its way to say no
                problems.append(f"kms-provider-{number}: {error}")
        if problems:
            raise KMSProvidersError(aggregate(problems))

    async def aclose(self) -> None:
        """Ask the plugins no more. Idempotent."""
        for plugin in self.plugins:
            await plugin.aclose()

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
            plugin = self._plugin(provider.kms)
            prefixed = Prefixed(KMS + f"{plugin.name}:".encode(), plugin)
            return lambda _: prefixed
        return lambda _: _IDENTITY

    def _plugin(self, config: KMSConfiguration) -> "KMSPlugin":
        name = config.name
        if config.api_version != "v2":
            # The reference says, too, how to have version 1 nevertheless; there is none here.
            raise EncryptionError(
                "KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead. "
                f'KMSv1 is not available here: set apiVersion: v2 for the KMS plugin "{name}"'
            )
        timeout = KMS_TIMEOUT if config.timeout is None else parse_duration(config.timeout)
        try:
            from genericapiserver.storage.encryption.kms import KMSPlugin
            from genericapiserver.storage.encryption.kms_client import KMSClient
        except ImportError as error:
            if not (error.name or "").startswith(("grpc", "google")):
                raise
            raise EncryptionError(
                f"the provider kms needs the library {error.name}: pip install 'genericapiserver[kms]'"
            ) from error
        envelope = self._metrics.envelope
        try:
            service = KMSClient(config.endpoint, timeout=timeout, observe=partial(envelope.called, name))
        except ValueError as error:
            raise EncryptionError(f'could not configure KMSv2-Plugin\'s probe "{name}", error: {error}') from error
        plugin = KMSPlugin(name, service, metrics=envelope, clock=self._clock)
        self.plugins.append(plugin)
        self.close_grace += 2 * timeout
        return plugin

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


def _text(resource: GroupResource) -> str:
    return "*." if resource == GroupResource("", "*") else str(resource)
