import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from genericapiserver.builder.kubeconfig import write_kubeconfig
from genericapiserver.builder.pki import Authority
from genericapiserver.client import load_kubeconfig


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_pairs_are_signed_by_the_authority_and_kept(tmp_path: Path) -> None:
    first = Authority(tmp_path)
    server = first.server("localhost", "127.0.0.1")
    before = server.certificate.read_bytes()
    again = Authority(tmp_path).server("localhost", "127.0.0.1")
    assert again.certificate.read_bytes() == before
    certificate(again.certificate).verify_directly_issued_by(certificate(tmp_path / "ca.crt"))


def test_other_names_make_another_serving_pair(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    before = authority.server("localhost").certificate.read_bytes()
    assert authority.server("localhost", "::1").certificate.read_bytes() != before


def test_a_pair_of_another_authority_is_replaced(tmp_path: Path) -> None:
    Authority(tmp_path).client("admin")
    (tmp_path / "ca.key").unlink()
    admin = Authority(tmp_path).client("admin")
    certificate(admin.certificate).verify_directly_issued_by(certificate(tmp_path / "ca.crt"))


def test_a_certificate_that_does_not_go_with_its_key_is_replaced(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.client("admin")
    before = pair.certificate.read_bytes()
    pair.key.write_bytes(authority.client("other").key.read_bytes())
    assert authority.client("admin").certificate.read_bytes() != before


@pytest.mark.parametrize("file", ["ca.crt", "ca.key"])
def test_a_damaged_authority_is_named_and_left_alone(tmp_path: Path, file: str) -> None:
    Authority(tmp_path)
    (tmp_path / file).write_bytes(b"")
    with pytest.raises(OSError, match=f"^the authority in {tmp_path} cannot be read; remove that folder"):
        Authority(tmp_path)
    assert (tmp_path / file).read_bytes() == b""


def test_a_client_certificate_names_user_and_groups(tmp_path: Path) -> None:
    subject = certificate(Authority(tmp_path).client("jane", "dev", "ops").certificate).subject
    assert [name.value for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["jane"]
    assert [name.value for name in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == ["dev", "ops"]


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    admin = Authority(tmp_path).client("admin")
    assert stat.S_IMODE(admin.key.stat().st_mode) == 0o600


def test_the_kubeconfig_can_be_read_back(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    admin = authority.client("admin", "system:masters")
    path = tmp_path / "kubeconfig"
    for _ in range(2):
        write_kubeconfig(
            path, server="https://127.0.0.1:6443", authority=authority.files.certificate, client=admin, name="x"
        )
    config = load_kubeconfig(path)
    assert config.host == "https://127.0.0.1:6443"
    assert config.client_key_data == admin.key.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
