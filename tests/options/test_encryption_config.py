"""--encryption-provider-config: what the file may say, which resource it means, rotation, and a file that changes."""

import asyncio
import base64
import contextlib
import logging
from pathlib import Path
from typing import Any

import pytest

from examples.wardle.scheme import new_scheme
from genericapiserver.apimachinery.schema import GroupResource
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.config import Config, ConfigError
from genericapiserver.metrics import MetricsRegistry
from genericapiserver.options.encryption_config import EncryptionController, load_encryption_config
from genericapiserver.options.storage import StorageOptions
from genericapiserver.storage.encryption.ciphers import DecryptionError
from genericapiserver.storage.encryption.metrics import TransformationMetrics
from genericapiserver.storage.encryption.resources import EncryptedResources
from genericapiserver.storage.transformer import Transformer
from tests.options.fakes import new_config

HEAD = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n"
FIRST, SECOND = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
FLUNDERS = GroupResource("wardle.example.com", "flunders")
SECRETS = GroupResource("", "secrets")
KEY = b"/registry/wardle.example.com/flunders/default/a"
IDENTITY = "{identity: {}}"


def keys(kind: str, **named: str) -> str:
    return (
        f"{{{kind}: {{keys: [{', '.join(f'{{name: {name}, secret: {secret}}}' for name, secret in named.items())}]}}}}"
    )


def entry(resources: str, *providers: str) -> str:
    return f"- resources: [{resources}]\n  providers: [{', '.join(providers)}]\n"


def written(folder: Path, *entries: str, head: str = HEAD) -> Path:
    file = folder / "encryption.yaml"
    file.write_text(head + "".join(entries))
    file.chmod(0o600)
    return file


def loaded(folder: Path, *entries: str, reload: bool = False) -> EncryptedResources:
    file = written(folder, *entries)
    return load_encryption_config(file, TransformationMetrics(MetricsRegistry()), reload=reload).transformers


def flunders(folder: Path, *providers: str) -> Transformer:
    return loaded(folder, entry("flunders.wardle.example.com", *providers)).transformer_for(FLUNDERS)


# What is stored


@pytest.mark.parametrize("kind", ["aescbc", "aesgcm", "secretbox"])
def test_what_stands_before_a_value(kind: str, tmp_path: Path) -> None:
    transformer = flunders(tmp_path, keys(kind, mine=FIRST))
    stored = transformer.to_storage(b"{}", KEY)
    assert stored.startswith(f"k8s:enc:{kind}:v1:mine:".encode())
    assert transformer.from_storage(stored, KEY) == (b"{}", False)


def test_identity_stores_what_it_is_given(tmp_path: Path) -> None:
    transformer = flunders(tmp_path, IDENTITY)
    assert transformer.to_storage(b"{}", KEY) == b"{}"
    assert transformer.from_storage(b"{}", KEY) == (b"{}", False)


def test_keys_are_rotated_in_the_documented_steps(tmp_path: Path) -> None:
    """A new key that reads, then writes; everything written again; the old key taken out."""
    before = flunders(tmp_path, keys("aesgcm", one=FIRST), IDENTITY)
    old = before.to_storage(b"{}", KEY)
    second_reads = flunders(tmp_path, keys("aesgcm", one=FIRST, two=SECOND), IDENTITY)
    assert second_reads.from_storage(old, KEY) == (b"{}", False)
    second_writes = flunders(tmp_path, keys("aesgcm", two=SECOND, one=FIRST), IDENTITY)
    assert second_writes.from_storage(old, KEY) == (b"{}", True), "stale: to be written again"
    new = second_writes.to_storage(b"{}", KEY)
    assert second_reads.from_storage(new, KEY) == (b"{}", True), "a server that is not restarted yet reads it"
    after = flunders(tmp_path, keys("aesgcm", two=SECOND))
    assert after.from_storage(new, KEY) == (b"{}", False)
    with pytest.raises(DecryptionError, match="no matching key was found for the provided AES transformer"):
        after.from_storage(old, KEY)


def test_one_key_in_two_providers_of_a_kind(tmp_path: Path) -> None:
    old = flunders(tmp_path, keys("aescbc", same=FIRST)).to_storage(b"{}" * 50, KEY)
    both = flunders(tmp_path, keys("aesgcm", same=SECOND), keys("aescbc", same=SECOND), keys("aescbc", same=FIRST))
    assert both.from_storage(old, KEY) == (b"{}" * 50, True)


@pytest.mark.parametrize("kind", ["aesgcm", "secretbox"])
def test_the_wrong_key_of_the_right_name(kind: str, tmp_path: Path) -> None:
    old = flunders(tmp_path, keys(kind, same=FIRST)).to_storage(b"{}", KEY)
    with pytest.raises(DecryptionError, match=r"^cipher: message authentication failed$"):
        flunders(tmp_path, keys(kind, same=SECOND), IDENTITY).from_storage(old, KEY)


@pytest.mark.parametrize("kind", ["aesgcm", "secretbox"])
def test_no_byte_of_a_stored_value_can_be_changed(kind: str, tmp_path: Path) -> None:
    transformer = flunders(tmp_path, keys(kind, mine=FIRST))
    stored = transformer.to_storage(b'{"a":1}', KEY)
    for place in range(len(stored)):
        changed = stored[:place] + bytes([stored[place] ^ 1]) + stored[place + 1 :]
        with pytest.raises(DecryptionError):
            transformer.from_storage(changed, KEY)


def test_plain_objects_are_taken_in_and_encrypted_ones_given_back(tmp_path: Path) -> None:
    inwards = flunders(tmp_path, keys("aesgcm", mine=FIRST), IDENTITY)
    assert inwards.from_storage(b"{}", KEY) == (b"{}", True)
    encrypted = inwards.to_storage(b"{}", KEY)
    outwards = flunders(tmp_path, IDENTITY, keys("aesgcm", mine=FIRST))
    assert outwards.from_storage(encrypted, KEY) == (b"{}", True)
    assert outwards.to_storage(b"{}", KEY) == b"{}"


def test_what_nobody_can_read(tmp_path: Path) -> None:
    with pytest.raises(DecryptionError, match=r"^no matching prefix found$"):
        flunders(tmp_path, keys("aesgcm", mine=FIRST)).from_storage(b"{}", KEY)
    with pytest.raises(DecryptionError, match=r"^no matching key was found for the provided Secretbox transformer$"):
        flunders(tmp_path, keys("secretbox", mine=FIRST)).from_storage(b"k8s:enc:secretbox:v1:other:xyz", KEY)


# Which resource is meant


def test_the_nearest_rule_counts(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        entry("secrets", keys("aesgcm", secrets=FIRST)),
        entry("'*.'", keys("aesgcm", core=FIRST)),
        entry("'*.wardle.example.com'", keys("aesgcm", wardle=FIRST)),
        entry("'*.*'", keys("aesgcm", rest=FIRST)),
    )
    for resource, name in (
        (SECRETS, "secrets"),
        (GroupResource("", "configmaps"), "core"),
        (FLUNDERS, "wardle"),
        (GroupResource("apps", "deployments"), "rest"),
    ):
        assert found.transformer_for(resource).to_storage(b"", KEY).startswith(f"k8s:enc:aesgcm:v1:{name}:".encode())


def test_resources_without_a_rule_are_not_encrypted_and_refuse_what_is(tmp_path: Path) -> None:
    transformer = loaded(tmp_path, entry("secrets", keys("aesgcm", mine=FIRST))).transformer_for(FLUNDERS)
    assert transformer.to_storage(b"{}", KEY) == b"{}"
    with pytest.raises(ValueError, match="identity transformer tried to read encrypted data"):
        transformer.from_storage(b"k8s:enc:aesgcm:v1:mine:abc", KEY)


def test_providers_of_a_resource_in_two_entries_add_up(tmp_path: Path) -> None:
    old = flunders(tmp_path, keys("aesgcm", old=SECOND)).to_storage(b"{}", KEY)
    name = "flunders.wardle.example.com"
    both = loaded(tmp_path, entry(name, keys("aesgcm", new=FIRST)), entry(name, keys("aesgcm", old=SECOND)))
    assert both.transformer_for(FLUNDERS).from_storage(old, KEY) == (b"{}", True)


# What is wrong with a file


def problem(folder: Path, *entries: str, head: str = HEAD) -> str:
    file = written(folder, *entries, head=head)
    with pytest.raises(ConfigError) as caught:
        load_encryption_config(file, TransformationMetrics(MetricsRegistry()), reload=True)
    assert FIRST not in str(caught.value)
    assert SECOND not in str(caught.value)
    return str(caught.value).replace(str(file), "FILE")


GOOD = keys("aesgcm", mine=FIRST)
KMS = "{kms: {apiVersion: v2, name: vault, endpoint: 'unix:///kms.sock'%s}}"
OVERLAP = (
    "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed "
    "as they will be masked"
)


@pytest.mark.parametrize(
    ("resources", "providers", "expected"),
    [
        ("", GOOD, "resources[0].resources: Required value: at least one resources[0].resources is required"),
        ("secrets", "", "resources[0].providers: Required value: at least one resources[0].providers is required"),
        ("secrets, secrets", GOOD, "the same resource cannot be specified multiple times"),
        ("secrets, '*.'", GOOD, OVERLAP),
        ("secrets, '*.*'", GOOD, OVERLAP),
        (
            "Secrets",
            GOOD,
            'resources[0].resources[0]: Invalid value: "Secrets": resource name should not contain capital',
        ),
        ("'*'", GOOD, "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"),
        ("apiserveripinfo", GOOD, "resources which do not have REST API/s cannot be encrypted"),
        ("events.events.k8s.io", GOOD, "Use 'events' instead in the config file"),
        ("x.extensions", GOOD, "'extensions' group has been removed and cannot be used for encryption"),
        ("'secrets.*'", GOOD, "encrypting the same resource across groups is not supported"),
        ("secrets", "{}", "provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox,"),
        (
            "secrets",
            f"{{identity: {{}}, aesgcm: {{keys: [{{name: a, secret: {FIRST}}}]}}}}",
            'resources[0].providers[0]: Invalid value: "REDACTED": more than one provider specified in a single element',
        ),
        ("secrets", "{aesgcm: {keys: []}}", "resources[0].providers[0].aesgcm.keys: Required value: at least one keys"),
        (
            "secrets",
            keys("aesgcm", **{"''": FIRST}),
            "keys[0].name: Required value: name is a mandatory field for a key",
        ),
        ("secrets", keys("aesgcm", a="''"), "keys[0].secret: Required value: secret is a mandatory field for a key"),
        (
            "secrets",
            keys("aescbc", a="'***'"),
            'resources[0].providers[0].aescbc.keys[0].secret: Invalid value: "REDACTED": secrets must be base64 encoded',
        ),
        ("secrets", keys("aescbc", a="YWJj"), "got 3, expected one of [16 24 32]"),
        ("secrets", keys("secretbox", a="YWJj"), "got 3, expected one of [32]"),
        ("secrets", KMS % ", cachesize: 5", "cachesize: Invalid value: 5: cachesize is not supported in v2"),
        ("secrets", KMS % ", timeout: 0s", "timeout should be a positive value"),
        ("secrets", KMS.replace("unix:", "tcp:") % "", 'unsupported scheme "tcp" for KMS provider, only unix is supp'),
        ("secrets", KMS.replace("vault", "'a:b'") % "", "invalid KMS provider name a:b, must not contain ':'"),
        ("secrets", KMS.replace("v2", "v3") % "", "unsupported apiVersion v3 for KMS provider, only v1 and v2 are"),
        ("secrets", f"{KMS % ''}, {KMS % ''}", "duplicate KMS provider name vault, names must be unique"),
    ],
)
def test_what_the_validation_says(resources: str, providers: str, expected: str, tmp_path: Path) -> None:
    found = problem(tmp_path, entry(resources, providers))
    assert found.startswith("error while parsing file: ")
    assert expected in found


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ((entry("'*.apps'", GOOD), entry("x.apps", GOOD)), 'resource "x.apps" is masked by earlier rule "*.apps"'),
        ((entry("'*.'", GOOD), entry("secrets", GOOD)), 'resource "secrets" is masked by earlier rule "*."'),
        ((entry("'*.*'", GOOD), entry("'*.'", GOOD)), 'resource "*." is masked by earlier rule "*.*"'),
        (
            (entry("secrets", "{kms: {name: vault, endpoint: 'unix:///kms.sock'}}"),),
            "KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead. "
            'KMSv1 is not available here: set apiVersion: v2 for the KMS plugin "vault"',
        ),
        (
            (entry("secrets", "{kms: {apiVersion: v2, name: vault, endpoint: 'unix:///'}}"),),
            'could not configure KMSv2-Plugin\'s probe "vault", error: there is no path in the endpoint "unix:///": say '
            "unix:///PATH, or unix:///@NAME",
        ),
    ],
)
def test_what_cannot_be_built(entries: tuple[str, ...], expected: str, tmp_path: Path) -> None:
    assert problem(tmp_path, *entries) == f"error while building transformers: {expected}"


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    parsing = "error while parsing file: "
    assert problem(tmp_path, head="") == (
        f'{parsing}error while loading file: encryption provider configuration file "FILE" is empty'
    )
    decoding = f'{parsing}error decoding encryption provider configuration file "FILE": '
    assert problem(tmp_path, head=HEAD.replace("Encryption", "Tracing")).startswith(
        f'{decoding}no kind "TracingConfiguration" is registered'
    )
    assert problem(tmp_path, entry("secrets", GOOD.replace("secret:", "sekret:"))).startswith(
        f'{decoding}strict decoding error: unknown field "resources[0].providers[0].aesgcm.keys[0].sekret"'
    )
    assert problem(tmp_path, entry("secrets", GOOD) + "\t- x").startswith(f"{decoding}yaml: line ")
    with pytest.raises(ConfigError, match="no such file or directory"):
        load_encryption_config(tmp_path / "none", TransformationMetrics(MetricsRegistry()), reload=False)


def test_the_kind_of_old_documentation(tmp_path: Path) -> None:
    file = written(tmp_path, entry("secrets", GOOD), head="apiVersion: v1\nkind: EncryptionConfig\nresources:\n")
    found = load_encryption_config(file, TransformationMetrics(MetricsRegistry()), reload=False).transformers
    assert found.transformer_for(SECRETS).to_storage(b"", KEY).startswith(b"k8s:enc:aesgcm:v1:mine:")


def test_no_text_shows_a_key(tmp_path: Path) -> None:
    file = written(tmp_path, entry("secrets", GOOD))
    found = load_encryption_config(file, TransformationMetrics(MetricsRegistry()), reload=False)
    assert FIRST not in repr(found)


# Metrics


def test_transformations_are_counted_under_the_names_of_the_reference(tmp_path: Path) -> None:
    registry = MetricsRegistry()
    file = written(tmp_path, entry("flunders.wardle.example.com", GOOD))
    found = load_encryption_config(file, TransformationMetrics(registry), reload=False).transformers
    transformer = found.transformer_for(FLUNDERS)
    transformer.from_storage(transformer.to_storage(b"{}", KEY), KEY)
    with contextlib.suppress(DecryptionError):
        transformer.from_storage(b"{}", KEY)

    def count(direction: str, prefix: str, status: str) -> float | None:
        labels = {"resource": str(FLUNDERS), "transformation_type": direction, "transformer_prefix": prefix}
        return registry.collectors.get_sample_value(
            "apiserver_storage_transformation_operations_total", {**labels, "status": status}
        )

    assert count("to_storage", "k8s:enc:aesgcm:v1:", "OK") == 1
    assert count("from_storage", "k8s:enc:aesgcm:v1:", "OK") == 1
    assert count("from_storage", "mine:", "OK") == 1
    assert count("from_storage", "unknown", "unknown-non-grpc") == 1
    assert (
        registry.collectors.get_sample_value(
            "apiserver_storage_transformation_duration_seconds_count",
            {"transformation_type": "from_storage", "transformer_prefix": "k8s:enc:aesgcm:v1:"},
        )
        == 1
    )


# A file that changes


def reloads(config: Config, status: str) -> float:
    rows = config.metrics.collectors.collect()
    return sum(
        sample.value
        for family in rows
        for sample in family.samples
        if sample.name == "apiserver_encryption_config_controller_automatic_reloads_total"
        and sample.labels["status"] == status
    )


async def until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_changed_file_is_taken_over_and_a_bad_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = "flunders.wardle.example.com"
    file = written(tmp_path, entry(name, keys("aesgcm", one=FIRST)))
    config = new_config()
    controller = EncryptionController(file, config, reload=True)
    transformer = controller.transformers.transformer_for(FLUNDERS)
    old = transformer.to_storage(b"{}", KEY)
    running = asyncio.create_task(controller.run())
    try:
        written(tmp_path, entry(name, keys("aesgcm", two=SECOND, one=FIRST)))
        await until(lambda: reloads(config, "success") == 1)
        assert transformer.from_storage(old, KEY) == (b"{}", True)
        assert transformer.to_storage(b"{}", KEY).startswith(b"k8s:enc:aesgcm:v1:two:")
        written(tmp_path, entry(name, keys("aesgcm", three=SECOND[:-8])))
        await until(lambda: reloads(config, "failure") == 1)
        assert transformer.to_storage(b"{}", KEY).startswith(b"k8s:enc:aesgcm:v1:two:")
        file.unlink()
        await until(lambda: reloads(config, "failure") == 2)
        assert transformer.from_storage(old, KEY) == (b"{}", True)
        written(tmp_path, entry(name, keys("aesgcm", two=SECOND)))
        await until(lambda: reloads(config, "success") == 2)
        with pytest.raises(DecryptionError):
            transformer.from_storage(old, KEY)
    finally:
        running.cancel()
    assert FIRST not in caplog.text
    assert SECOND not in caplog.text
    assert "the old one stays in use" in caplog.text


async def test_what_a_server_that_follows_its_file_shows(tmp_path: Path) -> None:
    config = new_config()
    EncryptionController(written(tmp_path, entry("secrets", GOOD)), config, reload=True).add_to(config)
    assert [check.name for check in config.healthz_checks][-1] == "kms-providers"
    assert [check.name for check in config.readyz_checks][-1] == "kms-providers"
    assert "kms-providers" not in [check.name for check in config.livez_checks]
    assert "start-encryption-provider-config-automatic-reload" in config.post_start_hooks


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True)])
def test_keys_that_everybody_can_read_are_warned_of(
    mode: int, warned: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = written(tmp_path, entry("secrets", GOOD))
    file.chmod(mode)
    with caplog.at_level(logging.WARNING):
        EncryptionController(file, new_config())
    assert ("Everybody on this machine can read the keys" in caplog.text) is warned


def test_the_file_of_the_documentation(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "encryption.md").read_text()
    file = written(tmp_path, head=page.partition("```yaml file=encryption.yaml\n")[2].partition("```")[0])
    found = load_encryption_config(file, TransformationMetrics(MetricsRegistry()), reload=False).transformers
    assert found.transformer_for(FLUNDERS).to_storage(b"", KEY).startswith(b"k8s:enc:aesgcm:v1:key1:")
    assert found.transformer_for(FLUNDERS).from_storage(b"{}", KEY) == (b"{}", True)


async def test_transformers_that_a_program_has_set_count_instead_of_the_file(tmp_path: Path) -> None:
    config = new_config()
    own = loaded(tmp_path, entry("secrets", GOOD))
    config.resource_transformers = own
    options = StorageOptions(
        prefix="/registry", serializer=CodecFactory(new_scheme()), backend="memory", encryption_provider_config="/none"
    )
    await options.apply_to(config)
    assert config.resource_transformers is own
    await config.close()


async def test_a_file_that_is_wrong_opens_no_store(tmp_path: Path) -> None:
    config = new_config()
    options = StorageOptions(
        prefix="/registry",
        serializer=CodecFactory(new_scheme()),
        path=str(tmp_path / "objects.db"),
        encryption_provider_config=str(written(tmp_path, entry("secrets", ""))),
    )
    with pytest.raises(ConfigError, match="--encryption-provider-config: error while parsing file: "):
        await options.apply_to(config)
    assert config.cleanups == []
    assert not (tmp_path / "objects.db").exists()
