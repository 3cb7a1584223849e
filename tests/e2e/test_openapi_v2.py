"""What kubectl reads the v2 document for, which it asks for in protobuf alone.

It does so where the v3 document does not name a kind that can be patched: for `List`, and for what can only be read or made.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kubectl import Kubectl, needs_kubectl
from tests.support.reference_server import reference_server
from tests.support.server_process import free_port
from tests.support.standalone import standalone

pytestmark = [pytest.mark.e2e, needs_kubectl]

FLUNDERS = """
apiVersion: v1
kind: List
items:
- {apiVersion: wardle.example.com/v1alpha1, kind: Flunder, metadata: {name: a, namespace: default}}
- {apiVersion: wardle.example.com/v1alpha1, kind: Flunder, metadata: {name: b, namespace: default}}
"""


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """kubectl of a server with the namespaces of a cluster: where there is no `v1`, kubectl knows no List."""
    with standalone(tmp_path_factory.mktemp("openapi") / "data", free_port(), "--serve-core") as server:
        yield server.kubectl
        server.process.stop()


def test_what_a_get_has_printed_is_applied(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", stdin=FLUNDERS).count("created") == 2
    printed = kubectl("get", "flunders", "-o", "yaml")
    assert "kind: List" in printed
    assert kubectl("apply", "-f", "-", stdin=printed).count("configured") == 2
    assert kubectl("delete", "-f", "-", stdin=printed).count("deleted") == 2


def test_faults_in_a_list_are_told_by_field(kubectl: Kubectl) -> None:
    faulty = FLUNDERS.replace("metadata: {name: b", "spec: {referenc: x}, metadata: {name: b")
    refused = kubectl.run("create", "--validate=strict", "-f", "-", stdin=faulty)
    assert refused.status == 1
    assert 'unknown field "referenc" in io.k8s.sample-apiserver.pkg.apis.wardle.v1alpha1.FlunderSpec' in refused.stderr


def test_explain_reads_it(kubectl: Kubectl) -> None:
    shown = kubectl("explain", "flunder.spec", "--output=plaintext-openapiv2")
    assert "RESOURCE: spec <Object>" in shown
    assert "referenceType\t<string>" in shown


def test_where_there_is_no_list_kubectl_says_so(tmp_path: Path) -> None:
    with reference_server(tmp_path, "--storage-backend=memory") as server:
        refused = Kubectl(tmp_path / "home", server.kubectl_flags).run("apply", "-f", "-", stdin=FLUNDERS)
    assert refused.status == 1
    assert 'no matches for kind "List" in version "v1"' in refused.stderr
