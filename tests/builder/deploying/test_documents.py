"""What the documents say, and that they agree with each other and with the server that they start."""

from typing import Any

import pytest
import yaml

from genericapiserver.admission.plugins import default_plugins
from genericapiserver.apimachinery.meta import Object
from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import YAML_MEDIA_TYPE, CodecFactory
from genericapiserver.apimachinery.types import api_type
from genericapiserver.apis import apiregistration_v1
from genericapiserver.builder import Resource, ResourceServerOptions
from genericapiserver.builder.manifests.access import INFORMERS
from genericapiserver.builder.manifests.plan import CERT_MANAGER, CERTIFICATES, FILE, MEMORY, STORAGES
from genericapiserver.builder.program import beside_a_cluster
from genericapiserver.minkapi import kinds
from genericapiserver.options.flags import FlagSet
from tests.builder.deploying.support import Document, container, documents, of_kind, one, plan

ALL = documents(plan(network_policy=True))


@api_type
class Note(Object):
    """A kind to serve."""


def parsed_flags(arguments: list[str]) -> ResourceServerOptions:
    """The options of the server that *arguments* start, as `run` makes them."""
    options = beside_a_cluster(
        ResourceServerOptions([Resource(Note, group="notes.example.com", version="v1")], name="notes")
    )
    flags = FlagSet("run")
    options.add_flags(flags)
    flags.parse(arguments)
    return options


def every_kind() -> Scheme:
    scheme = kinds.new_scheme((*kinds.KINDS, *kinds.FURTHER_KINDS))
    apiregistration_v1.add_to_scheme(scheme)
    return scheme


CODECS = CodecFactory(every_kind())


def wrong_fields(document: Document) -> list[str]:
    """What a strict API server has against *document*. Raises DecodeError for what it cannot read at all."""
    decoded = CODECS.decode(yaml.safe_dump(document).encode(), media_type=YAML_MEDIA_TYPE, strict=True)
    return [str(error) for error in decoded.strict_errors]


UNKNOWN = {"cert-manager.io/v1", "networking.k8s.io/v1"}
"""Groups that the library has no types of."""


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("certificates", CERTIFICATES)
def test_every_document_has_the_fields_of_its_kind(certificates: str, storage: str) -> None:
    made = documents(plan(certificates=certificates, storage=storage, storage_class="fast", network_policy=True))
    known = [document for document in made if document["apiVersion"] not in UNKNOWN]
    assert {document["kind"] for document in known} >= {"Deployment", "Service", "PodDisruptionBudget", "APIService"}
    for document in known:
        assert wrong_fields(document) == []


def test_a_field_that_a_kind_does_not_have_is_seen() -> None:
    wrong = {**one("Deployment", ALL), "spec": {**one("Deployment", ALL)["spec"], "replica": 1}}
    assert "spec.replica" in "".join(wrong_fields(wrong))


def test_selectors_match_the_labels_of_the_pod() -> None:
    deployment = one("Deployment", ALL)
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert one("Service", ALL)["spec"]["selector"] == labels
    assert one("PodDisruptionBudget", ALL)["spec"]["selector"]["matchLabels"] == labels
    assert one("NetworkPolicy", ALL)["spec"]["podSelector"]["matchLabels"] == labels


def test_ports_agree() -> None:
    (port,) = container(ALL)["ports"]
    assert f"--secure-port={port['containerPort']}" in container(ALL)["args"]
    assert port["containerPort"] > 1023  # a user who is not root may bind it
    (exposed,) = one("Service", ALL)["spec"]["ports"]
    assert exposed["targetPort"] == port["name"]
    assert all(service["spec"]["service"]["port"] == exposed["port"] for service in of_kind("APIService", ALL))
    assert one("NetworkPolicy", ALL)["spec"]["ingress"] == [{"ports": [{"port": port["name"], "protocol": "TCP"}]}]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container(ALL)[probe]["httpGet"]["port"] == port["name"]


def test_names_that_refer_to_each_other_agree() -> None:
    pod = one("Deployment", ALL)["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {mount["name"] for mount in container(ALL)["volumeMounts"]} == set(volumes)
    assert volumes["serving"]["secret"]["secretName"] == one("Secret", ALL)["metadata"]["name"]
    claim = one("PersistentVolumeClaim", ALL)["metadata"]["name"]
    assert volumes["data"]["persistentVolumeClaim"]["claimName"] == claim
    account = one("ServiceAccount", ALL)["metadata"]
    assert pod["serviceAccountName"] == account["name"]
    for binding in (*of_kind("RoleBinding", ALL), *of_kind("ClusterRoleBinding", ALL)):
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
        ]
    service = one("Service", ALL)["metadata"]
    for registered in of_kind("APIService", ALL):
        assert registered["spec"]["service"]["name"] == service["name"]
        assert registered["spec"]["service"]["namespace"] == service["namespace"]


def test_everything_that_has_a_namespace_is_in_one_but_for_the_reader_of_the_cluster() -> None:
    elsewhere = [each for each in ALL if each["metadata"].get("namespace", "notes") != "notes"]
    (binding,) = elsewhere
    assert (binding["kind"], binding["metadata"]["namespace"]) == ("RoleBinding", "kube-system")
    assert binding["roleRef"]["name"] == "extension-apiserver-authentication-reader"


def test_the_pod_may_nothing_that_it_does_not_need() -> None:
    pod = one("Deployment", ALL)["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(ALL)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert all("hostPath" not in volume for volume in pod["volumes"])
    namespace = one("Namespace", ALL)["metadata"]["labels"]
    assert namespace["pod-security.kubernetes.io/enforce"] == "restricted"


def test_what_is_written_to_lies_in_volumes() -> None:
    args = dict(arg.partition("=")[::2] for arg in container(ALL)["args"])
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container(ALL)["volumeMounts"]}
    assert mounts == {"/etc/apiserver/tls": True, "/tmp": False, "/var/lib/apiserver": False}
    assert args["--storage-path"].rpartition("/")[0] == "/var/lib/apiserver"
    assert args["--tls-cert-file"].rpartition("/") == ("/etc/apiserver/tls", "/", "tls.crt")
    assert set(one("Secret", ALL)["data"]) == {"ca.crt", "tls.crt", "tls.key"}


def test_the_flags_are_those_of_the_server() -> None:
    args = container(ALL)["args"]
    assert (container(ALL)["command"], args[:2]) == (["genericapiserver"], ["run", "/app/notes.py"])
    options = parsed_flags(args[2:])
    assert options.validate() == []


@pytest.mark.parametrize("delay", [0.0, 15.0, 120.0])
def test_the_grace_period_is_as_long_as_the_server_may_take_to_stop(delay: float) -> None:
    made = documents(plan(shutdown_delay=delay))
    run = parsed_flags(container(made)["args"][2:]).recommended.server_run
    assert run is not None
    assert run.shutdown_delay_duration == delay
    takes = delay + max(run.request_timeout, run.shutdown_watch_termination_grace_period) + 10
    assert one("Deployment", made)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > takes


def test_proxies_hear_of_the_end_before_the_port_closes() -> None:
    probe = container(ALL)["readinessProbe"]
    assert probe["httpGet"]["path"] == "/readyz"
    assert probe["periodSeconds"] * probe["failureThreshold"] < plan().shutdown_delay
    assert container(ALL)["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_there_is_never_more_than_one_pod_and_a_node_can_be_drained() -> None:
    spec = one("Deployment", ALL)["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert one("PodDisruptionBudget", ALL)["spec"]["maxUnavailable"] == 1


def test_a_folder_of_objects_lies_on_the_volume() -> None:
    made = documents(plan(storage=FILE))
    assert of_kind("PersistentVolumeClaim", made)
    storage = parsed_flags(container(made)["args"][2:]).recommended.storage
    assert storage is not None
    assert (storage.backend, storage.path) == (FILE, "/var/lib/apiserver/objects")


def test_objects_in_memory_need_no_volume() -> None:
    made = documents(plan(storage=MEMORY))
    assert not of_kind("PersistentVolumeClaim", made)
    assert parsed_flags(container(made)["args"][2:]).recommended.storage.backend == MEMORY  # type: ignore[union-attr]


def test_an_image_with_a_server_of_its_own_is_started_by_itself() -> None:
    started = container(documents(plan(file="", resources=[])))
    assert "command" not in started
    assert started["args"][0].startswith("--")


def test_every_version_is_registered_with_the_preferred_one_first() -> None:
    services = of_kind("APIService", ALL)
    assert [service["metadata"]["name"] for service in services] == [
        "v1.notes.example.com",
        "v1beta1.notes.example.com",
    ]
    assert [service["spec"]["versionPriority"] for service in services] == [100, 99]
    assert {service["spec"]["groupPriorityMinimum"] for service in services} == {1000}
    assert all("insecureSkipTLSVerify" not in service["spec"] for service in services)


def test_cert_manager_makes_the_certificate_and_fills_in_its_authority() -> None:
    made = documents(plan(certificates=CERT_MANAGER))
    assert not of_kind("Secret", made)
    certificates = {each["metadata"]["name"]: each["spec"] for each in of_kind("Certificate", made)}
    issuers = {each["metadata"]["name"]: each["spec"] for each in of_kind("Issuer", made)}
    serving = certificates["notes-apiserver-serving"]
    assert serving["dnsNames"][0] == "notes-apiserver.notes.svc"
    authority = issuers[serving["issuerRef"]["name"]]["ca"]["secretName"]
    assert certificates[authority]["isCA"] is True
    assert "selfSigned" in issuers[certificates[authority]["issuerRef"]["name"]]
    pod = one("Deployment", made)["spec"]["template"]["spec"]
    assert pod["volumes"][0]["secret"]["secretName"] == serving["secretName"]
    for service in of_kind("APIService", made):
        assert "caBundle" not in service["spec"]
        injected = service["metadata"]["annotations"]["cert-manager.io/inject-ca-from"]
        assert injected == "notes/notes-apiserver-serving"


def rules_of(purpose: str, made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    roles = {role["metadata"]["name"]: role for role in of_kind("ClusterRole", made)}
    found: list[dict[str, Any]] = roles[f"notes:notes-apiserver:{purpose}"]["rules"]
    return found


def test_users_of_the_cluster_may_with_the_resources_what_they_may_with_others() -> None:
    (view,), (edit,) = rules_of("view", ALL), rules_of("edit", ALL)
    assert view == {"apiGroups": ["notes.example.com"], "resources": ["notes"], "verbs": ["get", "list", "watch"]}
    assert edit == {"apiGroups": ["notes.example.com"], "resources": ["notes"], "verbs": ["create", "patch"]}
    roles = {role["metadata"]["name"]: role["metadata"]["labels"] for role in of_kind("ClusterRole", ALL)}
    aggregate = "rbac.authorization.k8s.io/aggregate-to-"
    assert {label for label in roles["notes:notes-apiserver:edit"] if label.startswith(aggregate)} == {
        f"{aggregate}edit",
        f"{aggregate}admin",
    }


def test_the_server_may_follow_what_its_plugins_read() -> None:
    reads = set().union(*(default_plugins().reads(name) for name in default_plugins().registered))
    assert reads <= {group for group, _, _ in INFORMERS}
    assert [(rule["apiGroups"][0], tuple(rule["resources"])) for rule in rules_of("informers", ALL)] == [
        (group, resources) for group, resources, _ in INFORMERS
    ]
    assert all(set(rule["verbs"]) <= {"get", "list", "watch"} for rule in rules_of("informers", ALL))
