import stat
from pathlib import Path

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
