"""What an EncryptionConfiguration may say. No message has a secret in it.

Source: pkg/apis/apiserver/validation/validation_encryption.go of k8s.io/apiserver.
"""

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

from genericapiserver.apimachinery import field as errors
from genericapiserver.apimachinery.field import FieldError, Path
from genericapiserver.apimachinery.go import DurationError, parse_duration
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apis.apiserver_config_v1_encryption import (
    EncryptionConfiguration,
    Key,
    KMSConfiguration,
    ProviderConfiguration,
)
from genericapiserver.storage.encryption.ciphers import AES_KEY_SIZES

ANY: Final = GroupResource("*", "*")
SECRETBOX_SIZES: Final = (32,)
KMS_TIMEOUT: Final = 3.0
_REDACTED: Final = "REDACTED"
_NO_PROVIDER: Final = (
    "provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity"
)
_SEVERAL_PROVIDERS: Final = (
    "more than one provider specified in a single element, should split into different list elements"
)
_DUPLICATE: Final = "the same resource cannot be specified multiple times"
_OVERLAP: Final = (
    "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed "
    "as they will be masked"
)
_NO_REST: Final = frozenset({"apiserveripinfo", "serviceipallocations", "servicenodeportallocations"})


def validate_encryption(config: EncryptionConfiguration, *, reload: bool = False) -> list[FieldError]:
    """Everything that is wrong with *config*; with *reload* the names of all KMS plugins have to differ."""
    root = Path("resources")
    if not config.resources:
        return [errors.required(root, f"at least one {root} is required")]
    found: list[FieldError] = []
    kms_names: set[str] = set()
    for number, entry in enumerate(config.resources):
        resources, providers = root.index(number).child("resources"), root.index(number).child("providers")
        if not entry.resources:
            found.append(errors.required(resources, f"at least one {resources} is required"))
        found += _overlap(entry.resources, resources)
        for index, resource in enumerate(entry.resources):
            if problem := _name_problem(resource):
                found.append(errors.invalid(resources.index(index), resource, problem))
        if not entry.providers:
            found.append(errors.required(providers, f"at least one {providers} is required"))
        for index, provider in enumerate(entry.providers):
            found += _provider(provider, providers.index(index), kms_names, reload=reload)
    return found


def _overlap(resources: Sequence[str], path: Path) -> Iterator[FieldError]:
    parsed = [GroupResource.parse(resource) for resource in resources]
    if len(set(parsed)) < len(parsed):
        yield errors.invalid(path, list(resources), _DUPLICATE)
    distinct = set(parsed)
    groups = [resource.group for resource in distinct]
    if len(distinct) > 1 and any(
        one == ANY or (one.resource == "*" and groups.count(one.group) > 1) for one in distinct
    ):
        yield errors.invalid(path, list(resources), _OVERLAP)


def _name_problem(resource: str) -> str:
    parsed = GroupResource.parse(resource)
    rules = (
        (resource.lower() != resource, "resource name should not contain capital letters"),
        (
            resource == "*",
            "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources",
        ),
        (resource in _NO_REST, "resources which do not have REST API/s cannot be encrypted"),
        (
            parsed.group == "events.k8s.io",
            "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. "
            "Use 'events' instead in the config file",
        ),
        (parsed.group == "extensions", "'extensions' group has been removed and cannot be used for encryption"),
        (
            parsed.group == "*" and parsed.resource != "*",
            "encrypting the same resource across groups is not supported",
        ),
    )
    return next((text for broken, text in rules if broken), "")


def _provider(provider: ProviderConfiguration, path: Path, kms_names: set[str], *, reload: bool) -> list[FieldError]:
    given = [
        each
        for each in (provider.kms, provider.aes_gcm, provider.aes_cbc, provider.secretbox, provider.identity)
        if each is not None
    ]
    found: list[FieldError] = []
    if len(given) != 1:
        # The reference prints the provider, keys and all.
        found.append(errors.invalid(path, _REDACTED, _SEVERAL_PROVIDERS if given else _NO_PROVIDER))
    if provider.kms is not None:
        found += _kms(provider.kms, path.child("kms"), kms_names, reload=reload)
        kms_names.add(provider.kms.name)
    elif provider.aes_gcm is not None:
        found += _keys(provider.aes_gcm.keys, path.child("aesgcm").child("keys"), AES_KEY_SIZES)
    elif provider.aes_cbc is not None:
        found += _keys(provider.aes_cbc.keys, path.child("aescbc").child("keys"), AES_KEY_SIZES)
    elif provider.secretbox is not None:
        found += _keys(provider.secretbox.keys, path.child("secretbox").child("keys"), SECRETBOX_SIZES)
    return found


def _keys(keys: Sequence[Key], path: Path, sizes: Sequence[int]) -> Iterator[FieldError]:
    if not keys:
        yield errors.required(path, "at least one keys is required")
    for index, key in enumerate(keys):
        where = path.index(index)
        if not key.name:
            yield errors.required(where.child("name"), "name is a mandatory field for a key")
        if not key.secret:
            yield errors.required(where.child("secret"), "secret is a mandatory field for a key")
            continue
        try:
            size = len(decode_secret(key.secret))
        except ValueError:
            yield errors.invalid(where.child("secret"), _REDACTED, "secrets must be base64 encoded")
            continue
        if size not in sizes:
            expected = " ".join(map(str, sizes))
            yield errors.invalid(
                where.child("secret"),
                _REDACTED,
                f"secret is not of the expected length, got {size}, expected one of [{expected}]",
            )


def decode_secret(text: str) -> bytes:
    """The key in *text*; line breaks are skipped, as Go does. Raises ValueError without the text."""
    try:
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("secrets must be base64 encoded") from None


def _kms(config: KMSConfiguration, path: Path, names: set[str], *, reload: bool) -> Iterator[FieldError]:
    version = config.api_version or "v1"
    name, endpoint = config.name, config.endpoint
    if not name:
        yield errors.required(path.child("name"), "name is a mandatory field for a provider")
    if version != "v1" and ":" in name:
        yield errors.invalid(path.child("name"), name, f"invalid KMS provider name {name}, must not contain ':'")
    if (reload or version != "v1") and name in names:
        yield errors.invalid(path.child("name"), name, f"duplicate KMS provider name {name}, names must be unique")
    try:
        timeout = KMS_TIMEOUT if config.timeout is None else parse_duration(config.timeout)
    except DurationError as error:
        yield errors.invalid(path.child("timeout"), config.timeout, str(error))
    else:
        if timeout <= 0:
            yield errors.invalid(path.child("timeout"), config.timeout, "timeout should be a positive value")
    if not endpoint:
        yield errors.invalid(path.child("endpoint"), "", "endpoint is a mandatory field for a kms")
    elif problem := _endpoint_problem(endpoint):
        yield errors.invalid(path.child("endpoint"), endpoint, problem)
    if version != "v1" and config.cache_size is not None:
        yield errors.invalid(path.child("cachesize"), config.cache_size, "cachesize is not supported in v2")
    if version == "v1" and config.cache_size == 0:
        text = "cachesize should be a positive value, or negative to disable"
        yield errors.invalid(path.child("cachesize"), 0, text)
    if version not in ("v1", "v2"):
        # The reference names the field where the version was meant.
        text = f"unsupported apiVersion {version} for KMS provider, only v1 and v2 are supported"
        yield errors.invalid(path.child("apiVersion"), version, text)


def _endpoint_problem(endpoint: str) -> str:
    try:
        scheme = urlsplit(endpoint).scheme
    except ValueError as error:
        return f"invalid endpoint for kms provider, error: {error}"
    return "" if scheme == "unix" else f'unsupported scheme "{scheme}" for KMS provider, only unix is supported'
